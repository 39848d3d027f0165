"""A short message in a modal of its own, for answers that have no channel to be said in."""

from __future__ import annotations

from handlers.views.blocks import Block
from handlers.views.rendered import Rendered
from handlers.views.surfaces import modal


def notice_modal(rendered: Rendered) -> Block:
    """The message, to be read and closed."""
    return modal("Countersign", rendered.blocks)
