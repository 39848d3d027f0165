"""What the linter says: codes, how heavy each is for whom a draft is meant, marks, and overrides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from policy.case_terms import DraftKind
from policy.terms import PersonKey


class Code(StrEnum):
    """What is wrong with a sentence, or with a draft."""

    OVERSTATED = "overstated"
    NO_CITATION = "no_citation"
    UNKNOWN_CITATION = "unknown_citation"
    REJECTED_CITATION = "rejected_citation"
    SUPERSEDED_CITATION = "superseded_citation"
    INVENTED_EVIDENCE = "invented_evidence"
    NO_EVIDENCE = "no_evidence"
    UNSUPPORTED_FIGURE = "unsupported_figure"
    EXPOSURE_DENIAL = "exposure_denial"
    ROOT_CAUSE = "root_cause"
    PROMISE = "promise"
    DATE_WITHOUT_OWNER = "date_without_owner"
    MISSING_OWNER = "missing_owner"
    MISSING_NEXT_STEP = "missing_next_step"
    OPEN_CONFLICT = "open_conflict"
    INTERNAL_NAME = "internal_name"
    MINIMISED = "minimised"


class Level(StrEnum):
    """How heavy a mark is."""

    BLOCK = "block"
    """The draft is not released while it stands, unless a person overrides it with a reason."""
    WARNING = "warning"
    OFF = "off"
    """Nothing to say in this kind of draft."""


_INTERNAL_ONLY = {
    Code.EXPOSURE_DENIAL: Level.WARNING,
    Code.ROOT_CAUSE: Level.WARNING,
    Code.PROMISE: Level.WARNING,
    Code.OPEN_CONFLICT: Level.WARNING,
    Code.INTERNAL_NAME: Level.OFF,
}
"""Between our own people these are worth a look; to a customer they are blocks."""
_LIGHTER: Mapping[DraftKind, Mapping[Code, Level]] = MappingProxyType(
    {
        DraftKind.CUSTOMER_UPDATE: {},
        DraftKind.INTERNAL_SUMMARY: _INTERNAL_ONLY,
        DraftKind.ENGINEERING_HANDOFF: _INTERNAL_ONLY,
        # Security may need the name of an attachment, and then says why.
        DraftKind.SECURITY_HANDOFF: _INTERNAL_ONLY | {Code.MINIMISED: Level.WARNING},
    }
)

NEVER_OVERRIDDEN = frozenset(
    {
        Code.NO_CITATION,
        Code.UNKNOWN_CITATION,
        Code.REJECTED_CITATION,
        Code.SUPERSEDED_CITATION,
        Code.INVENTED_EVIDENCE,
        Code.NO_EVIDENCE,
    }
)
"""No reason stands in for what a sentence rests on; the sentence is changed. So whatever goes out has a full trace."""


def level_of(code: Code, kind: DraftKind) -> Level:
    """How heavy a code is in a draft of this kind; what no table makes lighter blocks."""
    return _LIGHTER[kind].get(code, Level.BLOCK)


WHOLE_DRAFT = -1
"""In the place of a sentence's number: the mark is about the draft."""


@dataclass(frozen=True)
class Mark:
    """One thing that is wrong, where, and what to do."""

    code: Code
    level: Level
    sentence: int
    """Its number in the draft, from 0; WHOLE_DRAFT where no single sentence is meant."""
    start: int
    end: int
    """The span within the sentence's text."""
    words: str
    model: str = ""
    """The model that suggested it, whose words these are then; "" for the rules."""


@dataclass(frozen=True)
class Override:
    """A person takes responsibility for one kind of mark on one sentence, and says why."""

    code: Code
    sentence: str
    """The sentence's exact text, "" for the draft: an override never reaches another wording."""
    by: PersonKey
    reason: str
    is_before_look: bool = False
    """It was given before a model looked, and reaches none of the model's marks."""


@dataclass(frozen=True)
class InternalNames:
    """What must not be said outside: names as the site gives them; forms are known without."""

    people: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    tickets: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """Every name that is longer than a letter."""
        every = self.people | self.channels | self.hosts | self.tickets | self.tools
        return frozenset(one for one in every if len(one.strip()) > 1)


@dataclass(frozen=True)
class LintResult:
    """What is marked in one revision of a draft, and which overrides hold for it."""

    marks: tuple[Mark, ...]
    overridden: tuple[tuple[Mark, Override], ...] = ()
    idle: tuple[Override, ...] = ()
    """Overrides that do nothing here: no reason, no such mark, or one that cannot be overridden."""

    @property
    def blocks(self) -> tuple[Mark, ...]:
        """The marks that still keep the draft from being released."""
        lifted = {mark for mark, _ in self.overridden}
        return tuple(one for one in self.marks if one.level is Level.BLOCK and one not in lifted)

    @property
    def warnings(self) -> tuple[Mark, ...]:
        """The marks to look at."""
        return tuple(one for one in self.marks if one.level is Level.WARNING)
