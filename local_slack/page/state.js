// What the page knows, in one place, and who wants to hear when it changes. Components read with get, write with set and
// subscribe to the keys they show; nothing else is shared between them. No DOM and no network in here.
//
// Keys: route {as, channel, thread, app}, cast, self, team, channels, apps, history, thread, views, home, unread (Set),
// link ("live" | "connecting" | "reconnecting"), error ({message} | null), directory.

export class Store {
  #values = new Map();
  #listeners = [];

  get(key) {
    return this.#values.get(key);
  }

  /** Write several keys and tell each listener once, if one of its keys really changed. */
  set(patch) {
    const changed = Object.keys(patch).filter((key) => this.#values.get(key) !== patch[key]);
    for (const key of changed) this.#values.set(key, patch[key]);
    for (const { keys, listener } of [...this.#listeners]) {
      if (changed.some((key) => keys.includes(key))) listener();
    }
  }

  /** Call `listener` now and whenever one of `keys` changes. */
  on(keys, listener) {
    this.#listeners.push({ keys, listener });
    listener();
  }
}

/** Where the page is, as the address bar says it. */
export function readRoute(search) {
  const params = new URLSearchParams(search);
  const route = {};
  for (const key of ["as", "channel", "thread", "app"]) route[key] = params.get(key);
  return route;
}

/** The address of a route; absent parts are left out so that links stay short. */
export function routeSearch(route) {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(route)) if (value) params.set(key, value);
  return `?${params}`;
}
