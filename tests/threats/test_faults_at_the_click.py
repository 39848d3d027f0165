"""Threat 23: Slack, its directory or the database is down or slow when somebody presses: refused, said so, never
waved through; and the same again between the approval and the run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from handlers.identity import Identity
from policy.terms import Person, PersonKey
from storage.embedded import EmbeddedServer
from tests.running import RunningDesk, running_desk
from tests.threats.cases import (
    Case,
    assert_nothing_ran,
    assert_ran_once,
    assert_undecided,
    change,
    json_text,
    open_case,
    paused,
    refused_clicks,
    settled,
    status,
    submission_of,
)
from tests.threats.conftest import fresh_database
from tests.threats.planted import with_identity

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningDesk]:
    """In Slack's time: these tests are about its three seconds."""
    with fresh_database(postgres) as url:
        async with running_desk(url, tmp_path_factory.mktemp("desk"), in_slacks_time=True) as running:
            yield running


FAULTS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "users.info hangs": ("users.info", {"hang_seconds": 6.0}),
    "users.info answers 500": ("users.info", {"status": 500}),
    "users.info answers 503": ("users.info", {"status": 503}),
    "users.info is rate limited": ("users.info", {"ratelimited": True}),
    "users.info says internal_error": ("users.info", {"error": "internal_error"}),
    "users.info says user_not_found": ("users.info", {"error": "user_not_found"}),
    "users.info says missing_scope": ("users.info", {"error": "missing_scope"}),
    "usergroups.users.list hangs": ("usergroups.users.list", {"hang_seconds": 6.0}),
    "usergroups.users.list answers 500": ("usergroups.users.list", {"status": 500}),
    "usergroups.users.list is rate limited": ("usergroups.users.list", {"ratelimited": True}),
    "usergroups.users.list says fatal_error": ("usergroups.users.list", {"error": "fatal_error"}),
}


@asynccontextmanager
async def broken(desk: RunningDesk, method: str, **how: Any) -> AsyncIterator[None]:
    """One method of the Web API fails for as long as the block runs."""
    desk.slack.faults.fail_next(method, times=50, **how)
    try:
        yield
    finally:
        desk.slack.faults.clear()


@pytest.mark.parametrize(("method", "how"), FAULTS.values(), ids=FAULTS)
async def test_threat_23_a_press_that_cannot_be_checked_is_refused_in_time_and_with_words(
    desk: RunningDesk, waiting: Case, method: str, how: dict[str, Any]
) -> None:
    sana = desk.slack.person("sana")
    sana.reload()
    before, started = len(await refused_clicks(desk)), time.monotonic()

    async with broken(desk, method, **how):
        outcome = await sana.click("desk-approvals", waiting.card_ts, action_id="request.approve")
        took = time.monotonic() - started
    await assert_undecided(desk, waiting)

    assert outcome is not None
    assert outcome.acked, f"Slack shows the person an error of its own after three seconds; this took {took:.1f}"
    [said] = await desk.until(lambda: sana.ephemerals("desk-approvals"))
    assert "nothing was d" in json_text(said)
    assert len(await refused_clicks(desk)) == before + 1


async def test_threat_23_a_rejection_that_cannot_be_checked_is_refused_as_well(
    desk: RunningDesk, waiting: Case
) -> None:
    async with broken(desk, "users.info", error="internal_error"):
        await desk.slack.person("sana").click("desk-approvals", waiting.card_ts, action_id="request.reject")
        payload = submission_of(desk, waiting, "sana", "reject_request", str(waiting.request_id), {"reason": "no"})
        outcome = await desk.slack.forge.send(payload)

    await assert_undecided(desk, waiting)
    assert not desk.slack.person("sana").modals()
    assert "nothing was decided" in json_text(outcome.body)


async def test_threat_23_with_all_of_slack_gone_nothing_is_decided(desk: RunningDesk, waiting: Case) -> None:
    async with broken(desk, "*", status=500):
        await desk.slack.person("sana").click("desk-approvals", waiting.card_ts, action_id="request.approve")
        await assert_undecided(desk, waiting)


async def test_threat_23_several_slow_answers_are_together_no_slower_than_one(desk: RunningDesk) -> None:
    case = await open_case(desk)
    for method in ("users.info", "usergroups.users.list"):
        desk.slack.faults.fail_next(method, hang_seconds=1.2)
    try:
        outcome = await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
    finally:
        desk.slack.faults.clear()

    # One after the other they would be too late, and the vote refused.
    assert outcome is not None
    assert outcome.acked
    await assert_ran_once(desk, case)


