"""`GET /metrics`: for whoever has the token, counted anew at most every five minutes, and absent without a token."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.metrics import CONTENT_TYPE, KEPT_FOR, METRICS_PATH, CaseMetrics
from storage.database import Database
from tests.copilot.case_stories import Record, scenario_b
from tests.keys import AUDIT_KEYS
from tests.running import INTAKE_TOKEN, RunningDesk, running_desk
from tests.storage.case_rows import write_case

TOKEN = "metrics-token-for-tests-0123456789"
RIGHT = {"Authorization": f"Bearer {TOKEN}"}


async def asked(desk: RunningDesk, headers: Mapping[str, str]) -> tuple[int, str]:
    url = desk.process.http_url + METRICS_PATH
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_a_desk_tells_its_measures_to_whoever_has_the_token_alone(database_url: str, tmp_path: Path) -> None:
    wrong = [
        "",
        "Bearer",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        TOKEN,
        f"Basic {TOKEN}",
        "Bearer é",
        f"Bearer {INTAKE_TOKEN}",
    ]
    async with running_desk(database_url, tmp_path, environment={"COUNTERSIGN_METRICS_TOKEN": TOKEN}) as desk:
        status, told = await asked(desk, RIGHT)
        refused = [await asked(desk, {"Authorization": one} if one else {}) for one in wrong]

    assert status == 200 and 'countersign_case_cases{state="open"} 0\n' in told
    assert refused == [(401, "")] * len(wrong)


async def test_without_a_token_there_is_no_such_page(database_url: str, tmp_path: Path) -> None:
    async with running_desk(database_url, tmp_path) as desk:
        assert (await asked(desk, RIGHT))[0] == 404


class Hands:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Hands:
    return Hands()


async def client_of(metrics: CaseMetrics) -> TestClient[web.Request, web.Application]:
    app = web.Application()
    app.router.add_get(METRICS_PATH, metrics.answer)
    return TestClient(TestServer(app))


async def test_they_are_counted_anew_after_five_minutes_and_not_before(database: Database, clock: Hands) -> None:
    async with await client_of(CaseMetrics(database, TOKEN, clock)) as client:

        async def closed() -> str:
            async with client.get(METRICS_PATH, headers=RIGHT) as answer:
                assert answer.headers["Content-Type"] == CONTENT_TYPE
                return next(line for line in (await answer.text()).splitlines() if '"closed"' in line)[-1]

        assert await closed() == "0"
        await write_case(database, scenario_b().entries)
        assert await closed() == "0"
        clock.now += KEPT_FOR - timedelta(seconds=1)
        assert await closed() == "0"
        clock.now += timedelta(seconds=1)
        assert await asyncio.gather(*(closed() for _ in range(5))) == ["1"] * 5


async def test_only_cases_of_the_last_month_are_counted(database: Database, clock: Hands) -> None:
    old = Record(ticket_id=str(uuid4()), intake_at=clock.now - timedelta(days=31))
    await write_case(database, old.entries)
    await write_case(database, Record(intake_at=clock.now - timedelta(days=29)).entries)

    async with (
        await client_of(CaseMetrics(database, TOKEN, clock)) as client,
        client.get(METRICS_PATH, headers=RIGHT) as answer,
    ):
        assert 'countersign_case_cases{state="open"} 1\n' in await answer.text()


async def test_a_database_that_is_away_is_no_measure(clock: Hands) -> None:
    away = Database("postgresql://127.0.0.1:1/none", audit_keys=AUDIT_KEYS)

    async with (
        await client_of(CaseMetrics(away, TOKEN, clock)) as client,
        client.get(METRICS_PATH, headers=RIGHT) as answer,
    ):
        assert answer.status == 503
    await away.close()
