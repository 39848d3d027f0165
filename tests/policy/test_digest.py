"""One written form, and a digest that changes with everything that was shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from policy.digest import RequestParts, canonical_json, digest_members, request_digest
from policy.errors import NotCanonical
from policy.terms import PersonKey, RequesterKind

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)

SHOWN: dict[str, Any] = {
    "request_id": "r",
    "action_id": "api_key.revoke",
    "params": {"key_id": "ak_1"},
    "ticket_id": "t",
    "ticket_revision": 3,
    "policy_version": "v",
    "quorum": 1,
    "expires_at": datetime(2026, 1, 1, tzinfo=UTC),
    "card": [{"type": "section"}],
    "provenance": {"key_id": {"provenance": "operator", "evidence": "typed"}},
    "requester_kind": RequesterKind.SLACK_PERSON,
    "requester": PersonKey("T", "U1"),
    "proposer": PersonKey("T", "U2"),
    "subjects": (PersonKey("T", "U3"),),
    "subject_emails": ("bob@home.example",),
    "distinct_groups": (),
    "replaces": None,
    "revision": 1,
    "editors": (),
    "break_glass": None,
}
OTHERWISE: dict[str, Any] = {
    "request_id": "r2",
    "action_id": "user.suspend",
    "params": {"key_id": "ak_2"},
    "ticket_id": "t2",
    "ticket_revision": 4,
    "policy_version": "v2",
    "quorum": 2,
    "expires_at": datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    "card": [{"type": "header"}],
    "provenance": {"key_id": {"provenance": "requester", "evidence": "typed"}},
    "requester_kind": RequesterKind.BOT,
    "requester": None,
    "proposer": None,
    "subjects": (),
    "subject_emails": (),
    "distinct_groups": ("security", "support"),
    "replaces": "r0",
    "revision": 2,
    "editors": (PersonKey("T", "U5"),),
    "break_glass": "it is being used right now",
}


def same_json(one: JsonValue, other: JsonValue) -> bool:
    """Equal as JSON: unlike Python's ==, true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return type(one) is type(other) and one == other


@given(VALUES, VALUES)
def test_two_values_are_written_alike_only_if_they_are_the_same(one: JsonValue, other: JsonValue) -> None:
    assert (canonical_json(one) == canonical_json(other)) is same_json(one, other)


@given(VALUES)
def test_what_is_written_reads_back_as_the_same_value(value: JsonValue) -> None:
    assert same_json(json.loads(canonical_json(value)), value)


@given(st.dictionaries(TEXTS, st.integers(), min_size=2, max_size=6))
def test_the_order_in_which_keys_were_put_in_does_not_show(value: dict[str, JsonValue]) -> None:
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


def test_keys_are_sorted_and_nothing_is_spaced_or_escaped_without_need() -> None:
    written = canonical_json({"b": [1, True, None], "a": 'é"\n'})

    assert written == '{"a":"é\\"\\n","b":[1,true,null]}'.encode()


def test_true_and_one_are_written_differently() -> None:
    assert canonical_json([True]) != canonical_json([1])


def test_texts_that_only_look_alike_stay_different() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"

    assert canonical_json(composed) != canonical_json(decomposed)


def test_a_read_only_mapping_is_written_like_a_dict() -> None:
    inside: Any = {"params": MappingProxyType({"a": 1}), "list": (1, 2)}

    assert canonical_json(inside) == b'{"list":[1,2],"params":{"a":1}}'


