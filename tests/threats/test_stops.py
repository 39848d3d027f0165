"""Kill switches on a whole desk: from the answer on nothing begins that one covers; not everybody lifts one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from handlers.flows.judged_facts import digest_as_shown
from handlers.flows.stop_desk import By, set_stop, stops_in_force, write_lift
from policy.stops import Stop, StopScope
from policy.terms import PersonKey
from storage import evidence, stops, verification
from tests.running import RunningDesk
from tests.scenario.test_false_authority import text_of
from tests.threats.cases import (
    OLIVIA,
    SANA,
    Case,
    assert_nothing_ran,
    assert_ran_once,
    assert_undecided,
    assert_vouched_for,
    change,
    click_of,
    key_status,
    last_refusal,
    message_at,
    open_case,
    open_form,
    paused,
    settled,
    status,
)
from tests.threats.planted import SIGNER
from tests.threats.test_one_person import linked

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALL, REVOKE = Stop(StopScope.ALL), Stop(StopScope.ACTION, "api_key.revoke")
MALLORY = "<@U0MALLORY01|mallory>"
MALLORYS = Stop(StopScope.PERSON, "T0ACME00001/U0MALLORY01")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def nothing_stays_stopped(desk: RunningDesk) -> AsyncIterator[None]:
    yield
    for one in await stops_in_force(desk.parts.reception.desk):
        async with desk.database.transaction() as tx:
            by = By("operator", "otto", "otto")
            await write_lift(tx, Stop(one.scope, one.value), "the test is over", by, channel=None, at=datetime.now(UTC))


async def say(desk: RunningDesk, who: str, words: str, channel: str = "general") -> str:
    """What `who` is told of a command."""
    person = desk.slack.person(who)
    person.reload()
    await person.command("/countersign", words, channel=channel)
    await settled(desk)
    return "\n".join(text_of(one) for one in person.ephemerals(channel))


async def approve(desk: RunningDesk, case: Case, who: str = "sana") -> None:
    await desk.slack.forge.send(click_of(desk, case, who))
    await settled(desk)


def card_text(desk: RunningDesk, case: Case) -> str:
    return text_of(message_at(desk, "desk-approvals", case.card_ts, viewer="sana"))


async def in_force(desk: RunningDesk) -> list[tuple[str, str]]:
    return [(one.scope.value, one.value) for one in await stops_in_force(desk.parts.reception.desk)]


async def system_steps(desk: RunningDesk, name: str) -> list[Any]:
    sql = "select actor, payload from audit_events where chain = 'system' and name = :name order by seq"
    return await desk.rows(sql, name=name)


@pytest.mark.parametrize("what", ["all", "api_key.revoke", MALLORY])
async def test_what_is_stopped_cannot_be_approved_but_rejected_and_after_the_lift_approved(
    desk: RunningDesk, what: str
) -> None:
    case, other = await open_case(desk), await open_case(desk)

    told = await say(desk, "olivia", f"stop {what} It leaked & spreads")

    assert "Stopped" in told and "begins to run from now on" in told
    await desk.idle()
    assert all(
        "Stopped: " in card_text(desk, one) and "“It leaked & spreads”" in card_text(desk, one) for one in (case, other)
    )
    await approve(desk, case)
    await assert_undecided(desk, case)
    assert await last_refusal(desk, case) == "core-no-stopped"
    sana = desk.slack.person("sana")
    await sana.click("desk-approvals", other.card_ts, action_id="request.reject")
    await desk.until(sana.modals)
    await sana.submit(values={"reason": "no need"})
    assert await status(desk, other) == "rejected"
    assert "Stop lifted" in await say(desk, "sana", f"resume {what} It is over")
    await desk.idle()
    assert not any("Stopped: " in card_text(desk, one) for one in (case, other))
    await approve(desk, case)
    await assert_ran_once(desk, case)
    await assert_vouched_for(desk, case)


async def test_a_stop_is_announced_and_stands_above_the_tickets_and_in_the_list_of_stops(desk: RunningDesk) -> None:
    await say(desk, "olivia", "stop api_key.revoke The *directory* is wrong")
    await desk.idle()
    sam = desk.slack.person("sam")

    announced = text_of(desk.card("approvals"))
    await sam.open_home()
    await desk.until(sam.home)

    assert "Stopped" in announced and "api_key.revoke" in announced and "The *directory* is wrong" in announced
    assert "Stopped for now" in text_of(sam.home())
    assert "The *directory* is wrong" in text_of(sam.home())
    assert "api_key.revoke" in await say(desk, "sam", "stops")
    assert "Stopped already" in await say(desk, "sam", "stop api_key.revoke me too")
    assert await in_force(desk) == [("action", "api_key.revoke")]
    await say(desk, "sana", "resume api_key.revoke It is right again")
    await desk.idle()
    assert "Stop lifted" in text_of(desk.card("approvals"))
    assert "No stop is in force" in await say(desk, "sam", "stops")


async def test_what_was_approved_and_is_stopped_before_its_run_has_ended_for_good(desk: RunningDesk) -> None:
    case = await open_case(desk)
    async with paused(desk):
        await desk.slack.forge.send(click_of(desk, case, "sana"))
        await desk.until(lambda: desk.value("select 1 from votes where request_id = :id", id=case.request_id))
        await say_without_waiting(desk, "olivia", "stop all Everything burns")
    await desk.idle()

    assert await status(desk, case) == "denied"
    card = text_of(message_at(desk, "desk-approvals", case.card_ts))
    assert "Not run" in card and "A stop that is in force covers this" in card and "propose it again" in card
    await say(desk, "sana", "resume all The fire is out")
    await settled(desk)
    await assert_nothing_ran(desk, case)
    await assert_vouched_for(desk, case)


async def say_without_waiting(desk: RunningDesk, who: str, words: str) -> None:
    await desk.slack.person(who).command("/countersign", words)
    await desk.parts.reception.whispers.drain()


async def test_what_is_stopped_is_not_proposed_and_who_tries_is_told(desk: RunningDesk) -> None:
    case = await open_case(desk)
    await say(desk, "olivia", "stop ticket.close Wait")

    request_id = await open_form(desk, case, "ticket.close", {"reason": "done"})

    assert await desk.value("select status from action_requests where id = :id", id=request_id) == "denied"
    [decided] = [
        one.payload
        for one in await desk.trail(case.ticket_id)
        if one.name == "policy_decided" and one.payload["actionRequestId"] == str(request_id)
    ]
    assert decided["policyIds"] == ["core-no-stopped"]
    await assert_vouched_for(desk, case)


async def test_triage_does_nothing_by_itself_while_everything_is_stopped(desk: RunningDesk) -> None:
    await say(desk, "olivia", "stop all Wait")
    ts = await desk.slack.person("mallory").post("ext-external", "Please revoke API key ak_demo_bob_001")
    ticket_id = await desk.until(lambda: desk.value("select id from tickets where slack_ts = :ts", ts=ts))
    await desk.idle()

    found = await desk.rows("select status from action_requests where ticket_id = :id", id=ticket_id)

    assert {row[0] for row in found} == {"denied"}


async def test_threat_05_a_stop_about_somebody_covers_what_another_account_of_theirs_asked_for(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk)
    await say(desk, "olivia", "stop <@U0ERIN00001|erin> One person has gone wild")

    async with linked(desk, "T0ACME00001/U0ERIN00001", "T0EXTERN001/U0MALLORY01"):
        await approve(desk, case)
        await assert_undecided(desk, case)
        assert await last_refusal(desk, case) == "core-no-stopped"
    await approve(desk, case)
    await assert_ran_once(desk, case)


async def test_a_stop_about_whoever_proposed_it_covers_it(desk: RunningDesk) -> None:
    case = await open_case(desk)
    await say(desk, "sam", "stop <@U0OLIVIA001|olivia> Her laptop is gone")

    await approve(desk, case)

    await assert_undecided(desk, case)
    assert await last_refusal(desk, case) == "core-no-stopped"


@pytest.mark.parametrize("who", ["erin", "uma", "gina"])
async def test_threat_01_nobody_who_does_not_work_the_desk_stops_or_lifts_anything(desk: RunningDesk, who: str) -> None:
    channel = desk.slack.person(who).channels()[0]
    await say(desk, who, "stop all I do not like it", channel)
    assert await in_force(desk) == []

    await say(desk, "olivia", "stop all Wait")
    await say(desk, who, "resume all I do not like it", channel)

    assert await in_force(desk) == [("all", "")]


@pytest.mark.parametrize("who", ["olivia", "sam"])
async def test_threat_01_who_may_set_a_stop_does_not_thereby_lift_one(desk: RunningDesk, who: str) -> None:
    await say(desk, who, "stop all Wait")

    told = await say(desk, who, "resume all I have thought again")

    assert "Not done" in told
    assert await in_force(desk) == [("all", "")]
    actor, payload = (await system_steps(desk, "lift_refused"))[-1]
    assert payload["rule"] == "not-permitted" and actor in (OLIVIA, "T0ACME00001/U0SAM000001")


async def test_threat_05_nobody_lifts_a_stop_about_themselves_nor_does_another_account_of_theirs(
    desk: RunningDesk,
) -> None:
    await say(desk, "olivia", "stop <@U0SANA00001|sana> Her account acts strangely")

    assert "This stop is about you" in await say(desk, "sana", "resume <@U0SANA00001|sana> I am fine")
    async with linked(desk, SANA, "T0ACME00001/U0VICTOR001"):
        assert "counts as yours" in await say(desk, "victor", "resume <@U0SANA00001|sana> She is fine")
    rules = [payload["rule"] for _, payload in await system_steps(desk, "lift_refused")]
    assert rules[-2:] == ["core-no-lift-of-ones-own"] * 2
    assert len(await in_force(desk)) == 1
    assert "Stop lifted" in await say(desk, "victor", "resume <@U0SANA00001|sana> She is fine")


@pytest.mark.parametrize("words", ["stop", "stop all", "stop nothing.like.it because", "stop @sana because", "resume"])
async def test_a_stop_that_names_nothing_or_says_no_reason_is_answered_and_not_set(
    desk: RunningDesk, words: str
) -> None:
    told = await say(desk, "olivia", words)

    assert "Not done" in told or "could not read" in told
    assert await in_force(desk) == []


async def test_threat_23_a_stop_is_answered_only_after_those_who_decide_have_finished(desk: RunningDesk) -> None:
    """A decision that is under way holds the lock; the next one, after the stop's answer, sees the stop."""
    sana = await desk.parts.reception.identity.resolve(PersonKey.parse(SANA))
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    async with desk.database.transaction() as deciding:
        assert not await stops.is_stopped(deciding, "api_key.revoke", [])
        setting = asyncio.create_task(set_stop(desk.parts.reception.desk, REVOKE, "Leak", sana))
        await desk.until(lambda: desk.value(waiting))
        assert not setting.done()
        assert not await stops.is_stopped(deciding, "api_key.revoke", [])
    await setting
    async with desk.database.transaction() as later:
        assert await stops.is_stopped(later, "api_key.revoke", [])


