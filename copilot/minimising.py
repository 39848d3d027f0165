"""What stays here when a text goes to a model: secrets and personal data are replaced by pseudonyms, and put back.

`[EMAIL_1]` stands for one value throughout a conversation. Whatever a requester types that looks like a pseudonym is
itself replaced (`[TEXT_1]`), so in a minimised text each pseudonym is ours, and what it stands for is never chosen by
whoever typed it. Pure: texts in, texts and table out; nothing is stored.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from types import MappingProxyType
from typing import TypeAlias

from copilot import personal_formats as personal
from copilot.entities import key_id_places
from copilot.phone_numbers import phone_numbers
from copilot.secret_formats import dotted, find_secrets

Place: TypeAlias = tuple[int, int]

_SECRET, _TYPED = "SECRET", "TEXT"
_FINDERS: Mapping[str, Callable[[str], Iterable[Place]]] = {
    _SECRET: find_secrets,
    "IBAN": personal.bank_accounts,
    "CARD": personal.card_numbers,
    "EMAIL": personal.email_addresses,
    "KEY": key_id_places,
    "ID": personal.identity_records,
    "INVOICE": personal.invoice_numbers,
    "PHONE": phone_numbers,
}
"""In the order in which they are believed: where two see something, the earlier has it and the other what is left."""
KINDS = (*_FINDERS, "FILE", _TYPED)
_PSEUDONYM = re.compile(rf"\[(?:{'|'.join(KINDS)})_[0-9]+\]")
_LIKE_ONE = re.compile(rf"\[?(?<![A-Za-z0-9])(?:{'|'.join(KINDS)})_[0-9]+(?![A-Za-z0-9])\]?", re.IGNORECASE)
_GAP = "\n\n"
_SHORTEST_REST = 3
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Minimised:
    """Texts that may go to a model, and what each pseudonym in them stands for."""

    texts: tuple[str, ...]
    table: Mapping[str, str]


@dataclass(frozen=True)
class _Found:
    start: int
    end: int
    kind: str


def minimise(*texts: str, attached: Sequence[str] = (), table: Mapping[str, str] = _NOTHING) -> Minimised:
    """Replace what should not leave; the same value has the same pseudonym in all the texts.

    `attached` are the names of files known to be attached. Given the table of an earlier turn of the same conversation,
    its values keep their pseudonyms; what comes back holds them too.
    """
    joined = _GAP.join(texts)
    pseudonyms = {value: pseudonym for pseudonym, value in table.items()}
    taken = Counter(pseudonym[1:].rpartition("_")[0] for pseudonym in table)
    found = _within(texts, _disjoint(joined, _all_found(joined, attached)))
    for text, places in zip(texts, found, strict=True):
        for one in places:
            value = text[one.start : one.end]
            if value not in pseudonyms:
                taken[one.kind] += 1
                pseudonyms[value] = f"[{one.kind}_{taken[one.kind]}]"
    elsewhere = _pattern_of(pseudonyms)
    minimised = (
        "".join(_pieces(text, places, pseudonyms, elsewhere)) for text, places in zip(texts, found, strict=True)
    )
    return Minimised(tuple(minimised), {pseudonym: value for value, pseudonym in pseudonyms.items()})


def restore(text: str, table: Mapping[str, str]) -> str:
    """Put back what pseudonyms stand for, once; those that the table does not know stay as they are."""
    return _PSEUDONYM.sub(lambda match: table.get(match[0], match[0]), text)


def for_people(table: Mapping[str, str]) -> dict[str, str]:
    """The table by which a model's answer is restored for those who read tickets: secrets stay dotted out."""
    return {
        pseudonym: dotted(value) if pseudonym.startswith(f"[{_SECRET}_") else value
        for pseudonym, value in table.items()
    }


def holds_pseudonym(text: str) -> bool:
    """Whether something in a text has the form of a pseudonym."""
    return _PSEUDONYM.search(text) is not None


def _all_found(text: str, attached: Sequence[str]) -> Iterator[_Found]:
    finders: Mapping[str, Callable[[str], Iterable[Place]]] = {
        **_FINDERS,
        "FILE": partial(personal.file_names, known=attached),
    }
    for kind, find in finders.items():
        yield from (_Found(start, end, kind) for start, end in find(text))
    yield from (_Found(*match.span(), _TYPED) for match in _LIKE_ONE.finditer(text))


def _disjoint(text: str, found: Iterable[_Found]) -> list[_Found]:
    """Of what overlaps, the earlier finder's stays whole and the later one's is cut down to what is left of it."""
    kept: list[_Found] = []
    starts: list[int] = []
    for one in found:
        for start, end in _uncovered(one, kept, starts):
            is_whole = (start, end) == (one.start, one.end)
            # A cut pseudonym of the requester's is none any more, and a rest of a letter or two tells nothing.
            if is_whole or sum(map(str.isalnum, text[start:end])) >= _SHORTEST_REST:
                place = bisect_right(starts, start)
                kept.insert(place, _Found(start, end, one.kind))
                starts.insert(place, start)
    return kept


def _uncovered(one: _Found, kept: Sequence[_Found], starts: Sequence[int]) -> list[Place]:
    free, at = [], one.start
    for other in kept[max(0, bisect_right(starts, one.start) - 1) :]:
        if other.start >= one.end:
            break
        if other.end > at:
            free.append((at, other.start))
            at = other.end
    free.append((at, one.end))
    return [(start, end) for start, end in free if start < end]


def _within(texts: Sequence[str], found: Sequence[_Found]) -> list[list[_Found]]:
    """The places of each text, counted from its beginning; what goes over a border is cut there."""
    shares: list[list[_Found]] = [[] for _ in texts]
    begins = list(accumulate((len(text) + len(_GAP) for text in texts[:-1]), initial=0))
    for one in found:
        for n in range(bisect_right(begins, one.start) - 1, len(texts)):
            start, end = max(one.start - begins[n], 0), min(one.end - begins[n], len(texts[n]))
            if one.end <= begins[n]:
                break
            if start < end:
                shares[n].append(_Found(start, end, one.kind))
    return shares


def _pattern_of(pseudonyms: Mapping[str, str]) -> re.Pattern[str] | None:
    """Matches any of the values where it stands by itself; the longest first."""
    longest_first = sorted(pseudonyms, key=len, reverse=True)
    # Each alternative begins with its own letters: with an assertion of its own, hundreds of values would take minutes.
    words = [_ending(value) for value in longest_first if value[0].isalnum()]
    others = [_ending(value) for value in longest_first if not value[0].isalnum()]
    parts = [rf"(?<!\w)(?:{'|'.join(words)})"] if words else []
    return re.compile("|".join([*parts, *others])) if pseudonyms else None


def _ending(value: str) -> str:
    return re.escape(value) + (r"(?!\w)" if value[-1].isalnum() else "")


def _pieces(
    text: str, found: Sequence[_Found], pseudonyms: Mapping[str, str], elsewhere: re.Pattern[str] | None
) -> Iterator[str]:
    """The text with what was found replaced, and the same values wherever else they stand."""
    at = 0
    for one in [*found, _Found(len(text), len(text), "")]:
        between = text[at : one.start]
        yield elsewhere.sub(lambda match: pseudonyms[match[0]], between) if elsewhere else between
        if one.kind:
            yield pseudonyms[text[one.start : one.end]]
        at = one.end
