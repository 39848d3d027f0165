"""The inbox: what is stored is stored once, with its job, and nobody waits for longer than Slack does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from storage.database import DatabaseUnavailable, libpq_url
from storage.inbox import Arrival, Inbox


@pytest.fixture
async def inbox(database_url: str) -> AsyncIterator[Inbox]:
    opened = Inbox(database_url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Another connection to the same database."""
    async with await psycopg.AsyncConnection.connect(libpq_url(database_url), autocommit=True) as connection:
        yield connection


def arrival(key: str = "message:C1:1") -> Arrival:
    return Arrival("slack_event", key, f"thread:{key}", {"text": "hello"})


async def count(connection: psycopg.AsyncConnection[Any], table: str) -> int:
    rows = await (await connection.execute(f"select count(*) from {table}")).fetchall()
    return int(rows[0][0])


async def test_an_arrival_is_stored_once_with_one_job(inbox: Inbox, other: psycopg.AsyncConnection[Any]) -> None:
    first, again = await inbox.store(arrival()), await inbox.store(arrival())

    assert (first, again) == (True, False)
    assert (await count(other, "inbox"), await count(other, "procrastinate_jobs")) == (1, 1)


async def test_many_at_once_are_each_stored_once(inbox: Inbox, other: psycopg.AsyncConnection[Any]) -> None:
    found = await asyncio.gather(*(inbox.store(arrival(f"message:C1:{n % 60}")) for n in range(120)))

    assert sum(found) == 60
    assert (await count(other, "inbox"), await count(other, "procrastinate_jobs")) == (60, 60)


async def test_a_connection_that_died_while_it_was_idle_costs_nobody_their_arrival(
    inbox: Inbox, other: psycopg.AsyncConnection[Any]
) -> None:
    await asyncio.gather(*(inbox.store(arrival(f"before:{n}")) for n in range(8)))
    await other.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )

    found = await asyncio.gather(*(inbox.store(arrival(f"after:{n}")) for n in range(8)))

    assert all(found)


async def test_whoever_waits_for_a_frozen_database_is_let_go_within_slacks_time(
    inbox: Inbox, other: psycopg.AsyncConnection[Any]
) -> None:
    async with other.transaction():
        await other.execute("lock table inbox in access exclusive mode")
        begin = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            await inbox.store(arrival())
        waited = time.monotonic() - begin

    assert waited < 3
    # Stored late or by the repetition: once either way.
    await inbox.store(arrival())
    assert await count(other, "inbox") == 1


async def test_an_arrival_that_cannot_be_stored_fails_alone(inbox: Inbox) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        await inbox.store(arrival("message:\ud800"))
    with pytest.raises(psycopg.DataError):
        await inbox.store(arrival("message:\x00"))

    assert await inbox.store(arrival())
