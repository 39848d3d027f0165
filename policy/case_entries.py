"""What may be written into a case's record, and the one form in which it is stored.

A case is its record: entries are added and never changed, and what the case holds at a moment follows from them
(`policy.case_story`). Each entry is a step of the case's own audit chain, with its body whole, so that nobody without
the audit key adds, changes or removes one unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue, TypeAdapter

from policy.case_moves import StatementEvent
from policy.case_terms import Author, Draft, Evidence, Statement
from policy.latching import Latch
from policy.terms import PersonKey


@dataclass(frozen=True)
class Opened:
    """Somebody opened the case on a ticket."""

    ticket_id: str
    ticket_number: int
    title: str
    lead: PersonKey
    channel: str
    """Where it is worked on: a channel of our own people."""
    intake_at: datetime
    """When the ticket came in."""
    is_private: bool = False
    """The channel is private and was made for it: those who are not of the case do not read it."""


@dataclass(frozen=True)
class Framed:
    """The lead said what the case is for. Every one but the first may drop what the one before was for."""

    goal: str
    stays_human: str
    """What the copilot is not to do or judge, in the lead's words; "" for nothing beyond the rules."""
    is_redirection: bool = False
    """The goal is another one: what followed from the old one waits for people again."""


@dataclass(frozen=True)
class LeadChanged:
    """Somebody else is accountable now."""

    lead: PersonKey
    reason: str


@dataclass(frozen=True)
class MembersChanged:
    """Who works on it beside the lead, all of them."""

    members: tuple[PersonKey, ...]


@dataclass(frozen=True)
class Retrieved:
    """One look at the sources: every item, gaps and empty answers too."""

    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class StatementStep:
    """A statement as it is after this step."""

    statement: Statement
    event: StatementEvent | None
    """None where it is new."""
    reason: str = ""


@dataclass(frozen=True)
class Drafted:
    """One revision of a draft."""

    draft: Draft
    author: Author
    """Who wrote this revision as a whole; each sentence has its own author too."""
    reason: str = ""
    """Of a correction: why, in the editor's words."""
    cause: str = ""
    """Of a correction: one of CORRECTION_CAUSES, or "" where it was no correction."""


CORRECTION_CAUSES = ("overstated_certainty", "missed_boundary", "wrong_fact", "wrong_tone", "other")
"""Why a draft had to be changed by a person. The first two are what the copilot is measured by."""
MAJOR_CAUSES = frozenset({"overstated_certainty", "missed_boundary", "wrong_fact"})


@dataclass(frozen=True)
class Overridden:
    """The lead takes responsibility for one mark of the linter on one sentence of one revision."""

    draft_id: str
    revision: int
    code: str
    sentence: str
    """The sentence's exact text; "" for the draft as a whole."""
    reason: str


@dataclass(frozen=True)
class SuggestedMark:
    """What a model would mark in one sentence. Whoever lints looks for the quote again."""

    code: str
    """One of the linter's own."""
    sentence: int
    """Its number in the draft, from 0."""
    quote: str
    """What is meant, letter for letter as the sentence has it."""
    words: str
    """Why, in the model's words."""


@dataclass(frozen=True)
class MarksSuggested:
    """A model looked at one revision of a draft, or could not."""

    draft_id: str
    revision: int
    author: Author
    """The model and its prompt."""
    marks: tuple[SuggestedMark, ...] = ()
    ended: str = "done"
    """'done', 'budget', 'failed', or 'refused' where whoever asked for it may no longer add to the case."""
    why: str = ""
    """Where it is not done: what was missing, in our own words."""
    dropped: int = 0
    """How many marks it gave that were none."""
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    cost_usd: str = "0"
    """A decimal number."""


@dataclass(frozen=True)
class LatchMoved:
    """The security latch was set, got further reasons, or was released: how it stands after it."""

    latch: Latch


@dataclass(frozen=True)
class Revealed:
    """The lead lets the copilot read one value that is otherwise replaced."""

    value_sha256: str
    """Hex, over the value's UTF-8 bytes: the value itself is in the evidence and not repeated here."""
    kind: str
    reason: str


@dataclass(frozen=True)
class ToolCall:
    """One question that the model asked of a source, and what it was told."""

    name: str
    asked: Mapping[str, JsonValue]
    answer: str
    """What it was told, as it was told it: with pseudonyms."""
    is_error: bool = False


