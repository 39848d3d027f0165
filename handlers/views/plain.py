"""How text that nobody vouches for is shown: safe, and without hiding anything it does.

Slack keeps `plain_text` objects and rich text runs free of markup; what is left to do here is to make the invisible
visible (controls, zero-width and direction marks, look-alike letters) and to say so wherever text was left out.
Everything of ours inside such a text stands in ⟦ ⟧, and those two brackets are escaped where a requester typed them.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator

from pydantic import JsonValue

OPEN_THE_TICKET = "open the ticket"
EMPTY = "⟦nothing written⟧"

_Token = tuple[str, int, bool]
"""What is shown, how many characters of the source it stands for, and whether it is those characters and can be cut."""

_NEWLINES = re.compile(r"\r\n|\r|\n")
_LINE_RUN = re.compile(r"\n(?:[ \t]*\n){2,}")
_SPACE_RUN = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]{9,}")
_VERBATIM = re.compile(r"[!-~]+(?: [!-~]+)*")
_NOT_PLAIN = re.compile(r"[^\n\t\x20-\x7e]")
_BEYOND_ASCII = re.compile(r"[^\n\x20-\x7e]{1,40}")
_WORD = re.compile(r"[^\W_][\w.@-]*")
_LATIN = re.compile(r"[A-Za-z]")

# Blank or ignorable although Unicode calls them letters, marks or symbols.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffc")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
_EMOJI_PRESENTATION = "\ufe0f"
_MARKS_ON_ONE_LETTER = 4
_WORD_LOSS = 16
# Alphabets with letters that pass for Latin ones.
_LOOK_ALIKE_SCRIPTS = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "FULLWIDTH", "LATIN LETTER SMALL")


def visible(text: str, limit: int, *, max_lines: int | None = None, where: str = OPEN_THE_TICKET) -> str:
    """Show untrusted text in at most `limit` characters; what had to be left out is counted, with where to look.

    Lines are kept, unless `max_lines` is reached; runs of blank lines and of spaces are replaced by their count.
    """
    source = _NEWLINES.sub("\n", text)
    shown, taken = _take(source, limit, max_lines)
    if taken == len(source):
        return shown if shown.strip() else EMPTY
    longest_notice = len(_notice(len(source), where))
    if limit <= longest_notice + 20:
        where, longest_notice = "", len(_notice(len(source), ""))
    shown, taken = _take(source, limit - longest_notice, max_lines)
    return shown.rstrip() + _notice(len(source) - taken, where)


def one_line(text: str, limit: int, *, where: str = OPEN_THE_TICKET) -> str:
    """`visible` on a single line, so that a name or subject cannot pretend to be further lines of a card."""
    shown = visible(_NEWLINES.sub(" ", text).strip(), limit - 2, where=where)
    # A right-to-left name would pull the words that follow it on the line to its other side; the isolates prevent it.
    return f"{_ISOLATE}{shown}{_END_ISOLATE}" if not shown.isascii() and any(map(_is_right_to_left, shown)) else shown


def mono(value: JsonValue) -> str:
    """A value as canonical JSON, in full and one-to-one: each character beyond ASCII stands as its escape.

    Where the character has a shape that cannot disturb the line, it follows in brackets: `"b\\u043e(о)b"`.
    """
    # Insertion order must not show: two equal values read the same.
    return escape_non_ascii(json.dumps(value, ensure_ascii=False, sort_keys=True))


def escape_non_ascii(json_text: str) -> str:
    """JSON text with each character beyond ASCII as its escape, line breaks of its layout kept; see `mono`."""
    return _BEYOND_ASCII.sub(lambda run: _escaped_run(run.group()), json_text)


def is_plain_ascii(text: str) -> bool:
    """Whether every character is printable ASCII: nothing in it can hide or deceive."""
    return all(" " <= character <= "~" for character in text)


def has_hidden_characters(text: str) -> bool:
    """Whether the text holds something that a text field would not show (line breaks aside)."""
    return any(map(_is_hidden, _NOT_PLAIN.findall(text)))


def escape_markup(text: str) -> str:
    """The three escapes that keep a message's fallback text from holding a mention, a link or a command."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _notice(hidden: int, where: str) -> str:
    return f" ⟦{hidden:,} more characters{': ' if where else ''}{where}⟧"


