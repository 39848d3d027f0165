"""The review of a break-glass request: due once it ran, recorded in words by somebody who had no part in it.

Who had a part is read from the ticket's verified trail and from the rows together, so that neither a deleted vote nor
an added one lets anybody in. Recording a review lets nothing happen, so no stop keeps anybody from it.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import BadInput, NotFound, Refused
from handlers.flows.break_glass import announce
from handlers.flows.judged_facts import request_facts
from handlers.flows.one_person import Addresses, linked, ties_about, with_addresses
from handlers.flows.read_ticket import request_card_facts
from handlers.plain_input import storable
from handlers.views import break_glass as views
from handlers.views.facts import RequestCardFacts, ReviewFacts
from handlers.views.rendered import Rendered
from policy.break_glass import is_said
from policy.digest import utc_text
from policy.reviews import Review
from policy.terms import Person, PersonKey, Ruling
from storage import audit, deliveries, requests, reviews, told
from storage.audit import NewEvent, Step
from storage.database import Transaction
from storage.deliveries import BREAK_GLASS_OVERDUE, BREAK_GLASS_REVIEW, BREAK_GLASS_STARTED
from storage.schema import ActionRequest, ReviewRow, Ticket
from storage.told import Told, TrailBroken

WORDS_FIELD = "review"
WORDS_LENGTH = 3000
NO_WORDS = "Say what you found, in a few words: was it right, and what follows from it?"
WITHIN_A_DAY = timedelta(days=1)
"""How soon it must be reviewed where the settings that said so are gone by now; and how often people are reminded."""
_SHOWN = 10
_UNREADABLE = Ruling(
    False,
    "core-no-contradicted-request",
    "The trail does not hold, so nobody knows who had a part in it.",
    "What is stored of this request is not what its record says, so nothing was done. Tell whoever runs this desk.",
)


async def require_review(desk: Desk, tx: Transaction, request: ActionRequest) -> None:
    """Once a break-glass request ran, whatever came of it: somebody has to look at it, and everybody hears that."""
    if request.break_glass is None or await reviews.get(tx, request.id) is not None:
        return
    now, glass = desk.clock(), desk.gate.break_glass
    due_at = now + (WITHIN_A_DAY if glass is None else timedelta(seconds=glass.review_within_seconds))
    await reviews.add(tx, request.id, due_at=due_at)
    payload = _ids(request) | {"dueAt": utc_text(due_at)}
    await audit.record(tx, request.ticket_id, Step.REVIEW_DUE, "policy", payload, at=now)
    await announce(desk, tx, BREAK_GLASS_REVIEW, request)


async def open_review(desk: Desk, request_id: UUID, person: Person) -> RequestCardFacts:
    """The request, if this person may record its review. Raises Refused (on record) or NotFound."""
    ruling = await with_addresses(desk, [person], partial(_rule, desk, request_id, person, None))
    _raise_if_refused(ruling)
    async with desk.database.transaction() as tx:
        request = await requests.get(tx, request_id)
        if request is None:
            raise NotFound("request")
        return await request_card_facts(tx, desk.catalogue, request)


async def record_review(desk: Desk, request_id: UUID, words: str, person: Person) -> None:
    """Write down what somebody found. Raises BadInput, Refused (on record) or NotFound."""
    if not is_said(words):
        raise BadInput({WORDS_FIELD: NO_WORDS})
    words = storable(words, limit=WORDS_LENGTH)
    _raise_if_refused(await with_addresses(desk, [person], partial(_rule, desk, request_id, person, words)))


async def missing_reviews(desk: Desk) -> tuple[ReviewFacts, ...]:
    """Those that nobody has recorded, the first due first."""
    async with desk.database.transaction() as tx:
        found = await reviews.missing(tx, limit=_SHOWN)
    return tuple(_facts(desk, row, request, ticket) for row, request, ticket in found)


async def break_glass_letter(
    desk: Desk, tx: Transaction, kind: str, request: ActionRequest, ticket: Ticket
) -> Rendered:
    """What a message about a break-glass request says now."""
    facts = await request_card_facts(tx, desk.catalogue, request)
    if kind == BREAK_GLASS_STARTED:
        return views.started(facts)
    row = await reviews.get(tx, request.id)
    if row is None:
        raise LookupError(f"no review of request {request.id}")
    review = _facts(desk, row, request, ticket)
    return views.overdue(facts, review) if kind == BREAK_GLASS_OVERDUE else views.ran(facts, review)


async def _rule(desk: Desk, request_id: UUID, person: Person, words: str | None, addresses: Addresses) -> Ruling:
    """The gate's answer, put on record where it is a no; where it is a yes, `words` are recorded if there are any."""
    async with desk.database.transaction() as tx:
        found = await requests.locked(tx, request_id)
        if found is None:
            raise NotFound("request")
        request, ticket = found
        row = await reviews.get(tx, request_id, lock=True)
        ruling = await _ruling(desk, tx, request, ticket, row, person, addresses)
        if not ruling.is_allowed:
            refused = _ids(request) | {"rule": ruling.code, "reason": ruling.reason}
            await audit.record(tx, ticket.id, Step.REVIEW_REFUSED, str(person.key), refused, at=desk.clock())
        elif row is not None and words is not None:
            await _write(desk, tx, request, row, person, words)
        return ruling


