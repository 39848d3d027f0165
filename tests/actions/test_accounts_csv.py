"""The file of a provider's accounts: rows with a moment that can be compared, or every problem with its line."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from actions.accounts_csv import AccountEntry, read_accounts
from bot.cli import main
from storage.database import Database, libpq_url
from storage.directory import find_accounts
from tests.keys import AUDIT_KEY

HEADER = "account,email,name,status,deprovisioned_at,entitled\n"
NICO = "con-4821,Nico@External.example,Nico Norrland,deprovisioned,2026-03-18T15:00:00+01:00,none\n"
TRENT = "con-4822,trent@external.example,,Active,,att-1; att-2\n"
ROBOT = "con-4823,,,suspended,,\n"


def test_rows_are_read_with_moments_in_utc_and_what_is_not_said() -> None:
    entries = read_accounts(HEADER + NICO + TRENT + ROBOT).entries

    at = datetime(2026, 3, 18, 14, tzinfo=UTC)
    assert entries == (
        AccountEntry("con-4821", "nico@external.example", "Nico Norrland", "deprovisioned", at, ()),
        AccountEntry("con-4822", "trent@external.example", "", "active", None, ("att-1", "att-2")),
        AccountEntry("con-4823", "", "", "suspended", None, None),
    )


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("a,,,deprovisioned,2026-03-18T15:00:00,", "deprovisioned_at", "with a zone"),
        ("a,,,deprovisioned,2026-03-18,", "deprovisioned_at", "with a zone"),
        ("a,,,deprovisioned,yesterday,", "deprovisioned_at", "with a zone"),
        ("a,,,deprovisioned,0001-01-01T00:00:00+14:00,", "deprovisioned_at", "with a zone"),
        ("a,,,active,2026-03-18T15:00:00Z,", "deprovisioned_at", "although status is active"),
        ("a,,,gone,,", "status", "one of active"),
        ("a,,,,,", "status", "one of active"),
        (",,,active,,", "account", "blank"),
        ("a,nobody,,active,,", "email", "e-mail address"),
        ("a,,Ni\u202eco,active,,", "name", "U+202E"),
        ("a,,,active,,;", "entitled", "ids of attachments"),
        ("a,,,active,,none att-1", "entitled", "ids of attachments"),
        ("CON-4821,,,active,,", "account", "same as in line 2"),
    ],
)
def test_a_wrong_row_is_named_by_line_and_column_and_nothing_is_taken(row: str, column: str, words: str) -> None:
    reading = read_accounts(HEADER + NICO + row + "\n")

    (problem,) = reading.problems
    assert (problem.line, problem.column) == (3, column)
    assert words in problem.message
    assert reading.entries == ()


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("COUNTERSIGN_DATA", str(tmp_path))
    monkeypatch.setenv("COUNTERSIGN_AUDIT_KEY", AUDIT_KEY)
    return libpq_url(database_url)


def load(file: Path, text: str) -> int:
    file.write_text(text)
    return main(["directory", "import", "--accounts", str(file)])


def test_the_command_imports_replaces_and_is_on_the_trail(
    desk: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "accounts.csv"

    assert load(file, HEADER + NICO + TRENT) == 0
    assert "accounts: 2 added, 0 updated" in capsys.readouterr().out
    assert load(file, HEADER + NICO.replace("deprovisioned,2026-03-18T15:00:00+01:00,none", "active,,")) == 0
    assert "accounts: 0 added, 1 updated" in capsys.readouterr().out

    with psycopg.connect(desk) as connection:
        sql = "select account, email, status, deprovisioned_at, entitled from directory_accounts order by account"
        assert connection.execute(sql).fetchall() == [
            ("con-4821", "nico@external.example", "active", None, None),
            ("con-4822", "trent@external.example", "active", None, ["att-1", "att-2"]),
        ]
        sql = "select payload->'accounts' from audit_events where name = 'directory_imported' order by seq"
        payloads = [row[0] for row in connection.execute(sql)]
    assert payloads == [{"added": 2, "updated": 0}, {"added": 0, "updated": 1}]


def test_the_command_takes_nothing_of_a_file_with_a_wrong_row(
    desk: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "accounts.csv"

    assert load(file, HEADER + NICO + "x,,,deprovisioned,2026-03-18T15:00:00,\n") == 1

    said = capsys.readouterr().err
    assert said.startswith(f"{file}: line 3, column deprovisioned_at: ")
    with psycopg.connect(desk) as connection:
        assert connection.execute("select count(*) from directory_accounts").fetchone() == (0,)


def test_an_account_is_found_by_address_or_key_and_by_nothing_empty(desk: str, tmp_path: Path) -> None:
    load(tmp_path / "accounts.csv", HEADER + NICO + TRENT + ROBOT)

    async def find(**names: str) -> list[str]:
        database = Database(desk, pool_size=1)
        async with database.transaction() as tx:
            rows = await find_accounts(tx, **names)
        await database.close()
        return [row.account for row in rows]

    looked = [{"email": " NICO@external.example"}, {"account": "Con-4822"}, {"email": ""}, {"account": "con-482"}]
    looked.append({"email": "nico@external.example", "account": "con-4823"})
    found = [asyncio.run(find(**names)) for names in looked]
    assert found == [["con-4821"], ["con-4822"], [], [], ["con-4821", "con-4823"]]
