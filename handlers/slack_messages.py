"""A `message` event as what it means: posted, edited, deleted, or nothing to us. Pure; no Slack call.

Only ids that Slack asserts are kept apart from what people wrote: names, icons, headers and texts are the sender's
words (https://docs.slack.dev/reference/events/message lists the subtypes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from handlers.slack_text import as_written

SLACKBOT = "USLACKBOT"
_SAID = frozenset({None, "", "file_share", "bot_message", "me_message", "thread_broadcast"})
_MAX_FILES = 100


@dataclass(frozen=True)
class Posted:
    """Something somebody wrote."""

    channel: str
    ts: str
    thread_ts: str | None
    """None for a top-level message."""
    user: str | None
    """Slack's id of the account that posted it; with another origin than 'person', it names who is behind a post and
    proves nothing about who decided to make it."""
    team: str | None
    label: str
    """What the author is called, as they say."""
    origin: str
    """'person', 'email', 'workflow' or 'bot'."""
    text: str
    subject: str | None
    files: tuple[tuple[str, str], ...]
    edited_ts: str | None

    @property
    def root_ts(self) -> str:
        """The message that heads the thread."""
        return self.thread_ts or self.ts

    @property
    def is_empty(self) -> bool:
        """Nothing was said at all."""
        return not self.text.strip() and not self.files


@dataclass(frozen=True)
class Edited:
    """A message as it reads after an edit."""

    after: Posted


@dataclass(frozen=True)
class Deleted:
    """A message was taken back."""

    channel: str
    ts: str
    before: Posted | None


@dataclass(frozen=True)
class Nothing:
    """An event that is no message of anybody's."""

    why: str


Said = Posted | Edited | Deleted | Nothing


def read_message(event: Mapping[str, Any], *, own_bot_id: str, own_user_id: str) -> Said:
    """What a message event means to us. Never raises: what cannot be read is `Nothing` with the reason."""
    channel, subtype = event.get("channel"), event.get("subtype")
    if not isinstance(channel, str) or not channel:
        return Nothing("the event names no channel")
    if subtype == "message_changed":
        return _changed(event, channel, own_bot_id, own_user_id)
    if subtype == "message_deleted":
        return _deleted(event, channel, own_bot_id, own_user_id)
    return _posted(event, channel, own_bot_id, own_user_id)


def moment_of(ts: str) -> datetime:
    """The time a Slack timestamp stands for. Raises ValueError."""
    seconds, _, rest = ts.partition(".")
    return datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int((rest + "000000")[:6]))


def _changed(event: Mapping[str, Any], channel: str, own_bot_id: str, own_user_id: str) -> Said:
    inner, before = event.get("message"), event.get("previous_message")
    if not isinstance(inner, Mapping):
        return Nothing("the edit holds no message")
    if inner.get("subtype") == "tombstone":  # A parent that was deleted while its replies stay.
        return _deleted({**event, "deleted_ts": inner.get("ts")}, channel, own_bot_id, own_user_id)
    after = _posted(inner, channel, own_bot_id, own_user_id)
    if not isinstance(after, Posted):
        return after
    if after.edited_ts is None:
        # Slack sends the same event when it unfurls a link; nobody changed what they said.
        return Nothing("the message was not edited by anyone")
    if isinstance(before, Mapping) and _text(before) == after.text and _edited_ts(before) == after.edited_ts:
        return Nothing("the edit changed no text")
    return Edited(after)


def _deleted(event: Mapping[str, Any], channel: str, own_bot_id: str, own_user_id: str) -> Said:
    ts = event.get("deleted_ts")
    if not is_timestamp(ts):
        return Nothing("the deletion names no message")
    before = event.get("previous_message")
    known = _posted(before, channel, own_bot_id, own_user_id) if isinstance(before, Mapping) else None
    if isinstance(known, Nothing) and "our own" in known.why:
        return known
    return Deleted(channel, str(ts), known if isinstance(known, Posted) else None)


