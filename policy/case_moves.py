"""THE table of moves of a statement: where it may go, of which kind it must be, and who may move it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from policy.case_terms import StatementKind, StatementState


class StatementEvent(StrEnum):
    """What can be done with a statement."""

    ACCEPTED = "accepted"
    """It may be used, as what it claims to be."""
    REJECTED = "rejected"
    """Neither it nor the same content is ever used again."""
    EDITED = "edited"
    """A person put it differently: a new revision, which nobody has accepted yet."""
    REASSIGNED = "reassigned"
    """Somebody else owns it, or it is due at another time."""
    RESOLVED = "resolved"
    """A conflict or a question is settled, with a reason."""
    REOPENED = "reopened"
    """What it rested on changed: it waits for a person again."""


class Role(StrEnum):
    """In which part somebody acts on a case. Who has which is asked live, never stored with the case."""

    LEAD = "lead"
    """Accountable for the case."""
    MEMBER = "member"
    """Works on it too."""
    RULES = "rules"
    """The desk's own deterministic rules."""
    MODEL = "model"
    """May suggest; moves nothing."""


@dataclass(frozen=True)
class Refusal:
    """Why something may not be done with a statement."""

    code: str
    """Stable, for the trail and for tests."""
    reply: str
    """What to do instead, safe to show to people who work on the case."""


_Moves = Mapping[StatementEvent, StatementState]

MOVES: Mapping[StatementState, _Moves] = MappingProxyType(
    {
        StatementState.PROPOSED: {
            StatementEvent.ACCEPTED: StatementState.ACCEPTED,
            StatementEvent.REJECTED: StatementState.REJECTED,
            StatementEvent.EDITED: StatementState.PROPOSED,
            StatementEvent.REASSIGNED: StatementState.PROPOSED,
            StatementEvent.RESOLVED: StatementState.RESOLVED,
        },
        StatementState.ACCEPTED: {
            StatementEvent.REJECTED: StatementState.REJECTED,
            StatementEvent.EDITED: StatementState.PROPOSED,
            StatementEvent.REASSIGNED: StatementState.PROPOSED,
            StatementEvent.RESOLVED: StatementState.RESOLVED,
            StatementEvent.REOPENED: StatementState.PROPOSED,
        },
        StatementState.RESOLVED: {StatementEvent.REOPENED: StatementState.PROPOSED},
        # What was rejected has no way back; who still holds it says it in other words, as another statement.
        StatementState.REJECTED: {},
    }
)

_ALL = frozenset(StatementKind)
KINDS_FOR: Mapping[StatementEvent, frozenset[StatementKind]] = MappingProxyType(
    {
        # A conflict is neither accepted nor rejected away: it leaves by a resolution only.
        StatementEvent.ACCEPTED: _ALL - {StatementKind.CONFLICT},
        StatementEvent.REJECTED: _ALL - {StatementKind.CONFLICT},
        StatementEvent.EDITED: _ALL,
        StatementEvent.REASSIGNED: _ALL,
        StatementEvent.RESOLVED: frozenset({StatementKind.CONFLICT, StatementKind.QUESTION}),
        StatementEvent.REOPENED: _ALL,
    }
)

ROLES_FOR: Mapping[StatementEvent, frozenset[Role]] = MappingProxyType(
    {
        StatementEvent.ACCEPTED: frozenset({Role.LEAD}),
        StatementEvent.REJECTED: frozenset({Role.LEAD}),
        StatementEvent.EDITED: frozenset({Role.LEAD, Role.MEMBER}),
        StatementEvent.REASSIGNED: frozenset({Role.LEAD, Role.MEMBER}),
        StatementEvent.RESOLVED: frozenset({Role.LEAD}),
        StatementEvent.REOPENED: frozenset({Role.LEAD, Role.MEMBER, Role.RULES}),
    }
)

_NO_WAY: Mapping[StatementState, str] = MappingProxyType(
    {
        StatementState.PROPOSED: "Nobody has accepted it yet: accept, edit or reject it.",
        StatementState.ACCEPTED: "It is accepted already: edit it, reject it, or leave it as it is.",
        StatementState.RESOLVED: "It is settled: reopen it first, if something new has come up.",
        StatementState.REJECTED: "It was rejected, which is final: write what you hold now as a new statement.",
    }
)


def no_move(state: StatementState, kind: StatementKind, event: StatementEvent, role: Role) -> Refusal | None:
    """Why somebody in this role may not do this to a statement of this kind and state; None where they may."""
    if role not in ROLES_FOR[event]:
        return _wrong_role(event, role)
    if event not in MOVES[state]:
        return Refusal(f"{state.value}-cannot-be-{event.value}", _NO_WAY[state])
    if kind not in KINDS_FOR[event]:
        return _wrong_kind(kind, event)
    return None


def _wrong_role(event: StatementEvent, role: Role) -> Refusal:
    if role is Role.MODEL:
        reply = "The model only suggests. A person who works on the case must do this."
    elif role is Role.RULES:
        reply = "This takes a person: ask the lead of the case to do it."
    else:
        reply = "Only the lead of the case may do this: ask them, or edit the statement."
    return Refusal(f"{role.value}-may-not-{event.value}", reply)


def _wrong_kind(kind: StatementKind, event: StatementEvent) -> Refusal:
    if kind is StatementKind.CONFLICT:
        reply = "A conflict stays until a person settles it: use Resolve, and say which side holds and why."
    else:
        reply = "Only a conflict or a question is settled: accept, edit or reject this one."
    return Refusal(f"{kind.value}-cannot-be-{event.value}", reply)
