"""A request waits: those who could decide it are told once more, under its card, and later another group is.

Nobody gets a right by it. Who is named is who the gate would let approve at this moment, read live from Slack (1) with
no transaction open; then the request is locked and asked once more (2), and the words, their record and the next look
are one transaction (3). Each is done once at most: which ones were is on the request's row. What the ticket's case
keeps back cannot be decided, and its card says why: nobody is told until it can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import IdentityUnavailable, TryLater
from handlers.flows.case_holds import held_back
from handlers.flows.judged_facts import request_facts, risk_of
from handlers.flows.one_person import Addresses, all_linked, ties_about, with_addresses
from handlers.plain_input import storable
from policy.terms import Audience, Person, PersonKey, RequestStatus
from policy.waiting import Nudge, Waiting, due_nudge, next_look
from storage import audit, deliveries, requests
from storage.audit import Step
from storage.database import Transaction
from storage.deliveries import NewDelivery
from storage.schema import ActionRequest, Delivery, Ticket

SLACK_RETRY_SECONDS = 30.0
NO_CARD_YET = timedelta(minutes=1)
"""How long until a request is looked at again whose card does not stand in Slack: there is no thread to write in."""
HELD_BACK = timedelta(minutes=5)
"""How long until a request is looked at again that the ticket's case keeps back."""

_STEPS = {Nudge.REMINDER: Step.REQUEST_REMINDED, Nudge.ESCALATION: Step.REQUEST_ESCALATED}


def waiting_of(request: ActionRequest) -> Waiting:
    """What is known of a request's waiting."""
    return Waiting(request.created_at, request.expires_at, request.reminded_at, request.escalated_at)


async def nudge_approvers(desk: Desk, request_id: UUID) -> None:
    """Remind or escalate, if that is due. Raises TryLater where Slack does not say who could vote."""
    async with desk.database.transaction() as tx:
        found = await requests.locked(tx, request_id)
        nudge = None if found is None else _due(desk, found[0])
        if found is None or nudge is None or await _is_put_off(desk, tx, *found):
            return
        groups = _groups(desk, found[0], nudge)
    people = await _people(desk, groups)  # (1)
    try:
        await with_addresses(desk, people, partial(_nudge, desk, request_id, nudge, people))
    except IdentityUnavailable as error:
        raise TryLater(str(error), seconds=SLACK_RETRY_SECONDS) from error


async def _nudge(desk: Desk, request_id: UUID, nudge: Nudge, people: Sequence[Person], addresses: Addresses) -> None:
    async with desk.database.transaction() as tx:
        found = await requests.locked(tx, request_id)  # (2)
        if found is None or _due(desk, found[0]) is not nudge:
            return
        request, ticket = found
        if await _is_put_off(desk, tx, request, ticket):
            return
        card = await deliveries.card_of(tx, request_id)
        if card is None:
            request.wake_at = min(request.expires_at, desk.clock() + NO_CARD_YET)
            return
        named = await _named(desk, tx, request, ticket, people, addresses)
        await _write(desk, tx, nudge, request, ticket, card, named)  # (3)


async def _is_put_off(desk: Desk, tx: Transaction, request: ActionRequest, ticket: Ticket) -> bool:
    """Whether the ticket's case keeps it back as things are; then it stays due, and is looked at again."""
    if not await held_back(tx, ticket, request):
        return False
    request.wake_at = min(request.expires_at, desk.clock() + HELD_BACK)
    return True


def _due(desk: Desk, request: ActionRequest) -> Nudge | None:
    now = desk.clock()
    if request.status != RequestStatus.PENDING or request.expires_at <= now:
        return None
    return due_nudge(waiting_of(request), desk.gate.asked_of(risk_of(request)), now)


def _groups(desk: Desk, request: ActionRequest, nudge: Nudge) -> list[str]:
    """Whose people are read: everybody who might vote, or the group that the site names for this."""
    if nudge is Nudge.REMINDER:
        return list(desk.settings.groups)
    escalate_to = desk.gate.asked_of(risk_of(request)).escalate_to
    return [group for group in desk.settings.groups if group == escalate_to]


async def _people(desk: Desk, groups: Sequence[str]) -> list[Person]:
    try:
        return [person for group in groups for person in await desk.people.members(group)]
    except IdentityUnavailable as error:
        raise TryLater(str(error), seconds=SLACK_RETRY_SECONDS) from error


async def _named(
    desk: Desk,
    tx: Transaction,
    request: ActionRequest,
    ticket: Ticket,
    people: Sequence[Person],
    addresses: Addresses,
) -> Sequence[Person]:
    """Those of the people who could approve it now and have not voted, with whichever account. Raises Unasked."""
    facts = await request_facts(tx, request, ticket, desk.catalogue)
    voters = [PersonKey.parse(vote.voter) for vote in (await requests.votes(tx, [request.id]))[request.id]]
    ties = await ties_about(tx, addresses, facts, [*voters, *(person.key for person in people)])
    voted = {ties.human(key) for key in voters}
    could = desk.gate.eligible(facts, all_linked(people, ties), now=desk.clock())
    return [person for person in could if ties.human(person.key) not in voted]


async def _write(
    desk: Desk,
    tx: Transaction,
    nudge: Nudge,
    request: ActionRequest,
    ticket: Ticket,
    card: Delivery,
    named: Sequence[Person],
) -> None:
    now = desk.clock()
    if nudge is Nudge.REMINDER:
        request.reminded_at = now
    else:
        request.escalated_at = now
    asked = desk.gate.asked_of(risk_of(request))
    request.wake_at = next_look(waiting_of(request), asked)
    group = asked.escalate_to if nudge is Nudge.ESCALATION else None
    payload = {
        "actionId": request.action_id,
        "actionRequestId": str(request.id),
        "group": group,
        "people": [str(person.key) for person in named],
    }
    await audit.record(tx, ticket.id, _STEPS[nudge], "policy", payload, at=now)
    reply = NewDelivery(
        nudge,
        Audience.INTERNAL,
        card.channel,
        ticket_id=ticket.id,
        request_id=request.id,
        thread_ts=card.ts,
        args={"people": [[person.key.user_id, storable(person.name, limit=300)] for person in named], "group": group},
    )
    await deliveries.post(tx, reply, delivery_id=desk.new_id(), at=now)
