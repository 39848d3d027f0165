"""Counting what limits are about: the requests of one risk that one requester asked for, or that act on one target.

Whoever counts holds a lock of what is counted until their request is written, so that of two at once the second counts
the first. It is taken after the lock of `storage.stops`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from storage.database import Transaction

_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")
# Two ranges of an index each, however long the history is: made within the while, and older and still under way.
_NEWEST = (
    "select count(*), min(created_at) from (select created_at from ("
    "(select created_at from action_requests where {which} and risk = :risk and created_at > :since"
    " and status in ('pending', 'approved', 'running', 'unknown', 'executed', 'failed')"
    " and id is distinct from cast(:but as uuid)"
    " order by created_at desc limit :most)"
    " union all (select created_at from action_requests where {which} and risk = :risk and created_at <= :since"
    " and status in ('pending', 'approved', 'running', 'unknown') and id is distinct from cast(:but as uuid)"
    " order by created_at desc limit :most)"
    ") as counting order by created_at desc limit :most) as newest"
)


@dataclass(frozen=True)
class Subject:
    """What is counted together."""

    names: tuple[str, ...]
    """What is locked: the same for all that is counted together."""
    which: str
    values: Mapping[str, Any]


def person_asker(user_id: str) -> str:
    """What `ActionRequest.asked_by` says of a person: their user id alone, as wherever somebody is kept out."""
    return f"person:{user_id}"


def source_asker(intake_source: str, channel: str | None) -> str:
    """What it says where nobody knows which human asked: where the ticket came in."""
    return f"source:{intake_source}:{channel or ''}"


def of_askers(askers: Collection[str]) -> Subject:
    """What these asked for, who are one human."""
    return Subject(tuple(askers), "asked_by = any(:askers)", {"askers": sorted(askers)})


def on_target(target: str) -> Subject:
    """What acts on one thing."""
    return Subject((f"target:{target}",), "target = :target", {"target": target})


async def hold(tx: Transaction, risk: str, subjects: Sequence[Subject]) -> None:
    """Nobody else counts any of these until `tx` ends. In one order, or two would wait for each other."""
    for name in sorted({name for subject in subjects for name in subject.names}):
        await tx.execute(_LOCK, {"name": f"limit:{risk}:{name}"})


async def newest(
    tx: Transaction, risk: str, subject: Subject, *, since: datetime, most: int, but: UUID | None = None
) -> tuple[int, datetime | None]:
    """How many count, `most` at most, the newest first, and when the oldest of these was made.

    A request counts while it is under way, and if it was made since then and has run. `but`: not this one.
    """
    values = {"risk": risk, "since": since, "most": most, "but": but, **subject.values}
    count, oldest = (await tx.execute(text(_NEWEST.format(which=subject.which)), values)).one()
    return count, oldest
