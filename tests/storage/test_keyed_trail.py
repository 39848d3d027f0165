"""The trail under its key: who can write to the database and has no key makes no row that holds."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from storage import audit, told, verification
from storage.audit import Step
from storage.audit_keys import AuditKeyMissing, AuditKeys
from storage.database import Database, libpq_url
from tests.keys import AUDIT_KEYS
from tests.storage.test_audit import NOW, tamper, verify, write

LEAKED = AuditKeys(b"\x01" * 32)


def rewrite(database: Database, *, keyed: bool) -> None:
    """Replace the actor of every row and hash each chain again up to its head, with what the database holds."""
    with psycopg.connect(libpq_url(database.url), autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        rows: list[Any] = connection.execute(
            "select chain, seq, (extract(epoch from at) * 1000000)::bigint::text, name, payload::text, key_id"
            " from audit_events order by chain, seq"
        ).fetchall()
        prev = {}
        for chain, seq, at, name, payload, key_id in rows:
            before = prev.get(chain, audit.GENESIS)
            fields = [chain, str(seq), at, name, "mallory", payload, *([key_id] if keyed else [])]
            prev[chain] = audit.event_hash(None, before, *fields)
            connection.execute(
                "update audit_events set actor = 'mallory', prev_hash = %s, hash = %s, key_id = %s"
                " where chain = %s and seq = %s",
                (before, prev[chain], key_id if keyed else None, chain, seq),
            )
            connection.execute("update audit_chains set head = %s where chain = %s", (prev[chain], chain))


@pytest.mark.parametrize("keyed", [True, False])
async def test_threat_19_a_chain_rewritten_with_its_head_needs_the_key(database: Database, keyed: bool) -> None:
    await write(database, uuid4(), 3)

    rewrite(database, keyed=keyed)
    broken = (await verify(database)).first_break

    assert broken is not None and broken.seq == 1
    assert ("was changed" if keyed else "without a key") in broken.why


async def test_threat_19_the_check_passes_on_what_the_key_holder_wrote(database: Database) -> None:
    """The planted violation: with the key, the same rewriting is not found; the key is what finds it."""
    chain = audit.ticket_chain(uuid4())
    await write(database, chain.removeprefix("ticket:"), 1)  # type: ignore[arg-type]  # its text does as well
    secret = AUDIT_KEYS.secret(AUDIT_KEYS.current_id)
    at = str(audit.microseconds(NOW))
    async with database.transaction() as tx:
        row = (await audit.trail(tx, chain.removeprefix("ticket:")))[0]  # type: ignore[arg-type]  # its text does
    forged = audit.event_hash(secret, audit.GENESIS, chain, "1", at, row.name, "mallory", row.payload_text,
                              AUDIT_KEYS.current_id)  # fmt: skip

    tamper(database, f"update audit_events set actor = 'mallory', hash = '\\x{forged.hex()}'")
    tamper(database, f"update audit_chains set head = '\\x{forged.hex()}'")

    assert (await verify(database)).first_break is None


async def test_threat_19_a_row_put_in_by_somebody_without_the_key_is_named(database: Database) -> None:
    ticket_id = uuid4()
    await write(database, ticket_id, 2)
    chain = audit.ticket_chain(ticket_id)
    head = hashlib.sha256(b"anything").hexdigest()

    tamper(
        database,
        "insert into audit_events (chain, seq, at, name, actor, payload, prev_hash, hash, key_id)"
        f" select chain, 3, at, 'vote_cast', actor, payload, hash, '\\x{head}', key_id from audit_events where seq = 2",
    )
    tamper(database, f"update audit_chains set length = 3, head = '\\x{head}'")
    broken = (await verify(database)).first_break

    assert broken == verification.Break(chain, 3, "was changed after it was written, or not by this desk")


async def test_a_database_opened_without_a_key_writes_nothing(database: Database) -> None:
    keyless = Database(database.url, pool_size=1)

    with pytest.raises(AuditKeyMissing):
        await write(keyless, uuid4(), 1)

    await keyless.close()
    assert (await verify(database)).events == 0


async def test_rows_under_an_earlier_key_verify_while_it_is_known(database: Database) -> None:
    ticket_id, new = uuid4(), b"\x02" * 32
    await write(database, ticket_id, 2)
    current = AUDIT_KEYS.secret(AUDIT_KEYS.current_id) or b""
    rotated = Database(database.url, audit_keys=AuditKeys(new, [current]), pool_size=1)
    forgetful = Database(database.url, audit_keys=AuditKeys(new), pool_size=1)

    await write(rotated, ticket_id, 2)

    assert (await verify(rotated)).first_break is None
    broken = (await verify(forgetful)).first_break
    assert broken is not None and broken.seq == 1 and AUDIT_KEYS.current_id in broken.why
    await rotated.close()
    await forgetful.close()


OLD, NEW = b"\x01" * 32, b"\x02" * 32


@asynccontextmanager
async def under(database: Database, current: bytes, *old: bytes) -> AsyncIterator[Database]:
    """The same database with these keys."""
    opened = Database(database.url, audit_keys=AuditKeys(current, old), pool_size=1)
    try:
        yield opened
    finally:
        await opened.close()


async def a_start(database: Database, at: datetime) -> None:
    async with database.transaction() as tx:
        await audit.record(tx, None, Step.STARTED, "bot", {}, at=at)


async def a_step(database: Database, ticket_id: UUID, at: datetime) -> None:
    async with database.transaction() as tx:
        await audit.record(tx, ticket_id, Step.VOTE_CAST, "mallory", {}, at=at)


async def is_believed(database: Database, ticket_id: UUID) -> bool:
    """Whether decisions are judged on this ticket's chain."""
    async with database.transaction() as tx:
        try:
            await told.of_ticket(tx, ticket_id)
        except told.TrailBroken:
            return False
    return True


