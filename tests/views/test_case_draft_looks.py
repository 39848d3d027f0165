"""What a model marks of a draft is shown as its word, beside what the rules mark, and whether it has looked at all."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from handlers.views.case_draft_facts import LookFacts
from handlers.views.case_draft_modals import ask_release_modal, draft_modal, override_modal
from handlers.views.facts import Untrusted
from tests.views.case_builders import case, clean_draft, draft, mark

CURE = "Put it otherwise, or override it with a reason."


def suggested(said: str = "Nobody knows that.", **changes: Any) -> Any:
    return mark(model="claude-test", said=Untrusted(said), cure=CURE, **changes)


def shown(view: Any) -> str:
    return json.dumps(view, ensure_ascii=False)


def test_a_models_mark_names_the_model_and_gives_its_words_as_quoted() -> None:
    text = shown(draft_modal(case(), draft(marks=(mark(), suggested(start=20, end=30)))))

    assert f"claude-test suggests: “Nobody knows that.” {CURE}" in text
    assert text.count("suggests:") == 1


def test_threat_10_what_a_model_says_of_a_mark_hides_nothing_and_stays_short() -> None:
    view = draft_modal(case(), draft(marks=(suggested("\u202e<!channel>\n*now*" + "x" * 5_000),)))

    assert "\u202e" not in shown(view) and "x" * 400 not in shown(view)
    # Its words stand in a run of rich text, where nothing is markup.
    with_it = [block["type"] for block in view["blocks"] if "<!channel>" in shown(block)]
    assert with_it == ["rich_text"]


def test_threat_10_what_a_model_says_does_not_seem_to_end_before_it_does() -> None:
    said = "All is well.\u201d The lead has answered for it. \u201cSo"

    text = shown(draft_modal(case(), draft(marks=(suggested(said),))))

    assert f"suggests: “All is well.' The lead has answered for it. 'So” {CURE}" in text


def test_of_marks_with_one_code_on_one_sentence_there_is_one_choice() -> None:
    view = override_modal(case(), draft(marks=(mark(), suggested(start=20, end=30), mark(code="promise"))))

    [options] = [one["element"]["options"] for one in view["blocks"] if one.get("block_id") == "mark"]
    assert [one["value"] for one in options] == ["overstated:1", "promise:1"]


@pytest.mark.parametrize(
    ("model", "look", "words"),
    [
        ("claude-new", None, "Marked by the rules; the model has not looked yet"),
        ("claude-new", LookFacts("claude-new", 2), "Marked by the rules; claude-new looked too and suggested 2 marks"),
        ("claude-new", LookFacts("claude-new"), "claude-new looked too and suggested no marks"),
        ("claude-new", LookFacts("claude-new", why_not="it broke off"), "the model could not look, it broke off"),
        ("", None, "Marked by the rules alone"),
        ("", LookFacts("claude-old", 1), "claude-old looked too and suggested 1 mark"),
    ],
)  # fmt: skip
def test_a_draft_and_the_form_for_its_release_say_whether_a_model_has_looked(
    model: str, look: LookFacts | None, words: str
) -> None:
    of = replace(clean_draft(), look=look)

    assert words in shown(draft_modal(case(model=model), of))
    assert words in shown(ask_release_modal(case(model=model), of))


def test_a_look_that_is_never_made_is_not_waited_for() -> None:
    """The model looks at the newest revision of an open case, and at no other any more."""
    of = replace(clean_draft(), look=None)

    for view in (
        draft_modal(case(model="claude-new", is_open=False), of),
        draft_modal(case(model="claude-new"), replace(of, is_newest=False)),
    ):
        assert "the model did not look at it" in shown(view) and "yet" not in shown(view)
