"""A case with a draft on a whole desk, made by adding to its record, and what becomes of the draft's release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from copilot.drafting import compose
from copilot.rendered_draft import rendered
from handlers.flows.ask_release import ask_release
from policy import case_entries as e
from policy.case_entries import Body
from policy.case_story import CaseStory
from policy.case_terms import (
    Author,
    Claim,
    Draft,
    DraftKind,
    Evidence,
    EvidenceKind,
    Source,
    Statement,
    StatementKind,
    StatementState,
)
from policy.latch import Fired, Rule
from policy.latching import Latch, LatchState
from policy.terms import PersonKey
from storage import audit, cases, deliveries
from storage.audit import Step, case_chain
from storage.schema import CaseRow
from tests.running import RunningDesk
from tests.threats.cases import OLIVIA, card_of, posted, settled

WORDS = "A colleague of mine left, and somebody still reads our files."
LEAD = PersonKey.parse(OLIVIA)
SESSION = "A session of the account was open until 1 March 2026."
FIRED = Fired(Rule.ATTACHMENT_NOT_ENTITLED, "kim", ("E1",), "There is 1 record.", frozenset({"m"}), frozenset({"kim"}))
SET = e.LatchMoved(Latch(LatchState.SET, (FIRED,)))


@dataclass(frozen=True)
class Sensitive:
    """A ticket of mallory's with a case that olivia leads."""

    ticket_id: UUID
    case_id: UUID
    channel: str
    ts: str


def evidence(number: int) -> Evidence:
    return Evidence(
        f"E{number}", Source.ACCESS_LOG, EvidenceKind.FOUND, {"principal": "kim"}, datetime.now(UTC), LEAD, "a row",
        place=f"log:{number}", sha256="ab" * 32,
    )  # fmt: skip


def begun() -> list[Body]:
    """Evidence, a fact and a next step that a person accepted, and a question that stays open."""
    accepted, due = StatementState.ACCEPTED, datetime(2026, 12, 1, 12, tzinfo=UTC)
    author = Author(person=LEAD)
    said = [
        Statement("S1", StatementKind.FACT, SESSION, ("E1",), author, accepted, claim=Claim.EVENT),
        Statement("S2", StatementKind.QUESTION, "Who opened that session?", ("E1",), author, accepted),
        Statement(
            "S3", StatementKind.NEXT_STEP, "We read the log of that session.", ("E1",), author, accepted,
            owner=LEAD, owner_label="our support lead", due_at=due,
        ),
    ]  # fmt: skip
    return [
        e.Framed("find out who reads", ""),
        e.Retrieved((evidence(1),)),
        *(e.StatementStep(one, None) for one in said),
    ]


async def sensitive(desk: RunningDesk, *, who: str = "mallory", channel: str = "ext-external") -> Sensitive:
    """A ticket with an open case, without a draft."""
    ticket_id, ts = await ticket(desk, who=who, channel=channel)
    return await case_on(desk, ticket_id, ts, channel=channel)


async def ticket(desk: RunningDesk, *, who: str = "mallory", channel: str = "ext-external") -> tuple[UUID, str]:
    """A ticket, and where it stands."""
    ts = await desk.slack.person(who).post(channel, f"{WORDS} {uuid4().hex[:6]}")
    ticket_id = await desk.until(lambda: desk.value("select id from tickets where slack_ts = :ts", ts=ts))
    await posted(desk, "triage_card", ticket_id)
    return ticket_id, ts


async def case_on(desk: RunningDesk, ticket_id: UUID, ts: str, *, channel: str = "ext-external") -> Sensitive:
    """A case on a ticket, as its opening leaves it."""
    now, case_id = datetime.now(UTC), uuid4()
    async with desk.database.transaction() as tx:
        row = CaseRow(
            id=case_id, ticket_id=ticket_id, channel="C0DESKTRIAG", lead=OLIVIA, is_open=True, opened_at=now,
            updated_at=now,
        )  # fmt: skip
        tx.add(row)
        await tx.flush()
        payload = {"case": str(case_id), "chain": case_chain(case_id), "lead": OLIVIA}
        await audit.record(tx, ticket_id, Step.CASE_OPENED, OLIVIA, payload, at=now)
        opened = e.Opened(str(ticket_id), 1, "Somebody reads", LEAD, "C0DESKTRIAG", now)
        await cases.append(tx, row, [opened, *begun()], actor=OLIVIA, at=now)
    return Sensitive(ticket_id, case_id, channel, ts)


