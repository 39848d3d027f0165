"""The weekly picture for the leads: due from Monday on, posted once a week, on the record, and not about nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from copilot.measures import gather
from handlers.desk import Desk
from handlers.flows.post_measures import WeeklyPost, due_since, post_measures, weekly_post
from storage import audit
from storage.audit import Step
from storage.database import Transaction
from tests.copilot.case_stories import scenario_b
from tests.running import running_desk
from tests.storage.case_rows import write_case

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class Leads:
    """Who gets the posts."""

    def __init__(self) -> None:
        self.got: list[WeeklyPost] = []

    async def __call__(self, tx: Transaction, post: WeeklyPost) -> None:
        self.got.append(post)


def at(desk: Desk, now: datetime) -> Desk:
    return replace(desk, clock=lambda: now)


async def posted(desk: Desk) -> list[dict[str, object]]:
    async with desk.database.transaction() as tx:
        found = await audit.latest(tx, Step.MEASURES_POSTED)
        return [] if found is None else [dict(found.payload)]


Scene = Callable[[Callable[[Desk], Awaitable[None]]], Awaitable[None]]


@pytest.fixture
def scene(database_url: str, tmp_path: Path) -> Scene:
    async def play(what: Callable[[Desk], Awaitable[None]]) -> None:
        async with running_desk(database_url, tmp_path) as running:
            await what(running.parts.reception.desk)

    return play


async def test_a_week_has_one_post_however_many_processes_look_and_the_next_week_its_own(scene: Scene) -> None:
    async def play(desk: Desk) -> None:
        await write_case(desk.database, scenario_b().entries)
        leads = Leads()

        first = await asyncio.gather(*(post_measures(at(desk, MONDAY), leads) for _ in range(3)))
        again = await post_measures(at(desk, MONDAY + timedelta(days=6, hours=23)), leads)
        later = await post_measures(at(desk, MONDAY + timedelta(days=9)), leads)

        assert sorted(first) == [False, False, True] and again is False and later is True
        assert [one.file_name for one in leads.got] == ["cases-2026-11-23.png", "cases-2026-12-02.png"]
        assert leads.got[0].picture.startswith(b"\x89PNG")
        assert await posted(desk) == [{"since": "2026-11-02T08:00:00.000000+00:00", "cases": 1, "alarms": []}]

    await scene(play)


async def test_a_process_that_looks_while_another_posts_waits_and_posts_nothing(scene: Scene) -> None:
    async def play(desk: Desk) -> None:
        await write_case(desk.database, scenario_b().entries)
        leads, others = Leads(), list[asyncio.Task[bool]]()

        async def meanwhile(tx: Transaction, post: WeeklyPost) -> None:
            await leads(tx, post)
            other = asyncio.create_task(post_measures(at(desk, MONDAY), leads))
            others.append(other)
            while not other.done() and not await is_somebody_waiting(desk):
                await asyncio.sleep(0.02)

        assert await post_measures(at(desk, MONDAY), meanwhile)
        assert [await one for one in others] == [False] and len(leads.got) == 1

    await scene(play)


async def is_somebody_waiting(desk: Desk) -> bool:
    sql = text("select exists (select from pg_locks where locktype = 'advisory' and not granted)")
    async with desk.database.transaction() as tx:
        return bool(await tx.scalar(sql))


async def test_nothing_is_posted_about_no_case(scene: Scene) -> None:
    async def play(desk: Desk) -> None:
        leads = Leads()

        assert not await post_measures(at(desk, MONDAY), leads)
        assert leads.got == [] and await posted(desk) == []

    await scene(play)


async def test_a_post_that_cannot_be_queued_is_made_later(scene: Scene) -> None:
    async def fails(tx: Transaction, post: WeeklyPost) -> None:
        raise ConnectionError("no")

    async def play(desk: Desk) -> None:
        await write_case(desk.database, scenario_b().entries)

        with pytest.raises(ConnectionError):
            await post_measures(at(desk, MONDAY), fails)
        assert await posted(desk) == []
        assert await post_measures(at(desk, MONDAY), Leads())

    await scene(play)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_law_due_is_the_last_monday_at_eight(now: datetime) -> None:
    due = due_since(now)

    assert due <= now < due + timedelta(days=7)
    assert (due.weekday(), due.hour, due.minute, due.second, due.microsecond) == (0, 8, 0, 0, 0)


def test_the_words_above_the_picture_name_an_alarm() -> None:
    quiet, loud = weekly_post(gather([]), MONDAY), weekly_post(gather([], ["c1"]), MONDAY)

    assert "ALARM" not in quiet.comment and "the 30 days to 23 November 2026" in quiet.comment
    assert "ALARM: 1 record does not hold." in loud.comment
    assert all(len(one.comment) <= 500 and len(one.alt_text) <= 1000 for one in (quiet, loud))
