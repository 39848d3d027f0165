"""The pseudonyms of one case: the same value has the same one in every turn, and nothing is stored for that.

A pseudonym's number is made of the value and the case's key, which is never sent, so that whoever holds the texts can
neither guess a value from its number nor compare two cases. What evidence calls a name, an account, a file or an
invoice is replaced whatever it looks like. A value that the lead revealed stays as it is; a secret never does.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import JsonValue

from copilot.minimising import for_people, holds_pseudonym, minimise, restore
from copilot.quotes import legible
from policy.case_terms import Evidence

_SECRET = "SECRET"  # noqa: S105 -- the name of a kind, no secret
_FIRST, _COUNT = 10_000_000, 90_000_000
_SHORTEST = 3
_FIELDS: tuple[tuple[str, str], ...] = (
    (_SECRET, r"passw|secret|token|credential"),
    ("INVOICE", r"invoice|amount|billing|vat\b|order_no|purchase"),
    ("IBAN", r"iban|bank"),
    ("CARD", r"card"),
    ("EMAIL", r"e-?mail"),
    ("PHONE", r"phone|mobile"),
    ("FILE", r"attachments?$|attachment_name|attachments?\.name|object_name|file|document$"),
    ("KEY", r"^(?:.*\.)?key$|api_?key|key_?id"),
    (
        "ID",
        r"name$|principal|accounts?$|author|owner|user|actor|person|passport|ssn|national|birth|address|employee|^ip$"
        r"|_ip$|session|device",
    ),
)
"""The kind of a value by what its field is called, the first that fits."""
_KIND_OF_FIELD = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _FIELDS)
_NO_NAMES = frozenset(
    (
        *("active", "inactive", "suspended", "revoked", "deprovisioned", "deactivated", "disabled", "deleted"),
        *("unknown", "none", "null", "true", "false", "system", "bot", "agent", "customer", "requester", "support"),
        *("security", "engineering", "operator", "admin", "user", "anonymous", "internal", "external"),
    )
)
"""What stands in such fields and names nobody."""


@dataclass(frozen=True)
class KeptBack:
    """A value that the model does not get, for the lead to reveal."""

    kind: str
    value: str
    pseudonym: str

    @property
    def sha256(self) -> str:
        """By which a revelation names it: hex, over its UTF-8 bytes."""
        return sha256_of(self.value)


def sha256_of(value: str) -> str:
    """Hex, over the value's UTF-8 bytes."""
    return hashlib.sha256(value.encode()).hexdigest()


@dataclass(frozen=True)
class Raw:
    """A text in a document that nobody has hidden yet."""

    text: str
    limit: int | None = None
    """Characters that are sent of it."""
    field: str = ""
    """The field of evidence that holds it: where its name says what it is, the value is replaced whole."""


class CasePseudonyms:
    """What stands for what in one case. It grows while texts are hidden, and never changes what it has."""

    def __init__(self, case_key: str, revealed: Collection[str] = frozenset()) -> None:
        self._key = case_key.encode()
        self._revealed = frozenset(revealed)
        self._pseudonym_of: dict[str, str] = {}
        self._value_of: dict[str, str] = {}
        self._files: dict[str, None] = {}

    def learn(self, evidence: Iterable[Evidence]) -> None:
        """Know the values that fields of evidence name, before any text is hidden: they may stand in others too."""
        for kind, value in named_in(evidence):
            self._pseudonym(kind, value)
            if kind == "FILE":
                self._files[value] = None

    def hide(self, *texts: str) -> tuple[str, ...]:
        """The texts as the model may read them."""
        known = self._for_a_call()
        minimised = minimise(*map(legible, texts), attached=list(self._files), table=known)
        final = {}
        for pseudonym, value in minimised.table.items():
            kind = _kind_of(pseudonym)
            final[pseudonym] = value if self.is_revealed(kind, value) else self._pseudonym(kind, value)
        return tuple(restore(text, final) for text in minimised.texts)

    def hide_all(self, document: Any) -> Any:
        """A JSON document as the model may read it: its `Raw` texts hidden, all of them together."""
        raw = list(_raw_of(document))
        whole = [self._whole(kind_of_field(one.field), legible(one.text)) for one in raw]
        texts = (_line(one, has_value=shown is None) for one, shown in zip(raw, whole, strict=True))
        lines = iter(
            (line if shown is None else f"{line}: {shown}")[: one.limit]
            for one, line, shown in zip(raw, self.hide(*texts), whole, strict=True)
        )
        return _filled(document, lines)

    def _whole(self, kind: str, value: str) -> str | None:
        if not kind or not _names_something(value):
            return None
        return value if self.is_revealed(kind, value) else self._pseudonym(kind, value)

    def show(self, text: str) -> str:
        """An answer for people who work on the case: with the values, and secrets dotted out."""
        return restore(legible(text), for_people(self._value_of))

    def resolve(self, text: str) -> str | None:
        """What the model means by a text in a question; None where it has a mark that stands for nothing here."""
        meant = self.show(text).strip()
        return None if holds_pseudonym(meant) else meant

    def is_revealed(self, kind: str, value: str) -> bool:
        """Whether the lead let the model read it. Secrets are never read."""
        return kind != _SECRET and sha256_of(value) in self._revealed

    @property
    def kept_back(self) -> tuple[KeptBack, ...]:
        """What was hidden so far and could be revealed."""
        return tuple(
            KeptBack(_kind_of(pseudonym), value, pseudonym)
            for pseudonym, value in self._value_of.items()
            if _kind_of(pseudonym) != _SECRET and not self.is_revealed(_kind_of(pseudonym), value)
        )

    def _pseudonym(self, kind: str, value: str) -> str:
        known = self._pseudonym_of.get(value)
        if known is not None:
            return known
        kind = kind if kind == _SECRET else _kind_alone(value) or kind
        # Two spellings of an account are one account.
        folded = value.strip().casefold() if kind in ("EMAIL", "ID") else value
        digest = hmac.digest(self._key, f"{kind}\n{folded}".encode(), "sha256")
        number = int.from_bytes(digest[:8]) % _COUNT
        while True:
            pseudonym = f"[{kind}_{_FIRST + number}]"
            other = self._value_of.setdefault(pseudonym, value)
            if other == value or (kind in ("EMAIL", "ID") and other.strip().casefold() == folded):
                self._pseudonym_of[value] = pseudonym
                return pseudonym
            number = (number + 1) % _COUNT

    def _for_a_call(self) -> dict[str, str]:
        """What is known, numbered as `minimise` numbers: with room for what it finds."""
        taken = Counter[str]()
        table = {}
        for value, pseudonym in self._pseudonym_of.items():
            kind = _kind_of(pseudonym)
            if _stands_alone(value):
                taken[kind] += 1
                table[f"[{kind}_{taken[kind]}]"] = value
        return table


