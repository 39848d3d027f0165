// Talking to the server's /client interface: one method to read, one to act, and the live socket. Every request names the
// person the page is being used as. Nothing here knows what the answers look like inside.

/** The server said no, or could not be reached (`code` is then "unreachable"). `message` may be shown to the person. */
export class ApiError extends Error {
  constructor(code, message, body = {}) {
    super(message);
    this.code = code;
    this.body = body;
  }
}

export class Api {
  constructor(whoAmI) {
    this.whoAmI = whoAmI;
  }

  get(path, params = {}) {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries({ as: this.whoAmI(), ...params })) if (value) query.set(key, value);
    return this.#send(`/client/${path}?${query}`, { method: "GET" });
  }

  post(path, body = {}) {
    return this.#send(`/client/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ as: this.whoAmI(), ...body }),
    });
  }

  async #send(url, options) {
    let answer;
    try {
      const response = await fetch(url, { cache: "no-store", credentials: "omit", ...options });
      answer = await response.json();
    } catch {
      throw new ApiError("unreachable", "The local server did not answer. Is it still running?");
    }
    if (!answer.ok) throw new ApiError(answer.error ?? "unknown", answer.message || readable(answer.error), answer);
    return answer;
  }
}

function readable(code) {
  return `The server refused: ${String(code ?? "no reason given").replaceAll("_", " ")}.`;
}

const FIRST_RETRY_MS = 300;
const LONGEST_RETRY_MS = 5000;

/** A socket that comes back by itself. `onstate` hears "live", "connecting" or "reconnecting"; `onpush` each message. */
export class LiveSocket {
  #socket = null;
  #person = null;
  #failures = 0;
  #timer = null;

  constructor({ onpush, onstate }) {
    this.onpush = onpush;
    this.onstate = onstate;
  }

  /** Listen as this person; a change of person closes the old socket. */
  connect(person) {
    if (person === this.#person) return;
    this.#person = person;
    this.#failures = 0;
    this.#open();
  }

  #open() {
    clearTimeout(this.#timer);
    const old = this.#socket;
    this.#socket = null;
    old?.close();
    if (!this.#person) return;
    this.onstate(this.#failures ? "reconnecting" : "connecting");
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/client/live?as=${encodeURIComponent(this.#person)}`);
    this.#socket = socket;
    socket.onopen = () => {
      this.#failures = 0;
      this.onstate("live");
    };
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = () => this.#lost(socket);
  }

  #receive(data) {
    let push = null;
    try {
      push = JSON.parse(data);
    } catch {
      return; // not ours to guess at; the next refetch shows the truth
    }
    this.onpush(push);
  }

  #lost(socket) {
    if (socket !== this.#socket) return; // a socket we closed ourselves
    this.#failures += 1;
    this.onstate("reconnecting");
    const wait = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1));
    this.#timer = setTimeout(() => this.#open(), wait);
  }
}
