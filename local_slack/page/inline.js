// From parsed text to DOM: mrkdwn trees, text objects and the pieces they share with rich_text (mentions, links, dates,
// emoji). Whatever came alive carries `data-mrkdwn` with its kind, so a test or a person can tell live markup from text.

import { h } from "./dom.js";
import { parseMrkdwn, parseShortcodes } from "./mrkdwn.js";
import { linkNode } from "./links.js";
import { shown } from "./text.js";

/** Nodes for a mrkdwn string; `directory` turns ids into names. */
export function mrkdwnNodes(source, directory, options = {}) {
  return parseMrkdwn(String(source ?? ""), options).map((node) => inlineNode(node, directory));
}

/** Nodes for a Block Kit text object: mrkdwn comes alive, plain_text stays verbatim (shortcodes only if it says emoji). */
export function textObject(object, directory) {
  if (!object) return [];
  if (typeof object === "string") return shown(object);
  if (object.type === "mrkdwn") return mrkdwnNodes(object.text, directory, { isVerbatim: object.verbatim === true });
  const nodes =
    object.emoji === true ? parseShortcodes(String(object.text ?? "")) : [{ type: "text", text: object.text }];
  return nodes.map((node) => inlineNode(node, directory));
}

/** A text object as a plain string, for labels that cannot hold elements. */
export function textString(object) {
  return typeof object === "string" ? object : String(object?.text ?? "");
}

/** One parsed node (and its children) as DOM. */
export function inlineNode(node, directory) {
  const children = () => (node.children ?? []).map((child) => inlineNode(child, directory));
  switch (node.type) {
    case "bold":
      return h("strong", { "data-mrkdwn": "bold" }, children());
    case "italic":
      return h("em", { "data-mrkdwn": "italic" }, children());
    case "strike":
      return h("s", { "data-mrkdwn": "strike" }, children());
    case "quote":
      return h("blockquote", { "data-mrkdwn": "quote" }, children());
    case "code":
      return h("code", { "data-mrkdwn": "code" }, shown(node.text));
    case "pre":
      return h("pre", { "data-mrkdwn": "pre", tabindex: "0" }, h("code", {}, shown(node.text)));
    case "break":
      return h("br");
    case "emoji":
      return emojiNode(node.name, node.char);
    case "link":
      return linkNode(node.url, node.label);
    case "user":
      return userMention(node.id, directory, node.label);
    case "channel":
      return mention("channel", `#${directory.channelName(node.id) ?? node.label ?? node.id}`, node.id);
    case "usergroup":
      return mention(
        "usergroup",
        `@${directory.groupHandle(node.id) ?? node.label?.replace(/^@/, "") ?? node.id}`,
        node.id,
      );
    case "broadcast":
      return broadcast(node.name);
    case "date":
      return dateNode(node);
    default:
      return fragment(shown(node.text));
  }
}

/** A person's mention as a chip; an id nobody has stays visible as the id. */
export function userMention(id, directory, label = null) {
  return mention("user", `@${directory.userName(id) ?? label ?? id}`, id);
}

/** @here, @channel, @everyone: loud on purpose, it would have notified people. */
export function broadcast(name) {
  return h(
    "span",
    { class: "mention mention-broadcast", "data-mrkdwn": "broadcast", title: "Notifies everyone in the channel" },
    `@${name}`,
  );
}

/** An emoji with its short name for people who cannot see it. */
export function emojiNode(name, char) {
  return h(
    "span",
    { class: "emoji", role: "img", "aria-label": `:${name}:`, title: `:${name}:`, "data-mrkdwn": "emoji" },
    char,
  );
}

/** A channel, user or group mention. */
export function mention(kind, text, id) {
  return h("span", { class: `mention mention-${kind}`, "data-mrkdwn": kind, "data-id": id }, shown(text));
}

/** <!date^…> and rich_text's date element, in the reader's own time zone. */
export function dateNode({ seconds, format, url, fallback }) {
  const text = formatDate(seconds, format) ?? fallback ?? "";
  if (url) return linkNode(url, text);
  return h(
    "time",
    { class: "date-token", datetime: new Date(seconds * 1000).toISOString(), title: fallback, "data-mrkdwn": "date" },
    shown(text),
  );
}

const DATE_FORMATS = {
  date_num: { year: "numeric", month: "2-digit", day: "2-digit" },
  date: { year: "numeric", month: "long", day: "numeric" },
  date_slash: { year: "numeric", month: "2-digit", day: "2-digit" },
  date_short: { year: "numeric", month: "short", day: "numeric" },
  date_long: { weekday: "long", year: "numeric", month: "long", day: "numeric" },
  time: { hour: "2-digit", minute: "2-digit" },
  time_secs: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
};

function formatDate(seconds, format) {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return null;
  return format.replace(/\{(\w+)\}/g, (whole, name) => {
    if (name === "ago") return agoText(date);
    const options = DATE_FORMATS[name.replace("_pretty", "")];
    return options ? new Intl.DateTimeFormat(undefined, options).format(date) : whole;
  });
}

function agoText(date) {
  const minutes = Math.round((date.getTime() - Date.now()) / 60000);
  const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  if (Math.abs(minutes) < 60) return relative.format(minutes, "minute");
  if (Math.abs(minutes) < 60 * 48) return relative.format(Math.round(minutes / 60), "hour");
  return relative.format(Math.round(minutes / 1440), "day");
}

function fragment(nodes) {
  const holder = document.createDocumentFragment();
  holder.append(...nodes);
  return holder;
}
