"""The words of a case: what was retrieved, what is held about it, and what may be said, as plain values.

A case gathers evidence, which never changes; statements about it, which people accept, edit and reject; and drafts,
whose every sentence cites statements. Nothing here decides: `copilot` makes them, people judge them, the gate lets them
out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import JsonValue

from policy.terms import PersonKey


class Source(StrEnum):
    """Where evidence comes from."""

    TICKET = "ticket"
    DIRECTORY = "directory"
    ACCESS_LOG = "access_log"
    ATTACHMENT_TRAIL = "attachment_trail"
    KNOWLEDGE_BASE = "knowledge_base"
    ESCALATION_QUEUE = "escalation_queue"


class Authority(StrEnum):
    """How much a source is worth where two say different things; the first outranks the others."""

    RECORD = "record"
    """What a system wrote down of itself: logs, the directory."""
    REFERENCE = "reference"
    """What is documented about how a system behaves."""
    NOTE = "note"
    """What somebody said or wrote."""


AUTHORITY_OF: Mapping[Source, Authority] = {
    Source.TICKET: Authority.NOTE,
    Source.DIRECTORY: Authority.RECORD,
    Source.ACCESS_LOG: Authority.RECORD,
    Source.ATTACHMENT_TRAIL: Authority.RECORD,
    Source.KNOWLEDGE_BASE: Authority.REFERENCE,
    Source.ESCALATION_QUEUE: Authority.NOTE,
}


class EvidenceKind(StrEnum):
    """What an item is."""

    FOUND = "found"
    NOTHING = "nothing"
    """The source was read whole and holds nothing of it."""
    GAP = "gap"
    """The source could not be read, or not whole: nothing follows from what is not in it."""


@dataclass(frozen=True)
class Evidence:
    """One thing that was retrieved, as it was then."""

    evidence_id: str
    source: Source
    kind: EvidenceKind
    query: Mapping[str, JsonValue]
    """What was asked for, enough to ask it again."""
    retrieved_at: datetime
    asked_by: PersonKey | None
    """Who had it retrieved; None for the bot's own look at a new case."""
    excerpt: str
    """For people: one line or a passage, as the source has it."""
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    """For rules: the fields that were understood, times as ISO 8601 in UTC."""
    observed_at: datetime | None = None
    """When it happened, by the source."""
    place: str = ""
    """Where in the source it stands: a file and line, a row's key, a document and heading."""
    confidence: float = 1.0
    """From 0 to 1: how surely it answers what was asked. 1 for a record that was looked up by its key."""
    sha256: str = ""
    """Hex, over the source's own bytes of it."""

    @property
    def authority(self) -> Authority:
        """What it is worth beside evidence of another source."""
        return AUTHORITY_OF[self.source]


class StatementKind(StrEnum):
    """What a statement claims to be."""

    FACT = "fact"
    HYPOTHESIS = "hypothesis"
    QUESTION = "question"
    CONFLICT = "conflict"
    NEXT_STEP = "next_step"


class Claim(StrEnum):
    """What a fact is about, which decides what evidence can confirm it."""

    EVENT = "event"
    """Something happened or is so: a record of it must have been found."""
    ABSENCE = "absence"
    """Something is not in a source: the source must have been read whole."""
    BEHAVIOUR = "behaviour"
    """What a system is documented to do; says nothing about what it did."""


class StatementState(StrEnum):
    """Where it stands with people."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    RESOLVED = "resolved"
    """Of a conflict or a question: a person settled it, with a reason."""


@dataclass(frozen=True)
class Author:
    """Who wrote something: a person, a model with its prompt, or the rules that need neither."""

    person: PersonKey | None = None
    model: str = ""
    prompt_version: str = ""


@dataclass(frozen=True)
class Statement:
    """One thing that is held about the case, in one revision."""

    statement_id: str
    kind: StatementKind
    text: str
    evidence: tuple[str, ...]
    """Ids of what it rests on."""
    author: Author
    state: StatementState = StatementState.PROPOSED
    owner: PersonKey | None = None
    owner_label: str = ""
    due_at: datetime | None = None
    """Of a next step: by when."""
    revision: int = 1
    resolution: str = ""
    claim: Claim = Claim.EVENT


class DraftKind(StrEnum):
    """What a draft is for; each has one audience."""

    CUSTOMER_UPDATE = "customer_update"
    INTERNAL_SUMMARY = "internal_summary"
    ENGINEERING_HANDOFF = "engineering_handoff"
    SECURITY_HANDOFF = "security_handoff"


@dataclass(frozen=True)
class Sentence:
    """One sentence of a draft, with what it says it rests on."""

    text: str
    cites: tuple[str, ...]
    """Ids of statements; `id@revision` pins the revision that was read."""
    author: Author


@dataclass(frozen=True)
class Draft:
    """One revision of a draft."""

    draft_id: str
    kind: DraftKind
    revision: int
    sentences: tuple[Sentence, ...]
