"""What a view of a case may know: plain frozen values, read from its record by the flows and handed in.

Everything that a person, a model or a source of evidence wrote is `Untrusted`. No view asks who is looking: a flow
refuses what somebody may not do, and says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handlers.views.case_draft_facts import UNSAID, AuthorFacts, DraftFacts, DraftState, PersonFacts
from handlers.views.facts import Untrusted
from policy.case_foundations import is_open_conflict
from policy.case_moves import StatementEvent
from policy.case_terms import (
    Authority,
    Claim,
    EvidenceKind,
    Source,
    StatementKind,
    StatementState,
)
from policy.latch import Rule
from policy.latching import LatchState

__all__ = [
    "AuthorFacts",
    "CaseFacts",
    "CaseRowFacts",
    "DraftFacts",
    "DraftState",
    "EvidenceFacts",
    "HandoffFacts",
    "LatchFacts",
    "LatchReasonFacts",
    "LatchReleaseFacts",
    "PersonFacts",
    "RevealableFacts",
    "StatementFacts",
    "StepFacts",
]


@dataclass(frozen=True)
class EvidenceFacts:
    """One thing that was retrieved."""

    evidence_id: str
    number: int
    """Its place among the evidence of the case, from 1: people read it as 'E3'."""
    source: Source
    kind: EvidenceKind
    authority: Authority
    excerpt: Untrusted
    place: Untrusted
    query: Untrusted
    """What was asked for, in words."""
    retrieved_at: datetime
    observed_at: datetime | None = None
    asked_by: PersonFacts | None = None
    """None for the bot's own look."""
    confidence: float = 1.0
    sha256: str = ""
    is_current: bool = True
    """No later look at the same has replaced it."""


@dataclass(frozen=True)
class StepFacts:
    """One step of a statement's history."""

    event: StatementEvent | None
    """None where it was written."""
    by: AuthorFacts
    at: datetime
    revision: int
    reason: Untrusted = UNSAID


@dataclass(frozen=True)
class StatementFacts:
    """One statement in its newest revision."""

    statement_id: str
    revision: int
    kind: StatementKind
    state: StatementState
    text: Untrusted
    author: AuthorFacts
    evidence: tuple[EvidenceFacts, ...] = ()
    claim: Claim = Claim.EVENT
    owner: PersonFacts | None = None
    due_at: datetime | None = None
    resolution: Untrusted = UNSAID
    is_confirmed: bool = False
    """Of a fact: a person accepted it and its evidence carries it now."""
    why_not: str = ""
    """Of a fact that is not confirmed: what keeps it from being, in our own words; "" where nothing does."""
    history: tuple[StepFacts, ...] = ()

    @property
    def is_open_conflict(self) -> bool:
        """Whether it holds up everything that leaves the case."""
        return is_open_conflict(self.kind, self.state, self.resolution)


@dataclass(frozen=True)
class LatchReasonFacts:
    """One rule that fired on one account."""

    rule: Rule
    sentence: Untrusted
    evidence: tuple[EvidenceFacts, ...] = ()


@dataclass(frozen=True)
class LatchReleaseFacts:
    """One release there was."""

    by: PersonFacts
    at: datetime
    reason: Untrusted


@dataclass(frozen=True)
class LatchFacts:
    """The security latch."""

    state: LatchState = LatchState.CLEAR
    reasons: tuple[LatchReasonFacts, ...] = ()
    seen: str = ""
    """`case_ids.seen_digest` over the latch's marks: what a release names as seen."""
    releasers: tuple[PersonFacts, ...] = ()
    """Who of security could release it when this was drawn."""
    releases: tuple[LatchReleaseFacts, ...] = ()

    @property
    def is_set(self) -> bool:
        return self.state is LatchState.SET


@dataclass(frozen=True)
class RevealableFacts:
    """A value that the copilot is not shown."""

    value_sha256: str
    kind: str
    shown: Untrusted


@dataclass(frozen=True)
class HandoffFacts:
    """How complete a handoff would be now."""

    missing: tuple[str, ...] = ()
    """Names of parts that have nothing and of which nobody said so."""
    shortcomings: tuple[str, ...] = ()
    drafts: tuple[DraftFacts, ...] = ()
    """The newest of each handoff draft."""


@dataclass(frozen=True)
class CaseFacts:
    """One case."""

    case_id: str
    ticket_id: str
    ticket_number: int
    title: Untrusted
    goal: Untrusted
    stays_human: Untrusted
    lead: PersonFacts
    opened_at: datetime
    members: tuple[PersonFacts, ...] = ()
    is_open: bool = True
    statements: tuple[StatementFacts, ...] = ()
    evidence: tuple[EvidenceFacts, ...] = ()
    drafts: tuple[DraftFacts, ...] = ()
    """The newest revision of each."""
    latch: LatchFacts = LatchFacts()
    holdups: tuple[str, ...] = ()
    """What else holds it up, a sentence of ours each: a security handoff that is due, a lead who left."""
    turns: int = 0
    spent_usd: str = "0"
    """A decimal number."""
    model: str = ""
    """"" where no model is in use."""

    @property
    def conflicts(self) -> tuple[StatementFacts, ...]:
        """Those that nobody has settled."""
        return tuple(one for one in self.statements if one.is_open_conflict)

    @property
    def gaps(self) -> tuple[EvidenceFacts, ...]:
        """What could not be read, and has not been since."""
        return tuple(one for one in self.evidence if one.kind is EvidenceKind.GAP and one.is_current)


@dataclass(frozen=True)
class CaseRowFacts:
    """A line of the list of cases."""

    case_id: str
    ticket_number: int
    title: Untrusted
    lead: PersonFacts
    updated_at: datetime
    latch: LatchState = LatchState.CLEAR
    conflicts: int = 0
    undecided: int = 0
    """Statements that wait for a person."""
    is_open: bool = True
    is_readable: bool = True
    """False where its record does not hold together, so that nothing of it is shown."""
    is_withheld: bool = False
    """It has a private channel, and who looks is not of it: they see its ticket and its lead."""
