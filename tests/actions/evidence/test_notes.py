"""What a note says of an account, and whether it is about what is asked: read from words, so it is a note's word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.evidence.connector import Account, Attachment
from actions.evidence.notes import name_is_in, relevance, said_of_accounts
from tests.actions.evidence.builders import a_question

NICO = Account("nico@external.example", "con-4821")
LENA = Account("lena@external.example")


@pytest.mark.parametrize(
    "text",
    [
        "Our contractor nico@external.example was deprovisioned at 2026-03-18 14:00 UTC.",
        "FYI: CON-4821 deactivated 2026-03-18T15:00:00+01:00, please check. Thanks",
        "Hello.\nWe disabled Nico@External.Example on 2026-03-18 14:00Z (by hand)!\nBye at 2026-03-18 14:30 UTC.",
        "con-4821 was off-boarded on 2026-03-18 at 14:00 GMT",
    ],
)
def test_a_sentence_with_an_account_an_end_and_one_time_says_since_when(text: str) -> None:
    said = said_of_accounts(text, [NICO, LENA])

    assert said == {
        "account": "con-4821",
        "email": "nico@external.example",
        "status": "deprovisioned",
        "deprovisioned_at": "2026-03-18T14:00:00+00:00",
    }


@pytest.mark.parametrize(
    "text",
    [
        "nico@external.example was not deprovisioned at 2026-03-18 14:00 UTC.",
        "nico@external.example wasn't deactivated at 2026-03-18 14:00 UTC.",
        "nico@external.example was deprovisioned at 2026-03-18 14:00.",
        "nico@external.example was deprovisioned on 2026-03-18.",
        "nico@external.example was deprovisioned at 2026-13-18 14:00 UTC.",
        "nico@external.example was deprovisioned at 2026-03-18 14:00 UTC or 2026-03-18 15:00 UTC.",
        "nico@external.example and lena@external.example were deprovisioned at 2026-03-18 14:00 UTC.",
        "somebody was deprovisioned at 2026-03-18 14:00 UTC. It was nico@external.example.",
        "anico@external.example was deprovisioned at 2026-03-18 14:00 UTC.",
        "nico@external.example.evil.example was deprovisioned at 2026-03-18 14:00 UTC.",
        "nico@external.example signed in at 2026-03-18 14:00 UTC.",
    ],
)
def test_what_is_denied_open_or_about_others_says_nothing(text: str) -> None:
    assert said_of_accounts(text, [NICO, LENA]) == {}


def test_a_question_with_names_alone_is_about_texts_with_these_names() -> None:
    question = a_question(accounts=(NICO,), attachments=(Attachment("att-1", "invoices (2).zip"),))

    texts = ["see invoices (2).zip", "ATT-1 again", "att-12", "con-4821", "sessions"]
    assert [relevance(text, question) for text in texts] == [1.0, 1.0, 0.0, 1.0, 0.0]
    assert relevance("anything", a_question(accounts=())) == 1.0


def test_words_are_compared_without_their_endings() -> None:
    question = a_question(accounts=(), words="previewed attachments of a contractor")

    assert relevance("A preview of the attachment was shown to contractors", question) == 1.0
    assert relevance("The attachment store is down", question) == 0.333
    assert relevance("Nothing of it", question) == 0.0


@given(st.text(), st.text(min_size=1))
def test_any_text_is_read_without_an_error(text: str, name: str) -> None:
    account = Account(email=f"x{name}")

    assert set(said_of_accounts(text, [account])) <= {"account", "email", "status", "deprovisioned_at"}
    assert 0.0 <= relevance(text, a_question(accounts=(account,), words=text)) <= 1.0
    assert name_is_in("con-4821", f"(con-4821) {text}")
