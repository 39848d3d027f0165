"""The table of actions: complete, one parameter form for each value, and nothing unseen gets in."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.catalogue import ACTIONS, Catalogue
from actions.errors import InvalidParams, UnknownAction
from actions.wording import NOTE_LIMIT, REPLY_LIMIT, is_blank, unseen_character
from policy.terms import Risk
from tests.actions.builders import EXAMPLES

CATALOGUE = Catalogue({"category": ("credentials", "other")})
STAYS = ("ticket.add_internal_note", "ticket.reply_to_customer", "case.send_customer_update", "case.hand_off")
EVERY_ACTION = pytest.mark.parametrize("spec", ACTIONS, ids=lambda spec: spec.action_id)
TEXT_PARAMS = [
    ("ticket.add_internal_note", "note"),
    ("ticket.reply_to_customer", "text"),
    ("ticket.close", "reason"),
    ("ticket.reopen", "reason"),
]
TOKEN_PARAMS = [
    ("ticket.set_category", "category"),
    ("ticket.assign", "assignee"),
    ("api_key.revoke", "keyId"),
    ("api_key.restore", "keyId"),
    ("user.suspend", "email"),
    ("user.restore", "email"),
    ("ticket.set_severity", "severity"),
]


def refused(action_id: str, params: object) -> dict[str, str]:
    """What the catalogue says of parameters that it must refuse."""
    with pytest.raises(InvalidParams) as caught:
        CATALOGUE.parse(action_id, params)
    return caught.value.fields


def test_the_table_holds_exactly_the_actions_that_are_promised() -> None:
    assert {spec.action_id for spec in ACTIONS} == set(EXAMPLES)


@EVERY_ACTION
def test_every_action_says_in_a_sentence_what_it_does_and_how_it_is_undone(spec: Any) -> None:
    for sentence in (spec.effect, spec.undo):
        assert sentence[0].isupper()
        assert sentence.endswith(".")


@EVERY_ACTION
def test_every_action_has_an_undo_in_the_table_or_says_why_not(spec: Any) -> None:
    if spec.undo_action is not None:
        assert CATALOGUE.get(spec.undo_action).undo_action == spec.action_id or spec.undo_action == spec.action_id
    else:
        assert spec.action_id in STAYS
        assert "cannot" in spec.undo or "stays" in spec.undo


@EVERY_ACTION
def test_a_special_parameter_that_an_action_names_is_one_of_its_own(spec: Any) -> None:
    assert spec.long_params <= set(spec.param_names)
    assert spec.subject_param is None or spec.subject_param in spec.param_names
    assert spec.member_param is None or spec.member_param in spec.param_names


@EVERY_ACTION
def test_only_harmless_actions_on_tickets_may_be_proposed_by_an_agent(spec: Any) -> None:
    is_harmless = spec.risk is Risk.LOW and spec.action_id.startswith("ticket.")

    assert ("agent" in spec.proposable_by) == is_harmless
    assert spec.proposable_by >= {"support", "security"}


@EVERY_ACTION
def test_what_is_done_to_a_person_names_the_parameter_that_leads_to_them(spec: Any) -> None:
    assert (spec.subject_param is not None) == (not spec.action_id.startswith(("ticket.", "case.")))


@EVERY_ACTION
def test_canonical_parameters_are_the_wire_form_unchanged(spec: Any) -> None:
    example = EXAMPLES[spec.action_id]

    canonical = CATALOGUE.parse(spec.action_id, MappingProxyType(dict(example)))

    assert canonical == example
    assert json.loads(json.dumps(canonical)) == example


@EVERY_ACTION
def test_an_unknown_parameter_is_refused_by_name(spec: Any) -> None:
    fields = refused(spec.action_id, {**EXAMPLES[spec.action_id], "force": True})

    assert fields == {"force": "Is not a parameter of this action."}


@EVERY_ACTION
def test_a_missing_parameter_is_refused_by_name(spec: Any) -> None:
    assert refused(spec.action_id, {}) == dict.fromkeys(spec.param_names, "Is required.")


@EVERY_ACTION
@pytest.mark.parametrize("value", [None, 1, True, 1.5, [], {}, ["x"], b"bytes"])
def test_a_value_that_is_not_text_is_refused_in_words(spec: Any, value: object) -> None:
    texts = {name for name, example in EXAMPLES[spec.action_id].items() if isinstance(example, str)}

    messages = refused(spec.action_id, {**EXAMPLES[spec.action_id], **dict.fromkeys(texts, value)})

    assert texts and messages.keys() == texts
    assert all(one.startswith("Must be ") for one in messages.values())


@pytest.mark.parametrize("value", [None, "2", True, 1.5, 0, -1, [], b"2"])
@pytest.mark.parametrize("action_id", ["case.send_customer_update", "case.hand_off"])
def test_a_revision_that_is_not_a_number_from_one_is_refused(action_id: str, value: object) -> None:
    assert refused(action_id, {**EXAMPLES[action_id], "revision": value}).keys() == {"revision"}


@pytest.mark.parametrize("params", [None, [], "note", 7])
def test_parameters_that_are_no_object_are_refused_as_a_whole(params: object) -> None:
    assert refused("ticket.close", params) == {"*": "Must be an object of named values."}


def test_an_action_that_is_not_in_the_table_does_not_exist() -> None:
    with pytest.raises(UnknownAction) as caught:
        CATALOGUE.parse("api_key.revoke_all" + "x" * 40_000, {})

    assert caught.value.reply == "There is no such action."
    assert len(str(caught.value)) < 150


def test_a_category_must_be_one_that_the_installation_knows() -> None:
    fields = refused("ticket.set_category", {"category": "made_up"})

    assert fields == {"category": "Must be one of: credentials, other."}


def test_a_form_learns_the_only_values_that_a_parameter_may_have() -> None:
    assert CATALOGUE.choices("ticket.set_category", "category") == ("credentials", "other")
    assert CATALOGUE.choices("ticket.set_severity", "severity") == ("low", "medium", "high", "critical")
    assert CATALOGUE.choices("api_key.revoke", "keyId") == ()


def test_two_actions_of_one_id_are_found_at_once() -> None:
    with pytest.raises(ValueError, match="share one id"):
        Catalogue(actions=(ACTIONS[0], ACTIONS[0]))


def test_every_listed_action_is_offered_to_triage_with_a_schema_that_stands_alone() -> None:
    offers = CATALOGUE.offers()

    assert [offer[0] for offer in offers] == [one.action_id for one in ACTIONS if not one.action_id.startswith("case.")]
    for action_id, description, schema in offers:
        assert description.endswith(".")
        assert schema["additionalProperties"] is False
        assert list(schema["required"]) == list(EXAMPLES[action_id])  # type: ignore[arg-type]  # a list of names
        assert "$ref" not in json.dumps(schema)


UNSEEN = ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\u200b", "\u200e", "\u200f", "\u202e", "\u2066", "\ufeff",
          "\u2028", "\u00ad", "\U000e0041", "\U000e0101"]  # fmt: skip


@pytest.mark.parametrize(("action_id", "name"), TEXT_PARAMS)
@given(before=st.text(alphabet="abc é", max_size=20), character=st.sampled_from(UNSEEN))
def test_text_with_a_character_that_cannot_be_seen_is_refused(
    action_id: str, name: str, before: str, character: str
) -> None:
    message = refused(action_id, {name: f"x{before}{character}y"})[name]

    assert message == f"Contains U+{ord(character):04X}, a character that cannot be seen. Remove it."


@pytest.mark.parametrize(("action_id", "name"), TOKEN_PARAMS)
@given(character=st.sampled_from([*UNSEEN, "\n", " ", "<", "@@", "а", "`", "*", "\ud800"]), place=st.integers(1, 3))
def test_an_id_takes_no_character_that_cannot_be_seen_or_means_something_else(
    action_id: str, name: str, character: str, place: int
) -> None:
    good = EXAMPLES[action_id][name]

    message = refused(action_id, {name: good[:place] + character + good[place:]})[name]

    assert message


@pytest.mark.parametrize(("action_id", "name"), TEXT_PARAMS)
@given(text=st.text(alphabet=" \t\n\r\u00a0\u2003\u3164\u2800\u200d\u0301", max_size=30))
def test_text_that_shows_nothing_is_blank(action_id: str, name: str, text: str) -> None:
    assert refused(action_id, {name: text})[name] == "Must not be blank."


@pytest.mark.parametrize(("action_id", "name"), [*TEXT_PARAMS, *TOKEN_PARAMS])
@given(size=st.sampled_from([REPLY_LIMIT + 1, 40_000]))
def test_oversized_values_are_refused(action_id: str, name: str, size: int) -> None:
    assert refused(action_id, {name: "a" * size})[name]


def test_text_may_be_as_long_as_the_limit_and_no_longer() -> None:
    assert CATALOGUE.parse("ticket.add_internal_note", {"note": "é" * NOTE_LIMIT})

    fields = refused("ticket.add_internal_note", {"note": "é" * (NOTE_LIMIT + 1)})

    assert fields == {"note": "Is too long: at most 2000 characters."}


@pytest.mark.parametrize(("action_id", "name"), TEXT_PARAMS)
@given(text=st.text(max_size=200))
def test_text_is_either_refused_or_canonical_for_good(action_id: str, name: str, text: str) -> None:
    try:
        canonical = CATALOGUE.parse(action_id, {name: text})
    except InvalidParams as error:
        assert set(error.fields) == {name}
        return

    assert CATALOGUE.parse(action_id, canonical) == canonical
    value = str(canonical[name])
    assert unseen_character(value) is None
    assert not is_blank(value)
    assert value.encode()


@given(email=st.emails())
def test_an_address_is_either_refused_or_in_lower_case_ascii(email: str) -> None:
    try:
        canonical = str(CATALOGUE.parse("user.suspend", {"email": email})["email"])
    except InvalidParams:
        return

    assert canonical == email.lower()
    assert canonical.isascii()


@pytest.mark.parametrize("text", ["می‌خواهم کمک", "👩‍💻 done", "naïve café", "第一行\n第二行", "\ta <b> & *c*"])
def test_what_people_really_write_is_taken(text: str) -> None:
    assert CATALOGUE.parse("ticket.reply_to_customer", {"text": text}) == {"text": text.strip()}


def test_line_breaks_of_every_system_become_one() -> None:
    assert CATALOGUE.parse("ticket.add_internal_note", {"note": " a\r\nb\rc\n"}) == {"note": "a\nb\nc"}


def test_an_address_is_compared_without_case() -> None:
    assert CATALOGUE.parse("user.suspend", {"email": " Bob@ACME.example "}) == {"email": "bob@acme.example"}
