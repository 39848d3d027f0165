"""Evidence and statements with defaults, so that each test names only what matters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from policy.case_moves import Role, StatementEvent
from policy.case_rules import Held, Wish
from policy.case_terms import Author, Evidence, EvidenceKind, Source, Statement, StatementKind, StatementState
from policy.terms import PersonKey

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LEAD = PersonKey("T1", "ULEAD")
OTHER = PersonKey("T1", "UOTHER")


def evidence(
    evidence_id: str = "E1",
    source: Source = Source.ACCESS_LOG,
    kind: EvidenceKind = EvidenceKind.FOUND,
    minutes: int = 0,
    **other: Any,
) -> Evidence:
    """One item, retrieved `minutes` after NOW."""
    return Evidence(
        evidence_id=evidence_id,
        source=source,
        kind=kind,
        query=other.pop("query", {"principal": "u-17"}),
        retrieved_at=NOW + timedelta(minutes=minutes),
        asked_by=LEAD,
        excerpt=other.pop("excerpt", "a line"),
        **other,
    )


def statement(
    statement_id: str = "S1",
    kind: StatementKind = StatementKind.FACT,
    state: StatementState = StatementState.PROPOSED,
    text: str = "A session was opened on 1 March.",
    cites: tuple[str, ...] = ("E1",),
    **other: Any,
) -> Statement:
    return Statement(statement_id, kind, text, cites, other.pop("author", Author(model="m")), state, **other)


def held(statements: tuple[Statement, ...] = (), items: tuple[Evidence, ...] = (), **other: Any) -> Held:
    return Held(statements, items or (evidence(),), **other)


def wish(event: StatementEvent, statement_id: str = "S1", **other: Any) -> Wish:
    """A complete wish of the lead."""
    given: dict[str, Any] = {
        "seen_revision": 1,
        "role": Role.LEAD,
        "by": LEAD,
        "reason": "both logs were read again",
        "text": "It was put differently.",
        "owner": OTHER,
        "due_at": NOW + timedelta(days=1),
    }
    return Wish(event=event, statement_id=statement_id, **(given | other))
