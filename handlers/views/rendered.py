"""What a view hands over: blocks for the eye, and one text for notifications and screen readers."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.views.blocks import Block


@dataclass(frozen=True)
class Rendered:
    """A message ready to post. Post it with link unfurling off: `text` may hold a requester's words."""

    text: str
    """Stands alone where blocks are not shown; `&`, `<` and `>` are escaped, so nothing in it comes alive."""
    blocks: tuple[Block, ...]
