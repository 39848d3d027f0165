"""The review that must follow a break-glass request: who had a part in that has none in this."""

from __future__ import annotations

from dataclasses import dataclass

from policy.terms import PersonKey


@dataclass(frozen=True)
class Review:
    """A review that somebody wants to record."""

    request_id: str
    involved: frozenset[PersonKey]
    """Who started the request, asked for it, approved it, or had it done to them."""
    is_open: bool
    """It is due, and nobody has recorded it yet."""
    group: str | None = None
    """The group that approves break-glass requests. The gate fills it in, whatever a caller says."""
