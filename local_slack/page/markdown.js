// The `markdown` block: the everyday part of Markdown (headings, lists, quotes, fences, tables as text, bold, italic,
// code, links) as DOM. A small line reader on purpose: what it does not know is shown as it was written.

import { h } from "./dom.js";
import { linkNode } from "./links.js";
import { shown } from "./text.js";

/** DOM for a markdown block's text. */
export function markdown(source) {
  const root = h("div", { class: "markdown" });
  const lines = String(source ?? "").split("\n");
  for (let at = 0; at < lines.length;) at = readBlock(lines, at, root);
  return root;
}

function readBlock(lines, at, root) {
  const line = lines[at];
  if (line.trim() === "") return at + 1;
  if (/^\s*```/.test(line)) return readFence(lines, at, root);
  const heading = /^(#{1,6})\s+(.*)$/.exec(line);
  if (heading) {
    // Messages already sit below the page's own headings, so these start at level 4.
    root.append(h(`h${Math.min(6, heading[1].length + 3)}`, { class: "markdown-heading" }, spans(heading[2])));
    return at + 1;
  }
  if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
    root.append(h("hr"));
    return at + 1;
  }
  if (/^\s*>/.test(line))
    return readRun(lines, at, /^\s*>\s?/, (run) => root.append(h("blockquote", {}, withBreaks(run))));
  if (/^\s*[-*+]\s+/.test(line))
    return readRun(lines, at, /^\s*[-*+]\s+/, (run) => root.append(h("ul", {}, run.map(item))));
  if (/^\s*\d+[.)]\s+/.test(line))
    return readRun(lines, at, /^\s*\d+[.)]\s+/, (run) => root.append(h("ol", {}, run.map(item))));
  return readParagraph(lines, at, root);
}

function readFence(lines, at, root) {
  let end = at + 1;
  while (end < lines.length && !/^\s*```\s*$/.test(lines[end])) end += 1;
  root.append(h("pre", { tabindex: "0" }, h("code", {}, shown(lines.slice(at + 1, end).join("\n")))));
  return end + 1;
}

function readRun(lines, at, mark, emit) {
  const run = [];
  let end = at;
  while (end < lines.length && mark.test(lines[end])) run.push(lines[end++].replace(mark, ""));
  emit(run);
  return end;
}

const STARTS_BLOCK = /^\s*(```|>|#{1,6}\s|[-*+]\s|\d+[.)]\s)/;

function readParagraph(lines, at, root) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() !== "" && !STARTS_BLOCK.test(lines[end])) end += 1;
  root.append(h("p", {}, withBreaks(lines.slice(at, end))));
  return end;
}

const item = (text) => h("li", {}, spans(text));
const withBreaks = (lines) => lines.flatMap((line, index) => (index ? [h("br"), ...spans(line)] : spans(line)));

const SPAN =
  /\\([\\`*_{}[\]()#+\-.!~>])|`([^`]+)`|\*\*([^*]+)\*\*|__([^_]+)__|\*([^*\s][^*]*)\*|\b_([^_]+)_\b|~~([^~]+)~~|!?\[([^\]]*)\]\(([^()\s]+)\)|(https?:\/\/[^\s<>)]+)/g;

function spans(text) {
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(SPAN)) {
    nodes.push(...shown(text.slice(at, match.index)), spanNode(match));
    at = match.index + match[0].length;
  }
  return [...nodes, ...shown(text.slice(at))];
}

function spanNode(match) {
  const [whole, escaped, code, stars, bars, star, bar, strike, label, target, bare] = match;
  if (escaped) return document.createTextNode(escaped);
  if (code) return h("code", {}, shown(code));
  if (stars || bars) return h("strong", { "data-mrkdwn": "bold" }, spans(stars ?? bars));
  if (star || bar) return h("em", { "data-mrkdwn": "italic" }, spans(star ?? bar));
  if (strike) return h("s", { "data-mrkdwn": "strike" }, shown(strike));
  const url = target ?? bare;
  // An image is a link too: nothing is loaded, and only addresses that could be opened come alive.
  return /^(https?:\/\/|mailto:)/i.test(url) ? linkNode(url, label || null) : h("span", {}, shown(whole));
}
