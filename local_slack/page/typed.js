// Message text as one would have typed it, for editing. The other direction (escapes, mentions, links) is the server's:
// it stores what a person typed the way Slack's own client sends it.

import { unescape } from "./mrkdwn.js";

/** Stored Slack text back to what stands in a composer. */
export function toTyped(text, directory) {
  const plain = text.replace(/<([^<>]+)>/g, (_, body) => {
    const [target, label] = body.split("|");
    if (target.startsWith("@")) return `@${directory.user(target.slice(1))?.handle ?? label ?? target.slice(1)}`;
    if (target.startsWith("#")) return `#${directory.channelName(target.slice(1)) ?? label ?? target.slice(1)}`;
    if (target.startsWith("!subteam^"))
      return `@${directory.groupHandle(target.slice("!subteam^".length)) ?? label ?? target}`;
    if (/^!(here|channel|everyone)$/.test(target)) return `@${target.slice(1)}`;
    return label ?? target;
  });
  return unescape(plain);
}
