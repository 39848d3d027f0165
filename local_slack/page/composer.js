// Writing a message: Enter sends, Shift+Enter makes a new line, "/" at the start lists the apps' commands and "@" the
// people, a pretend file can be attached by name. Text is sent as typed; the server stores it the way Slack's client does.

import { ApiError } from "./api.js";
import { formDialog } from "./dialogs.js";
import { h, refill, uniqueId } from "./dom.js";
import { icon } from "./icons.js";
import { Suggestions } from "./suggestions.js";
import { shown } from "./text.js";

const FILE_TYPES = {
  png: "image/png",
  jpg: "image/jpeg",
  gif: "image/gif",
  pdf: "application/pdf",
  txt: "text/plain",
  log: "text/plain",
  csv: "text/csv",
  json: "application/json",
  zip: "application/zip",
};

const HINT = "Enter sends, Shift+Enter starts a new line";

export class Composer {
  #files = [];
  #drafts = new Map();
  #draftKey = null;
  #channel = null;

  constructor({ store, api, interactions, id, threadTs }) {
    Object.assign(this, { store, api, interactions, threadTs });
    this.label = h("label", { for: id, class: "visually-hidden" }, "Message");
    this.hint = h("p", { class: "hint composer-hint", id: uniqueId("composer-hint") }, HINT);
    this.problem = h("p", { class: "field-error", role: "alert", hidden: true, "data-testid": "composer-error" });
    this.chips = h("ul", { class: "files", hidden: true, "aria-label": "Files to send" });
    this.input = h("textarea", {
      id,
      rows: "1",
      class: "composer-input",
      "aria-describedby": this.hint.id,
      "data-region-entry": true,
      "data-testid": id,
      oninput: () => this.#grow(),
      onkeydown: (event) => this.#onKey(event),
    });
    this.suggestions = new Suggestions(this.input, (text, caret) => this.#suggest(text, caret));
    this.node = h(
      "form",
      {
        class: "composer",
        "data-region": "composer",
        "aria-label": "Write a message",
        onsubmit: (event) => this.#onSubmit(event),
      },
      this.problem,
      this.chips,
      this.label,
      h(
        "div",
        { class: "composer-box" },
        h(
          "button",
          {
            type: "button",
            class: "icon-button",
            "aria-label": "Attach a pretend file",
            title: "Attach a pretend file",
            "data-testid": "attach",
            onclick: () => this.#attach(),
          },
          icon("plus"),
        ),
        this.input,
        this.suggestions.node,
        h("button", { type: "submit", class: "button button-primary button-small", "data-testid": "send" }, "Send"),
      ),
      this.hint,
    );
  }

  /** Show the composer of this channel (or of the open thread in it), with its own draft. */
  show(channel) {
    const key = [this.store.get("route").as, channel.id, this.threadTs()].join(" ");
    const title = `${channel.is_im ? "@" : "#"}${channel.name}`;
    this.#channel = channel;
    this.hint.textContent = this.threadTs() ? HINT : `${HINT}, / lists commands`;
    this.label.textContent = this.threadTs() ? `Reply in the thread in ${title}` : `Message ${title}`;
    this.input.placeholder = this.threadTs() ? "Reply…" : `Message ${title}`;
    if (key === this.#draftKey) return;
    if (this.#draftKey) this.#drafts.set(this.#draftKey, this.input.value);
    this.#draftKey = key;
    this.input.value = this.#drafts.get(key) ?? "";
    this.#files = [];
    this.#drawFiles();
    this.#say("");
    this.#grow();
  }

  focus() {
    this.input.focus();
  }

  #onKey(event) {
    if (this.suggestions.onKey(event)) return;
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.node.requestSubmit();
  }

  async #onSubmit(event) {
    event.preventDefault();
    const text = this.input.value;
    const files = this.#files;
    if (text.trim() === "" && files.length === 0) return;
    const [draftKey, channel, thread] = [this.#draftKey, this.#channel.id, this.threadTs()];
    this.#clear();
    try {
      await this.#send({ text, files, channel, thread });
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      this.#giveBack(draftKey, text, files, problem.message);
    }
  }

  #send({ text, files, channel, thread }) {
    const command = /^\/[\w-]+/.exec(text);
    if (!command)
      return this.api.post("message", {
        channel,
        text,
        ...(thread ? { thread_ts: thread } : {}),
        ...(files.length ? { files } : {}),
      });
    if (thread) throw new ApiError("no_threads", "Slack runs no slash commands in threads. Use it in the channel.");
    return this.api.post("command", { channel, command: command[0], text: text.slice(command[0].length).trim() });
  }

  #clear() {
    this.input.value = "";
    this.#files = [];
    this.#drawFiles();
    this.#say("");
    this.#grow();
  }

