// rich_text blocks: sections, lists, quotes and preformatted text with their styled runs, mentions, links and emoji.

import { h } from "./dom.js";
import { emojiFor } from "./emoji.js";
import { broadcast, dateNode, emojiNode, mention, userMention } from "./inline.js";
import { linkNode } from "./links.js";
import { shown } from "./text.js";

/** DOM for a rich_text block. */
export function richText(block, directory) {
  return h(
    "div",
    { class: "rich-text" },
    (block.elements ?? []).map((element) => part(element, directory)),
  );
}

function part(element, directory) {
  const runs = () => (element.elements ?? []).map((run) => styledRun(run, directory));
  switch (element.type) {
    case "rich_text_section":
      return h("div", { class: "rich-section" }, runs());
    case "rich_text_quote":
      return h("blockquote", {}, runs());
    case "rich_text_preformatted":
      return h("pre", { tabindex: "0" }, h("code", {}, runs()));
    case "rich_text_list":
      return list(element, directory);
    default:
      return h("span", { class: "notice" }, `Unknown rich text part: ${element.type}`);
  }
}

function list(element, directory) {
  const isOrdered = element.style === "ordered";
  const node = h(isOrdered ? "ol" : "ul", {
    class: "rich-list",
    start: isOrdered ? (element.offset ?? 0) + 1 : undefined,
  });
  node.dataset.indent = String(Math.min(Number(element.indent) || 0, 8));
  node.append(...(element.elements ?? []).map((item) => h("li", {}, part(item, directory))));
  return node;
}

function styledRun(run, directory) {
  let node = plainRun(run, directory);
  const style = run.style ?? {};
  if (style.code) node = h("code", {}, node);
  if (style.bold) node = h("strong", {}, node);
  if (style.italic) node = h("em", {}, node);
  if (style.strike) node = h("s", {}, node);
  if (style.underline) node = h("u", {}, node);
  return node;
}

function plainRun(run, directory) {
  switch (run.type) {
    case "text":
      return h("span", {}, shown(run.text));
    case "link":
      return linkNode(String(run.url), run.text ?? null);
    case "user":
      return userMention(run.user_id, directory);
    case "channel":
      return mention("channel", `#${directory.channelName(run.channel_id) ?? run.channel_id}`, run.channel_id);
    case "usergroup":
      return mention("usergroup", `@${directory.groupHandle(run.usergroup_id) ?? run.usergroup_id}`, run.usergroup_id);
    case "broadcast":
      return broadcast(run.range);
    case "emoji":
      return emojiRun(run);
    case "date":
      return dateNode({
        seconds: Number(run.timestamp),
        format: run.format ?? "{date}",
        url: run.url,
        fallback: run.fallback,
      });
    case "color":
      return h("code", {}, shown(run.value));
    case "team":
      return mention("team", directory.teamName(run.team_id) ?? run.team_id, run.team_id);
    default:
      return h("span", { class: "notice" }, `Unknown text: ${run.type}`);
  }
}

function emojiRun(run) {
  const char = emojiFor(run.name ?? "") ?? fromUnicode(run.unicode);
  return char ? emojiNode(run.name, char) : h("span", {}, `:${run.name}:`);
}

function fromUnicode(codes) {
  if (!/^[0-9a-f]{2,6}(-[0-9a-f]{2,6})*$/i.test(codes ?? "")) return null;
  const points = codes.split("-").map((code) => Number.parseInt(code, 16));
  return points.every((point) => point <= 0x10ffff) ? String.fromCodePoint(...points) : null;
}
