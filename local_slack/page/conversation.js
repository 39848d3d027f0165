// The middle of the page: one channel with its messages and composer, and beside it the open thread. Both are the same
// list of messages; this module keeps the list true to the store and scrolls it as a reader expects.

import { dayName } from "./appearance.js";
import { ensureTabStop, rovingFocus } from "./a11y.js";
import { Composer } from "./composer.js";
import { fill, h, reconcile, refill } from "./dom.js";
import { icon } from "./icons.js";
import { renderMessage } from "./messages.js";
import { companyBadge } from "./people.js";
import { shown } from "./text.js";

const NEAR_BOTTOM_PX = 80;

/** A log of messages. `show(key, messages, view)` draws; another key means another conversation. */
class MessageList {
  constructor(attributes) {
    this.key = null;
    this.node = h("div", { role: "log", "aria-live": "polite", class: "log", ...attributes });
    rovingFocus(this.node, ".message");
  }

  show(key, messages, view) {
    const isNew = key !== this.key;
    const isAtEnd = this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < NEAR_BOTTOM_PX;
    this.key = key;
    // Filling in a history is not news: only what arrives later is to be read out.
    if (isNew) this.node.setAttribute("aria-live", "off");
    reconcile(this.node, listItems(messages, view));
    ensureTabStop(this.node, ".message");
    if (isNew || isAtEnd) this.node.scrollTop = this.node.scrollHeight;
    if (isNew) setTimeout(() => this.node.setAttribute("aria-live", "polite"), 500);
  }
}

function listItems(messages, view) {
  if (messages.length === 0)
    return [
      {
        key: "empty",
        signature: "",
        make: () => h("p", { class: "empty" }, "No messages yet. Write the first one below."),
      },
    ];
  const items = [];
  let day = "";
  for (const message of messages) {
    const name = dayName(message.ts);
    if (name !== day && !view.inThread)
      items.push({ key: `day ${name}`, signature: "", make: () => h("p", { class: "day" }, h("span", {}, name)) });
    day = name;
    items.push({
      key: message.ts,
      signature: JSON.stringify([message, view.version]),
      make: () => renderMessage(message, view),
    });
  }
  return items;
}

/** Sets up the channel section inside `main` and the thread pane in `aside`. */
export class Conversation {
  #dismissed = new Set();
  #books = new Map();
  #who = null;

  constructor({ main, aside, store, api, interactions, go }) {
    Object.assign(this, { main, aside, store, api, interactions, go });
    this.list = new MessageList({ id: "log", tabindex: "-1", "data-region": "messages", "data-testid": "log" });
    this.replies = new MessageList({
      tabindex: "-1",
      "data-region": "thread",
      "data-testid": "thread-log",
      "aria-label": "Messages in this thread",
    });
    this.head = h("div", { class: "pane-head" });
    this.threadHead = h("div", { class: "pane-head" });
    this.composer = new Composer({ store, api, interactions, id: "composer-input", threadTs: () => null });
    this.threadComposer = new Composer({
      store,
      api,
      interactions,
      id: "thread-input",
      threadTs: () => store.get("route").thread,
    });
    this.section = h(
      "section",
      { class: "conversation", "data-testid": "conversation" },
      this.head,
      this.list.node,
      this.composer.node,
    );
    main.append(this.section);
    fill(aside, this.threadHead, this.replies.node, this.threadComposer.node);
    aside.addEventListener(
      "keydown",
      (event) => event.key === "Escape" && !event.defaultPrevented && this.#closeThread(),
    );
    store.on(["route", "history", "thread", "directory", "channels"], () => this.#draw());
  }

  #draw() {
    const { as, channel: id, thread, app } = this.store.get("route");
    const channel = this.store.get("channels")?.find((candidate) => candidate.id === id);
    this.section.hidden = Boolean(app) || !channel;
    const history = this.store.get("history");
    if (as !== this.#who) this.#forget(as);
    this.aside.hidden = !thread || Boolean(app);
    if (!channel || !history || history.channel !== id) return;
    this.#drawHead(channel);
    this.list.node.setAttribute("aria-label", `Messages in ${channelTitle(channel)}`);
    this.list.show(
      `${as} ${id}`,
      this.#visible(history.messages, (message) => isTopLevel(message)),
      this.#view(channel, false),
    );
    this.composer.show(channel);
    const replies = this.store.get("thread");
    if (thread && replies?.ts === thread) this.#drawThread(channel, thread, replies.messages);
  }

  #drawThread(channel, thread, replies) {
    refill(
      this.threadHead,
      h("div", { class: "pane-title" }, h("h2", {}, "Thread"), h("p", { class: "hint" }, shown(channelTitle(channel)))),
      h(
        "button",
        {
          type: "button",
          class: "icon-button",
          "aria-label": "Close thread",
          "data-testid": "close-thread",
          onclick: () => this.#closeThread(),
        },
        icon("close"),
      ),
    );
    const { as } = this.store.get("route");
    this.replies.show(
      `${as} ${channel.id} ${thread}`,
      this.#visible(replies, () => true),
      this.#view(channel, true),
    );
    this.threadComposer.show(channel);
  }