@pytest.mark.parametrize(
    "value", [1.0, float("nan"), float("inf"), [0.5], {"a": {"b": 2.5}}, b"bytes", {1: "a"}, "\ud800"]
)
def test_a_value_without_one_written_form_is_refused(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical_json(value)


def test_a_value_nested_without_end_is_refused_and_does_not_exhaust_the_stack() -> None:
    value: list[Any] = []
    value.append(value)

    with pytest.raises(NotCanonical, match="nested"):
        canonical_json(value)


@pytest.mark.parametrize("around", [lambda inner: [inner], lambda inner: {"in": inner}], ids=["lists", "objects"])
def test_sixty_four_levels_are_written_and_one_more_is_refused(around: Callable[[JsonValue], JsonValue]) -> None:
    value: JsonValue = "inmost"
    for _ in range(64):
        value = around(value)

    assert b"inmost" in canonical_json(value)
    with pytest.raises(NotCanonical, match="nested deeper than 64 levels"):
        canonical_json(around(value))


@pytest.mark.parametrize("part", sorted(SHOWN))
def test_every_part_of_what_was_shown_moves_the_digest(part: str) -> None:
    assert request_digest(**SHOWN | {part: OTHERWISE[part]}) != request_digest(**SHOWN)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("subjects", (PersonKey("T", "U4"),)),
        ("subject_emails", ("eve@home.example",)),
        ("distinct_groups", ("security",)),
        ("replaces", "r00"),
        ("revision", 3),
        ("editors", (PersonKey("T", "U6"),)),
        ("break_glass", "somebody says so"),
    ],
)
def test_what_may_be_left_out_moves_the_digest_by_what_it_is(part: str, other: object) -> None:
    filled = SHOWN | {part: OTHERWISE[part]} if OTHERWISE[part] else SHOWN

    assert request_digest(**filled | {part: other}) != request_digest(**filled)


def test_what_moves_the_digest_is_tried_for_every_part_there_is() -> None:
    assert set(RequestParts.__annotations__) == set(SHOWN) == set(OTHERWISE)


def test_the_order_in_which_people_and_addresses_are_stored_does_not_show() -> None:
    people = (PersonKey("T", "U3"), PersonKey("T", "U4"))
    addresses = ("bob@home.example", "robert@home.example")

    assert request_digest(**SHOWN | {"subjects": people, "subject_emails": addresses}) == request_digest(
        **SHOWN | {"subjects": people[::-1], "subject_emails": addresses[::-1]}
    )


def test_the_form_is_pinned_so_that_a_change_of_it_is_a_new_version() -> None:
    assert request_digest(**SHOWN) == "706c942a34035d0b98efe72613ac49cfe41251d575b3f58c60425b7e53d8a90f"


def test_so_is_the_form_of_what_may_be_left_out() -> None:
    assert digest_members(**OTHERWISE) == {
        "request": "r2",
        "action": "user.suspend",
        "params": {"key_id": "ak_2"},
        "ticket": "t2",
        "ticket_revision": 4,
        "policy_version": "v2",
        "quorum": 2,
        "expires_at": "2026-01-01T00:00:00.000001+00:00",
        "card": [{"type": "header"}],
        "provenance": {"key_id": {"provenance": "requester", "evidence": "typed"}},
        "requester_kind": "bot",
        "requester": None,
        "proposer": None,
        "subjects": [],
        "subject_emails": [],
        "distinct_groups": ["security", "support"],
        "replaces": "r0",
        "revision": 2,
        "editors": [["T", "U5"]],
        "break_glass": "it is being used right now",
    }


def test_the_digest_is_the_same_in_every_time_zone() -> None:
    east = SHOWN["expires_at"].astimezone(timezone(timedelta(hours=9)))

    assert request_digest(**SHOWN | {"expires_at": east}) == request_digest(**SHOWN)


def test_a_moment_without_a_time_zone_has_no_digest() -> None:
    with pytest.raises(NotCanonical):
        request_digest(**SHOWN | {"expires_at": datetime(2026, 1, 1)})


def test_two_people_whose_keys_read_alike_give_two_digests() -> None:
    one, other = PersonKey("T/U", "X"), PersonKey("T", "U/X")

    assert request_digest(**SHOWN | {"proposer": one}) != request_digest(**SHOWN | {"proposer": other})
