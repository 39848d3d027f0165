// Where the page is put together: one store, one connection, one of each component, and the address bar. The person,
// channel, thread and app in the address are the page's whole navigation, so that several tabs can be several people and
// the browser's own Back works.

import { installRegionKeys, toast } from "./a11y.js";
import { Api, ApiError, LiveSocket } from "./api.js";
import { Conversation } from "./conversation.js";
import { h, refill } from "./dom.js";
import { Home } from "./home.js";
import { Interactions } from "./interaction.js";
import { ModalStack } from "./modals.js";
import { personSwitcher } from "./people.js";
import { sidebar } from "./sidebar.js";
import { readRoute, routeSearch, Store } from "./state.js";
import { Sync } from "./sync.js";
import { shown } from "./text.js";
import { toolsMenu } from "./tools.js";

const LINK_WORDS = { live: "Live", connecting: "Connecting…", reconnecting: "Connection lost, trying again…" };
const byId = (id) => document.getElementById(id);

const store = new Store();
store.set({
  route: readRoute(location.search),
  unread: new Set(),
  views: [],
  history: null,
  thread: null,
  error: null,
});
const api = new Api(() => store.get("route").as);
const sync = new Sync({ api, store, notify: (text) => toast(text, "problem") });
const interactions = new Interactions({ api, store });
const live = new LiveSocket({ onpush: (push) => sync.receive(push), onstate: onLinkState });

function onLinkState(state) {
  store.set({ link: state });
  // Whatever was pushed while nobody listened is in the store only after a refetch.
  if (state === "live") sync.refreshAll().then(settle);
}

/** Go somewhere: change some parts of the route. `pane` says which region a narrow screen shows. */
function go({ pane, ...change }, { isReplacing = false } = {}) {
  const before = store.get("route");
  const route = { ...before, ...change };
  const search = routeSearch(route);
  if (search !== location.search) history[isReplacing ? "replaceState" : "pushState"](null, "", search);
  arrive(before, route);
  showPane(pane ?? (route.thread ? "thread" : "main"));
}

function arrive(before, route) {
  const isOtherPerson = before.as !== route.as;
  if (isOtherPerson)
    store.set({
      history: null,
      thread: null,
      home: null,
      views: [],
      unread: new Set(),
      channels: [],
      apps: [],
      self: null,
    });
  store.set({ route });
  if (isOtherPerson) {
    live.connect(route.as);
    sync.refreshAll().then(settle); // without waiting for the socket, which may be slow or down
  } else {
    sync.refreshMessages();
    if (before.app !== route.app) sync.refreshHome();
  }
}

/** After the channels are known: a channel this person cannot see gives way to one they can. */
function settle() {
  const route = store.get("route");
  const channels = store.get("channels") ?? [];
  // Another company's person does not have this app.
  if (route.app && !(store.get("apps") ?? []).some(({ id }) => id === route.app))
    go({ app: null }, { isReplacing: true });
  const fallback = channels.find(({ name }) => name === "help") ?? channels.find(({ is_im: isDirect }) => !isDirect);
  if (channels.some(({ id }) => id === route.channel) || !fallback) return;
  const named = channels.find(({ name }) => name === route.channel); // ?channel=help is convenient to type
  go(
    { channel: (named ?? fallback).id, thread: named ? route.thread : null, pane: document.body.dataset.pane },
    { isReplacing: true },
  );
}

function showPane(pane) {
  document.body.dataset.pane = pane;
  byId("nav-toggle").setAttribute("aria-expanded", String(pane === "nav"));
}

function installTopBar() {
  const toggle = byId("nav-toggle");
  toggle.addEventListener("click", () => {
    showPane(document.body.dataset.pane === "nav" ? (store.get("route").thread ? "thread" : "main") : "nav");
    if (document.body.dataset.pane === "nav") (byId("nav").querySelector("[aria-current]") ?? byId("nav")).focus();
  });
  byId("topbar-actions").append(toolsMenu({ store, api, interactions, sync }), personSwitcher({ store, go }));
  store.on(["link"], () => {
    const state = store.get("link") ?? "connecting";
    byId("link-state").dataset.state = state;
    if (byId("link-state").textContent !== LINK_WORDS[state]) byId("link-state").textContent = LINK_WORDS[state];
  });
}

function installProblemNotice() {
  const notice = h("div", { class: "problem-notice", role: "alert", hidden: true, "data-testid": "problem" });
  byId("main").prepend(notice);
  store.on(["error"], () => {
    const error = store.get("error");
    notice.hidden = !error;
    if (error)
      refill(
        notice,
        h("strong", {}, "This does not work: "),
        shown(error.message),
        " ",
        h(
          "button",
          { type: "button", class: "button button-small", onclick: () => sync.refreshAll().then(settle) },
          "Try again",
        ),
      );
  });
}

function installTitle() {
  store.on(["route", "directory", "unread"], () => {
    const { as, channel, app } = store.get("route");
    const directory = store.get("directory");
    const place = app
      ? directory?.app(app)?.name
      : directory?.channelName(channel) && `#${directory.channelName(channel)}`;
    document.title = [store.get("unread").size ? "(new)" : null, place, directory?.userName(as), "Local Slack"]
      .filter(Boolean)
      .join(" · ")
      .replace("(new) · ", "(new) ");
  });
}

/** The address may name a person by handle, or nobody: then it is the first person who can sign in. */
async function whoToBe(asked) {
  const { users } = await api.get("cast");
  const able = users.filter(
    (user) => user.can_sign_in !== false && !(user.flags ?? []).some((flag) => /bot/.test(flag)),
  );
  return (users.find((user) => user.id === asked || user.handle === asked) ?? able[0])?.id;
}

async function start() {
  installRegionKeys();
  installTopBar();
  installTitle();
  sidebar({ nav: byId("nav"), store, api, go });
  installProblemNotice();
  new Conversation({ main: byId("main"), aside: byId("thread"), store, api, interactions, go });
  new Home({ main: byId("main"), store, interactions, sync });
  new ModalStack({ store, api, interactions, sync });
  addEventListener("popstate", () => {
    arrive(store.get("route"), readRoute(location.search));
    showPane(store.get("route").thread ? "thread" : "main");
  });
  const asked = store.get("route").as;
  // Until it is known that the address names somebody, the page asks as nobody.
  store.set({ route: { ...store.get("route"), as: null } });
  try {
    const as = await whoToBe(asked);
    go({ as, pane: "main" }, { isReplacing: true });
  } catch (problem) {
    if (!(problem instanceof ApiError)) throw problem;
    store.set({ error: { message: problem.message } });
  }
}

start();
