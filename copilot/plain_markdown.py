"""Text of others as Markdown that shows it and does nothing else, on one line.

It opens no heading, list, table cell, link, image, HTML or code, whatever it holds, and nothing in it is invisible or
changes the direction of what follows. Ours inside such a text stands in ⟦ ⟧: characters that cannot be seen by their
number, and the marks by which renderers find addresses. Exact texts are in the packet's JSON.
"""

from __future__ import annotations

import re
import unicodedata

EMPTY = "⟦nothing written⟧"
LEGEND = (
    "Texts of others are shown as they are, and nothing in them is a link or markup. In ⟦ ⟧ stand characters that"
    " cannot be seen, line breaks, and the marks of addresses. The JSON beside this file has the exact texts."
)

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Blank although Unicode calls them letters, marks or symbols.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffc")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_ADDRESS = re.compile(r"@|:(?=//)|(?<=www)\.", re.IGNORECASE)
_NEWLINE = re.compile(r"\r\n|\r|\n")
_MARKS_ON_ONE_LETTER = 4
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"


def plain(text: str) -> str:
    """The text on one line, safe anywhere inside a Markdown block or table cell."""
    source = _NEWLINE.sub("\n", text.strip(" \t\r\n"))
    if not source:
        return EMPTY
    addresses = {found.start() for found in _ADDRESS.finditer(source)}
    shown, marks = [], 0
    for at, character in enumerate(source):
        marks = marks + 1 if unicodedata.combining(character) else 0
        is_marked = at in addresses or marks > _MARKS_ON_ONE_LETTER
        shown.append(_in_brackets(character) if is_marked else _shown(character))
    # A right-to-left text would pull what follows it on the line to its other side; the isolates prevent it.
    if any(unicodedata.bidirectional(character) in {"R", "AL", "AN"} for character in source):
        return f"{_ISOLATE}{''.join(shown)}{_END_ISOLATE}"
    return "".join(shown)


def _in_brackets(character: str) -> str:
    return f"⟦{character}⟧" if character in "@:." else f"⟦U+{ord(character):04X}⟧"


def _shown(character: str) -> str:
    if character == "\n":
        return "⟦↵⟧"
    if character in _ENTITIES:
        return _ENTITIES[character]
    if character == "\t" or unicodedata.category(character) == "Zs":
        return " "
    if character.isascii() and character.isprintable():
        return character if character.isalnum() or character == " " else f"\\{character}"
    if character in "⟦⟧" or is_hidden(character):
        return _in_brackets(character)
    return character


def is_hidden(character: str) -> bool:
    """Whether it would not be seen, or changes what is around it without being seen itself."""
    return (
        unicodedata.category(character) in _HIDDEN
        or character in _BLANK
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )
