"""`countersign people`: links are made with a reason, listed, taken back, and on the trail."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from bot.cli import main
from storage.database import libpq_url
from tests.keys import AUDIT_KEY

ANN, ANN2 = "T0ACME00001/U0ANN00001", "T0ACME00001/U0ANN20001"


@pytest.fixture
def here(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("COUNTERSIGN_DATA", str(tmp_path))
    monkeypatch.setenv("COUNTERSIGN_AUDIT_KEY", AUDIT_KEY)
    monkeypatch.setenv("LOGNAME", "otto")
    return database_url


def on_trail(url: str) -> list[tuple[str, str, str]]:
    sql = "select name, payload->>'reason', payload->>'by' from audit_events where chain = 'system' order by seq"
    with psycopg.connect(libpq_url(url)) as connection:
        return connection.execute(sql).fetchall()


def test_a_link_is_made_listed_and_taken_back_with_who_when_and_why(
    here: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["people", "link", ANN, ANN2, "--reason", "both hers"]) == 0
    assert "has never asked" in capsys.readouterr().err
    assert main(["people", "link", ANN2, ANN, "--reason", "again"]) == 1
    assert "linked already" in capsys.readouterr().err

    assert main(["people", "list"]) == 0
    listed = capsys.readouterr().out
    assert ANN in listed and ANN2 in listed and "by otto  'both hers'" in listed

    assert main(["people", "unlink", ANN2, ANN, "--reason", "two people after all"]) == 0
    assert main(["people", "unlink", ANN, ANN2, "--reason", "x"]) == 1
    capsys.readouterr()
    assert main(["people", "list"]) == 0
    assert capsys.readouterr().out == ""
    assert on_trail(here) == [
        ("people_linked", "both hers", "otto"),
        ("people_unlinked", "two people after all", "otto"),
    ]


def test_one_account_under_two_workspaces_is_not_linked_to_itself(
    here: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["people", "link", ANN, "T0OTHER0001/U0ANN00001", "--reason", "x"]) == 1
    assert "one account already" in capsys.readouterr().err


@pytest.mark.parametrize("wanted", [[ANN, ANN2], [ANN, ANN2, "--reason", " "], [ANN, "ann", "--reason", "x"]])
def test_a_link_without_a_reason_or_with_something_else_than_keys_is_asked_wrongly(
    here: str, wanted: list[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["people", "link", *wanted])
    assert left.value.code == 2
