"""A short message in a modal of its own, for answers that have no channel to be said in."""

from __future__ import annotations

from handlers.views.blocks import Block
from handlers.views.notices import Notice
from handlers.views.surfaces import modal


def notice_modal(notice: Notice) -> Block:
    """The message, to be read and closed, under a title that says what it is."""
    return modal(notice.title, notice.blocks)
