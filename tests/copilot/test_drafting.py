"""Drafts from statements: what each kind uses, what none uses, and how two revisions differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.draft_differences import Change, differences
from copilot.drafting import compose
from policy.case_fingerprints import repeats
from policy.case_rules import Held
from policy.case_terms import Author, Draft, DraftKind, EvidenceKind, Sentence, Statement, StatementKind, StatementState
from tests.policy.case_builders import NOW, OTHER, evidence, statement

FACT = statement("S1", state=StatementState.ACCEPTED)
STANDING = [
    FACT,
    statement("S2", text="A file was opened.", cites=("E2",)),
    statement("S3", StatementKind.HYPOTHESIS, text="A cached session was used."),
    statement("S4", StatementKind.QUESTION, StatementState.ACCEPTED, text="Was anything opened from the preview?"),
    statement("S5", StatementKind.CONFLICT, text="The ticket and the directory differ.", cites=("E2", "E3")),
    statement(
        "S6",
        StatementKind.NEXT_STEP,
        StatementState.ACCEPTED,
        text="Read the missing hours of the log.",
        owner=OTHER,
        owner_label="Our security team",
        due_at=NOW + timedelta(hours=5),
    ),
]
ITEMS = (evidence("E1"), evidence("E2", query={"other": 1}), evidence("E3", query={"other": 2}))


def texts(kind: DraftKind, *statements: Statement, rejected: frozenset[str] = frozenset()) -> list[str]:
    return [one.text for one in compose("D1", kind, Held(statements, ITEMS, rejected)).sentences]


def test_a_customer_update_separates_confirmed_from_being_checked_from_who_does_what_by_when() -> None:
    assert texts(DraftKind.CUSTOMER_UPDATE, *STANDING) == [
        "Confirmed: A session was opened on 1 March.",
        "Still being checked: Was anything opened from the preview?",
        "Still being checked: two of our sources differ on a point, and it is not settled which holds.",
        "Next: Our security team by 2026-03-02 17:00 UTC: Read the missing hours of the log.",
    ]


def test_an_internal_summary_has_everything_with_how_sure_it_is() -> None:
    assert [one.split(":")[0] for one in texts(DraftKind.INTERNAL_SUMMARY, *STANDING)] == [
        "Confirmed",
        "Proposed, not confirmed",
        "Hypothesis, not confirmed",
        "Conflict, unresolved",
        "Open question",
        "Next",
    ]


@pytest.mark.parametrize("kind", DraftKind)
def test_an_accepted_fact_whose_evidence_is_gone_is_no_longer_called_confirmed(kind: DraftKind) -> None:
    newer = (*ITEMS, evidence("E9", kind=EvidenceKind.NOTHING, minutes=9))
    said = compose("D1", kind, Held((FACT,), newer)).sentences

    assert not [one for one in said if one.text.startswith("Confirmed")]
    assert said[0].text == "Nothing is confirmed yet."


@pytest.mark.parametrize(("kind", "statement_kind"), list(product(DraftKind, StatementKind)))
def test_threat_09_nothing_rejected_is_used_in_any_draft(kind: DraftKind, statement_kind: StatementKind) -> None:
    rejected = replace(
        STANDING[5],
        statement_id="S8",
        kind=statement_kind,
        state=StatementState.REJECTED,
        text="The vault was emptied.",
        evidence=("E3",),
    )
    again = replace(rejected, statement_id="S9", state=StatementState.ACCEPTED, text="the  vault was EMPTIED")

    said = texts(kind, *STANDING, rejected, again)

    assert not any(repeats(one, [rejected.text]) for one in said)
    assert said == texts(kind, *STANDING)


@given(st.sampled_from(DraftKind), st.lists(st.sampled_from(STANDING), unique_by=lambda one: one.statement_id))
def test_every_sentence_cites_one_statement_in_its_revision(kind: DraftKind, statements: list[Statement]) -> None:
    draft = compose("D1", kind, Held(tuple(statements), ITEMS))

    known = {f"{one.statement_id}@{one.revision}" for one in statements}
    for one in draft.sentences:
        assert one.text == "Nothing is confirmed yet." or (len(one.cites) == 1 and one.cites[0] in known)


def test_no_hypothesis_and_nothing_that_nobody_accepted_goes_to_a_customer() -> None:
    proposed = [replace(one, state=StatementState.PROPOSED) for one in STANDING if one.kind != StatementKind.CONFLICT]

    assert texts(DraftKind.CUSTOMER_UPDATE, *proposed) == ["Nothing is confirmed yet."]


def draft(*sentences: str) -> Draft:
    return Draft("D", DraftKind.CUSTOMER_UPDATE, 1, tuple(Sentence(one, ("S1",), Author()) for one in sentences))


def test_a_difference_says_which_sentences_came_went_and_changed_and_marks_the_words() -> None:
    before = draft("We saw one session.", "It was short.", "Thank you for your patience.")
    after = draft("We saw two long sessions.", "Thank you for your patience.", "We write again on Monday.")

    assert [one.as_text for one in differences(before, after)] == [
        "~ We saw [-one session.-] {+two long sessions.+}",
        "- It was short.",
        "  Thank you for your patience.",
        "+ We write again on Monday.",
    ]


def test_the_same_words_that_cite_something_else_are_a_change() -> None:
    before = draft("We saw one session.")
    after = replace(before, sentences=(replace(before.sentences[0], cites=("S2@2",)),))
    (found,) = differences(before, after)

    assert found.change is Change.CHANGED
    assert found.as_text == "~ We saw one session. (cited S1; now S2@2)"


SOME = st.lists(st.text("ab ", min_size=1, max_size=8), max_size=6).map(lambda lines: draft(*lines))


@given(SOME, SOME)
def test_a_difference_loses_no_sentence_of_either_revision(before: Draft, after: Draft) -> None:
    found = differences(before, after)

    assert sorted(one.before.text for one in found if one.before) == sorted(one.text for one in before.sentences)
    assert [one.after.text for one in found if one.after] == [one.text for one in after.sentences]
    for one in found:
        if one.change is Change.CHANGED and one.after:
            kept = " ".join(words.text for words in one.words if words.change is not Change.REMOVED)
            assert kept.split() == one.after.text.split()
