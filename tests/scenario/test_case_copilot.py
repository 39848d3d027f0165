"""Scenario B, from the customer's first message to the sent update, the security handoff and the trace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import bot.socket_mode
from bot.backfill import backfill
from copilot.measures import measure
from handlers.views import case_ids as ids
from policy import case_entries as e
from policy.case_foundations import cannot_confirm
from policy.case_terms import StatementKind
from policy.latching import LatchState
from storage import handoffs
from tests.running import RunningDesk
from tests.scenario.case_desk import APPROVALS, CUSTOMER, CaseInSlack, case_desk, open_case
from tests.scenario.test_false_authority import text_of

GOAL = "Find out what the contractor looked at after the account was closed, and tell the customer what is certain."
DUE = int((datetime.now(UTC) + timedelta(days=2)).timestamp())


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    async with case_desk(database_url, tmp_path) as desk:
        yield desk


async def judged(case: CaseInSlack) -> None:
    """The lead judges what the rules found: conflicts are settled, facts accepted, questions and steps taken on."""
    for conflict in await case.of_kind(StatementKind.CONFLICT):
        reason = "The directory is the record; the ticket gives the time at which closing was asked for."
        await case.judge(ids.RESOLVE_STATEMENT, conflict, {"reason": reason})
    story = await case.story()
    for fact in await case.of_kind(StatementKind.FACT):
        if cannot_confirm(fact, story.held.grounds) is None:
            await case.accept(fact)
    for question in await case.of_kind(StatementKind.QUESTION, "preview"):
        await case.accept(question)
    await step(case, "Ask the attachment store for what each preview rendered.")


async def step(case: CaseInSlack, words: str) -> None:
    """A next step of the lead's own, with a team and a date, accepted."""
    await case.press(ids.ADD_STATEMENT)
    await case.send({"text": words, "kind": "next_step"})
    [found] = await case.of_kind(StatementKind.NEXT_STEP, words)
    await case.judge(ids.REASSIGN_STATEMENT, found, {"owner_label": "our engineering team", "due": DUE})
    [found] = await case.of_kind(StatementKind.NEXT_STEP, words)
    await case.accept(found)


async def drafted(case: CaseInSlack, kind: str) -> e.Drafted:
    await case.press(ids.WRITE_DRAFT)
    await case.send({"kind": kind})
    await case.desk.idle()
    newest = (await case.story()).newest(kind)
    assert newest is not None
    return newest.written


async def release(case: CaseInSlack, kind: str, *approvers: str) -> str:
    """The lead asks for the newest revision of the draft to go out, and these approve it; the request's id."""
    desk = case.desk
    await case.press(ids.SEE_DRAFT, kind)
    await case.press_in_modal(ids.ASK_RELEASE)
    await case.send({})
    sql = "select id from action_requests where ticket_id = :id order by created_at desc limit 1"
    request_id = await desk.value(sql, id=case.ticket_id)
    where = "select ts from deliveries where request_id = :id and kind = 'approval_card' and state = 'posted'"
    ts = await desk.until(lambda: desk.value(where, id=request_id))
    for who in approvers:
        await desk.slack.person(who).click(APPROVALS, ts, action_id="request.approve")
        await desk.idle()
    return str(request_id)


def said_to_customer(desk: RunningDesk, case: CaseInSlack) -> list[str]:
    return [text_of(one) for one in desk.slack.person("mallory").history(CUSTOMER, case.customer_ts)]


