"""Everything this room can raise.

    PolicyError
    ├── PolicyUnusable      the policy files, the settings or the gate's parts do not fit: nothing may start on them
    ├── IllegalMove         a request was asked to move where the lifecycle has no way
    ├── LatchHolds          the security latch of a case does not move that way, or not for this person
    ├── NotCanonical        a value that has no single written form, so it can be neither hashed nor signed
    └── SigningKeyMissing   there is no key to sign with

A refusal by the policy is not an error: it is a `Ruling` or a `Judgement`. `str` of an error is for operators;
`reply` may be shown to anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from policy.terms import RequestStatus


class PolicyError(Exception):
    """Root of this room's errors."""

    reply: ClassVar[str] = "Something is wrong with this desk's rules, so nothing was done. Its operators can see why."


class PolicyUnusable(PolicyError):
    """The policy cannot be loaded; `problems` lists everything found, one readable line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class IllegalMove(PolicyError):
    """A request cannot go from `status` by `event`; usually somebody else was faster."""

    reply: ClassVar[str] = (
        "This request has already moved on, so nothing was changed. Look at its card for where it stands."
    )

    def __init__(self, status: RequestStatus, event: str) -> None:
        self.status = status
        self.event = event
        super().__init__(f"a request that is {status.value} cannot be moved by {event!r}")


class LatchHolds(PolicyError):
    """The security latch cannot be released: not set, not by this person, without a reason, or not all was seen."""

    reply: ClassVar[str] = (
        "The security latch of this case was not released. Somebody of security can release it whom it is not about:"
        " look at all its reasons as they are now, and say why."
    )


class NotCanonical(PolicyError, ValueError):
    """A value cannot be written in one way only: a float, NaN, a lone surrogate, a date without a zone."""

    reply: ClassVar[str] = (
        "One of the values cannot be recorded exactly, so nothing was done. Please enter it another way."
    )


class SigningKeyMissing(PolicyError):
    """The signer was given no usable key under the current name."""
