"""What can go wrong while something that arrived is handled.

HandlingError
├── Refused                 a person asked for something they may not have: `reply` tells them why
│   └── IdentityRefused     Slack's answer about them is missing what the gate needs
├── IdentityUnavailable     Slack did not answer about a person: refuse now, or try again later
├── NotFound                the ticket, request or message is not (or no longer) there
├── BadInput                a form's or a call's fields do not fit: `fields` says which and what is expected
└── TryLater                a passing fault: the job is put back for `seconds`
"""

from __future__ import annotations

from collections.abc import Mapping

NO_ANSWER_FROM_SLACK = (
    "I could not check with Slack who you are just now, so nothing was decided. Please try again in a minute."
)
LIMITED_BY_SLACK = (
    "Slack limits how often I may ask it who people are, and that was too often, so nothing was decided. "
    "Please try again in a minute."
)


class HandlingError(Exception):
    """Base. `reply` is safe to show to anyone; `str` is for operators."""

    def __init__(self, message: str, *, reply: str) -> None:
        super().__init__(message)
        self.reply = reply


class Refused(HandlingError):
    """A refusal with its rule's stable name. `is_recorded`: the flow has put it on the ticket's trail already."""

    def __init__(self, message: str, *, code: str, reply: str, is_recorded: bool = False) -> None:
        super().__init__(message, reply=reply)
        self.code = code
        self.is_recorded = is_recorded


class IdentityRefused(Refused):
    """Who is asking could not be established from what Slack says."""


class IdentityUnavailable(HandlingError):
    """Slack did not answer, or not in time. Never waved through."""

    def __init__(self, message: str, *, reply: str = NO_ANSWER_FROM_SLACK) -> None:
        super().__init__(message, reply=reply)


class NotFound(HandlingError):
    """Nothing stands under that id."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} not found",
            reply=f"I cannot find that {what}. It may be old or belong to another desk. Open the ticket again and try"
            " there.",
        )


class BadInput(HandlingError):
    """Fields that do not fit."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        text = "; ".join(f"{name}: {message}" for name, message in fields.items())
        super().__init__(text, reply=text)
        self.fields = dict(fields)


class TryLater(HandlingError):
    """Put the job back."""

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message, reply="That did not work just now; I am trying again.")
        self.seconds = seconds
