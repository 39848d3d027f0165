"""What a text that somebody wrote is about, and what it says of an account: a note's word, and never a record's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import JsonValue

from actions.evidence.connector import Account, Question
from actions.evidence.knowledge import search_words

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_ENDED = re.compile(r"\b(?:deprovisioned|deactivated|disabled|off-?boarded)\b", re.IGNORECASE)
_NOT = re.compile(r"\b(?:not|never|no)\b|n['’]t\b", re.IGNORECASE)
_MOMENT = re.compile(
    r"\b(\d{4}-\d{2}-\d{2})(?:[Tt]| at | )(\d{2}:\d{2}(?::\d{2})?)(?: ?(UTC|GMT|[Zz]|[+-]\d{2}:?\d{2}))(?![\w:])"
)
_SHORTEST_STEM = 4
_LEAST = 0.25
"""A text with a smaller share of the words is about something else."""


def said_of_accounts(text: str, accounts: Sequence[Account]) -> dict[str, JsonValue]:
    """The state that the text gives to one of the accounts: {} unless one sentence says it with one time and zone.

    In the fact names that a directory's entry has, so that the two can be compared; what a note says confirms nothing.
    """
    for sentence in _SENTENCE.split(text):
        named = [one for one in accounts if any(name_is_in(name, sentence) for name in one.names)]
        times = _MOMENT.findall(sentence)
        if len(named) != 1 or len(times) != 1 or _NOT.search(sentence) or not _ENDED.search(sentence):
            continue
        if (at := _moment(*times[0])) is not None:
            (account,) = named
            known = {"account": account.key.strip(), "email": account.email.strip()}
            names: dict[str, JsonValue] = {fact: name for fact, name in known.items() if name}
            return {**names, "status": "deprovisioned", "deprovisioned_at": at.isoformat()}
    return {}


def relevance(text: str, question: Question) -> float:
    """From 0 to 1: how surely the text is about what is asked. With a name in it 1, else the share of the words."""
    names = [name for account in question.accounts for name in account.names]
    names += [name for attachment in question.attachments for name in attachment.names]
    if any(name_is_in(name, text) for name in names):
        return 1.0
    words = search_words(question.words)
    if not words:
        return 0.0 if names else 1.0
    there = {_stem(word) for word in search_words(text, limit=None)}
    share = sum(_stem(word) in there for word in words) / len(words)
    return round(share, 3) if share >= _LEAST else 0.0


def name_is_in(name: str, text: str) -> bool:
    """Whether the name stands in the text as a whole; case does not count."""
    return re.search(rf"(?<![\w@.-]){re.escape(name)}(?![\w@-]|\.\w)", text, re.IGNORECASE) is not None


def _stem(word: str) -> str:
    return re.sub(r"(?:ing|ed|es|s)$", "", word) if len(word) > _SHORTEST_STEM else word


def _moment(day: str, time: str, zone: str) -> datetime | None:
    offset = "+00:00" if zone.upper() in ("UTC", "GMT", "Z") else zone
    try:
        return datetime.fromisoformat(f"{day}T{time}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
