"""A look at the sources for a case: everything that comes back is kept, and the rules say what it shows.

The sources are asked with no transaction open. What they answer is added under ids of the case, with the statements
that follow from all of its evidence; facts that lost theirs are reopened and the security latch is weighed after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from actions.evidence.connector import Account, Question, in_doubt
from copilot.entities import find_emails, find_key_ids
from copilot.statements import statements_from
from handlers.desk import Desk
from handlers.flows.case_asks import Ask, note_answered
from handlers.flows.change_case import OpenCase, add_to_case, change_case, read_story
from policy import case_entries as e
from policy.case_rules import add
from policy.case_story import CaseStory
from policy.case_terms import Evidence, Source, Statement
from policy.terms import Audience, Person
from storage import cases, deliveries, tickets
from storage.database import Transaction
from storage.deliveries import NewDelivery

CASE_DOUBTS = "case_doubts"
MOST_DOUBTS = 12
MOST_ACCOUNTS, MOST_WORDS = 5, 2000
"""Of what a ticket names, for the bot's own look: a person's look may go further."""


async def gather_evidence(
    desk: Desk,
    case_id: UUID,
    question: Question,
    person: Person,
    *,
    sources: frozenset[Source] = frozenset(Source),
    ask: Ask | None = None,
) -> CaseStory:
    """Ask sources for somebody who works on the case. Raises Refused (on record), NotFound.

    `ask`: what it is done for, where a job does it.
    """

    async def nothing(case: OpenCase) -> Sequence[e.Body]:
        return []

    # Whoever may not add to the case has nothing looked up either.
    story = await change_case(desk, case_id, person, "look for evidence", nothing)
    asked = replace(question, asked_by=person.key, ticket_id=story.opened.ticket_id)
    found = await desk.gatherer.only(sources).gather(asked)

    async def change(case: OpenCase) -> Sequence[e.Body]:
        if ask is not None:
            await note_answered(desk, case, ask)
        if in_doubt(found):
            await _ask_back(desk, case, len(found))
        return retrieved(case.story, found)

    return await change_case(desk, case_id, person, "look for evidence", change)


async def look_for_case(desk: Desk, case_id: UUID) -> None:
    """The bot's own look at a case that was opened: about the accounts and words of its ticket, asked by nobody."""
    async with desk.database.transaction() as tx:
        row = await cases.get(tx, case_id)
        story = None if row is None else await read_story(tx, case_id)
        question = None if row is None else await _about_ticket(tx, row.ticket_id)
    if story is None or question is None or not story.is_open or story.held.evidence:
        return
    found = await desk.gatherer.gather(question)
    async with desk.database.transaction() as tx:
        row = await cases.get(tx, case_id)
        ticket = None if row is None else await tickets.get(tx, row.ticket_id, lock=True)
        if row is None or ticket is None:
            return
        await cases.lock(tx, case_id)
        story = await read_story(tx, case_id)
        if story.is_open:
            case = OpenCase(tx, row, ticket, story)
            await add_to_case(desk, case, retrieved(story, found), actor="bot")


async def _about_ticket(tx: Transaction, ticket_id: UUID) -> Question:
    """What the requester's side named: addresses and keys are accounts, and the words are for the documents."""
    said = [one for one in await tickets.messages(tx, ticket_id) if one.author_side == "customer"]
    versions = await tickets.versions(tx, [one.id for one in said])
    text = "\n".join(tickets.current(versions[one.id]).text for one in said)
    emails = [Account(email=one.value) for one in find_emails(text)]
    keys = [Account(key=one.value) for one in find_key_ids(text)]
    return Question(None, (*emails, *keys)[:MOST_ACCOUNTS], words=text[:MOST_WORDS], ticket_id=str(ticket_id))


def retrieved(story: CaseStory, found: Sequence[Evidence]) -> list[e.Body]:
    """The entries for what came back: the evidence under ids of the case, and the rules' new statements."""
    start = len(story.held.evidence) + 1
    named = tuple(replace(one, evidence_id=f"E{number}") for number, one in enumerate(found, start))
    if not named:
        return []
    held = replace(story.held, evidence=(*story.held.evidence, *named))
    bodies: list[e.Body] = [e.Retrieved(named)]
    for one in statements_from(held.evidence):
        after = add(held, one)
        if isinstance(after, Statement):  # Not what the case says already, or was rejected.
            held = replace(held, statements=(*held.statements, after))
            bodies.append(e.StatementStep(after, None))
    return bodies


async def _ask_back(desk: Desk, case: OpenCase, count: int) -> None:
    """In the case's thread: what was not found, not read, or may be about something else, before anybody goes on."""
    notice = NewDelivery(
        CASE_DOUBTS,
        Audience.INTERNAL,
        case.story.opened.channel,
        ticket_id=case.ticket.id,
        thread_ts=case.row.thread_ts,
        args={"case": str(case.row.id), "after": len(case.story.held.evidence), "found": count},
    )
    await deliveries.post(case.tx, notice, delivery_id=desk.new_id(), at=desk.clock())
