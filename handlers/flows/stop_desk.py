"""A kill switch is set, or lifted: on the system's chain, and announced in the approvals channel.

Setting one lets nothing happen, so anybody of the desk may; lifting one is asked of the gate. Both hold the lock of
`storage.stops` alone, so a stop is answered only once everybody who was deciding has finished: from then on nothing
that it covers begins to run. A run that had begun is not taken back, and the answer says how many had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from handlers.desk import Desk
from handlers.errors import Refused
from handlers.flows.check_access import require_access
from handlers.flows.judged_facts import reporters_of, requester_of
from handlers.flows.one_person import Addresses, linked, with_addresses
from handlers.plain_input import storable
from handlers.views.facts import StopChangeFacts, StopFacts
from policy.stops import Stop, StopScope
from policy.terms import Audience, Person, PersonKey, RequestStatus, Ruling
from storage import audit, deliveries, stops, tickets
from storage.audit import Step
from storage.database import Transaction
from storage.deliveries import NewDelivery
from storage.schema import ActionRequest, StopRow

KIND = "stop_change"
NO_SUCH_STOP = (
    "No stop is in force for exactly this, so nothing was lifted. To see those that are, write /countersign stops."
)
_REASON_LENGTH = 500


@dataclass(frozen=True)
class By:
    """Who sets or lifts a stop."""

    actor: str
    """For the trail: a person's key, or 'operator'."""
    name: str
    """A person's key, or the operator's account name on the machine where the command ran."""
    label: str
    user_id: str | None = None


@dataclass(frozen=True)
class SetStop:
    """What came of setting one."""

    stop: StopFacts
    is_new: bool
    """False: one was in force already, and still is."""
    under_way: int
    """Runs that it covers and that had begun."""


async def set_stop(desk: Desk, stop: Stop, reason: str, person: Person) -> SetStop:
    """Stop something. Raises Refused for whoever is not of the desk."""
    await require_access(desk, person, "set a stop")
    by = By(str(person.key), str(person.key), person.name, person.key.user_id)
    async with desk.database.transaction() as tx:
        channel = desk.settings.approvals_channel
        return await write_stop(tx, stop, reason, by, new_id=desk.new_id, channel=channel, at=desk.clock())


async def write_stop(
    tx: Transaction,
    stop: Stop,
    reason: str,
    by: By,
    *,
    channel: str | None,
    at: datetime,
    new_id: Callable[[], UUID] = uuid4,
) -> SetStop:
    """Put a stop in force, unless one is for exactly this. `channel`: where it is announced, if anywhere."""
    await stops.hold_alone(tx)
    row = await stops.find(tx, stop)
    if row is not None:
        return SetStop(stop_facts(row), False, await stops.under_way(tx, stop))
    reason = storable(reason, limit=_REASON_LENGTH)
    label = storable(by.label, limit=300)
    row = await stops.add(tx, stop, stop_id=new_id(), reason=reason, by=by.name, by_label=label, at=at)
    await audit.record(tx, None, Step.STOP_SET, by.actor, _payload(row) | {"reason": reason, "by": by.name}, at=at)
    await _announce(tx, row, by, reason, is_set=True, channel=channel, at=at, new_id=new_id)
    await deliveries.refresh_waiting(tx)
    return SetStop(stop_facts(row), True, await stops.under_way(tx, stop))


async def lift_stop(desk: Desk, stop: Stop, reason: str, person: Person) -> StopFacts:
    """Let what a stop covered happen again. Raises Refused (on record) and IdentityUnavailable."""
    await require_access(desk, person, "lift a stop")
    found = await with_addresses(desk, [person], partial(_lift, desk, stop, reason, person))
    if isinstance(found, Ruling):
        raise Refused(found.reason, code=found.code, reply=found.reply, is_recorded=True)
    return found


