"""How long an override holds: for what its lead saw, and no longer than what it was given over stays as it was."""

from __future__ import annotations

from hypothesis import event, given, settings
from hypothesis import strategies as st

from copilot.case_trace import everything_sent
from copilot.lint_terms import Code
from handlers.flows.case_linting import lint_revision
from policy import case_entries as e
from policy.case_entries import MarksSuggested, SuggestedMark
from policy.case_moves import StatementEvent
from policy.case_terms import Author, DraftKind, Sentence, Statement, StatementKind
from tests.copilot.case_stories import LEAD, MEMBER, MODEL, Record, look

UPDATE = DraftKind.CUSTOMER_UPDATE
SAID = "A preview was recorded, and this will never happen again."
WHY = "The store was closed for good."


def with_update() -> Record:
    """A case with one accepted fact, and an update that promises too much of it."""
    case = Record()
    case.add(e.Retrieved(look(case.now)))
    case.propose(Statement("S1", StatementKind.FACT, "A preview was recorded.", ("E3",), MODEL))
    case.move("S1", StatementEvent.ACCEPTED)
    return case.draft("D1", UPDATE, Sentence(SAID, ("S1@1",), MODEL))


def overridden(case: Record, code: str, sentence: str = SAID) -> Record:
    return case.add(e.Overridden("D1", 1, code, sentence, WHY))


def suggested(case: Record, code: str, quote: str) -> Record:
    marks = (SuggestedMark(code, 0, quote, "Nothing says that."),)
    return case.add(MarksSuggested("D1", 1, MODEL, marks))


def conflict(case: Record, name: str) -> Record:
    return case.propose(Statement(name, StatementKind.CONFLICT, f"{name}: two sources differ.", ("E2", "E3"), MODEL))


def blocks(case: Record) -> set[Code]:
    revision = case.story.revision("D1", 1)
    assert revision is not None
    return {one.code for one in lint_revision(case.story, revision).blocks}


def test_an_override_holds_for_what_was_seen() -> None:
    assert Code.PROMISE in blocks(with_update())
    assert Code.PROMISE not in blocks(overridden(with_update(), "promise"))


def test_threat_09_an_override_does_not_reach_what_a_model_marks_later() -> None:
    case = overridden(with_update(), "promise")

    assert Code.PROMISE in blocks(suggested(case, "promise", "A preview was recorded"))
    # What the rules marked in the same words was seen, and is not asked about twice; beyond them it is something else.
    assert Code.PROMISE not in blocks(suggested(overridden(with_update(), "promise"), "promise", "will never"))
    assert Code.PROMISE in blocks(suggested(overridden(with_update(), "promise"), "promise", SAID))
    assert Code.PROMISE not in blocks(overridden(case, "promise"))


def test_threat_09_an_override_ends_where_what_its_sentence_rests_on_changes() -> None:
    case = overridden(with_update(), "promise")
    case.move("S1", StatementEvent.REOPENED, reason="the log was corrected")

    assert Code.PROMISE in blocks(case)
    assert Code.PROMISE not in blocks(overridden(case, "promise"))


def test_an_accepted_statement_ends_no_override() -> None:
    case = overridden(with_update(), "promise")
    case.propose(Statement("S2", StatementKind.FACT, "Another preview was recorded.", ("E3",), MODEL))

    assert Code.PROMISE not in blocks(case.move("S2", StatementEvent.ACCEPTED))


def test_threat_09_an_override_over_one_conflict_does_not_reach_the_next() -> None:
    case = overridden(conflict(with_update(), "C1"), "open_conflict", "")
    assert Code.OPEN_CONFLICT not in blocks(case)

    assert Code.OPEN_CONFLICT in blocks(conflict(case, "C2"))


def test_an_override_over_conflicts_holds_while_they_are_settled() -> None:
    case = overridden(conflict(conflict(with_update(), "C1"), "C2"), "open_conflict", "")

    case.move("C2", StatementEvent.RESOLVED, reason="read again", resolution="The log is right.")

    assert Code.OPEN_CONFLICT not in blocks(case)


KINDS = st.sampled_from(StatementKind)
STATEMENTS = st.tuples(KINDS, st.sampled_from([(), ("E3",), ("E3", "E9")]), st.sampled_from([MODEL, Author(LEAD)]))
MOVES = st.sampled_from([StatementEvent.ACCEPTED, StatementEvent.REJECTED, StatementEvent.EDITED])
CITES = st.lists(st.sampled_from(["S1", "S1@1", "S2", "S2@1", "S2@2", "S9"]), max_size=2, unique=True)
WORDS = st.sampled_from(
    ["Hello, thank you for waiting.", "We take this seriously; no file was opened.", SAID, "S1: words."]
)


@settings(deadline=None, max_examples=300)
@given(
    st.tuples(STATEMENTS, STATEMENTS),
    st.lists(st.tuples(st.sampled_from(["S1", "S2"]), MOVES), max_size=3),
    st.lists(st.tuples(WORDS, CITES), min_size=1, max_size=2),
    st.sampled_from(DraftKind),
)
def test_threat_09_whatever_is_overridden_what_may_go_out_has_a_full_trace(
    stated: tuple[tuple[StatementKind, tuple[str, ...], Author], ...],
    moves: list[tuple[str, StatementEvent]],
    said: list[tuple[str, list[str]]],
    kind: DraftKind,
) -> None:
    """Every mark that can be lifted is lifted: a draft that nothing blocks then would be sent, and each of its
    sentences rests on something."""
    case = Record()
    case.add(e.Retrieved(look(case.now)))
    for number, (statement_kind, evidence, author) in enumerate(stated, start=1):
        case.propose(Statement(f"S{number}", statement_kind, f"S{number}: words.", evidence, author))
    for name, move in moves:
        case.move(name, move, reason="so")
    case.draft("D1", kind, *(Sentence(text, tuple(cites), MODEL) for text, cites in said))
    for text in ("", *(text for text, _ in said)):
        for code in Code:
            overridden(case, code.value, text)
    is_kept_back = bool(blocks(case))
    sent = everything_sent(case.release("r1", "D1", "customer", MEMBER).story)

    assert is_kept_back or all(one.is_traced for one in sent)
    event("kept back" if is_kept_back else "sent")
