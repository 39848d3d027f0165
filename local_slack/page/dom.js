// Building DOM nodes. This is the only way the page makes elements: every string that came from a message, a view or
// a profile ends up as a text node, so no data can become markup. It must not learn about Slack or about the page's state.

const PROPERTIES = new Set([
  "value",
  "checked",
  "disabled",
  "hidden",
  "selected",
  "htmlFor",
  "tabIndex",
  "open",
  "required",
]);
// Attributes through which a string could become code or a request; nothing on this page needs them.
const REFUSED = new Set(["style", "innerHTML", "outerHTML", "srcdoc", "formaction"]);

let serial = 0;

/** A document-unique id, for tying labels and descriptions to their controls. */
export function uniqueId(prefix) {
  serial += 1;
  return `${prefix}-${serial}`;
}

/** Make an element; `on…` takes listeners, undefined, null and false leave an attribute out. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null) continue;
    if (REFUSED.has(name)) throw new Error(`refused attribute: ${name}`);
    if (name.startsWith("on")) {
      if (typeof value !== "function") throw new Error(`${name} takes a function`);
      node.addEventListener(name.slice(2), value);
    } else if (PROPERTIES.has(name)) node[name] = value;
    else if (value === false) continue;
    else if (name === "class") node.className = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  return fill(node, ...children);
}

/** Append children (nodes, strings, nested arrays; empty ones are skipped) and return the node. */
export function fill(node, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === "") continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

/** Replace everything inside a node. */
export function refill(node, ...children) {
  node.replaceChildren();
  return fill(node, ...children);
}

const FOCUSABLE = 'a[href], button, input, select, textarea, [tabindex]:not([tabindex="-1"])';

/** What Tab can reach inside a node, in order. */
export function focusables(root) {
  return [...root.querySelectorAll(FOCUSABLE)].filter(
    (node) => !node.disabled && node.tabIndex >= 0 && node.checkVisibility({ visibilityProperty: true }),
  );
}

/**
 * Bring a list of children in line with `items` ({key, signature, make}), keeping the nodes that did not change.
 *
 * Kept nodes keep their focus and half-filled inputs, and a screen reader's log reads only what is really new.
 */
export function reconcile(container, items) {
  const old = new Map([...container.children].map((node) => [node.dataset.key, node]));
  let place = container.firstElementChild;
  for (const { key, signature, make } of items) {
    let node = old.get(key);
    old.delete(key);
    if (!node || node.signature !== signature) {
      const fresh = Object.assign(make(), { signature });
      fresh.dataset.key = key;
      if (node) place = swap(node, fresh, place);
      node = fresh;
    }
    if (node === place) place = place.nextElementSibling;
    else container.insertBefore(node, place);
  }
  for (const node of old.values()) node.remove();
}

function swap(node, fresh, place) {
  const focusKey = node.contains(document.activeElement) ? focusKeyOf(document.activeElement, node) : null;
  node.replaceWith(fresh);
  if (focusKey !== null) restoreFocus(fresh, focusKey);
  return place === node ? fresh : place;
}

/** A description of where focus is inside a node, good for finding it again after a re-render. */
export function focusKeyOf(active, root) {
  if (active === root) return "";
  const { actionId, value, testid } = active.dataset;
  if (actionId !== undefined)
    return `[data-action-id="${CSS.escape(actionId)}"]${value === undefined ? "" : `[data-value="${CSS.escape(value)}"]`}`;
  return testid === undefined ? "" : `[data-testid="${CSS.escape(testid)}"]`;
}

/** Put focus back where `focusKeyOf` said it was, or on the node itself. */
export function restoreFocus(root, focusKey) {
  const target = focusKey && root.querySelector(focusKey);
  (target || root).focus({ preventScroll: true });
}
