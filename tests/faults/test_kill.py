"""kill -9 on the real process, again and again, while tickets, confirmations, votes and runs are under way."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from local_slack.server import LocalSlack
from storage.database import Database
from tests.faults.rig import PATIENCE_SECONDS, eventually, holds, quick_slack, rows, value
from tests.faults.servers import BotProcess, bot_environment
from tests.running import import_demo_directory

KILLS = 4
TICKETS = 4


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with quick_slack(retry_delays_seconds=(0.0, 0.5, 1.0)) as running:
        yield running


class People:
    """Customers who ask, Olivia who confirms, Sana who approves: each tries again until it is done."""

    def __init__(self, slack: LocalSlack, database: Database, bot: BotProcess) -> None:
        self._slack, self._database, self._bot = slack, database, bot
        self.posted: list[str] = []
        self.accepted: list[str] = []

    async def ask(self, number: int) -> None:
        """One ticket through Slack, carried to its end, and one over HTTP."""
        ts = await self._slack.person("mallory").post(
            "ext-external", f"Please revoke API key ak_demo_bob_001 ({number})."
        )
        self.posted.append(ts)
        await self._hand_in(f"kill-{number}")
        while await self._status(ts) in (None, "pending"):
            with suppress(LookupError, AssertionError, KeyError, IndexError):
                await self._press(ts)
            await asyncio.sleep(0.2)

    async def _hand_in(self, correlation_id: str) -> None:
        body = {"channel": "email", "correlationId": correlation_id, "requester": "kim", "text": "My mail bounces."}
        while (await self._bot.intake(body))[0] != 202:
            await asyncio.sleep(0.2)
        self.accepted.append(correlation_id)

    async def _status(self, ts: str) -> str | None:
        found: str | None = await value(
            self._database,
            "select r.status from action_requests r join tickets t on t.id = r.ticket_id"
            " where t.slack_ts = :ts and r.action_id = 'api_key.revoke'",
            ts=ts,
        )
        return found

    async def _card(self, ts: str, kind: str) -> str | None:
        found: str | None = await value(
            self._database,
            "select d.ts from deliveries d join tickets t on t.id = d.ticket_id where slack_ts = :ts and kind = :kind",
            ts=ts,
            kind=kind,
        )
        return found

    async def _press(self, ts: str) -> None:
        if await self._status(ts) is None:
            await self._confirm(ts)
        elif (card := await self._card(ts, "approval_card")) is not None:
            await self._slack.person("sana").click("desk-approvals", card, action_id="request.approve")

    async def _confirm(self, ts: str) -> None:
        olivia, card = self._slack.person("olivia"), await self._card(ts, "triage_card")
        if card is None:
            return
        suggestion = await value(
            self._database,
            "select cast(s.id as text) from suggestions s join tickets t on t.id = s.ticket_id"
            " where t.slack_ts = :ts and s.action_id = 'api_key.revoke'",
            ts=ts,
        )
        for modal in reversed(olivia.modals()):
            await olivia.close(modal["id"])
        await olivia.click("desk-triage", card, action_id="suggestion.confirm", value=suggestion)
        await eventually(olivia.modals, seconds=1)
        await olivia.submit(values={"keyId": "ak_demo_bob_001"})


async def test_nothing_is_lost_and_nothing_is_done_twice(
    slack: LocalSlack, durable_url: str, durable_database: Database, tmp_path: Path
) -> None:
    chance = random.Random(20251121)
    bot = BotProcess(bot_environment(slack, durable_url, tmp_path), tmp_path / "bot.log")
    await import_demo_directory(durable_database)
    people = People(slack, durable_database, bot)
    await bot.start()
    asking = asyncio.gather(*(_later(people, number, chance.uniform(0, 5)) for number in range(TICKETS)))
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.1, 1.6))
        await bot.kill()
        await bot.start(wait=False)
        # Not always let it come up: a start may be cut off, too.
        with suppress(TimeoutError):
            await asyncio.wait_for(eventually(bot.is_ready), chance.choice([1.0, PATIENCE_SECONDS]))
    await asyncio.wait_for(asking, 2 * PATIENCE_SECONDS)
    await eventually(lambda: _is_settled(durable_database))

    # Once more, in the middle of a post that Slack sits on.
    slack.faults.fail_next("chat.postMessage", hang_seconds=5 * PATIENCE_SECONDS, status=500)
    people.posted.append(
        await slack.person("mallory").post("ext-external", "Please revoke API key ak_demo_bob_001 (last).")
    )
    await eventually(lambda: not slack.faults._methods)  # One post is on its way.
    killed = time.monotonic()
    await bot.kill()
    await bot.start()
    await eventually(lambda: _is_settled(durable_database))
    print(f"taken over {time.monotonic() - killed:.1f} s after the kill")  # a measurement

    assert await bot.end() == 0
    await _is_whole(slack, durable_database, people)


async def _later(people: People, number: int, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await people.ask(number)


async def _is_settled(database: Database) -> bool:
    open_ends = (
        "select (select count(*) from procrastinate_jobs where status <> 'failed')"
        " + (select count(*) from action_requests where status in ('approved', 'running', 'unknown'))"
        " + (select count(*) from deliveries where state in ('waiting', 'posting'))"
    )
    return bool(await value(database, open_ends) == 0)


async def _is_whole(slack: LocalSlack, database: Database, people: People) -> None:
    assert await value(database, "select count(*) from procrastinate_jobs") == 0, "no job was given up"
    stored = [
        row[0] for row in await rows(database, "select slack_ts from tickets where slack_ts is not null order by 1")
    ]
    assert stored == sorted(people.posted), "each message is one ticket"
    handed_in = [row[0] for row in await rows(database, "select correlation_id from tickets where slack_ts is null")]
    assert sorted(handed_in) == sorted(people.accepted), "each accepted call is one ticket"
    runs = await rows(
        database,
        "select r.status, (select count(*) from effects e where e.idempotency_key like r.id || ':%')"
        " from action_requests r",
    )
    assert {(status, effects) for status, effects in runs} == {("executed", 1)}
    assert len([run for run in runs if run]) >= TICKETS
    for ts in people.posted:
        thread: list[dict[str, Any]] = slack.person("mallory").history("ext-external", ts)[1:]
        # The last one was not confirmed by anybody: it is received, and nothing has come of it yet.
        # Each once; where the process died while it posted the first of them, the second may stand above it.
        expected = [True] if ts == people.posted[-1] else [False, True]
        assert sorted("received" in message["text"] for message in thread) == expected, [m["text"] for m in thread]
    await holds(slack, database)
