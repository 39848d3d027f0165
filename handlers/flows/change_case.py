"""How a case is changed: one door for every flow that adds to its record.

    1  who asks works the desk, asked live
    2  the case is locked, and its record read and verified
    3  they are its lead, or one of its people where that is enough, and did not ask for anything on its ticket
    4  the flow says what is added, or refuses
    5  what follows by rule is added after it: facts whose evidence is gone are reopened, the security latch is weighed
    6  the case's card is brought up to date, and security is told of a latch that was set

A refusal is on the ticket's trail with its rule, and adds nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import NotFound, Refused
from handlers.flows.case_people import Asked, who_asked
from handlers.flows.check_access import require_access
from handlers.flows.one_person import Addresses, with_addresses
from policy import case_entries as e
from policy.case_entries import Body, Entry
from policy.case_moves import Refusal, Role, StatementEvent
from policy.case_rules import Wish, decide, no_longer_confirmed
from policy.case_story import CaseStory, go_on
from policy.case_terms import Statement
from policy.latch import assess
from policy.latching import LatchState, weigh
from policy.terms import Audience, Person, PersonKey
from storage import audit, cases, deliveries, tickets
from storage.audit import Step
from storage.database import Transaction
from storage.deliveries import NewDelivery
from storage.schema import CaseRow, Ticket
from storage.told import TrailBroken

LATCH_KIND = "case_latch"
RECORD_BROKEN = (
    "The record of this case does not hold, so nothing is done on it. Have an operator look, then try again."
)
NOT_ON_IT = "You do not work on this case. Have its lead add you, then try again."
LEAD_ONLY = "Only the lead of the case may do this. Ask them, or have the lead changed and then try again."
ASKED_ON_IT = "You asked for something on this ticket, so you cannot work on its case. Leave it to a colleague."
NOT_FOR_THEM = "This case is worked on in a private channel. Have its lead add you, then try again."
CASE_CLOSED = "This case is closed, and its record is final. Leave it as it is; a new ticket can have a new case."
EVIDENCE_CHANGED = "Its evidence no longer carries it."


@dataclass(frozen=True)
class OpenCase:
    """A case that is locked and may be added to by whoever asks."""

    tx: Transaction
    row: CaseRow
    ticket: Ticket
    story: CaseStory
    asked: Asked | None = None
    """Who wants something of it, with their other accounts, and who asked on its ticket; None for the bot's own."""


Change = Callable[[OpenCase], Awaitable[Sequence[Body]]]


@dataclass(frozen=True)
class _Check:
    """What is asked of whoever wants something of a case."""

    what: str
    lead_only: bool
    beyond: bool
    also: Sequence[PersonKey]


async def change_case(
    desk: Desk,
    case_id: UUID,
    person: Person,
    what: str,
    change: Change,
    *,
    lead_only: bool = False,
    beyond: bool = False,
    also: Sequence[PersonKey] = (),
) -> CaseStory:
    """Add to a case's record; what it holds after it.

    `what` names it on the trail where it is refused. `beyond`: it is open to people of the desk who are not on the
    case, whose right to it the flow judges. `also`: others whom it is about. Raises Refused (on record), NotFound,
    IdentityUnavailable and what `change` raises.
    """
    await require_access(desk, person, what, await _ticket_of(desk, case_id))
    check = _Check(what, lead_only, beyond, also)
    return await with_addresses(desk, [person], partial(_change, desk, case_id, person, change, check))


async def _change(
    desk: Desk, case_id: UUID, person: Person, change: Change, check: _Check, addresses: Addresses
) -> CaseStory:
    async with desk.database.transaction() as tx:
        row = await cases.get(tx, case_id)
        ticket = None if row is None else await tickets.get(tx, row.ticket_id, lock=True)
        if row is None or ticket is None:
            raise NotFound("case")
        try:
            case = await _opened(tx, row, ticket, await who_asked(tx, addresses, ticket, person, check.also), check)
            bodies = await change(case)
        except Refused as refused:
            refusal = refused
        else:
            return await add_to_case(desk, case, bodies, actor=str(person.key))
        payload = {"case": str(case_id), "what": check.what, "rule": refusal.code, "reason": str(refusal)}
        await audit.record(tx, ticket.id, Step.CASE_REFUSED, str(person.key), payload, at=desk.clock())
    raise Refused(str(refusal), code=refusal.code, reply=refusal.reply, is_recorded=True)


async def add_to_case(desk: Desk, case: OpenCase, bodies: Sequence[Body], *, actor: str) -> CaseStory:
    """Add entries and what follows from them by rule. The case must be locked."""
    now, tx, row = desk.clock(), case.tx, case.row
    if not bodies:
        return case.story
    own = _entries(case.story, bodies, actor, desk)
    told = go_on(case.story, own)
    follows = consequences(told)
    after = go_on(told, _entries(told, follows, "bot", desk))
    await cases.append(tx, row, bodies, actor=actor, at=now)
    await cases.append(tx, row, follows, actor="bot", at=now)
    row.lead, row.is_open = str(after.lead), after.is_open
    if any(isinstance(one, e.LatchMoved) and one.latch.state is LatchState.SET for one in follows):
        await _tell_security(desk, tx, row, told, after)
    await deliveries.refresh(tx, ticket_id=row.ticket_id)
    return after


