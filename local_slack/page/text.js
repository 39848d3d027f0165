// Text that other people wrote, made safe to read: characters that are invisible or that reorder what stands around them
// are shown as a small mark with their code point. A local test page should show that they are there; letting a
// right-to-left override work would let a name or a message repaint its neighbours.

import { h } from "./dom.js";

// C0 and C1 controls except tab and line feed, zero-width space and non-joiner, word joiner, bidirectional marks,
// embeddings, overrides and isolates, byte order mark, tag characters. The zero-width joiner stays: emoji are built with it.
const INVISIBLE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

/** Nodes that show `value` verbatim, with invisible characters made visible. */
export function shown(value) {
  const text = String(value ?? "");
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(INVISIBLE)) {
    if (match.index > at) nodes.push(document.createTextNode(text.slice(at, match.index)));
    nodes.push(controlMark(match[0]));
    at = match.index + match[0].length;
  }
  if (at < text.length) nodes.push(document.createTextNode(text.slice(at)));
  return nodes;
}

/** The same for places that take only a string (attributes, titles). */
export function shownString(value) {
  return String(value ?? "").replace(INVISIBLE, (char) => `[${codePoint(char)}]`);
}

function controlMark(char) {
  return h(
    "span",
    { class: "control-mark", "data-code": codePoint(char), title: "Invisible character" },
    codePoint(char),
  );
}

function codePoint(char) {
  return `U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}
