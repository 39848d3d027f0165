"""What the latch's rules read out of evidence: entries of the directory, and what people did, row by row.

Only records are read: what a system wrote down of itself. What a ticket, a note or a document says sets no latch, and
neither does an excerpt, which is for people. Each fact is read on its own, and one that cannot be read says so, for the
rules to decide what follows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import JsonValue

from policy.case_terms import Evidence, EvidenceKind, Source
from policy.digest import canonical_json
from policy.errors import NotCanonical
from policy.terms import folded_address

_READS = frozenset({"download", "preview"})
_NO_READS = frozenset({"retention", "upload", "delete"})
_BY_THE_STORE = frozenset({"retention"})
"""What the attachment store does by itself: nobody's activity, whoever is named beside it."""
_ACTIVE = frozenset({"active"})
_USED = {
    Source.DIRECTORY: ("account", "email", "status", "deprovisioned_at", "entitled"),
    Source.ACCESS_LOG: ("principal", "action", "object", "session", "at"),
    Source.ATTACHMENT_TRAIL: ("principal", "action", "attachment_id", "attachment", "session", "at"),
}
RECORDS = frozenset(_USED)
"""The sources that the rules read."""


class Answer(StrEnum):
    """Whether something holds, as far as a record says."""

    YES = "yes"
    NO = "no"
    POSSIBLE = "possible"
    """It is said in a way that cannot be read, so it cannot be excluded."""
    NOT_SAID = "not_said"


@dataclass(frozen=True)
class Entry:
    """One entry of the directory."""

    evidence_id: str
    mark: str
    account: str
    """The account's key, folded; its address where it has no key; "" where it has neither."""
    has_key: bool
    names: frozenset[str]
    is_gone: Answer
    """Whether the account is deprovisioned."""
    gone_at: datetime | None
    """Since when, if that can be read."""
    is_entitled: Answer
    """Whether it entitles to every attachment; POSSIBLE with a list that can be read, see `may_read`."""
    entitled_to: frozenset[str] | None
    """The only attachments that it entitles to, if it lists them."""


@dataclass(frozen=True)
class Activity:
    """One row of the access log or of the attachment trail."""

    evidence_id: str
    mark: str
    source: Source
    principal: str
    """Folded; "" where none can be read."""
    action: str
    is_read: Answer
    """Whether it downloads or previews an attachment."""
    attachment: str
    session: str
    has_unreadable_session: bool
    at: datetime | None


def entries(evidence: Iterable[Evidence]) -> list[Entry]:
    """The entries of the directory among this evidence."""
    return [_entry(one) for one in evidence if one.source is Source.DIRECTORY and one.kind is EvidenceKind.FOUND]


def activities(evidence: Iterable[Evidence]) -> list[Activity]:
    """What the access log and the attachment trail say was done, without what the store did by itself."""
    rows = (one for one in evidence if one.source in RECORDS - {Source.DIRECTORY} and one.kind is EvidenceKind.FOUND)
    return [row for row in map(_activity, rows) if row.action not in _BY_THE_STORE or row.source is Source.ACCESS_LOG]


def may_read(entry: Entry, attachment: str) -> Answer:
    """Whether the entry entitles to this attachment: it says yes or no, or lists those that it entitles to."""
    if entry.entitled_to is None or not attachment:
        return entry.is_entitled
    return Answer.YES if attachment in entry.entitled_to else Answer.NO


def moment(value: JsonValue) -> datetime | None:
    """A moment in UTC; None for anything but ISO 8601 text with a zone, for which none is guessed."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
        return None if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _entry(one: Evidence) -> Entry:
    facts = one.facts
    key, address = _name(facts.get("account")), _name(facts.get("email"))
    gone_at = moment(facts.get("deprovisioned_at"))
    return Entry(
        one.evidence_id,
        mark(one),
        key or address,
        bool(key),
        frozenset({key, address} - {""}),
        Answer.YES if gone_at is not None else _is_gone(facts),
        gone_at,
        _is_entitled(facts.get("entitled")),
        _listed(facts.get("entitled")),
    )


def _is_entitled(said: JsonValue) -> Answer:
    if _is_blank(said):
        return Answer.NOT_SAID
    if isinstance(said, bool):
        return Answer.YES if said else Answer.NO
    return Answer.POSSIBLE


def _listed(said: JsonValue) -> frozenset[str] | None:
    if not isinstance(said, list):
        return None
    texts = [one.strip() for one in said if isinstance(one, str)]
    return frozenset(texts) if len(texts) == len(said) else None


def _is_gone(facts: Mapping[str, JsonValue]) -> Answer:
    """Of an entry that has no readable time for it."""
    status, since = facts.get("status"), facts.get("deprovisioned_at")
    word = _text(status).lower()
    if word == "deprovisioned":
        return Answer.YES
    if not _is_blank(since) or not (_is_blank(status) or word in _ACTIVE):
        return Answer.POSSIBLE
    return Answer.NO if word in _ACTIVE else Answer.NOT_SAID


def _activity(one: Evidence) -> Activity:
    facts = one.facts
    action, session = _text(facts.get("action")).lower(), facts.get("session")
    is_number = isinstance(session, int) and not isinstance(session, bool)
    return Activity(
        one.evidence_id,
        mark(one),
        one.source,
        _name(facts.get("principal")),
        action,
        _is_read(one.source, action),
        _text(facts.get("attachment_id")) or _text(facts.get("attachment")),
        str(session) if is_number else _text(session),
        not (is_number or isinstance(session, str) or session is None),
        moment(facts.get("at")),
    )


def _is_read(source: Source, action: str) -> Answer:
    if source is Source.ACCESS_LOG or action in _NO_READS:
        return Answer.NO
    return Answer.YES if action in _READS else Answer.POSSIBLE


def _name(value: JsonValue) -> str:
    return folded_address(value) if isinstance(value, str) else ""


def _text(value: JsonValue) -> str:
    return value.strip() if isinstance(value, str) else ""


def _is_blank(value: JsonValue) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def mark(one: Evidence) -> str:
    """Hex, the same for evidence that tells the rules the same: a record that is read again is not new evidence.

    Falls back on the evidence's id where a fact has no exact written form, and so counts it as new.
    """
    facts = {name: one.facts.get(name) for name in _USED[one.source]} if one.source in _USED else {}
    told: dict[str, JsonValue] = {"source": one.source.value, "place": one.place, "facts": facts}
    try:
        return hashlib.sha256(b"countersign.latch.v1\n" + canonical_json(told)).hexdigest()
    except NotCanonical:
        return hashlib.sha256(b"countersign.latch.id.v1\n" + one.evidence_id.encode(errors="replace")).hexdigest()
