"""The connection to PostgreSQL: one engine, transactions as context managers, nothing else.

Flows open transactions here; everything else in this room takes one as its first argument. A transaction is
never held across a call to Slack, a model or an executor.
"""

from __future__ import annotations

import json
import selectors
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import psycopg
import sqlalchemy.event
import sqlalchemy.exc
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from storage.audit_keys import AuditKeys

Transaction = AsyncSession
"""An open transaction. Commits when its `async with` ends, rolls back on an exception."""

AUDIT_KEYS = "audit keys"
"""Where a transaction carries the keys that its database was opened with (`Transaction.info`)."""
CONNECT_TIMEOUT_SECONDS = 5
CONNECTION_OPTIONS = {
    "connect_timeout": CONNECT_TIMEOUT_SECONDS,
    # A server that vanished without a word (power, network) is noticed in seconds, not after the kernel's quarter hour.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""How every connection of the bot is made (https://www.postgresql.org/docs/current/libpq-connect.html)."""
RECONNECT_SECONDS = 2.0
"""How long a pool tries by itself. Its pauses double, so that after half a minute without a database it would sleep
for as long again; once it has given up, whoever asks next makes it try at once."""


class DatabaseUnavailable(Exception):
    """PostgreSQL did not answer. The caller refuses or retries; nothing was changed."""


def driver_url(url: str) -> str:
    """The SQLAlchemy form of a PostgreSQL URL. Raises ValueError for another database."""
    for prefix in ("postgresql+psycopg://", "postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    raise ValueError("DATABASE_URL must start with postgresql://")


def libpq_url(url: str) -> str:
    """The form of the same URL that psycopg and psql read."""
    return driver_url(url).replace("postgresql+psycopg://", "postgresql://", 1)


class Database:
    """A pool of connections to one database. Without audit keys it is for reading: nothing can go on the trail."""

    def __init__(self, url: str, *, audit_keys: AuditKeys | None = None, pool_size: int = 10) -> None:
        self.url = url
        self.audit_keys = audit_keys
        self._engine: AsyncEngine = create_async_engine(
            driver_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=CONNECT_TIMEOUT_SECONDS,
            connect_args=dict(CONNECTION_OPTIONS),
            # Escaped to ASCII: PostgreSQL's json type keeps \\u0000 and lone surrogates as text, raw it refuses them.
            json_serializer=partial(json.dumps, separators=(",", ":")),
        )
        sqlalchemy.event.listen(self._engine.sync_engine, "checkout", _replace_if_dropped)
        self._sessions = async_sessionmaker(
            self._engine, expire_on_commit=False, autoflush=True, info={AUDIT_KEYS: audit_keys}
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction. Raises DatabaseUnavailable if PostgreSQL cannot be reached or went away."""
        try:
            async with self._sessions() as session, session.begin():
                yield session
        except sqlalchemy.exc.TimeoutError as error:
            raise DatabaseUnavailable("no free connection to the database in time") from error
        except sqlalchemy.exc.DBAPIError as error:
            if error.connection_invalidated or isinstance(error.orig, psycopg.OperationalError):
                raise DatabaseUnavailable("the database did not answer") from error
            raise

    async def close(self) -> None:
        """Give back all connections."""
        await self._engine.dispose()


def _replace_if_dropped(connection: Any, _record: Any, _proxy: Any) -> None:
    """A connection that PostgreSQL dropped (restart, failover) is replaced instead of failing a click.

    An idle connection has nothing to read, unless the server said goodbye or hung up. Looking costs no round trip,
    which a ping before each transaction does: it took a seventh of the time of a short one.
    """
    driver: psycopg.AsyncConnection[Any] = connection.driver_connection
    if driver.closed or _has_something_to_read(driver.fileno()):
        # The pool discards every connection that is as old, and opens another.
        raise sqlalchemy.exc.InvalidatePoolError("the database closed an idle connection")


def _has_something_to_read(socket: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(socket, selectors.EVENT_READ)
        return bool(selector.select(timeout=0))


async def driver_connection(tx: Transaction) -> psycopg.AsyncConnection[Any]:
    """The psycopg connection under a transaction, for statements that must join it from outside SQLAlchemy."""
    raw = await (await tx.connection()).get_raw_connection()
    connection = raw.driver_connection
    if not isinstance(connection, psycopg.AsyncConnection):
        raise TypeError("the database driver is not psycopg 3")
    return connection
