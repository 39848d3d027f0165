// The select menu behind every Block Kit select: a button showing what is chosen, and a panel with a search field and a
// listbox. One implementation for static, external, people, conversation and channel selects, single and multiple.
// Native <select> is not used: it would fire on each arrow key, and every change here is an event an app receives.

import { announce } from "./a11y.js";
import { h, refill, uniqueId } from "./dom.js";
import { icon } from "./icons.js";
import { openPopup } from "./popup.js";
import { shown, shownString } from "./text.js";

const SEARCH_DELAY_MS = 200;

/**
 * A picker. `load(query)` resolves to groups [{label, options: [{value, text, description}]}]; `chosen` is a list of
 * {value, text}; `oncommit(options)` hears the new choice, once per opening. `minQuery` is for external sources.
 */
export function picker({
  attributes,
  placeholder,
  load,
  chosen = [],
  isMulti = false,
  maxItems = Infinity,
  minQuery = 0,
  oncommit,
}) {
  const state = { chosen: [...chosen], close: null };
  const value = h("span", { class: "picker-value" });
  const button = h(
    "button",
    {
      type: "button",
      class: "picker",
      "aria-haspopup": "listbox",
      "aria-expanded": "false",
      ...attributes,
      onclick: toggle,
      onkeydown: onKey,
    },
    value,
    icon("down"),
  );
  // The accessible name must hold the label and what is chosen; label ids come from the caller.
  value.id = uniqueId("picker-value");
  if (attributes["aria-labelledby"])
    button.setAttribute("aria-labelledby", `${attributes["aria-labelledby"]} ${value.id}`);
  const show = () => {
    const text = state.chosen.map((option) => option.text).join(", ");
    refill(value, text ? shown(text) : h("span", { class: "placeholder" }, shown(placeholder)));
    button.dataset.value = state.chosen.map((option) => option.value).join(",");
    if (!attributes["aria-labelledby"])
      button.setAttribute(
        "aria-label",
        shownString(`${attributes["aria-label"] ?? placeholder}: ${text || "nothing chosen"}`),
      );
  };
  function commit(options) {
    const before = JSON.stringify(state.chosen.map((option) => option.value));
    state.chosen = options;
    show();
    if (JSON.stringify(options.map((option) => option.value)) !== before) oncommit(options);
  }
  function toggle() {
    if (state.close) return state.close();
    state.close = openPanel({
      button,
      load,
      minQuery,
      isMulti,
      maxItems,
      chosen: state.chosen,
      commit,
      onclose: () => (state.close = null),
    });
  }
  function onKey(event) {
    if (event.key !== "ArrowDown" || state.close) return;
    event.preventDefault();
    event.stopPropagation();
    toggle();
  }
  show();
  return button;
}

function openPanel({ button, load, minQuery, isMulti, maxItems, chosen, commit, onclose }) {
  const listId = uniqueId("listbox");
  const panel = { active: -1, chosen: new Map(chosen.map((option) => [option.value, option])), options: [] };
  const list = h("ul", {
    id: listId,
    role: "listbox",
    class: "listbox",
    "aria-label": "Choices",
    "aria-multiselectable": isMulti ? "true" : undefined,
    onmousedown: keepFocus,
  });
  const search = h("input", {
    type: "text",
    class: "input picker-search",
    role: "combobox",
    "aria-expanded": "true",
    "aria-controls": listId,
    "aria-autocomplete": "list",
    "aria-label": "Search choices",
    autocomplete: "off",
    placeholder: minQuery ? `Type ${minQuery} or more letters` : "Search",
    "data-testid": "picker-search",
    onkeydown: onKey,
  });
  const done = isMulti
    ? h(
        "button",
        { type: "button", class: "button button-small", "data-testid": "picker-done", onclick: () => close() },
        "Done",
      )
    : null;
  const node = h("div", { class: "picker-panel", "data-testid": "picker-panel" }, search, list, done);
  const close = openPopup(button, node, {
    onclose: () => {
      clearTimeout(timer);
      if (isMulti) commit([...panel.chosen.values()]);
      onclose();
    },
  });
  let timer = 0;
  let turn = 0;
  async function refresh() {
    const mine = (turn += 1);
    const query = search.value.trim();
    const groups = query.length < minQuery ? [] : await load(query).catch(() => null);
    if (mine !== turn || !node.isConnected) return; // a later search has overtaken this one
    drawGroups(groups, query);
  }
  function drawGroups(groups, query) {
    panel.options = [];
    panel.active = -1;
    list.replaceChildren();
    for (const group of groups ?? []) drawGroup(group);
    if (panel.options.length === 0) list.append(h("li", { class: "listbox-empty" }, emptyText(groups, query)));
    else setActive(0);
    announce(groups === null ? "No answer" : `${panel.options.length} choices`);
  }
  function drawGroup({ label, options }) {
    if (label) list.append(h("li", { class: "listbox-group", role: "presentation" }, shown(label)));
    for (const option of options) {
      const index = panel.options.length;
      const row = optionRow(option, panel.chosen.has(option.value), () => choose(index));
      panel.options.push({ option, row });
      list.append(row);
    }
  }
  const emptyText = (groups, query) =>
    groups === null
      ? "The app did not answer."
      : query.length < minQuery
        ? `Type at least ${minQuery} letters.`
        : "Nothing found.";
  function setActive(index) {
    panel.options[panel.active]?.row.classList.remove("is-active");
    panel.active = index;
    const row = panel.options[index].row;
    row.classList.add("is-active");
    row.scrollIntoView({ block: "nearest" });
    search.setAttribute("aria-activedescendant", row.id);
  }
  function choose(index) {
    const { option, row } = panel.options[index];
    if (!isMulti) {
      close();
      return commit([option]);
    }
    if (panel.chosen.has(option.value)) panel.chosen.delete(option.value);
    else if (panel.chosen.size >= maxItems) return announce(`No more than ${maxItems} choices.`);
    else panel.chosen.set(option.value, option);
    row.setAttribute("aria-selected", String(panel.chosen.has(option.value)));
  }
  function onKey(event) {
    const count = panel.options.length;
    const wanted = { ArrowDown: Math.min(panel.active + 1, count - 1), ArrowUp: Math.max(panel.active - 1, 0) }[
      event.key
    ];
    if (wanted !== undefined && count) setActive(wanted);
    else if (event.key === "Enter" && panel.active >= 0) choose(panel.active);
    else if (event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
  }
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, SEARCH_DELAY_MS);
  });
  search.focus();
  refresh();
  return close;
}

// A click on an option must leave the caret in the search field, or the next key goes nowhere.
function keepFocus(event) {
  event.preventDefault();
}

function optionRow(option, isSelected, onclick) {
  return h(
    "li",
    {
      id: uniqueId("option"),
      role: "option",
      class: "option",
      "aria-selected": String(isSelected),
      "data-testid": "option",
      "data-value": option.value,
      onclick,
    },
    h("span", { class: "option-text" }, shown(option.text)),
    option.description ? h("span", { class: "option-description" }, shown(option.description)) : null,
  );
}

/** Keep the options whose text holds the query; for sources that are known in full. */
export function filterGroups(groups, query) {
  const needle = query.toLowerCase();
  return groups
    .map(({ label, options }) => ({
      label,
      options: options.filter((option) => option.text.toLowerCase().includes(needle)),
    }))
    .filter(({ options }) => options.length > 0);
}
