"""A second opinion on Block Kit, written from Slack's reference and independent of the local Slack's checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MESSAGE_CHARACTERS = 13_200
_ELEMENT_KINDS = {
    "button",
    "checkboxes",
    "datepicker",
    "datetimepicker",
    "multi_static_select",
    "multi_users_select",
    "plain_text_input",
    "radio_buttons",
    "static_select",
    "users_select",
}
_TEXT_LIMITS = {"header": 150, "section": 3000, "context": 3000}
_RUN_FIELDS = {"text": "text", "user": "user_id", "date": "timestamp", "link": "url"}


def message_faults(blocks: Any) -> list[str]:
    """What Slack would refuse in a message; empty if nothing."""
    faults = list(_block_faults(list(blocks), 50))
    total = sum(len(each["text"]) for each in objects(list(blocks)) if isinstance(each.get("text"), str))
    return [*faults, f"{total} characters"] if total > MESSAGE_CHARACTERS else faults


def view_faults(view: Any) -> list[str]:
    """What Slack would refuse in a Home tab or modal; empty if nothing."""
    faults = list(_block_faults(view["blocks"], 100))
    if len(view.get("private_metadata", "")) > 3000:
        faults.append("private_metadata")
    if view["type"] == "modal":
        faults += [f for name in ("title", "close") for f in _text_faults(view.get(name), 24, name)]
        has_input = any(block["type"] == "input" for block in view["blocks"])
        if has_input or "submit" in view:
            faults += list(_text_faults(view.get("submit"), 24, "submit"))
        if not view["blocks"]:
            faults.append("a modal without blocks")
    return faults


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object within."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from objects(item)


def _block_faults(blocks: list[Any], most: int) -> Iterator[str]:
    if len(blocks) > most:
        yield f"{len(blocks)} blocks"
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(ids) != len(set(ids)):
        yield "duplicate block_id"
    for position, block in enumerate(blocks):
        for fault in _one(block):
            yield f"block {position} ({block['type']}): {fault}"


def _one(block: dict[str, Any]) -> Iterator[str]:
    match block["type"]:
        case "header":
            yield from _text_faults(block["text"], 150, "text", only_plain=True)
        case "section":
            yield from _section(block)
        case "context":
            yield from _counted(block["elements"], 10)
            for each in block["elements"]:
                yield from _text_faults(each, 3000, "element")
        case "actions":
            yield from _counted(block["elements"], 25)
            names = [each["action_id"] for each in block["elements"]]
            if len(names) != len(set(names)):
                yield "duplicate action_id"
            for each in block["elements"]:
                yield from _element(each)
        case "input":
            yield from _text_faults(block["label"], 2000, "label", only_plain=True)
            if "hint" in block:
                yield from _text_faults(block["hint"], 2000, "hint", only_plain=True)
            yield from _element(block["element"])
        case "rich_text":
            yield from _rich(block)
        case "divider":
            return
        case other:
            yield f"unknown type {other}"


def _section(block: dict[str, Any]) -> Iterator[str]:
    if "text" not in block and not block.get("fields"):
        yield "neither text nor fields"
    if "text" in block:
        yield from _text_faults(block["text"], 3000, "text")
    if "fields" in block:
        yield from _counted(block["fields"], 10)
        for each in block["fields"]:
            yield from _text_faults(each, 2000, "field")
    if "accessory" in block:
        yield from _element(block["accessory"])


def _rich(block: dict[str, Any]) -> Iterator[str]:
    yield from _counted(block["elements"], 1000)
    for part in block["elements"]:
        lines = part["elements"] if part["type"] == "rich_text_list" else [part]
        for each in lines:
            yield from _counted(each["elements"], 1000)
            for run in each["elements"]:
                if not run.get(_RUN_FIELDS.get(run["type"], "?")):
                    yield f"empty or unknown run {run}"


def _element(element: dict[str, Any]) -> Iterator[str]:
    if element["type"] not in _ELEMENT_KINDS:
        yield f"unknown element {element['type']}"
    if not 0 < len(element.get("action_id", "")) <= 255:
        yield "action_id"
    match element["type"]:
        case "button":
            yield from _text_faults(element["text"], 75, "button", only_plain=True)
            if len(element.get("value", "")) > 2000:
                yield "button value"
            if "confirm" in element:
                yield from _confirm(element["confirm"])
        case "plain_text_input":
            if len(element.get("initial_value", "")) > min(element.get("max_length", 3000), 3000):
                yield "initial_value"
        case "radio_buttons" | "checkboxes":
            yield from _counted(element["options"], 10)
            yield from _select(element)
        case "static_select" | "multi_static_select":
            yield from _select(element)


def _select(element: dict[str, Any]) -> Iterator[str]:
    groups = element.get("option_groups") or [{"options": element.get("options", [])}]
    options = [option for group in groups for option in group["options"]]
    for group in groups:
        yield from _counted(group["options"], 100)
    for option in options:
        yield from _text_faults(option["text"], 75, "option", only_plain=True)
        if not 0 < len(option["value"]) <= 150:
            yield "option value"
    if "initial_option" in element and element["initial_option"] not in options:
        yield "initial_option is none of the options"
    if any(one not in options for one in element.get("initial_options", ())):
        yield "one of initial_options is none of the options"
    values = [option["value"] for option in options]
    if len(values) != len(set(values)):
        yield "two options have one value"


def _confirm(confirm: dict[str, Any]) -> Iterator[str]:
    for name, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        yield from _text_faults(confirm.get(name), most, name)


def _counted(items: list[Any], most: int) -> Iterator[str]:
    if not 0 < len(items) <= most:
        yield f"{len(items)} items, at most {most}"


def _text_faults(text: Any, most: int, name: str, *, only_plain: bool = False) -> Iterator[str]:
    if not isinstance(text, dict) or not isinstance(text.get("text"), str):
        yield f"{name} is no text object"
    elif not 0 < len(text["text"]) <= most:
        yield f"{name} has {len(text['text'])} characters, at most {most}"
    elif only_plain and text["type"] != "plain_text":
        yield f"{name} must be plain_text"
