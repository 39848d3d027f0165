"""A desk with the demo's sources of evidence, and what a lead does on a case in Slack, press by press."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from actions.accounts_csv import read_accounts
from bot.demo import evidence as demo
from handlers.flows.change_case import change_case
from handlers.views import case_ids as ids
from handlers.views.case_ids import Ref
from policy.case_entries import Body, Closed, Turn
from policy.case_story import CaseStory
from policy.case_terms import Statement, StatementKind
from policy.terms import Person
from storage import cases, directory
from tests.running import RunningDesk, running_desk

TRIAGE, APPROVALS, CUSTOMER = "desk-triage", "desk-approvals", "ext-external"


@asynccontextmanager
async def case_desk(database_url: str, folder: Path, **more: Any) -> AsyncIterator[RunningDesk]:
    """The desk; the customer has not written yet."""
    now = datetime.now(UTC)
    environ = demo.sources(folder / "sources", now) | more.pop("environment", {})
    async with running_desk(database_url, folder, environment=environ, **more) as desk:
        async with desk.database.transaction() as tx:
            entries = read_accounts(demo.accounts_file(folder / "sources").read_text()).entries
            await directory.import_accounts(tx, entries, now)
        await demo.fill_escalations(desk.slack)
        yield desk


@dataclass
class CaseInSlack:
    """A case as its lead works on it."""

    desk: RunningDesk
    case_id: UUID
    ticket_id: UUID
    customer_ts: str
    card_ts: str
    channel: str
    lead: str = "olivia"

    async def story(self) -> CaseStory:
        async with self.desk.database.transaction() as tx:
            return await cases.story(tx, self.case_id)

    async def press(self, action_id: str, item: str = "", who: str = "") -> dict[str, Any]:
        """Press the button of the case's card that is about that statement or draft; the modal it opens."""
        person = self.desk.slack.person(who or self.lead)
        person.reload()
        found = button_of(self.card()["blocks"], action_id, item)
        if found is not None:
            await person.click(self.channel, self.card_ts, action_id=action_id, block_id=found)
        else:  # Not all fit on the card.
            await person.click(self.channel, self.card_ts, action_id=ids.SEE_STATEMENTS)
            await self.desk.until(person.modals)
            found = button_of(person.modals()[-1]["blocks"], action_id, item)
            assert found is not None, (action_id, item)
            await person.click_in_modal(action_id, found)
        await self.desk.until(person.modals)
        return dict(person.modals()[-1])

    async def press_in_modal(self, action_id: str, who: str = "") -> None:
        """Press a button of the modal on top."""
        person = self.desk.slack.person(who or self.lead)
        found = button_of(person.modals()[-1]["blocks"], action_id)
        assert found is not None, action_id
        await person.click_in_modal(action_id, found)

    async def send(self, values: Mapping[str, Any], who: str = "") -> dict[str, Any]:
        """Send the modal on top."""
        answer = await self.desk.slack.person(who or self.lead).submit(values=dict(values))
        assert answer.get("response_action") != "errors" and "error" not in answer, answer
        return dict(answer)

    async def accept(self, statement: Statement) -> None:
        """Open the statement, read it and accept it."""
        await self.press(ids.SEE_STATEMENT, statement.statement_id)
        await self.press_in_modal(ids.ACCEPT_STATEMENT)

    async def judge(self, action_id: str, statement: Statement, values: Mapping[str, Any]) -> None:
        """Open the statement, press one of its other buttons and send the form."""
        await self.press(ids.SEE_STATEMENT, statement.statement_id)
        await self.press_in_modal(action_id)
        await self.send(values)

    async def of_kind(self, kind: StatementKind, words: str = "") -> list[Statement]:
        return [one for one in (await self.story()).held.statements if one.kind is kind and words in one.text]

    def card(self) -> dict[str, Any]:
        person = self.desk.slack.person(self.lead)
        return next(one for one in person.history(self.channel) if one["ts"] == self.card_ts)

    def thread(self) -> list[dict[str, Any]]:
        return list(self.desk.slack.person(self.lead).history(self.channel, self.card_ts))


