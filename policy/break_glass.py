"""Break-glass: the emergency way for a request that those who usually decide cannot decide in time.

It replaces who may approve, how many and of which groups, and the cumulative limits; every other rule holds as it is.
A reason is given, a named group approves it, and somebody who had no part in it reviews it afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BreakGlass:
    """That a request is one, and why."""

    reason: str
    """In the starter's words. It must be there; what it says decides nothing."""
    group: str | None = None
    """The policy group that approves it. The gate fills it in from the settings in force, whatever a caller says; None
    where they have no break-glass."""

    @property
    def has_reason(self) -> bool:
        """Whether anything is said."""
        return is_said(self.reason)


def is_said(text: str) -> bool:
    """Whether a text holds at least one letter or digit: blanks and invisible characters say nothing."""
    return any(letter.isalnum() for letter in text)


def approval_words(risk: str, group: str, quorum: int) -> str:
    """What the card of such a request says of who approves it."""
    return (
        f"Break-glass, {risk} risk: needs the approval of {quorum} different people of the group {group} who did not"
        " start it, did not ask for it and are not the ones it is done to. Somebody else reviews it afterwards."
    )
