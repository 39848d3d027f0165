"""Somebody of the desk opens a case on a ticket: they are its lead, and say what it is for before anything else."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import BadInput, NotFound, Refused
from handlers.flows.case_people import who_asked
from handlers.flows.change_case import ASKED_ON_IT, asked_on_it
from handlers.flows.check_access import require_access
from handlers.flows.one_person import Addresses, with_addresses
from handlers.flows.staff_case import THEIR_TICKET, check_people
from policy import case_entries as e
from policy.terms import Audience, Person, PersonKey
from storage import audit, cases, deliveries, job_queue, tickets
from storage.audit import Step, case_chain
from storage.deliveries import CASE_CARD, NewDelivery
from storage.schema import CaseRow

THERE_ALREADY = "This ticket has a case already. Leave it at that one: See case, on the ticket's card, leads to it."
NO_GOAL = "Say in a sentence what this case is to find out or to settle."


async def check_opening(desk: Desk, ticket_id: UUID, goal: str, members: Sequence[PersonKey], person: Person) -> int:
    """The ticket's number, where this person may open a case on it: before a channel is made for it.

    Raises Refused (on record), NotFound, BadInput.
    """
    await require_access(desk, person, "open a case", ticket_id)
    if not goal.strip():
        raise BadInput({"goal": NO_GOAL})
    await check_people(desk, members, person)
    return await with_addresses(desk, [person], partial(_check_opening, desk, ticket_id, members, person))


async def _check_opening(
    desk: Desk, ticket_id: UUID, members: Sequence[PersonKey], person: Person, addresses: Addresses
) -> int:
    async with desk.database.transaction() as tx:
        ticket = await tickets.get(tx, ticket_id)
        if ticket is None:
            raise NotFound("ticket")
        if await cases.of_ticket(tx, ticket_id) is not None:
            raise _there_already()
        asked = await who_asked(tx, addresses, ticket, person, members)
        if asked.is_theirs:
            payload = {"case": "", "what": "open a case", "rule": "case-no-requester", "reason": ASKED_ON_IT}
            await audit.record(tx, ticket_id, Step.CASE_REFUSED, str(person.key), payload, at=desk.clock())
    if asked.is_theirs:
        raise asked_on_it(is_recorded=True)
    if asked.is_of(*members):
        raise BadInput({"members": THEIR_TICKET})
    return ticket.number


def _there_already() -> Refused:
    return Refused("the ticket has a case", code="case-there-already", reply=THERE_ALREADY)


async def open_case(
    desk: Desk,
    ticket_id: UUID,
    goal: str,
    stays_human: str,
    members: Sequence[PersonKey],
    person: Person,
    *,
    channel: str | None = None,
) -> UUID:
    """Open a case; its id.

    `channel`: a private channel made for it, instead of the desk's own. Raises Refused (on record), NotFound, BadInput.
    """
    await check_opening(desk, ticket_id, goal, members, person)
    now, case_id = desk.clock(), desk.new_id()
    async with desk.database.transaction() as tx:
        ticket = await tickets.get(tx, ticket_id, lock=True)
        if ticket is None:
            raise NotFound("ticket")
        if await cases.of_ticket(tx, ticket_id) is not None:  # Opened by somebody else since it was checked.
            raise _there_already()
        place = channel or desk.settings.triage_channel
        row = CaseRow(
            id=case_id,
            ticket_id=ticket_id,
            channel=place,
            lead=str(person.key),
            is_open=True,
            opened_at=now,
            updated_at=now,
        )
        tx.add(row)
        await tx.flush()
        opened = e.Opened(
            str(ticket_id),
            ticket.number,
            ticket.subject,
            person.key,
            place,
            ticket.created_at,
            is_private=channel is not None,
        )
        bodies: list[e.Body] = [opened, e.Framed(goal.strip(), stays_human.strip())]
        if others := tuple(dict.fromkeys(one for one in members if one != person.key)):
            bodies.append(e.MembersChanged(others))
        payload = {"case": str(case_id), "chain": case_chain(case_id), "lead": str(person.key)}
        await audit.record(tx, ticket_id, Step.CASE_OPENED, str(person.key), payload, at=now)
        await cases.append(tx, row, bodies, actor=str(person.key), at=now)
        card = NewDelivery(CASE_CARD, Audience.INTERNAL, place, ticket_id=ticket_id, args={"case": str(case_id)})
        await deliveries.post(tx, card, delivery_id=desk.new_id(), at=now)
        await job_queue.defer(tx, "look_for_case", queue=job_queue.TURNS, lock=f"turn:{case_id}", case_id=str(case_id))
        await deliveries.refresh(tx, ticket_id=ticket_id)
    return case_id
