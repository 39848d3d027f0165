// An app's modals: the stack as the server keeps it, its top view in one dialog. What was typed stays with its view
// while others are pushed on top of it or it is updated; errors stand beside their inputs and are read out; focus stays
// inside and returns to where it was when the last view closes. Views are private to the person they were opened for.

import { announce, toast } from "./a11y.js";
import { ApiError } from "./api.js";
import { counted } from "./appearance.js";
import { renderBlocks } from "./blocks.js";
import { keepKeyboard } from "./dialogs.js";
import { focusables, h, refill, uniqueId } from "./dom.js";
import { icon } from "./icons.js";
import { textObject, textString } from "./inline.js";
import { shown, shownString } from "./text.js";
import { clientErrors, ValueBook } from "./values.js";

export class ModalStack {
  /** What belongs to one open view: its values, its errors and what was last drawn of it. */
  #open = new Map();
  #returnTo = null;

  constructor({ store, api, interactions, sync }) {
    Object.assign(this, { store, api, interactions, sync });
    const titleId = uniqueId("modal-title");
    this.title = h("h2", { id: titleId, tabindex: "-1", "data-testid": "modal-title" });
    this.appName = h("p", { class: "hint", "data-testid": "modal-app" });
    this.back = h(
      "button",
      {
        type: "button",
        class: "icon-button",
        "aria-label": "Back to the view before",
        "data-testid": "modal-back",
        onclick: () => this.#closeTop(),
      },
      icon("back"),
    );
    this.closeX = h(
      "button",
      {
        type: "button",
        class: "icon-button",
        "aria-label": "Close",
        "data-testid": "modal-close-x",
        onclick: () => this.#closeAll(),
      },
      icon("close"),
    );
    this.problem = h("p", {
      class: "field-error modal-problem",
      role: "alert",
      hidden: true,
      "data-testid": "modal-problem",
    });
    this.body = h("div", { class: "dialog-body" });
    this.foot = h("div", { class: "dialog-foot" });
    this.form = h(
      "form",
      { class: "modal-form", novalidate: true, onsubmit: (event) => this.#submit(event) },
      this.problem,
      this.body,
      this.foot,
    );
    this.dialog = h(
      "dialog",
      { class: "dialog modal", "aria-labelledby": titleId, "data-testid": "modal" },
      h(
        "div",
        { class: "dialog-head" },
        this.back,
        h("div", { class: "pane-title" }, this.title, this.appName),
        this.closeX,
      ),
      this.form,
    );
    keepKeyboard(this.dialog, () => this.#closeTop());
    document.body.append(this.dialog);
    store.on(["views", "directory"], () => this.#draw());
  }

  get #views() {
    return this.store.get("views") ?? [];
  }

  get #top() {
    return this.#views.at(-1);
  }

  #draw() {
    const ids = new Set(this.#views.map((view) => view.id));
    for (const id of this.#open.keys()) if (!ids.has(id)) this.#open.delete(id);
    const view = this.#top;
    if (!view || !this.store.get("directory")) return this.#hide();
    const mine = this.#mine(view);
    const signature = signatureOf(view, this.#views.length);
    if (this.dialog.open && this.dialog.dataset.viewId === view.id && mine.signature === signature) return;
    const isSameView = this.dialog.open && this.dialog.dataset.viewId === view.id;
    mine.signature = signature;
    if (!isSameView) this.#say("");
    else mine.errors = {}; // the app replaced the view, so what was wrong with the old one no longer stands
    this.#fill(view, mine, isSameView);
  }

  #mine(view) {
    if (!this.#open.has(view.id)) this.#open.set(view.id, { values: new ValueBook(), errors: {}, signature: null });
    return this.#open.get(view.id);
  }

  #fill(view, mine, isSameView) {
    const focused = isSameView && this.body.contains(document.activeElement) ? caretOf(document.activeElement) : null;
    this.dialog.dataset.viewId = view.id;
    this.dialog.dataset.callbackId = view.callback_id ?? "";
    this.#drawHead(view);
    this.#drawBody(view, mine);
    this.#drawFoot(view);
    if (!this.dialog.open) {
      this.#returnTo = returnPoint();
      this.dialog.showModal();
    }
    if (isSameView) putBack(focused, this.body);
    else this.#focusFirst();
  }

  #drawHead(view) {
    const app = this.store.get("directory").app(view.app_id);
    refill(this.title, textObject(view.title, this.store.get("directory")));
    refill(this.appName, app ? [...shown(app.name), " · only you see this"] : "Only you see this");
    this.back.hidden = this.#views.length < 2;
  }

  #drawBody(view, mine) {
    const ctx = this.interactions.context({
      container: { type: "view", view_id: view.id },
      values: mine.values,
      errors: mine.errors,
    });
    refill(this.body, renderBlocks(view.blocks, ctx));
  }