async def _lift(desk: Desk, stop: Stop, reason: str, person: Person, addresses: Addresses) -> StopFacts | Ruling:
    async with desk.database.transaction() as tx:
        await stops.hold_alone(tx)
        row = await _found(tx, stop)
        about = [key for key in (person.key, stops.as_stop(row).about) if key is not None]
        ties = await addresses.ties(tx, about)
        ruling = desk.gate.rule_on_lift(stops.as_stop(row), linked(person, ties))
        if not ruling.is_allowed:
            refused = _payload(row) | {"rule": ruling.code, "reason": ruling.reason}
            await audit.record(tx, None, Step.LIFT_REFUSED, str(person.key), refused, at=desk.clock())
            return ruling
        by = By(str(person.key), str(person.key), person.name, person.key.user_id)
        channel = desk.settings.approvals_channel
        return await _write_lift(tx, row, reason, by, channel=channel, at=desk.clock(), new_id=desk.new_id)


async def write_lift(
    tx: Transaction, stop: Stop, reason: str, by: By, *, channel: str | None, at: datetime
) -> StopFacts:
    """Lift a stop for an operator at the command line, whom no policy judges. Raises Refused if there is none."""
    await stops.hold_alone(tx)
    return await _write_lift(tx, await _found(tx, stop), reason, by, channel=channel, at=at, new_id=uuid4)


async def stops_in_force(desk: Desk) -> tuple[StopFacts, ...]:
    """Every stop that is in force, oldest first."""
    async with desk.database.transaction() as tx:
        return tuple(stop_facts(row) for row in await stops.in_force(tx))


async def stop_on(tx: Transaction, request: ActionRequest) -> StopFacts | None:
    """What keeps a request that waits from being approved, for its card."""
    ticket = None if request.status != RequestStatus.PENDING else await tickets.get(tx, request.ticket_id)
    if ticket is None:
        return None
    proposer = None if request.proposer is None else PersonKey.parse(request.proposer)
    people = {requester_of(ticket).key, proposer, *await reporters_of(tx, ticket)}
    row = await stops.first_on(tx, request.action_id, [key for key in people if key is not None])
    return None if row is None else stop_facts(row)


def stop_facts(row: StopRow) -> StopFacts:
    """A stop as it is shown."""
    stop = stops.as_stop(row)
    by = row.set_by.partition("/")[2] or None
    about = None if stop.about is None else stop.about.user_id
    return StopFacts(stop.scope, stop.value, about, row.reason, by, row.set_by_label, row.set_at)


def stop_change_facts(args: Mapping[str, Any]) -> StopChangeFacts:
    """An announcement's facts, from what was stored with it."""
    scope, value = StopScope(args["scope"]), args["value"]
    about = PersonKey.parse(value).user_id if scope is StopScope.PERSON else None
    at = datetime.fromisoformat(args["at"])
    stop = StopFacts(scope, value, about, args["reason"], args["byUserId"], args["by"], at)
    return StopChangeFacts(stop, is_set=args["isSet"])


async def _found(tx: Transaction, stop: Stop) -> StopRow:
    row = await stops.find(tx, stop)
    if row is None:
        raise Refused(f"no stop of {stop}", code="no-such-stop", reply=NO_SUCH_STOP)
    return row


async def _write_lift(
    tx: Transaction,
    row: StopRow,
    reason: str,
    by: By,
    *,
    channel: str | None,
    at: datetime,
    new_id: Callable[[], UUID],
) -> StopFacts:
    reason = storable(reason, limit=_REASON_LENGTH)
    row.lifted_by, row.lifted_at, row.lift_reason = by.name, at, reason
    await audit.record(tx, None, Step.STOP_LIFTED, by.actor, _payload(row) | {"reason": reason, "by": by.name}, at=at)
    await _announce(tx, row, by, reason, is_set=False, channel=channel, at=at, new_id=new_id)
    await deliveries.refresh_waiting(tx)
    return stop_facts(row)


def _payload(row: StopRow) -> dict[str, Any]:
    return {"stopId": str(row.id), "scope": row.scope, "value": row.value}


async def _announce(
    tx: Transaction,
    row: StopRow,
    by: By,
    reason: str,
    *,
    is_set: bool,
    channel: str | None,
    at: datetime,
    new_id: Callable[[], UUID],
) -> None:
    if channel is None:
        return
    said = {"by": storable(by.label, limit=300), "byUserId": by.user_id, "reason": reason, "isSet": is_set}
    args = _payload(row) | said | {"at": at.isoformat()}
    await deliveries.post(tx, NewDelivery(KIND, Audience.INTERNAL, channel, args=args), delivery_id=new_id(), at=at)
