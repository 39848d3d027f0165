"""What arrived, before anything is made of it: the ack path is one statement on a connection of its own.

An inbox row and the job that handles it are one statement, so an event that was acknowledged is never lost, and
one that Slack sends again makes no second row.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy import text

from storage.database import DatabaseUnavailable, Transaction, libpq_url
from storage.schema import InboxEvent

ACK_TIMEOUT_SECONDS = 2.0
"""Slack waits three seconds; past this we answer with an error and it sends again."""

_STORE = """
with arrived as (
    insert into inbox (kind, dedup_key, payload) values (%(kind)s, %(dedup_key)s, %(payload)s)
    on conflict (dedup_key) do nothing returning id
)
insert into procrastinate_jobs (queue_name, task_name, priority, lock, args)
select 'decisions', 'handle_arrival', %(priority)s, %(lock)s, jsonb_build_object('inbox_id', id) from arrived
"""


@dataclass(frozen=True)
class Arrival:
    """Something that came in and must be durable before it is acknowledged."""

    kind: str
    dedup_key: str
    """The same for a retry or a duplicate: they make one row."""
    lock: str
    """Arrivals with the same lock are handled one after another."""
    payload: dict[str, Any]
    priority: int = 0


class Inbox:
    """Stores arrivals; holds a small pool of autocommitting connections for nothing else."""

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        self._pool = AsyncConnectionPool(
            libpq_url(url),
            min_size=1,
            max_size=pool_size,
            open=False,
            timeout=ACK_TIMEOUT_SECONDS,
            # The statement is always the same: prepare it at its first use.
            kwargs={"autocommit": True, "prepare_threshold": 0, "connect_timeout": 5},
        )

    async def open(self) -> None:
        """Connect. Raises DatabaseUnavailable if that takes too long."""
        try:
            await self._pool.open(wait=True, timeout=10)
        except PoolTimeout as error:
            raise DatabaseUnavailable("the database did not answer") from error

    async def close(self) -> None:
        """Give back the connections."""
        await self._pool.close()

    async def store(self, arrival: Arrival) -> bool:
        """Make an arrival durable, with its job. True if it is new, False if it was here before.

        Raises DatabaseUnavailable if it could not be stored: then it must not be acknowledged.
        """
        values = {
            "kind": arrival.kind,
            "dedup_key": arrival.dedup_key,
            "payload": json.dumps(arrival.payload, separators=(",", ":")),
            "priority": arrival.priority,
            "lock": arrival.lock,
        }
        try:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(_STORE, values)
                return cursor.rowcount == 1
        except (PoolTimeout, psycopg.OperationalError) as error:
            raise DatabaseUnavailable("the event could not be stored in time") from error


async def read(tx: Transaction, inbox_id: int) -> InboxEvent | None:
    """One arrival, locked: only one worker handles it at a time."""
    return await tx.get(InboxEvent, inbox_id, with_for_update=True)


async def find(tx: Transaction, dedup_key: str) -> InboxEvent | None:
    """The arrival with this key, if it came."""
    rows = await tx.execute(text("select id from inbox where dedup_key = :key"), {"key": dedup_key})
    inbox_id = rows.scalar_one_or_none()
    return None if inbox_id is None else await tx.get(InboxEvent, inbox_id)


async def newest_message_ts(tx: Transaction, channel: str) -> str | None:
    """The newest message of a channel that is in the inbox: where a backfill has to start."""
    rows = await tx.execute(
        text(
            "select max(split_part(dedup_key, ':', 3)) from inbox where dedup_key like 'message:' || :channel || ':%'"
        ),
        {"channel": channel},
    )
    newest: str | None = rows.scalar_one_or_none()
    return newest


def finish(event: InboxEvent, outcome: str, *, at: datetime) -> None:
    """Mark an arrival as handled; part of the caller's transaction."""
    event.handled_at = at
    event.outcome = outcome


async def ping(tx: Transaction) -> None:
    """Ask the database for nothing. Raises what the transaction raises if it does not answer."""
    await tx.execute(text("select 1"))
