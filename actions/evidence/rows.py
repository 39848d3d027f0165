"""One row of a log: JSON text in, its fields with their meaning out, or nothing where the row cannot be relied on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from actions.evidence.connector import Question
from actions.evidence.times import understand
from policy.digest import canonical_json
from policy.errors import NotCanonical

_NUL = "\\u0000"

_NAME = Field(min_length=1, max_length=100, pattern=r"^[^/$]")
"""A key of the row's object. '/' and '$' would begin a path in DuckDB."""


class LogFields(BaseModel):
    """What a log calls its fields. `expected`: a row without one of these cannot be relied on."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    time: str = _NAME
    principal: str = _NAME
    action: str = _NAME
    object: str = _NAME
    object_name: str = _NAME
    session: str = _NAME
    ip: str = _NAME
    event_id: str = _NAME
    expected: tuple[str, ...]
    """Of the names on the left, beside `time` and `action`, which are always needed."""
    object_fact: str
    """What rules call the object."""
    action_words: Mapping[str, str] = Field(default_factory=dict)
    """What this log calls an action (in lower case) -> what rules call it. Other words stay as they are."""

    @cached_property
    def texts(self) -> dict[str, str]:
        """Fact's name -> field's name, of all but the time."""
        return {
            "principal": self.principal,
            "action": self.action,
            self.object_fact: self.object,
            f"{self.object_fact.removesuffix('_id')}_name": self.object_name,
            "session": self.session,
            "ip": self.ip,
            "event_id": self.event_id,
        }

    @cached_property
    def needed(self) -> frozenset[str]:
        """Fields that must hold text."""
        return frozenset({self.action} | {getattr(self, name) for name in self.expected})


def access_log_fields(**changes: Any) -> LogFields:
    """The usual names in an access log."""
    usual = {
        "time": "time",
        "principal": "principal",
        "action": "action",
        "object": "object",
        "object_name": "object_name",
        "session": "session",
        "ip": "ip",
        "event_id": "event_id",
        "expected": ("principal",),
        "object_fact": "object",
    }
    return LogFields(**{**usual, **changes})


ATTACHMENT_WORDS = {
    "downloaded": "download",
    "previewed": "preview",
    "viewed": "preview",
    "view": "preview",
    "retained": "retention",
    "retention_applied": "retention",
    "retention_expired": "retention",
    "expired": "retention",
    "purged": "retention",
}


def attachment_trail_fields(**changes: Any) -> LogFields:
    """The usual names in an attachment store's trail; retention has nobody who did it."""
    usual = {
        "time": "time",
        "principal": "principal",
        "action": "action",
        "object": "attachment_id",
        "object_name": "attachment_name",
        "session": "session",
        "ip": "ip",
        "event_id": "event_id",
        "expected": ("object",),
        "object_fact": "attachment_id",
        "action_words": ATTACHMENT_WORDS,
    }
    return LogFields(**{**usual, **changes})


@dataclass(frozen=True)
class Sought:
    """What rows are about, folded as they are compared."""

    principals: frozenset[str]
    objects: frozenset[str]

    @classmethod
    def of(cls, question: Question) -> Sought:
        """The names a question asks about."""
        return cls(
            frozenset(name.lower() for one in question.accounts for name in one.names),
            frozenset(name.lower() for one in question.attachments for name in one.names),
        )

    @property
    def words(self) -> list[str]:
        """All names, for a first look at a row's text."""
        return sorted(self.principals | self.objects)


@dataclass(frozen=True)
class LogRow:
    """A row that was understood."""

    at: datetime
    is_zone_assumed: bool
    texts: Mapping[str, str]
    """By fact's name; those the row has."""
    others: dict[str, JsonValue]
    """Fields that the settings do not name, as they are."""
    text: str

    def is_about(self, sought: Sought, object_fact: str) -> bool:
        """Whether it was done by one of the accounts, or to one of the attachments."""
        name = f"{object_fact.removesuffix('_id')}_name"
        objects = {self.texts.get(object_fact, "").strip().lower(), self.texts.get(name, "").strip().lower()}
        return self.texts.get("principal", "").strip().lower() in sought.principals or bool(objects & sought.objects)


class _Ambiguous(ValueError):
    """An object names a key twice: two readers would read two things."""


class _Fraction(str):
    """A number that is not whole, as it is written: facts are hashed, and floats have no canonical form here."""

    __slots__ = ()


def read_row(text: str, fields: LogFields) -> LogRow | None:
    """The row's meaning; None if it is no object, lacks what is expected, or has a field of another type."""
    if _NUL in text:
        return None  # PostgreSQL has no place for it, and no honest name or time has one.
    try:
        row = json.loads(text, object_pairs_hook=_object, parse_float=_Fraction, parse_constant=_Fraction)
        canonical_json(row)
    except (ValueError, RecursionError, NotCanonical):
        return None
    if not isinstance(row, dict):
        return None
    moment = understand(row.pop(fields.time, None))
    if moment is None:
        return None
    texts = {}
    for fact, name in fields.texts.items():
        value = row.pop(name, None)
        if value is None and name not in fields.needed:
            continue
        if isinstance(value, bool | _Fraction) or not isinstance(value, str | int):
            return None
        texts[fact] = str(value)
    action = texts["action"].strip().lower()
    texts["action"] = fields.action_words.get(action, action)
    return LogRow(moment.at, moment.is_zone_assumed, texts, row, text)


def _object(pairs: Sequence[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise _Ambiguous
    return row