async def test_scenario_b_without_a_model(desk: RunningDesk) -> None:
    case = await open_case(desk, GOAL)
    story = await case.story()

    # Retrieval: the rules state what the records show, and the latch moves the case to security.
    assert story.latch.state is LatchState.SET
    assert "Security latch set" in text_of(desk.slack.person("sana").history(APPROVALS))
    assert await case.of_kind(StatementKind.CONFLICT) and await case.of_kind(StatementKind.QUESTION)
    assert "Security latch" in text_of(case.card())

    # A turn of the copilot, asked for in the thread, says that no model is in use.
    await desk.slack.person("olivia").post("desk-triage", "What did the contractor download?", thread_ts=case.card_ts)
    turn = await desk.until(lambda: _last_turn(case))
    assert "No model is in use" in turn.answer and turn.author.model == ""
    await desk.until(lambda: "No model is in use" in text_of(case.thread()))

    await judged(case)
    update = await drafted(case, "customer_update")
    sentences = [one.text for one in update.draft.sentences]
    assert any(one.startswith("Confirmed:") for one in sentences)
    assert any(one.startswith("Still being checked:") for one in sentences)
    assert any(one.startswith("Next: our engineering team by") for one in sentences)

    # With the latch set, support alone does not let it out.
    request_id = await release(case, "customer_update", "sam")
    assert await desk.value("select status from action_requests where id = :id", id=request_id) == "pending"
    before = said_to_customer(desk, case)
    await _approve(desk, request_id, "sana")
    sent = await desk.until(lambda: said_to_customer(desk, case)[len(before) :])
    assert all(one in sent[-1] for one in sentences)

    # The handoff to security: a signed packet, as files in their channel.
    await drafted(case, "security_handoff")
    await release(case, "security_handoff", "sam")
    files = await desk.until(lambda: _files(desk))
    notary = desk.parts.notary
    assert notary is not None
    found = {one["name"]: await _downloaded(desk, one["id"]) for one in files}
    assert handoffs.check(found["handoff.json"], found["handoff.md"], [notary.public_key]) == []

    # The measures: every sentence that was sent has its trace.
    story = await case.story()
    measured = measure(str(case.case_id), story)
    assert measured.untraced == () and measured.traced > 0
    assert [body.audience for _, body in story.releases] == ["customer", "security"]


async def test_a_case_of_its_own_people_is_worked_on_in_a_private_channel(desk: RunningDesk) -> None:
    case = await open_case(desk, GOAL, place="private")
    channel = desk.slack.world.channel(case.channel)

    assert channel.is_private and channel.name.startswith("case-")
    assert set(channel.members) == {desk.slack.app.bot_user_id, "U0OLIVIA001", "U0SAM000001"}
    assert "Security latch" in text_of(case.card())
    olivia = desk.slack.person("olivia")
    await olivia.post(case.channel, "What did the contractor download?", thread_ts=case.card_ts)
    turn = await desk.until(lambda: _last_turn(case))
    assert turn.asked_by.user_id == "U0OLIVIA001"
    said = next(one["ts"] for one in case.thread() if one.get("user") == "U0OLIVIA001")
    await olivia.edit(case.channel, said, "What did the contractor download, and when?")
    await desk.idle()
    assert len((await case.story()).turns) == 1
    await desk.until(lambda: "No model is in use" in text_of(case.thread()))


@pytest.mark.parametrize("place", ["thread", "private"])
async def test_what_the_lead_said_while_nobody_listened_is_a_turn_once_it_is_found(
    desk: RunningDesk, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    case = await open_case(desk, GOAL, place=place)
    lost = asyncio.Event()

    async def lose(*_: Any) -> None:
        lost.set()

    with monkeypatch.context() as patch:
        patch.setattr(bot.socket_mode, "take_message", lose)
        olivia = desk.slack.person("olivia")
        await olivia.post(case.channel, "What did the contractor download?", thread_ts=case.card_ts)
        await lost.wait()
    await backfill(desk.parts.reception, {})
    await desk.idle()

    assert len((await case.story()).turns) == 1


async def _last_turn(case: CaseInSlack) -> e.Turn | None:
    turns = (await case.story()).turns
    return turns[-1][1] if turns else None


async def _approve(desk: RunningDesk, request_id: str, who: str) -> None:
    where = "select ts from deliveries where request_id = :id and kind = 'approval_card' and state = 'posted'"
    await desk.slack.person(who).click(APPROVALS, await desk.value(where, id=request_id), action_id="request.approve")
    await desk.idle()


def _files(desk: RunningDesk) -> list[dict[str, Any]]:
    with_files = [one for one in desk.slack.person("sana").history(APPROVALS) if one.get("files")]
    return list(with_files[-1]["files"]) if with_files else []


async def _downloaded(desk: RunningDesk, file_id: str) -> bytes:
    url = f"{desk.slack.url}/client/file?as=sana&file={file_id}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.read()
