"""What is counted of cases, and that what must never be raises an alarm."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.handoff import Part
from copilot.measures import STALLED_TURNS, Corrections, Measures, OneCase, gather, measure, stalled_run
from copilot.measures_picture import measures_alt_text, measures_picture
from copilot.measures_words import exposition, lines, measures_json, span
from policy import case_entries as e
from policy.case_terms import Author, DraftKind, Sentence, Statement, StatementKind
from policy.latching import Latch, LatchState
from tests.copilot.case_stories import INTAKE, LEAD, MEMBER, MODEL, SECURITY, Record, scenario_b

PERIOD = "the 30 days to 20 November 2026"
SAID = Sentence("Hello, thank you.", (), MODEL)
UPDATE = DraftKind.CUSTOMER_UPDATE


def one(record: Record) -> OneCase:
    return measure("c1", record.story)


def all_of(*records: Record) -> Measures:
    return gather(map(one, records))


def updated_after(minutes: float) -> Record:
    case = Record().draft("D1", UPDATE, SAID)
    so_far = (case.now - INTAKE).total_seconds() / 60
    return case.release("r1", "D1", "customer", MEMBER, minutes=minutes - so_far)


def test_scenario_b_is_counted() -> None:
    found = all_of(scenario_b())

    assert found.alarms == ()
    assert (found.cases, found.open_cases, found.traced, found.untraced, found.courtesies) == (1, 0, 5, (), 1)
    assert found.median_seconds == found.p90_seconds == 59 * 60
    assert (found.customer_drafts.drafts, found.customer_drafts.corrected) == (1, 1)
    assert dict(found.customer_drafts.by_cause) == {"overstated_certainty": 1}
    assert found.all_drafts.share == 0.5
    assert (found.handoffs, found.complete_handoffs, found.owed_handoffs) == (1, 1, 0)
    assert (found.turns, found.idle_turns, found.longest_stall, found.stalled_cases) == (3, 2, 2, 0)


def test_the_time_to_the_first_update_is_from_the_tickets_arrival_to_the_first_that_was_approved() -> None:
    case = updated_after(30).release("r2", "D1", "customer", MEMBER, minutes=500)
    unapproved = Record().draft("D1", UPDATE, SAID).release("r1", "D1", "customer")
    internal = Record().draft("D1", UPDATE, SAID).release("r1", "D1", "security", SECURITY)

    assert one(case).seconds_to_update == 30 * 60
    assert one(unapproved).seconds_to_update is None and one(internal).seconds_to_update is None


def test_the_median_and_the_ninetieth_percentile_are_of_the_cases_that_have_an_update() -> None:
    found = all_of(*(updated_after(minutes) for minutes in range(20, 30)), Record())

    assert found.updated_cases == 10
    assert found.median_seconds == 24.5 * 60
    assert found.p90_seconds == 28 * 60


@pytest.mark.parametrize("cause", e.CORRECTION_CAUSES)
def test_only_a_major_cause_makes_a_correction_major(cause: str) -> None:
    case = Record().draft("D1", UPDATE, SAID)
    case.draft("D1", UPDATE, replace(SAID, text="Hello."), by=Author(LEAD), cause=cause)

    found = all_of(case).customer_drafts

    assert found.corrected == (cause in e.MAJOR_CAUSES)
    assert dict(found.by_cause) == ({cause: 1} if cause in e.MAJOR_CAUSES else {})


def test_a_draft_counts_once_however_often_it_was_corrected_and_under_each_of_its_causes() -> None:
    case = Record().draft("D1", UPDATE, SAID)
    for cause in ("overstated_certainty", "missed_boundary", "overstated_certainty"):
        case.draft("D1", UPDATE, SAID, by=Author(LEAD), cause=cause)

    found = all_of(case).customer_drafts

    assert (found.drafts, found.corrected, found.share) == (1, 1, 1.0)
    assert dict(found.by_cause) == {"missed_boundary": 1, "overstated_certainty": 1}


def test_what_a_person_wrote_first_is_no_draft_of_the_copilot() -> None:
    case = Record().draft("D1", UPDATE, SAID, by=Author(LEAD))
    case.draft("D1", UPDATE, SAID, by=Author(LEAD), cause="wrong_fact")

    assert all_of(case).all_drafts == Corrections()


def test_a_sentence_without_a_trace_is_an_alarm_and_says_where() -> None:
    case = Record().draft("D1", UPDATE, SAID, Sentence("Nothing was exposed.", (), MODEL))
    case.release("r1", "D1", "customer", MEMBER)

    found = all_of(case)

    assert found.untraced == ("case c1, entry 3, sentence 2: it cites no statement",)
    assert found.alarms == ("1 sent sentence has no full trace",)
    assert lines(found)[0] == "ALARM: 1 sent sentence has no full trace"
    assert "countersign_case_sent_sentences_untraced 1\n" in exposition(found)


def test_what_was_sent_of_a_revision_that_is_not_there_is_an_alarm() -> None:
    case = Record().add(e.Released("r1", "D9", 1, "customer", "ab", (LEAD,)))

    assert all_of(case).untraced == ("case c1, entry 2: the record has no such revision",)


def test_a_record_that_does_not_hold_is_an_alarm_and_counted_as_nothing_else() -> None:
    found = gather([one(scenario_b())], ["c2"])

    assert found.cases == 1 and found.alarms == ("1 record does not hold",)


def test_a_handoff_is_measured_as_the_case_was_when_it_went_out() -> None:
    case = Record().draft("D2", DraftKind.ENGINEERING_HANDOFF, SAID)
    case.release("r1", "D2", "engineering", MEMBER)
    case.propose(Statement("S1", StatementKind.FACT, "Later.", (), MODEL))

    (handoff,) = one(case).handoffs

    assert set(handoff.missing) == set(Part)
    assert all_of(case).missing_parts["dissent"] == 1 and all_of(case).complete_handoffs == 0


def test_a_set_latch_owes_security_a_packet_until_one_goes_out() -> None:
    case = Record().add(e.LatchMoved(Latch(LatchState.SET)))
    assert one(case).owes_handoff
    case.draft("D2", DraftKind.SECURITY_HANDOFF, SAID).release("r1", "D2", "security", SECURITY)
    assert not one(case).owes_handoff
    case.add(e.LatchMoved(Latch(LatchState.SET)))  # A further reason while it is set: the packet was sent.
    assert not one(case).owes_handoff
    case.add(e.LatchMoved(Latch(LatchState.RELEASED))).add(e.LatchMoved(Latch(LatchState.SET)))
    assert one(case).owes_handoff


def test_turns_that_improved_nothing_in_a_row_are_a_stall() -> None:
    case = Record().turn("a", "b").turn("a", "b", improved=False)
    for _ in range(STALLED_TURNS - 1):
        assert all_of(case).stalled_cases == 0
        case.turn("a", "b", improved=False)

    assert stalled_run(case.story) == STALLED_TURNS == all_of(case).longest_stall
    assert all_of(case).stalled_cases == 1
    assert stalled_run(case.turn("a", "b").story) == 0
    assert all_of(case).longest_stall == STALLED_TURNS


@given(st.lists(st.integers(0, 3), max_size=6), st.lists(st.booleans(), max_size=12))
def test_law_measures_of_many_are_the_sums_of_each(updates: list[int], turns: list[bool]) -> None:
    records = [updated_after(20 + minutes) for minutes in updates]
    case = Record()
    for improved in turns:
        case.turn("a", "b", improved=improved)
    records.append(case)
    each = [one(record) for record in records]

    found = gather(each)

    assert found == gather(reversed(each))
    assert found.turns == len(turns) and found.idle_turns == turns.count(False)
    assert found.longest_stall <= found.idle_turns
    if updates:
        assert found.median_seconds is not None and found.p90_seconds is not None
        assert 20 * 60 <= found.median_seconds <= found.p90_seconds <= 23 * 60


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "none yet"), (0, "0 min"), (3540, "59 min"), (3600, "1 h"), (13400, "3 h 43 min"), (190000, "2 d 4 h"),
     (3599, "1 h"), (172800, "2 d")],
)  # fmt: skip
def test_a_span_is_said_in_two_units_at_most(seconds: float | None, words: str) -> None:
    assert span(seconds) == words


def test_prometheus_gets_one_type_a_name_and_numbers_only() -> None:
    told = exposition(all_of(scenario_b())).splitlines()
    samples = [line for line in told if not line.startswith("#")]
    names = [line.split()[2] for line in told if line.startswith("# TYPE")]

    assert len(names) == len(set(names)) == 13
    assert {line.split("{")[0].split()[0] for line in samples} <= set(names)
    assert all(float(line.rsplit(" ", 1)[1]) >= 0 for line in samples)
    assert "first_update_seconds{" not in exposition(gather([]))


def test_the_json_has_every_measure() -> None:
    found = json.loads(json.dumps(measures_json(all_of(scenario_b()))))

    assert found["sentSentences"] == {"withTrace": 5, "withoutTrace": 0, "courtesies": 1, "where": []}
    assert found["customerDrafts"]["byCause"] == {"overstated_certainty": 1}


MANY = replace(
    all_of(scenario_b()), cases=37, untraced=("a", "b"), broken=("c",), median_seconds=13400, p90_seconds=190000,
    missing_parts=MappingProxyType({part.value: 3 for part in Part}), longest_stall=5, stalled_cases=2,
)  # fmt: skip


@pytest.mark.parametrize("measures", [gather([]), all_of(scenario_b()), MANY], ids=["none", "one", "many"])
def test_the_picture_is_a_png_of_one_size_on_its_own_paper(measures: Measures) -> None:
    drawn = measures_picture(measures, PERIOD)

    assert drawn.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", drawn[16:24]) == (1800, 1012)
    assert len(drawn) < 1_000_000


def test_the_same_measures_give_the_same_picture_and_others_another() -> None:
    assert measures_picture(MANY, PERIOD) == measures_picture(MANY, PERIOD)
    assert measures_picture(MANY, PERIOD) != measures_picture(replace(MANY, untraced=()), PERIOD)


def test_the_picture_in_words_says_what_it_shows_and_an_alarm_first() -> None:
    words = measures_alt_text(MANY, PERIOD)

    assert words.startswith(f"How cases went, {PERIOD}. ALARM: 2 sent sentences have no full trace.")
    assert "median 3 h 43 min" in words and "5 with a full trace, 2 without" in words
    assert len(words) <= 1000
    longest = measures_alt_text(replace(MANY, traced=10**400), PERIOD)
    assert len(longest) <= 1000 and longest.endswith(".") and "ALARM: 1 record does not hold." in longest


def test_nothing_draws_until_a_picture_is_drawn() -> None:
    """A bot that posts one picture a week does not load what draws it at its start."""
    script = "import bot.cli, copilot.measures_picture, sys; sys.exit('matplotlib' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_ticket_that_came_in_after_its_case_was_opened_is_no_time_below_zero() -> None:
    case = Record(intake_at=INTAKE)
    opened = case.entries[0].body
    assert isinstance(opened, e.Opened)
    case.entries[0] = replace(case.entries[0], body=replace(opened, intake_at=INTAKE + timedelta(days=1)))
    case.draft("D1", UPDATE, SAID).release("r1", "D1", "customer", MEMBER)

    assert one(case).seconds_to_update == 0
