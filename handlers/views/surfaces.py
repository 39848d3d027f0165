"""The two places beside messages where blocks are shown: a person's App Home, and a modal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import accumulate

from handlers.views.blocks import VIEW_BLOCKS, Block, context, plain
from handlers.views.plain import one_line

TITLE_LENGTH = 24
METADATA_LENGTH = 3000
_READABLE = 240_000
"""Characters of JSON for the blocks of a view that is only read; Slack takes 250,000 for a view in all."""


def home(blocks: Sequence[Block], private_metadata: str = "") -> Block:
    """An App Home view. `private_metadata` is for finding the way back only (such as the list's filter)."""
    view: Block = {"type": "home", "blocks": whole_or_noted(blocks, _READABLE)}
    return view | ({"private_metadata": private_metadata} if private_metadata else {})


def modal(
    title: str,
    blocks: Sequence[Block],
    private_metadata: str = "",
    submit: str | None = None,
    *,
    callback_id: str = "",
    close: str = "Close",
) -> Block:
    """A modal view. Without `submit` it is for reading. `private_metadata` holds opaque ids, never a decision."""
    view: Block = {
        "type": "modal",
        "title": plain(_short(title)),
        # A form is never cut for its size: what is sent must be what was seen.
        "blocks": whole_or_noted(blocks, None if submit else _READABLE),
        "close": plain(_short(close)),
        "private_metadata": private_metadata[:METADATA_LENGTH],
    }
    if submit:
        view["submit"] = plain(_short(submit))
    return view | ({"callback_id": callback_id} if callback_id else {})


def whole_or_noted(blocks: Sequence[Block], room: int | None) -> list[Block]:
    """At most as many blocks as a view takes, and as fit into `room` characters of JSON; a page that was laid out
    longer ends by saying so."""
    ends = accumulate(len(json.dumps(block)) for block in blocks)
    fitting = [block for block, end in zip(blocks, ends, strict=True) if room is None or end <= room]
    if len(fitting) == len(blocks) <= VIEW_BLOCKS:
        return fitting
    shown = fitting[: VIEW_BLOCKS - 1]
    return [*shown, context(plain(f"{len(blocks) - len(shown)} more parts do not fit here; see the audit trail"))]


def _short(words: str) -> str:
    shown = one_line(words, 200)
    return shown if len(shown) <= TITLE_LENGTH else f"{shown[: TITLE_LENGTH - 1]}…"
