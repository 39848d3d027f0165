// The tools menu: things that reach a workspace without a person typing them in a channel (an e-mail to a channel, a
// workflow's post), and the apps' global shortcuts.

import { toast } from "./a11y.js";
import { formDialog } from "./dialogs.js";
import { menuButton } from "./popup.js";
import { shownString } from "./text.js";

/** The menu button for the top bar. */
export function toolsMenu({ store, api, interactions, sync }) {
  const items = () => [
    { heading: "Bring something in" },
    {
      label: "Send an e-mail to a channel",
      data: { "data-testid": "tool-email" },
      run: () => sendEmail({ store, api }),
    },
    {
      label: "Post as a workflow",
      data: { "data-testid": "tool-workflow" },
      run: () => postAsWorkflow({ store, api }),
    },
    ...globalShortcuts({ store, interactions }),
    { heading: "This person's client" },
    {
      label: "Restart it",
      hint: "forgets private notices and open modals, as Slack does",
      data: { "data-testid": "tool-reload" },
      run: () => restart({ api, sync }),
    },
  ];
  return menuButton({ class: "button topbar-button", "data-testid": "tools" }, "Tools", items);
}

// A reload of this page keeps them: several tabs may be the same person.
async function restart({ api, sync }) {
  try {
    await api.post("reload");
    await sync.refreshAll();
  } catch (problem) {
    toast(problem.message, "problem");
  }
}

function globalShortcuts({ store, interactions }) {
  const found = (store.get("apps") ?? []).flatMap((app) =>
    (app.shortcuts ?? []).filter(({ type }) => type === "global").map((shortcut) => ({ app, shortcut })),
  );
  if (found.length === 0) return [];
  return [
    { heading: "Shortcuts" },
    ...found.map(({ app, shortcut }) => ({
      label: shownString(shortcut.name),
      hint: shownString(app.name),
      data: { "data-testid": "global-shortcut", "data-callback-id": shortcut.callback_id },
      run: () => interactions.attempt("shortcut", { callback_id: shortcut.callback_id, type: shortcut.type }),
    })),
  ];
}

function channelField(store, name, preferred) {
  const channels = (store.get("channels") ?? []).filter((channel) => !channel.is_im);
  const value = (channels.find((channel) => channel.name === preferred) ?? channels[0])?.id ?? "";
  return {
    name,
    label: "Channel",
    options: channels.map((channel) => ({ value: channel.id, text: `#${channel.name}` })),
    value,
  };
}

function sendEmail({ store, api }) {
  return formDialog({
    title: "Send an e-mail to a channel",
    submit: "Send",
    testid: "email-dialog",
    intro: "It arrives the way Slack posts mail that was sent to a channel's address. Anyone can write any sender.",
    fields: [
      channelField(store, "to_channel", "inbox"),
      { name: "from", label: "From", value: "mallory@external.example", isRequired: true },
      { name: "subject", label: "Subject", isRequired: true },
      { name: "text", label: "Text", isMultiline: true, isRequired: true },
    ],
    send: async (values) => {
      await api.post("email", values);
      toast("The e-mail was sent");
    },
  });
}

function postAsWorkflow({ store, api }) {
  const here = store.get("directory")?.channelName(store.get("route").channel);
  return formDialog({
    title: "Post as a workflow",
    submit: "Post",
    testid: "workflow-dialog",
    intro: "A workflow's post has a name anyone may choose and often no user behind it.",
    fields: [
      channelField(store, "channel", here),
      { name: "username", label: "Name", value: "Security Team", isRequired: true },
      { name: "text", label: "Text", isMultiline: true, isRequired: true },
    ],
    send: (values) => api.post("workflow_post", values),
  });
}
