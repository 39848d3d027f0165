// Keeping the store true to the server. A push over the socket is only a hint that something changed: the page fetches
// that part again. So a lost, doubled or reordered push can never leave a wrong picture, and a reconnect is one refresh.

import { ApiError } from "./api.js";
import { Directory } from "./directory.js";

export class Sync {
  constructor({ api, store, notify }) {
    Object.assign(this, { api, store, notify });
    this.refreshPeople = coalesced(() => this.#guard(() => this.#people()));
    this.refreshMessages = coalesced(() => this.#guard(() => this.#messages()));
    this.refreshViews = coalesced(() => this.#guard(() => this.#views()));
    this.refreshHome = coalesced(() => this.#guard(() => this.#home()));
  }

  /** Everything anew: at the start, for another person, after a reconnect. */
  async refreshAll() {
    await this.refreshPeople();
    if (this.store.get("error")) return;
    await Promise.all([this.refreshMessages(), this.refreshViews(), this.refreshHome()]);
  }

  /** Act on one push. */
  receive(push) {
    const type = String(push.type ?? "");
    if (type === "toast") this.notify(push.text ?? "");
    else if (type.startsWith("view_")) this.refreshViews();
    else if (type === "home_published") this.refreshHome();
    else if (type === "channel_changed") this.refreshAll();
    else if (/^(message|reaction|ephemeral)/.test(type)) this.#messageChanged(push, type);
  }

  #messageChanged(push, type) {
    const channel = push.channel ?? push.message?.channel;
    const route = this.store.get("route");
    if (!channel || channel === route.channel) this.refreshMessages();
    const isNews = type === "message" || type === "ephemeral";
    const isOwn = push.message?.author?.id === route.as;
    if (channel && (channel !== route.channel || route.app) && isNews && !isOwn) {
      this.store.set({ unread: new Set([...this.store.get("unread"), channel]) });
    }
  }

  async #people() {
    const [cast, state] = await Promise.all([this.api.get("cast"), this.api.get("state")]);
    this.store.set({
      cast,
      self: state.self,
      team: state.team,
      channels: state.channels,
      apps: state.apps ?? cast.apps,
      directory: this.#directoryOf(cast, state),
      error: null,
    });
  }

  /** The same directory as long as nobody changed, so that a redraw keeps every message that stayed the same. */
  #directoryOf(cast, state) {
    const version = JSON.stringify([cast, state.channels.map(({ id, name }) => [id, name]), state.self?.id]);
    const known = this.store.get("directory");
    return known?.version === version ? known : new Directory(cast, state.channels, version);
  }

  async #messages() {
    const { as, channel, thread } = this.store.get("route");
    if (!channel) return this.store.set({ history: null, thread: null });
    const [history, replies] = await Promise.all([
      this.api.get("history", { channel }),
      thread ? this.api.get("history", { channel, thread_ts: thread }) : null,
    ]);
    const now = this.store.get("route");
    // An answer for where the person was a moment ago must not be painted where they are now.
    if (now.as !== as || now.channel !== channel || now.thread !== thread) return;
    const unread = new Set(this.store.get("unread"));
    if (!now.app) unread.delete(channel);
    this.store.set({
      history: { channel, messages: history.messages },
      thread: replies && { ts: thread, messages: replies.messages },
      unread,
    });
  }

  async #views() {
    const { as } = this.store.get("route");
    const { views } = await this.api.get("views");
    if (this.store.get("route").as === as && JSON.stringify(views) !== JSON.stringify(this.store.get("views")))
      this.store.set({ views });
  }

  async #home() {
    const { as, app } = this.store.get("route");
    if (!app) return this.store.set({ home: null });
    const { view } = await this.api.get("home", { app });
    const now = this.store.get("route");
    if (now.as === as && now.app === app) this.store.set({ home: { app, view } });
  }

  async #guard(work) {
    try {
      await work();
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      // While the socket is down its own status line says so; one more notice per refetch would only be noise.
      if (problem.code !== "unreachable" || !this.store.get("directory"))
        this.store.set({ error: { message: problem.message } });
    }
  }
}

/** Run `work` now; calls that come while it runs are answered by one more run after it. */
function coalesced(work) {
  let running = null;
  let isWanted = false;
  const run = async () => {
    try {
      do {
        isWanted = false;
        await work();
      } while (isWanted);
    } finally {
      running = null;
    }
  };
  return () => {
    if (running) isWanted = true;
    else running = run();
    return running;
  };
}
