"""When somebody is told that a request still waits. Pure: what the site asks for, and what has been done so far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from policy.loading import RiskSettings


class Nudge(StrEnum):
    """A word to people about a request that waits; each is given once at most."""

    REMINDER = "reminder"
    """To those who could vote and have not."""
    ESCALATION = "escalation"
    """To another group."""


@dataclass(frozen=True)
class Waiting:
    """A request that waits for votes."""

    created_at: datetime
    expires_at: datetime
    reminded_at: datetime | None = None
    escalated_at: datetime | None = None


def due_nudge(waiting: Waiting, asked: RiskSettings, now: datetime) -> Nudge | None:
    """What is due by now. Where both are, because nothing ran meanwhile, the later one says enough."""
    due = [nudge for nudge, at in _ahead(waiting, asked) if at <= now]
    return due[-1] if due else None


def next_look(waiting: Waiting, asked: RiskSettings) -> datetime:
    """When the request is looked at next: the first of what is still ahead of it, its expiry at the latest."""
    return min([waiting.expires_at, *(at for _, at in _ahead(waiting, asked))])


def _ahead(waiting: Waiting, asked: RiskSettings) -> list[tuple[Nudge, datetime]]:
    """What has not been done yet, in its order. A reminder that an escalation overtook is never due again."""
    ahead = []
    if asked.remind_after_seconds is not None and waiting.reminded_at is None and waiting.escalated_at is None:
        ahead.append((Nudge.REMINDER, waiting.created_at + timedelta(seconds=asked.remind_after_seconds)))
    if asked.escalate_after_seconds is not None and waiting.escalated_at is None:
        ahead.append((Nudge.ESCALATION, waiting.created_at + timedelta(seconds=asked.escalate_after_seconds)))
    return ahead
