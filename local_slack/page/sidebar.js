// The list on the left: channels this person can see, their direct conversations, and the apps with their Home tabs.
// Private, shared and unread are written out or named for screen readers, never shown by colour alone.

import { rovingFocus } from "./a11y.js";
import { channelTitle } from "./conversation.js";
import { h, refill } from "./dom.js";
import { faultsPanel } from "./faults.js";
import { icon } from "./icons.js";
import { routeSearch } from "./state.js";
import { shown } from "./text.js";

/** Fill the navigation region and keep it up to date. */
export function sidebar({ nav, store, api, go }) {
  const lists = h("div", { class: "nav-lists" });
  nav.append(lists, faultsPanel({ api, store }));
  rovingFocus(lists, ".nav-item");
  store.on(["channels", "apps", "route", "unread", "directory"], () => draw({ lists, store, go }));
}

function draw({ lists, store, go }) {
  const channels = store.get("channels") ?? [];
  const isDirect = (channel) => channel.is_im;
  const focused = lists.contains(document.activeElement) ? document.activeElement.dataset.navKey : null;
  refill(
    lists,
    group(
      "Channels",
      channels.filter((channel) => !isDirect(channel)).map((channel) => channelItem({ channel, store, go })),
    ),
    channels.some(isDirect)
      ? group(
          "Direct messages",
          channels.filter(isDirect).map((channel) => channelItem({ channel, store, go })),
        )
      : null,
    group(
      "Apps",
      (store.get("apps") ?? []).filter((app) => app.home_enabled !== false).map((app) => appItem({ app, store, go })),
    ),
  );
  if (focused) lists.querySelector(`[data-nav-key="${CSS.escape(focused)}"]`)?.focus();
}

function group(title, items) {
  return h(
    "section",
    {},
    h("h2", { class: "nav-title" }, title),
    items.length
      ? h(
          "ul",
          {},
          items.map((item) => h("li", {}, item)),
        )
      : h("p", { class: "hint" }, "None"),
  );
}

function channelItem({ channel, store, go }) {
  const route = store.get("route");
  const isHere = channel.id === route.channel && !route.app;
  const isUnread = store.get("unread").has(channel.id) && !isHere;
  const directory = store.get("directory");
  const others = (channel.teams ?? [])
    .filter((id) => directory.isOutside(id, store.get("team")?.id))
    .map((id) => directory.teamName(id));
  return navItem(
    {
      key: channel.id,
      isHere,
      isUnread,
      search: { as: route.as, channel: channel.id },
      run: () => go({ channel: channel.id, thread: null, app: null, pane: "main" }),
      data: { "data-testid": "channel", "data-channel": channel.id, "data-name": channel.name },
    },
    h(
      "span",
      { class: "nav-sign", "aria-hidden": "true" },
      channel.is_im ? "@" : channel.is_private ? icon("lock") : "#",
    ),
    h("span", { class: "nav-name" }, shown(channel.is_im ? channelTitle(channel).slice(1) : channel.name)),
    channel.is_private ? h("span", { class: "visually-hidden" }, ", private") : null,
    channel.is_ext_shared
      ? h(
          "span",
          { class: "nav-mark", "data-testid": "shared-mark" },
          h("span", { class: "visually-hidden" }, ", "),
          "shared",
          h("span", { class: "visually-hidden" }, ` with ${others.join(", ") || "another company"}`),
        )
      : null,
    isUnread ? h("span", { class: "nav-new", "data-testid": "unread" }, "new") : null,
  );
}

function appItem({ app, store, go }) {
  const route = store.get("route");
  return navItem(
    {
      key: app.id,
      isHere: route.app === app.id,
      search: { as: route.as, app: app.id },
      run: () => go({ app: app.id, thread: null, pane: "main" }),
      data: { "data-testid": "app", "data-app": app.id },
    },
    h("span", { class: "nav-sign", "aria-hidden": "true" }, icon("app")),
    h("span", { class: "nav-name" }, shown(app.name)),
    h("span", { class: "nav-mark" }, "Home"),
  );
}

function navItem({ key, isHere, isUnread, search, run, data }, ...content) {
  return h(
    "a",
    {
      class: `nav-item${isUnread ? " is-unread" : ""}`,
      href: routeSearch(search),
      "aria-current": isHere ? "page" : undefined,
      "data-nav-key": key,
      "data-region-entry": isHere,
      ...data,
      onclick: (event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        run();
      },
    },
    content,
  );
}
