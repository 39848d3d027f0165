"""The table of blocks and of the two kinds of view, with Slack's limits.

Source: the Block Kit reference (blocks, views) and the models of slack_sdk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_slack.blockkit import elements as el
from local_slack.blockkit.elements import text
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

MESSAGE, MODAL, HOME = "message", "modal", "home"
EVERYWHERE = frozenset({MESSAGE, MODAL, HOME})


@dataclass(frozen=True)
class Block:
    """One block type: its fields and where it may stand."""

    shape: Obj
    surfaces: frozenset[str] = EVERYWHERE


def _block(
    fields: Mapping[str, Spec], required: tuple[str, ...] = (), *rules: Any, surfaces: frozenset[str] = EVERYWHERE
) -> Block:
    return Block(Obj({"type": Str(), "block_id": Str(255), **fields}, required, rules), surfaces)


_RICH_LEAF_FIELDS: dict[str, tuple[dict[str, Spec], tuple[str, ...]]] = {
    "text": ({"text": Str(None, 1)}, ("text",)),
    "link": ({"url": Str(None, 1), "text": Str(), "unsafe": Bool()}, ("url",)),
    "emoji": ({"name": Str(None, 1), "unicode": Str(), "skin_tone": Int(), "url": Str()}, ("name",)),
    "user": ({"user_id": Str(None, 1)}, ("user_id",)),
    "channel": ({"channel_id": Str(None, 1)}, ("channel_id",)),
    "usergroup": ({"usergroup_id": Str(None, 1)}, ("usergroup_id",)),
    "team": ({"team_id": Str(None, 1)}, ("team_id",)),
    "broadcast": ({"range": Str(one_of=("here", "channel", "everyone"))}, ("range",)),
    "date": ({"timestamp": Int(), "format": Str(), "url": Str(), "fallback": Str()}, ("timestamp", "format")),
    "color": ({"value": Str()}, ("value",)),
}
RICH_LEAVES: dict[str, Obj] = {
    kind: Obj({"type": Str(), "style": Anything(), **fields}, required)
    for kind, (fields, required) in _RICH_LEAF_FIELDS.items()
}
_leaves = ListOf(Typed(lambda: RICH_LEAVES), least=0)
_RICH_SECTION = Obj({"type": Str(), "elements": _leaves}, ("elements",))
RICH_PARTS: dict[str, Obj] = {
    "rich_text_section": _RICH_SECTION,
    "rich_text_quote": Obj({"type": Str(), "elements": _leaves, "border": Int(0, 1)}, ("elements",)),
    "rich_text_preformatted": Obj(
        {"type": Str(), "elements": _leaves, "border": Int(0, 1), "language": Str()}, ("elements",)
    ),
    "rich_text_list": Obj(
        {
            "type": Str(),
            "style": Str(one_of=("bullet", "ordered")),
            "indent": Int(0, 8),
            "offset": Int(0),
            "border": Int(0, 1),
            "elements": ListOf(Typed(lambda: {"rich_text_section": _RICH_SECTION}), least=0),
        },
        ("elements", "style"),
    ),
}

_CONTEXT_ITEMS: dict[str, Obj] = {
    "image": el.ELEMENTS["image"],
    "plain_text": Obj({"type": Str(), "text": Str(3000, 1), "emoji": Bool()}, ("text",)),
    "mrkdwn": Obj({"type": Str(), "text": Str(3000, 1), "verbatim": Bool()}, ("text",)),
}
_CELLS: dict[str, Obj] = {
    "raw_text": Obj({"type": Str(), "text": Str(None, 1)}, ("text",)),
    "raw_number": Obj({"type": Str(), "value": Anything(), "text": Str()}, ()),
    "rich_text": Obj(
        {"type": Str(), "block_id": Str(255), "elements": ListOf(Typed(lambda: RICH_PARTS))}, ("elements",)
    ),
}
_IMAGE_FIELDS: dict[str, Spec] = {
    "alt_text": Str(2000),
    "image_url": Str(3000),
    "slack_file": el.SLACK_FILE,
    "title": text(2000),
}
_MESSAGES = frozenset({MESSAGE})
_rich_text = Typed(lambda: {"rich_text": BLOCKS["rich_text"].shape})


def _file_input_is_silent(value: Mapping[str, Any], at: str, out: Complaints) -> None:
    """A file input cannot dispatch actions while it is filled."""
    element = value.get("element")
    if isinstance(element, dict) and element.get("type") == "file_input" and value.get("dispatch_action"):
        complain(out, "dispatch_action is not supported for file_input", at)


BLOCKS: dict[str, Block] = {
    "section": _block(
        {
            "text": text(3000, markup=True),
            "fields": ListOf(text(2000, markup=True), 10),
            "accessory": el.element(el.SECTION_ACCESSORIES),
            "expand": Bool(),
        },
        (),
        any_of("text", "fields"),
    ),
    "divider": _block({}),
    "header": _block({"text": text(150), "level": Int(1, 6)}, ("text",)),
    "image": _block(_IMAGE_FIELDS, ("alt_text",), exactly_one_of("image_url", "slack_file")),
    "actions": _block({"elements": ListOf(el.element(el.ACTIONS_ELEMENTS), 25)}, ("elements",)),
    "context": _block({"elements": ListOf(Typed(lambda: _CONTEXT_ITEMS), 10)}, ("elements",)),
    "context_actions": _block(
        {"elements": ListOf(el.element(frozenset({"feedback_buttons", "icon_button"})), 5)},
        ("elements",),
        surfaces=_MESSAGES,
    ),
    "input": _block(
        {
            "label": text(2000),
            "hint": text(2000),
            "element": el.element(el.INPUT_ELEMENTS),
            "optional": Bool(),
            "dispatch_action": Bool(),
        },
        ("label", "element"),
        _file_input_is_silent,
    ),
    "rich_text": _block({"elements": ListOf(Typed(lambda: RICH_PARTS))}, ("elements",)),
    "markdown": _block({"text": Str(12000, 1)}, ("text",), surfaces=_MESSAGES),
    "video": _block(
        {
            "alt_text": Str(),
            "video_url": Str(),
            "thumbnail_url": Str(),
            "title": text(199),
            "title_url": Str(),
            "description": text(200),
            "provider_icon_url": Str(),
            "provider_name": Str(),
            "author_name": Str(49),
        },
        ("alt_text", "video_url", "thumbnail_url", "title"),
    ),
    "table": _block(
        {
            "rows": ListOf(ListOf(Typed(lambda: _CELLS), 20), 100),
            "column_settings": ListOf(Anything(), 20, 0),
        },
        ("rows",),
        surfaces=_MESSAGES,
    ),
    "task_card": _block(
        {
            "task_id": Str(),
            "title": Str(),
            "details": _rich_text,
            "output": _rich_text,
            "sources": Anything(),
            "status": Str(one_of=("pending", "in_progress", "complete", "error")),
        },
        ("task_id", "title"),
        surfaces=_MESSAGES,
    ),
    "plan": _block({"title": Str(), "tasks": Anything()}, ("title",), surfaces=_MESSAGES),
    "alert": _block(
        {"text": text(3000, markup=True), "level": Str(one_of=("default", "info", "warning", "error", "success"))},
        ("text",),
    ),
    "card": _block(
        {
            "hero_image": el.element(frozenset({"image"})),
            "icon": el.element(frozenset({"image"})),
            "title": text(150, markup=True),
            "subtitle": text(150, markup=True),
            "body": text(200, markup=True),
            "actions": ListOf(el.element(frozenset({"button"}))),
        },
        (),
        any_of("hero_image", "title", "actions", "body"),
        surfaces=_MESSAGES,
    ),
    "carousel": _block(
        {"elements": ListOf(Typed(lambda: {"card": BLOCKS["card"].shape}), 10)}, ("elements",), surfaces=_MESSAGES
    ),
    "container": _block(
        {
            "title": text(150),
            "rich_text_title": _rich_text,
            "subtitle": text(150, markup=True),
            "child_blocks": ListOf(Typed(lambda: {name: block.shape for name, block in BLOCKS.items()}), 10),
            "width": Str(one_of=("narrow", "standard", "wide", "full")),
            "icon": Anything(),
            "is_collapsible": Bool(),
            "default_collapsed": Bool(),
            "has_header_divider": Bool(),
        },
        ("child_blocks",),
        any_of("title", "rich_text_title"),
        surfaces=_MESSAGES,
    ),
}

# Slack adds these to stored messages; an app may send a `file` block back but never invent one.
FILE_BLOCK = _block(
    {"external_id": Str(), "source": Str(one_of=("remote",))}, ("external_id", "source"), surfaces=_MESSAGES
)
BLOCKS["file"] = FILE_BLOCK

_VIEW_FIELDS: dict[str, Spec] = {
    "type": Str(),
    "blocks": Anything(),
    "private_metadata": Str(3000),
    "callback_id": Str(255),
    "external_id": Str(255),
}
VIEWS: dict[str, Obj] = {
    MODAL: Obj(
        {
            **_VIEW_FIELDS,
            "title": text(24),
            "submit": text(24),
            "close": text(24),
            "clear_on_close": Bool(),
            "notify_on_close": Bool(),
        },
        ("title", "blocks"),
    ),
    HOME: Obj(_VIEW_FIELDS, ("blocks",)),
}