async def add(desk: RunningDesk, case: Sensitive, *bodies: Body, actor: str = OLIVIA) -> None:
    """What a flow of the case does in the end."""
    async with desk.database.transaction() as tx:
        await cases.lock(tx, case.case_id)
        row = await cases.get(tx, case.case_id)
        assert row is not None
        await cases.append(tx, row, bodies, actor=actor, at=datetime.now(UTC))
        await deliveries.refresh(tx, ticket_id=case.ticket_id)


async def story(desk: RunningDesk, case: Sensitive) -> CaseStory:
    async with desk.database.transaction() as tx:
        return await cases.story(tx, case.case_id)


async def drafted(desk: RunningDesk, case: Sensitive, kind: DraftKind = DraftKind.CUSTOMER_UPDATE) -> Draft:
    """The next revision of a draft, from what the case holds."""
    held = await story(desk, case)
    number = len(held.drafts.get(kind.value, ())) + 1
    draft = compose(kind.value, kind, held.held, revision=number)
    if number > 1:  # Another text than before.
        last = replace(draft.sentences[0], text=f"{draft.sentences[0].text} We say it {number} times.")
        draft = replace(draft, sentences=(*draft.sentences, last))
    await add(desk, case, e.Drafted(draft, Author(person=LEAD)))
    return draft


async def ask(desk: RunningDesk, case: Sensitive, draft: Draft, *, who: str = OLIVIA) -> UUID:
    """The release of a revision, asked for; its request's id."""
    parts = desk.parts.reception.desk
    person = await parts.people.resolve(PersonKey.parse(who))
    proposed = await ask_release(parts, case.case_id, draft.draft_id, draft.revision, person)
    return proposed.request_id


async def waiting_update(
    desk: RunningDesk, kind: DraftKind = DraftKind.CUSTOMER_UPDATE, *then: Body
) -> tuple[Sensitive, UUID, str]:
    """A case whose draft's release waits: the case, the request, and the exact text."""
    case = await sensitive(desk)
    if then:
        await add(desk, case, *then)
    draft = await drafted(desk, case, kind)
    return case, await ask(desk, case, draft), rendered(draft)


async def vote(desk: RunningDesk, request_id: UUID, who: str, *, action_id: str = "request.approve") -> None:
    """A press on the request's card, and what follows from it."""
    card_ts = await card_of(desk, request_id)
    await desk.slack.forge.send(desk.slack.forge.click_payload(who, "desk-approvals", card_ts, action_id))
    await settled(desk)


async def status(desk: RunningDesk, request_id: UUID) -> str:
    return str(await desk.value("select status from action_requests where id = :id", id=request_id))


async def outcome(desk: RunningDesk, request_id: UUID) -> str:
    return str(await desk.value("select outcome from action_requests where id = :id", id=request_id))


async def refusals(desk: RunningDesk, case: Sensitive) -> list[tuple[str, str]]:
    """The rules by which votes were refused, with the reason that is on the trail."""
    events = await desk.trail(case.ticket_id)
    return [(one.payload["rule"], one.payload["reason"]) for one in events if one.name == "vote_refused"]


def said(desk: RunningDesk, case: Sensitive) -> list[str]:
    """What the bot has said where the requester reads."""
    log = desk.slack.world.logs[desk.slack.world.channel(case.channel).id]
    return [one["text"] for one in log.thread(case.ts) if one.get("bot_id") == desk.slack.app.bot_id]


def shown(desk: RunningDesk, case: Sensitive) -> list[str]:
    """The texts of the blocks of what the bot has said there, byte for byte."""
    log = desk.slack.world.logs[desk.slack.world.channel(case.channel).id]
    ours = [one for one in log.thread(case.ts) if one.get("bot_id") == desk.slack.app.bot_id]
    return ["".join(_texts(one.get("blocks", []))) for one in ours]


def _texts(value: Any) -> Sequence[str]:
    if isinstance(value, dict):
        return (
            [value["text"]]
            if isinstance(value.get("text"), str)
            else [one for v in value.values() for one in _texts(v)]
        )
    return [one for item in value for one in _texts(item)] if isinstance(value, list) else []


async def entries(desk: RunningDesk, case: Sensitive, kind: type[Any]) -> list[Any]:
    """What a case's record has of one kind."""
    return [one.body for one in (await story(desk, case)).entries if isinstance(one.body, kind)]
