"""A case's record: every body survives being stored, and entries that make no case are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from policy import case_entries as e
from policy.case_entries import Entry
from policy.case_moves import StatementEvent
from policy.case_story import NotACase, go_on, tell
from policy.case_terms import (
    Author,
    Claim,
    Draft,
    DraftKind,
    Evidence,
    EvidenceKind,
    Sentence,
    Source,
    Statement,
    StatementKind,
    StatementState,
)
from policy.latch import Fired, Rule
from policy.latching import Latch, LatchState, Release
from policy.terms import PersonKey

LEAD, OTHER = PersonKey("T0ACME00001", "U0OLIVIA001"), PersonKey("T0ACME00001", "U0SAM000001")
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
EVIDENCE = Evidence(
    "E1", Source.ACCESS_LOG, EvidenceKind.FOUND, {"account": {"key": "k"}}, NOW, LEAD, "a row", {"at": "x", "n": 1},
    NOW, "log:3", 0.5, "ab",
)  # fmt: skip
STATEMENT = Statement("S1", StatementKind.FACT, "It is so.", ("E1",), Author(LEAD), claim=Claim.EVENT, due_at=NOW)
DRAFT = Draft("D1", DraftKind.CUSTOMER_UPDATE, 1, (Sentence("It is so.", ("S1@1",), Author(model="m")),))
FIRED = Fired(Rule.ATTACHMENT_NOT_ENTITLED, "kim", ("E1",), "There is 1 record.", frozenset({"m"}), frozenset({"kim"}))
LATCH = Latch(LatchState.SET, (FIRED,), (Release(OTHER, NOW, "seen", (FIRED,)),))
OPENED = e.Opened("t", 7, "A case", LEAD, "C0TRIAGE", NOW)
BODIES: tuple[e.Body, ...] = (
    OPENED,
    e.Framed("find out", "what is said"),
    e.LeadChanged(OTHER, "on leave"),
    e.MembersChanged((OTHER,)),
    e.Retrieved((EVIDENCE,)),
    e.StatementStep(STATEMENT, None),
    e.Drafted(DRAFT, Author(LEAD), "too sure", "overstated_certainty"),
    e.Overridden("D1", 1, "promise", "It is so.", "agreed by phone"),
    e.MarksSuggested(
        "D1", 1, Author(model="m", prompt_version="p"), (e.SuggestedMark("promise", 0, "It is", "too sure"),), "failed",
        "the service is overloaded (529)", 2, 3, 4, 0.5, "0.01",
    ),
    e.LatchMoved(LATCH),
    e.Revealed("ab", "attachment_name", "needed"),
    e.Turn(
        "look", LEAD, "done", Author(model="m", prompt_version="p"), (e.ToolCall("logs", {"a": 1}, "x"),), "done", 3, 4,
        0.5, "0.01", False,
    ),
    e.StatedEmptyPart("dissent", "nobody objected"),
    e.ReleaseAsked("r", "D1", 1),
    e.Released("r", "D1", 1, "customer", "ab", (LEAD, OTHER)),
    e.HeldBack("r", "the customer wrote"),
    e.CustomerWrote("m"),
    e.Escalated("three turns improved nothing"),
    e.Closed("settled"),
)  # fmt: skip


def record(*bodies: e.Body) -> list[Entry]:
    return [Entry(seq, NOW + timedelta(seconds=seq), str(LEAD), body) for seq, body in enumerate(bodies, 1)]


@pytest.mark.parametrize("body", BODIES, ids=lambda one: type(one).__name__)
def test_a_body_is_read_as_it_was_written(body: e.Body) -> None:
    assert e.decode(e.name_of(body), json.loads(json.dumps(e.encode(body)))) == body


def test_every_body_has_a_name_and_a_sample_here() -> None:
    assert set(get_args(e.Body)) == set(e.NAMES.values()) == {type(one) for one in BODIES}


def test_a_payload_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="no entry of a case is called 'vote_cast'"):
        e.decode("vote_cast", {})
    with pytest.raises(ValueError, match="goal"):
        e.decode("case_framed", {"stays_human": "x"})


def test_a_case_holds_what_its_entries_say() -> None:
    story = tell(record(*BODIES))

    assert (story.lead, story.members, story.is_open, story.length) == (OTHER, (OTHER,), False, len(BODIES))
    assert story.held.evidence == (EVIDENCE,)
    assert story.held.statements == (STATEMENT,)
    newest = story.newest("D1")
    assert newest is not None and newest.draft == DRAFT and newest.framing == 1
    assert [body.marks[0].quote for _, body in story.suggestions] == ["It is"]
    assert story.latch == LATCH
    assert story.revealed == {"ab"}
    assert (story.evidence_seq, story.customer_seq) == (5, 17)
    assert [body.request_id for _, body in story.releases] == ["r"]


def test_only_a_redirection_is_another_framing() -> None:
    first = e.Framed("find out", "")

    assert tell(record(OPENED, first, replace(first, goal="find out more"))).framings == 1
    assert tell(record(OPENED, first, e.Framed("something else", "", is_redirection=True))).framings == 2


def test_what_was_rejected_stays_known_when_its_words_are_gone() -> None:
    rejected = replace(STATEMENT, state=StatementState.REJECTED)

    story = tell(record(OPENED, e.StatementStep(STATEMENT, None), e.StatementStep(rejected, StatementEvent.REJECTED)))

    assert len(story.held.rejected) == 1
    assert story.held.rejected == story.held.rejected_content


class Counted(str):
    """An id that counts how often it is looked at."""

    looked = 0

    def __hash__(self) -> int:
        Counted.looked += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        Counted.looked += 1
        return super().__eq__(other)


def looks_and_moves(size: int) -> list[Entry]:
    """So many looks, with a statement on each, which is then accepted."""
    said = [replace(STATEMENT, statement_id=Counted(f"S{number}")) for number in range(size)]
    found = [replace(EVIDENCE, evidence_id=Counted(f"E{number}")) for number in range(size)]
    moved = [replace(one, state=StatementState.ACCEPTED) for one in said]
    bodies = [
        body
        for one, item in zip(said, found, strict=True)
        for body in (e.Retrieved((item,)), e.StatementStep(one, None))
    ]
    return record(OPENED, *bodies, *(e.StatementStep(one, StatementEvent.ACCEPTED) for one in moved))


def test_a_long_record_is_told_by_touching_each_id_a_few_times() -> None:
    """However many there are: each press on a case tells it whole."""
    for size in (100, 400):
        entries = looks_and_moves(size)
        Counted.looked = 0

        held = tell(entries).held

        assert Counted.looked <= 6 * len(entries)
        assert [one.statement_id for one in held.statements] == [f"S{number}" for number in range(size)]
        assert {one.state for one in held.statements} == {StatementState.ACCEPTED}


def test_a_case_that_goes_on_is_the_one_that_is_told_whole() -> None:
    entries = looks_and_moves(20)
    whole = tell(entries)

    for at in range(1, len(entries) + 1):
        assert go_on(tell(entries[:at]), entries[at:]) == whole
    assert go_on(whole, []).held is whole.held


@pytest.mark.parametrize(
    "bodies",
    [
        (),
        (e.Framed("x", ""),),
        (OPENED, OPENED),
        (OPENED, e.StatementStep(STATEMENT, StatementEvent.ACCEPTED)),
        (OPENED, e.StatementStep(STATEMENT, None), e.StatementStep(STATEMENT, None)),
        (OPENED, e.Drafted(replace(DRAFT, revision=2), Author(LEAD))),
        (OPENED, e.Retrieved((EVIDENCE,)), e.Retrieved((EVIDENCE,))),
    ],
    ids=["nothing", "never opened", "opened twice", "moved unknown", "added twice", "revision left out", "repeated id"],
)
def test_entries_that_do_not_follow_make_no_case(bodies: tuple[e.Body, ...]) -> None:
    with pytest.raises(NotACase):
        tell(record(*bodies))


def test_a_gap_in_the_numbers_makes_no_case() -> None:
    first, second = record(OPENED, e.Framed("x", ""))

    with pytest.raises(NotACase):
        tell([first, replace(second, seq=3)])