async def test_threat_19_a_leaked_key_adds_nothing_to_a_chain_that_goes_on_under_its_successor(
    database: Database,
) -> None:
    ticket_id, seen = uuid4(), []
    for keys in ((OLD,), (NEW, OLD), (OLD, NEW)):
        async with under(database, *keys) as opened:
            await write(opened, ticket_id, 1)
        async with under(database, NEW, OLD) as opened:
            seen.append(await is_believed(opened, ticket_id))

    # Not only once somebody checks: nothing is decided on that ticket any more.
    assert seen == [True, True, False]
    async with under(database, NEW, OLD) as opened:
        broken = (await verify(opened)).first_break

    assert broken is not None and broken.seq == 3 and "older audit key" in broken.why


@pytest.mark.parametrize(("minutes", "holds"), [(59, True), (61, False)])
async def test_threat_19_a_leaked_key_makes_no_row_of_later_than_an_hour_after_its_successor_began(
    database: Database, minutes: int, holds: bool
) -> None:
    async with under(database, OLD) as opened:
        await a_start(opened, NOW)
    async with under(database, NEW, OLD) as opened:
        await a_start(opened, NOW + timedelta(days=1))
    async with under(database, OLD) as opened:
        await a_step(opened, uuid4(), NOW + timedelta(days=1, minutes=minutes))

    async with under(database, NEW, OLD) as opened:
        broken = (await verify(opened)).first_break

    assert (broken is None) == holds
    assert broken is None or "had been replaced by then" in broken.why


async def test_of_several_earlier_keys_the_newest_is_named_first(database: Database) -> None:
    oldest, ticket_id = b"\x03" * 32, uuid4()
    for keys in ((oldest,), (OLD, oldest), (NEW, OLD, oldest)):
        async with under(database, *keys) as opened:
            await write(opened, ticket_id, 1)
            assert (await verify(opened)).first_break is None

    async with under(database, NEW, oldest, OLD) as opened:
        assert "older audit key" in str((await verify(opened)).first_break)


@pytest.mark.parametrize(("chain", "seq"), [("", 0), ("", 1), ("system", 0), ("system", -(2**31))])
async def test_threat_19_a_row_before_all_others_is_read_and_named(database: Database, chain: str, seq: int) -> None:
    await write(database, uuid4(), 2)
    tamper(
        database,
        "insert into audit_events (chain, seq, at, name, actor, payload, prev_hash, hash) values"
        f" ('{chain}', {seq}, now(), 'vote_cast', 'mallory', '{{}}', '\\x00', '\\x00')",
    )

    broken = (await verify(database)).first_break

    assert broken is not None and broken.chain == chain
    async with database.transaction() as tx:
        assert (chain, seq) in [(event.chain, event.seq) async for event in audit.all_events(tx)]


async def test_threat_19_a_row_without_a_key_after_one_with_a_key_is_named(database: Database) -> None:
    ticket_id = uuid4()
    await write(database, ticket_id, 2)
    async with database.transaction() as tx:
        before = (await audit.trail(tx, ticket_id))[0].hash
        at, chain = str(audit.microseconds(NOW)), audit.ticket_chain(ticket_id)
        row = (await audit.trail(tx, ticket_id))[1]
        digest = audit.event_hash(None, before, chain, "2", at, row.name, row.actor, row.payload_text)
    tamper(database, f"update audit_events set key_id = null, hash = '\\x{digest.hex()}' where seq = 2")
    tamper(database, f"update audit_chains set head = '\\x{digest.hex()}'")

    assert "after rows that have one" in str((await verify(database)).first_break)


async def test_a_row_names_its_key_and_does_not_give_it_away(database: Database) -> None:
    await write(database, uuid4(), 1)

    async with database.transaction() as tx:
        assert await tx.scalar(text("select key_id from audit_events")) == AUDIT_KEYS.current_id
    assert len(AUDIT_KEYS.current_id) == 8
    assert AUDIT_KEYS.secret(LEAKED.current_id) is None
