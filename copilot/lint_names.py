"""What must not be said at all: internal names to outsiders, and values that were minimised, by value and by form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from copilot.lint_terms import InternalNames
from copilot.quotes import Folded, fold
from copilot.secret_formats import find_secrets

Span = tuple[int, int]

_INTERNAL_FORMS = re.compile(
    r"(?<![\w#])#[a-z][a-z0-9_-]{1,79}\b"  # a channel
    r"|<[@#!][^>\s]{2,80}>|(?<![\w@.])@[a-z][\w.-]{1,40}"  # somebody mentioned
    r"|\b(?:[a-z0-9-]{1,63}\.){1,6}(?:internal|local|corp|lan|intra|localdomain)\b"
    r"|\b(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}\b"
)
_TICKET_NUMBER = re.compile(r"\b(?!UTC-|ISO-|SHA-|UTF-|TLS-|AES-|INV-|RFC-|CVE-)[A-Z]{2,10}-\d{1,7}\b")
_MINIMISED_FORMS = re.compile(
    r"\b[\w()-]{1,100}(?:\.[\w-]{1,40}){0,4}\.(?:pdf|zip|csv|tsv|xlsx?|docx?|pptx?|json|ya?ml|toml|conf|cfg|ini|bak|tar|gz|7z|sql"
    r"|log|txt|png|jpe?g|gif|eml|msg|pem|key|p12|env|xml|dump)\b"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}"
    r"|\b[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){3,7}(?: ?[a-z0-9]{1,3})?\b"  # an IBAN
    r"|\b(?:inv|invoice)[-_ #]{0,3}(?:no\.? ?)?\d{3,12}\b"
    r"|(?<![\w+])\+\d{1,3}[ ()\d/.-]{6,18}\d\b"
)
_CARD = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")
_SHORTEST = 3
"""Characters of a minimised value that are looked for; two letters stand everywhere."""


def internal_names(text: str, names: InternalNames) -> Iterator[Span]:
    """Where a text names people, channels, hosts, tickets or tools of ours."""
    folded = fold(text)
    yield from _said(folded, names.all)
    yield from (folded.span(match) for match in _INTERNAL_FORMS.finditer(folded.text))
    yield from (match.span() for match in _TICKET_NUMBER.finditer(text))


def minimised_values(text: str, values: Iterable[str]) -> Iterator[Span]:
    """Where a text says a value that was minimised, the name of a file, an address, a number or a secret."""
    folded = fold(text)
    yield from _said(folded, frozenset(values), shortest=_SHORTEST)
    yield from (folded.span(match) for match in _MINIMISED_FORMS.finditer(folded.text))
    yield from (folded.span(match) for match in _CARD.finditer(folded.text) if _is_card(match[0]))
    yield from find_secrets(text)


def _said(folded: Folded, values: frozenset[str], *, shortest: int = 1) -> Iterator[Span]:
    pattern = _any_of(values, shortest)
    if pattern is not None:
        yield from (folded.span(match) for match in pattern.finditer(folded.text))


@lru_cache(maxsize=32)
def _any_of(values: frozenset[str], shortest: int) -> re.Pattern[str] | None:
    """One pattern for all values, the longest first; any run of blanks and dashes within them counts as one."""
    looked_for = [one.strip() for one in values if len(one.strip()) >= shortest]
    words = [[re.escape(part) for part in re.split(r"[\s_-]+", fold(one).text) if part] for one in looked_for]
    bodies = sorted({r"[\s_-]+".join(parts) for parts in words if parts}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(bodies)})(?!\w)") if bodies else None


def _is_card(text: str) -> bool:
    digits = [int(one) for one in reversed(text) if one.isdigit()]
    doubled = (sum(divmod(2 * one, 10)) for one in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
