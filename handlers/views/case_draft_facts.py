"""What a view may know of a draft, and of whoever wrote something: plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from handlers.views.facts import Untrusted
from policy.case_terms import DraftKind

UNSAID = Untrusted("")


@dataclass(frozen=True)
class PersonFacts:
    """Somebody, as shown."""

    user_id: str | None
    """Slack's id; None where only a name is known."""
    label: Untrusted


@dataclass(frozen=True)
class AuthorFacts:
    """Who wrote something: a person, or a model with its prompt, or the rules where neither is named."""

    person: PersonFacts | None = None
    model: str = ""
    prompt_version: str = ""


class DraftState(StrEnum):
    """Where the newest revision of a draft stands."""

    WRITTEN = "written"
    BLOCKED = "blocked"
    """The linter keeps it in."""
    WAITING = "waiting"
    """Before the gate, undecided."""
    APPROVED = "approved"
    SENT = "sent"


@dataclass(frozen=True)
class SentenceFacts:
    """One sentence of a draft."""

    text: Untrusted
    cites: tuple[str, ...]
    author: AuthorFacts


@dataclass(frozen=True)
class MarkFacts:
    """One thing that the linter says against a draft."""

    code: str
    is_block: bool
    sentence: int
    """From 0; negative where the draft as a whole is meant."""
    start: int
    end: int
    cure: str
    """What to do, in our own words."""
    can_be_overridden: bool = True
    model: str = ""
    """The model that suggested it; "" for the rules."""
    said: Untrusted = UNSAID
    """Why, in the model's words."""


@dataclass(frozen=True)
class OverrideFacts:
    """A mark for which somebody took responsibility."""

    mark: MarkFacts
    by: PersonFacts
    reason: Untrusted


class WordChange(StrEnum):
    """What became of words between two revisions."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True)
class ChangeFacts:
    """A sentence that is not as it was: its words in order, and what it cited if that changed."""

    words: tuple[tuple[WordChange, Untrusted], ...]
    cited: tuple[str, ...] | None = None
    """What it cited before, where that is not what it cites now."""


@dataclass(frozen=True)
class LookFacts:
    """That a model looked at this revision after the rules had, or could not."""

    model: str
    marks: int = 0
    """How many it suggested."""
    why_not: str = ""
    """Why it could not, in our own words; "" where it looked."""


@dataclass(frozen=True)
class DraftFacts:
    """One revision of a draft."""

    draft_id: str
    kind: DraftKind
    revision: int
    state: DraftState
    sentences: tuple[SentenceFacts, ...]
    author: AuthorFacts
    written_at: datetime
    marks: tuple[MarkFacts, ...] = ()
    """Those that stand: what was overridden is in `overridden`."""
    overridden: tuple[OverrideFacts, ...] = ()
    changes: tuple[ChangeFacts, ...] = ()
    """Against the revision before; empty for the first."""
    exact_text: str = ""
    """What would be sent, character by character."""
    held_back: str = ""
    """Why it may not go out now, in our own words; "" where nothing holds it."""
    reason: Untrusted = UNSAID
    """Of a correction: why."""
    cause: str = ""
    sent_at: datetime | None = None
    is_newest: bool = True
    look: LookFacts | None = None
    """None: no model has looked at it."""

    @property
    def blocks(self) -> tuple[MarkFacts, ...]:
        """The marks that keep it in."""
        return tuple(one for one in self.marks if one.is_block)
