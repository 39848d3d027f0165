"""Evidence of a case with defaults, in the fact names that the latch's rules read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from policy.case_terms import Evidence, EvidenceKind, Source

RETRIEVED = datetime(2026, 3, 25, 13, 0, tzinfo=UTC)
GONE = "2026-03-01T12:00:00Z"
BEFORE = "2026-03-01T11:59:59.999999+00:00"
AFTER = "2026-03-01T12:00:00.000001+00:00"


def item(evidence_id: str, source: Source, kind: EvidenceKind = EvidenceKind.FOUND, **facts: Any) -> Evidence:
    return Evidence(evidence_id, source, kind, {"key": evidence_id}, RETRIEVED, None, "as the source has it", facts)


def entry(evidence_id: str = "d1", **facts: Any) -> Evidence:
    """An account that was deprovisioned at GONE and is entitled."""
    known = {"account": "con-7", "email": "Carla@corp.example", "status": "deprovisioned", "deprovisioned_at": GONE}
    return item(evidence_id, Source.DIRECTORY, **{**known, "entitled": True, **facts})


def row(evidence_id: str = "r1", **facts: Any) -> Evidence:
    """A row of the access log, after GONE."""
    known = {"principal": "con-7", "action": "view", "object": "case/9", "session": "s1", "at": AFTER}
    return item(evidence_id, Source.ACCESS_LOG, **{**known, **facts})


def read(evidence_id: str = "a1", **facts: Any) -> Evidence:
    """A row of the attachment trail, after GONE."""
    known = {"principal": "con-7", "action": "download", "attachment": "att-1", "at": AFTER}
    return item(evidence_id, Source.ATTACHMENT_TRAIL, **{**known, **facts})