async def test_threat_23_no_run_begins_after_the_answer_to_a_stop(desk: RunningDesk) -> None:
    """Five approved requests come to their runs while the stop is set: whatever had not begun never does."""
    sana = await desk.parts.reception.identity.resolve(PersonKey.parse(SANA))
    cases = [await open_case(desk) for _ in range(5)]
    async with paused(desk):
        for case in cases:
            await desk.slack.forge.send(click_of(desk, case, "sana"))
        await desk.until(lambda: all_voted(desk, cases))
    done = await set_stop(desk.parts.reception.desk, REVOKE, "Leak", sana)
    begun = await begun_of(desk, cases)
    await settled(desk)

    assert done.is_new
    assert await begun_of(desk, cases) == begun
    for case in cases:
        has_begun = case.request_id in begun
        assert await status(desk, case) == ("executed" if has_begun else "denied")
        assert await key_status(desk, case) == ("revoked" if has_begun else "active")
        await assert_vouched_for(desk, case)


async def all_voted(desk: RunningDesk, cases: list[Case]) -> bool:
    ids = [case.request_id for case in cases]
    return await desk.value("select count(*) from votes where request_id = any(:ids)", ids=ids) == len(cases)


async def begun_of(desk: RunningDesk, cases: list[Case]) -> set[Any]:
    ids = [case.request_id for case in cases]
    return {
        row[0] for row in await desk.rows("select request_id from executions where request_id = any(:ids)", ids=ids)
    }


