// What one can do with a message: react, reply in its thread, and a menu with apps' message shortcuts, edit and delete.
// The tools appear on hover, on focus, and always where there is no hover.

import { announce } from "./a11y.js";
import { formDialog, confirmDialog } from "./dialogs.js";
import { h } from "./dom.js";
import { REACTIONS, emojiFor } from "./emoji.js";
import { icon } from "./icons.js";
import { menuButton, showMenu } from "./popup.js";
import { shownString } from "./text.js";
import { toTyped } from "./typed.js";

/** The toolbar of a message; none for a deleted message. `node` is the message's element. */
export function messageTools(message, view, node) {
  if (message.subtype === "tombstone") return h("span", { hidden: true });
  if (message.ephemeral) return h("div", { class: "tools" }, dismissButton(view, message));
  const more = menuButton(
    { class: "tool", "aria-label": "More actions", title: "More actions", "data-testid": "message-menu" },
    icon("more"),
    () => menuItems(message, view, node, more),
  );
  return h(
    "div",
    { class: "tools", role: "group", "aria-label": "Message tools" },
    menuButton(
      { class: "tool tool-quick", "aria-label": "React", title: "React", "data-testid": "react" },
      icon("smile"),
      () => reactionItems(message, view),
    ),
    view.inThread
      ? null
      : h(
          "button",
          {
            type: "button",
            class: "tool tool-quick",
            "aria-label": "Reply in thread",
            title: "Reply in thread",
            "data-testid": "reply",
            onclick: () => reply(message, view),
          },
          icon("reply"),
        ),
    more,
  );
}

function reply(message, view) {
  view.openThread(message.thread_ts ?? message.ts);
}

function dismissButton(view, message) {
  return h(
    "button",
    {
      type: "button",
      class: "tool",
      "data-testid": "dismiss",
      "aria-label": "Dismiss this message",
      title: "Dismiss",
      onclick: () => view.dismiss(message),
    },
    icon("close"),
  );
}

function reactionItems(message, view) {
  return REACTIONS.map((name) => ({
    label: `${emojiFor(name)} ${name.replaceAll("_", " ")}`,
    data: { "data-name": name, "data-testid": "reaction-choice" },
    run: () => view.react(message, name),
  }));
}

function menuItems(message, view, node, button) {
  const shortcuts = (view.store.get("apps") ?? []).flatMap((app) =>
    (app.shortcuts ?? []).filter(isMessageShortcut).map((shortcut) => ({ app, shortcut })),
  );
  const isMine = !message.author?.is_bot && (message.author?.id ?? message.user) === view.store.get("route").as;
  return [
    ...(shortcuts.length ? [{ heading: "Apps" }] : []),
    ...shortcuts.map(({ app, shortcut }) => ({
      label: shownString(shortcut.name),
      hint: shownString(app.name),
      data: { "data-testid": "message-shortcut", "data-callback-id": shortcut.callback_id },
      run: () =>
        view.interactions.attempt("shortcut", {
          callback_id: shortcut.callback_id,
          type: shortcut.type,
          channel: view.channel,
          ts: message.ts,
        }),
    })),
    { heading: "This message" },
    ...(view.inThread
      ? []
      : [{ label: "Reply in thread", data: { "data-testid": "menu-reply" }, run: () => reply(message, view) }]),
    {
      label: "React…",
      data: { "data-testid": "menu-react" },
      run: () => showMenu(button, reactionItems(message, view)),
    },
    { label: "Copy its timestamp", hint: message.ts, run: () => copyText(message.ts) },
    ...(isMine
      ? [
          { label: "Edit", data: { "data-testid": "edit" }, run: () => editMessage(message, view) },
          {
            label: "Delete",
            isDanger: true,
            data: { "data-testid": "delete" },
            run: () => deleteMessage(message, view, node),
          },
        ]
      : []),
  ];
}

function copyText(text) {
  // A browser may refuse; the text stands in the menu anyway.
  navigator.clipboard?.writeText(text).then(
    () => announce("Copied"),
    () => announce("The browser did not allow copying"),
  );
}

/** Message shortcuts go by two names in Slack: "message" in a manifest, "message_action" in a payload. */
function isMessageShortcut(shortcut) {
  return shortcut.type === "message" || shortcut.type === "message_action";
}

function editMessage(message, view) {
  const directory = view.store.get("directory");
  formDialog({
    title: "Edit message",
    submit: "Save",
    testid: "edit-dialog",
    fields: [
      {
        name: "text",
        label: "Message",
        value: toTyped(message.text ?? "", directory),
        isMultiline: true,
        isRequired: true,
      },
    ],
    send: ({ text }) => view.api.post("edit", { channel: view.channel, ts: message.ts, text }),
  });
}

async function deleteMessage(message, view, node) {
  const isAgreed = await confirmDialog({
    title: "Delete this message?",
    body: ["Apps that have seen it hear that it is gone; what they kept stays with them."],
    confirm: "Delete",
    deny: "Keep",
    isDanger: true,
  });
  if (!isAgreed) return;
  const neighbour = node.previousElementSibling ?? node.nextElementSibling;
  if (await view.interactions.attempt("delete", { channel: view.channel, ts: message.ts })) neighbour?.focus?.();
}
