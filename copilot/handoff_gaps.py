"""How complete a handoff packet is: which parts are there, which somebody says are empty, and what is missing.

'There are no open questions' is somebody's statement; a part with neither content nor such a statement is a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from copilot.handoff import Packet, Part, parts
from policy.case_terms import EvidenceKind, Statement


@dataclass(frozen=True)
class Completeness:
    """What can be counted of a packet."""

    filled: tuple[Part, ...]
    stated_empty: tuple[Part, ...]
    missing: tuple[Part, ...]
    shortcomings: tuple[str, ...]
    """In words: what is there and lacks something. Names ids only."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing and nothing lacks something."""
        return not self.missing and not self.shortcomings


def completeness(packet: Packet) -> Completeness:
    """Look at every part of the packet."""
    held = parts(packet)
    said = {one.part for one in packet.stated_empty if one.words.strip()}
    return Completeness(
        tuple(part for part in Part if held[part]),
        tuple(part for part in Part if not held[part] and part in said),
        tuple(part for part in Part if not held[part] and part not in said),
        tuple(_shortcomings(packet)),
    )


def _shortcomings(packet: Packet) -> Iterator[str]:
    for part, held in parts(packet).items():
        if held and any(one.part is part for one in packet.stated_empty):
            yield f"{part.value} is said to be empty and is not"
    for step in packet.next_actions:
        if step.owner is None and not step.owner_label.strip():
            yield f"next action {step.statement_id} has no owner"
        if step.due_at is None:
            yield f"next action {step.statement_id} has no date"
    for fact in packet.facts:
        if not fact.evidence:
            yield f"fact {fact.statement_id} rests on no evidence"
    known = {one.evidence_id for one in packet.evidence}
    for cited in sorted({evidence_id for one in _statements(packet) for evidence_id in one.evidence} - known):
        yield f"evidence {cited} is cited and is not in the packet"
    for reason in packet.latch.reasons:
        for evidence_id in sorted(set(reason.evidence) - known):
            yield f"evidence {evidence_id} is a reason of the latch and is not in the packet"
    for one in packet.evidence:
        if one.kind is EvidenceKind.FOUND and not (one.sha256 and one.place):
            yield f"evidence {one.evidence_id} has no {'place' if one.sha256 else 'hash'}"
    for other in packet.dissent:
        if not other.reason.strip():
            yield f"nobody recorded why statement {other.statement.statement_id} was rejected"


def _statements(packet: Packet) -> Sequence[Statement]:
    disputed = (one.statement for one in packet.dissent)
    return [*packet.facts, *packet.unconfirmed, *packet.questions, *packet.conflicts, *packet.next_actions, *disputed]
