"""Action parameters as cards show them: the exact value, in full, and where it came from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from enum import Enum, auto

from pydantic import JsonValue

from handlers.views.blocks import Block, line, preformatted, quote, rich, say
from handlers.views.facts import ParamFacts
from handlers.views.plain import is_plain_ascii, mono, one_line, visible
from handlers.views.wording import provenance_words

PART_LENGTH = 2800
"""Of an exact value, per block; a longer one continues in the next."""
_PROSE_LENGTH = 40
_UNBROKEN = re.compile(r"(?:\\u[0-9a-f]{4})+(?:\([^\x00-\x7f]+\))?|\\.|.", re.DOTALL)


class Detail(Enum):
    """How prose beyond ASCII is shown; everything else is always shown exactly, escape by escape."""

    ESCAPED_AND_READABLE = auto()
    ESCAPED = auto()
    AS_TEXT = auto()
    """As the text itself, where that hides nothing: escapes make a text in another script six times as long."""


def parameter_blocks(params: Iterable[ParamFacts], *, detail: Detail = Detail.ESCAPED_AND_READABLE) -> list[Block]:
    """Each parameter exactly and completely, however many blocks that takes."""
    blocks: list[Block] = []
    for param in params:
        if detail is Detail.AS_TEXT and _hides_nothing(param.value):
            blocks += _as_text(param)
            continue
        blocks += _exactly(param)
        if detail is Detail.ESCAPED_AND_READABLE:
            blocks += _reading_copy(param.name, param.value)
    return blocks or [rich(line(say("Parameters  ", bold=True), say("none")))]


def parameter_lines(params: Sequence[ParamFacts], *, limit: int) -> list[Block]:
    """Each parameter in one or two lines of rich text, for cards on which nothing is decided."""
    lines = []
    for param in params:
        shown = visible(mono(param.value), limit)
        lines.append(line(say(f"{one_line(param.name, 80)}  ", bold=True), say(shown, code=True)))
        lines.append(line(say(provenance_words(param.provenance), italic=True)))
    return lines


def _exactly(param: ParamFacts) -> list[Block]:
    parts = split(mono(param.value), PART_LENGTH)
    title = [
        say(f"{param.name}  ", bold=True),
        say(f"the exact value, {provenance_words(param.provenance)}", italic=True),
    ]
    if _is_deceptive(param.value):
        title.append(say("  ⚠️ not all plain letters", bold=True))
    first, *rest = parts
    blocks = [rich(line(*title), preformatted(first))]
    for number, part in enumerate(rest, start=2):
        more = line(say(f"{param.name}, continued ({number} of {len(parts)})", italic=True))
        blocks.append(rich(more, preformatted(part)))
    return blocks


def _hides_nothing(value: JsonValue) -> bool:
    """Whether prose reads exactly as it is: no escape, no count of blanks, no look-alike letter in any word."""
    return isinstance(value, str) and len(value) >= _PROSE_LENGTH and visible(value, 12 * len(value) + 200) == value


def _as_text(param: ParamFacts) -> list[Block]:
    text = str(param.value)
    parts = [text[at : at + PART_LENGTH] for at in range(0, len(text), PART_LENGTH)]
    title = line(
        say(f"{param.name}  ", bold=True),
        say(f"the exact text, with nothing hidden in it, {provenance_words(param.provenance)}", italic=True),
    )
    return [rich(title, preformatted(parts[0])), *(rich(preformatted(part)) for part in parts[1:])]


def _is_deceptive(value: JsonValue) -> bool:
    """Short values are names and ids: anything but plain letters in one is either foreign or a trick."""
    return isinstance(value, str) and len(value) < _PROSE_LENGTH and not is_plain_ascii(value)


def _reading_copy(name: str, value: JsonValue) -> list[Block]:
    """Prose, or fields in JSON, once more as a person reads it, where the exact form is hard to read."""
    if not isinstance(value, str) or len(value) < _PROSE_LENGTH:
        return []
    words = _fields_in(value)
    if not words and is_plain_ascii(value):
        return []
    # Escapes lengthen a text by at most ten characters for each of its own.
    whole = visible(words or value, 12 * len(value) + 200)
    parts = [whole[at : at + PART_LENGTH] for at in range(0, len(whole), PART_LENGTH)]
    title = line(say(f"{name}, ", bold=True), say("for reading", italic=True))
    return [rich(title, quote(parts[0])), *(rich(quote(part)) for part in parts[1:])]


def _fields_in(value: str) -> str:
    """A line for each field of a JSON object, repeated names included; "" for a text that is none, or one that holds
    further objects, or anything that could pass for another line."""
    try:
        found = json.loads(value, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, tuple):
        return ""
    lines = [_field(name, one) for name, one in found]
    return "\n".join(lines) if all(lines) and all(map(is_plain_ascii, lines)) else ""


def _field(name: str, value: object) -> str:
    """`name: value`, or "" where the value is no plain one and no list of such."""
    values = value if isinstance(value, list) else [value]
    if any(isinstance(one, list | tuple) for one in values):
        return ""
    return f"{name}: {', '.join('none' if one in (None, '') else str(one) for one in values) or 'none'}"


def split(text: str, length: int) -> list[str]:
    """Cut an exact value into parts of at most `length`, never inside an escape."""
    parts: list[str] = []
    current = ""
    for unit in _UNBROKEN.findall(text):
        if len(current) + len(unit) > length:
            parts.append(current)
            current = ""
        current += unit
    return [*parts, current]
