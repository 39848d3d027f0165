"""Several requests of one action, put to one person together: each as its card shows it, as many as there is room for.

Nothing is decided here, and what is left out here is only for convenience: each decision is judged for itself.
"""

from __future__ import annotations

from functools import partial
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import NotFound
from handlers.flows.judged_facts import request_facts
from handlers.flows.one_person import Addresses, Unasked, linked, ties_about, with_addresses
from handlers.flows.show_request import blocks_of_card
from handlers.views.batch_modal import ROOM, blocks_needed
from handlers.views.facts import BatchFacts, ReviewedFacts, WaitingAlikeFacts
from policy.terms import Person, PersonKey
from storage import deliveries, requests, tickets
from storage.database import Transaction
from storage.schema import ActionRequest

EXAMINED = 60
"""So many are looked at for one round at the most: a view has to be opened within three seconds."""


async def waiting_alike(desk: Desk) -> tuple[WaitingAlikeFacts, ...]:
    """The actions of which several requests wait."""
    async with desk.database.transaction() as tx:
        found = await requests.waiting_by_action(tx)
    return tuple(
        WaitingAlikeFacts(desk.catalogue.get(action_id).title, waiting, str(request_id))
        for action_id, waiting, request_id in found
    )


async def review_batch(desk: Desk, request_id: UUID, reader: Person) -> BatchFacts:
    """What waits of the same action as this request, which comes first. Raises NotFound, IdentityUnavailable."""
    return await with_addresses(desk, [reader], partial(_read, desk, request_id, reader))


async def _read(desk: Desk, request_id: UUID, reader: Person, addresses: Addresses) -> BatchFacts:
    async with desk.database.transaction() as tx:
        pressed = await requests.get(tx, request_id)
        if pressed is None:
            raise NotFound("request")
        waiting = sorted(await requests.waiting_alike(tx, pressed.action_id), key=lambda one: one.id != request_id)
        shown: list[ReviewedFacts] = []
        room, examined, not_theirs = ROOM, 0, 0
        unasked: set[PersonKey] = set()
        for request in waiting[:EXAMINED]:
            try:
                is_theirs = await _could_decide(desk, tx, request, reader, addresses)
            except Unasked as error:  # All of them are asked about at once.
                unasked |= set(error.keys)
                continue
            if not is_theirs:
                examined, not_theirs = examined + 1, not_theirs + 1
                continue
            reviewed = await _reviewed(desk, tx, request)
            if blocks_needed(reviewed) > room:
                break
            room -= blocks_needed(reviewed)
            shown.append(reviewed)
            examined += 1
        if unasked:
            raise Unasked(unasked)
        title = desk.catalogue.get(pressed.action_id).title
        return BatchFacts(title, tuple(shown), len(waiting) - examined, not_theirs)


async def _could_decide(
    desk: Desk, tx: Transaction, request: ActionRequest, reader: Person, addresses: Addresses
) -> bool:
    ticket = await tickets.get(tx, request.ticket_id)
    if ticket is None:
        return False
    facts = await request_facts(tx, request, ticket, desk.catalogue)
    voters = {PersonKey.parse(row.voter) for row in (await requests.votes(tx, [request.id]))[request.id]}
    ties = await ties_about(tx, addresses, facts, [reader.key, *voters])
    return reader.key not in voters and bool(desk.gate.eligible(facts, [linked(reader, ties)], now=desk.clock()))


async def _reviewed(desk: Desk, tx: Transaction, request: ActionRequest) -> ReviewedFacts:
    ticket, card = await tickets.get(tx, request.ticket_id), await deliveries.card_of(tx, request.id)
    if ticket is None or card is None:
        raise NotFound("approval card")
    return ReviewedFacts(
        request_id=str(request.id),
        ticket_number=ticket.number,
        digest=request.digest,
        is_complete=bool(request.card) and card.shown_digest == request.digest,
        card=tuple(await blocks_of_card(desk, tx, request)),
    )