def _take(source: str, limit: int, max_lines: int | None) -> tuple[str, int]:
    """As many whole tokens as fit, and how many source characters they stand for."""
    parts: list[str] = []
    length = taken = lines = 0
    for whole, width, is_verbatim in _tokens(source):
        room = max(0, limit - length)
        shown = _cut(whole, room) if is_verbatim else whole
        width = len(shown) if is_verbatim else width
        lines += shown.count("\n")
        if len(shown) > room or (max_lines is not None and lines >= max_lines):
            break
        parts.append(shown)
        length += len(shown)
        taken += width
        if len(shown) < len(whole):
            break
    return "".join(parts), taken


def _cut(words: str, room: int) -> str:
    """What fits, ending with a whole word unless that would cost a good part of the room."""
    if len(words) <= room:
        return words
    end = words.rfind(" ", max(0, room - _WORD_LOSS), room + 1)
    return words[: end if end > 0 else room]


def _tokens(source: str) -> Iterator[_Token]:
    at, marks, previous = 0, 0, ""
    look_alikes = _LookAlikes(source)
    while at < len(source):
        verbatim = _VERBATIM.match(source, at)
        if verbatim:
            yield verbatim.group(), len(verbatim.group()), True
            at, marks, previous = verbatim.end(), 0, source[verbatim.end() - 1]
            continue
        run = _LINE_RUN.match(source, at) or _SPACE_RUN.match(source, at)
        if run:
            yield _collapsed(run.group()), len(run.group()), False
            at, previous = run.end(), " "
            continue
        character = source[at]
        marks = marks + 1 if unicodedata.combining(character) else 0
        is_piled_up = marks > _MARKS_ON_ONE_LETTER
        yield (
            _bracketed(character) if is_piled_up else _shown(character, previous, is_tricky=at in look_alikes),
            1,
            False,
        )
        at, previous = at + 1, character


def _collapsed(run: str) -> str:
    if run.startswith("\n"):
        return f"\n⟦{run.count(chr(10)) - 1} empty lines⟧\n"
    return f" ⟦{len(run)} spaces⟧ "


def _shown(character: str, previous: str, *, is_tricky: bool) -> str:
    if character == "\n":
        return character
    if character == _EMOJI_PRESENTATION and unicodedata.category(previous or "a") == "So":
        return character
    if character in "⟦⟧" or _is_hidden(character):
        return _bracketed(character)
    if character == "\t" or unicodedata.category(character) == "Zs":
        return " "
    return character + _bracketed(character) if is_tricky else character


def _is_hidden(character: str) -> bool:
    if character in "\t\n":
        return False
    return (
        unicodedata.category(character) in _HIDDEN_CATEGORIES
        or character in _BLANK
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


def _is_right_to_left(character: str) -> bool:
    return unicodedata.bidirectional(character) in {"R", "AL", "AN"}


def _bracketed(character: str) -> str:
    return f"⟦U+{ord(character):04X}⟧"


class _LookAlikes:
    """Positions of letters that pass for Latin ones: styled letters anywhere, others in a word with Latin letters.

    Asked in the order of the text, and read no further than that: of a long text only the beginning is shown.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._words = _WORD.finditer(source)
        self._start = self._end = 0
        self._has_latin = False

    def __contains__(self, at: int) -> bool:
        character = self._source[at]
        if character.isascii():
            return False
        while self._end <= at and (word := next(self._words, None)):
            (self._start, self._end), self._has_latin = word.span(), bool(_LATIN.search(word.group()))
        is_in_word = self._start <= at < self._end
        return is_in_word and (_is_styled(character) or (self._has_latin and _is_look_alike(character)))


def _is_styled(character: str) -> bool:
    """Mathematical and enclosed letters, which exist in a text like this only to look like others."""
    return "\U0001d400" <= character <= "\U0001d7ff" or "\u2100" <= character <= "\u214f"


def _is_look_alike(character: str) -> bool:
    if character.isascii() or not character.isalpha():
        return False
    name = unicodedata.name(character, "")
    return name.startswith(_LOOK_ALIKE_SCRIPTS) or character in "ıȷɡɑ"


def _escaped_run(run: str) -> str:
    escapes = "".join(_json_escape(character) for character in run)
    glyphs = "".join(character for character in run if _has_safe_shape(character))
    return f"{escapes}({glyphs})" if glyphs else escapes


def _json_escape(character: str) -> str:
    return json.dumps(character, ensure_ascii=True)[1:-1] if character != "\x7f" else "\\u007f"


def _has_safe_shape(character: str) -> bool:
    """Seen as itself: no mark that joins its neighbour, no right-to-left letter that would reorder the line."""
    return (
        unicodedata.category(character)[0] in "LNPS"
        and character not in _BLANK
        and unicodedata.bidirectional(character) in {"L", "ON", "EN", "ES", "ET", "CS"}
    )
