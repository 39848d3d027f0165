"""`countersign stops`: set with a reason, listed, lifted, on the trail, and announced where the channel is known."""

from __future__ import annotations

import psycopg
import pytest

from bot.cli import main
from storage.database import libpq_url
from tests.storage.test_people_command import here, on_trail

__all__ = ["here"]

ANN = "T0ACME00001/U0ANN00001"


def announced(url: str) -> list[tuple[str, str, str]]:
    sql = "select kind, channel, args->>'reason' from deliveries order by created_at"
    with psycopg.connect(libpq_url(url)) as connection:
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize("what", ["all", "api_key.revoke", ANN])
def test_a_stop_is_set_once_listed_lifted_and_announced(
    here: str,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COUNTERSIGN_APPROVALS_CHANNEL", "C0APPROVALS")

    assert main(["stops", "set", what, "--reason", "leak"]) == 0
    assert main(["stops", "set", what, "--reason", "again"]) == 1
    assert "stopped already by otto" in capsys.readouterr().err
    assert main(["stops", "list"]) == 0
    listed = capsys.readouterr().out
    assert listed.startswith(what) and "by 'otto'  'leak'" in listed

    assert main(["stops", "lift", what, "--reason", "over"]) == 0
    assert main(["stops", "lift", what, "--reason", "over"]) == 1
    capsys.readouterr()
    assert main(["stops", "list"]) == 0
    assert capsys.readouterr().out == ""
    assert on_trail(here) == [("stop_set", "leak", "otto"), ("stop_lifted", "over", "otto")]
    assert announced(here) == [("stop_change", "C0APPROVALS", "leak"), ("stop_change", "C0APPROVALS", "over")]


def test_without_a_channel_it_is_in_force_and_says_that_nobody_was_told(
    here: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COUNTERSIGN_APPROVALS_CHANNEL", raising=False)

    assert main(["stops", "set", "all", "--reason", "leak"]) == 0

    assert "not announced in Slack" in capsys.readouterr().err
    assert announced(here) == []


@pytest.mark.parametrize(
    "wanted", [["all"], ["all", "--reason", " "], ["no.such", "--reason", "x"], ["/", "--reason", "x"]]
)
def test_a_stop_without_a_reason_or_of_nothing_is_asked_wrongly(here: str, wanted: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["stops", "set", *wanted])
    assert left.value.code == 2
