// Small surfaces that hang on a button: menus, and the panel the pickers use. They live in the browser's top layer
// (popover), next to their button in the document, so they work the same inside a modal dialog and are never clipped.

import { h, uniqueId } from "./dom.js";

const GAP = 4;
const MARGIN = 8;

/**
 * Show `panel` at `anchor`; returns a function that closes it. It closes on a click elsewhere, on Escape, and when focus
 * leaves; focus goes back to the anchor only if it was inside.
 */
export function openPopup(anchor, panel, { onclose = () => {} } = {}) {
  panel.setAttribute("popover", "manual");
  panel.classList.add("popup");
  anchor.after(panel);
  panel.showPopover();
  place(panel, anchor);
  anchor.setAttribute("aria-expanded", "true");
  const lifetime = new AbortController();
  const on = (target, type, listener, options = {}) =>
    target.addEventListener(type, listener, { signal: lifetime.signal, ...options });
  function close() {
    if (lifetime.signal.aborted) return;
    lifetime.abort();
    const isFocusInside = panel.contains(document.activeElement) || document.activeElement === document.body;
    anchor.setAttribute("aria-expanded", "false");
    panel.remove();
    if (isFocusInside && anchor.isConnected) anchor.focus();
    onclose();
  }
  on(
    document,
    "pointerdown",
    (event) => {
      if (!panel.contains(event.target) && !anchor.contains(event.target)) close();
    },
    { capture: true },
  );
  on(panel, "keydown", (event) => {
    if (event.key !== "Escape") return;
    // The dialog underneath must not take this Escape for its own.
    event.preventDefault();
    event.stopPropagation();
    close();
  });
  on(panel, "focusout", (event) => {
    if (event.relatedTarget && !panel.contains(event.relatedTarget) && event.relatedTarget !== anchor) close();
  });
  on(window, "resize", () => place(panel, anchor));
  on(document, "scroll", (event) => !panel.contains(event.target) && place(panel, anchor), { capture: true });
  return close;
}

function place(panel, anchor) {
  const at = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = panel;
  const isBelow = at.bottom + GAP + height <= window.innerHeight - MARGIN || at.top < height;
  const top = isBelow ? at.bottom + GAP : at.top - GAP - height;
  panel.style.top = `${Math.max(MARGIN, Math.min(top, window.innerHeight - height - MARGIN))}px`;
  panel.style.left = `${Math.max(MARGIN, Math.min(at.left, window.innerWidth - width - MARGIN))}px`;
}

/**
 * A button that opens a menu. `items()` is asked each time: {label, run, isDanger, data, hint, heading}; an item with only
 * a heading is a caption. Extra attributes of the button come in `attributes`.
 */
export function menuButton(attributes, content, items) {
  let close = null;
  const button = h(
    "button",
    {
      type: "button",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      ...attributes,
      onclick: toggle,
      onkeydown: onKey,
    },
    content,
  );
  function toggle() {
    if (close) close();
    else close = showMenu(button, items(), () => (close = null));
  }
  function onKey(event) {
    if (event.key !== "ArrowDown" || close) return;
    event.preventDefault();
    event.stopPropagation(); // the list this button stands in moves on arrows too
    toggle();
  }
  return button;
}

/** Open a menu at an element; returns a function that closes it. */
export function showMenu(button, items, onclose = () => {}) {
  let close = () => {};
  const menu = h("div", {
    role: "menu",
    class: "menu",
    "aria-label": button.getAttribute("aria-label") ?? button.textContent,
    onkeydown: moveInMenu,
  });
  for (const item of items) menu.append(item.heading ? menuCaption(item.heading) : menuItem(item, () => close()));
  close = openPopup(button, menu, { onclose });
  (menu.querySelector('[role^="menuitem"]') ?? menu).focus();
  return close;
}

function menuCaption(text) {
  return h("div", { class: "menu-caption", role: "presentation", id: uniqueId("caption") }, text);
}

function menuItem({ label, run, isDanger, data = {}, hint }, close) {
  return h(
    "button",
    {
      type: "button",
      role: "menuitem",
      tabindex: "-1",
      class: `menu-item${isDanger ? " is-danger" : ""}`,
      ...data,
      onclick: () => {
        close();
        run();
      },
    },
    h("span", {}, label),
    hint ? h("span", { class: "menu-hint" }, hint) : null,
  );
}

function moveInMenu(event) {
  const items = [...event.currentTarget.querySelectorAll('[role="menuitem"]')];
  const here = items.indexOf(document.activeElement);
  const last = items.length - 1;
  const wanted =
    { ArrowDown: here === last ? 0 : here + 1, ArrowUp: here <= 0 ? last : here - 1, Home: 0, End: last }[event.key] ??
    (/^[\p{L}\p{N}]$/u.test(event.key) ? typeahead(items, here, event.key) : undefined);
  if (event.key === "Tab") event.preventDefault(); // a menu is left with Escape or a choice
  if (wanted === undefined || wanted < 0) return;
  event.preventDefault();
  event.stopPropagation();
  items[wanted].focus();
}

function typeahead(items, here, letter) {
  const order = items.map((_, index) => (here + 1 + index) % items.length);
  return order.find((index) => items[index].textContent.trim().toLowerCase().startsWith(letter.toLowerCase()));
}
