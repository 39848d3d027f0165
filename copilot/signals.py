"""Deterministic detectors of turns of speech that should make an operator look twice.

A signal raises scrutiny and never lowers it: finding none means nothing, and no caller may treat its absence as trust.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from copilot.phrases import MARKUP_FOR_BOTS, PHRASES
from copilot.quotes import QUOTE_LIMIT, Folded, clause_around, fold, legible, phrase_pattern
from copilot.secret_formats import find_secrets, mask_secrets
from copilot.suggestions import Signal

KINDS = (
    "claims_authority",
    "impersonation",
    "asks_to_skip_control",
    "instruction_to_bot",
    "secret_in_text",
    "urgency",
)
"""In the order in which signals are listed."""

_MOST_PER_KIND = 3
"""More quotes of one kind make a card longer and nobody wiser."""

_WORN_TITLE = re.compile(
    r"(?<!\w)(?:ceo|cto|ciso|cfo|coo|cio|admin|administrator|sysadmin|slackbot|help ?desk|service desk"
    r"|security (?:team|officer|desk|alert)|it[ -](?:team|support|department|security|admin|desk)|support team)(?!\w)"
)
_NAMED_SELF = re.compile(
    r"(?<!\w)(?:i am|i'm|this is|my name is|it's|ich bin|hier ist|mein name ist|je suis|c'est|ici|soy|me llamo"
    r"|habla|sou|meu nome e|aqui e o|aqui e a)\s+(?P<name>[\w.+-]{2,64}(?:@[\w.-]{3,190})?)"
)
_NAME_FIRST = re.compile(
    r"(?:^|[\n.!?]\s*)(?P<name>[a-z][a-z'-]{1,30})(?: [a-z][a-z'-]{1,30})? (?:here|speaking)(?!\w)"
)
_ADDRESS = re.compile(r"(?<![\w.+-])([a-z0-9]{2,64})[\w.+-]{0,64}@[\w-]+\.")
_NOT_NAMES_TEXT = (
    "the a an not so it i is here there very still also just unable sorry sure getting having trying from in on"
    " at one all now what how why who that because due only happening ok fine good great urgent nobody everyone anyone"
    " out over today tomorrow yesterday monday tuesday wednesday thursday friday saturday sunday please hi hello kunde"
    " kundin neu leider nicht der die das ein eine le la un une el los las um uma o os as"
)
_NOT_NAMES = frozenset(_NOT_NAMES_TEXT.split())


def find_signals(text: str) -> tuple[Signal, ...]:
    """Find every kind of signal in a text, at most three quotes a kind, in the order of `KINDS`.

    Quotes are verbatim, except that secrets in them are dotted out. Never raises.
    """
    shown = mask_secrets(legible(text))
    folded = fold(shown)
    found: list[Signal] = []
    for kind in KINDS:
        found += _quoted(kind, shown, _places(kind, folded, text))
    return tuple(found)


def ticket_signals(requester_line: str, text: str) -> tuple[Signal, ...]:
    """The signals of a ticket: those of its text, and a title or unit worn as a display name.

    What an account is called, its owner chose: 'IT Support' as a name is an old trick.
    """
    line = legible(requester_line)
    worn = _WORN_TITLE.search(fold(line).text)
    named = (Signal(kind="impersonation", quote=mask_secrets(line)[:QUOTE_LIMIT]),) if worn else ()
    return named + find_signals(text)


def _places(kind: str, folded: Folded, text: str) -> Iterable[tuple[int, int]]:
    if kind == "secret_in_text":
        return find_secrets(legible(text))
    if kind == "impersonation":
        return _self_names(folded)
    matches = list(_pattern(kind).finditer(folded.text))
    if kind == "instruction_to_bot":
        matches += _markup_pattern().finditer(folded.text)
    return [folded.span(match) for match in matches]


@cache
def _pattern(kind: str) -> re.Pattern[str]:
    return phrase_pattern(tuple(phrase for phrases in PHRASES[kind].values() for phrase in phrases))


@cache
def _markup_pattern() -> re.Pattern[str]:
    return re.compile("|".join(MARKUP_FOR_BOTS))


def _self_names(folded: Folded) -> list[tuple[int, int]]:
    """Where the writer says who they are: an address, a written name, or a name whose address is in the text."""
    addressed = {match[1] for match in _ADDRESS.finditer(folded.text)}
    places = []
    for match in (*_NAMED_SELF.finditer(folded.text), *_NAME_FIRST.finditer(folded.text)):
        name = match["name"]
        start, end = folded.span(match)
        # The last word as the writer wrote it: a capital marks a name, capitals throughout are shouting.
        written = folded.original[start:end].strip().rsplit(maxsplit=1)[-1]
        is_written_as_name = written[:1].isupper() and written[1:].islower()
        is_name = "@" in name or name in addressed or (is_written_as_name and match.re is _NAMED_SELF)
        if is_name and name not in _NOT_NAMES:
            places.append((start, end))
    return places


def _quoted(kind: str, shown: str, places: Iterable[tuple[int, int]]) -> list[Signal]:
    quotes: list[str] = []
    for start, end in sorted(places):
        quote = shown[start:end][:QUOTE_LIMIT] if kind == "secret_in_text" else clause_around(shown, start, end)
        if quote and not any(quote in earlier for earlier in quotes):
            quotes.append(quote)
        if len(quotes) == _MOST_PER_KIND:
            break
    return [Signal(kind=kind, quote=quote) for quote in quotes]
