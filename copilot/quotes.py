"""Text as triage reads it: made storable, folded for matching, and quoted verbatim.

Matching runs over a folded copy (lower case, no accents, no invisible characters, look-alike letters made plain), so
that a phrase cannot hide behind them; quotes are always cut from the text a person sees. Nothing here judges.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

QUOTE_LIMIT = 300
"""Characters; what the signal and evidence fields hold."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_PLAIN = re.compile(r"[\t\n\r -~]*")
# A clause ends where a reader would pause; a dot inside an address or a version does not count.
_CLAUSE_END = re.compile(r"[.!?;:,](?=\s|$)|[\n\r]|\s[-\u2013\u2014]\s|\u2014")
_QUOTE_MARKS = {"\u2018": "'", "\u2019": "'", "\u201b": "'", "\u00b4": "'", "`": "'", "\u2010": "-", "\u2011": "-"}
# Letters of other alphabets that look like Latin ones. Real words of those alphabets turn into noise, which is
# harmless: the folded copy is only searched for phrases, never shown.
_LOOKALIKES = dict(zip("асеорхуіјѕԁһκοανρτ", "aceopxyijsdhkoavpt", strict=True))


def legible(text: str) -> str:
    """Replace what neither a database nor JSON can hold (NUL, lone surrogates), one for one, with U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


@dataclass(frozen=True)
class Folded:
    """A text with the copy that is searched; `at[i]` is the place in `original` of folded character i."""

    original: str
    text: str
    at: tuple[int, ...] | None
    """None where places are the same in both."""

    def span(self, match: re.Match[str]) -> tuple[int, int]:
        """Where a match of the folded text lies in the original."""
        return self.place(*match.span())

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where text[start:end] of the folded text lies in the original."""
        if self.at is None:
            return start, end
        if start == end:
            return (0, 0)
        return self.at[start], self.at[end - 1] + 1


@lru_cache(maxsize=4)
def fold(text: str) -> Folded:
    """Fold a text for matching, in time proportional to its length, whatever it holds.

    The last few are kept: one triage looks at the same text through several rules.
    """
    if _PLAIN.fullmatch(text):
        return Folded(text, text.lower().replace("`", "'"), None)
    pieces: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        piece = _folded_character(character)
        pieces.append(piece)
        places.extend([place] * len(piece))
    return Folded(text, "".join(pieces), tuple(places))


@lru_cache(maxsize=4096)
def _folded_character(character: str) -> str:
    if character in "\t\n\r":
        return character
    if unicodedata.category(character) in ("Cf", "Cc", "Mn", "Me"):
        return ""
    plain = _QUOTE_MARKS.get(character, character)
    decomposed = unicodedata.normalize("NFKD", plain).casefold()
    kept = (c for c in decomposed if not unicodedata.combining(c))
    return "".join(_LOOKALIKES.get(c, c) for c in kept)


@cache
def phrase_pattern(alternatives: tuple[str, ...]) -> re.Pattern[str]:
    """Compile phrases over folded text into one pattern.

    A space stands for any short gap between two words (a line break, emphasis marks, a dash), but never for the end of
    a sentence.
    """
    gap = r"(?:[^\w.!?]{1,4})"
    body = "|".join(alternative.replace(" ", gap) for alternative in alternatives)
    return re.compile(rf"(?<!\w)(?:{body})(?!\w)")


def clause_around(text: str, start: int, end: int, limit: int = QUOTE_LIMIT) -> str:
    """Quote the clause that holds text[start:end], verbatim, at most `limit` characters and always from within it."""
    begin = max(0, start - limit)
    before = text[begin:start]
    left = begin
    for pause in _CLAUSE_END.finditer(before):
        left = begin + pause.end()
    pause_after = _CLAUSE_END.search(text, end, min(len(text), end + limit))
    right = pause_after.start() if pause_after else min(len(text), end + limit)
    if right - left > limit:
        # Keep the match itself in sight: drop words before it first.
        left = max(left, min(start, right - limit))
        right = min(right, left + limit)
    return text[left:right].strip()


def sentences(text: str) -> list[tuple[int, int]]:
    """Split into sentences, as (start, end) places; a line break ends one too."""
    spans: list[tuple[int, int]] = []
    start = 0
    for stop in re.finditer(r"[.!?]+(?=\s|$)|[\n\r]+", text):
        if text[start : stop.end()].strip():
            spans.append((start, stop.end()))
        start = stop.end()
    if text[start:].strip():
        spans.append((start, len(text)))
    return spans
