// What a person has entered in one view or message, by block and action, in the raw form the server takes: a string for
// texts, dates and single choices, a list of strings for multiple ones, a number for a date with time, null for nothing.
// Kept apart from the DOM so that an update of a view can redraw it without losing what was typed. Also the checks Slack's
// client makes before it submits.

/** The value an element starts with. */
export function initialValue(element) {
  if (element.initial_option) return element.initial_option.value ?? null;
  if (element.initial_options) return element.initial_options.map((option) => option.value);
  const many = element.initial_users ?? element.initial_conversations ?? element.initial_channels;
  if (many) return many;
  const one =
    element.initial_value ??
    element.initial_date ??
    element.initial_time ??
    element.initial_date_time ??
    element.initial_user ??
    element.initial_conversation ??
    element.initial_channel;
  return one ?? (isMultiple(element) ? [] : null);
}

/** True for elements whose value is a list. */
export function isMultiple(element) {
  return element.type === "checkboxes" || String(element.type).startsWith("multi_");
}

export class ValueBook {
  #values = new Map();
  #labels = new Map();
  #unreported = new Map();

  get(block, element) {
    const key = keyOf(block, element);
    return this.#values.has(key) ? this.#values.get(key) : initialValue(element);
  }

  set(block, element, value) {
    this.#values.set(keyOf(block, element), value);
    // Elements that are actions report themselves; plain inputs wait for the next action or the submit.
    if (block.type === "input" && !block.dispatch_action)
      this.#unreported.set(keyOf(block, element), { block, element, value });
  }

  /** Plain inputs changed since the last call. */
  takeUnreported() {
    const taken = [...this.#unreported.values()];
    this.#unreported.clear();
    return taken;
  }

  /** Remember the text of a choice that came from outside the block (external sources), to show it after a redraw. */
  label(value, text) {
    if (text !== undefined) this.#labels.set(value, text);
    return this.#labels.get(value);
  }

  /** {block_id: {action_id: raw}} for every element in `blocks` that carries a value. */
  collect(blocks) {
    const values = {};
    for (const { block, element } of valueElements(blocks)) {
      (values[block.block_id] ??= {})[element.action_id] = this.get(block, element);
    }
    return values;
  }
}

const keyOf = (block, element) => JSON.stringify([block.block_id, element.action_id]);
const VALUELESS = new Set(["button", "overflow", "image", "workflow_button"]);

/** Every element that holds a value, with its block. */
export function valueElements(blocks) {
  const found = [];
  for (const block of blocks ?? []) {
    const elements = [block.element, block.accessory, ...(block.type === "actions" ? (block.elements ?? []) : [])];
    for (const element of elements) if (element?.type && !VALUELESS.has(element.type)) found.push({ block, element });
  }
  return found;
}

/** What Slack's own client refuses to submit: {block_id: sentence}. */
export function clientErrors(blocks, book) {
  const errors = {};
  for (const { block, element } of valueElements(blocks)) {
    if (block.type !== "input") continue;
    const problem = problemOf(element, book.get(block, element), block.optional === true);
    if (problem) errors[block.block_id] = problem;
  }
  return errors;
}

function problemOf(element, value, isOptional) {
  const isEmpty = value === null || value === "" || (Array.isArray(value) && value.length === 0);
  if (isEmpty) return isOptional ? null : "Please complete this required field.";
  const check = {
    email_text_input: emailProblem,
    url_text_input: urlProblem,
    number_input: numberProblem,
    plain_text_input: lengthProblem,
  }[element.type];
  return check ? check(String(value), element) : null;
}

const emailProblem = (value) =>
  /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value) ? null : "Please enter a valid e-mail address.";
const urlProblem = (value) =>
  /^https?:\/\/\S+$/i.test(value) ? null : "Please enter an address that begins with http:// or https://.";

function numberProblem(value, element) {
  if (!/^-?\d+(\.\d+)?$/.test(value)) return "Please enter a number.";
  if (element.is_decimal_allowed === false && value.includes(".")) return "Please enter a whole number.";
  if (element.min_value !== undefined && Number(value) < Number(element.min_value))
    return `Please enter ${element.min_value} or more.`;
  if (element.max_value !== undefined && Number(value) > Number(element.max_value))
    return `Please enter ${element.max_value} or less.`;
  return null;
}

function lengthProblem(value, element) {
  if (element.min_length && value.length < element.min_length)
    return `Please enter at least ${element.min_length} characters.`;
  if (element.max_length && value.length > element.max_length)
    return `Please enter no more than ${element.max_length} characters.`;
  return null;
}
