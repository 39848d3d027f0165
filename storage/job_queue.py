"""The port to the job queue: a job is deferred inside the caller's transaction, or not at all.

Procrastinate keeps the jobs in the same PostgreSQL. `lock` keeps the jobs of one ticket in order;
`queueing_lock` folds a job into one of the same name that still waits.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import procrastinate
import psycopg
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from psycopg_pool import PoolClosed
from sqlalchemy import text

from storage.database import CONNECTION_OPTIONS, RECONNECT_SECONDS, Transaction, libpq_url

log = logging.getLogger(__name__)

DECISIONS = "decisions"
"""Queue of everything that changes our own state."""
DELIVERIES = "deliveries"
"""Queue of what goes to Slack, apart so that a rate limit there never keeps a decision waiting."""
TURNS = "turns"
"""Queue of what takes long: looks at the sources of evidence, and turns of the copilot."""
QUEUES = (DECISIONS, DELIVERIES, TURNS)


WAIT_SECONDS = RECONNECT_SECONDS + 1.0
"""How long the queue waits for a connection. A pool that gave up trying tries again only when somebody asks it anew:
were the workers to wait for long, all of them would, and the database would be back without anybody noticing."""


def ticket_lock(ticket_id: object) -> str:
    """The lock that keeps a ticket's jobs in order."""
    return f"ticket:{ticket_id}"


def make_job_app(url: str, *, pool_size: int = 6) -> procrastinate.App:
    """The Procrastinate app on the same database; `bot.worker` opens it and registers the tasks."""
    connector = procrastinate.PsycopgConnector(
        conninfo=libpq_url(url),
        min_size=1,
        max_size=pool_size,
        timeout=WAIT_SECONDS,
        reconnect_timeout=RECONNECT_SECONDS,
        kwargs=dict(CONNECTION_OPTIONS),
    )
    app = procrastinate.App(connector=connector)
    app.job_manager = JobLedger(connector)
    return app


# The job that waits under the same queueing lock does the same work: it takes over, no sooner than was asked for.
_HAND_OVER = """
with waiting as (
    update procrastinate_jobs later
    set scheduled_at = greatest(coalesce(later.scheduled_at, now()), %(retry_at)s),
        attempts = greatest(later.attempts, ending.attempts + 1)
    from procrastinate_jobs ending
    where ending.id = %(job_id)s and later.queueing_lock = ending.queueing_lock and later.status = 'todo'
    returning later.id
)
delete from procrastinate_jobs where id = %(job_id)s and status = 'doing' and exists (select 1 from waiting)
"""
# What waits behind the lock of a job that ended was passed over when it came in, and nothing else would say that it may
# begin: the workers would find it at their next look around, one job a second for each ticket and thread.
_WAKE_NEXT = """
select pg_notify(
    'procrastinate_queue_v1#' || queue_name, json_build_object('type', 'job_inserted', 'job_id', id)::text
)
from procrastinate_jobs
where lock = %(lock)s and status = 'todo' and (scheduled_at is null or scheduled_at <= now())
order by priority desc, id limit 1
"""
# Once, for what they failed of may be mended by now. Without their queueing lock: another may wait under it.
_GIVEN_UP_AGAIN = """
update procrastinate_jobs set status = 'todo', scheduled_at = now(), queueing_lock = null
where status = 'failed' and queue_name = any(%(queues)s)
"""
WRITE_AGAIN_SECONDS = 1.0


async def try_given_up(app: procrastinate.App) -> None:
    """Have what was given up tried once more. Turns are not: nobody waits for the answer any longer.

    It gives nothing a right: a run that comes late is asked about as any other, and has lapsed past its request's time.
    """
    await app.connector.execute_query_async(_GIVEN_UP_AGAIN, queues=[DECISIONS, DELIVERIES])


class JobLedger(JobManager):
    """Writes down what became of a job, also in the two cases in which Procrastinate's own manager gives up.

    A job of a living worker that stays 'doing' is never handed out again, and everything behind its lock waits with
    it. That happens where the database is away at the moment a job ends (here: written once it is back), and where
    the same job was queued again while this one ran, so that its queueing lock is taken (here: that one takes over).
    """

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """Set a job to its final state, and wake whoever works for what waited behind its lock."""
        await super().finish_job(job, status, delete_job)
        if job.lock is not None:
            with suppress(ConnectorException):  # Only sooner; the next look around finds it as well.
                await self.connector.execute_query_async(_WAKE_NEXT, lock=job.lock)

    async def finish_job_by_id_async(self, job_id: int, status: Status, delete_job: bool) -> None:
        """Set a job to its final state."""
        finish = super().finish_job_by_id_async
        await _until_written(lambda: finish(job_id, status, delete_job))

    async def retry_job_by_id_async(
        self,
        job_id: int,
        retry_at: datetime,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Put a job back for a later time."""
        retry = super().retry_job_by_id_async

        async def put_back() -> None:
            try:
                await retry(job_id, retry_at, priority, queue, lock)
            except UniqueViolation:
                await self.connector.execute_query_async(_HAND_OVER, job_id=job_id, retry_at=retry_at)

        await _until_written(put_back)


async def _until_written(write: Callable[[], Awaitable[None]]) -> None:
    is_repeated = False
    while True:
        try:
            return await write()
        except ConnectorException as error:
            if isinstance(error.__cause__, psycopg.errors.RaiseException) and is_repeated:
                return None  # The job is 'doing' no longer: the first try was written, and its answer was lost.
            if not isinstance(error.__cause__, psycopg.OperationalError) or isinstance(error.__cause__, PoolClosed):
                raise
            log.warning("what became of a job could not be written down; trying again: %s", error.__cause__)
        is_repeated = True
        await asyncio.sleep(WRITE_AGAIN_SECONDS)


# Procrastinate's own function raises on a taken queueing lock, which would abort the caller's transaction. The
# conflict clause also locks the waiting job until the caller commits: were it only skipped, a worker could
# fetch it before the commit and act on facts that are already out of date.
_DEFER = text(
    "insert into procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)"
    " values (:queue, :task, :priority, :lock, :queueing_lock, cast(:args as jsonb), :at)"
    " on conflict (queueing_lock) where status = 'todo' do update set queueing_lock = excluded.queueing_lock"
)


async def defer(
    tx: Transaction,
    task: str,
    *,
    queue: str = DECISIONS,
    lock: str | None = None,
    queueing_lock: str | None = None,
    at: datetime | None = None,
    priority: int = 0,
    **args: Any,
) -> None:
    """Put a job on the queue when the transaction commits; `at` is the earliest time it may run."""
    await tx.execute(
        _DEFER,
        {
            "queue": queue,
            "task": task,
            "priority": priority,
            "lock": lock,
            "queueing_lock": queueing_lock,
            "args": json.dumps(args),
            "at": at,
        },
    )
