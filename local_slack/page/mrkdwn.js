// Slack's mrkdwn as a parser: text in, a tree of plain objects out, no DOM. It follows what Slack's own client brings to
// life (mentions, links, dates, bold …), because the point of showing a message here is to see whether something in it
// came alive. Everything it does not recognise stays text. Linear time on hostile input: an opener that has no closer on
// its line is remembered, so forty thousand asterisks are scanned once.

import { emojiFor } from "./emoji.js";

const SPANS = { "*": "bold", _: "italic", "~": "strike" };
const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const FENCE = "```";

/** Undo Slack's three escapes; no other entity exists in Slack text. */
export function unescape(text) {
  return text.replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity]);
}

/** Parse a whole mrkdwn text into block and inline nodes. `isVerbatim` turns the linking of bare URLs off. */
export function parseMrkdwn(source, { isVerbatim = false } = {}) {
  const nodes = [];
  let at = 0;
  for (;;) {
    const open = source.indexOf(FENCE, at);
    const close = open < 0 ? -1 : source.indexOf(FENCE, open + FENCE.length + 1);
    if (close < 0) break;
    nodes.push(...parseFlow(source.slice(at, open).replace(/\n$/, ""), isVerbatim));
    nodes.push({ type: "pre", text: codeText(source.slice(open + FENCE.length, close).replace(/^\n|\n$/g, "")) });
    at = close + FENCE.length;
    if (source[at] === "\n") at += 1;
  }
  return [...nodes, ...parseFlow(source.slice(at), isVerbatim)];
}

/** plain_text with `emoji: true`: shortcodes only, nothing else comes alive. */
export function parseShortcodes(text) {
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(/:([a-z0-9_+-]+):/g)) {
    const char = emojiFor(match[1]);
    if (!char || match.index < at) continue;
    nodes.push({ type: "text", text: text.slice(at, match.index) }, { type: "emoji", name: match[1], char });
    at = match.index + match[0].length;
  }
  return [...nodes, { type: "text", text: text.slice(at) }].filter((node) => node.text !== "");
}

function parseFlow(text, isVerbatim) {
  if (text === "") return [];
  const nodes = [];
  let quote = null;
  let isRestQuoted = false;
  for (const line of text.split("\n")) {
    const mark = /^(?:&gt;|>){3}\s?|^(?:&gt;|>)\s?/.exec(line);
    if (mark || isRestQuoted) {
      isRestQuoted ||= /^(?:&gt;|>){3}/.test(line);
      const inner = parseLine(mark ? line.slice(mark[0].length) : line, isVerbatim);
      if (quote) quote.children.push({ type: "break" }, ...inner);
      else nodes.push((quote = { type: "quote", children: inner }));
      continue;
    }
    if (nodes.length && !quote) nodes.push({ type: "break" });
    quote = null;
    nodes.push(...parseLine(line, isVerbatim));
    if (line === "" && nodes.length === 0) nodes.push({ type: "text", text: "" });
  }
  return nodes;
}

function parseLine(line, isVerbatim) {
  const scan = { line, isVerbatim, dead: new Set() };
  const nodes = [];
  let at = 0;
  while (at < line.length) {
    const found =
      tokenAt(scan, at) ??
      codeAt(scan, at) ??
      spanAt(scan, at) ??
      linkAt(scan, at) ??
      emojiAt(scan, at) ??
      entityAt(scan, at);
    const node = found?.node ?? { type: "text", text: line[at] };
    const last = nodes.at(-1);
    if (node.type === "text" && last?.type === "text") last.text += node.text;
    else nodes.push(node);
    at = found?.end ?? at + 1;
  }
  return nodes;
}

function tokenAt({ line, dead }, at) {
  if (line[at] !== "<" || dead.has("<")) return null;
  const close = line.indexOf(">", at + 1);
  if (close < 0) dead.add("<");
  const body = close < 0 ? "" : line.slice(at + 1, close);
  if (body === "" || body.includes("<")) return null;
  const node = readToken(body);
  return node && { node, end: close + 1 };
}

