// Block Kit to DOM. `renderBlocks(blocks, ctx)` is the whole surface; ctx = {directory, values, errors, act, suggest}: where
// values live, what the server said is wrong, and what to do when something is clicked. Blocks nobody knows are shown as a
// notice, never dropped: an app's author has to see that something is missing.

import { h, uniqueId } from "./dom.js";
import { imagePlaceholder, renderElement } from "./elements.js";
import { mrkdwnNodes, textObject } from "./inline.js";
import { linkNode } from "./links.js";
import { markdown } from "./markdown.js";
import { richText } from "./rich_text.js";
import { shown } from "./text.js";

const BUILDERS = {
  section,
  header,
  divider,
  context,
  actions,
  input,
  image,
  video,
  file,
  table,
  rich_text: (block, ctx) => richText(block, ctx.directory),
  markdown: (block) => markdown(block.text),
  context_actions: actions,
  task_card: taskCard,
  plan,
};

/** DOM for a list of blocks. */
export function renderBlocks(blocks, ctx) {
  return h(
    "div",
    { class: "blocks" },
    (blocks ?? []).map((block) => renderBlock(block, ctx)),
  );
}

function renderBlock(block, ctx) {
  const build = BUILDERS[block?.type] ?? unknown;
  const kind = block?.type ?? "none";
  return h(
    "div",
    {
      class: `block block-${BUILDERS[kind] ? kind : "unknown"}`,
      "data-block-id": block?.block_id,
      "data-block-type": kind,
    },
    build(block ?? {}, ctx),
  );
}

function unknown(block) {
  return h(
    "p",
    { class: "notice", "data-testid": "unknown-block" },
    `This page does not show “${block.type ?? "blocks without a type"}” blocks.`,
  );
}

function section(block, ctx) {
  const textId = uniqueId("section");
  const text = block.text
    ? h("div", { class: "section-text", id: textId }, textObject(block.text, ctx.directory))
    : null;
  const fields = block.fields
    ? h(
        "div",
        { class: "fields" },
        block.fields.map((field) => h("div", { class: "field-cell" }, textObject(field, ctx.directory))),
      )
    : null;
  if (!block.accessory) return [text, fields];
  // A button says what it does; a menu beside a text is named by that text.
  const isNamed = ["button", "overflow", "image"].includes(block.accessory.type);
  const accessory = renderElement(block.accessory, { block, ctx, labelId: text && !isNamed ? textId : undefined });
  return h(
    "div",
    { class: "section-row" },
    h("div", { class: "section-main" }, text, fields),
    h("div", { class: "accessory" }, accessory),
  );
}

function header(block, ctx) {
  return h("h4", { class: "block-title" }, textObject(block.text, ctx.directory));
}

function divider() {
  return h("hr");
}

function context(block, ctx) {
  return (block.elements ?? []).map((element) =>
    element.type === "image"
      ? imagePlaceholder(element)
      : h("span", { class: "context-item" }, textObject(element, ctx.directory)),
  );
}

function actions(block, ctx) {
  return (block.elements ?? []).map((element) => renderElement(element, { block, ctx }));
}

const GROUPS = new Set(["radio_buttons", "checkboxes"]);

function input(block, ctx) {
  const labelId = uniqueId("label");
  const hintId = block.hint ? uniqueId("hint") : undefined;
  const error = ctx.errors?.[block.block_id];
  const errorId = error ? uniqueId("error") : undefined;
  const element = block.element ?? {};
  const control = renderElement(element, {
    block,
    ctx,
    labelId,
    describedBy: [hintId, errorId].filter(Boolean).join(" ") || undefined,
    isInvalid: Boolean(error),
  });
  const isGroup = GROUPS.has(element.type);
  if (!isGroup && !control.id) control.id = uniqueId("control");
  return h(
    "div",
    { class: `field${error ? " has-error" : ""}` },
    h(
      isGroup ? "div" : "label",
      { class: "label", id: labelId, for: isGroup ? undefined : control.id },
      textObject(block.label, ctx.directory),
      block.optional ? h("span", { class: "optional" }, " (optional)") : null,
    ),
    control,
    block.hint ? h("p", { class: "hint", id: hintId }, textObject(block.hint, ctx.directory)) : null,
    error
      ? h(
          "p",
          { class: "field-error", id: errorId, "data-testid": "field-error", "data-block-id": block.block_id },
          shown(error),
        )
      : null,
  );
}

function image(block, ctx) {
  return h(
    "figure",
    { class: "image-block" },
    block.title ? h("figcaption", {}, textObject(block.title, ctx.directory)) : null,
    imagePlaceholder(block),
  );
}

function video(block, ctx) {
  return h(
    "div",
    { class: "card" },
    h("strong", {}, "Video: ", textObject(block.title, ctx.directory)),
    block.description ? h("p", {}, textObject(block.description, ctx.directory)) : null,
    h(
      "p",
      { class: "hint" },
      [block.provider_name, block.author_name].filter(Boolean).flatMap((name) => [...shown(name), " · "]),
      "not played here",
    ),
    block.title_url ? h("p", {}, linkNode(String(block.title_url), null)) : null,
    imagePlaceholder(block),
  );
}

function file(block) {
  return h(
    "div",
    { class: "card" },
    h("strong", {}, "Remote file "),
    shown(block.external_id ?? block.file_id ?? "without an id"),
  );
}

const TASK_MARKS = { pending: "○", in_progress: "◐", complete: "●", error: "✕" };

function taskCard(block, ctx) {
  const status = block.status ?? "pending";
  const part = (value) => (value?.type === "rich_text" ? richText(value, ctx.directory) : value ? shown(value) : null);
  return h(
    "div",
    { class: "card task", "data-testid": "task", "data-status": status },
    h("span", {}, `${TASK_MARKS[status] ?? "○"} `),
    h("strong", {}, shown(block.title ?? "")),
    h("span", { class: "hint" }, ` ${status.replaceAll("_", " ")}`),
    h("div", {}, part(block.details), " ", part(block.output)),
  );
}

function plan(block, ctx) {
  return h(
    "div",
    { class: "card" },
    h("strong", {}, shown(block.title ?? "")),
    (block.tasks ?? []).map((task) => taskCard(task, ctx)),
  );
}

function table(block, ctx) {
  const rows = block.rows ?? [];
  const cell = (tag) => (value, index) =>
    h(
      tag,
      { class: alignment(block.column_settings?.[index]?.align), scope: tag === "th" ? "col" : undefined },
      cellContent(value, ctx),
    );
  const [head, ...rest] = rows;
  if (!head) return h("p", { class: "notice" }, "An empty table.");
  return h(
    "div",
    { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "Table" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, head.map(cell("th")))),
      h(
        "tbody",
        {},
        rest.map((row) => h("tr", {}, row.map(cell("td")))),
      ),
    ),
  );
}

function alignment(align) {
  return { center: "align-center", right: "align-right" }[align];
}

function cellContent(value, ctx) {
  if (value?.type === "rich_text") return richText(value, ctx.directory);
  return value?.type === "mrkdwn" ? mrkdwnNodes(value.text, ctx.directory) : shown(value?.text ?? "");
}
