"""Where the security latch of a case stands, THE table of its moves, and what it holds back.

The rules set it (`policy.latch`); a person of the security team releases it, having seen every reason for it, and for a
reason of their own. Nothing else moves it: no function here takes what a model, a ticket or a draft says. What was
released stays known, so that the same evidence does not set it again and anything new does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from policy.errors import LatchHolds
from policy.latch import Assessment, Fired
from policy.terms import Person, PersonKey, folded_address

SECURITY = "security"
"""The policy group that releases it and approves beside it."""


class LatchState(StrEnum):
    """Where it stands."""

    CLEAR = "clear"
    SET = "set"
    RELEASED = "released"


class LatchEvent(StrEnum):
    """What can happen to it."""

    FIRED = "fired"
    """A rule fired on evidence that nobody has released it from."""
    RELEASED = "released"
    """A person of security let go of it."""


class HeldBack(StrEnum):
    """What does not go on as usual while it is set."""

    ROUTINE_CLOSE = "routine_close"
    EXPOSURE_CLAIM = "exposure_claim"
    """Saying to anybody outside that nothing, or what, was exposed."""
    CUSTOMER_UPDATE = "customer_update"
    """Goes out only if security approved it too."""


MOVES: Mapping[LatchState, Mapping[LatchEvent, LatchState]] = MappingProxyType(
    {
        LatchState.CLEAR: {LatchEvent.FIRED: LatchState.SET},
        LatchState.SET: {LatchEvent.FIRED: LatchState.SET, LatchEvent.RELEASED: LatchState.RELEASED},
        LatchState.RELEASED: {LatchEvent.FIRED: LatchState.SET},
    }
)


@dataclass(frozen=True)
class Release:
    """Who let go of it, when, why and of what."""

    by: PersonKey
    at: datetime
    reason: str
    reasons: tuple[Fired, ...]


@dataclass(frozen=True)
class Latch:
    """The latch of one case."""

    state: LatchState = LatchState.CLEAR
    reasons: tuple[Fired, ...] = ()
    """Why it is set, in the order in which the rules found them; empty while it is not."""
    releases: tuple[Release, ...] = ()
    """Every release there was, oldest first."""

    @property
    def holds_back(self) -> frozenset[HeldBack]:
        """What does not go on as usual."""
        return frozenset(HeldBack) if self.state is LatchState.SET else frozenset()

    @property
    def handoff_due(self) -> bool:
        """Whether a packet for security is owed."""
        return self.state is LatchState.SET

    @property
    def marks(self) -> frozenset[str]:
        """What its reasons tell; whoever releases it names these, as the one who saw them."""
        return frozenset[str]().union(*(one.marks for one in self.reasons))


def move(state: LatchState, event: LatchEvent) -> LatchState:
    """Where `event` takes it. Raises LatchHolds."""
    try:
        return MOVES[state][event]
    except KeyError as error:
        raise LatchHolds(f"a latch that is {state.value} cannot be {event.value}") from error


def weigh(latch: Latch, assessment: Assessment) -> Latch:
    """The latch after the rules looked at the evidence. What is set stays set, and no reason is taken from it."""
    released: dict[tuple[str, str], frozenset[str]] = {}
    for one in (one for let_go in latch.releases for one in let_go.reasons):
        released[_about(one)] = released.get(_about(one), frozenset()) | one.marks
    fresh = [one for one in assessment.fired if not one.marks <= released.get(_about(one), frozenset())]
    new = tuple(one for one in fresh if not any(_covers(held, one) for held in latch.reasons))
    if not new:
        return latch
    kept = tuple(held for held in latch.reasons if not any(_covers(one, held) for one in new))
    return replace(latch, state=move(latch.state, LatchEvent.FIRED), reasons=(*kept, *new))


def release(latch: Latch, by: Person, reason: str, at: datetime, seen: Collection[str]) -> Latch:
    """Let go of it, for a reason and of what was `seen` (`Latch.marks` as it was shown). Raises LatchHolds.

    1  it is set
    2  whoever releases it is a person at home here, in the security group right now
    3  and is none of the accounts that it is about, by any address or account that is known of them
    4  they say why
    5  they saw all it is set for: a reason that came since is not released unread
    """
    state = move(latch.state, LatchEvent.RELEASED)  # 1
    if not is_of_security(by):  # 2
        raise LatchHolds(f"{by.key} is not of security")
    about = frozenset[str]().union(*(one.names for one in latch.reasons))
    if about & _names(by):  # 3
        raise LatchHolds(f"{by.key} is an account that the latch is about")
    if not reason.strip():  # 4
        raise LatchHolds("a release needs a reason")
    if frozenset(seen) != latch.marks:  # 5
        raise LatchHolds("its reasons are not those that were seen")
    done = Release(by.key, at, reason.strip(), latch.reasons)
    return Latch(state, (), (*latch.releases, done))


def may_update_customer(latch: Latch, approvers: Collection[Person]) -> bool:
    """Whether the latch lets an update out that these people approved; whatever else must hold is not its matter."""
    if HeldBack.CUSTOMER_UPDATE not in latch.holds_back:
        return True
    about = frozenset[str]().union(*(one.names for one in latch.reasons))
    return any(is_of_security(one) and not about & _names(one) for one in approvers)


def is_of_security(person: Person) -> bool:
    """Whether somebody speaks for security: a person, active, a full member at home, in the group right now."""
    is_own = person.is_home and person.is_active and person.is_full_member and person.is_human
    return is_own and SECURITY in person.groups


def _names(person: Person) -> frozenset[str]:
    """By what somebody may stand in a directory: an address or an account may exclude, and never admits."""
    accounts = {person.key, *person.linked}
    known = (
        {str(key) for key in accounts} | {key.user_id for key in accounts} | {person.email, *person.linked_addresses}
    )
    return frozenset(map(folded_address, known)) - {""}


def _about(one: Fired) -> tuple[str, str]:
    return one.rule, one.account


def _covers(one: Fired, other: Fired) -> bool:
    """Whether `one` says all that `other` says."""
    return _about(one) == _about(other) and one.marks >= other.marks and one.names >= other.names
