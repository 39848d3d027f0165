"""Whether a fact has what it takes to be called confirmed: current evidence, of the right kind, from a source whose
word is enough for what the fact claims.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from policy.case_moves import Refusal
from policy.case_terms import Authority, Claim, Evidence, EvidenceKind, Source, Statement, StatementKind, StatementState

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


@dataclass(frozen=True)
class Grounds:
    """What all evidence and statements of a case say to each of its facts: found out once, for a case may be large."""

    by_id: Mapping[str, Evidence]
    current: frozenset[str]
    """See `current_ids`."""
    disputed: frozenset[str]
    """Ids of evidence that an open conflict is about."""
    with_gaps: frozenset[Source]
    """Sources with a gap that no later answer has closed."""


def grounds_of(evidence: Collection[Evidence], statements: Iterable[Statement]) -> Grounds:
    """The grounds of a case that holds these."""
    current = current_ids(evidence)
    return Grounds(
        {one.evidence_id: one for one in evidence},
        current,
        frozenset(one for conflict in open_conflicts(statements) for one in conflict.evidence),
        frozenset(one.source for one in evidence if one.kind is EvidenceKind.GAP and one.evidence_id in current),
    )


def cannot_confirm(statement: Statement, grounds: Grounds) -> Refusal | None:
    """Why a statement may not be called confirmed, on the grounds of its case; None where it may."""
    cites = set(statement.evidence)
    if not cites:
        return NO_EVIDENCE
    if any(one not in grounds.by_id for one in cites):
        return UNKNOWN_EVIDENCE
    if not cites <= grounds.current:
        return STALE_EVIDENCE
    if grounds.disputed & cites:
        return DISPUTED
    cited = [grounds.by_id[one] for one in cites]
    if not any((one.kind, one.authority) == _SUFFICES[statement.claim] for one in cited):
        return _WEAK[statement.claim]
    empty = {one.source for one in cited if one.kind is EvidenceKind.NOTHING}
    if statement.claim is Claim.ABSENCE and grounds.with_gaps & empty:
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
    return frozenset(one.evidence_id for same in answered.values() for one in _not_replaced(same))


def _not_replaced(same_question: Sequence[Evidence]) -> Iterator[Evidence]:
    answers = [one for one in same_question if one.kind is not EvidenceKind.GAP]
    newest = max((one.retrieved_at for one in answers), default=None)
    said = {(one.kind, one.sha256) for one in answers if one.retrieved_at == newest}
    for one in same_question:
        is_said_again = bool(one.sha256) and one.kind is not EvidenceKind.GAP and (one.kind, one.sha256) in said
        if newest is None or one.retrieved_at >= newest or is_said_again:
            yield one


def _question(one: Evidence) -> str:
    return json.dumps([one.source, dict(one.query)], sort_keys=True, default=str)
