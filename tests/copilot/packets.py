"""A case record that fills every part of a handoff packet, with texts that a test may choose."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from copilot.handoff import Approval, CaseRecord, Dissent, Packet, Part, Recipient, StatedEmpty, make_packet
from policy.case_terms import Author, Evidence, EvidenceKind, Source, Statement, StatementKind, StatementState
from policy.latch import assess
from policy.latching import Latch, weigh
from policy.terms import PersonKey

NOW = datetime(2026, 3, 25, 14, 0, tzinfo=UTC)
LEAD = PersonKey("T1", "U-LEAD")


def evidence(evidence_id: str, source: Source, when: datetime | None, text: str = "a row", **facts: Any) -> Evidence:
    return Evidence(
        evidence_id,
        source,
        EvidenceKind.FOUND,
        {"account": "con-7"},
        NOW,
        LEAD,
        text,
        facts,
        observed_at=when,
        place="log.jsonl:7",
        confidence=0.5,
        sha256="ab" * 32,
    )


def statement(statement_id: str, kind: StatementKind, text: str = "something", **changed: Any) -> Statement:
    return replace(Statement(statement_id, kind, text, ("E1",), Author(person=LEAD)), **changed)


def case_record(text: str = "words", **changed: Any) -> CaseRecord:
    """Every part is filled; every text of others is `text`."""
    gone = evidence(
        "E1", Source.DIRECTORY, NOW - timedelta(days=9), text, account="con-7", deprovisioned_at="2026-03-01T00:00:00Z"
    )
    row = evidence("E2", Source.ACCESS_LOG, NOW - timedelta(days=5), text, principal="con-7", at="2026-03-02T00:00:00Z")
    undated = replace(evidence("E3", Source.TICKET, None, text), place=text)
    model = Author(model=text, prompt_version=text)
    rejected = statement("S5", StatementKind.HYPOTHESIS, text, state=StatementState.REJECTED)
    full = CaseRecord(
        "CASE-1",
        "12",
        text,
        (
            statement("S1", StatementKind.FACT, text, state=StatementState.ACCEPTED),
            statement("S2", StatementKind.QUESTION, text),
            statement("S3", StatementKind.CONFLICT, text, state=StatementState.RESOLVED, resolution=text),
            statement("S4", StatementKind.NEXT_STEP, text, owner=LEAD, owner_label=text, due_at=NOW),
            rejected,
            statement("S6", StatementKind.HYPOTHESIS, text, author=model),
        ),
        (gone, row, undated),
        (Dissent(rejected, LEAD, NOW, text),),
        (Approval(text, text, LEAD, NOW),),
        weigh(Latch(), assess([gone, row])),
        (),
    )
    return replace(full, **changed)


def packet(text: str = "words", **changed: Any) -> Packet:
    return make_packet(case_record(text, **changed), Recipient.SECURITY, made_by=LEAD, made_at=NOW)


def empty_packet(*stated: Part) -> Packet:
    said = tuple(StatedEmpty(part, f"There are no {part.value}.", LEAD, NOW) for part in stated)
    record = CaseRecord("CASE-1", "12", "Nothing", (), (), (), (), Latch(), said)
    return make_packet(record, Recipient.ENGINEERING, made_by=LEAD, made_at=NOW)
