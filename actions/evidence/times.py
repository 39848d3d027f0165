"""The moments that logs write, in all their forms, as one: UTC.

    2026-03-25T13:46:11+01:00   ISO 8601 with an offset or Z, any precision
    2026-03-25 13:46:11         ISO 8601 without a zone: understood as UTC, and said so
    1774446371, "1774446371.5"  seconds since 1970
    1774446371000               milliseconds since 1970

A day without a time is no moment: before and after could not be told. Numbers too small or too large to be of our
time (1973 to 5138) are counters or other units, and are not guessed at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE]\+?[0-9]{1,2})?")
_ISO = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[Tt ][0-9]{2}[0-9:.,]*(?:[Zz]|[+-][0-9:]{2,8})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_SECONDS, _FIRST_MILLISECONDS, _END_MILLISECONDS = 1e8, 1e11, 1e14


@dataclass(frozen=True)
class Moment:
    """A moment that was understood."""

    at: datetime
    """In UTC."""
    is_zone_assumed: bool = False
    """The source names no zone."""


def understand(value: JsonValue) -> Moment | None:
    """The moment a log's value means; None if it means none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _since_epoch(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return _since_epoch(float(text))
    return _iso(text) if _ISO.fullmatch(text) else None


def _since_epoch(number: float) -> Moment | None:
    # Compared before any arithmetic: NaN and whole numbers too large for a float are out of both ranges.
    if _FIRST_SECONDS <= number < _FIRST_MILLISECONDS:
        return Moment(_EPOCH + timedelta(seconds=number))
    if _FIRST_MILLISECONDS <= number < _END_MILLISECONDS:
        return Moment(_EPOCH + timedelta(milliseconds=number))
    return None


def _iso(text: str) -> Moment | None:
    try:
        read = datetime.fromisoformat(text.upper())
        if read.tzinfo is None:
            return Moment(read.replace(tzinfo=UTC), is_zone_assumed=True)
        return Moment(read.astimezone(UTC))
    except (ValueError, OverflowError):
        return None
