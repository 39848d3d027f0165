"""The pool of connections: what PostgreSQL dropped is replaced before anybody notices."""

from __future__ import annotations

import asyncio

import psycopg
from sqlalchemy import text

from storage.database import Database, libpq_url


async def backend(database: Database) -> int:
    """The process of PostgreSQL that serves the next transaction."""
    async with database.transaction() as tx:
        return int(await tx.scalar(text("select pg_backend_pid()")) or 0)


async def test_connections_that_the_server_closed_are_replaced(database: Database, database_url: str) -> None:
    before = await backend(database)
    others = [asyncio.create_task(backend(database)) for _ in range(3)]
    before_too = set(await asyncio.gather(*others)) | {before}
    async with await psycopg.AsyncConnection.connect(libpq_url(database_url), autocommit=True) as other:
        for pid in before_too:
            await other.execute("select pg_terminate_backend(%s, 5000)", (pid,))

    after = {await backend(database) for _ in range(5)}

    assert not after & before_too


async def test_an_idle_connection_is_used_again(database: Database) -> None:
    first = await backend(database)

    assert {await backend(database) for _ in range(5)} == {first}
