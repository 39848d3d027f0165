"""Block Kit is as strict as Slack's: fields, types, limits, identifiers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_slack.blockkit.validation import check_message_blocks, check_view
from tests.local_slack.conftest import actions, button, modal, section, text_input

Block = dict[str, Any]


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def option(value: str = "v", text: str = "Text", **fields: Any) -> Block:
    return {"text": plain(text), "value": value, **fields}


def select(**fields: Any) -> Block:
    return {"type": "static_select", "action_id": "s", "options": [option()], **fields}


ACCEPTED: dict[str, list[Block]] = {
    "section with mrkdwn": [section("*hi*")],
    "section with ten fields": [{"type": "section", "fields": [plain("x")] * 10}],
    "section of exactly 3000 characters": [section("x" * 3000)],
    "header of exactly 150": [{"type": "header", "text": plain("x" * 150)}],
    "divider": [{"type": "divider"}],
    "25 buttons": [actions(*[button(f"a{n}") for n in range(25)])],
    "the same action_id in two blocks": [actions(button()), actions(button(), block_id="b2")],
    "buttons without action_id": [actions(*[{"type": "button", "text": plain(text)} for text in "xy"])],
    "button value of 2000": [actions(button(value="x" * 2000))],
    "context with image and text": [
        {
            "type": "context",
            "elements": [{"type": "image", "image_url": "https://x.example/i.png", "alt_text": "i"}, plain("x")],
        }
    ],
    "input in a message": [text_input()],
    "select with groups": [
        actions({"type": "static_select", "option_groups": [{"label": plain("g"), "options": [option()]}]})
    ],
    "rich text": [
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "text", "text": "hi", "style": {"bold": True}},
                        {"type": "user", "user_id": "U1"},
                    ],
                }
            ],
        }
    ],
    "table": [{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]]}],
    "markdown": [{"type": "markdown", "text": "**hi**"}],
    "overflow with a url": [section(accessory={"type": "overflow", "options": [option(url="https://x.example")]})],
    "confirm": [
        actions(
            {
                **button(),
                "confirm": {
                    "title": plain("Sure?"),
                    "text": plain("Really"),
                    "confirm": plain("Yes"),
                    "deny": plain("No"),
                    "style": "danger",
                },
            }
        )
    ],
    "null fields": [{**section("x"), "accessory": None}],
    "fifty blocks": [section("x")] * 50,
    "no blocks": [],
}

REFUSED: dict[str, tuple[list[Any], str]] = {
    "51 blocks": ([section("x")] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    "unknown block type": ([{"type": "sektion"}], "unsupported type: sektion [json-pointer:/blocks/0/type]"),
    "no type": ([{"text": plain("x")}], "missing required field: type [json-pointer:/blocks/0]"),
    "not an object": (["x"], "must be an object [json-pointer:/blocks/0]"),
    "unknown field": (
        [{**section("x"), "colour": "red"}],
        "invalid additional property: colour [json-pointer:/blocks/0]",
    ),
    "section text of 3001": (
        [section("x" * 3001)],
        "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
    ),
    "empty section text": ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    "section of nothing": ([{"type": "section"}], "must define either `text` or `fields` [json-pointer:/blocks/0]"),
    "eleven fields": (
        [{"type": "section", "fields": [plain("x")] * 11}],
        "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
    ),
    "header of 151": (
        [{"type": "header", "text": plain("x" * 151)}],
        "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
    ),
    "header with mrkdwn": (
        [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
        "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
    ),
    "button text of 76": (
        [actions(button(text="x" * 76))],
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
    ),
    "button with mrkdwn": (
        [actions({**button(), "text": {"type": "mrkdwn", "text": "x"}})],
        "unsupported type: mrkdwn [json-pointer:/blocks/0/elements/0/text/type]",
    ),
    "button value of 2001": (
        [actions(button(value="x" * 2001))],
        "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
    ),
    "button value that is a number": (
        [actions({**button(), "value": 7})],
        "must be a string [json-pointer:/blocks/0/elements/0/value]",
    ),
    "button style": (
        [actions({**button(), "style": "success"})],
        "must be a valid enum value (primary, danger) [json-pointer:/blocks/0/elements/0/style]",
    ),
    "26 elements": (
        [actions(*[button(f"a{n}") for n in range(26)])],
        "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
    ),
    "no elements": ([actions()], "no less than 1 items allowed [json-pointer:/blocks/0/elements]"),
    "eleven context elements": (
        [{"type": "context", "elements": [plain("x")] * 11}],
        "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
    ),
    "text input among actions": (
        [actions({"type": "plain_text_input"})],
        "unsupported type: plain_text_input [json-pointer:/blocks/0/elements/0/type]",
    ),
    "duplicate block_id": (
        [actions(button()), actions(button())],
        "`block_id` b1 already exists [json-pointer:/blocks/1/block_id]",
    ),
    "duplicate action_id": (
        [actions(button(), button())],
        "`action_id` press already exists [json-pointer:/blocks/0/elements/1/action_id]",
    ),
    "block_id of 256": (
        [{"type": "divider", "block_id": "x" * 256}],
        "must be less than 256 characters [json-pointer:/blocks/0/block_id]",
    ),
    "action_id of 256": (
        [actions(button("x" * 256))],
        "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
    ),
    "no options": (
        [actions(select(options=[]))],
        "no less than 1 items allowed [json-pointer:/blocks/0/elements/0/options]",
    ),
    "101 options": (
        [actions(select(options=[option(f"v{n}") for n in range(101)]))],
        "no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]",
    ),
    "option text of 76": (
        [actions(select(options=[option(text="x" * 76)]))],
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/options/0/text/text]",
    ),
    "option value of 151": (
        [actions(select(options=[option("x" * 151)]))],
        "must be less than 151 characters [json-pointer:/blocks/0/elements/0/options/0/value]",
    ),
    "initial option not offered": (
        [actions(select(initial_option=option("other")))],
        "must match one of the provided options [json-pointer:/blocks/0/elements/0]",
    ),
    "options and groups": (
        [actions(select(option_groups=[{"label": plain("g"), "options": [option()]}]))],
        "must define exactly one of `options`, `option_groups` [json-pointer:/blocks/0/elements/0]",
    ),
    "six overflow options": (
        [section(accessory={"type": "overflow", "options": [option(str(n)) for n in range(6)]})],
        "no more than 5 items allowed [json-pointer:/blocks/0/accessory/options]",
    ),
    "a type on an option": (
        [actions(select(options=[option(type="option")]))],
        "invalid additional property: type [json-pointer:/blocks/0/elements/0/options/0]",
    ),
    "date that is none": (
        [actions({"type": "datepicker", "initial_date": "tomorrow"})],
        "must match pattern [json-pointer:/blocks/0/elements/0/initial_date]",
    ),
    "image without alt_text": (
        [{"type": "image", "image_url": "https://x.example/i.png"}],
        "missing required field: alt_text [json-pointer:/blocks/0]",
    ),
    "file input in a message": (
        [{**text_input(), "element": {"type": "file_input", "action_id": "f"}}],
        "unsupported type: file_input [json-pointer:/blocks/0/element/type]",
    ),
    "unknown rich text": (
        [{"type": "rich_text", "elements": [{"type": "rich_text_poem", "elements": []}]}],
        "unsupported type: rich_text_poem [json-pointer:/blocks/0/elements/0/type]",
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_slack_takes(name: str) -> None:
    assert check_message_blocks(ACCEPTED[name]) == []


@pytest.mark.parametrize("name", REFUSED)
def test_slack_refuses(name: str) -> None:
    blocks, complaint = REFUSED[name]

    assert check_message_blocks(blocks) == [complaint]


VIEWS_REFUSED: dict[str, tuple[Any, str]] = {
    "101 blocks": (modal(*[section("x")] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
    "no blocks": ({**modal(), "blocks": []}, "no less than 1 items allowed [json-pointer:/view/blocks]"),
    "no title": (
        {k: v for k, v in modal().items() if k != "title"},
        "missing required field: title [json-pointer:/view]",
    ),
    "title of 25": (modal(title=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/title/text]"),
    "private_metadata of 3001": (
        modal(private_metadata="x" * 3001),
        "must be less than 3001 characters [json-pointer:/view/private_metadata]",
    ),
    "callback_id of 256": (
        modal(callback_id="x" * 256),
        "must be less than 256 characters [json-pointer:/view/callback_id]",
    ),
    "unknown field": (modal(submit_disabled=True), "invalid additional property: submit_disabled [json-pointer:/view]"),
    "home with a title": (
        {"type": "home", "blocks": [], "title": plain("x")},
        "invalid additional property: title [json-pointer:/view]",
    ),
    "markdown in a modal": (
        modal({"type": "markdown", "text": "x"}),
        "unsupported type: markdown [json-pointer:/view/blocks/0/type]",
    ),
    "duplicate block_id": (
        modal(text_input(), text_input()),
        "`block_id` reason already exists [json-pointer:/view/blocks/1/block_id]",
    ),
}


@pytest.mark.parametrize("name", VIEWS_REFUSED)
def test_slack_refuses_the_view(name: str) -> None:
    view, complaint = VIEWS_REFUSED[name]

    assert check_view(view) == ["failed to match all allowed schemas [json-pointer:/view]", complaint]


def test_slack_takes_a_hundred_blocks_in_a_view_and_an_empty_home() -> None:
    assert check_view(modal(*[section("x")] * 100)) == []
    assert check_view({"type": "home", "blocks": []}) == []


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
KINDS = st.sampled_from(
    [
        "section",
        "actions",
        "input",
        "context",
        "header",
        "image",
        "rich_text",
        "table",
        "card",
        "carousel",
        "container",
        "button",
        "static_select",
        "checkboxes",
        "overflow",
        "plain_text",
        "mrkdwn",
        "rich_text_section",
        "text",
        "raw_text",
        "datepicker",
        "number_input",
    ]
)
NAMES = st.sampled_from(
    [
        "type",
        "text",
        "fields",
        "elements",
        "element",
        "accessory",
        "options",
        "option_groups",
        "initial_option",
        "initial_options",
        "action_id",
        "block_id",
        "label",
        "rows",
        "confirm",
        "child_blocks",
        "value",
        "actions",
        "title",
    ]
)
BLOCKISH = st.recursive(
    JUNK | KINDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner | KINDS, max_size=6),
    max_leaves=25,
)


@given(BLOCKISH)
def test_no_blocks_break_the_checks(blocks: Any) -> None:
    for candidate in (blocks, [blocks], [{"type": "section", **blocks}] if isinstance(blocks, dict) else []):
        assert all(isinstance(complaint, str) for complaint in check_message_blocks(candidate))
        check_view({"type": "modal", "blocks": candidate})
