"""Limits on what adds up: how many requests of one risk may be under way or done within a while, by whom and on what.

Each request may be harmless and all of them together not. How many there are is counted where a request is written, and
comes here as a fact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True)
class Counted:
    """What counts already against one limit, before the request that is asked about."""

    so_far: int = 0
    limit: int | None = None
    """None: as many as anybody likes."""
    window_seconds: int = 0
    frees_at: datetime | None = None
    """When the limit lets one more through by itself; None where one that is under way has to end first."""

    @property
    def is_full(self) -> bool:
        return self.limit is not None and self.so_far >= self.limit


NOTHING_COUNTED = Counted()


def limit_words(risk: str, of_requester: Counted, on_target: Counted) -> str:
    """Which limit is reached, when there is room again, and what to do; for our own people."""
    full = [
        f"{one.limit} {risk}-risk requests {whose} within {_duration(one.window_seconds)}"
        for one, whose in ((of_requester, "for one requester"), (on_target, "on one target"))
        if one.is_full
    ]
    moments = [one.frees_at for one in (of_requester, on_target) if one.is_full]
    known = [moment for moment in moments if moment is not None]
    free = "as soon as one of those under way has ended"
    if known and len(known) == len(moments):
        free = f"from {max(known).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC on"
    return (
        f"The limit of {' and of '.join(full)} is reached. Propose it again {free}, or once one that waits was rejected"
        " or withdrawn; if the limit is too low, ask whoever keeps the policy."
    )


def _duration(seconds: int) -> str:
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    number = seconds // size
    return f"{number} {unit}{'s'[: number != 1]}"
