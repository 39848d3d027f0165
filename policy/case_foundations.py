"""Whether a fact has what it takes to be called confirmed: current evidence, of the right kind, from a source whose
word is enough for what the fact claims.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from policy.case_moves import Refusal
from policy.case_terms import Authority, Claim, Evidence, EvidenceKind, Statement, StatementKind, StatementState

LOW_CONFIDENCE = 0.5
"""Below it, what was found may well be about something else: a caller pauses and asks."""
_SUFFICES: Mapping[Claim, tuple[EvidenceKind, Authority]] = MappingProxyType(
    {
        Claim.EVENT: (EvidenceKind.FOUND, Authority.RECORD),
        Claim.ABSENCE: (EvidenceKind.NOTHING, Authority.RECORD),
        Claim.BEHAVIOUR: (EvidenceKind.FOUND, Authority.REFERENCE),
    }
)

NO_EVIDENCE = Refusal("no-evidence", "It cites no evidence. Retrieve some, or keep it as a hypothesis.")
UNKNOWN_EVIDENCE = Refusal(
    "unknown-evidence", "It cites evidence that this case does not have. Edit it to cite what was retrieved."
)
STALE_EVIDENCE = Refusal(
    "stale-evidence", "The same was asked again later, with another answer. Edit it to rest on the newer evidence."
)
DISPUTED = Refusal(
    "disputed-evidence", "An open conflict is about this evidence. Resolve the conflict with a reason, then accept."
)
_WEAK: Mapping[Claim, Refusal] = MappingProxyType(
    {
        Claim.EVENT: Refusal(
            "not-in-a-record",
            "No record of a system shows it: notes and documents do not confirm what happened. Look in the logs or the "
            "directory, or keep it as a hypothesis.",
        ),
        Claim.ABSENCE: Refusal(
            "absence-not-read-whole",
            "Only a record that was read whole and holds nothing confirms that something is not there. Retrieve it "
            "whole, or ask it as an open question.",
        ),
        Claim.BEHAVIOUR: Refusal(
            "not-documented",
            "No document describes this behaviour. Cite the passage, or keep it as a hypothesis.",
        ),
    }
)


def cannot_confirm(statement: Statement, evidence: Collection[Evidence], others: Iterable[Statement]) -> Refusal | None:
    """Why a statement may not be called confirmed, given all evidence and statements of its case; None where it may."""
    if not statement.evidence:
        return NO_EVIDENCE
    by_id = {one.evidence_id: one for one in evidence}
    if any(one not in by_id for one in statement.evidence):
        return UNKNOWN_EVIDENCE
    cited = [by_id[one] for one in statement.evidence]
    if not set(statement.evidence) <= current_ids(evidence):
        return STALE_EVIDENCE
    disputed = {one for conflict in open_conflicts(others) for one in conflict.evidence}
    if disputed & set(statement.evidence):
        return DISPUTED
    if not any((one.kind, one.authority) == _SUFFICES[statement.claim] for one in cited):
        return _WEAK[statement.claim]
    if statement.claim is Claim.ABSENCE and _has_gap(cited, evidence):
        return _WEAK[Claim.ABSENCE]
    return None


def in_doubt(evidence: Iterable[Evidence]) -> list[Evidence]:
    """What a caller should pause at and ask: gaps, empty answers, and finds that may be about something else."""
    return [one for one in evidence if one.kind is not EvidenceKind.FOUND or one.confidence < LOW_CONFIDENCE]


def open_conflicts(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """The conflicts that nobody has settled, whatever state they are in otherwise: each of them blocks."""
    return tuple(one for one in statements if is_open_conflict(one.kind, one.state, one.resolution))


def is_open_conflict(kind: StatementKind, state: StatementState, resolution: str) -> bool:
    """Whether it is a conflict that nobody has settled with a reason."""
    return kind is StatementKind.CONFLICT and not (state is StatementState.RESOLVED and resolution.strip())


def current_ids(evidence: Collection[Evidence]) -> frozenset[str]:
    """Ids of the evidence that no later retrieval has replaced.

    A later answer to the same question replaces an earlier one, unless the later has it too, byte for byte. A gap
    replaces nothing that was found: a record that can no longer be read was still there.
    """
    answered: dict[str, list[Evidence]] = {}
    for one in evidence:
        answered.setdefault(_question(one), []).append(one)
    return frozenset(one.evidence_id for same in answered.values() for one in same if not _is_replaced(one, same))


def _is_replaced(one: Evidence, same_question: Iterable[Evidence]) -> bool:
    later = [
        other for other in same_question if other.retrieved_at > one.retrieved_at and other.kind is not EvidenceKind.GAP
    ]
    if not later:
        return False
    newest = max(other.retrieved_at for other in later)
    return not (
        one.sha256
        and one.kind is not EvidenceKind.GAP
        and any(
            other.retrieved_at == newest and (other.kind, other.sha256) == (one.kind, one.sha256) for other in later
        )
    )


def _has_gap(cited: Iterable[Evidence], evidence: Collection[Evidence]) -> bool:
    """Whether a source that was found empty has a gap that no later answer has closed."""
    current = current_ids(evidence)
    empty = {one.source for one in cited if one.kind is EvidenceKind.NOTHING}
    return any(one.kind is EvidenceKind.GAP and one.source in empty and one.evidence_id in current for one in evidence)


def _question(one: Evidence) -> str:
    return json.dumps([one.source, dict(one.query)], sort_keys=True, default=str)