  #drawFoot(view) {
    // Slack's own words where the app gave none.
    const close = textString(view.close) || (view.submit ? "Cancel" : "Close");
    refill(
      this.foot,
      h(
        "button",
        { type: "button", class: "button", "data-testid": "modal-close", onclick: () => this.#closeTop() },
        shown(close),
      ),
      view.submit
        ? h(
            "button",
            { type: "submit", class: "button button-primary", "data-testid": "modal-submit" },
            shown(textString(view.submit)),
          )
        : null,
    );
  }

  #focusFirst() {
    const first =
      this.body.querySelector("[data-autofocus]") ??
      this.body.querySelector("input, textarea, select, .picker") ??
      focusables(this.body)[0];
    (first ?? this.title).focus();
    this.body.scrollTop = 0;
  }

  async #submit(event) {
    event.preventDefault();
    const view = this.#top;
    if (!view?.submit || this.form.getAttribute("aria-busy") === "true") return;
    const mine = this.#mine(view);
    const errors = clientErrors(view.blocks, mine.values);
    if (Object.keys(errors).length) return this.#showErrors(view, errors);
    this.#busy(true);
    try {
      await this.api.post("view/submit", { view_id: view.id, values: mine.values.collect(view.blocks) });
      this.#showErrors(view, {});
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      const told = problem.body.errors;
      if (told && Object.keys(told).length) this.#showErrors(view, told);
      else this.#say(problem.message);
    } finally {
      this.#busy(false);
      this.sync.refreshViews();
    }
  }

  #showErrors(view, errors) {
    const mine = this.#mine(view);
    const count = Object.keys(errors).length;
    if (!count && !Object.keys(mine.errors).length) return this.#say("");
    mine.errors = errors;
    if (this.#top?.id !== view.id) return;
    this.#drawBody(view, mine);
    if (!count) return this.#say("");
    // An error for an input that is not there would be lost without this line.
    const known = new Set(view.blocks.map((block) => block.block_id));
    this.#say(
      Object.entries(errors)
        .filter(([id]) => !known.has(id))
        .map(([, text]) => text)
        .join(" "),
    );
    announce(`${counted(count, "problem", "problems")}: ${Object.values(errors).join(" ")}`);
    this.body.querySelector('[aria-invalid="true"]')?.focus();
  }

  #say(message) {
    this.problem.replaceChildren(...shown(message));
    this.problem.hidden = message === "";
  }

  #busy(isBusy) {
    this.form.setAttribute("aria-busy", String(isBusy));
    const submit = this.foot.querySelector('[type="submit"]');
    if (submit) submit.classList.toggle("is-busy", isBusy);
  }

  #closeTop() {
    return this.#close(this.#top);
  }

  /** The ✕ closes the whole stack: closing the lowest view takes what lies on it along. */
  #closeAll() {
    return this.#close(this.#views[0]);
  }

  async #close(view) {
    if (!view) return this.#hide();
    await this.interactions.attempt("view/close", { view_id: view.id });
    this.sync.refreshViews();
  }

  #hide() {
    if (!this.dialog.open) return;
    const title = shownString(this.title.textContent);
    this.dialog.close();
    this.dialog.dataset.viewId = "";
    refill(this.body);
    const back = this.#returnTo?.();
    back?.focus();
    announce(`${title} closed`);
    for (const stack of this.dialog.querySelectorAll(":scope > .toasts")) moveToasts(stack);
  }
}

/** What of a view is drawn: its state changes with every keystroke and is kept here anyway. */
function signatureOf({ state, hash, ...drawn }, depth) {
  return JSON.stringify([drawn, depth]);
}

/** Where focus should go afterwards; the element itself may be redrawn meanwhile, so it is found again by what it is. */
function returnPoint() {
  const active = document.activeElement;
  const { actionId, testid } = active?.dataset ?? {};
  const ts = active?.closest?.("[data-ts]")?.dataset.ts;
  return () => {
    if (active?.isConnected && active !== document.body) return active;
    const message = ts && document.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
    const inside = message && actionId && message.querySelector(`[data-action-id="${CSS.escape(actionId)}"]`);
    return (
      inside ||
      message ||
      (testid && document.querySelector(`[data-testid="${CSS.escape(testid)}"]`)) ||
      document.querySelector("#composer-input")
    );
  };
}

function caretOf(active) {
  const { actionId, blockId } = active.dataset;
  return { actionId, blockId, start: active.selectionStart ?? null, end: active.selectionEnd ?? null };
}

function putBack(caret, body) {
  if (!caret?.actionId) return;
  const found = [...body.querySelectorAll("[data-action-id]")].find(
    (node) => node.dataset.actionId === caret.actionId && (!caret.blockId || node.dataset.blockId === caret.blockId),
  );
  found?.focus();
  if (found && caret.start !== null) found.setSelectionRange?.(caret.start, caret.end);
}

// A notice shown on a dialog that closes is still news.
function moveToasts(stack) {
  for (const text of stack.querySelectorAll(".toast-text")) toast(text.textContent);
  stack.remove();
}
