"""What arrived, before anything is made of it: the ack path is one statement on a connection of its own.

An inbox row and the job that handles it are one statement, so an event that was acknowledged is never lost, and
one that Slack sends again makes no second row.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy import text

from storage.database import CONNECTION_OPTIONS, RECONNECT_SECONDS, DatabaseUnavailable, Transaction, libpq_url
from storage.schema import InboxEvent

ACK_TIMEOUT_SECONDS = 2.0
"""Slack waits three seconds; past this we answer with an error and it sends again."""

_STORE = """
with arrived as (
    insert into inbox (kind, dedup_key, payload)
    select %(kind)s, %(dedup_key)s, cast(%(payload)s as json)
    where %(channel)s::text is null
        or exists (select 1 from tickets where slack_channel = %(channel)s and slack_ts = any(%(places)s))
        or exists (select 1 from messages where slack_channel = %(channel)s and slack_ts = any(%(places)s))
        or exists (select 1 from cases where channel = %(channel)s and thread_ts = any(%(places)s))
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
    only_about: KnownPlace | None = None
    """Take it only if a ticket, one of its messages or a case stands there: the rest is none of our business."""


@dataclass(frozen=True)
class KnownPlace:
    """Timestamps in one Slack channel, any of which may be a ticket's thread or message, or a case's thread."""

    channel: str
    timestamps: tuple[str, ...]


@dataclass
class _Errand:
    """One arrival on its way into the table, and who waits to hear of it."""

    values: dict[str, Any]
    stored: asyncio.Future[bool]
    was_tried: bool = False

    def settle(self, is_new: bool) -> None:
        if not self.stored.done():
            self.stored.set_result(is_new)

    def fail(self, error: Exception) -> None:
        # Perhaps nobody waits any more: the sender was told to send it again.
        if not self.stored.done():
            self.stored.set_exception(error)


class Inbox:
    """Stores arrivals, through a few writers: each a task with an autocommitting connection of its own.

    A writer keeps its connection, so that an arrival waits for nothing but its statement. Whoever waits is let go in
    time even if the server froze; the statement is not cancelled then, for psycopg ends a cancelled statement only once
    the server has answered.
    """

    def __init__(self, url: str, *, most_writers: int = 8) -> None:
        self._pool = AsyncConnectionPool(
            libpq_url(url),
            min_size=1,
            max_size=most_writers,
            open=False,
            timeout=ACK_TIMEOUT_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            # The statement is always the same: prepare it at its first use.
            kwargs={"autocommit": True, "prepare_threshold": 0, **CONNECTION_OPTIONS},
        )
        self._most_writers = most_writers
        self._errands: asyncio.Queue[_Errand] = asyncio.Queue()
        self._writers: set[asyncio.Task[None]] = set()
        self._idle_writers = 0

    async def open(self) -> None:
        """Connect. Raises DatabaseUnavailable if that takes too long."""
        try:
            await self._pool.open(wait=True, timeout=10)
        except PoolTimeout as error:
            raise DatabaseUnavailable("the database did not answer") from error

    async def close(self) -> None:
        """Give back the connections. What was not stored by now is not acknowledged either."""
        writers = set(self._writers)
        for writer in writers:
            writer.cancel()
        if writers:
            await asyncio.wait(writers, timeout=ACK_TIMEOUT_SECONDS)
        await self._pool.close()

    async def store(self, arrival: Arrival) -> bool:
        """Make an arrival durable, with its job. False if it was here before, or is not ours to take.

        Raises DatabaseUnavailable if it could not be stored in time: then it must not be acknowledged.
        """
        loop = asyncio.get_running_loop()
        errand = _Errand(_values(arrival), loop.create_future())
        late = DatabaseUnavailable("the event could not be stored in time")
        deadline = loop.call_later(ACK_TIMEOUT_SECONDS, errand.fail, late)
        self._errands.put_nowait(errand)
        if self._errands.qsize() > self._idle_writers and len(self._writers) < self._most_writers:
            writer = asyncio.create_task(self._write())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        try:
            return await errand.stored
        finally:
            deadline.cancel()

    async def _write(self) -> None:
        """Store one arrival after another, on one connection for as long as it works."""
        while True:
            errand = await self._next()
            try:
                async with self._pool.connection() as connection:
                    while True:
                        await _store(connection, errand)
                        errand = await self._next()
            except (PoolTimeout, psycopg.OperationalError) as error:
                self._again(errand, error)

    async def _next(self) -> _Errand:
        """The next arrival that somebody still waits for."""
        self._idle_writers += 1
        try:
            while (errand := await self._errands.get()).stored.done():
                pass
            return errand
        finally:
            self._idle_writers -= 1

    def _again(self, errand: _Errand, error: Exception) -> None:
        # The connection may have died while it was idle. Storing twice is storing once, so another one may try.
        if errand.was_tried:
            unavailable = DatabaseUnavailable("the event could not be stored")
            unavailable.__cause__ = error
            errand.fail(unavailable)
        else:
            errand.was_tried = True
            self._errands.put_nowait(errand)


def _values(arrival: Arrival) -> dict[str, Any]:
    return {
        "kind": arrival.kind,
        "dedup_key": arrival.dedup_key,
        "payload": json.dumps(arrival.payload, separators=(",", ":")),
        "priority": arrival.priority,
        "lock": arrival.lock,
        "channel": None if arrival.only_about is None else arrival.only_about.channel,
        "places": [] if arrival.only_about is None else list(arrival.only_about.timestamps),
    }


async def _store(connection: psycopg.AsyncConnection[Any], errand: _Errand) -> None:
    try:
        cursor = await connection.execute(_STORE, errand.values)
    except psycopg.OperationalError:
        raise
    except (psycopg.Error, ValueError) as error:  # This arrival's own fault; the connection is as good as before.
        errand.fail(error)
    else:
        errand.settle(cursor.rowcount == 1)


async def read(tx: Transaction, inbox_id: int) -> InboxEvent | None:
    """One arrival, locked: only one worker handles it at a time."""
    return await tx.get(InboxEvent, inbox_id, with_for_update=True)


async def find(tx: Transaction, dedup_key: str) -> InboxEvent | None:
    """The arrival with this key, if it came."""
    rows = await tx.execute(text("select id from inbox where dedup_key = :key"), {"key": dedup_key})
    inbox_id = rows.scalar_one_or_none()
    return None if inbox_id is None else await tx.get(InboxEvent, inbox_id)


async def known_span(tx: Transaction, channel: str) -> tuple[str, str] | None:
    """The timestamps of the oldest and the newest message of a channel that came in; None if none ever did."""
    rows = await tx.execute(
        text(
            "select min(split_part(dedup_key, ':', 3)), max(split_part(dedup_key, ':', 3)) from inbox"
            " where dedup_key like 'message:' || :channel || ':%'"
        ),
        {"channel": channel},
    )
    oldest, newest = rows.one()
    return None if oldest is None else (oldest, newest)


@dataclass(frozen=True)
class Taken:
    """Since when a channel's messages are taken, by what each start put on record."""

    since: datetime | None
    """When the first of the processes started that took them, one after the other until now; None if that is the one
    that started last, and only earlier ones are asked for: nothing can have been missed before it."""
    not_before: datetime | None
    """The same, where the channel was not taken for a while before: what was said then is nobody's ticket."""


async def taken(tx: Transaction, channel: str, *, before_last_start: bool) -> Taken:
    """Since when a channel's messages are taken; with `before_last_start`, by another process than the last."""
    found = await tx.execute(
        text(
            "with starts as ("
            "  select seq, at, exists (select 1 from json_array_elements_text(payload -> 'intakeChannels') as one"
            "    where one = :channel) as takes_it"
            "  from audit_events"
            "  where chain = 'system' and name = 'started' and payload -> 'intakeChannels' is not null),"
            " turn as ("
            "  select coalesce(max(seq) filter (where not takes_it), 0) as left_at, max(seq) as last from starts)"
            " select min(at) filter (where not :before_last_start or seq < last),"
            " min(at) filter (where left_at > 0) from starts, turn where takes_it and seq > left_at"
        ),
        {"channel": channel, "before_last_start": before_last_start},
    )
    since, not_before = found.one()
    return Taken(since, not_before)


# A job for each, as where they are stored.
_AGAIN = text(
    "with again as ("
    "  update inbox set handled_at = null, outcome = null where dedup_key like 'message:' || :channel || ':%'"
    "  and payload -> 'event' ->> 'thread_ts' = :thread_ts and outcome = :outcome returning id)"
    " insert into procrastinate_jobs (queue_name, task_name, priority, lock, args)"
    " select 'decisions', 'handle_arrival', 0, :lock, jsonb_build_object('inbox_id', id) from again order by id"
)


async def handle_again(tx: Transaction, channel: str, thread_ts: str, *, outcome: str, lock: str) -> None:
    """Have those messages of a thread handled anew of which this came: what they were about is here only now."""
    await tx.execute(_AGAIN, {"channel": channel, "thread_ts": thread_ts, "outcome": outcome, "lock": lock})


def finish(event: InboxEvent, outcome: str, *, at: datetime) -> None:
    """Mark an arrival as handled; part of the caller's transaction."""
    event.handled_at = at
    event.outcome = outcome


async def ping(tx: Transaction) -> None:
    """Ask the database for nothing. Raises what the transaction raises if it does not answer."""
    await tx.execute(text("select 1"))
