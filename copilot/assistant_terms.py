"""What one turn of the copilot gets and what it gives, with a model or without: plain values.

A turn looks things up and proposes. What it gives is added to a case by whoever asked for the turn, by the same rules
as everything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol, TypeAlias

from copilot.lint_terms import InternalNames
from copilot.model_usage import Usage
from policy.case_entries import MarksSuggested, ToolCall, Turn
from policy.case_rules import Held
from policy.case_story import CaseStory
from policy.case_terms import Author, Draft, DraftKind, Evidence, Sentence, Source, Statement
from policy.terms import PersonKey


@dataclass(frozen=True)
class Lookup:
    """What is asked of one source; each takes the parts that it understands."""

    accounts: tuple[str, ...] = ()
    """Addresses or keys."""
    attachments: tuple[str, ...] = ()
    """Ids or file names."""
    words: str = ""
    since: datetime | None = None
    until: datetime | None = None


Look: TypeAlias = Callable[[Lookup], Awaitable[Sequence[Evidence]]]
Tools: TypeAlias = Mapping[Source, Look]
"""What may be looked at. Read-only, each with a deadline of its own; a gap is an item and no error."""

TOOL_OF: Mapping[Source, str] = MappingProxyType(
    {
        Source.TICKET: "search_ticket_history",
        Source.DIRECTORY: "read_account_state",
        Source.ACCESS_LOG: "search_access_log",
        Source.ATTACHMENT_TRAIL: "read_attachment_trail",
        Source.KNOWLEDGE_BASE: "search_knowledge_base",
        Source.ESCALATION_QUEUE: "read_escalation_queue",
    }
)
SOURCE_WORDS: Mapping[Source, str] = MappingProxyType(
    {
        Source.TICKET: "the ticket history",
        Source.DIRECTORY: "the directory",
        Source.ACCESS_LOG: "the access log",
        Source.ATTACHMENT_TRAIL: "the attachment store's trail",
        Source.KNOWLEDGE_BASE: "the knowledge base",
        Source.ESCALATION_QUEUE: "the escalation queue",
    }
)


class Ended(StrEnum):
    """How a turn ended; the values are those of a turn on the case's record."""

    DONE = "done"
    STOPPED = "stopped"
    """By a person; what there was by then is kept."""
    BUDGET = "budget"
    PAUSED = "paused"
    """It asks the lead something, and goes no further."""
    FAILED = "failed"
    REFUSED = "refused"
    """Whoever asked may no longer add to the case, or it was closed: nothing of it was taken."""


@dataclass(frozen=True)
class Spent:
    """What a case has used so far."""

    turns: int = 0
    tokens: int = 0
    seconds: float = 0.0
    usd: Decimal = Decimal(0)

    @classmethod
    def of_case(cls, story: CaseStory) -> Spent:
        """What a case's record says was used."""
        return cls.of((turn for _, turn in story.turns), (look for _, look in story.suggestions))

    @classmethod
    def of(cls, turns: Iterable[Turn], looks: Iterable[MarksSuggested] = ()) -> Spent:
        """What turns used, and looks at drafts, which are no turns."""
        told = list(turns)
        every: list[Turn | MarksSuggested] = [*told, *looks]
        return cls(
            len(told),
            sum(one.input_tokens + one.output_tokens for one in every),
            sum(one.seconds for one in every),
            sum((Decimal(one.cost_usd) for one in every), Decimal(0)),
        )


@dataclass(frozen=True)
class Budget:
    """What one case may use in all."""

    turns: int = 60
    tokens: int = 2_000_000
    seconds: float = 3_600.0
    usd: Decimal = Decimal(5)


@dataclass(frozen=True)
class Exchange:
    """An earlier instruction and what was answered."""

    instruction: str
    answer: str


@dataclass(frozen=True)
class CaseTurn:
    """What somebody asks of the copilot, and the case as it is then."""

    case_key: str
    """Names the case and nothing else; pseudonyms are made with it. It is never sent."""
    instruction: str
    held: Held
    goal: str = ""
    stays_human: str = ""
    drafts: tuple[Draft, ...] = ()
    """Each in its newest revision."""
    revealed: frozenset[str] = frozenset()
    """SHA-256, hex, of values that the model may read."""
    spent: Spent = Spent()
    earlier: tuple[Exchange, ...] = ()
    names: InternalNames = field(default_factory=InternalNames)
    """What must not be said outside."""
    tone_of: str = ""
    """The id of a draft that is only to sound otherwise; "" for an ordinary turn."""


@dataclass(frozen=True)
class DraftProposal:
    """A draft as it is proposed: each sentence cites statements in the revision that was read."""

    kind: DraftKind
    sentences: tuple[Sentence, ...]
    rewrites: str = ""
    """The id of the draft whose next revision it would be; "" for none in particular."""


@dataclass(frozen=True)
class TurnResult:
    """What came of a turn. Every statement passes `policy.case_rules.add`, in this order, after the evidence."""

    author: Author
    ended: Ended
    answer: str
    """For people: the model's words, then ours on how it ended."""
    question: str = ""
    """What the lead is asked, where it paused; it stands in the answer too."""
    statements: tuple[Statement, ...] = ()
    drafts: tuple[DraftProposal, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    dropped: tuple[str, ...] = ()
    """What was proposed and not taken, or taken as less, and why."""
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    cost_usd: Decimal = Decimal(0)
    improved: bool = False
    """Whether the case holds more than before: something it had not found, a statement or a draft."""

    @property
    def needs_answer(self) -> bool:
        """Whether the lead must say something before it goes on."""
        return self.ended is Ended.PAUSED

    def as_turn(self, instruction: str, asked_by: PersonKey) -> Turn:
        """The entry of the case's record."""
        return Turn(
            instruction=instruction,
            asked_by=asked_by,
            answer=self.answer,
            author=self.author,
            calls=self.calls,
            ended=self.ended.value,
            input_tokens=self.usage.read_tokens,
            output_tokens=self.usage.output_tokens,
            seconds=round(self.seconds, 3),
            cost_usd=format(self.cost_usd, "f"),
            improved=self.improved,
        )


def _unseen(_: str) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Progress:
    """Where a turn is told as it goes. The callbacks return at once and do not fail."""

    on_text: Callable[[str], None] = field(default=_unseen)
    """The next words of the answer, for people."""
    on_step: Callable[[str], None] = field(default=_unseen)
    """What is being done now."""


class Assistant(Protocol):
    """What takes turns on cases."""

    async def take_turn(
        self, turn: CaseTurn, tools: Tools, stop: asyncio.Event, progress: Progress | None = None
    ) -> TurnResult:
        """Take one turn. Never raises for what a model, a service or a source does."""

    async def aclose(self) -> None:
        """Let go of connections."""
