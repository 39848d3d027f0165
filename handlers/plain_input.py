"""What is taken out of text at the door, so that it can be stored, hashed and sent: and only that.

PostgreSQL's text type holds no NUL and no lone surrogate. Everything else a requester wrote is kept as it is; how it
is shown is the views' business.
"""

from __future__ import annotations

MAX_TEXT_CHARACTERS = 40_000
"""Slack's own limit for a message's text."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def storable(text: str, *, limit: int = MAX_TEXT_CHARACTERS) -> str:
    """The same text with NULs and lone surrogates replaced, cut at `limit` with a note that says so."""
    cleaned = text.replace("\x00", _REPLACEMENT).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if len(cleaned) <= limit:
        return cleaned
    return f"{cleaned[:limit]}\n[{len(cleaned) - limit} more characters were cut]"


def subject_of(text: str) -> str:
    """The first line that says something, as a ticket's subject of at most 200 characters."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= 200 else line[:199] + "…"
