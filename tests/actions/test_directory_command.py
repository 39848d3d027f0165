"""`countersign directory import` warns of workspaces that do not fit, and imports all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from bot.cli import main
from storage.database import Database, libpq_url
from tests.actions.builders import store_ticket
from tests.keys import AUDIT_KEY

PEOPLE = """\
email,name,slack_team,slack_user_id
bob@acme.example,Bob,T0SALES001,U0BOB000001
erin@acme.example,Erin,T0SALES002,U0ERIN00001
"""


@pytest.fixture
def people(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A people file of an Enterprise's two workspaces, for a desk that uses this test's database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("COUNTERSIGN_DATA", str(tmp_path))
    monkeypatch.setenv("COUNTERSIGN_AUDIT_KEY", AUDIT_KEY)
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE)
    return file


async def _a_ticket_of_ours(database_url: str) -> None:
    database = Database(database_url, pool_size=1)
    await store_ticket(database, requester="E0ACME0001/U0ANN00001", requester_is_internal=True)
    await database.close()


@pytest.mark.parametrize(("is_home_known", "lines"), [(False, 1), (True, 2)])
def test_workspaces_that_do_not_fit_are_a_line_for_each_kind_and_no_refusal(
    people: Path, database_url: str, capsys: pytest.CaptureFixture[str], is_home_known: bool, lines: int
) -> None:
    if is_home_known:
        asyncio.run(_a_ticket_of_ours(database_url))

    assert main(["directory", "import", "--people", str(people)]) == 0

    said = capsys.readouterr()
    warnings = [line for line in said.err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == lines
    assert "not the same in all rows: T0SALES001, T0SALES002" in warnings[-1]
    assert ("this desk's people are of E0ACME0001" in said.err) is is_home_known
    assert "people: 2 added, 0 updated" in said.out
    with psycopg.connect(libpq_url(database_url)) as connection:
        assert connection.execute("select count(*) from directory_people").fetchone() == (2,)
