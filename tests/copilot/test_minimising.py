"""What stays here when a text goes to a model, and that what comes back is what was there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.minimising import KINDS, for_people, holds_pseudonym, minimise, restore
from copilot.secret_formats import find_secrets
from tests.copilot import labelled

PSEUDONYM = re.compile(rf"\[(?:{'|'.join(KINDS)})_[0-9]+\]")
SECRET = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
SAMPLES = (
    SECRET, "password: hunter2!x", "hunter2!x", "bob@acme.example", "Bob@ACME.example", "+44 7700 900123",
    "call 0770 090 0123", "4111 1111 1111 1111", "card 676222165679", "DE89 3704 0044 0532 0130 00", "078-05-1120",
    "passport no C01X00T47", "API key prod_2024", "ak_demo_bob_001", "https://bob:s3cret9@acme.example/x",
    "invoice 2026-00418", "report-q3.pdf", "curl -u 'bob:[EMAIL_1]x1'", "password is [SECRET_1]9x", "[EMAIL_1]",
    "[SECRET_1]", "email_1", "[KEY_12]", "[[TEXT_1]]", "[", "_1]", "EMAIL", "1", "\n\n", " ", "\u00e9", "\u212aEY_1",
    "[EMAIL_\u0661]",
)  # fmt: skip

texts = st.one_of(
    st.text(max_size=300),
    st.lists(st.one_of(st.sampled_from(SAMPLES), st.text(max_size=8)), max_size=12).map(" ".join),
    st.lists(st.sampled_from(SAMPLES), max_size=8).map("".join),
)


@given(st.lists(texts, min_size=1, max_size=4))
def test_what_is_minimised_and_restored_is_what_it_was(messages: list[str]) -> None:
    minimised = minimise(*messages)

    assert [restore(text, minimised.table) for text in minimised.texts] == messages


@given(st.lists(texts, min_size=1, max_size=4))
def test_every_pseudonym_in_a_minimised_text_is_one_of_ours(messages: list[str]) -> None:
    minimised = minimise(*messages)

    written = {mark for text in minimised.texts for mark in PSEUDONYM.findall(text)}
    assert written == set(minimised.table)


@given(st.lists(texts, min_size=1, max_size=4))
def test_nothing_minimised_is_left_in_any_of_the_texts(messages: list[str]) -> None:
    minimised = minimise(*messages)

    rest = [piece for text in minimised.texts for piece in PSEUDONYM.split(text)]
    for value in minimised.table.values():
        alone = (
            (r"(?<!\w)" if value[0].isalnum() else "") + re.escape(value) + (r"(?!\w)" if value[-1].isalnum() else "")
        )
        assert not any(re.search(alone, piece) for piece in rest), value


@given(st.lists(texts, min_size=1, max_size=3), texts)
def test_a_value_keeps_its_pseudonym_through_a_conversation(messages: list[str], later: str) -> None:
    first = minimise(*messages)

    second = minimise(*messages, later, table=first.table)

    assert first.table.items() <= second.table.items()
    assert len(set(second.table.values())) == len(second.table)
    assert [restore(text, second.table) for text in second.texts] == [*messages, later]


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 30)), max_size=20), texts)
def test_a_text_full_of_pseudonyms_of_the_requesters_own_restores_to_itself(
    made_up: list[tuple[str, int]], around: str
) -> None:
    text = around.join(f"[{kind}_{number}]" for kind, number in made_up)

    minimised = minimise("bob@acme.example", text)

    assert restore(minimised.texts[1], minimised.table) == text


def test_a_pseudonym_that_a_requester_types_never_stands_for_a_value_of_ours() -> None:
    minimised = minimise("Suspend [EMAIL_1], or Email_1, at once.", "My address is bob@acme.example.")

    assert minimised.texts == ("Suspend [TEXT_1], or [TEXT_2], at once.", "My address is [EMAIL_1].")
    assert minimised.table["[TEXT_1]"] == "[EMAIL_1]"


def test_a_value_found_once_is_replaced_wherever_else_it_stands() -> None:
    minimised = minimise("the password is hunter2!x", "again: hunter2!x and (hunter2!x)", "unhunter2!x")

    assert minimised.texts == ("the password is [SECRET_1]", "again: [SECRET_1] and ([SECRET_1])", "unhunter2!x")


def test_what_goes_over_two_messages_is_replaced_in_both() -> None:
    minimised = minimise("my password is:", "hunter2!x")

    assert minimised.texts == ("my password is:", "[SECRET_1]")


def test_a_restored_value_is_not_restored_again() -> None:
    assert restore("[TEXT_1]", {"[TEXT_1]": "[EMAIL_1]", "[EMAIL_1]": "bob@acme.example"}) == "[EMAIL_1]"


def test_an_unknown_pseudonym_stays_as_it_is() -> None:
    assert restore("ask [EMAIL_7]", {"[EMAIL_1]": "bob@acme.example"}) == "ask [EMAIL_7]"
    assert holds_pseudonym("ask [EMAIL_7]") and not holds_pseudonym("ask [bob]")


def test_people_get_everything_back_but_secrets() -> None:
    table = minimise(f"bob@acme.example has {SECRET}").table

    assert restore("[EMAIL_1] [SECRET_1]", for_people(table)) == "bob@acme.example ghp_" + "\u2022" * 36


@pytest.mark.parametrize(
    ("text", "minimised"),
    [
        ("revoke API key ak_demo_bob_001 right now", "revoke API key [KEY_1] right now"),
        ("the vpn password for bob has been changed to Winter2024!", "the vpn password for bob has been changed to "),
        ("Passwort lautet Sommer2024!", "Passwort lautet "),
        ("psql postgres://bob:hunter2@db.acme.example/x", "psql postgres://[SECRET_1][EMAIL_1]/x"),
        ("Bearer {'token': 'a1b2c3d4e5f6'}", "Bearer {'token': '[SECRET_1]'}"),
        ("write to bob (at) acme (dot) example", "write to [EMAIL_1]"),
        ("<mailto:bob@acme.example|bob@acme.example>", "<mailto:[EMAIL_1]|[EMAIL_1]>"),
        ("call me on +44 7700 900123, or 0151 2345 6789.", "call me on [PHONE_1], or [PHONE_2]."),
        ("(212) 555-0123 is my desk", "[PHONE_1] is my desk"),
        ("my card 4111 1111 1111 1111 was charged", "my card [CARD_1] was charged"),
        ("DE89 3704 0044 0532 0130 00 please", "[IBAN_1] please"),
        ("Invoice INV-2026-00418 was charged twice", "Invoice [INVOICE_1] was charged twice"),
        ("Rechnung Nr. 2026/0815 fehlt", "Rechnung Nr. [INVOICE_1] fehlt"),
        ("my passport number is C01X00T47", "my passport number is [ID_1]"),
        ("SSN 123-45-6789", "SSN [ID_1]"),
        ("see salaries-2026.xlsx and 'Q3 report.pdf'", "see [FILE_1] and '[FILE_2]'"),
    ],
)
def test_each_kind_is_found_in_plain_words(text: str, minimised: str) -> None:
    assert minimise(text).texts[0].startswith(minimised)
    assert minimise(text).texts[0] != text


@pytest.mark.parametrize(
    "text",
    [
        "my password is expired, please reset it",
        "the password expires in 30 days",
        "reset my password outlook2016",
        "The VPN drops every 20 minutes, build 22631.3007, since the update on 2026-10-12.",
        "The commit 4be9c1d0a7f3b2e6c5d8f90a1b2c3d4e5f607182 broke the build on main.",
        "UUID of the failing device: 123e4567-e89b-42d3-a456-426614174000",
        "Meeting moved to 14:30, room B-204, dial-in 5512.",
        "Error code 0x80070005 appears when I open Outlook 16.0.17328.20162.",
        "export TOKEN=${CI_TOKEN} and password: ********",
        "the key size is 2048 and keySize = key2048",
        "order number 1690000000001 has not arrived",
    ],
)
def test_a_plain_ticket_is_left_alone(text: str) -> None:
    assert minimise(text).texts == (text,)


def test_the_name_of_an_attached_file_is_replaced_whatever_it_ends_in() -> None:
    minimised = minimise("I attached config-export.acme, the one", attached=["config-export.acme", "the"])

    assert minimised.texts == ("I attached [FILE_1], the one",)


def test_nineteen_of_twenty_labelled_secrets_are_replaced_whole(shared_data: Path) -> None:
    found = Counter(
        value in minimise(row.text).texts[0] for row in labelled.secrets(shared_data) for _, value in row.values
    )

    assert found[False] / found.total() >= 0.95
    assert found.total() > 200


@pytest.mark.parametrize("kind", labelled.PERSONAL)
def test_nineteen_of_twenty_labelled_personal_values_are_replaced_whole(shared_data: Path, kind: str) -> None:
    found = Counter(
        value in minimise(row.text).texts[0]
        for row in labelled.personal(shared_data)
        for type_, value in row.values
        if type_ == kind
    )

    assert found[False] / found.total() >= 0.95
    assert found.total() >= 15


def test_at_most_one_plain_ticket_in_fifty_is_touched(shared_data: Path) -> None:
    tickets = labelled.plain_tickets(shared_data, one_in=16)

    touched = [text for text in tickets if minimise(text).table]

    assert len(touched) <= len(tickets) * 0.02
    assert len(tickets) > 2_500


def test_of_the_false_alarms_of_a_scanner_most_are_none_here(shared_data: Path) -> None:
    texts = labelled.near_misses(shared_data)

    alarms = [text for text in texts if find_secrets(text)]

    # A share of them are keys in their issuers' own form, published somewhere as examples: nothing tells these apart.
    assert len(alarms) <= len(texts) * 0.2
