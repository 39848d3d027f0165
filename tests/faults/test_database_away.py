"""The database is killed, or answers nothing, while events, tickets over HTTP and clicks come in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from procrastinate.exceptions import ConnectorException

from local_slack.server import LocalSlack
from storage.database import RECONNECT_SECONDS, Database
from storage.job_queue import WAIT_SECONDS, make_job_app
from tests.faults.rig import INTAKE, PATIENCE_SECONDS, eventually, holds, quick_slack
from tests.faults.servers import OwnServer
from tests.running import INTAKE_TOKEN, RunningDesk, running_desk

AWAY_SECONDS = RECONNECT_SECONDS + WAIT_SECONDS
"""So long that every pool gave up, and everyone who waited for one."""


@pytest.fixture
async def desk(durable_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    # Slack itself tries for longer than these outages last: at once, after one minute and after five. Over HTTP it
    # hears at once that an event was not stored, and need not wait for an acknowledgement that does not come.
    async with (
        quick_slack(retry_delays_seconds=[0.5] * 1000, ack_seconds=PATIENCE_SECONDS) as slack,
        running_desk(durable_url, tmp_path, slack=slack, http=True) as desk,
    ):
        yield desk


async def hand_in(desk: RunningDesk, correlation_id: str) -> tuple[int, dict[str, Any]]:
    body = {"channel": "email", "correlationId": correlation_id, "requester": "kim", "text": "My mail bounces."}
    headers = {"Authorization": f"Bearer {INTAKE_TOKEN}"}
    url = desk.process.http_url + "/api/v1/intake"
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def through_an_outage(desk: RunningDesk, seconds: float, take_away: Any, give_back: Any) -> None:
    erin, olivia = desk.slack.person("erin"), desk.slack.person("olivia")
    first = await erin.post("help", "Before the outage.")
    await desk.the_ticket()
    await desk.idle()
    card = desk.card("triage")
    before = desk.parts.workers

    take_away()
    gone = time.monotonic()
    try:
        during = await erin.post("help", "During the outage.")
        reply = await erin.post("help", "And a reply.", thread_ts=first)
        status, answer = await hand_in(desk, "during")
        outcome = await olivia.click("desk-triage", card["ts"], action_id="ticket.open")
        said = await eventually(lambda: olivia.ephemerals("desk-triage"))
        await asyncio.sleep(max(0.0, seconds - (time.monotonic() - gone)))
    finally:
        await asyncio.to_thread(give_back)

    assert (status, answer["error"]) == (503, "unavailable") and "again" in answer["message"]
    assert outcome is not None and outcome.acked, "a click is answered, with words"
    assert "try again" in said[0]["text"]
    assert not olivia.modals()
    await _is_all_handled(desk, first, during, reply)
    assert desk.parts.workers is before, "nothing was started again by hand"


async def _is_all_handled(desk: RunningDesk, first: str, during: str, reply: str) -> None:
    erin, olivia = desk.slack.person("erin"), desk.slack.person("olivia")
    await eventually(lambda: _answers(desk))
    assert (await hand_in(desk, "during"))[0] == 202
    sql = "select count(*) from tickets where slack_ts in (:first, :during) or correlation_id = 'during'"
    await eventually(lambda: _is(desk, sql, 3, first=first, during=during))
    await eventually(lambda: _is(desk, "select count(*) from messages where slack_ts = :ts", 1, ts=reply))
    settled = "select count(*) from deliveries where state = 'posted'"
    await eventually(lambda: _is(desk, settled, 5))
    assert len([m for m in erin.history("help", during) if m.get("bot_id")]) == 1
    await olivia.click("desk-triage", desk.card("triage")["ts"], action_id="ticket.open")
    await eventually(olivia.modals)
    await holds(desk.slack, desk.database)


async def _answers(desk: RunningDesk) -> bool:
    async with aiohttp.ClientSession() as session, session.get(desk.process.http_url + "/healthz") as answer:
        return answer.status == 200


async def _is(desk: RunningDesk, sql: str, expected: int, **params: Any) -> bool:
    return bool(await desk.value(sql, **params) == expected)


async def test_a_database_that_crashes_and_comes_back(desk: RunningDesk, own_server: OwnServer) -> None:
    await through_an_outage(desk, AWAY_SECONDS, own_server.kill, own_server.start)


async def test_a_database_that_answers_nothing_for_a_while(desk: RunningDesk, own_server: OwnServer) -> None:
    frozen: list[Any] = []

    await through_an_outage(
        desk, AWAY_SECONDS, lambda: frozen.extend(own_server.freeze()), lambda: own_server.thaw(frozen)
    )


@pytest.mark.slow
async def test_a_database_that_is_away_for_half_a_minute(desk: RunningDesk, own_server: OwnServer) -> None:
    await through_an_outage(desk, 30.0, own_server.kill, own_server.start)


async def test_nobody_waits_long_for_a_pool_that_gave_up(durable_url: str, own_server: OwnServer) -> None:
    """Its tries are over, and it begins anew when somebody asks: so those who wait must ask again."""
    app = make_job_app(durable_url)
    async with app.open_async():
        own_server.kill()
        try:
            # All of them at once, as the workers are: nobody else is left to ask.
            asking = [app.job_manager.get_stalled_jobs() for _ in range(8)]
            async with asyncio.timeout(20):
                answers = await asyncio.gather(*asking, return_exceptions=True)
        finally:
            await asyncio.to_thread(own_server.start)

        assert {type(answer) for answer in answers} == {ConnectorException}
        assert list(await app.job_manager.get_stalled_jobs()) == []


async def test_a_message_that_could_not_be_stored_is_not_acknowledged_over_a_socket_either(
    durable_url: str, tmp_path: Path, own_server: OwnServer
) -> None:
    async with (
        quick_slack(retry_delays_seconds=[0.0] * 1000) as slack,
        running_desk(durable_url, tmp_path, slack=slack) as desk,
    ):
        event = {"type": "message", "channel": INTAKE[0], "user": slack.person("erin").id, "ts": "1900000000.000100"}
        envelope = slack.forge.event_envelope(event | {"text": "Hello."}, "help")
        own_server.kill()
        try:
            outcome = await slack.forge.send(envelope)
        finally:
            await asyncio.to_thread(own_server.start)

        assert not outcome.acked
        await eventually(lambda: _is_acknowledged(slack, envelope))
        await desk.the_ticket(seconds=PATIENCE_SECONDS)


async def _is_acknowledged(slack: LocalSlack, envelope: dict[str, Any]) -> bool:
    return (await slack.forge.send(envelope)).acked


async def test_health_says_so_while_the_database_is_away(desk: RunningDesk, own_server: OwnServer) -> None:
    own_server.kill()
    try:
        async with aiohttp.ClientSession() as session, session.get(desk.process.http_url + "/healthz") as answer:
            assert answer.status == 503
            assert (await answer.json())["status"] == "unavailable"
    finally:
        await asyncio.to_thread(own_server.start)
    await eventually(lambda: _answers(desk))


async def test_what_was_committed_before_the_server_was_killed_is_there_afterwards(
    durable_database: Database, own_server: OwnServer
) -> None:
    from uuid import uuid4

    from storage import audit, verification
    from storage.audit import Step

    async with durable_database.transaction() as tx:
        await audit.record(tx, uuid4(), Step.STARTED, "bot", {}, at=audit._EPOCH)
    own_server.kill()
    await asyncio.to_thread(own_server.start)

    async with durable_database.transaction() as tx:
        found = await verification.verify(tx)
    assert (found.events, found.first_break) == (1, None)
