"""Questions, log rows and connectors with defaults, so that each test names only what matters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from actions.evidence.connector import Account, Attachment, Question
from actions.evidence.logs import LogConnector
from actions.evidence.recording import NewId
from actions.evidence.rows import access_log_fields, attachment_trail_fields
from policy.case_terms import Evidence, EvidenceKind, Source
from policy.terms import PersonKey

NOW = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)
LEAD = PersonKey("E0HOME", "U0LEAD")
BOB = "bob@acme.example"


def clock() -> datetime:
    return NOW


def ids() -> NewId:
    numbers = count(1)
    return lambda: f"ev-{next(numbers)}"


def a_question(**changes: Any) -> Question:
    return Question(**{"asked_by": LEAD, "accounts": (Account(email=BOB),), **changes})


def about(*attachments: str) -> Question:
    return a_question(accounts=(), attachments=tuple(Attachment(attachment_id=one) for one in attachments))


def a_row(**changes: Any) -> dict[str, Any]:
    row = {"time": "2026-03-25T13:46:11Z", "principal": BOB, "action": "view", "object": "att_1", "session": "s1"}
    return {name: value for name, value in {**row, **changes}.items() if value is not ...}


def lines(*rows: Mapping[str, Any] | bytes) -> bytes:
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


def access_log(place: Path, **changes: Any) -> LogConnector:
    return LogConnector(Source.ACCESS_LOG, place, access_log_fields(), clock, ids(), **changes)


def trail(place: Path, **changes: Any) -> LogConnector:
    return LogConnector(Source.ATTACHMENT_TRAIL, place, attachment_trail_fields(), clock, ids(), **changes)


def of_kind(kind: EvidenceKind, evidence: list[Evidence]) -> list[Evidence]:
    return [item for item in evidence if item.kind is kind]


def found(evidence: list[Evidence]) -> list[Evidence]:
    return of_kind(EvidenceKind.FOUND, evidence)


def gaps(evidence: list[Evidence]) -> list[Evidence]:
    return of_kind(EvidenceKind.GAP, evidence)
