// Links that open nothing by themselves. A message may come from anyone, so a link here is a button that first shows the
// whole address; only http, https and mailto addresses can be opened at all, in a new tab that cannot reach this one.

import { h } from "./dom.js";
import { confirmDialog } from "./dialogs.js";
import { shown, shownString } from "./text.js";

const OPENABLE = /^(https?:|mailto:)/i;

/** A link in running text. The address is in `data-url` and in the tooltip, never in an href. */
export function linkNode(url, label) {
  const text = label ?? url;
  return h(
    "button",
    {
      type: "button",
      class: "link",
      role: "link",
      "data-mrkdwn": "link",
      "data-testid": "link",
      "data-url": url,
      title: shownString(url),
      onclick: () => openLink(url),
    },
    shown(text),
  );
}

/** Ask before leaving, showing where the link really goes. */
export async function openLink(url) {
  if (!OPENABLE.test(url)) return;
  const isAgreed = await confirmDialog({
    title: "Leave Local Slack?",
    body: [h("p", {}, "This link goes to:"), h("p", { class: "address" }, shown(url))],
    confirm: "Open in a new tab",
    deny: "Stay here",
    testid: "link-dialog",
  });
  if (isAgreed) window.open(url, "_blank", "noopener,noreferrer");
}
