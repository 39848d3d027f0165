"""What comes late, or was lost on its way, leaves no record that the world contradicts."""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

import bot.socket_mode
from actions.executors import Executor, Outcome, Run
from actions.runner import Runner
from bot.backfill import backfill
from handlers.desk import Desk
from handlers.errors import IdentityUnavailable
from handlers.flows.cast_vote import Ballot, cast_vote
from handlers.flows.open_letter import open_letter
from handlers.flows.run_action import run_action
from handlers.group_lists import GroupLists
from policy.terms import Choice, Person, PersonKey
from storage.embedded import _forget_the_dead, start_embedded
from tests.running import RunningDesk, running_desk
from tests.scenario.test_false_authority import olivia_confirms, text_of
from tests.scenario.test_other_ways_in import SEED_TICKET, hand_in
from tests.threats.cases import (
    Case,
    action_ids,
    assert_vouched_for,
    card_of,
    change,
    key_status,
    message_at,
    open_case,
    paused,
    status,
)

ASKED = "My key ak_demo_bob_001 leaked, please revoke it."
SANA = PersonKey("T0ACME00001", "U0SANA00001")


def inside(desk: RunningDesk) -> Desk:
    return desk.parts.reception.desk


async def sana_approves(desk: RunningDesk, case: Case) -> None:
    ballot = Ballot(case.request_id, Choice.APPROVE, "a click")
    await cast_vote(inside(desk), ballot, await desk.parts.reception.identity.resolve(SANA))


class Frozen:
    """The executor of a process that freezes before its first statement to the target."""

    def __init__(self, real: Executor) -> None:
        self._real = real
        self.has_begun, self.thaws = asyncio.Event(), asyncio.Event()

    async def execute(self, run: Run) -> Outcome:
        self.has_begun.set()
        await self.thaws.wait()
        return await self._real.execute(run)

    async def reconcile(self, run: Run) -> Outcome | None:
        return await self._real.reconcile(run)

    async def call_off(self, run: Run) -> Outcome | None:
        return await self._real.call_off(run)


class Forgetful(Frozen):
    """It says that nothing was done, whatever was."""

    async def reconcile(self, run: Run) -> Outcome | None:
        return None


async def test_a_run_that_was_said_not_to_have_happened_does_not_happen_later(desk: RunningDesk) -> None:
    case = await open_case(desk)
    frozen = Frozen(inside(desk).runner._executors["api_key."])
    elsewhere = replace(inside(desk), runner=Runner({"api_key.": frozen}, 500))
    async with paused(desk):
        await sana_approves(desk, case)
        late = asyncio.create_task(run_action(elsewhere, case.request_id))
        await frozen.has_begun.wait()
        await change(desk, "update tickets set revision = revision + 1 where id = :id", id=case.ticket_id)
        await run_action(inside(desk), case.request_id)
        assert await status(desk, case) == "failed"

        frozen.thaws.set()
        await late

    assert (await key_status(desk, case), await status(desk, case)) == ("active", "failed")


async def test_a_run_that_cannot_be_called_off_any_more_is_told_as_done(desk: RunningDesk) -> None:
    """The evidence is gone by then; what happened has happened, and the record says so."""
    case = await open_case(desk)
    forgetful = Forgetful(inside(desk).runner._executors["api_key."])
    async with paused(desk):
        await sana_approves(desk, case)
        await run_action(inside(desk), case.request_id)
        await change(desk, "update action_requests set status = 'running' where id = :id", id=case.request_id)
        await change(desk, "update tickets set revision = revision + 1 where id = :id", id=case.ticket_id)

        await run_action(replace(inside(desk), runner=Runner({"api_key.": forgetful}, 500)), case.request_id)

    assert (await key_status(desk, case), await status(desk, case)) == ("revoked", "executed")