def consequences(story: CaseStory) -> list[Body]:
    """What follows by rule from a case as it is: nothing, where nothing changed."""
    found: list[Body] = []
    for fact in no_longer_confirmed(story.held):
        wish = Wish(
            StatementEvent.REOPENED, fact.statement_id, fact.revision, Role.RULES, by=None, reason=EVIDENCE_CHANGED
        )
        reopened = decide(story.held, wish)
        if isinstance(reopened, Statement):
            found.append(e.StatementStep(reopened, StatementEvent.REOPENED, EVIDENCE_CHANGED))
    latch = weigh(story.latch, assess(story.held.evidence))
    if latch != story.latch:
        found.append(e.LatchMoved(latch))
    return found


def record_broken(why: str) -> Refused:
    """A record, or a ticket's trail, does not hold: nothing is done on what it tells."""
    return Refused(why, code="case-record-broken", reply=RECORD_BROKEN)


def asked_on_it(*, is_recorded: bool = False) -> Refused:
    """Who asks does not work on the case."""
    return Refused("they asked on the ticket", code="case-no-requester", reply=ASKED_ON_IT, is_recorded=is_recorded)


def not_on_it() -> Refused:
    """They are neither its lead nor a member."""
    return Refused("they do not work on the case", code="case-not-on-it", reply=NOT_ON_IT)


def not_for_them(*, is_recorded: bool = False) -> Refused:
    """It has a private channel, and they are neither of its people nor of security."""
    return Refused("the case is private", code="case-private", reply=NOT_FOR_THEM, is_recorded=is_recorded)


def lead_only_may() -> Refused:
    """They are not its lead."""
    return Refused("they are not its lead", code="case-lead-only", reply=LEAD_ONLY)


def refused(refusal: Refusal) -> Refused:
    """A refusal of the case's rules as the one that a person is told."""
    return Refused(refusal.reply, code=refusal.code, reply=refusal.reply)


def role_of(story: CaseStory, person: Person) -> Role:
    """In which part somebody acts on a case that they work on."""
    return Role.LEAD if story.lead == person.key else Role.MEMBER


async def read_story(tx: Transaction, case_id: UUID) -> CaseStory:
    """What a case holds. Raises Refused where its record does not hold."""
    try:
        return await cases.story(tx, case_id)
    except TrailBroken as error:
        raise Refused(str(error), code="case-record-broken", reply=RECORD_BROKEN) from error


async def _opened(tx: Transaction, row: CaseRow, ticket: Ticket, asked: Asked, check: _Check) -> OpenCase:
    person = asked.who
    await cases.lock(tx, row.id)
    story = await read_story(tx, row.id)
    if story.opened.ticket_id != str(ticket.id):
        raise Refused("its row names another ticket", code="case-record-broken", reply=RECORD_BROKEN)
    if not story.is_open:
        raise Refused("the case is closed", code="case-closed", reply=CASE_CLOSED)
    if asked.is_theirs:
        raise asked_on_it()
    if not story.works_on(person.key) and not check.beyond:
        raise not_on_it()
    if check.lead_only and story.lead != person.key:
        raise lead_only_may()
    return OpenCase(tx, row, ticket, story, asked)


def _entries(story: CaseStory, bodies: Sequence[Body], actor: str, desk: Desk) -> list[Entry]:
    now = desk.clock()
    return [Entry(story.length + number, now, actor, body) for number, body in enumerate(bodies, 1)]


async def _ticket_of(desk: Desk, case_id: UUID) -> UUID:
    async with desk.database.transaction() as tx:
        row = await cases.get(tx, case_id)
    if row is None:
        raise NotFound("case")
    return row.ticket_id


async def _tell_security(desk: Desk, tx: Transaction, row: CaseRow, before: CaseStory, after: CaseStory) -> None:
    """Once for each new reason; the ticket's own trail has it as well."""
    now = desk.clock()
    new = [one for one in after.latch.reasons if one not in before.latch.reasons]
    payload = {"case": str(row.id), "rules": [one.rule.value for one in new], "state": after.latch.state.value}
    await audit.record(tx, row.ticket_id, Step.CASE_LATCH_MOVED, "bot", payload, at=now)
    notice = NewDelivery(
        LATCH_KIND,
        Audience.INTERNAL,
        desk.settings.security_channel or desk.settings.approvals_channel,
        ticket_id=row.ticket_id,
        args={"case": str(row.id), "entry": after.length},
    )
    await deliveries.post(tx, notice, delivery_id=desk.new_id(), at=now)