async def test_threat_19_a_stop_that_was_lifted_or_made_in_the_database_alone_is_named(desk: RunningDesk) -> None:
    await say(desk, "olivia", "stop all Wait")
    async with desk.database.transaction() as tx:
        assert (await verification.verify(tx)).first_break is None
        assert [one for one in await evidence.check(tx, SIGNER, digest_as_shown) if one.startswith("stop ")] == []
        await tx.execute(text("update stops set lifted_by = 'me', lifted_at = now(), lift_reason = 'so'"
                              " where lifted_at is null"))  # fmt: skip
        assert "the trail has it in force" in " ".join(await evidence.check(tx, SIGNER, digest_as_shown))
        await tx.rollback()
    async with desk.database.transaction() as tx:
        await tx.execute(text("set local session_replication_role = replica"))
        await tx.execute(text("delete from stops where lifted_at is null"))
        assert "is on the trail and not in the table" in " ".join(await evidence.check(tx, SIGNER, digest_as_shown))
        await tx.rollback()


async def test_threat_21_a_stop_that_is_lifted_in_its_row_alone_still_holds(desk: RunningDesk) -> None:
    case = await open_case(desk)
    await say(desk, "olivia", "stop api_key.revoke Wait")

    await change(
        desk, "update stops set lifted_by = 'me', lifted_at = now(), lift_reason = 'so' where lifted_at is null"
    )
    await approve(desk, case)
    await assert_undecided(desk, case)
    assert await last_refusal(desk, case) == "core-no-stopped"

    # Set once more it is in force in both places, and is lifted as ever.
    await say(desk, "olivia", "stop api_key.revoke Once more")
    assert "Stop lifted" in await say(desk, "sana", "resume api_key.revoke It is over")
    await approve(desk, case)
    await assert_ran_once(desk, case)


@pytest.mark.parametrize("sql", ["update stops set reason = 'x'", "delete from stops", "truncate stops"])
async def test_threat_19_the_database_itself_refuses_changes_to_stops(desk: RunningDesk, sql: str) -> None:
    await say(desk, "olivia", "stop all Wait")

    with pytest.raises(Exception, match="append-only"):
        await change(desk, sql)
