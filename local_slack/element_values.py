"""What an interactive element holds: its initial value, what a person may put in, and how payloads say it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from local_slack.blockkit import lookup
from local_slack.blockkit.elements import DATE, TIME
from local_slack.errors import Missing
from local_slack.records import Json

Values = dict[str, dict[str, Json]]

# Element type -> (the key a payload reports the value under, the field that sets it at first).
_KEYS: dict[str, tuple[str, str]] = {
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "overflow": ("selected_option", ""),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "checkboxes": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "file_input": ("files", ""),
}
_MULTIPLE = {"selected_options", "selected_users", "selected_conversations", "selected_channels", "files"}


def value_key(element: Json) -> str:
    """The key under which this element's value appears, such as `selected_option`."""
    return _KEYS[element["type"]][0]


def initial_state(blocks: list[Json]) -> Values:
    """`state.values` before anybody touched anything: every input, with its initial value or none."""
    values: Values = {}
    for found in lookup.elements(blocks):
        if lookup.is_stateful(found.element):
            key, initial = _KEYS[found.element["type"]]
            empty: Any = [] if key in _MULTIPLE else None
            held = {"type": found.element["type"], key: found.element.get(initial, empty)}
            values.setdefault(found.block_id, {})[found.action_id] = held
    return values


def options_of(element: Json) -> list[Json]:
    """The fixed options an element offers, groups flattened."""
    options = list(element.get("options") or [])
    for group in element.get("option_groups") or []:
        options += group.get("options") or []
    return options


def chosen(element: Json, raw: Any, offered: list[Json], exists: Mapping[str, Callable[[str], str]]) -> Json:
    """What a payload says when a person puts `raw` into the element: `{type, <key>: …}`.

    `offered` are the options an external select has shown; `exists` resolves users and channels to ids.
    Raises Missing when the element does not offer that value: nobody can choose what is not there.
    """
    kind, key = element["type"], value_key(element)
    if raw is None or raw == "" or raw == []:
        empty: Any = [] if key in _MULTIPLE else None
        return {"type": kind, key: empty}
    options = options_of(element) or offered
    if key == "selected_option":
        return {"type": kind, key: _option(options, raw)}
    if key == "selected_options":
        wanted = raw if isinstance(raw, list) else [raw]
        return {"type": kind, key: [_option(options, item) for item in wanted]}
    for name in ("user", "conversation", "channel"):
        if key == f"selected_{name}":
            return {"type": kind, key: exists[name](str(raw))}
        if key == f"selected_{name}s":
            wanted = raw if isinstance(raw, list) else [raw]
            return {"type": kind, key: [exists[name](str(item)) for item in wanted]}
    return {"type": kind, key: _scalar(kind, raw)}


def _option(options: list[Json], raw: Any) -> Json:
    wanted = raw.get("value") if isinstance(raw, dict) else raw
    for option in options:
        if option.get("value") == wanted:
            return option
    raise Missing("invalid_option", f"the element offers no option {wanted!r}")


def _scalar(kind: str, raw: Any) -> Any:
    if kind == "datepicker" and not re.fullmatch(DATE, str(raw)):
        raise Missing("invalid_date", f"not a date: {raw!r}")
    if kind == "timepicker" and not re.fullmatch(TIME, str(raw)):
        raise Missing("invalid_time", f"not a time: {raw!r}")
    if kind == "datetimepicker":
        if not re.fullmatch(r"\d{10}", str(raw)):
            raise Missing("invalid_date_time", f"not a Unix time: {raw!r}")
        return int(raw)
    if kind == "rich_text_input" and isinstance(raw, str):
        leaf = {"type": "text", "text": raw}
        return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [leaf]}]}
    return raw if kind in ("rich_text_input", "file_input") else str(raw)


def complaints(blocks: list[Json], values: Values) -> dict[str, str]:
    """What Slack's client says before it submits a modal: block_id -> sentence. Empty when all is well."""
    out: dict[str, str] = {}
    for block in blocks:
        element = block.get("element")
        if block.get("type") != "input" or not isinstance(element, dict):
            continue
        held = values.get(block["block_id"], {}).get(element.get("action_id", ""), {})
        value = held.get(value_key(element))
        if value in (None, "", []):
            if not block.get("optional"):
                out[block["block_id"]] = "Please complete this required field."
        elif problem := _problem(element, value):
            out[block["block_id"]] = problem
    return out


def _problem(element: Json, value: Any) -> str | None:
    kind = element["type"]
    if kind == "plain_text_input":
        return _length_problem(element, str(value))
    if kind == "email_text_input" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", str(value)):
        return "Please enter a valid email address."
    if kind == "url_text_input" and not re.match(r"https?://\S+$", str(value)):
        return "Please enter a valid URL."
    if kind == "number_input":
        return _number_problem(element, str(value))
    most = element.get("max_selected_items")
    if isinstance(value, list) and most is not None and len(value) > most:
        return f"Please select at most {most} items."
    return None


def _length_problem(element: Json, value: str) -> str | None:
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if len(value) < least:
        return f"Please enter at least {least} characters."
    return f"Please enter at most {most} characters." if len(value) > most else None


def _number_problem(element: Json, value: str) -> str | None:
    pattern = r"-?\d+(\.\d+)?" if element.get("is_decimal_allowed") else r"-?\d+"
    if not re.fullmatch(pattern, value):
        return "Please enter a number."
    least, most = element.get("min_value"), element.get("max_value")
    is_low = least is not None and float(value) < float(least)
    if is_low or (most is not None and float(value) > float(most)):
        return f"Please enter a number from {least} to {most}."
    return None
