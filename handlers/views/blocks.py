"""The few Block Kit shapes that our views are made of, with Slack's limits beside them.

Two kinds of text: runs and plain objects, which take any string and never come alive, and `mrkdwn`, which takes only
`Markup` that this module made from numbers, ids it checked and our own plain words.
Limits: https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NewType

Block = dict[str, Any]
"""One Block Kit block or object, as plain JSON."""

MESSAGE_BLOCKS = 50
MESSAGE_SIZE = 12_000
"""Characters of text in one message, below the 13,200 or so at which Slack answers `msg_blocks_too_long`."""
VIEW_BLOCKS = 100
HEADER_LENGTH = 150
TEXT_LENGTH = 3000
BUTTON_LABEL_LENGTH = 75

Markup = NewType("Markup", str)

_USER_ID = re.compile(r"[UW][A-Z0-9]{2,20}")
_OWN_WORDS = re.compile(r"(?:[🔴🟠🟡🟢] )?[A-Za-z0-9][A-Za-z0-9 ,.'()/#%-]*")
_OWN_WORDS_LENGTH = 80
_DATE_FORMAT = "{date_short_pretty} at {time}"


def size(blocks: Sequence[Block]) -> int:
    """Characters of text that the blocks hold in all."""
    return sum(map(len, _strings(list(blocks))))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            # Whether Slack counts ids and fallbacks as well is not documented; names of types it surely does not.
            if name != "type":
                yield from _strings(item)


def plain(text: str) -> Block:
    """A text object in which nothing comes alive, emoji names included."""
    return {"type": "plain_text", "text": text, "emoji": False}


def mrkdwn(markup: Markup) -> Block:
    """A text object with markup of ours; `verbatim` keeps Slack from linking anything by itself."""
    return {"type": "mrkdwn", "text": markup, "verbatim": True}


def utc(at: datetime) -> str:
    """A moment as everyone reads it alike: 2026-03-25 13:46 UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def date_token(at: datetime) -> Markup:
    """A moment in the reader's own time zone."""
    return Markup(f"<!date^{int(at.timestamp())}^{_DATE_FORMAT}|{utc(at)}>")


def moment(at: datetime, lead: str = "") -> Block:
    """A date for a context line, after a few words of ours."""
    return mrkdwn(Markup(f"{own(lead)} {date_token(at)}" if lead else date_token(at)))


def own(words: str) -> Markup:
    """A few of our own words as markup. Raises ValueError for anything but letters, digits and harmless marks."""
    if len(words) > _OWN_WORDS_LENGTH or not _OWN_WORDS.fullmatch(words):
        raise ValueError("not plain words; show it as plain text")
    return Markup(words)


def strong(words: str, after: str = "") -> Block:
    """A bold label with a value under it; plain where either is more than simple words of ours."""
    try:
        return mrkdwn(Markup(f"*{own(words)}*" + (f"\n{own(after)}" if after else "")))
    except ValueError:
        return plain(f"{words}\n{after}" if after else words)


def header(text: str) -> Block:
    return {"type": "header", "text": plain(text)}


def section(text: Block, accessory: Block | None = None) -> Block:
    return {"type": "section", "text": text} | ({"accessory": accessory} if accessory else {})


def fields(cells: Sequence[Block]) -> Block:
    """Two columns; Slack takes at most ten cells."""
    return {"type": "section", "fields": list(cells)}


def context(*elements: Block) -> Block:
    """Small grey facts on one line; Slack takes at most ten."""
    return {"type": "context", "elements": list(elements)}


def divider() -> Block:
    return {"type": "divider"}


def actions(*buttons: Block) -> Block:
    return {"type": "actions", "elements": list(buttons)}


def button(label: str, action_id: str, value: str, *, style: str | None = None, confirm: Block | None = None) -> Block:
    """A button; `value` is an opaque id that the server looks up, never more."""
    made: Block = {"type": "button", "text": plain(label), "action_id": action_id, "value": value}
    if style:
        made["style"] = style
    if confirm:
        made["confirm"] = confirm
    return made


def confirmation(title: str, text: str, confirm: str, *, is_dangerous: bool) -> Block:
    """The question Slack asks before a click counts."""
    return {
        "title": plain(title),
        "text": plain(text),
        "confirm": plain(confirm),
        "deny": plain("Cancel"),
        "style": "danger" if is_dangerous else "primary",
    }


def say(text: str, *, bold: bool = False, italic: bool = False, code: bool = False) -> Block:
    """A run of rich text: literal, whatever it holds."""
    style = {name: True for name, on in (("bold", bold), ("italic", italic), ("code", code)) if on}
    return {"type": "text", "text": text} | ({"style": style} if style else {})


def person(user_id: str | None, label: str) -> Block:
    """Someone of ours: a mention if Slack could have made that id, else the name as plain words."""
    if user_id and _USER_ID.fullmatch(user_id):
        return {"type": "user", "user_id": user_id}
    return say(label or "someone")


def link(url: str, words: str) -> Block:
    """A run that opens one of our own pages; never made of anything that somebody else wrote."""
    return {"type": "link", "url": url, "text": words}


def when(at: datetime) -> Block:
    """A run that shows a moment in the reader's own time zone."""
    return {"type": "date", "timestamp": int(at.timestamp()), "format": _DATE_FORMAT, "fallback": utc(at)}


def line(*runs: Block) -> Block:
    return {"type": "rich_text_section", "elements": list(runs)}


def labelled(label: str, *runs: Block) -> Block:
    """`Label  value` on one line, the label bold."""
    return line(say(f"{label}  ", bold=True), *runs)


def quote(text: str) -> Block:
    """Someone's words, barred off so that they cannot pass for the card's own."""
    return {"type": "rich_text_quote", "elements": [say(text)]}


def preformatted(text: str) -> Block:
    return {"type": "rich_text_preformatted", "elements": [say(text)]}


def bullets(lines: Iterable[Block]) -> Block:
    return {"type": "rich_text_list", "style": "bullet", "elements": list(lines)}


def rich(*parts: Block) -> Block:
    return {"type": "rich_text", "elements": list(parts)}
