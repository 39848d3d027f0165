"""Why a person may or may not decide a request, asked by an operator: everybody is read live, nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from handlers.desk import Desk
from handlers.errors import NotFound
from handlers.flows.cast_vote import shown_digest
from handlers.flows.judged_facts import request_facts
from handlers.flows.one_person import Addresses, linked, ties_about, with_addresses
from policy.compiling import PolicyNote
from policy.explaining import Explanation, Situation, explain
from policy.terms import Choice, Person, PersonKey, RequestStatus, Risk
from storage import deliveries, requests, tickets


@dataclass(frozen=True)
class Explained:
    """What was found of one request and one person."""

    request_id: str
    action_id: str
    title: str
    risk: Risk
    ticket_number: int
    status: RequestStatus
    expires_at: datetime
    quorum: int
    has_card: bool
    person: Person
    answers: tuple[Explanation, ...]
    notes: Mapping[str, PolicyNote]


async def explain_decision(desk: Desk, name: str, key: PersonKey) -> Explained:
    """Ask the gate as a click by this person would, now. `name`: a request's id, or the beginning of it or of its
    fingerprint. Raises NotFound (none begins so, or more than one) and IdentityUnavailable.
    """
    person = await desk.people.resolve(key)
    return await with_addresses(desk, [person], partial(_explain, desk, name, person))


async def _explain(desk: Desk, name: str, person: Person, addresses: Addresses) -> Explained:
    async with desk.database.transaction() as tx:
        found = await requests.named(tx, name)
        if len(found) != 1:
            raise NotFound("request" if not found else "single request: more than one begins so")
        request = found[0]
        ticket = await tickets.get(tx, request.ticket_id)
        if ticket is None:
            raise NotFound("ticket")
        facts = await request_facts(tx, request, ticket, desk.catalogue)
        person = linked(person, await ties_about(tx, addresses, facts, [person.key]))
        card, now = await deliveries.card_of(tx, request.id), desk.clock()
        answers = []
        for choice in Choice:
            shown = "" if card is None else shown_digest(card, request, ticket, choice)
            answers.append(explain(desk.gate, Situation(facts, person, choice, shown, now)))
        return Explained(
            request_id=str(request.id),
            action_id=request.action_id,
            title=desk.catalogue.get(request.action_id).title,
            risk=facts.action.risk,
            ticket_number=ticket.number,
            status=facts.status,
            expires_at=request.expires_at,
            quorum=request.quorum,
            has_card=card is not None,
            person=person,
            answers=tuple(answers),
            notes=desk.gate.notes,
        )
