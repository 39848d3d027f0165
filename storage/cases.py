"""Cases: found by their ticket or thread, read from their record, and written by adding to it.

A case's record is an audit chain of its own. It is verified whole whenever the case is read, so a row that somebody
writes into the database adds nothing to a case and takes nothing out; the cut end of a chain shows in the checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from policy.case_entries import Body, Entry, decode, encode, name_of
from policy.case_story import CaseStory, NotACase, tell
from storage import audit, told
from storage.audit import NewEvent, Step, case_chain
from storage.database import Transaction
from storage.schema import CaseRow
from storage.told import TrailBroken


async def get(tx: Transaction, case_id: UUID) -> CaseRow | None:
    """A case's row."""
    return await tx.get(CaseRow, case_id)


async def of_ticket(tx: Transaction, ticket_id: UUID) -> CaseRow | None:
    """The case on a ticket; a ticket has one at most."""
    return await tx.scalar(select(CaseRow).where(CaseRow.ticket_id == ticket_id))


async def of_thread(tx: Transaction, channel: str, thread_ts: str) -> CaseRow | None:
    """The case that is worked on in a thread."""
    return await tx.scalar(select(CaseRow).where(CaseRow.channel == channel, CaseRow.thread_ts == thread_ts))


async def open_ones(tx: Transaction, *, first: str, limit: int, offset: int = 0) -> Sequence[CaseRow]:
    """Open cases: those of the lead `first` (PersonKey text) before the others, the last touched first."""
    order = ((CaseRow.lead == first).desc(), CaseRow.updated_at.desc(), CaseRow.id)
    query = select(CaseRow).where(CaseRow.is_open).order_by(*order).limit(limit).offset(offset)
    return (await tx.scalars(query)).all()


async def threads(tx: Transaction, *, limit: int) -> list[tuple[str, str]]:
    """Channel and head of each thread that an open case is worked on in, the last touched first."""
    query = select(CaseRow.channel, CaseRow.thread_ts).where(CaseRow.is_open).order_by(CaseRow.updated_at.desc())
    return [(channel, ts) for channel, ts in await tx.execute(query.limit(limit)) if ts is not None]


async def every_one(tx: Transaction) -> Sequence[CaseRow]:
    """All cases, oldest first."""
    return (await tx.scalars(select(CaseRow).order_by(CaseRow.opened_at, CaseRow.id))).all()


async def stands_at(tx: Transaction, case_id: UUID, ts: str) -> None:
    """Its card stands there in Slack, which is the head of the thread that it is worked on in. Locks the case."""
    await lock(tx, case_id)
    row = await tx.get(CaseRow, case_id, with_for_update=True)
    if row is not None:
        row.thread_ts = ts


async def lock(tx: Transaction, case_id: UUID) -> None:
    """Let nobody else write to the case until `tx` ends. After the ticket and its requests, before any audit chain."""
    await audit.take_turn(tx, case_chain(case_id))


async def story(tx: Transaction, case_id: UUID) -> CaseStory:
    """What the case holds, its record verified. Raises TrailBroken."""
    found, _ = await story_and_head(tx, case_id)
    return found


async def story_and_head(tx: Transaction, case_id: UUID) -> tuple[CaseStory, str]:
    """What the case holds, and the hash of its last entry in hexadecimal. Raises TrailBroken."""
    events = await told.verified(tx, case_chain(case_id))
    try:
        found = tell(Entry(one.seq, one.at, one.actor, decode(one.name, one.payload)) for one in events)
    except (NotACase, ValueError) as error:
        raise TrailBroken(f"the record of case {case_id} makes no case: {error}") from error
    return found, events[-1].hash.hex()


async def append(tx: Transaction, row: CaseRow, bodies: Sequence[Body], *, actor: str, at: datetime) -> None:
    """Add entries to the record, in order. The case must be locked, and the row is brought up to date."""
    await note(tx, row.id, bodies, actor=actor, at=at)
    row.updated_at = at


async def note(tx: Transaction, case_id: UUID, bodies: Sequence[Body], *, actor: str, at: datetime) -> None:
    """Add entries to the record of a case whose row may be gone. The case must be locked."""
    events = [NewEvent(Step(name_of(body)), actor, encode(body)) for body in bodies]
    await audit.append(tx, case_chain(case_id), events, at=at)
