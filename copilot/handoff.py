"""The handoff packet of a case, for engineering or for security: everything they need, as one value.

Made of what people judged: accepted facts, and beside them, never among them, what is not confirmed, what is asked,
what contradicts itself and what somebody rejected. `content` is its JSON, `copilot.handoff_page` its Markdown; whoever
holds the desk's key signs both (`storage.handoffs`). Pure; nothing is guessed, and what is empty says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from policy.case_terms import Evidence, Statement, StatementKind, StatementState
from policy.latching import Latch
from policy.terms import PersonKey


class Recipient(StrEnum):
    """Who takes the case over."""

    ENGINEERING = "engineering"
    SECURITY = "security"


class Part(StrEnum):
    """What a packet must have, or somebody must say that there is none."""

    FACTS = "facts"
    QUESTIONS = "questions"
    CONFLICTS = "conflicts"
    DISSENT = "dissent"
    NEXT_ACTIONS = "next_actions"
    EVIDENCE = "evidence"
    TIMELINE = "timeline"
    APPROVALS = "approvals"


@dataclass(frozen=True)
class Dissent:
    """A statement that somebody rejected or disputes."""

    statement: Statement
    by: PersonKey | None
    """None where it is not known who."""
    at: datetime | None
    reason: str


@dataclass(frozen=True)
class Approval:
    """Who approved what."""

    what: str
    """The thing in words, with its revision."""
    digest: str
    """Hex, over exactly what was approved; "" where there is none."""
    by: PersonKey
    at: datetime


@dataclass(frozen=True)
class StatedEmpty:
    """Somebody's word that a part has nothing."""

    part: Part
    words: str
    by: PersonKey
    at: datetime


@dataclass(frozen=True)
class CaseRecord:
    """What a packet is made of, as it is held of the case."""

    case_id: str
    ticket_id: str
    title: str
    statements: Sequence[Statement]
    """In any of their revisions: the last one of each counts."""
    evidence: Sequence[Evidence]
    dissent: Sequence[Dissent]
    approvals: Sequence[Approval]
    latch: Latch
    stated_empty: Sequence[StatedEmpty]


@dataclass(frozen=True)
class Packet:
    """One handoff."""

    case_id: str
    ticket_id: str
    recipient: Recipient
    title: str
    made_at: datetime
    made_by: PersonKey
    facts: tuple[Statement, ...]
    """Accepted by a person."""
    unconfirmed: tuple[Statement, ...]
    """Hypotheses, and facts that nobody accepted."""
    questions: tuple[Statement, ...]
    conflicts: tuple[Statement, ...]
    """With those that were resolved, and how."""
    dissent: tuple[Dissent, ...]
    next_actions: tuple[Statement, ...]
    evidence: tuple[Evidence, ...]
    timeline: tuple[Evidence, ...]
    """What has a time, in its order."""
    undated: tuple[Evidence, ...]
    """What has none, or one without a zone."""
    approvals: tuple[Approval, ...]
    latch: Latch
    stated_empty: tuple[StatedEmpty, ...]


def make_packet(record: CaseRecord, recipient: Recipient, *, made_by: PersonKey, made_at: datetime) -> Packet:
    """The packet of a case as it is now."""
    current = _current(record.statements)
    open_ones = [one for one in current if one.state in (StatementState.PROPOSED, StatementState.ACCEPTED)]
    evidence = _unique(record.evidence)
    dated = [(at, one) for one in evidence if (at := _moment(one.observed_at)) is not None]
    return Packet(
        case_id=record.case_id,
        ticket_id=record.ticket_id,
        recipient=recipient,
        title=record.title,
        made_at=made_at,
        made_by=made_by,
        facts=tuple(one for one in current if _is_accepted_fact(one)),
        unconfirmed=tuple(
            one
            for one in open_ones
            if one.kind in (StatementKind.FACT, StatementKind.HYPOTHESIS) and not _is_accepted_fact(one)
        ),
        questions=tuple(one for one in open_ones if one.kind is StatementKind.QUESTION),
        conflicts=tuple(
            one for one in current if one.kind is StatementKind.CONFLICT and one.state is not StatementState.REJECTED
        ),
        dissent=_dissent(current, record.dissent),
        next_actions=tuple(one for one in open_ones if one.kind is StatementKind.NEXT_STEP),
        evidence=evidence,
        timeline=tuple(one for _, one in sorted(dated, key=lambda pair: (pair[0], pair[1].evidence_id))),
        undated=tuple(one for one in evidence if _moment(one.observed_at) is None),
        approvals=tuple(sorted(record.approvals, key=lambda one: (one.at, one.what, one.by))),
        latch=record.latch,
        stated_empty=tuple(sorted(record.stated_empty, key=lambda one: (one.part, one.at, one.by))),
    )


def parts(packet: Packet) -> Mapping[Part, Sequence[object]]:
    """What each part holds."""
    return {
        Part.FACTS: packet.facts,
        Part.QUESTIONS: packet.questions,
        Part.CONFLICTS: packet.conflicts,
        Part.DISSENT: packet.dissent,
        Part.NEXT_ACTIONS: packet.next_actions,
        Part.EVIDENCE: packet.evidence,
        Part.TIMELINE: packet.timeline,
        Part.APPROVALS: packet.approvals,
    }


def _is_accepted_fact(one: Statement) -> bool:
    return one.kind is StatementKind.FACT and one.state is StatementState.ACCEPTED


def _current(statements: Iterable[Statement]) -> list[Statement]:
    last: dict[str, Statement] = {}
    for one in statements:
        if one.statement_id not in last or one.revision > last[one.statement_id].revision:
            last[one.statement_id] = one
    return [last[statement_id] for statement_id in sorted(last)]


def _dissent(current: Sequence[Statement], said: Sequence[Dissent]) -> tuple[Dissent, ...]:
    """What was said, and every rejected statement of which nobody said more than that it is rejected."""
    told = {one.statement.statement_id for one in said}
    rejected = [one for one in current if one.state is StatementState.REJECTED and one.statement_id not in told]
    untold = [Dissent(one, None, None, one.resolution) for one in rejected]
    return tuple(sorted([*said, *untold], key=lambda one: (one.statement.statement_id, str(one.by), one.reason)))


def _unique(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    found: list[Evidence] = []
    by_id: dict[str, list[Evidence]] = {}
    for one in evidence:
        same = by_id.setdefault(one.evidence_id, [])
        if one not in same:
            same.append(one)
            found.append(one)
    return tuple(sorted(found, key=lambda one: one.evidence_id))


def _moment(at: datetime | None) -> datetime | None:
    """In UTC; a time without a zone is no moment, and none is guessed."""
    try:
        return None if at is None or at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        return None