  // What could not be sent goes back where it was written, unless something new stands there already.
  #giveBack(draftKey, text, files, message) {
    if (draftKey !== this.#draftKey) return void this.#drafts.set(draftKey, text);
    if (this.input.value === "") {
      this.input.value = text;
      this.#files = files;
      this.#drawFiles();
      this.#grow();
    }
    this.#say(message);
  }

  #say(message) {
    this.problem.replaceChildren(...shown(message));
    this.problem.hidden = message === "";
  }

  #grow() {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, 220)}px`;
  }

  async #attach() {
    const answer = await formDialog({
      title: "Attach a pretend file",
      submit: "Attach",
      testid: "attach-dialog",
      intro: "Nothing is uploaded: apps see a file with this name, type and size.",
      fields: [
        { name: "name", label: "File name", isRequired: true, hint: "For example invoice.pdf" },
        { name: "mimetype", label: "Type (empty: from the name)" },
        { name: "size", label: "Size in bytes", type: "number", value: "1024" },
      ],
    });
    if (!answer) return;
    const ending = answer.name.split(".").at(-1).toLowerCase();
    this.#files = [
      ...this.#files,
      {
        name: answer.name,
        mimetype: answer.mimetype || FILE_TYPES[ending] || "application/octet-stream",
        size: Number(answer.size) || 0,
      },
    ];
    this.#drawFiles();
    this.focus();
  }

  #drawFiles() {
    this.chips.hidden = this.#files.length === 0;
    refill(
      this.chips,
      this.#files.map((file) =>
        h(
          "li",
          { class: "file-chip" },
          icon("clip"),
          " ",
          h("strong", {}, shown(file.name)),
          h("span", { class: "hint" }, shown(` ${file.mimetype}`)),
          h(
            "button",
            {
              type: "button",
              class: "icon-button",
              "aria-label": `Remove ${file.name}`,
              onclick: () => this.#drop(file),
            },
            icon("close"),
          ),
        ),
      ),
    );
  }

  #drop(file) {
    this.#files = this.#files.filter((kept) => kept !== file);
    this.#drawFiles();
    this.focus();
  }

  #suggest(text, caret) {
    const before = text.slice(0, caret);
    const directory = this.store.get("directory");
    const command = /^\/[\w-]*$/.exec(before);
    if (command) return this.#commands(command[0]);
    const mention = /(?:^|\s)@([\w-]*)$/.exec(before);
    if (!mention || !directory) return null;
    const start = caret - mention[1].length - 1;
    const needle = mention[1].toLowerCase();
    const people = directory.users
      .filter((user) => user.can_sign_in !== false && user.handle.startsWith(needle))
      .map((user) => ({
        insert: `@${user.handle} `,
        title: `@${user.handle}`,
        detail: `${directory.userName(user.id)}, ${directory.teamName(user.team_id) ?? ""}`,
      }));
    const groups = directory.groups
      .filter((group) => group.handle.startsWith(needle))
      .map((group) => ({ insert: `@${group.handle} `, title: `@${group.handle}`, detail: "user group" }));
    return { start, options: [...groups, ...people].slice(0, 8) };
  }

  #commands(typed) {
    const commands = (this.store.get("apps") ?? []).flatMap((app) =>
      (app.commands ?? []).map((command) => ({ ...command, app })),
    );
    const options = commands
      .filter(({ command }) => command.startsWith(typed))
      .map(({ command, description, usage_hint: hint, app }) => ({
        insert: `${command} `,
        title: [command, hint].filter(Boolean).join(" "),
        detail: [description, app.name].filter(Boolean).join(" · "),
      }));
    return { start: 0, options };
  }
}
