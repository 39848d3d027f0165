"""What may become of a statement. Pure: the case, who acts and what they want in; a statement or a refusal out.

The steps, in this order: the statement exists and is the revision that was seen; the table of moves allows it for this
role, kind and state; what is asked for is complete; content that was rejected does not come back; a fact is accepted
only on evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from types import MappingProxyType

from policy.case_fingerprints import fingerprint
from policy.case_foundations import UNKNOWN_EVIDENCE, Grounds, cannot_confirm, grounds_of
from policy.case_moves import MOVES, Refusal, Role, StatementEvent, no_move
from policy.case_terms import Author, Claim, Evidence, Statement, StatementKind, StatementState
from policy.terms import PersonKey


@dataclass(frozen=True)
class Held:
    """What a case holds at this moment: each statement once, in its newest revision."""

    statements: tuple[Statement, ...]
    evidence: tuple[Evidence, ...]
    rejected: frozenset[str] = frozenset()
    """Fingerprints of earlier revisions, and of statements no longer listed, that a person rejected."""

    @cached_property
    def grounds(self) -> Grounds:
        """On which facts are confirmed."""
        return grounds_of(self.evidence, self.statements)

    @cached_property
    def rejected_content(self) -> frozenset[str]:
        """Fingerprints of everything that was rejected in this case."""
        shown = (fingerprint(one.text) for one in self.statements if one.state is StatementState.REJECTED)
        return self.rejected | frozenset(shown)


@dataclass(frozen=True)
class Wish:
    """What somebody wants done with a statement. A field that the event does not need is left out."""

    event: StatementEvent
    statement_id: str
    seen_revision: int
    role: Role
    by: PersonKey | None
    """None for the rules only."""
    reason: str = ""
    text: str = ""
    kind: StatementKind | None = None
    evidence: tuple[str, ...] | None = None
    claim: Claim | None = None
    owner: PersonKey | None = None
    owner_label: str = ""
    due_at: datetime | None = None


UNKNOWN_STATEMENT = Refusal("unknown-statement", "This case has no such statement. Look at the case again.")
KNOWN_STATEMENT = Refusal(
    "known-statement", "The case has this statement already, in whatever state it is now. Edit that one, or leave it."
)
STALE_REVISION = Refusal(
    "stale-revision", "Somebody changed it since you looked, so nothing was done. Read it again, then decide."
)
NOBODY = Refusal("no-person", "A person must do this, and none is named. Do it from your own account.")
NO_REASON = Refusal("no-reason", "Say why in a sentence: the reason is kept with the decision.")
NO_TEXT = Refusal("no-text", "The statement would say nothing. Write it, or reject it.")
NO_CHANGE = Refusal("no-change", "Nothing is different from before. Change the words, or accept it as it stands.")
NO_OWNER = Refusal("no-owner", "A next step needs an owner and a date. Reassign it first, with both.")
WAS_REJECTED = Refusal(
    "rejected-content", "The same was rejected in this case, which is final. Say what is different, in other words."
)
CONFLICT_STAYS = Refusal(
    "conflict-stays",
    "An edit may not turn a conflict into something else or drop one of its sides. Resolve it, with a reason.",
)


def decide(held: Held, wish: Wish) -> Statement | Refusal:
    """The statement as it is after what somebody wishes, or why that may not be."""
    statement = next((one for one in held.statements if one.statement_id == wish.statement_id), None)
    if statement is None:
        return UNKNOWN_STATEMENT
    if statement.revision != wish.seen_revision:
        return STALE_REVISION
    if wish.by is None and wish.role is not Role.RULES:
        return NOBODY
    refusal = no_move(statement.state, statement.kind, wish.event, wish.role)
    if refusal is not None:
        return refusal
    state = MOVES[statement.state][wish.event]
    return _STEPS[wish.event](held, replace(statement, state=state), wish)


def add(held: Held, statement: Statement) -> Statement | Refusal:
    """A new statement as it enters the case: proposed, whoever wrote it, nothing rejected and nothing said before."""
    if any(one.statement_id == statement.statement_id for one in held.statements):
        return KNOWN_STATEMENT
    if not statement.text.strip():
        return NO_TEXT
    if fingerprint(statement.text) in held.rejected_content:
        return WAS_REJECTED
    if any(fingerprint(one.text) == fingerprint(statement.text) for one in held.statements):
        return KNOWN_STATEMENT
    if not set(statement.evidence) <= {one.evidence_id for one in held.evidence}:
        return UNKNOWN_EVIDENCE
    return replace(statement, state=StatementState.PROPOSED, revision=1, resolution="")


def no_longer_confirmed(held: Held) -> tuple[Statement, ...]:
    """Accepted facts whose evidence does not carry them any more: the rules reopen each."""
    return tuple(
        one
        for one in held.statements
        if one.kind is StatementKind.FACT and one.state is StatementState.ACCEPTED and cannot_confirm(one, held.grounds)
    )


def is_confirmed(statement: Statement, held: Held) -> bool:
    """Whether it may be said as a fact right now: a person accepted it, and its evidence still carries it."""
    return (
        statement.kind is StatementKind.FACT
        and statement.state is StatementState.ACCEPTED
        and fingerprint(statement.text) not in held.rejected_content
        and cannot_confirm(statement, held.grounds) is None
    )


def _accepted(held: Held, statement: Statement, wish: Wish) -> Statement | Refusal:
    if fingerprint(statement.text) in held.rejected_content:
        return WAS_REJECTED
    if statement.kind is StatementKind.NEXT_STEP and not (_is_owned(statement) and statement.due_at):
        return NO_OWNER
    if statement.kind is StatementKind.FACT:
        return cannot_confirm(statement, held.grounds) or statement
    return statement


def _rejected(held: Held, statement: Statement, wish: Wish) -> Statement | Refusal:
    return statement


def _edited(held: Held, statement: Statement, wish: Wish) -> Statement | Refusal:
    after = replace(
        statement,
        text=wish.text.strip(),
        kind=wish.kind or statement.kind,
        evidence=statement.evidence if wish.evidence is None else wish.evidence,
        claim=wish.claim or statement.claim,
        author=Author(person=wish.by),
        revision=statement.revision + 1,
    )
    if not after.text:
        return NO_TEXT
    if _substance(after) == _substance(statement):
        return NO_CHANGE
    if fingerprint(after.text) in held.rejected_content:
        return WAS_REJECTED
    if not set(after.evidence) <= {one.evidence_id for one in held.evidence}:
        return UNKNOWN_EVIDENCE
    is_conflict = statement.kind is StatementKind.CONFLICT
    if is_conflict and (after.kind is not statement.kind or not set(statement.evidence) <= set(after.evidence)):
        return CONFLICT_STAYS
    return after


def _reassigned(held: Held, statement: Statement, wish: Wish) -> Statement | Refusal:
    after = replace(
        statement,
        owner=wish.owner,
        owner_label=wish.owner_label.strip(),
        due_at=wish.due_at or statement.due_at,
        revision=statement.revision + 1,
    )
    return after if _is_owned(after) else NO_OWNER


def _resolved(held: Held, statement: Statement, wish: Wish) -> Statement | Refusal:
    reason = wish.reason.strip()
    return replace(statement, resolution=reason, revision=statement.revision + 1) if reason else NO_REASON


def _reopened(held: Held, statement: Statement, wish: Wish) -> Statement | Refusal:
    if not wish.reason.strip():
        return NO_REASON
    return replace(statement, resolution="", revision=statement.revision + 1)


_STEPS: Mapping[StatementEvent, Callable[[Held, Statement, Wish], Statement | Refusal]] = MappingProxyType(
    {
        StatementEvent.ACCEPTED: _accepted,
        StatementEvent.REJECTED: _rejected,
        StatementEvent.EDITED: _edited,
        StatementEvent.REASSIGNED: _reassigned,
        StatementEvent.RESOLVED: _resolved,
        StatementEvent.REOPENED: _reopened,
    }
)


def _is_owned(statement: Statement) -> bool:
    return statement.owner is not None or bool(statement.owner_label.strip())


def _substance(one: Statement) -> tuple[object, ...]:
    return one.text, one.kind, frozenset(one.evidence), one.claim
