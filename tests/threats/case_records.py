"""A case on a ticket of Mallory's, worked on by Olivia with Sam, and what its record holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from handlers.desk import Desk
from handlers.flows.open_case import open_case
from policy.case_entries import Body
from policy.case_story import CaseStory
from policy.terms import Person, PersonKey
from storage import cases
from tests.running import RunningDesk
from tests.threats.cases import change, paused

HOME = "T0ACME00001"
OLIVIA, SAM, SANA, VICTOR = (
    PersonKey(HOME, one) for one in ("U0OLIVIA001", "U0SAM000001", "U0SANA00001", "U0VICTOR001")
)
BOB, ERIN, DANA = (PersonKey(HOME, one) for one in ("U0BOB000001", "U0ERIN00001", "U0DANA00001"))
ASKED = (
    "Our contractor kim@external.example was deprovisioned on Monday and may still have been able to view support"
    " attachments with invoice backups and configuration exports. Can you tell us what was seen?"
)


@dataclass(frozen=True)
class CaseAt:
    """Where a case stands."""

    case_id: UUID
    ticket_id: UUID
    ts: str
    """The customer's message."""


def inside(desk: RunningDesk) -> Desk:
    return desk.parts.reception.desk


async def person(desk: RunningDesk, key: PersonKey) -> Person:
    """Who somebody is right now."""
    return await inside(desk).people.resolve(key)


async def ticket_of(
    desk: RunningDesk, who: str = "mallory", channel: str = "ext-external", text: str = ASKED
) -> CaseAt:
    """A ticket without a case yet; its case id is nobody's."""
    ts = await desk.slack.person(who).post(channel, text)
    ticket_id = await desk.until(lambda: desk.value("select id from tickets where slack_ts = :ts", ts=ts))
    return CaseAt(UUID(int=0), ticket_id, ts)


async def case_of(desk: RunningDesk, *, members: Sequence[PersonKey] = (SAM,), text: str = ASKED) -> CaseAt:
    """A case whose lead is Olivia, without the bot's own look at it: what the tests write comes first."""
    at = await ticket_of(desk, text=text)
    lead, goal = await person(desk, OLIVIA), "Find out what was seen."
    async with paused(desk):
        case_id = await open_case(inside(desk), at.ticket_id, goal, "What is said.", members, lead)
        await change(desk, "delete from procrastinate_jobs where task_name = 'look_for_case' and status = 'todo'")
    return CaseAt(case_id, at.ticket_id, at.ts)


async def story_of(desk: RunningDesk, case: CaseAt) -> CaseStory:
    """What the case holds, its record verified."""
    async with desk.database.transaction() as tx:
        return await cases.story(tx, case.case_id)


async def write(desk: RunningDesk, case: CaseAt, *bodies: Body, actor: PersonKey = OLIVIA) -> None:
    """Add to the record as a flow does that was allowed to."""
    async with desk.database.transaction() as tx:
        row = await cases.get(tx, case.case_id)
        assert row is not None
        await cases.lock(tx, case.case_id)
        await cases.append(tx, row, bodies, actor=str(actor), at=inside(desk).clock())


async def refusals(desk: RunningDesk, case: CaseAt) -> list[str]:
    """The rules by which something of the case was refused, oldest first."""
    return [one.payload["rule"] for one in await desk.trail(case.ticket_id) if one.name == "case_refused"]
