"""Queries about kill switches, and the lock that makes one count from the moment it is answered.

Whoever decides holds the lock together with all others who do, from before they read what is in force until their
transaction ends; whoever sets or lifts a stop holds it alone. So a decision is either committed before a stop, or sees
it. It is taken after a ticket and its requests are locked, and before any audit chain.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text

from policy.stops import Stop, StopScope
from policy.terms import PersonKey, RequestStatus
from storage import people as stored_people
from storage import system_steps
from storage.audit import Step
from storage.database import Transaction
from storage.schema import ActionRequest, StopRow, Ticket

_TOGETHER = text("select pg_advisory_xact_lock_shared(hashtextextended('stops', 0))")
_TOLD = text(
    "select chain, seq, at, name, actor, payload::text, prev_hash, hash, key_id from audit_events"
    " where chain = 'system' and name in ('stop_set', 'stop_lifted') order by seq"
)
_ALONE = text("select pg_advisory_xact_lock(hashtextextended('stops', 0))")


async def in_force(tx: Transaction) -> Sequence[StopRow]:
    """Every stop that is not lifted, oldest first."""
    rows = await tx.scalars(select(StopRow).where(StopRow.lifted_at.is_(None)).order_by(StopRow.set_at, StopRow.id))
    return rows.all()


async def is_stopped(tx: Transaction, action_id: str, people: Collection[PersonKey]) -> bool:
    """Whether a stop covers an action that these asked for or proposed; none is set or lifted until `tx` ends."""
    await tx.execute(_TOGETHER)  # A statement of its own: the next one then sees what was committed before.
    # The table's as well as the trail's: whoever writes that one is lifted has not lifted it.
    stops = {as_stop(row) for row in await in_force(tx)} | await _in_force_by_trail(tx)
    return await _is_covered(tx, sorted(stops, key=str), action_id, people)


async def _in_force_by_trail(tx: Transaction) -> set[Stop]:
    """Those that were set and not lifted since, by what this desk wrote down."""
    found: set[Stop] = set()
    for event in (step.event for step in await system_steps.read(tx, _TOLD) if step.is_genuine):
        stop = Stop(StopScope(event.payload["scope"]), event.payload["value"])
        found = found | {stop} if event.name == Step.STOP_SET else found - {stop}
    return found


async def first_on(tx: Transaction, action_id: str, people: Collection[PersonKey]) -> StopRow | None:
    """The oldest stop that covers it: to be shown, not to decide by, for one may be set right after."""
    for row in await in_force(tx):
        if await _is_covered(tx, [as_stop(row)], action_id, people):
            return row
    return None


async def hold_alone(tx: Transaction) -> None:
    """Wait until nobody is deciding anything, and let nobody until `tx` ends."""
    await tx.execute(_ALONE)


async def find(tx: Transaction, stop: Stop) -> StopRow | None:
    """The stop that is in force for exactly this. Of a person, the user id is compared."""
    for row in await in_force(tx):
        one = as_stop(row)
        is_same = one.about.is_maybe(stop.about) if one.about else one.value == stop.value
        if one.scope is stop.scope and is_same:
            return row
    return None


async def add(
    tx: Transaction, stop: Stop, *, stop_id: UUID, reason: str, by: str, by_label: str, at: datetime
) -> StopRow:
    """Put a stop in force."""
    row = StopRow(
        id=stop_id, scope=stop.scope, value=stop.value, reason=reason, set_by=by, set_by_label=by_label, set_at=at
    )
    tx.add(row)
    await tx.flush()
    return row


async def under_way(tx: Transaction, stop: Stop) -> int:
    """How many runs that it covers have begun and not ended: they are not taken back."""
    rows = await tx.execute(
        select(ActionRequest.action_id, ActionRequest.proposer, Ticket.requester)
        .join(Ticket, Ticket.id == ActionRequest.ticket_id)
        .where(ActionRequest.status == RequestStatus.RUNNING)
    )
    covered = 0
    for action_id, *keys in rows.all():
        people = [PersonKey.parse(key) for key in keys if key is not None]
        covered += await _is_covered(tx, [stop], action_id, people)
    return covered


def as_stop(row: StopRow) -> Stop:
    """The value that the gate judges."""
    return Stop(StopScope(row.scope), row.value)


async def _is_covered(tx: Transaction, stops: Sequence[Stop], action_id: str, people: Collection[PersonKey]) -> bool:
    if not stops:
        return False
    everybody = set(people)
    if any(stop.about for stop in stops):
        ties = await stored_people.ties_around(tx, everybody)
        everybody |= {account for key in people for account in ties.accounts_of(key)}
    return any(stop.covers(action_id, everybody) for stop in stops)
