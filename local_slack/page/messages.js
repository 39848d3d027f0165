// One message as an article: who wrote it and from which company, its text or blocks, files, reactions, its thread, and
// the marks a reader needs (APP, outside company, edited, only visible to you). The tools of a message are in
// message_tools.js; lists of messages in conversation.js.

import { clockTime, counted, fullTime, safeColor } from "./appearance.js";
import { renderBlocks } from "./blocks.js";
import { h, uniqueId } from "./dom.js";
import { emojiFor } from "./emoji.js";
import { icon } from "./icons.js";
import { mrkdwnNodes } from "./inline.js";
import { linkNode } from "./links.js";
import { messageTools } from "./message_tools.js";
import { avatar, companyBadge, flagBadges } from "./people.js";
import { shown, shownString } from "./text.js";
import { ValueBook } from "./values.js";

/**
 * Render a message. `view` = {store, interactions, channel, isShared, inThread, openThread, books, edit}: `books` keeps
 * what was entered in a message's inputs across redraws.
 */
export function renderMessage(message, view) {
  const nameId = uniqueId("author");
  const node = h("article", {
    class: `message${message.ephemeral ? " is-ephemeral" : ""}`,
    tabindex: "-1",
    "aria-labelledby": nameId,
    "data-testid": "message",
    "data-ts": message.ts,
    "data-channel": view.channel,
    "data-ephemeral": message.ephemeral ? "true" : undefined,
    "data-author": message.author?.id ?? message.user,
  });
  const author = authorOf(message, view);
  node.append(
    avatar({ name: author.name, color: author.color, isApp: author.isBot }),
    h(
      "div",
      { class: "message-body" },
      message.ephemeral
        ? h("p", { class: "only-you", "data-testid": "only-you" }, icon("eye"), " Only visible to you")
        : null,
      head(message, author, nameId, view),
      h("div", { class: "message-content", "data-testid": "message-content" }, content(message, view)),
      reactions(message, view),
      threadLine(message, view),
    ),
    messageTools(message, view, node),
  );
  return node;
}

/** Who wrote a message, as far as the server says. */
function authorOf(message, { store }) {
  const directory = store.get("directory");
  const said = message.author ?? {};
  const user = directory.user(said.id ?? message.user);
  const teamId = said.team_id ?? user?.team_id;
  const isBot = said.is_bot ?? Boolean(message.bot_id);
  return {
    name: said.name || message.username || directory.userName(message.user) || "Unknown",
    color: user?.color,
    isBot,
    flags: user?.flags ?? [],
    team: directory.team(teamId) ?? (said.team_name ? { id: teamId, name: said.team_name } : null),
    isOutside: teamId ? directory.isOutside(teamId, store.get("team")?.id) : Boolean(said.is_external),
  };
}

function head(message, author, nameId, view) {
  const isCompanyShown = author.isOutside || (view.isShared && !author.isBot);
  return h(
    "div",
    { class: "message-head" },
    h("h3", { class: "author", id: nameId, "data-testid": "author" }, shown(author.name)),
    author.isBot ? h("span", { class: "flag flag-app", "data-testid": "app-mark" }, "APP") : null,
    isCompanyShown ? companyBadge(author.team, { isOutside: author.isOutside }) : null,
    flagBadges(author.flags.filter((flag) => !/bot|app|admin/.test(flag))),
    h(
      "time",
      { class: "message-time", datetime: isoTime(message.ts), title: fullTime(message.ts) },
      clockTime(message.ts),
    ),
    message.edited
      ? h(
          "span",
          { class: "edited", "data-testid": "edited", title: `Edited ${fullTime(message.edited.ts)}` },
          "(edited)",
        )
      : null,
  );
}

