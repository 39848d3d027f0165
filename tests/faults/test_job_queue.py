"""The queue hands out what a dead worker left, and never keeps a job 'doing' that nobody is doing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import procrastinate
import psycopg
import pytest
from procrastinate.jobs import Job, Status

import bot.worker
from bot.worker import HEARTBEAT_SECONDS, RESCUE_EVERY_SECONDS, STALLED_AFTER_SECONDS, Patience, Workers
from handlers.errors import TryLater
from storage.database import Database, libpq_url
from storage.job_queue import DELIVERIES, QUEUES, defer, make_job_app
from tests.faults.rig import PATIENCE_SECONDS, eventually, rows, value

JobFunction = Callable[..., Awaitable[None]]


@asynccontextmanager
async def working(database_url: str, **jobs: JobFunction) -> AsyncIterator[Workers]:
    app = make_job_app(database_url)
    async with app.open_async():
        workers = Workers(app, jobs, concurrency=4)
        await workers.start()
        try:
            yield workers
        finally:
            await workers.stop()


async def put(database: Database, task: str, **more: Any) -> None:
    async with database.transaction() as tx:
        await defer(tx, task, queue=DELIVERIES, lock="card", queueing_lock="card", **more)


async def left_by_a_dead_worker(database: Database) -> None:
    """A job in the hands of a worker that was heard of just now, and is heard of no more."""
    await rows(
        database,
        "with worker as (insert into procrastinate_workers (last_heartbeat) values (now())"
        " returning id)"
        " update procrastinate_jobs set status = 'doing', worker_id = worker.id from worker returning 1",
    )


async def test_a_job_of_a_dead_worker_is_handed_out_again(database: Database, database_url: str) -> None:
    done: list[float] = []

    async def post() -> None:
        done.append(time.monotonic())

    await put(database, "post")
    await left_by_a_dead_worker(database)
    killed = time.monotonic()
    async with working(database_url, post=post):
        await put(database, "post")  # Queued again meanwhile: its queueing lock is taken, and the other one blocks it.
        await eventually(lambda: done)
        await eventually(lambda: _is_empty(database))

    print(f"taken over after {done[0] - killed:.1f} s")  # a measurement


async def test_a_worker_that_was_not_heard_of_during_an_outage_keeps_its_row(
    database: Database, database_url: str
) -> None:
    """Its jobs would go with it, although it may be about to be heard of again."""
    await rows(
        database, "insert into procrastinate_workers (last_heartbeat) values (now() - interval '5 minutes') returning 1"
    )

    async with working(database_url):
        await eventually(lambda: _has_workers(database, len(QUEUES) + 1))


async def _has_workers(database: Database, count: int) -> bool:
    return bool(await value(database, "select count(*) from procrastinate_workers") == count)


async def test_a_job_that_is_put_back_while_the_same_one_was_queued_again_blocks_nothing(
    database: Database, database_url: str
) -> None:
    tries: list[float] = []

    async def post() -> None:
        tries.append(time.monotonic())
        if len(tries) == 1:
            await put(database, "post")  # A card's facts changed while it was being sent.
            raise TryLater("Slack asks to wait", seconds=1)

    await put(database, "post")
    async with working(database_url, post=post):
        await eventually(lambda: len(tries) == 2)
        await eventually(lambda: _is_empty(database))

    # What Slack asked for holds for the job that took over, too.
    assert tries[1] - tries[0] >= 0.95


async def _is_empty(database: Database) -> bool:
    return bool(await value(database, "select count(*) from procrastinate_jobs") == 0)


async def test_jobs_that_were_given_up_are_tried_again_at_the_next_start(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What made them fail may be mended in that version; until then they are kept, also two under one name."""
    monkeypatch.setattr(bot.worker, "GIVE_UP_AFTER", 1)
    failures, done = [ValueError("odd"), ValueError("odd")], 0

    async def post() -> None:
        nonlocal done
        if failures:
            raise failures.pop()
        done += 1

    async with working(database_url, post=post):
        for given_up in (1, 2):
            await put(database, "post")
            await eventually(partial(_are_given_up, database, given_up))
        await put(database, "post", at=datetime.now(UTC) + timedelta(hours=1))  # It waits under their name.

    async with working(database_url, post=post):
        await eventually(lambda: done == 2)
        await eventually(partial(_are_given_up, database, 0))

    assert await rows(database, "select status from procrastinate_jobs") == [("todo",)]


