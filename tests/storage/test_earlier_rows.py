"""Rows of before there was an audit key: an operator vouches for them once, by hand, and nothing else ever does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from bot.cli import main
from storage import audit, checkpoints, verification
from storage.checkpoints import NotWritten
from storage.database import Database
from storage.notary import Notary
from tests.keys import AUDIT_KEYS, CHECKPOINT_KEY, KEY_SETTINGS
from tests.running import running_desk
from tests.storage.test_audit import NOW, tamper, verify, write

Capture = pytest.CaptureFixture[str]


def rows_without_a_key(url: str, count: int, *, ticket_id: UUID | None = None, actor: str = "bot") -> str:
    """A chain as the desk wrote it before it had a key, and as anybody can write one."""
    database = Database(url)
    chain, prev = audit.ticket_chain(ticket_id or uuid4()), audit.GENESIS
    for seq in range(1, count + 1):
        at = str(audit.microseconds(NOW))
        digest = audit.event_hash(None, prev, chain, str(seq), at, "message_received", actor, "{}")
        tamper(
            database,
            "insert into audit_events (chain, seq, at, name, actor, payload, prev_hash, hash) values"
            f" ('{chain}', {seq}, '{NOW.isoformat()}', 'message_received', '{actor}',"
            f" '{{}}', '\\x{prev.hex()}', '\\x{digest.hex()}')",
        )
        prev = digest
    tamper(database, f"insert into audit_chains values ('{chain}', {count}, '\\x{prev.hex()}')")
    return chain


@pytest.fixture
def url(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """This test's database, which the commands work on with the desk's keys."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("COUNTERSIGN_DATA", str(tmp_path))
    for name, value in KEY_SETTINGS.items():
        monkeypatch.setenv(name, value)
    return database_url


def on(url: str, do: Any) -> Any:
    """What `do` makes of the database."""

    async def run() -> Any:
        database = Database(url, audit_keys=AUDIT_KEYS, pool_size=1)
        work: Coroutine[Any, Any, Any] = do(database)
        try:
            return await work
        finally:
            await database.close()

    return asyncio.run(run())


def first_break(url: str) -> str:
    found: verification.Verification = on(url, verify)
    return str(found.first_break or "")


def test_what_would_be_vouched_for_is_shown_and_sealed_only_when_asked_to(url: str, capsys: Capture) -> None:
    chain = rows_without_a_key(url, 3)
    assert "`countersign audit seal`" in first_break(url)

    assert main(["audit", "seal"]) == 0
    assert f"{chain}  3 rows  " in capsys.readouterr().out
    assert "without a key" in first_break(url)
    assert main(["audit", "seal", "--yes"]) == 0

    assert first_break(url) == ""
    on(url, lambda database: write(database, UUID(chain.removeprefix("ticket:")), 2))
    assert first_break(url) == ""


def test_rows_with_a_key_that_came_first_do_not_keep_earlier_ones_from_being_sealed(url: str) -> None:
    """The new version imported a directory, and ran, before anybody thought of it."""
    ticket_id = uuid4()
    rows_without_a_key(url, 2, ticket_id=ticket_id)
    on(url, lambda database: write(database, ticket_id, 2))
    on(url, lambda database: write(database, uuid4(), 1))

    assert main(["audit", "seal", "--yes"]) == 0

    assert first_break(url) == ""


async def test_threat_19_a_trail_without_keys_put_in_the_place_of_the_real_one_is_sealed_by_no_start(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_desk(database_url, tmp_path) as desk:
        tamper(desk.database, "delete from audit_events")
        tamper(desk.database, "delete from audit_chains")
        tamper(desk.database, "delete from tickets")
    rows_without_a_key(database_url, 1, actor="T0ACME00001/U0SANA00001")

    async with running_desk(database_url, tmp_path) as desk:
        broken = (await verify(desk.database)).first_break

    assert broken is not None and "no row with one vouches for it" in broken.why
    assert "`countersign audit seal`" in caplog.text


def test_threat_19_nothing_is_sealed_where_a_checkpoint_says_that_there_was_another_trail(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    rows_without_a_key(url, 1)
    place = tmp_path / "checkpoints.jsonl"
    place.write_text('{"head":{"number":7}}\n')
    monkeypatch.setenv("COUNTERSIGN_CHECKPOINTS", f"file:{place}")

    assert main(["audit", "seal", "--yes"]) == 1
    assert "has a checkpoint" in capsys.readouterr().err
    place.write_text("")
    tamper(Database(url), "insert into audit_checkpoints values (1, '{}')")
    assert main(["audit", "seal", "--yes"]) == 1
    assert "there are checkpoints" in capsys.readouterr().err
    assert "without a key" in first_break(url)


def test_threat_19_rows_without_a_key_that_came_after_the_seal_are_named_and_not_sealed(
    url: str, capsys: Capture
) -> None:
    rows_without_a_key(url, 2)
    assert main(["audit", "seal", "--yes"]) == 0

    rows_without_a_key(url, 2)

    assert "is not what it was" in first_break(url)
    assert main(["audit", "seal", "--yes"]) == 1
    assert "once only" in capsys.readouterr().err


def test_threat_19_a_trail_that_does_not_follow_is_not_sealed(url: str, capsys: Capture) -> None:
    rows_without_a_key(url, 2)
    tamper(Database(url), "update audit_events set actor = 'mallory' where seq = 1")

    assert main(["audit", "seal", "--yes"]) == 1

    assert "does not hold" in capsys.readouterr().err


def test_a_trail_whose_rows_all_have_a_key_needs_no_seal(url: str, capsys: Capture) -> None:
    on(url, lambda database: write(database, uuid4(), 1))

    assert main(["audit", "seal", "--yes"]) == 1

    assert "every row has a key" in capsys.readouterr().err


async def test_the_first_checkpoint_waits_for_the_seal(database: Database) -> None:
    rows_without_a_key(database.url, 1)
    await write(database, uuid4(), 1)

    with pytest.raises(NotWritten, match="audit seal"):
        async with database.transaction() as tx:
            await checkpoints.make(tx, Notary(bytes.fromhex(CHECKPOINT_KEY)), at=NOW)
