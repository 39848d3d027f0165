"""How the words of a reply look while it grows: literal text and nothing else."""

from __future__ import annotations

from handlers.views.blocks import MESSAGE_SIZE, Block, line, rich, say
from handlers.views.plain import escape_markup, visible

TEXT_LENGTH = MESSAGE_SIZE - 1000
"""Of one reply in all. The rest of what was said is in the case."""
_NOTIFICATION_LENGTH = 200
_BLOCK_LENGTH = 2800


def as_blocks(words: str, room: int = TEXT_LENGTH) -> list[Block]:
    """The words as rich text, in which nothing comes alive, in at most `room` characters; nothing for no words."""
    shown = visible(words, room, where="open the case") if words.strip() else ""
    parts = [shown[start : start + _BLOCK_LENGTH] for start in range(0, len(shown), _BLOCK_LENGTH)]
    return [rich(line(say(part.strip("\n") or " "))) for part in parts]


def as_text(words: str) -> str:
    """For notifications and screen readers."""
    return escape_markup(visible(words, _NOTIFICATION_LENGTH, max_lines=3, where="open the case"))