@dataclass(frozen=True)
class Turn:
    """One turn of the copilot: what it was asked, by whom, and what came of it."""

    instruction: str
    asked_by: PersonKey
    answer: str
    author: Author
    """The model and its prompt, or the rules where no model was in use."""
    calls: tuple[ToolCall, ...] = ()
    ended: str = "done"
    """'done', 'stopped' by a person, 'budget', 'paused' to ask, 'failed', or 'refused' where whoever asked may no
    longer add to the case, or it was closed meanwhile: nothing of it was taken."""
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    cost_usd: str = "0"
    """A decimal number."""
    improved: bool = True
    """Whether the case holds more than before: evidence, a statement, or a draft."""


@dataclass(frozen=True)
class StatedEmptyPart:
    """Somebody's word that a part of the handoff packet has nothing."""

    part: str
    words: str


@dataclass(frozen=True)
class ReleaseAsked:
    """A revision was put before the gate: nothing is released by it."""

    request_id: str
    draft_id: str
    revision: int


@dataclass(frozen=True)
class Released:
    """A revision went out: to the customer, or as a handoff."""

    request_id: str
    draft_id: str
    revision: int
    audience: str
    """'customer', 'engineering' or 'security'."""
    text_sha256: str
    """Hex, over the UTF-8 text exactly as it was sent."""
    approvers: tuple[PersonKey, ...]


@dataclass(frozen=True)
class HeldBack:
    """What was approved, or about to be, did not go out."""

    request_id: str
    why: str


@dataclass(frozen=True)
class CustomerWrote:
    """A message of the requester's side came in while the case was open."""

    message_id: str


@dataclass(frozen=True)
class Escalated:
    """The loop stalled, or something was due: somebody beyond the case was told."""

    why: str


@dataclass(frozen=True)
class Closed:
    """The case is done."""

    reason: str


Body = (
    Opened
    | Framed
    | LeadChanged
    | MembersChanged
    | Retrieved
    | StatementStep
    | Drafted
    | Overridden
    | MarksSuggested
    | LatchMoved
    | Revealed
    | Turn
    | StatedEmptyPart
    | ReleaseAsked
    | Released
    | HeldBack
    | CustomerWrote
    | Escalated
    | Closed
)

NAMES: Mapping[str, type[Any]] = MappingProxyType(
    {
        "case_opened": Opened,
        "case_framed": Framed,
        "case_lead_changed": LeadChanged,
        "case_members_changed": MembersChanged,
        "case_evidence_retrieved": Retrieved,
        "case_statement_moved": StatementStep,
        "case_drafted": Drafted,
        "case_mark_overridden": Overridden,
        "case_marks_suggested": MarksSuggested,
        "case_latch_moved": LatchMoved,
        "case_value_revealed": Revealed,
        "case_turn": Turn,
        "case_part_stated_empty": StatedEmptyPart,
        "case_release_asked": ReleaseAsked,
        "case_released": Released,
        "case_release_held": HeldBack,
        "case_customer_wrote": CustomerWrote,
        "case_escalated": Escalated,
        "case_closed": Closed,
    }
)
"""THE table: the name of a step on the trail, and the body it carries."""
_NAME_OF = MappingProxyType({body: name for name, body in NAMES.items()})
_FORMS: Mapping[str, TypeAdapter[Any]] = MappingProxyType({name: TypeAdapter(body) for name, body in NAMES.items()})


@dataclass(frozen=True)
class Entry:
    """One entry of a case's record."""

    seq: int
    """Its number, from 1."""
    at: datetime
    actor: str
    """PersonKey text of whoever did it or had the copilot do it, or 'bot' for the rules."""
    body: Body


def name_of(body: Body) -> str:
    """The step's name on the trail."""
    return _NAME_OF[type(body)]


def encode(body: Body) -> dict[str, JsonValue]:
    """The body as its step's payload has it."""
    value: dict[str, JsonValue] = _FORMS[name_of(body)].dump_python(body, mode="json")
    return value


def decode(name: str, payload: Mapping[str, Any]) -> Body:
    """The body of a step. Raises ValueError for a name that is not in the table or a payload that is not its own."""
    if name not in NAMES:
        raise ValueError(f"no entry of a case is called {name!r}")
    body: Body = _FORMS[name].validate_python(dict(payload))
    return body