async def _ruling(
    desk: Desk,
    tx: Transaction,
    request: ActionRequest,
    ticket: Ticket,
    row: ReviewRow | None,
    person: Person,
    addresses: Addresses,
) -> Ruling:
    try:
        story = await told.of_ticket(tx, ticket.id)
    except TrailBroken:
        return _UNREADABLE
    one = story.requests.get(request.id)
    facts = await request_facts(tx, request, ticket, desk.catalogue)
    voted = {vote.voter for vote in (await requests.votes(tx, [request.id]))[request.id]}
    voted |= set() if one is None else {voter for voter, _, _ in one.votes}
    voters = frozenset(map(PersonKey.parse, voted))
    ties = await ties_about(tx, addresses, facts, [person.key, *voters])
    involved = {facts.proposer, facts.action.requester.key, *facts.editors, *facts.action.subjects, *voters}
    review = Review(
        request_id=str(request.id),
        involved=frozenset(key for key in involved if key is not None),
        is_open=_is_open(row, one),
    )
    return desk.gate.rule_on_review(review, linked(person, ties))


def _is_open(row: ReviewRow | None, one: Told | None) -> bool:
    """In the table and on the trail: what only one of them says is no review to be recorded."""
    is_due = row is not None and one is not None and bool(one.review_due)
    return is_due and row is not None and row.reviewed_at is None and one is not None and one.review is None


async def _write(
    desk: Desk, tx: Transaction, request: ActionRequest, row: ReviewRow, person: Person, words: str
) -> None:
    now = desk.clock()
    row.reviewed_by, row.reviewed_by_label = str(person.key), storable(person.name, limit=300)
    row.reviewed_at, row.words = now, words
    event = NewEvent(Step.REVIEW_RECORDED, str(person.key), _ids(request) | {"words": words})
    await audit.append(tx, audit.ticket_chain(request.ticket_id), [event], at=now)
    await tx.flush()
    await deliveries.refresh(tx, ticket_id=request.ticket_id)


def _facts(desk: Desk, row: ReviewRow, request: ActionRequest, ticket: Ticket) -> ReviewFacts:
    return ReviewFacts(
        request_id=str(request.id),
        action_title=desk.catalogue.get(request.action_id).title,
        ticket_number=ticket.number,
        due_at=row.due_at,
        is_overdue=row.reviewed_at is None and row.due_at <= desk.clock(),
        by_user_id=None if row.reviewed_by is None else PersonKey.parse(row.reviewed_by).user_id,
        by_label=row.reviewed_by_label,
        at=row.reviewed_at,
        words=row.words,
    )


def _raise_if_refused(ruling: Ruling) -> None:
    if not ruling.is_allowed:
        raise Refused(ruling.reason, code=ruling.code, reply=ruling.reply, is_recorded=True)


def _ids(request: ActionRequest) -> dict[str, Any]:
    return {"actionId": request.action_id, "actionRequestId": str(request.id)}