function readToken(body) {
  const bar = body.indexOf("|");
  const target = bar < 0 ? body : body.slice(0, bar);
  const label = bar < 0 ? null : unescape(body.slice(bar + 1));
  if (/^@[UWB][A-Z0-9]+$/.test(target)) return { type: "user", id: target.slice(1), label };
  if (/^#[CG][A-Z0-9]+$/.test(target)) return { type: "channel", id: target.slice(1), label };
  if (/^!(here|channel|everyone)$/.test(target)) return { type: "broadcast", name: target.slice(1) };
  if (/^!subteam\^S[A-Z0-9]+$/.test(target)) return { type: "usergroup", id: target.slice("!subteam^".length), label };
  if (target.startsWith("!date^")) return readDate(target, label);
  // Only schemes Slack itself links; anything else, such as javascript:, stays text.
  if (/^(https?:\/\/|mailto:|tel:)[^\s]+$/i.test(target)) return { type: "link", url: unescape(target), label };
  return null;
}

function readDate(target, label) {
  const [, seconds, format, url] = target.split("^");
  if (!/^\d{1,11}$/.test(seconds ?? "") || !format) return null;
  const link = url && /^https?:\/\/\S+$/i.test(url) ? unescape(url) : null;
  return { type: "date", seconds: Number(seconds), format: unescape(format), url: link, fallback: label ?? "" };
}

function codeAt({ line, dead }, at) {
  if (line[at] !== "`" || dead.has("`")) return null;
  const close = line.indexOf("`", at + 1);
  if (close < 0) dead.add("`");
  if (close <= at + 1) return null;
  return { node: { type: "code", text: codeText(line.slice(at + 1, close)) }, end: close + 1 };
}

// Inside code a mention or link is shown, not brought to life.
function codeText(text) {
  return unescape(
    text.replace(/<((?:https?:\/\/|mailto:)[^<>|\n]+)(?:\|([^<>\n]*))?>/g, (_, url, label) => label ?? url),
  );
}

const isWord = (char) => char !== undefined && /[\p{L}\p{N}]/u.test(char);
const isSpace = (char) => char === undefined || /\s/.test(char);

function spanAt(scan, at) {
  const { line, dead, isVerbatim } = scan;
  const marker = line[at];
  const type = SPANS[marker];
  if (!type || dead.has(marker) || isWord(line[at - 1]) || isSpace(line[at + 1]) || line[at + 1] === marker)
    return null;
  const close = closerOf(line, at + 1, marker);
  if (close < 0) {
    dead.add(marker);
    return null;
  }
  return { node: { type, children: parseLine(line.slice(at + 1, close), isVerbatim) }, end: close + 1 };
}

function closerOf(line, from, marker) {
  let isTokenPossible = true;
  for (let at = from; at < line.length; at += 1) {
    if (line[at] === "<" && isTokenPossible) {
      const close = line.indexOf(">", at);
      if (close < 0) isTokenPossible = false;
      else at = close;
    } else if (line[at] === marker && at > from && !isSpace(line[at - 1]) && !isWord(line[at + 1])) return at;
  }
  return -1;
}

function linkAt({ line, isVerbatim }, at) {
  if (isVerbatim || line[at] !== "h" || isWord(line[at - 1])) return null;
  const pattern = /https?:\/\/[^\s<>]+/y;
  pattern.lastIndex = at;
  const match = pattern.exec(line);
  if (!match) return null;
  const raw = match[0].replace(/[.,;:!?)\]'"*_~`]+$/, "");
  return { node: { type: "link", url: unescape(raw), label: null }, end: at + raw.length };
}

function emojiAt({ line }, at) {
  if (line[at] !== ":") return null;
  const pattern = /:([a-z0-9_+-]{1,60}):/y;
  pattern.lastIndex = at;
  const match = pattern.exec(line);
  const char = match && emojiFor(match[1]);
  return char ? { node: { type: "emoji", name: match[1], char }, end: pattern.lastIndex } : null;
}

function entityAt({ line }, at) {
  if (line[at] !== "&") return null;
  const entity = Object.keys(ENTITIES).find((name) => line.startsWith(name, at));
  return entity ? { node: { type: "text", text: ENTITIES[entity] }, end: at + entity.length } : null;
}
