"""Slack's wire form of a text back into the words a person typed and saw.

Slack escapes `&`, `<` and `>` in what people write and wraps addresses, links and mentions in angle brackets
(https://docs.slack.dev/messaging/formatting-message-text). Where a link's label differs from where it leads, both are
kept: a label is a requester's word, too.
"""

from __future__ import annotations

import re

_REFERENCE = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


def as_written(text: str) -> str:
    """The words of a message event's `text`."""
    # References first: an angle bracket that somebody typed arrives escaped, so it is none.
    return _unescaped(_REFERENCE.sub(_words_of, text))


def _words_of(match: re.Match[str]) -> str:
    target, label = match.group(1), match.group(2) or ""
    if target.startswith(("@", "#")):
        return f"{target[0]}{label or target[1:]}"
    if target.startswith("!"):
        name = target[1:].partition("^")[0]
        return label or f"@{name}"
    address = target.removeprefix("mailto:").removeprefix("tel:")
    if not label or label in (address, target) or f"http://{label}" == target.rstrip("/"):
        return label or address
    return f"{label} ({address})"


def _unescaped(text: str) -> str:
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return text
