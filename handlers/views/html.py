"""Block Kit as HTML, for pages that show what a card in Slack shows: the same blocks, drawn by a browser.

Every text is escaped, and a kind of block or run that is not known here is an error: what a person approves must never
be short of something that their card had.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from handlers.views.blocks import Block

Names = Mapping[str, str]
"""Slack user id -> name, for mentions."""

_DATE = re.compile(r"<!date\^(\d+)\^[^|>]*\|([^>]*)>")


def blocks_html(blocks: Sequence[Block], names: Names) -> str:
    """The blocks of a card, in their order. Raises LookupError for what cannot be drawn."""
    return "\n".join(_block(block, names) for block in blocks)


def _block(block: Block, names: Names) -> str:
    match block["type"]:
        case "header":
            return f"<h2>{_text(block['text'])}</h2>"
        case "rich_text":
            return "\n".join(_part(part, names) for part in block["elements"])
        case "context":
            return f'<p class="small">{" · ".join(_text(one) for one in block["elements"])}</p>'
        case "divider":
            return "<hr>"
        case kind:
            raise LookupError(f"no way to draw a block of type {kind}")


def _part(part: Block, names: Names) -> str:
    match part["type"]:
        case "rich_text_section":
            return f"<p>{_runs(part['elements'], names)}</p>"
        case "rich_text_quote":
            return f"<blockquote>{_runs(part['elements'], names)}</blockquote>"
        case "rich_text_preformatted":
            # Not left to right by its first strong letter: a value is read as it is stored.
            return f'<pre dir="ltr">{_runs(part["elements"], names)}</pre>'
        case "rich_text_list":
            items = "".join(f"<li>{_runs(one['elements'], names)}</li>" for one in part["elements"])
            return f"<ul>{items}</ul>"
        case kind:
            raise LookupError(f"no way to draw rich text of type {kind}")


def _runs(runs: Iterable[Block], names: Names) -> str:
    return "".join(_run(run, names) for run in runs)


def _run(run: Block, names: Names) -> str:
    match run["type"]:
        case "text":
            return _styled(escape(run["text"]), run.get("style") or {})
        case "user":
            user_id = str(run["user_id"])
            return f'<span class="person">{escape(names.get(user_id, user_id))}</span>'
        case "date":
            return _time(int(run["timestamp"]), str(run["fallback"]))
        case kind:
            raise LookupError(f"no way to draw a run of type {kind}")


def _styled(shown: str, style: Mapping[str, Any]) -> str:
    for name, tag in (("code", "code"), ("italic", "em"), ("bold", "strong")):
        if style.get(name):
            shown = f"<{tag}>{shown}</{tag}>"
    return shown


def _text(found: Block) -> str:
    text = str(found["text"])
    if found["type"] != "mrkdwn":
        return escape(text)
    # Markup of ours holds plain words and dates only.
    parts = _DATE.split(text)
    words, stamps, fallbacks = parts[0::3], parts[1::3], parts[2::3]
    dates = [_time(int(at), fallback) for at, fallback in zip(stamps, fallbacks, strict=True)]
    return "".join(escape(word) + date for word, date in zip(words, [*dates, ""], strict=True))


def _time(timestamp: int, fallback: str) -> str:
    """A moment in UTC; the page's script puts it into the reader's own time."""
    return f'<time data-at="{timestamp}">{escape(fallback)}</time>'
