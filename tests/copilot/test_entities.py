"""What a ticket names is found as it is written, with its words around it; what only looks like it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.entities import find_emails, find_key_ids, find_user_references


def found(mentions: tuple) -> list[str]:  # type: ignore[type-arg]  # any of the three finders' answers
    return [mention.value for mention in mentions]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("revoke ak_demo_bob_001 now", ["ak_demo_bob_001"]),
        ("(ak_ca0ccb4f), key-7f31c and kid_44ab.", ["ak_ca0ccb4f", "key-7f31c", "kid_44ab"]),
        ("API key id: prod-2024-eu", ["prod-2024-eu"]),
        ('the key id is "A1B2C3D4"', ["A1B2C3D4"]),
        ("der API-Schlüssel live_77", ["live_77"]),
        ("ak_one_1 and again ak_one_1", ["ak_one_1"]),
        ("`ak_tick_1`, *ak_bold_2*", ["ak_tick_1", "ak_bold_2"]),
        ("our key-value store and API key management, the api_key field, a key-card", []),
        ("\u0430k_demo_bob_001 with a Cyrillic first letter", []),
        ("see https://x.example/ak_in_a_link_1", []),
        ("sk-ant-REDACTED is a secret, not an id", []),
    ],
)
def test_key_ids_are_found_and_words_are_not(text: str, ids: list[str]) -> None:
    assert found(find_key_ids(text)) == ids


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("bob@acme.example's account", ["bob@acme.example"]),
        ("<mailto:bob@acme.example|bob@acme.example>", ["bob@acme.example"]),
        ("Bob@Acme.example or bob@acme.example.", ["Bob@Acme.example"]),
        ("a.b+c@mail.acme.example, x@y", ["a.b+c@mail.acme.example"]),
        ("b\u043eb@acme.example with a Cyrillic o", []),
        ("bob@acme.example@evil.example", []),
    ],
)
def test_addresses_are_found_once_and_only_whole(text: str, addresses: list[str]) -> None:
    assert found(find_emails(text)) == addresses


def test_people_are_found_by_mention_handle_and_word() -> None:
    text = "Ask <@U0BOB1> or @carla; user dave is locked out and erin's account too. The user has no rights."

    assert found(find_user_references(text)) == ["U0BOB1", "carla", "dave", "erin"]


def test_the_quote_is_the_clause_around_the_mention() -> None:
    (mention,) = find_key_ids("Hello. Please revoke ak_demo_1 today, thanks. Bye.")

    assert mention.quote == "Please revoke ak_demo_1 today"


@given(st.text(max_size=500))
def test_any_mention_stands_where_it_says(text: str) -> None:
    for mention in (*find_key_ids(text), *find_emails(text)):
        assert text[mention.start : mention.end] == mention.value
        assert len(mention.quote) <= 300