async def test_the_look_before_a_run_is_live_whatever_was_asked_before(database_url: str, tmp_path: Path) -> None:
    async with running_desk(database_url, tmp_path, live_group_lists_a_minute=0) as desk:
        case = await open_case(desk)
        async with paused(desk):
            await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
            await desk.until(lambda: desk.value("select 1 from votes"))
            desk.slack.admin.set_group_members("security", ["U0VICTOR001"])

            await run_action(inside(desk), case.request_id)

        assert (await key_status(desk, case), await status(desk, case)) == ("active", "denied")


async def test_two_groups_that_are_asked_for_all_the_time_stay_within_slacks_tier() -> None:
    now, calls = [0.0], []

    async def ask(_: str) -> frozenset[str]:
        calls.append(now[0])
        return frozenset()

    lists = GroupLists(ask, lambda: now[0])
    for _ in range(600):
        await asyncio.gather(lists.members_of("S1"), lists.members_of("S2"))
        now[0] += 0.1

    assert 10 <= len(calls) <= 20


async def test_a_run_whose_time_is_over_is_told_as_that_and_not_as_a_judgement(desk: RunningDesk) -> None:
    case = await open_case(desk)
    async with paused(desk):
        await sana_approves(desk, case)
        later = replace(inside(desk), clock=lambda: datetime.now(UTC) + timedelta(days=30))
        await run_action(later, case.request_id)
    await desk.idle()

    assert await status(desk, case) == "expired"
    heard = text_of(desk.slack.person("mallory").history(case.channel, case.ts))
    assert "not decided in time" in heard and "will not make" not in heard
    await assert_vouched_for(desk, case)


async def test_what_became_void_can_be_proposed_from_its_suggestion_again_and_the_requester_hears_of_it(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk)
    mallory, olivia = desk.slack.person("mallory"), desk.slack.person("olivia")
    await mallory.edit(case.channel, case.ts, f"It leaked publicly, so please revoke API key {case.key_id} now!")
    await desk.until(lambda: desk.value("select 1 from action_requests where status = 'void'"))
    await desk.idle()
    assert "suggestion.confirm" in action_ids(message_at(desk, "desk-triage", case.triage_ts))

    await olivia.click("desk-triage", case.triage_ts, action_id="suggestion.confirm", value=str(case.suggestion_id))
    await desk.until(olivia.modals)
    await olivia.submit(values={"keyId": case.key_id})
    await desk.idle()
    anew: UUID = await desk.value("select id from action_requests where status = 'pending'")
    await desk.slack.person("sana").click("desk-approvals", await card_of(desk, anew), action_id="request.approve")
    await desk.until(
        lambda: desk.value("select 1 from action_requests where status = 'executed' and id = :id", id=anew)
    )
    await desk.idle()

    assert "has been made" in text_of(mallory.history(case.channel, case.ts))