def button_of(blocks: Sequence[Any], action_id: str, item: str = "") -> str | None:
    """The block of the first button with this id that is about that item."""
    for block in blocks:
        for element in [*block.get("elements", ()), block.get("accessory") or {}]:
            if element.get("action_id") == action_id and (not item or Ref.parse(element["value"]).item == item):
                return str(block["block_id"])
    return None


async def open_case(
    desk: RunningDesk, goal: str, *, members: tuple[str, ...] = ("U0SAM000001",), place: str = "thread"
) -> CaseInSlack:
    """The customer writes, and Olivia opens the case from the ticket's card; the bot's own look is over."""
    written = await desk.slack.person("trent").post(demo.REPORTED_IN, demo.report(datetime.now(UTC)))
    ticket_id = await desk.until(lambda: desk.value("select id from tickets where slack_ts = :ts", ts=written))
    card = "select ts from deliveries where ticket_id = :id and kind = 'triage_card' and state = 'posted'"
    card_ts = await desk.until(lambda: desk.value(card, id=ticket_id))
    await desk.idle()
    lead = desk.slack.person("olivia")
    lead.reload()
    await lead.click(TRIAGE, card_ts, action_id=ids.OPEN_CASE, value=str(ticket_id))
    await desk.until(lead.modals)
    answer = await lead.submit(
        values={"goal": goal, "stays_human": "What we say of exposure.", "members": [*members]} | {"place": place}
    )
    assert "errors" not in answer, answer
    case_id = await desk.until(lambda: desk.value("select id from cases where ticket_id = :id", id=ticket_id))
    ts = await desk.until(lambda: desk.value("select thread_ts from cases where id = :id", id=case_id))
    channel = await desk.value("select channel from cases where id = :id", id=case_id)
    case = CaseInSlack(desk, case_id, ticket_id, written, ts, channel)

    async def has_looked() -> bool:
        return bool((await case.story()).held.evidence)

    await desk.until(has_looked)
    await desk.idle()
    lead.reload()
    return case


async def take_turn(case: CaseInSlack, words: str, who: str = "") -> Turn:
    """Say something to the copilot in the case's thread; the turn that came of it, once its answer stands there."""
    before = len((await case.story()).turns)
    await case.desk.slack.person(who or case.lead).post(TRIAGE, words, thread_ts=case.card_ts)

    async def taken() -> Turn | None:
        turns = (await case.story()).turns
        return turns[-1][1] if len(turns) > before else None

    turn = await case.desk.until(taken)
    await case.desk.idle()
    return turn


async def close(case: CaseInSlack) -> None:
    """The lead closes the case, whatever its latch would say to that."""
    desk = case.desk.parts.reception.desk
    lead = await desk.people.resolve((await case.story()).lead)
    assert isinstance(lead, Person)

    async def closed(_: object) -> list[Body]:
        return [Closed("It is answered.")]

    await change_case(desk, case.case_id, lead, "close a case", closed, lead_only=True)


async def edit_draft(case: CaseInSlack, draft_id: str, old: str, new: str, cause: str, who: str = "") -> None:
    """Open the draft, put one wording in the place of another, and say why."""
    await case.press(ids.SEE_DRAFT, draft_id, who)
    await case.press_in_modal(ids.EDIT_DRAFT, who)
    text = text_to_edit(case, who)
    assert old in text, text
    await case.send({"text_0": text.replace(old, new), "cause": cause, "reason": "It says more than is shown."}, who)


def text_to_edit(case: CaseInSlack, who: str = "") -> str:
    """The text in the form that is open."""
    blocks = case.desk.slack.person(who or case.lead).modals()[-1]["blocks"]
    return next(str(one["element"]["initial_value"]) for one in blocks if one.get("block_id") == "text_0")


async def approve(case: CaseInSlack, request_id: str, *approvers: str) -> None:
    """Press Approve on the request's card."""
    where = "select ts from deliveries where request_id = :id and kind = 'approval_card' and state = 'posted'"
    ts = await case.desk.until(lambda: case.desk.value(where, id=request_id))
    for who in approvers:
        await case.desk.slack.person(who).click(APPROVALS, ts, action_id="request.approve")
        await case.desk.idle()
