"""Kill switches: what a stop covers. Which are in force is read where a decision is made, and the gate judges it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from policy.terms import PersonKey


class StopScope(StrEnum):
    """What a stop is about."""

    ALL = "all"
    ACTION = "action"
    PERSON = "person"


@dataclass(frozen=True)
class Stop:
    """While it is in force, nothing it covers is put forward to run, approved or run. It takes nothing back."""

    scope: StopScope
    value: str = ""
    """An action's id, or the key of an account; "" for all."""

    @property
    def about(self) -> PersonKey | None:
        """The account that it is about, if it is about somebody."""
        return PersonKey.parse(self.value) if self.scope is StopScope.PERSON else None

    def covers(self, action_id: str, people: Collection[PersonKey]) -> bool:
        """Whether it covers an action that these asked for or proposed, with their other accounts.

        By user id alone, as wherever somebody is kept out.
        """
        match self.scope:
            case StopScope.ALL:
                return True
            case StopScope.ACTION:
                return action_id == self.value
            case StopScope.PERSON:
                return any(key.is_maybe(self.about) for key in people)