def _line(one: Raw, has_value: bool) -> str:
    if not one.field:
        return one.text
    return f"{one.field}: {one.text}" if has_value else one.field


def _raw_of(value: Any) -> Iterator[Raw]:
    if isinstance(value, Raw):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _raw_of(one)


def _filled(value: Any, lines: Iterator[str]) -> Any:
    if isinstance(value, Raw):
        return next(lines)
    if isinstance(value, dict):
        return {name: _filled(one, lines) for name, one in value.items()}
    return [_filled(one, lines) for one in value] if isinstance(value, list) else value


def flat(value: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """The fields of a JSON object as (path, text), however deep."""
    for name, one in value.items():
        yield from _leaves(name, one)


def named_in(evidence: Iterable[Evidence]) -> Iterator[tuple[str, str]]:
    """The values that fields of evidence name, each with what its field says it is."""
    for one in evidence:
        for field, value in (*flat(one.facts), *flat(one.query)):
            kind = kind_of_field(field)
            if kind and _names_something(value):
                yield kind, value


@lru_cache(maxsize=1024)
def kind_of_field(path: str) -> str:
    """What kind of value a field holds by its name; "" where the name says nothing."""
    if re.search(r"attachment_id|object_id", path, re.IGNORECASE):
        return ""
    return next((kind for kind, pattern in _KIND_OF_FIELD if pattern.search(path)), "")


def _leaves(path: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _leaves(f"{path}.{name}", one)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(path, one)
    elif value is not None and value != "":
        yield path, value if isinstance(value, str) else json.dumps(value)


def _kind_of(pseudonym: str) -> str:
    return pseudonym[1:].rpartition("_")[0]


def _kind_alone(value: str) -> str:
    """What the value is taken for with nothing around it; "" where it is not seen as one thing."""
    minimised = minimise(value)
    return _kind_of(minimised.texts[0]) if minimised.texts[0] in minimised.table else ""


def _names_something(value: str) -> bool:
    return value.strip().casefold() not in _NO_NAMES and bool(value.strip())


def _stands_alone(value: str) -> bool:
    """Whether a value is looked for in other texts: a letter or two, or a small number, stand there by chance."""
    return len(value.strip()) >= (_SHORTEST + 1 if value.isdigit() else _SHORTEST) and value.casefold() not in _NO_NAMES


class Restorer:
    """Puts words back for people as they come, though a pseudonym may come in pieces."""

    _LONGEST = 24

    def __init__(self, pseudonyms: CasePseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._held = ""

    def feed(self, text: str) -> str:
        """What can be shown now."""
        self._held += text
        start = self._held.rfind("[", max(0, len(self._held) - self._LONGEST))
        cut = start if start >= 0 and "]" not in self._held[start:] else len(self._held)
        shown, self._held = self._held[:cut], self._held[cut:]
        return self._pseudonyms.show(shown)

    def rest(self) -> str:
        """What was waited with."""
        shown, self._held = self._held, ""
        return self._pseudonyms.show(shown)
