// Keyboard and screen reader support that no single component owns: spoken announcements and toasts (placed in the top
// layer, because a modal dialog makes everything else inert and silent), F6 between regions, and arrow keys in lists.

import { topLayer } from "./dialogs.js";
import { focusables, h } from "./dom.js";
import { icon } from "./icons.js";
import { shown } from "./text.js";

const TOAST_MS = 8000;

/** Say something to screen readers without showing it. */
export function announce(text) {
  const region = h("div", { class: "visually-hidden", role: "status", "data-testid": "announcer" });
  topLayer().append(region);
  // A region has to be in the page before its text changes, or nothing is read.
  setTimeout(() => region.append(text), 60);
  setTimeout(() => region.remove(), 4000);
}

/** Show a short notice to the person and read it out. `tone` is "note" or "problem". */
export function toast(text, tone = "note") {
  const host = topLayer();
  let stack = host.querySelector(":scope > .toasts");
  if (!stack) host.append((stack = h("div", { class: "toasts" })));
  const item = h(
    "div",
    { class: `toast toast-${tone}`, role: tone === "problem" ? "alert" : "status", "data-testid": "toast" },
    h("span", { class: "toast-text" }, tone === "problem" ? h("strong", {}, "Problem: ") : null, shown(text)),
    h(
      "button",
      { type: "button", class: "icon-button", "aria-label": "Dismiss notice", onclick: () => item.remove() },
      icon("close"),
    ),
  );
  stack.append(item);
  setTimeout(() => item.remove(), TOAST_MS);
}

/** F6 and Shift+F6 move between the regions that are on screen, as in desktop applications. */
export function installRegionKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "F6" || document.querySelector("dialog:modal")) return;
    const regions = [...document.querySelectorAll("[data-region]")].filter((region) => region.checkVisibility());
    if (regions.length === 0) return;
    event.preventDefault();
    const here = regions.indexOf(document.activeElement?.closest("[data-region]"));
    const step = event.shiftKey ? -1 : 1;
    for (let i = 1; i <= regions.length; i += 1) {
      const region = regions.at((here + step * i + regions.length * 2) % regions.length);
      if (enter(region)) return;
    }
  });
}

function enter(region) {
  const marked = region.matches("[data-region-entry]")
    ? region
    : region.querySelector('[data-region-entry], .message[tabindex="0"]');
  const target = marked ?? focusables(region)[0] ?? region;
  target.focus();
  return document.activeElement === target;
}

/**
 * One Tab stop for a list: arrows, Home and End move inside it. `selector` finds the items, which may come and go;
 * `axis` is "y" or "x".
 */
export function rovingFocus(container, selector, axis = "y") {
  const [back, on] = axis === "y" ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
  container.addEventListener("keydown", (event) => {
    if (event.target.matches("input, textarea, select") || event.altKey || event.ctrlKey || event.metaKey) return;
    const items = itemsOf(container, selector);
    const here = items.findIndex((item) => item.contains(event.target));
    const wanted = { [back]: here - 1, [on]: here + 1, Home: 0, End: items.length - 1 }[event.key];
    if (here < 0 || wanted === undefined || !items[wanted]) return;
    event.preventDefault();
    items[wanted].focus();
  });
  container.addEventListener("focusin", (event) => {
    const current = event.target.closest(selector);
    if (!current) return;
    for (const item of itemsOf(container, selector)) item.tabIndex = item === current ? 0 : -1;
  });
}

/** Make exactly one item reachable by Tab after a list was rebuilt. */
export function ensureTabStop(container, selector, preferred) {
  const items = itemsOf(container, selector);
  if (items.length === 0) return;
  const current =
    items.find((item) => item === document.activeElement) ??
    items.find((item) => item.matches(preferred)) ??
    items.at(-1);
  for (const item of items) item.tabIndex = item === current ? 0 : -1;
}

function itemsOf(container, selector) {
  return [...container.querySelectorAll(selector)];
}