class WavingThrough(Identity):
    """Takes the payload's word for it when Slack does not answer."""

    def __init__(self, real: Identity) -> None:
        self.__dict__.update(real.__dict__)

    async def clicker(self, body: Mapping[str, Any]) -> Person:
        key = PersonKey(str(body["user"]["team_id"]), str(body["user"]["id"]))
        groups, email = frozenset({"security", "support"}), "sana@acme.example"
        return Person(key, key.home, "Sana", "Acme", email, True, True, True, True, True, groups)

    async def address_of(self, key: PersonKey) -> str:
        return ""

    async def resolve(self, key: PersonKey) -> Person:
        return await self.clicker({"user": {"id": key.user_id, "team_id": key.home}})


async def test_threat_23_the_check_fails_on_a_door_that_waves_through_what_it_cannot_check(desk: RunningDesk) -> None:
    case = await open_case(desk)

    async with broken(desk, "users.info", error="internal_error"):
        with with_identity(desk, WavingThrough(desk.parts.reception.identity)):
            await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
            with pytest.raises(AssertionError):
                await assert_undecided(desk, case)


@pytest.mark.parametrize("method", ["users.info", "usergroups.users.list"])
async def test_threat_23_no_request_is_made_while_nobody_can_say_who_could_approve_it(
    desk: RunningDesk, waiting: Case, method: str
) -> None:
    before = await desk.value("select count(*) from action_requests")
    lead = desk.slack.person("olivia")
    await lead.click("desk-triage", waiting.triage_ts, action_id="action.choose")
    await desk.until(lead.modals)
    await lead.submit(values={"action": "api_key.revoke"})

    async with broken(desk, method, error="internal_error"):
        await lead.submit(values={"keyId": waiting.key_id})
        await settled(desk)

    assert await desk.value("select count(*) from action_requests") == before
    assert "nothing was" in json_text(lead.modals())
    lead.reload()


async def test_threat_23_an_approval_whose_people_cannot_be_checked_before_the_run_waits(desk: RunningDesk) -> None:
    case = await open_case(desk)
    async with paused(desk):
        await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
        assert await status(desk, case) == "approved"
        desk.slack.faults.fail_next("users.info", times=50, error="internal_error")
    await settled(desk)

    await assert_nothing_ran(desk, case)
    assert await status(desk, case) == "approved"

    desk.slack.faults.clear()
    await change(desk, "update procrastinate_jobs set scheduled_at = now() where task_name = 'run_action'")
    await desk.until(lambda: _is(desk, case, "executed"))
    await assert_ran_once(desk, case)


async def _is(desk: RunningDesk, case: Case, wanted: str) -> bool:
    return await status(desk, case) == wanted


@asynccontextmanager
async def database_away(desk: RunningDesk, postgres: EmbeddedServer) -> AsyncIterator[None]:
    """The desk's database drops every connection and takes no new one."""
    name = await desk.value("select current_database()")
    async with await psycopg.AsyncConnection.connect(postgres.get_uri(), autocommit=True) as admin:
        await admin.execute(f'alter database "{name}" with allow_connections false')  # type: ignore[call-overload]  # a name of ours
        await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
        try:
            yield
        finally:
            await admin.execute(f'alter database "{name}" with allow_connections true')  # type: ignore[call-overload]  # as above


async def test_threat_23_a_press_while_the_database_is_away_counts_for_nothing_and_the_person_is_told(
    desk: RunningDesk, postgres: EmbeddedServer, waiting: Case
) -> None:
    sana = desk.slack.person("sana")
    sana.reload()

    async with database_away(desk, postgres):
        outcome = await sana.click("desk-approvals", waiting.card_ts, action_id="request.approve")
        await asyncio.gather(
            *(
                desk.slack.person(who).click("desk-approvals", waiting.card_ts, "request.approve")
                for who in ("sana", "bob")
            )
        )

    assert outcome is not None
    assert outcome.acked
    said = await desk.until(lambda: sana.ephemerals("desk-approvals"))
    assert "nothing was done" in json_text(said[0])
    await desk.until(lambda: _answers(desk), seconds=20)
    await assert_undecided(desk, waiting)


async def _answers(desk: RunningDesk) -> bool:
    from storage.database import DatabaseUnavailable

    try:
        return bool(await desk.value("select true"))
    except DatabaseUnavailable:
        return False


async def test_threat_23_and_once_everything_answers_the_same_press_counts(desk: RunningDesk, waiting: Case) -> None:
    await desk.slack.person("sana").click("desk-approvals", waiting.card_ts, action_id="request.approve")

    await desk.until(lambda: _is(desk, waiting, "executed"), seconds=60)
    await assert_ran_once(desk, waiting)
