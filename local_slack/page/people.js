// People as this page shows them: badge, company and flags, and the switcher that says who you are. The company always
// stands beside a name, because a display name is whatever its owner typed.

import { flagWords, initials, safeColor, textOn } from "./appearance.js";
import { openDialog } from "./dialogs.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { routeSearch } from "./state.js";
import { shown } from "./text.js";

/** A company's name with its colour as a dot; the name carries the meaning, the colour only helps. */
export function companyBadge(team, { isOutside = false } = {}) {
  if (!team) return null;
  const dot = h("span", { class: "company-dot", "aria-hidden": "true" });
  const color = safeColor(team.color);
  if (color) dot.style.background = color;
  return h(
    "span",
    { class: `company${isOutside ? " is-outside" : ""}`, "data-testid": "company", "data-team": team.id },
    dot,
    shown(team.name),
    isOutside ? h("span", { class: "outside-mark", "data-testid": "outside-mark" }, "outside company") : null,
  );
}

/** Flags such as guest, deactivated or bot as words. */
export function flagBadges(flags = []) {
  return flagWords(flags).map(({ flag, words }) => h("span", { class: "flag", "data-flag": flag }, words));
}

/** Initials on a coloured tile: round for people, square for apps. Decoration only. */
export function avatar({ name, color, isApp = false }) {
  const node = h("span", { class: `avatar${isApp ? " avatar-app" : ""}`, "aria-hidden": "true" }, initials(name));
  const background = safeColor(color);
  if (background) {
    node.style.background = background;
    node.style.color = textOn(background);
  }
  return node;
}

/** The button in the top bar: who you are, from which company. Opens the list of everyone you can be. */
export function personSwitcher({ store, go }) {
  const button = h("button", {
    type: "button",
    class: "me",
    "data-testid": "person-switcher",
    "aria-haspopup": "dialog",
    onclick: () => openSwitcher({ store, go }),
  });
  store.on(["self", "directory", "team"], () => {
    const directory = store.get("directory");
    const me = directory?.user(store.get("route")?.as);
    if (!me) return button.replaceChildren("Choose who you are");
    const name = directory.userName(me.id);
    button.dataset.user = me.id;
    button.replaceChildren(
      avatar({ name, color: me.color }),
      h(
        "span",
        { class: "me-text" },
        h("span", { class: "visually-hidden" }, "You are "),
        h("strong", { "data-testid": "me-name" }, shown(name)),
        companyBadge(directory.team(me.team_id)),
        flagBadges(me.flags),
      ),
      icon("down"),
    );
  });
  return button;
}

function openSwitcher({ store, go }) {
  const directory = store.get("directory");
  if (!directory) return;
  const route = store.get("route");
  const pick = (event, user) => {
    // A modified click is the browser's: it opens the same address, as that person, in another tab or window.
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    opened.close("answered");
    go({ as: user.id, thread: null });
  };
  const opened = openDialog({
    title: "Who are you?",
    testid: "people-dialog",
    className: "dialog-wide",
    body: [
      h(
        "p",
        { class: "hint" },
        "Each person has an address of their own: open one in a new tab to be two people side by side.",
      ),
      ...byCompany(directory).map(([teamId, users]) => companyList(directory, teamId, users, route, pick)),
    ],
  });
}

function byCompany(directory) {
  const companies = new Map();
  for (const user of directory.people()) companies.set(user.team_id, [...(companies.get(user.team_id) ?? []), user]);
  return [...companies];
}

function companyList(directory, teamId, users, route, pick) {
  const team = directory.team(teamId);
  return h(
    "section",
    { class: "company-list" },
    h("h3", {}, companyBadge(team) ?? "No company"),
    h(
      "ul",
      { class: "people" },
      users.map((user) => personRow(directory, user, route, pick)),
    ),
  );
}

function personRow(directory, user, route, pick) {
  const isMe = user.id === route.as;
  const isAble = user.can_sign_in !== false;
  const name = directory.userName(user.id);
  const common = { "data-testid": "person", "data-user": user.id, "data-handle": user.handle };
  const link = {
    href: routeSearch({ as: user.id, channel: route.channel }),
    "aria-current": isMe ? "true" : undefined,
    "data-autofocus": isMe,
    onclick: (event) => pick(event, user),
  };
  return h(
    "li",
    {},
    h(
      isAble ? "a" : "div",
      { class: `person${isAble ? "" : " is-unable"}`, ...common, ...(isAble ? link : {}) },
      avatar({ name, color: user.color }),
      h(
        "span",
        { class: "person-text" },
        h(
          "span",
          {},
          h("strong", {}, shown(name)),
          isMe ? h("span", { class: "flag" }, "you") : null,
          flagBadges(user.flags),
        ),
        h(
          "span",
          { class: "hint" },
          shown(
            [user.handle, user.real_name, user.title]
              .filter((text) => text !== name)
              .concat(isAble ? [] : "cannot sign in")
              .filter(Boolean)
              .join(" · "),
          ),
        ),
      ),
    ),
  );
}