async def _are_given_up(database: Database, count: int) -> bool:
    return bool(await value(database, "select count(*) = :n from procrastinate_jobs where status = 'failed'", n=count))


async def test_jobs_behind_one_lock_follow_each_other_at_once(database: Database, database_url: str) -> None:
    done: list[float] = []

    async def step() -> None:
        done.append(time.monotonic())

    async with database.transaction() as tx:
        for _ in range(10):
            await defer(tx, "step", lock="ticket")
    async with working(database_url, step=step):
        await eventually(lambda: len(done) == 10)

    assert done[-1] - done[0] < 10 * bot.worker.POLL_SECONDS / 3


async def test_a_job_whose_end_could_not_be_written_down_is_written_down_later(database_url: str) -> None:
    app = make_job_app(database_url)
    failures = [psycopg.OperationalError("away"), psycopg.OperationalError("still away")]
    written = app.connector.execute_query_async

    async def sometimes_away(query: str, **arguments: Any) -> None:
        if failures:
            raise procrastinate.exceptions.ConnectorException from failures.pop()
        await written(query, **arguments)  # type: ignore[arg-type]  # passed on as it came

    async with app.open_async():
        await app.configure_task("nothing", allow_unknown=True).defer_async()
        worker_id = await app.job_manager.register_worker()
        job = await app.job_manager.fetch_job(queues=None, worker_id=worker_id)
        assert job is not None
        app.connector.execute_query_async = sometimes_away  # type: ignore[method-assign]  # the seam to the database
        await app.job_manager.finish_job(job, Status.SUCCEEDED, delete_job=True)
    with psycopg.connect(libpq_url(database_url)) as connection:
        assert connection.execute("select count(*) from procrastinate_jobs").fetchone() == (0,)


async def test_a_live_job_of_this_process_is_never_handed_out_twice(database: Database, database_url: str) -> None:
    """After an outage every heartbeat is old: that must not look like death."""
    started = 0
    let_go = asyncio.Event()

    async def post() -> None:
        nonlocal started
        started += 1
        await let_go.wait()

    await put(database, "post")
    async with working(database_url, post=post) as workers:
        await eventually(lambda: started == 1)
        await rows(
            database,
            "update procrastinate_workers set last_heartbeat = now() - interval '1 minute' returning 1",
        )
        await workers._hand_out(await workers._stalled())  # what the rescuer does at its next turn
        await asyncio.sleep(0.3)
        let_go.set()
        await eventually(lambda: _is_empty(database))

    assert started == 1


def test_patience_tells_what_passes_from_what_does_not() -> None:
    def job(attempts: int) -> Job:
        return Job(id=1, queue="q", lock=None, queueing_lock=None, task_name="post", attempts=attempts)

    patience = Patience()

    for passing in (TryLater("later", seconds=1), OSError("reset"), asyncio.CancelledError()):
        assert patience.get_retry_decision(exception=passing, job=job(100)) is not None, passing
    assert patience.get_retry_decision(exception=ValueError("odd"), job=job(3)) is not None
    assert patience.get_retry_decision(exception=ValueError("odd"), job=job(bot.worker.GIVE_UP_AFTER)) is None


def test_takeover_is_due_within_seconds() -> None:
    # Last heard of just before it died, looked for just before that was long enough ago.
    assert STALLED_AFTER_SECONDS + RESCUE_EVERY_SECONDS < 10
    # A worker that lives may be late several times over.
    assert STALLED_AFTER_SECONDS >= 5 * HEARTBEAT_SECONDS


async def test_stopping_puts_back_what_does_not_end_in_time(database: Database, database_url: str) -> None:
    begun = asyncio.Event()

    async def post() -> None:
        begun.set()
        await asyncio.sleep(3600)

    await put(database, "post", at=None)
    app = make_job_app(database_url)
    async with app.open_async():
        workers = Workers(app, {"post": post}, concurrency=1)
        await workers.start()
        await asyncio.wait_for(begun.wait(), PATIENCE_SECONDS)
        await rows(database, "update procrastinate_jobs set attempts = 50 returning 1")
        await workers.stop()

    assert await rows(database, "select status, worker_id from procrastinate_jobs") == [("todo", None)]
