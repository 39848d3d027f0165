"""How evidence is written down: the part that is the same for every item of one look at one source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import sha256

from pydantic import JsonValue

from policy.case_terms import Evidence, EvidenceKind, Source
from policy.terms import PersonKey

Clock = Callable[[], datetime]
NewId = Callable[[], str]

MAX_EXCERPT = 4000
"""Characters of an excerpt; the hash is over all of it."""

NAMES: Mapping[Source, str] = {
    Source.TICKET: "The ticket history",
    Source.DIRECTORY: "The directory",
    Source.ACCESS_LOG: "The access log",
    Source.ATTACHMENT_TRAIL: "The attachment store's trail",
    Source.KNOWLEDGE_BASE: "The knowledge base",
    Source.ESCALATION_QUEUE: "The escalation queue",
}


@dataclass(frozen=True)
class Find:
    """One thing a source has, before it is evidence."""

    excerpt: str
    place: str
    own_bytes: bytes
    """The source's own bytes of it, which are hashed."""
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    observed_at: datetime | None = None
    confidence: float = 1.0


@dataclass(frozen=True)
class Recorder:
    """Makes the evidence of one look."""

    source: Source
    query: Mapping[str, JsonValue]
    asked_by: PersonKey | None
    clock: Clock
    new_id: NewId

    @cached_property
    def retrieved_at(self) -> datetime:
        """When the look had its answer: one moment for all of it, because a later answer replaces an earlier one."""
        return self.clock()

    def found(self, find: Find) -> Evidence:
        """What was found."""
        is_long = len(find.excerpt) > MAX_EXCERPT
        excerpt = find.excerpt[: MAX_EXCERPT - 1] + "…" if is_long else find.excerpt
        return Evidence(
            evidence_id=self.new_id(),
            source=self.source,
            kind=EvidenceKind.FOUND,
            query=self.query,
            retrieved_at=self.retrieved_at,
            asked_by=self.asked_by,
            excerpt=excerpt,
            facts=find.facts,
            observed_at=find.observed_at,
            place=find.place,
            confidence=find.confidence,
            sha256=sha256(find.own_bytes).hexdigest(),
        )

    def nothing(self, facts: Mapping[str, JsonValue]) -> Evidence:
        """The source was read whole and holds nothing of it."""
        return self._without_find(EvidenceKind.NOTHING, f"{NAMES[self.source]} holds nothing of this.", facts, "")

    def gap(self, what: str, facts: Mapping[str, JsonValue], place: str = "") -> Evidence:
        """The source was not read, or not whole. `what` goes on from its name: 'is not set up here'."""
        return self._without_find(EvidenceKind.GAP, f"{NAMES[self.source]} {what}.", facts, place)

    def _without_find(self, kind: EvidenceKind, excerpt: str, facts: Mapping[str, JsonValue], place: str) -> Evidence:
        return Evidence(
            evidence_id=self.new_id(),
            source=self.source,
            kind=kind,
            query=self.query,
            retrieved_at=self.retrieved_at,
            asked_by=self.asked_by,
            excerpt=excerpt,
            facts=facts,
            place=place,
            confidence=0.0 if kind is EvidenceKind.GAP else 1.0,
        )
