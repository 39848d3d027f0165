"""A look at one revision of a draft by a second linter: what it gets. What it gives is an entry of the case."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from copilot.assistant_terms import Spent
from policy.case_entries import MarksSuggested
from policy.case_rules import Held
from policy.case_terms import Draft


@dataclass(frozen=True)
class LookedAt:
    """One revision, and what its case is like."""

    case_key: str
    """Names the case and nothing else; pseudonyms are made with it. It is never sent."""
    draft: Draft
    held: Held
    revealed: frozenset[str] = frozenset()
    """SHA-256, hex, of values that the model may read."""
    spent: Spent = field(default_factory=Spent)


class SecondLinter(Protocol):
    """What looks at drafts after the rules have."""

    async def look(self, at: LookedAt) -> MarksSuggested:
        """Look once. Never raises for what a model, a service or a draft does."""

    async def aclose(self) -> None:
        """Let go of connections."""
