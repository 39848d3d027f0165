"""What triage says about a ticket: one typed result, whoever made it (model or offline)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from policy.terms import Provenance, Severity

CATEGORIES = (
    "credentials", "access", "administrative_rights", "hardware", "storage", "purchase", "hr_support",
    "internal_project", "billing", "security_incident", "other",
)  # fmt: skip


class FoundValue(BaseModel):
    """A parameter's value and where it was found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: JsonValue
    provenance: Provenance
    evidence: str = Field(default="", max_length=300)
    """The words it was found in, verbatim, or the name of the record."""


class SuggestedAction(BaseModel):
    """An action of the catalogue that triage thinks fits; a suggestion, not a request."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action_id: str
    params: dict[str, FoundValue]
    why: str = Field(default="", max_length=500)


class Signal(BaseModel):
    """Something in the text that should raise scrutiny. A signal may never lower it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    """One of `copilot.signals.KINDS`, such as 'claims_authority' or 'asks_to_skip_control'."""
    quote: str = Field(max_length=300)


class TriageResult(BaseModel):
    """One ticket's triage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    severity: Severity
    category: str
    confidence: float = Field(ge=0, le=1)
    model: str
    """The model's id, or 'offline-VERSION'."""
    source: str
    """'model' or 'offline'."""
    rationale: str = Field(max_length=2000)
    signals: tuple[Signal, ...] = ()
    suggestions: tuple[SuggestedAction, ...] = ()
    fallback_reason: str | None = None
    """Why the offline triage answered although a model is configured; None otherwise."""


@dataclass(frozen=True)
class TicketText:
    """What triage may read of a ticket. Everything in `messages` is data, never an instruction."""

    ticket_number: int
    requester_line: str
    channel_kind: str
    messages: Sequence[str]
    """Oldest first, as the requester's side wrote them."""
    attachment_names: Sequence[str] = ()


@dataclass(frozen=True)
class ActionOffer:
    """One catalogue entry as triage sees it."""

    action_id: str
    description: str
    params_schema: Mapping[str, JsonValue]


class Triager(Protocol):
    """Anything that can triage. Never raises for what a ticket says: it answers, or falls back and says why."""

    async def triage(self, ticket: TicketText, offers: Sequence[ActionOffer]) -> TriageResult: ...

    async def aclose(self) -> None:
        """Give back what it holds open."""
        ...
