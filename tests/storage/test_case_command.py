"""`countersign case`: listed, traced from the database, measured; a forged row makes it say that nothing holds."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from bot.cli import main
from policy.case_entries import Entry
from storage.database import Database, libpq_url
from tests.copilot.case_stories import LEAD, Record, scenario_b
from tests.keys import AUDIT_KEYS
from tests.storage.case_rows import write_case
from tests.storage.test_people_command import here

__all__ = ["here"]

CASE = UUID("9f9a3b8e-1111-4222-8333-444455556666")


def stored(url: str, entries: list[Entry]) -> tuple[UUID, int]:
    async def write() -> tuple[UUID, int]:
        database = Database(url, audit_keys=AUDIT_KEYS, pool_size=1)
        try:
            return await write_case(database, entries, CASE)
        finally:
            await database.close()

    return asyncio.run(write())


def forge(url: str, sql: str) -> None:
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")  # as the owner of the tables could
        assert connection.execute(sql).rowcount > 0  # type: ignore[call-overload]  # a literal of the tests


def test_a_case_is_listed_with_its_ticket_state_and_lead(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, number = stored(here, scenario_b().entries)

    assert main(["case", "list"]) == 0

    listed = capsys.readouterr().out
    assert listed.startswith(f"{CASE}  ticket {number}  closed  2026-11-20T08:57:00+00:00  lead {LEAD}")


@pytest.mark.parametrize("form", ["{id}", "{number}", "#{number}", "ticket:{number}"])
def test_a_case_is_traced_by_its_id_or_its_tickets_number(
    here: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, number = stored(here, scenario_b().entries)

    assert main(["case", "trace", form.format(id=CASE, number=number)]) == 0

    said = capsys.readouterr().out
    assert "The record verifies: 37 entries" in said
    assert "5 of 5 sentences that claim something have a full trace" in said


@pytest.mark.parametrize("name", ["999999", "ticket:x", str(UUID(int=1)), "9" * 30])
def test_a_case_that_does_not_exist_is_said_to(here: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["case", "trace", name]) == 1
    assert "there is no case" in capsys.readouterr().err


def test_a_trace_is_written_as_a_page_and_for_a_program(
    here: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(here, scenario_b().entries)
    page, for_programs = tmp_path / "trace.html", tmp_path / "trace.json"

    assert main(["case", "trace", str(CASE), "--html", str(page), "--json", str(for_programs)]) == 0

    assert "The record verifies" in capsys.readouterr().out
    assert "The record verifies." in page.read_text()
    found = json.loads(for_programs.read_text())
    assert found["record"]["holds"] and found["isTraced"] and len(found["entries"]) == found["record"]["entries"] == 37
    assert main(["case", "trace", str(CASE), "--html", str(tmp_path)]) == 1


_OF_CASES = "chain like 'case:%'"
_REPLACE = "update audit_events set payload = replace(payload::text, '{}', '{}')::json where {} and name = '{}'"
_ALL = "chain, {}, at, name, actor, payload, prev_hash, hash, key_id"
FORGED = {
    "a word of what was sent": _REPLACE.format("previewed", "opened", _OF_CASES, "case_drafted"),
    "an approver put in": _REPLACE.format("U0SAMUEL0001", "U0BOSS000001", _OF_CASES, "case_released"),
    "an entry taken out": f"delete from audit_events where {_OF_CASES} and seq = 18",
    "the end cut off": f"delete from audit_events where {_OF_CASES} and seq = 37",
    "an entry put in": f"insert into audit_events ({_ALL.format('seq')}) select {_ALL.format('seq + 1')}"
    f" from audit_events where {_OF_CASES} and seq = 37",
}


@pytest.mark.parametrize("forgery", FORGED.values(), ids=FORGED)
def test_threat_19_a_forged_row_makes_a_trace_say_that_the_record_does_not_hold(
    here: str, tmp_path: Path, forgery: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(here, scenario_b().entries)
    forge(here, forgery)
    page, for_programs = tmp_path / "trace.html", tmp_path / "trace.json"

    assert main(["case", "trace", str(CASE), "--html", str(page), "--json", str(for_programs)]) == 1
    said = capsys.readouterr()
    assert main(["case", "trace", str(CASE)]) == 1

    assert said.out == "" and "THE RECORD DOES NOT HOLD" in said.err
    assert capsys.readouterr().out == ""
    assert "The record does not hold." in page.read_text() and "thank you for telling us" not in page.read_text()
    assert json.loads(for_programs.read_text()).keys() == {"case", "record"}
    assert json.loads(for_programs.read_text())["record"]["holds"] is False


def test_a_trace_without_the_audit_key_does_not_say_that_it_verifies(
    here: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(here, scenario_b().entries)
    monkeypatch.delenv("COUNTERSIGN_AUDIT_KEY")

    assert main(["case", "trace", str(CASE)]) == 1
    assert main(["case", "measures"]) == 1

    said = capsys.readouterr()
    assert said.out == "" and said.err.count("COUNTERSIGN_AUDIT_KEY") == 2


def test_the_measures_are_printed_and_end_well_where_nothing_is_wrong(
    here: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(here, scenario_b().entries)

    assert main(["case", "measures"]) == 0
    assert "sentences sent: 5 with a full trace, 0 without" in capsys.readouterr().out
    assert main(["case", "measures", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sentSentences"]["withoutTrace"] == 0


def test_only_cases_opened_since_are_measured(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    stored(here, Record(intake_at=scenario_b().now - timedelta(days=4000)).entries)

    assert main(["case", "measures", "--since", "30d"]) == 0
    assert "cases: 0" in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        main(["case", "measures", "--since", "soon"])
    assert left.value.code == 2


def test_measures_alarm_about_a_record_that_does_not_hold(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    stored(here, scenario_b().entries)
    forge(here, FORGED["an approver put in"])

    assert main(["case", "measures"]) == 1

    said = capsys.readouterr()
    assert "ALARM: 1 record does not hold" in said.out and f"case {CASE}" in said.err