async def test_an_edit_that_went_unheard_elsewhere_is_found_while_a_request_waits(
    desk: RunningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    erin = desk.slack.person("erin")
    ts = await erin.post("general", ASKED)
    await desk.slack.person("olivia").shortcut("make_ticket", channel="general", ts=ts)
    await desk.the_ticket()
    await desk.idle()
    await olivia_confirms(desk)
    lost = asyncio.Event()

    async def lose(*_: Any) -> None:
        lost.set()

    with monkeypatch.context() as patch:
        patch.setattr(bot.socket_mode, "take_message", lose)
        await erin.edit("general", ts, "Please leave my key alone.")
        await lost.wait()
    await backfill(desk.parts.reception, {"C0GENERAL01": datetime.now(UTC) - timedelta(minutes=5)})
    await desk.idle()

    assert await desk.value("select status from action_requests where action_id = 'api_key.revoke'") == "void"


async def test_a_ticket_made_of_a_reply_takes_in_the_message_it_answers(desk: RunningDesk) -> None:
    """Pressed before that message was handled: what it asks for is not lost."""
    sana, erin = desk.slack.person("sana"), desk.slack.person("erin")
    async with paused(desk):
        root = await sana.post("help", "Please restore API key ak_demo_bob_001 for me.")
        reply = await erin.post("help", "Same here, thanks.", thread_ts=root)
        await erin.shortcut("make_ticket", channel="help", ts=reply)
        await desk.the_ticket()
    await desk.idle()

    assert await desk.value("select count(*) from tickets") == 1
    found = await desk.rows("select author, author_side from messages where slack_ts = :ts", ts=root)
    assert found == [(str(SANA), "customer")]


async def test_a_message_deleted_between_the_press_and_the_ticket_is_deleted_in_it(
    desk: RunningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    erin, identity = desk.slack.person("erin"), desk.parts.reception.identity
    ts, real, is_gone = await erin.post("general", ASKED), identity.author, False

    async def author(*who: Any) -> Person:
        nonlocal is_gone
        if not is_gone:
            is_gone = True
            await erin.delete("general", ts)
            await asyncio.sleep(0.3)  # Its event comes while there is no ticket yet that it could be about.
        return await real(*who)

    monkeypatch.setattr(identity, "author", author)
    await desk.slack.person("olivia").shortcut("make_ticket", channel="general", ts=ts)
    await desk.the_ticket()
    await desk.idle()

    versions = "select kind from message_versions v join messages m on m.id = v.message_id where m.slack_ts = :ts"
    assert await desk.rows(versions + " order by v.number", ts=ts) == [("posted",), ("deleted",)]


async def test_nobody_is_promised_a_second_try_of_a_press(desk: RunningDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    erin, olivia = desk.slack.person("erin"), desk.slack.person("olivia")
    ts = await erin.post("general", ASKED)

    async def author(*_: Any) -> Person:
        raise IdentityUnavailable("silence")

    monkeypatch.setattr(desk.parts.reception.identity, "author", author)
    await olivia.shortcut("make_ticket", channel="general", ts=ts)

    await desk.until(lambda: olivia.ephemerals("general"))
    said = text_of(olivia.ephemerals("general"))
    assert "trying again" not in said and "try again" in said


async def test_a_mail_in_slack_keeps_its_place_whatever_callers_over_http_call_theirs(desk: RunningDesk) -> None:
    async with paused(desk):
        ts = desk.slack.email("inbox", "Ann <ann@customer.example>", "Please help", "My export fails since noon.")
        await desk.until(lambda: desk.value("select 1 from inbox"))
        await change(desk, "update procrastinate_jobs set scheduled_at = now() + interval '1 s'")
        await hand_in(desk, SEED_TICKET | {"correlationId": f"C0INBOX0001:{ts}", "text": "Something else."})
    await desk.until(
        lambda: desk.value("select 1 from inbox having count(*) filter (where handled_at is not null) = 2")
    )
    await desk.idle()

    assert await desk.value("select count(*) from tickets") == 2


async def test_a_notice_that_nobody_works_on_any_more_holds_no_newer_one_up(desk: RunningDesk) -> None:
    case = await open_case(desk)
    await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
    await desk.until(lambda: desk.value("select 1 from deliveries where kind = 'outcome' and state = 'posted'"))
    await desk.idle()
    await change(
        desk,
        "insert into deliveries (id, kind, ticket_id, request_id, audience, channel, thread_ts, args, state,"
        " created_at) select gen_random_uuid(), 'outcome', ticket_id, request_id, audience, channel, thread_ts,"
        " json_build_object('status', 'unknown'), 'posting', now() - interval '30 days'"
        " from deliveries where kind = 'outcome'",
    )
    newer = "kind = 'outcome' and args->>'status' = 'executed'"
    await change(desk, f"update deliveries set state = 'waiting', ts = null where {newer}")

    assert await open_letter(inside(desk), await desk.value(f"select id from deliveries where {newer}")) is not None


def test_the_lock_of_a_server_that_answers_is_left_alone_whatever_its_number_is_here() -> None:
    """Another container's server: the number in its file is some other process's in this one."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-test-")) / "pg"
    server = start_embedded(folder)
    file = folder / "postmaster.pid"
    real = file.read_text()
    try:
        file.write_text("\n".join([str(os.getpid()), *real.splitlines()[1:]]) + "\n")
        _forget_the_dead(folder.resolve())

        assert file.exists()
        psycopg.connect(server.get_uri()).close()
    finally:
        file.write_text(real)
        server.cleanup()
