"""The command line: the trail verified, shown and exported, the directory imported, the policy checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from bot.cli import main
from storage.audit import NewEvent as Event
from storage.audit import Step, append, ticket_chain
from storage.database import Database, libpq_url
from storage.schema import Ticket
from tests.keys import AUDIT_KEYS, KEY_SETTINGS

NOW = datetime(2026, 3, 25, 13, 46, 11, tzinfo=UTC)


@pytest.fixture
def here(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The commands work on this test's database; the folder takes its files."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("COUNTERSIGN_DATA", str(tmp_path))
    for name, value in KEY_SETTINGS.items():
        monkeypatch.setenv(name, value)
    return tmp_path


async def _ticket(database_url: str) -> tuple[str, int]:
    database, ticket_id = Database(database_url, audit_keys=AUDIT_KEYS, pool_size=1), uuid4()
    async with database.transaction() as tx:
        ticket = Ticket(id=ticket_id, subject="x", channel_kind="http", intake_source="email", correlation_id="1",
                        requester_label="m", attachment_count=0, revision=0, requester_is_internal=False,
                        created_at=NOW, updated_at=NOW, requester_kind="http", status="open", severity="low",
                        category="other")  # fmt: skip
        tx.add(ticket)
        await tx.flush()
        events = [Event(Step.INTAKE_RECEIVED, "bot", {"text": "\x1b[31mred\u202e"}), Event(Step.VOTE_CAST, "bot", {})]
        await append(tx, ticket_chain(ticket_id), events, at=NOW)
        number = ticket.number
    await database.close()
    return str(ticket_id), number


@pytest.fixture
def ticket(database_url: str, here: Path) -> tuple[str, int]:
    """A ticket with two steps on its trail: its id and number."""
    import asyncio

    return asyncio.run(_ticket(database_url))


Capture = pytest.CaptureFixture[str]


def test_a_trail_that_holds_is_said_to_hold(ticket: tuple[str, int], capsys: Capture) -> None:
    assert main(["audit", "verify"]) == 0
    assert "2 events in 1 chain" in capsys.readouterr().out


def test_a_row_that_was_tampered_with_is_named(ticket: tuple[str, int], database_url: str, capsys: Capture) -> None:
    with psycopg.connect(libpq_url(database_url), autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("update audit_events set actor = 'T0ACME00001/U0SANA00001' where seq = 2")

    assert main(["audit", "verify"]) == 1

    said = capsys.readouterr().err
    assert f"row 2 of chain ticket:{ticket[0]}" in said and "changed" in said


def test_a_trail_is_shown_by_number_or_id_without_moving_the_cursor(ticket: tuple[str, int], capsys: Capture) -> None:
    for name in (str(ticket[1]), f"#{ticket[1]}", ticket[0]):
        assert main(["audit", "show", name]) == 0

        shown = capsys.readouterr().out
        assert "intake_received" in shown and "vote_cast" in shown
        assert "\x1b" not in shown and "\u202e" not in shown


@pytest.mark.parametrize("name", ["99", "#", "²", "9" * 30, "mallory", "00000000-0000-4000-8000-000000000000", "\x00"])
def test_a_ticket_that_is_not_there_is_said_so(here: Path, capsys: Capture, name: str) -> None:
    for verb in (["audit", "show", name], ["audit", "export", "--ticket", name]):
        assert main(verb) == 1
        assert "there is no ticket" in capsys.readouterr().err


def test_an_export_can_be_verified_by_others(ticket: tuple[str, int], capsys: Capture) -> None:
    assert main(["audit", "export"]) == 0

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["seq"] for line in lines] == [1, 2]
    assert lines[1]["prevHash"] == lines[0]["hash"]


def test_a_directory_is_imported_and_imported_again(here: Path, capsys: Capture) -> None:
    (here / "people.csv").write_text(
        "email,name,slack_team,slack_user_id\nbob@acme.example,Bob,T0ACME00001,U0BOB000001\n"
    )
    (here / "keys.csv").write_text("key_id,owner_email,label\nak_1,bob@acme.example,CI\n")
    command = ["directory", "import", "--people", str(here / "people.csv"), "--keys", str(here / "keys.csv")]

    assert main(command) == 0
    assert "people: 1 added, 0 updated" in capsys.readouterr().out
    assert main(command) == 0
    assert "keys: 0 added, 1 updated" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (b"key_id,owner_email,label\nak_1,nobody@acme.example,CI\n", "nobody@acme.example"),
        (b"key_id,label\nak_1,CI\n", "owner_email"),
        (b"key_id,owner_email,label\nak 1,bob@acme.example,CI\n", "line 2, column key_id"),
        (b"key_id,owner_email,label\nak_1,not an address,CI\n", "address"),
        (b"\xff\xfe\x00", "keys.csv"),
        (b"", "keys.csv"),
        (b"key_id,owner_email,label\nak_1,bob@acme.example,\x00\n", "keys.csv"),
    ],
)
def test_a_bad_file_changes_nothing_and_says_where_it_is_bad(
    here: Path, database_url: str, capsys: Capture, keys: bytes, says: str
) -> None:
    (here / "people.csv").write_text("email,name,slack_team,slack_user_id\nbob@acme.example,Bob,,\n")
    (here / "keys.csv").write_bytes(keys)

    code = main(["directory", "import", "--people", str(here / "people.csv"), "--keys", str(here / "keys.csv")])

    assert code == 1
    assert says in capsys.readouterr().err
    with psycopg.connect(libpq_url(database_url)) as connection:
        assert connection.execute("select count(*) from directory_people").fetchone() == (0,)


def test_a_file_that_is_not_there_is_named(here: Path, capsys: Capture) -> None:
    assert main(["directory", "import", "--people", str(here / "none.csv")]) == 1
    assert "none.csv" in capsys.readouterr().err
    assert main(["directory", "import"]) == 2


def test_the_policy_that_is_shipped_passes_its_own_cases(capsys: Capture) -> None:
    assert main(["policy", "check"]) == 0


def test_a_policy_that_does_not_load_is_said_so(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "broken.cedar").write_text("permit (principal, action, resource")

    assert main(["policy", "check", str(tmp_path)]) == 1

    captured = capsys.readouterr()
    assert captured.err + captured.out


def test_a_database_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:9/none")

    assert main(["audit", "verify"]) == 1

    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_reader_that_has_seen_enough_ends_the_export_without_a_traceback(
    ticket: tuple[str, int], database_url: str, here: Path
) -> None:
    """`countersign audit export | head -1`, whose pipe is closed before the first line is written."""
    environ = {**os.environ, "DATABASE_URL": database_url, "COUNTERSIGN_DATA": str(here)}
    command = [sys.executable, "-m", "bot.cli", "audit", "export"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
        code = process.wait(timeout=60)

    assert (code, said) == (0, "")


def test_a_trail_without_the_vote_key_is_not_said_to_hold(
    ticket: tuple[str, int], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.delenv("COUNTERSIGN_VOTE_KEY")

    assert main(["audit", "verify"]) == 1

    assert "COUNTERSIGN_VOTE_KEY" in capsys.readouterr().err


def test_a_trail_without_the_audit_key_is_not_said_to_hold(
    ticket: tuple[str, int], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.delenv("COUNTERSIGN_AUDIT_KEY")

    assert main(["audit", "verify"]) == 1

    assert "COUNTERSIGN_AUDIT_KEY" in capsys.readouterr().err


def test_without_the_audit_key_nothing_is_imported(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.delenv("COUNTERSIGN_AUDIT_KEY")
    (here / "people.csv").write_text("email,name,slack_team,slack_user_id\nbob@acme.example,Bob,,\n")

    assert main(["directory", "import", "--people", str(here / "people.csv")]) == 1

    assert "COUNTERSIGN_AUDIT_KEY: is missing" in capsys.readouterr().err


def test_a_trail_is_verified_against_a_second_place(ticket: tuple[str, int], here: Path, capsys: Capture) -> None:
    place = here / "checkpoints.jsonl"

    assert main(["audit", "verify", "--checkpoints", f"file:{place}"]) == 1
    assert "checkpoints.jsonl" in capsys.readouterr().err
    place.write_text("")
    assert main(["audit", "verify", "--checkpoints", f"file:{place}"]) == 1
    assert "it holds none: row 1 of chain ticket:" in capsys.readouterr().err
    assert main(["audit", "verify", "--checkpoints", "elsewhere"]) == 2
    assert main(["audit", "verify", "--key", "abc"]) == 2


def test_threat_19_the_places_of_the_settings_are_checked_without_being_asked_for(
    ticket: tuple[str, int], here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    place = here / "checkpoints.jsonl"
    place.write_text("")
    monkeypatch.setenv("COUNTERSIGN_CHECKPOINTS", f"file:{place}")

    assert main(["audit", "verify"]) == 1
    assert f"file:{place}: it holds none" in capsys.readouterr().err
    monkeypatch.setenv("COUNTERSIGN_CHECKPOINTS", "elsewhere")
    assert main(["audit", "verify"]) == 1
    assert "COUNTERSIGN_CHECKPOINTS" in capsys.readouterr().err


def test_a_public_key_is_printed_and_a_file_that_is_no_receipt_is_refused(here: Path, capsys: Capture) -> None:
    assert main(["audit", "public-key"]) == 0
    key = capsys.readouterr().out.strip()
    (here / "receipt.json").write_text("{}")

    assert main(["audit", "check-receipt", str(here / "receipt.json"), "--key", key]) == 1
    assert "not a receipt" in capsys.readouterr().err
    assert main(["audit", "receipt", "12"]) == 1
    assert "no request '12'" in capsys.readouterr().err
