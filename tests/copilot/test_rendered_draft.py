"""A draft as text: every sentence is there, in its order, and what is confirmed stands apart from what is not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.catalogue import Catalogue
from copilot.drafting import compose
from copilot.rendered_draft import rendered
from policy.case_terms import Author, Draft, DraftKind, Sentence, StatementKind, StatementState
from tests.policy.case_builders import evidence, held, statement

ACCEPTED = StatementState.ACCEPTED


def draft_of(*texts: str) -> Draft:
    return Draft("D1", DraftKind.CUSTOMER_UPDATE, 1, tuple(Sentence(one, (), Author()) for one in texts))


def test_a_customer_reads_what_is_confirmed_what_is_being_checked_and_who_does_what_next_by_when() -> None:
    due = datetime(2026, 3, 3, 9, tzinfo=UTC)
    case = held(
        (
            statement("S1", text="A session was opened.", state=ACCEPTED),
            statement("S2", StatementKind.NEXT_STEP, ACCEPTED, "We read the log.", owner_label="our lead", due_at=due),
            statement("S3", StatementKind.QUESTION, ACCEPTED, "Who opened it?"),
            statement("S4", StatementKind.CONFLICT, text="Two logs differ.", cites=("E2",)),
            statement("S5", text="It was closed.", state=ACCEPTED),
        ),
        (evidence("E1"), evidence("E2")),
    )

    assert rendered(compose("D1", DraftKind.CUSTOMER_UPDATE, case)).split("\n\n") == [
        "Confirmed: A session was opened.\nConfirmed: It was closed.",
        "Still being checked: Who opened it?\n"
        "Still being checked: two of our sources differ on a point, and it is not settled which holds.",
        "Next: our lead by 2026-03-03 09:00 UTC: We read the log.",
    ]


@pytest.mark.parametrize(
    ("texts", "text"),
    [
        ((), ""),
        (("  ", "\n"), ""),
        (("Thank you.", "We read it."), "Thank you.\nWe read it."),
        (("Hi.", "Confirmed: a.", "CONFIRMED: b.", "Next: c."), "Hi.\n\nConfirmed: a.\nCONFIRMED: b.\n\nNext: c."),
        (("Confirmed: a.", "Next: b.", "Confirmed: c."), "Confirmed: a.\n\nNext: b.\n\nConfirmed: c."),
        (("Confirmed:  a\n b.",), "Confirmed: a b."),
    ],
)  # fmt: skip
def test_a_sentence_is_a_line_and_another_sort_is_another_paragraph(texts: tuple[str, ...], text: str) -> None:
    assert rendered(draft_of(*texts)) == text


@given(st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=40), max_size=8))
def test_nothing_is_left_out_put_differently_or_moved_and_an_action_takes_it_as_it_is(texts: list[str]) -> None:
    text = rendered(draft_of(*texts))

    assert [line for line in text.split("\n") if line] == [" ".join(one.split()) for one in texts if one.split()]
    assert text == rendered(draft_of(*texts))
    of_case = {"caseId": "0d3e5a0a-7c64-4c1c-9d9a-0f1a2b3c4d5e", "draftId": "d", "revision": 1, "basis": "{}"}
    if any(one.isalnum() for one in text):
        assert Catalogue().parse("case.hand_off", of_case | {"text": text})["text"] == text