  #drawHead(channel) {
    const directory = this.store.get("directory");
    const companies = (channel.teams ?? []).map((id) => directory.team(id)).filter(Boolean);
    const own = this.store.get("team")?.id;
    refill(
      this.head,
      h(
        "div",
        { class: "pane-title" },
        h(
          "h2",
          { "data-testid": "channel-title" },
          shown(channelTitle(channel)),
          channel.is_private ? h("span", { class: "flag" }, "private") : null,
          channel.is_archived ? h("span", { class: "flag" }, "archived") : null,
        ),
        channel.topic ? h("p", { class: "hint" }, shown(channel.topic)) : null,
      ),
      channel.is_ext_shared
        ? h(
            "p",
            { class: "shared-note", "data-testid": "shared-note" },
            "Shared between companies: ",
            companies.map((team) => companyBadge(team, { isOutside: directory.isOutside(team.id, own) })),
          )
        : null,
    );
  }

  #view(channel, inThread) {
    return {
      store: this.store,
      api: this.api,
      interactions: this.interactions,
      books: this.#books,
      channel: channel.id,
      isShared: channel.is_ext_shared,
      inThread,
      version: `${this.store.get("directory").version}`,
      openThread: (ts) => this.#openThread(ts),
      react: (message, name) => this.interactions.attempt("react", { channel: channel.id, ts: message.ts, name }),
      dismiss: (message) => this.#dismiss(message),
    };
  }

  #openThread(ts) {
    this.go({ thread: ts });
    this.aside.hidden = false;
    this.threadComposer.focus();
  }

  #closeThread() {
    const { thread } = this.store.get("route");
    this.go({ thread: null });
    this.list.node.querySelector(`.message[data-ts="${CSS.escape(thread ?? "")}"]`)?.focus();
  }

  #dismiss(message) {
    this.#dismissed.add(message.ts);
    this.#draw();
    (this.list.node.querySelector('.message[tabindex="0"]') ?? this.list.node).focus();
  }

  #visible(messages, isWanted) {
    return messages.filter((message) => isWanted(message) && !this.#dismissed.has(message.ts));
  }

  #forget(as) {
    this.#who = as;
    this.#books.clear();
    this.#dismissed.clear();
  }
}

/** Replies belong to their thread, except those also sent to the channel. */
function isTopLevel(message) {
  return !message.thread_ts || message.thread_ts === message.ts || message.subtype === "thread_broadcast";
}

/** "#help", or "@name" for a direct conversation. */
export function channelTitle(channel) {
  return `${channel.is_im ? "@" : "#"}${channel.name}`;
}