function isoTime(ts) {
  const date = new Date(Number.parseFloat(ts) * 1000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function content(message, view) {
  if (message.subtype === "tombstone") return h("p", { class: "hint" }, "This message was deleted.");
  const directory = view.store.get("directory");
  const isText = !message.blocks?.length;
  return [
    isText && message.text
      ? h("div", { class: "message-text", "data-testid": "message-text" }, mrkdwnNodes(message.text, directory))
      : null,
    isText ? null : renderBlocks(message.blocks, contextFor(message, view)),
    (message.attachments ?? []).map((attachment) => attachmentCard(attachment, message, view)),
    files(message.files, directory),
    message.streaming_state === "in_progress"
      ? h("p", { class: "hint writing", "data-testid": "still-writing" }, "Still writing…")
      : null,
  ];
}

function contextFor(message, view) {
  return view.interactions.context({
    container: { type: "message", channel: view.channel, ts: message.ts },
    values: bookFor(message, view),
  });
}

function bookFor(message, { books }) {
  if (!books.has(message.ts)) books.set(message.ts, new ValueBook());
  return books.get(message.ts);
}

function attachmentCard(attachment, message, view) {
  const directory = view.store.get("directory");
  const node = h(
    "div",
    { class: "attachment" },
    attachment.pretext ? h("div", {}, mrkdwnNodes(attachment.pretext, directory)) : null,
    attachment.author_name ? h("div", { class: "hint" }, shown(attachment.author_name)) : null,
    attachment.title
      ? h(
          "strong",
          {},
          attachment.title_link ? linkNode(String(attachment.title_link), attachment.title) : shown(attachment.title),
        )
      : null,
    attachment.blocks ? renderBlocks(attachment.blocks, contextFor(message, view)) : null,
    attachment.text ? h("div", {}, mrkdwnNodes(attachment.text, directory)) : null,
    !attachment.blocks && !attachment.text && attachment.fallback ? shown(attachment.fallback) : null,
    (attachment.fields ?? []).map((field) =>
      h("div", {}, h("strong", {}, shown(field.title)), " ", mrkdwnNodes(field.value, directory)),
    ),
    attachment.footer ? h("div", { class: "hint" }, shown(attachment.footer)) : null,
  );
  const color = safeColor(attachment.color);
  if (color) node.style.borderInlineStartColor = color;
  return node;
}

function files(list = [], directory) {
  if (!list.length) return null;
  return h(
    "ul",
    { class: "files", "aria-label": counted(list.length, "file", "files") },
    list.map((file) => h("li", {}, fileNode(file, directory))),
  );
}

function fileNode(file, directory) {
  if (file.mode === "email") return emailCard(file, directory);
  return file.is_picture ? picture(file) : fileChip(file);
}

// Only addresses of our own server are loaded; the content security policy allows no others.
function picture(file) {
  return h(
    "figure",
    { class: "picture", "data-testid": "picture" },
    h("img", { src: file.client_url, alt: shownString(file.alt_txt || "No description") }),
    h("figcaption", {}, fileChip(file)),
  );
}

function fileChip(file) {
  const kind = file.mimetype || file.filetype || "unknown type";
  const name = shown(file.title || file.name || "file");
  return h(
    "span",
    { class: "file-chip", "data-testid": "file" },
    icon("clip"),
    " ",
    file.client_url
      ? h("a", { href: file.client_url, download: file.name, "data-testid": "file-download" }, name)
      : h("strong", {}, name),
    h("span", { class: "hint" }, shown(` ${kind}`), file.size ? ` · ${sizeOf(file.size)}` : ""),
  );
}

function sizeOf(bytes) {
  if (bytes < 1000) return counted(bytes, "byte", "bytes");
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

// The headers are the sender's own words, so they are labelled as claims and shown verbatim.
function emailCard(file) {
  const from = (file.from ?? []).map((sender) => sender.original ?? sender.address ?? "").join(", ");
  return h(
    "div",
    { class: "card email-card", "data-testid": "email" },
    h("p", { class: "hint" }, "E-mail · sender not verified"),
    h("p", {}, h("strong", {}, "From: "), shown(from || "not given")),
    h("p", {}, h("strong", {}, "Subject: "), shown(file.subject || file.title || file.name || "none")),
    h(
      "pre",
      { class: "email-text", tabindex: "0" },
      shown(file.plain_text ?? file.preview_plain_text ?? file.preview ?? ""),
    ),
  );
}

function reactions(message, view) {
  const list = message.reactions ?? [];
  if (!list.length) return null;
  const me = view.store.get("route").as;
  return h(
    "div",
    { class: "reactions" },
    list.map(({ name, users = [], count }) => {
      const isMine = users.includes(me);
      const label = `${counted(count ?? users.length, "person reacted", "people reacted")} with ${name}${isMine ? ", you too" : ""}`;
      return h(
        "button",
        {
          type: "button",
          class: "reaction",
          "aria-pressed": String(isMine),
          "aria-label": label,
          "data-testid": "reaction",
          "data-name": name,
          onclick: () => view.react(message, name),
        },
        emojiFor(name) ?? `:${shownString(name)}:`,
        " ",
        String(count ?? users.length),
      );
    }),
  );
}

function threadLine(message, view) {
  if (!message.reply_count || view.inThread) return null;
  return h(
    "button",
    {
      type: "button",
      class: "link thread-link",
      "data-testid": "thread-link",
      onclick: () => view.openThread(message.ts),
    },
    counted(message.reply_count, "reply", "replies"),
  );
}
