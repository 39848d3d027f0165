"""The modals that collect: prefilled where that is honest, and each value with its source."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.views.facts import ParamFacts
from handlers.views.propose_modals import (
    ActionChoice,
    FormField,
    action_form_modal,
    choose_action_modal,
    confirm_modal,
    reject_modal,
)
from policy.terms import Risk
from tests.views import builders as b
from tests.views.block_kit import objects, view_faults

KEY = FormField("keyId", "Key id", "text", max_length=100)
REVOKE = ActionChoice("api_key.revoke", "Revoke an API key", Risk.HIGH, "Stops the key.")


def confirm(param: ParamFacts, field: FormField = KEY) -> dict[str, Any]:
    return confirm_modal(b.suggestion(params=(param,)), b.row(), [field])


def test_a_found_value_is_prefilled_with_where_it_was_found() -> None:
    view = confirm(b.param())

    assert inputs(view)["keyId"]["initial_value"] == "ak_demo_bob_001"
    assert "Found only in the requester's words: check it against a source you trust" in words(view)
    assert "“revoke API key ak_demo_bob_001 right now”" in words(view)


def test_submitting_names_the_suggestion_and_each_field_by_its_block() -> None:
    view = confirm(b.param())

    assert (view["callback_id"], view["private_metadata"]) == ("confirm_suggestion", "s-revoke")
    assert inputs(view)["keyId"]["action_id"] == "value"


def test_a_value_with_something_invisible_is_not_prefilled() -> None:
    view = confirm(b.param(value="ak_demo\u200b_bob_001"))

    assert "initial_value" not in inputs(view)["keyId"]
    assert '"ak_demo\\u200b_bob_001"' in words(view)


def test_a_value_with_look_alikes_is_shown_letter_by_letter() -> None:
    assert '"ak_demo_b\\u043e(о)b_001"' in words(confirm(b.param(value="ak_demo_b\u043eb_001")))


def test_a_value_longer_than_its_field_is_not_cut_but_left_out() -> None:
    assert "initial_value" not in inputs(confirm(b.param(value="k" * 101)))["keyId"]


def test_a_value_that_is_no_option_is_not_chosen_in_silence() -> None:
    field = FormField("severity", "Severity", "select", (("low", "low"), ("high", "high")))

    assert (
        inputs(confirm(b.param(name="severity", value="high"), field))["severity"]["initial_option"]["value"] == "high"
    )
    assert "initial_option" not in inputs(confirm(b.param(name="severity", value="utmost"), field))["severity"]


def test_a_field_without_a_found_value_says_so() -> None:
    assert "Triage found no value for this" in words(confirm(b.param(name="other")))


@pytest.mark.parametrize("count", [1, 100, 101, 450])
def test_any_number_of_options_can_be_offered(count: int) -> None:
    field = FormField("who", "Who", "select", tuple((f"u{n}", f"Person {n}") for n in range(count)))
    view = action_form_modal(REVOKE, [field], b.row(), "t-1")

    assert view_faults(view) == []
    assert len([each for each in objects(inputs(view)["who"]) if str(each.get("value", "")).startswith("u")]) == count


def test_choosing_offers_the_actions_and_leads_on() -> None:
    view = choose_action_modal([REVOKE], "t-1")

    assert (view["callback_id"], view["private_metadata"]) == ("choose_action", "t-1")
    assert [option["value"] for option in inputs(view)["action"]["options"]] == ["api_key.revoke"]


def test_nothing_to_choose_from_is_said_and_cannot_be_submitted() -> None:
    view = choose_action_modal([])

    assert "submit" not in view
    assert "no action you may propose" in words(view)


def test_the_form_has_one_input_a_field() -> None:
    fields = [
        FormField("text", "Text", "long_text", hint="word for word"),
        FormField("keyId", "Key", "text", initial="k"),
    ]
    view = action_form_modal(REVOKE, fields, b.row(), "meta")

    assert (view["callback_id"], view["private_metadata"]) == ("propose_action", "meta")
    assert inputs(view)["text"]["multiline"] is True
    assert inputs(view)["keyId"]["initial_value"] == "k"


def test_rejecting_asks_for_a_reason() -> None:
    view = reject_modal(b.request())
    (reason,) = [block for block in view["blocks"] if block["type"] == "input"]

    assert (view["callback_id"], view["private_metadata"]) == ("reject_request", "r-revoke")
    assert (reason["block_id"], reason["optional"]) == ("reason", False)


def inputs(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}


def words(view: dict[str, Any]) -> str:
    return "\n".join(str(each["text"]) for each in objects(view) if isinstance(each.get("text"), str))
