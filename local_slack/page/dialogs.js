// Dialogs of the page's own: questions, small forms, notices. One native <dialog> each, so the browser makes the rest
// inert and keeps the stacking; this module adds a Tab that wraps, an Escape that cannot be lost, and focus that returns.

import { fill, focusables, h, uniqueId } from "./dom.js";
import { icon } from "./icons.js";

/**
 * Open a modal dialog around `body` and return {dialog, close}.
 *
 * `onclose` hears "dismissed" or what `close(reason)` was given. Focus starts on [data-autofocus], else on the first
 * control of the body, else on the heading.
 */
export function openDialog({ title, body, footer = [], onclose = () => {}, testid, className = "" }) {
  const titleId = uniqueId("dialog-title");
  const heading = h("h2", { id: titleId, tabindex: "-1" }, title);
  const dismiss = h(
    "button",
    {
      type: "button",
      class: "icon-button",
      "aria-label": "Close",
      "data-testid": "dialog-close",
      onclick: () => close("dismissed"),
    },
    icon("close"),
  );
  const content = h("div", { class: "dialog-body" }, body);
  const dialog = h(
    "dialog",
    { class: `dialog ${className}`, "aria-labelledby": titleId, "data-testid": testid },
    h("div", { class: "dialog-head" }, heading, dismiss),
    content,
    footer.length ? h("div", { class: "dialog-foot" }, footer) : null,
  );
  const returnTo = document.activeElement;
  let isClosed = false;
  function close(reason) {
    if (isClosed) return;
    isClosed = true;
    dialog.close();
    dialog.remove();
    if (returnTo?.isConnected) returnTo.focus();
    onclose(reason);
  }
  keepKeyboard(dialog, () => close("dismissed"));
  document.body.append(dialog);
  dialog.showModal();
  (dialog.querySelector("[data-autofocus]") ?? focusables(content)[0] ?? heading).focus();
  return { dialog, close };
}

/** Hold Tab inside `dialog` and answer Escape ourselves: the browser lets a page refuse its own Escape only once. */
export function keepKeyboard(dialog, onescape) {
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) {
      event.preventDefault();
      event.stopPropagation();
      onescape();
    } else if (event.key === "Tab") wrapTab(event, dialog);
  });
  dialog.addEventListener("cancel", (event) => {
    if (event.target !== dialog) return;
    event.preventDefault();
    onescape();
  });
}

function wrapTab(event, dialog) {
  const stops = focusables(dialog);
  if (stops.length === 0) return event.preventDefault();
  const [first, last] = [stops[0], stops.at(-1)];
  const active = document.activeElement;
  if (event.shiftKey && (active === first || !dialog.contains(active))) last.focus();
  else if (!event.shiftKey && (active === last || !dialog.contains(active))) first.focus();
  else return;
  event.preventDefault();
}

/** Ask yes or no; resolves to true only for yes. */
export function confirmDialog({
  title,
  body,
  confirm = "Yes",
  deny = "No",
  isDanger = false,
  testid = "confirm-dialog",
}) {
  return new Promise((resolve) => {
    let answer = false;
    const settle = (value) => () => {
      answer = value;
      opened.close("answered");
    };
    const opened = openDialog({
      title,
      body,
      testid,
      className: "dialog-small",
      footer: [
        h(
          "button",
          {
            type: "button",
            class: "button",
            "data-testid": "confirm-deny",
            "data-autofocus": isDanger,
            onclick: settle(false),
          },
          deny,
        ),
        h(
          "button",
          {
            type: "button",
            class: `button ${isDanger ? "button-danger" : "button-primary"}`,
            "data-testid": "confirm-yes",
            "data-autofocus": !isDanger,
            onclick: settle(true),
          },
          confirm,
        ),
      ],
      onclose: () => resolve(answer),
    });
  });
}

/**
 * A small form: `fields` are {name, label, value, type, options, isRequired, isMultiline, hint}. Resolves to {name: text}
 * or null. `send` may throw; its message is then shown in the form, which stays open with everything typed.
 */
export function formDialog({ title, fields, submit, send = async () => {}, testid, intro }) {
  return new Promise((resolve) => {
    const problem = h("p", { class: "field-error", role: "alert", hidden: true, "data-testid": "form-error" });
    const formId = uniqueId("form");
    const form = h(
      "form",
      { id: formId, class: "stack", novalidate: true, onsubmit: onSubmit },
      intro ? h("p", { class: "hint" }, intro) : null,
      fields.map(fieldRow),
      problem,
    );
    let result = null;
    const opened = openDialog({
      title,
      body: [form],
      testid,
      footer: [
        h("button", { type: "button", class: "button", onclick: () => opened.close("dismissed") }, "Cancel"),
        h(
          "button",
          { type: "submit", form: formId, class: "button button-primary", "data-testid": "form-submit" },
          submit,
        ),
      ],
      onclose: () => resolve(result),
    });
    async function onSubmit(event) {
      event.preventDefault();
      const values = Object.fromEntries(fields.map(({ name }) => [name, form.elements.namedItem(name).value]));
      const missing = fields.find(({ name, isRequired }) => isRequired && values[name].trim() === "");
      try {
        if (missing) throw new Error(`Please fill in “${missing.label}”.`);
        await send(values);
        result = values;
        opened.close("answered");
      } catch (error) {
        problem.replaceChildren(error.message);
        problem.hidden = false;
        if (missing) form.elements.namedItem(missing.name).focus();
      }
    }
  });
}

function fieldRow({ name, label, value = "", type = "text", options, isRequired = false, isMultiline = false, hint }) {
  const id = uniqueId("field");
  const hintId = hint ? uniqueId("hint") : undefined;
  const common = {
    id,
    name,
    class: "input",
    "aria-describedby": hintId,
    "aria-required": isRequired ? "true" : undefined,
    "data-testid": `field-${name}`,
  };
  let control;
  if (options)
    control = fill(
      h("select", common),
      options.map((option) => h("option", { value: option.value, selected: option.value === value }, option.text)),
    );
  else if (isMultiline) control = h("textarea", { ...common, rows: "4", value });
  else control = h("input", { ...common, type, value, autocomplete: "off" });
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    control,
    hint ? h("p", { class: "hint", id: hintId }, hint) : null,
  );
}

/** The element new notices must live in to be seen and read: the topmost open modal dialog, or the body. */
export function topLayer() {
  return [...document.querySelectorAll("dialog:modal")].at(-1) ?? document.body;
}
