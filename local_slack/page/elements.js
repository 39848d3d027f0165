// Block Kit's interactive elements except the select menus (selects.js): buttons, overflow menus, text inputs, dates and
// times, radio buttons and checkboxes. Each builder gets the element and its place: {block, ctx, labelId, describedBy,
// isInvalid}, stores values in ctx.values and hands actions to ctx.act. A builder decides nothing about permissions.

import { h, uniqueId } from "./dom.js";
import { icon } from "./icons.js";
import { textObject, textString } from "./inline.js";
import { openLink } from "./links.js";
import { identity, isDispatching, labelling } from "./place.js";
import { menuButton } from "./popup.js";
import { selectElement } from "./selects.js";
import { shown, shownString } from "./text.js";

const DATE_SETTLE_MS = 400;

const BUILDERS = {
  button,
  overflow,
  workflow_button: button,
  plain_text_input: textInput,
  email_text_input: textInput,
  url_text_input: textInput,
  number_input: textInput,
  rich_text_input: textInput,
  datepicker: dateInput,
  timepicker: dateInput,
  datetimepicker: dateInput,
  radio_buttons: choices,
  checkboxes: choices,
  image: (element) => imagePlaceholder(element),
};

/** DOM for any element; an unknown type gives a visible notice. */
export function renderElement(element, place) {
  const build = BUILDERS[element.type] ?? (/select$/.test(element.type ?? "") ? selectElement : null);
  if (build) return build(element, place);
  return h(
    "span",
    { class: "notice", "data-testid": "unknown-element" },
    `This page does not show “${element.type}” elements.`,
  );
}

function button(element, { block, ctx }) {
  const style = { primary: " button-primary", danger: " button-danger" }[element.style] ?? "";
  const onclick = async () => {
    const isSent = await ctx.act({ block, element });
    if (isSent && element.url) openLink(element.url);
  };
  return h(
    "button",
    {
      type: "button",
      class: `button${style}${element.url ? " button-link" : ""}`,
      ...identity(element, block),
      "data-style": element.style,
      "data-value": element.value,
      onclick,
      "aria-label": element.accessibility_label ? shownString(element.accessibility_label) : undefined,
      title: element.url ? shownString(element.url) : undefined,
    },
    textObject(element.text, ctx.directory),
    element.url ? h("span", { class: "visually-hidden" }, " (link)") : null,
  );
}

function overflow(element, { block, ctx }) {
  const items = () =>
    (element.options ?? []).map((option) => ({
      label: shownString(textString(option.text)),
      hint: option.description ? shownString(textString(option.description)) : undefined,
      data: { "data-testid": "overflow-item", "data-value": option.value },
      run: async () => {
        const isSent = await ctx.act({ block, element, value: option.value });
        if (isSent && option.url) openLink(option.url);
      },
    }));
  return menuButton(
    {
      class: "button button-overflow",
      "aria-label": element.accessibility_label ?? "More options",
      ...identity(element, block),
    },
    icon("more"),
    items,
  );
}

function textInput(element, place) {
  const { block, ctx } = place;
  const isMultiline = element.multiline === true || element.type === "rich_text_input";
  const node = h(isMultiline ? "textarea" : "input", {
    class: "input",
    ...identity(element, block),
    ...labelling(element, place),
    type: isMultiline ? undefined : "text",
    rows: isMultiline ? "4" : undefined,
    autocomplete: "off",
    spellcheck: "false",
    inputmode: { email_text_input: "email", url_text_input: "url", number_input: "decimal" }[element.type],
    placeholder: shownString(textString(element.placeholder)),
    maxlength: element.max_length,
    "data-autofocus": element.focus_on_load === true,
    value: ctx.values.get(block, element) ?? "",
  });
  const triggers = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  const dispatch = () => isDispatching(block) && ctx.act({ block, element, value: node.value });
  node.addEventListener("input", () => {
    ctx.values.set(block, element, node.value === "" ? null : node.value);
    if (triggers.includes("on_character_entered")) dispatch();
  });
  node.addEventListener("keydown", (event) => {
    if (
      event.key !== "Enter" ||
      isMultiline ||
      event.isComposing ||
      !isDispatching(block) ||
      !triggers.includes("on_enter_pressed")
    )
      return;
    event.preventDefault(); // otherwise the key would submit the whole view as well
    dispatch();
  });
  return node;
}

function dateInput(element, place) {
  const { block, ctx } = place;
  const type = { datepicker: "date", timepicker: "time", datetimepicker: "datetime-local" }[element.type];
  const isMoment = type === "datetime-local";
  const raw = ctx.values.get(block, element);
  const node = h("input", {
    type,
    class: "input input-date",
    ...identity(element, block),
    ...labelling(element, place),
    "data-autofocus": element.focus_on_load === true,
    value: raw === null ? "" : isMoment ? localMoment(raw) : raw,
  });
  let timer = 0;
  node.addEventListener("change", () => {
    const value = node.value === "" ? null : isMoment ? Math.floor(new Date(node.value).getTime() / 1000) : node.value;
    ctx.values.set(block, element, value);
    clearTimeout(timer);
    // Typing a year fires a change for each digit; the app should hear of the date, not of the year 2.
    if (isDispatching(block) && value !== null)
      timer = setTimeout(() => ctx.act({ block, element, value }), DATE_SETTLE_MS);
  });
  return node;
}

function localMoment(seconds) {
  const date = new Date(Number(seconds) * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

function choices(element, place) {
  const { block, ctx } = place;
  const isRadio = element.type === "radio_buttons";
  const name = uniqueId("choice");
  const chosen = new Set([ctx.values.get(block, element)].flat());
  const { "aria-required": required, ...labels } = labelling(element, place);
  const group = h("div", {
    role: isRadio ? "radiogroup" : "group",
    class: "choices",
    ...identity(element, block),
    ...labels,
    "aria-required": isRadio ? required : undefined,
  });
  const current = () => [...group.querySelectorAll("input:checked")].map((input) => input.value);
  group.addEventListener("change", () => {
    const value = isRadio ? (current()[0] ?? null) : current();
    ctx.values.set(block, element, value);
    if (isDispatching(block)) ctx.act({ block, element, value });
  });
  for (const option of element.options ?? [])
    group.append(choiceRow(option, { isRadio, name, isChecked: chosen.has(option.value), directory: ctx.directory }));
  return group;
}

function choiceRow(option, { isRadio, name, isChecked, directory }) {
  const id = uniqueId("choice");
  const descriptionId = option.description ? uniqueId("choice-description") : undefined;
  return h(
    "div",
    { class: "choice" },
    h("input", {
      type: isRadio ? "radio" : "checkbox",
      id,
      name,
      value: option.value,
      checked: isChecked,
      "aria-describedby": descriptionId,
      "data-value": option.value,
    }),
    h(
      "div",
      {},
      h("label", { for: id }, textObject(option.text, directory)),
      option.description
        ? h("div", { class: "hint", id: descriptionId }, textObject(option.description, directory))
        : null,
    ),
  );
}

/** An image as words: this page loads nothing from anywhere. */
export function imagePlaceholder(image) {
  const alt = image.alt_text || "No description";
  return h(
    "span",
    {
      class: "image-placeholder",
      role: "img",
      "aria-label": shownString(`Image: ${alt}`),
      title: "Pictures are not loaded here",
      "data-testid": "image-placeholder",
    },
    icon("image"),
    h("span", {}, shown(alt)),
  );
}
