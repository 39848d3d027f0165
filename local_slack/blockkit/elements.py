"""The table of composition objects and interactive elements, with Slack's limits.

Source: the Block Kit reference (composition objects, block elements) and the models of slack_sdk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_slack.blockkit.specs import (
    Anything,
    Bool,
    Complaints,
    Int,
    ListOf,
    Obj,
    Spec,
    Str,
    Typed,
    any_of,
    complain,
    exactly_one_of,
)

DATE = r"\d{4}-\d{2}-\d{2}"
TIME = r"\d{2}:\d{2}"
NUMBER = Str(pattern=r"-?\d+(\.\d+)?")


def text(most: int, *, markup: bool = False, least: int = 1) -> Typed:
    """A text object of at most `most` characters; `mrkdwn` only where `markup` says so."""
    content = Str(most, least)
    plain = Obj({"type": Str(), "text": content, "emoji": Bool()}, ("text",))
    mrkdwn = Obj({"type": Str(), "text": content, "verbatim": Bool()}, ("text",))
    variants: Mapping[str, Obj] = {"plain_text": plain, "mrkdwn": mrkdwn} if markup else {"plain_text": plain}
    return Typed(lambda: variants)


def option(*, markup: bool, with_url: bool = False) -> Obj:
    fields: dict[str, Spec] = {
        "text": text(75, markup=markup),
        "value": Str(150, 1),
        "description": text(75, markup=markup),
    }
    if with_url:
        fields["url"] = Str(3000)
    return Obj(fields, ("text", "value"))


PLAIN_OPTION = option(markup=False)
RICH_OPTION = option(markup=True)
OPTION_GROUP = Obj({"label": text(75), "options": ListOf(PLAIN_OPTION, 100)}, ("label", "options"))
CONFIRM = Obj(
    {
        "title": text(100),
        "text": text(300, markup=True),
        "confirm": text(30),
        "deny": text(30),
        "style": Str(one_of=("primary", "danger")),
    },
    ("title", "text", "confirm", "deny"),
)
DISPATCH_CONFIG = Obj({"trigger_actions_on": ListOf(Str(one_of=("on_enter_pressed", "on_character_entered")), 2)})
CONVERSATION_FILTER = Obj(
    {
        "include": ListOf(Str(one_of=("im", "mpim", "private", "public")), 4),
        "exclude_external_shared_channels": Bool(),
        "exclude_bot_users": Bool(),
    },
    rules=(any_of("include", "exclude_external_shared_channels", "exclude_bot_users"),),
)
SLACK_FILE = Obj({"id": Str(), "url": Str()}, rules=(exactly_one_of("id", "url"),))


def _element(fields: Mapping[str, Spec], required: tuple[str, ...] = (), *rules: Any) -> Obj:
    return Obj({"type": Str(), "action_id": Str(255, 1), **fields}, required, rules)


def _input(fields: Mapping[str, Spec], required: tuple[str, ...] = (), *rules: Any) -> Obj:
    shared: dict[str, Spec] = {"placeholder": text(150), "focus_on_load": Bool(), "confirm": CONFIRM}
    return _element({**shared, **fields}, required, *rules)


def _typed_text(fields: Mapping[str, Spec], required: tuple[str, ...] = ()) -> Obj:
    """A field that is typed into: it has a dispatch configuration and no confirmation dialog."""
    shared: dict[str, Spec] = {
        "placeholder": text(150),
        "focus_on_load": Bool(),
        "dispatch_action_config": DISPATCH_CONFIG,
    }
    return _element({**shared, **fields}, required)


def _initial_is_an_option(value: Mapping[str, Any], at: str, out: Complaints) -> None:
    """An initial choice must equal one of the options, field for field."""
    options = _list(value.get("options"))
    for group in _list(value.get("option_groups")):
        options += _list(group.get("options")) if isinstance(group, dict) else []
    chosen = [value["initial_option"]] if value.get("initial_option") else value.get("initial_options") or []
    values = [item.get("value") for item in options if isinstance(item, dict)]
    for item in _list(chosen):
        if isinstance(item, dict) and item.get("value") not in values:
            complain(out, "must match one of the provided options", at)


def _list(value: Any) -> list[Any]:
    """The value if it is a list; its shape is complained about elsewhere."""
    return list(value) if isinstance(value, list) else []


_STATIC: dict[str, Spec] = {"options": ListOf(PLAIN_OPTION, 100), "option_groups": ListOf(OPTION_GROUP, 100)}
_ONE_SOURCE = exactly_one_of("options", "option_groups")
_MANY: dict[str, Spec] = {"max_selected_items": Int(1)}
_RESPONSE_URL: dict[str, Spec] = {"response_url_enabled": Bool()}
_CONVERSATIONS: dict[str, Spec] = {"default_to_current_conversation": Bool(), "filter": CONVERSATION_FILTER}
_STYLE = Str(one_of=("primary", "danger"))

ELEMENTS: dict[str, Obj] = {
    "button": _element(
        {
            "text": text(75),
            "url": Str(3000),
            "value": Str(2000),
            "style": _STYLE,
            "confirm": CONFIRM,
            "accessibility_label": Str(75),
            "agent_prompt": Str(4000),
            "agent_prompt_display": Anything(),
            "visible_to_user_ids": ListOf(Str()),
        },
        ("text",),
    ),
    "workflow_button": _element(
        {"text": text(75), "workflow": Anything(), "style": _STYLE, "accessibility_label": Str(75)},
        ("text", "workflow"),
    ),
    "feedback_buttons": _element(
        {"positive_button": Anything(), "negative_button": Anything()}, ("positive_button", "negative_button")
    ),
    "icon_button": _element(
        {
            "icon": Str(),
            "text": text(75),
            "value": Str(2000),
            "confirm": CONFIRM,
            "accessibility_label": Str(75),
            "visible_to_user_ids": ListOf(Str()),
        },
        ("icon", "text"),
    ),
    "checkboxes": _input(
        {"options": ListOf(RICH_OPTION, 10), "initial_options": ListOf(RICH_OPTION, 10)},
        ("options",),
        _initial_is_an_option,
    ),
    "radio_buttons": _input(
        {"options": ListOf(RICH_OPTION, 10), "initial_option": RICH_OPTION}, ("options",), _initial_is_an_option
    ),
    "overflow": _element({"options": ListOf(option(markup=False, with_url=True), 5), "confirm": CONFIRM}, ("options",)),
    "datepicker": _input({"initial_date": Str(pattern=DATE)}),
    "timepicker": _input({"initial_time": Str(pattern=TIME), "timezone": Str()}),
    "datetimepicker": _input({"initial_date_time": Int(1_000_000_000, 9_999_999_999)}),
    "static_select": _input({**_STATIC, "initial_option": PLAIN_OPTION}, (), _ONE_SOURCE, _initial_is_an_option),
    "multi_static_select": _input(
        {**_STATIC, **_MANY, "initial_options": ListOf(PLAIN_OPTION, 100)}, (), _ONE_SOURCE, _initial_is_an_option
    ),
    "external_select": _input({"min_query_length": Int(0), "initial_option": PLAIN_OPTION}),
    "multi_external_select": _input(
        {**_MANY, "min_query_length": Int(0), "initial_options": ListOf(PLAIN_OPTION, 100)}
    ),
    "users_select": _input({"initial_user": Str()}),
    "multi_users_select": _input({**_MANY, "initial_users": ListOf(Str())}),
    "conversations_select": _input({**_CONVERSATIONS, **_RESPONSE_URL, "initial_conversation": Str()}),
    "multi_conversations_select": _input({**_CONVERSATIONS, **_MANY, "initial_conversations": ListOf(Str())}),
    "channels_select": _input({**_RESPONSE_URL, "initial_channel": Str()}),
    "multi_channels_select": _input({**_MANY, "initial_channels": ListOf(Str())}),
    "plain_text_input": _typed_text(
        {
            "initial_value": Str(3000),
            "multiline": Bool(),
            "min_length": Int(0, 3000),
            "max_length": Int(1, 3000),
        }
    ),
    "email_text_input": _typed_text({"initial_value": Str()}),
    "url_text_input": _typed_text({"initial_value": Str()}),
    "number_input": _typed_text(
        {"is_decimal_allowed": Bool(), "initial_value": NUMBER, "min_value": NUMBER, "max_value": NUMBER},
        ("is_decimal_allowed",),
    ),
    "rich_text_input": _typed_text({"initial_value": Anything(), "min_lines": Int(1), "max_lines": Int(1)}),
    "file_input": _element({"filetypes": ListOf(Str()), "max_files": Int(1, 10)}),
    "image": Obj(
        {"type": Str(), "alt_text": Str(2000), "image_url": Str(3000), "slack_file": SLACK_FILE},
        ("alt_text",),
        (exactly_one_of("image_url", "slack_file"),),
    ),
}

_MENUS = frozenset(
    f"{prefix}{kind}_select"
    for prefix in ("", "multi_")
    for kind in ("static", "external", "users", "conversations", "channels")
)
_PICKERS = frozenset({"checkboxes", "radio_buttons", "datepicker", "timepicker"})
SECTION_ACCESSORIES = _MENUS | _PICKERS | {"button", "workflow_button", "image", "overflow"}
ACTIONS_ELEMENTS = _MENUS | _PICKERS | {"button", "workflow_button", "overflow", "datetimepicker"}
INPUT_ELEMENTS = (
    _MENUS
    | _PICKERS
    | {
        "datetimepicker",
        "plain_text_input",
        "email_text_input",
        "url_text_input",
        "number_input",
        "rich_text_input",
        "file_input",
    }
)
# Elements that keep a value, which a payload reports under `state.values`.
STATEFUL = INPUT_ELEMENTS


def element(allowed: frozenset[str]) -> Typed:
    return Typed(lambda: ELEMENTS, allowed)
