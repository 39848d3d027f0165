"""What somebody had the copilot or the sources asked: on the ticket's trail under their name, and done once.

The work is a job's, and its arguments are only rows: whoever can write to the database can make one. So whoever asks
is put on the trail with a hash of exactly what the job is to do. A job is done for such a step only, in the name of its
actor and of nobody else; the step that says so is one transaction with what came of it, so a job that comes again, or
is put on the queue again, does nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import IdentityUnavailable, NotFound, Refused, TryLater
from handlers.flows.change_case import Change, OpenCase, change_case, read_story, record_broken
from handlers.flows.one_person import LINKS_CONTRADICTED
from policy.case_entries import Body
from policy.case_story import CaseStory
from policy.terms import PersonKey
from storage import audit, cases, deliveries, job_queue, tickets, told
from storage.audit import Step, StoredEvent, ticket_chain
from storage.database import Transaction
from storage.told import TrailBroken

NOBODY_ASKED = "Nobody asked for this in these words, so nothing is done. Ask from the case's card, then try again."
DONE_BEFORE = "This was done before. Leave it, or ask once more from the case's card."
LEFT_OUT = "What came of it was left out of the case; what it used is on the record."

SLACK_RETRY_SECONDS = 10.0
IDENTITY_TRIES = 12
"""How often Slack is asked at the end of what was paid for, which would otherwise be done, and paid for, once more."""

Entered = Callable[[CaseStory], Body]


@dataclass(frozen=True)
class Ask:
    """What a job was put on the queue for."""

    ask_id: str
    by: PersonKey


async def note_ask(
    desk: Desk, tx: Transaction, ticket_id: UUID, case_id: UUID, task: str, by: PersonKey, **args: Any
) -> None:
    """Put the job on the queue for somebody, and that they asked for it on the trail. The ticket is locked."""
    ask_id = str(desk.new_id())
    payload = {"case": str(case_id), "ask": ask_id, "task": task, "sha256": _hash(args)}
    await audit.record(tx, ticket_id, Step.CASE_ASKED, str(by), payload, at=desk.clock())
    await job_queue.defer(
        tx, task, queue=job_queue.TURNS, lock=f"turn:{case_id}", case_id=str(case_id), ask=ask_id, **args
    )


async def asked_for(desk: Desk, case_id: UUID, task: str, ask_id: str, **args: Any) -> Ask:
    """Who asked for what a job is about to do. Raises NotFound, Refused where nobody did or it is done."""
    async with desk.database.transaction() as tx:
        row = await cases.get(tx, case_id)
        if row is None:
            raise NotFound("case")
        events = await _events(tx, row.ticket_id)
    wanted = {"case": str(case_id), "ask": ask_id, "task": task, "sha256": _hash(args)}
    found = next((one for one in events if one.name == Step.CASE_ASKED and one.payload == wanted), None)
    if found is None:
        raise Refused(f"nobody asked for {task} {ask_id}", code="case-nobody-asked", reply=NOBODY_ASKED)
    _check_open(events, ask_id)
    return Ask(ask_id, PersonKey.parse(found.actor))


async def change_as_asked(
    desk: Desk, case_id: UUID, ask: Ask, what: str, change: Change, *, tries: int = 1
) -> CaseStory:
    """Change a case in the name of whoever asked, as they are now.

    Raises Refused (on record), NotFound, and TryLater where Slack does not say who they are.
    """
    for left in reversed(range(tries)):
        try:
            with or_later():
                return await change_case(desk, case_id, await desk.people.resolve(ask.by), what, change)
        except TryLater:
            if not left:
                raise
            await asyncio.sleep(SLACK_RETRY_SECONDS)
    raise ValueError("no try was to be made")


@contextmanager
def or_later() -> Iterator[None]:
    """What a job does in somebody's name, put off while Slack does not say who they are. Raises TryLater."""
    try:
        yield
    except IdentityUnavailable as error:
        if error.reply == LINKS_CONTRADICTED:
            raise  # That does not pass: an operator looks first.
        raise TryLater(str(error), seconds=SLACK_RETRY_SECONDS) from error


@asynccontextmanager
async def or_left_out(desk: Desk, case_id: UUID, ask: Ask, entry: Entered) -> AsyncIterator[None]:
    """Where whoever asked may no longer add to the case, or it was closed meanwhile, leave out what was done for them.

    `entry`, of the case as it is then, is all that the record gets, from the bot: what was done and what it used, and
    nothing of what was found or proposed. Raises Refused, which says so.
    """
    try:
        yield
    except (Refused, IdentityUnavailable) as error:
        await _note_left_out(desk, case_id, ask, entry)
        raise Refused(
            str(error),
            code="case-left-out",
            reply=f"{error.reply} {LEFT_OUT} Leave it, or have somebody who works on the case ask again.",
            is_recorded=True,
        ) from error


async def _note_left_out(desk: Desk, case_id: UUID, ask: Ask, entry: Entered) -> None:
    """Put it on the record, a closed one too, by none of the ways that change what a case holds. Raises Refused."""
    async with desk.database.transaction() as tx:
        row = await cases.get(tx, case_id)
        ticket = None if row is None else await tickets.get(tx, row.ticket_id, lock=True)
        if row is None or ticket is None:
            raise NotFound("case")
        await cases.lock(tx, case_id)
        story = await read_story(tx, case_id)
        if story.opened.ticket_id != str(ticket.id):
            raise record_broken("its row names another ticket")
        await note_answered(desk, OpenCase(tx, row, ticket, story), ask)
        await cases.append(tx, row, [entry(story)], actor="bot", at=desk.clock())
        await deliveries.refresh(tx, ticket_id=ticket.id)


async def note_answered(desk: Desk, case: OpenCase, ask: Ask) -> None:
    """Put on the trail that it is done. The case is locked. Raises Refused where it was done before."""
    _check_open(await _events(case.tx, case.ticket.id), ask.ask_id)
    payload = {"case": str(case.row.id), "ask": ask.ask_id}
    await audit.record(case.tx, case.ticket.id, Step.CASE_ANSWERED, "bot", payload, at=desk.clock())


def _check_open(events: list[StoredEvent], ask_id: str) -> None:
    if any(one.name == Step.CASE_ANSWERED and one.payload["ask"] == ask_id for one in events):
        raise Refused(f"{ask_id} was answered before", code="case-answered-before", reply=DONE_BEFORE)


async def _events(tx: Transaction, ticket_id: UUID) -> list[StoredEvent]:
    """The ticket's steps that were made under a key, verified. Raises Refused."""
    try:
        events = await told.verified(tx, ticket_chain(ticket_id))
    except TrailBroken as error:
        raise record_broken(str(error)) from error
    return [one for one in events if one.key_id is not None]


def _hash(args: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(args, sort_keys=True).encode()).hexdigest()
