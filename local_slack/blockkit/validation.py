"""Judges messages and views as Slack does: every complaint at once, each with its JSON pointer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local_slack.blockkit.specs import Complaints, complain
from local_slack.blockkit.tables import BLOCKS, HOME, MESSAGE, MODAL, VIEWS
from local_slack.records import Json

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
# Undocumented; measured by others at about 13,200 characters over all blocks (bolt-js issue 2509).
MESSAGE_CHARACTERS = 13_200


def check_message_blocks(blocks: Any, at: str = "/blocks") -> Complaints:
    """The complaints about a message's blocks; empty when Slack would take them."""
    return _check_blocks(blocks, MESSAGE, MESSAGE_BLOCKS, at, least=0)


def check_view(view: Any) -> Complaints:
    """The complaints about a modal or Home tab; empty when Slack would take it."""
    out: Complaints = []
    if not isinstance(view, dict):
        return ["must be an object [json-pointer:/view]"]
    kind = view.get("type")
    if kind not in VIEWS:
        return [f"unsupported type: {kind} [json-pointer:/view/type]"]
    VIEWS[kind].check(view, "/view", out)
    if view.get("blocks") is not None:
        out += _check_blocks(view["blocks"], kind, VIEW_BLOCKS, "/view/blocks", least=1 if kind == MODAL else 0)
    if kind == MODAL and not view.get("submit") and any(b.get("type") == "input" for b in _dicts(view.get("blocks"))):
        complain(out, "`submit` is required for modals containing an input block", "/view")
    if out:
        out.insert(0, "failed to match all allowed schemas [json-pointer:/view]")
    return out


def characters(blocks: list[Json]) -> int:
    """How many characters of text the blocks hold in all."""
    return sum(len(text) for text in _texts(blocks))


def _check_blocks(blocks: Any, surface: str, most: int, at: str, *, least: int) -> Complaints:
    out: Complaints = []
    if not isinstance(blocks, list):
        return [f"must be an array [json-pointer:{at}]"]
    if len(blocks) > most:
        return [f"no more than {most} items allowed [json-pointer:{at}]"]
    if len(blocks) < least:
        return [f"no less than {least} items allowed [json-pointer:{at}]"]
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        here = f"{at}/{index}"
        if not isinstance(block, dict):
            complain(out, "must be an object", here)
            continue
        _check_block(block, surface, here, out)
        block_id = block.get("block_id")
        if not isinstance(block_id, str) or not block_id:
            continue
        if block_id in seen:
            complain(out, f"`block_id` {block_id} already exists", f"{here}/block_id")
        seen.add(block_id)
    return out


def _check_block(block: Json, surface: str, at: str, out: Complaints) -> None:
    kind = block.get("type")
    if kind is None:
        complain(out, "missing required field: type", at)
        return
    known = BLOCKS.get(kind) if isinstance(kind, str) else None
    if known is None or surface not in known.surfaces:
        complain(out, f"unsupported type: {kind}", f"{at}/type")
        return
    known.shape.check(block, at, out)
    _check_action_ids(block, at, out)
    _check_surface(block, surface, at, out)


def _check_action_ids(block: Json, at: str, out: Complaints) -> None:
    seen: set[str] = set()
    for index, element in enumerate(_dicts(block.get("elements"))):
        action_id = element.get("action_id")
        if not isinstance(action_id, str):
            continue
        if action_id in seen:
            complain(out, f"`action_id` {action_id} already exists", f"{at}/elements/{index}/action_id")
        seen.add(action_id)


def _check_surface(block: Json, surface: str, at: str, out: Complaints) -> None:
    """What is allowed in one place only: file inputs and response_url_enabled in modals."""
    element = block.get("element")
    if not isinstance(element, dict):
        return
    if surface != MODAL and element.get("type") == "file_input":
        complain(out, "unsupported type: file_input", f"{at}/element/type")
    if surface == HOME and element.get("response_url_enabled"):
        complain(out, "response_url_enabled is only supported in modals", f"{at}/element")


def _dicts(value: Any) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> Iterator[str]:
    """Every piece of text a reader would see: text objects, markdown, rich text, table cells."""
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str):
                if name in ("text", "alt_text"):
                    yield item
            else:
                yield from _texts(item)
