"""The port to the job queue: a job is deferred inside the caller's transaction, or not at all.

Procrastinate keeps the jobs in the same PostgreSQL. `lock` keeps the jobs of one ticket in order;
`queueing_lock` folds a job into one of the same name that still waits.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import procrastinate
from sqlalchemy import text

from storage.database import Transaction, libpq_url

DECISIONS = "decisions"
"""Queue of everything that changes our own state."""
DELIVERIES = "deliveries"
"""Queue of what goes to Slack, apart so that a rate limit there never keeps a decision waiting."""


def ticket_lock(ticket_id: object) -> str:
    """The lock that keeps a ticket's jobs in order."""
    return f"ticket:{ticket_id}"


def make_job_app(url: str, *, pool_size: int = 6) -> procrastinate.App:
    """The Procrastinate app on the same database; `bot.worker` opens it and registers the tasks."""
    connector = procrastinate.PsycopgConnector(conninfo=libpq_url(url), min_size=1, max_size=pool_size)
    return procrastinate.App(connector=connector)


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
