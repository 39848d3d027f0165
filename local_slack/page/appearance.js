// Small decisions about looks that need no DOM: colours that came from data, initials, times of day.

const HEX = /^#?([0-9a-f]{6})$/i;

/** A CSS colour from data, or null: only six hex digits ever reach a style. */
export function safeColor(color) {
  const match = HEX.exec(color ?? "");
  return match ? `#${match[1].toLowerCase()}` : null;
}

/** Black or white, whichever reads better on `background` (WCAG relative luminance). */
export function textOn(background) {
  const channels = [1, 3, 5].map((at) => Number.parseInt(background.slice(at, at + 2), 16) / 255);
  const [r, g, b] = channels.map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#000000" : "#ffffff";
}

/** Up to two letters for an avatar. */
export function initials(name) {
  const words = String(name ?? "")
    .trim()
    .split(/[\s._-]+/u)
    .filter((word) => /[\p{L}\p{N}]/u.test(word));
  return (
    words
      .slice(0, 2)
      .map((word) => [...word][0])
      .join("")
      .toUpperCase() || "?"
  );
}

const FLAG_WORDS = {
  is_restricted: "guest",
  is_ultra_restricted: "single-channel guest",
  deleted: "deactivated",
  is_invited_user: "invited, not joined",
  email_unconfirmed: "e-mail not confirmed",
  is_bot: "bot",
  is_workflow_bot: "workflow",
  is_connector_bot: "connector",
  is_admin: "admin",
};

/** Flags as words a person reads; the weaker of two guest flags is left out. */
export function flagWords(flags = []) {
  const told = flags.includes("is_ultra_restricted") ? flags.filter((flag) => flag !== "is_restricted") : flags;
  return told.map((flag) => ({
    flag,
    words: FLAG_WORDS[flag] ?? String(flag).replace(/^is_/, "").replaceAll("_", " "),
  }));
}

/** The moment a message timestamp names. */
export function momentOf(ts) {
  return new Date(Number.parseFloat(ts) * 1000);
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

export const clockTime = (ts) => format(CLOCK, ts);
export const dayName = (ts) => format(DAY, ts);
export const fullTime = (ts) => format(FULL, ts);

function format(formatter, ts) {
  const moment = momentOf(ts);
  return Number.isNaN(moment.getTime()) ? "" : formatter.format(moment);
}

/** "1 reply", "3 replies". */
export function counted(count, one, many) {
  return `${count} ${count === 1 ? one : many}`;
}
