"""Finds interactive elements in stored blocks again, and fills in the ids Slack mints for blocks without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from local_slack.blockkit.elements import ELEMENTS, STATEFUL
from local_slack.ids import Mint
from local_slack.records import Json


@dataclass(frozen=True)
class Found:
    """An element together with the block it stands in."""

    block: Json
    element: Json

    @property
    def block_id(self) -> str:
        return str(self.block.get("block_id", ""))

    @property
    def action_id(self) -> str:
        return str(self.element.get("action_id", ""))


def with_ids(blocks: list[Json], mint: Mint) -> list[Json]:
    """A copy of the blocks in which every block has a block_id and every element an action_id, as Slack stores them."""
    return [_block_with_ids(block, mint) for block in blocks]


def _block_with_ids(block: Json, mint: Mint) -> Json:
    copy = dict(block)
    if not copy.get("block_id"):
        copy["block_id"] = mint.secret(3)
    for name in ("accessory", "element"):
        if isinstance(copy.get(name), dict):
            copy[name] = _element_with_id(copy[name], mint)
    for name in ("elements", "actions"):
        if isinstance(copy.get(name), list) and copy["type"] not in ("rich_text", "context", "carousel"):
            copy[name] = [_element_with_id(item, mint) for item in copy[name]]
    nested = {"container": "child_blocks", "carousel": "elements"}.get(copy["type"])
    if nested is not None:
        copy[nested] = with_ids(copy[nested], mint)
    return _with_text_defaults(copy)


def _with_text_defaults(block: Json) -> Json:
    """Slack stores `emoji` on plain text and `verbatim` on mrkdwn even when the app left them out."""
    text = block.get("text")
    if isinstance(text, dict):
        default = ("emoji", True) if text.get("type") == "plain_text" else ("verbatim", False)
        block["text"] = text | {default[0]: text.get(default[0], default[1])}
    return block


def _element_with_id(element: Json, mint: Mint) -> Json:
    if element.get("action_id") or element.get("type") in (None, "image") or element["type"] not in ELEMENTS:
        return element
    return element | {"action_id": mint.secret(3)}


def elements(blocks: list[Json]) -> Iterator[Found]:
    """Every interactive element of the blocks, in order."""
    for block in blocks:
        if block.get("type") == "rich_text":
            continue
        single = [block[name] for name in ("accessory", "element") if isinstance(block.get(name), dict)]
        several = [item for name in ("elements", "actions") for item in block.get(name) or []]
        for element in single + several:
            if element.get("type") == "card":
                yield from elements([element])
            elif element.get("action_id"):
                yield Found(block, element)
        yield from elements(block.get("child_blocks") or [])


def find(blocks: list[Json], action_id: str, block_id: str | None = None) -> Found | None:
    """The element with this action_id (in this block, if given); None when the blocks hold no such element."""
    for found in elements(blocks):
        if found.action_id == action_id and block_id in (None, found.block_id):
            return found
    return None


def is_stateful(element: Json) -> bool:
    """True for elements that keep a value and so appear in `state.values`."""
    return element.get("type") in STATEFUL