def _posted(event: Mapping[str, Any], channel: str, own_bot_id: str, own_user_id: str) -> Posted | Nothing:
    ts, subtype = event.get("ts"), event.get("subtype")
    if not is_timestamp(ts):
        return Nothing("the message has no timestamp")
    if not isinstance(subtype, str | None) or subtype not in _SAID:
        return Nothing(f"subtype {str(subtype)[:40]} is not something somebody said")
    if event.get("bot_id") == own_bot_id or event.get("user") == own_user_id:
        return Nothing("it is our own message")
    thread_ts = event.get("thread_ts")
    mail = _mail(event)
    origin = "email" if mail is not None else _origin(event)
    user = event.get("user") if mail is None else None
    return Posted(
        channel=channel,
        ts=str(ts),
        thread_ts=str(thread_ts) if is_timestamp(thread_ts) and thread_ts != ts else None,
        user=user if isinstance(user, str) and user != SLACKBOT else None,
        team=_first_text(event, "user_team", "source_team", "team"),
        label=_label(event, mail),
        origin=origin,
        text=_text(event) if mail is None else _mail_text(event, mail),
        subject=None if mail is None else _first_text(mail, "subject", "title", "name"),
        files=_files(event, mail),
        edited_ts=_edited_ts(event),
    )


def _origin(event: Mapping[str, Any]) -> str:
    if event.get("subtype") == "bot_message" and not event.get("user"):
        return "workflow" if not event.get("app_id") else "bot"
    # A bot's post can come with a user and no subtype: the bot_id is what tells.
    if event.get("bot_id") or event.get("bot_profile") or event.get("user") == SLACKBOT:
        return "bot"
    return "person" if isinstance(event.get("user"), str) and event["user"] else "bot"


def _mail(event: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The e-mail in an e-mail-to-channel post: from Slackbot, as a file of mode 'email'."""
    if event.get("user") != SLACKBOT:
        return None
    files = event.get("files")
    found = [file for file in files if isinstance(file, Mapping)] if isinstance(files, list) else []
    return next((file for file in found if file.get("mode") == "email"), None)


def _label(event: Mapping[str, Any], mail: Mapping[str, Any] | None) -> str:
    if mail is not None:
        senders = mail.get("from")
        sender = senders[0] if isinstance(senders, list) and senders and isinstance(senders[0], Mapping) else {}
        return _first_text(sender, "original", "address", "name") or "an e-mail without a sender"
    profile = event.get("bot_profile")
    named = _first_text(profile, "name") if isinstance(profile, Mapping) else None
    return _first_text(event, "username") or named or _first_text(event, "user", "bot_id") or "unknown"


def _mail_text(event: Mapping[str, Any], mail: Mapping[str, Any]) -> str:
    return _first_text(mail, "plain_text", "preview_plain_text", "preview") or _text(event)


def _text(event: Mapping[str, Any]) -> str:
    text = event.get("text")
    if isinstance(text, str) and text.strip():
        return as_written(text)
    # Apps may leave `text` empty and say it all in attachments.
    attachments = event.get("attachments")
    parts = [
        _first_text(one, "text", "fallback", "pretext", "title") or ""
        for one in (attachments if isinstance(attachments, list) else [])
        if isinstance(one, Mapping)
    ]
    return "\n".join(part for part in parts if part)


def _files(event: Mapping[str, Any], mail: Mapping[str, Any] | None) -> tuple[tuple[str, str], ...]:
    found = event.get("files")
    listed = [file for file in found if isinstance(file, Mapping)] if isinstance(found, list) else []
    if mail is not None:
        inside = mail.get("attachments")
        listed = [file for file in inside if isinstance(file, Mapping)] if isinstance(inside, list) else []
    return tuple(
        (
            _first_text(file, "name", "filename", "title") or "unnamed",
            _first_text(file, "mimetype", "filetype") or "unknown",
        )
        for file in listed[:_MAX_FILES]
    )


def _edited_ts(event: Mapping[str, Any]) -> str | None:
    edited = event.get("edited")
    ts = edited.get("ts") if isinstance(edited, Mapping) else None
    return str(ts) if is_timestamp(ts) else None


def _first_text(source: Mapping[str, Any], *names: str) -> str | None:
    for name in names:
        value = source.get(name)
        if isinstance(value, str) and value.strip():
            return value
    return None


def is_timestamp(value: object) -> bool:
    """Whether this is one of Slack's timestamps, such as '1700000000.000100'."""
    if not isinstance(value, str):
        return False
    seconds, dot, rest = value.partition(".")
    is_number = value.isascii() and dot == "." and seconds.isdecimal() and rest.isdecimal()
    # Far outside what a calendar holds, a forged timestamp would stop the job that reads it.
    return is_number and len(seconds) <= 11
