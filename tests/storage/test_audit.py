"""The audit chain on a real PostgreSQL: what was written stays, and what was changed shows."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage import audit, verification
from storage.audit import NewEvent, Step
from storage.database import Database, libpq_url

NOW = datetime(2026, 3, 25, 13, 46, 11, 123456, tzinfo=UTC)


async def write(database: Database, ticket_id: UUID, count: int) -> None:
    async with database.transaction() as tx:
        events = [NewEvent(Step.MESSAGE_RECEIVED, "bot", {"n": n, "text": "ä\x00\u202e"}) for n in range(count)]
        await audit.append(tx, audit.ticket_chain(ticket_id), events, at=NOW)


async def verify(database: Database) -> verification.Verification:
    async with database.transaction() as tx:
        return await verification.verify(tx)


def tamper(database: Database, sql: str) -> None:
    """Do what someone with the database's own rights could do: switch the triggers off and change rows."""
    with psycopg.connect(libpq_url(database.url), autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(sql)  # type: ignore[call-overload]  # a literal of this test


async def test_an_untouched_trail_verifies(database: Database) -> None:
    await write(database, uuid4(), 5)
    await write(database, uuid4(), 3)

    result = await verify(database)

    assert (result.chains, result.events, result.first_break) == (2, 8, None)


async def test_appending_twice_continues_the_same_chain(database: Database) -> None:
    ticket_id = uuid4()
    await write(database, ticket_id, 2)
    await write(database, ticket_id, 2)

    async with database.transaction() as tx:
        events = await audit.trail(tx, ticket_id)

    assert [event.seq for event in events] == [1, 2, 3, 4]
    assert [event.payload["n"] for event in events] == [0, 1, 0, 1]
    assert events[0].payload["text"] == "ä\x00\u202e"
    assert (await verify(database)).first_break is None


@pytest.mark.parametrize(
    ("sql", "seq", "why"),
    [
        ("update audit_events set payload = '{\"n\":9}' where seq = 2", 2, "was changed after it was written"),
        ("update audit_events set name = 'vote_cast' where seq = 2", 2, "was changed after it was written"),
        ("update audit_events set actor = 'x' where seq = 2", 2, "was changed after it was written"),
        ("update audit_events set at = at + interval '1 us' where seq = 2", 2, "was changed after it was written"),
        ("delete from audit_events where seq = 2", 2, "is missing"),
        ("delete from audit_events where seq = 4", 4, "head"),
        ("delete from audit_events", 1, "is missing, with all"),
        ("delete from audit_chains", 4, "has no head"),
    ],
)
async def test_threat_19_a_changed_or_missing_row_is_named(database: Database, sql: str, seq: int, why: str) -> None:
    await write(database, uuid4(), 4)

    tamper(database, sql)
    broken = (await verify(database)).first_break

    assert broken is not None
    assert broken.seq == seq
    assert why in broken.why


async def test_threat_19_reordered_rows_are_named(database: Database) -> None:
    await write(database, uuid4(), 4)

    tamper(database, "update audit_events set seq = -seq where seq in (2, 3)")
    tamper(database, "update audit_events set seq = 5 + seq where seq < 0")
    broken = (await verify(database)).first_break

    assert broken is not None
    assert broken.seq == 2


@pytest.mark.parametrize(
    "sql",
    [
        "update audit_events set name = 'x'",
        "delete from audit_events",
        "truncate audit_events",
        "delete from audit_chains",
        "update votes set choice = 'approve'",
    ],
)
async def test_threat_19_the_database_itself_refuses_changes_to_the_trail(database: Database, sql: str) -> None:
    await write(database, uuid4(), 1)

    with pytest.raises(DBAPIError, match="append-only") if "votes" not in sql else _no_rows():
        async with database.transaction() as tx:
            await tx.execute(text(sql))

    assert (await verify(database)).events == 1


def _no_rows():  # type: ignore[no-untyped-def]  # a null context for the table that is empty here
    import contextlib

    return contextlib.nullcontext()
