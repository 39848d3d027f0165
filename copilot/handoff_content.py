"""A handoff packet as JSON: everything it holds, in members that `policy.handoff_form` names.

Floats are written as text, since they have no single written form, and so is half of a surrogate pair in a text of
others: it must not keep a packet from being signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import JsonValue

from copilot.handoff import Packet
from copilot.handoff_gaps import completeness
from policy.case_terms import Evidence, Statement
from policy.digest import utc_text
from policy.latch import Fired
from policy.latching import Latch
from policy.terms import PersonKey

_DEEPEST = 16
_TOO_DEEP = "⟦nested too deeply to be shown⟧"


def content(packet: Packet) -> dict[str, JsonValue]:
    """What is signed. Raises NotCanonical for a time of ours without a zone."""
    gaps = completeness(packet)
    said: dict[str, JsonValue] = {
        "case": packet.case_id,
        "ticket": packet.ticket_id,
        "audience": packet.recipient.value,
        "title": packet.title,
        "madeAt": utc_text(packet.made_at),
        "madeBy": str(packet.made_by),
        "facts": _statements(packet.facts),
        "unconfirmed": _statements(packet.unconfirmed),
        "questions": _statements(packet.questions),
        "conflicts": _statements(packet.conflicts),
        "dissent": [
            {"statement": _statement(one.statement), "by": _who(one.by), "at": _at(one.at), "reason": one.reason}
            for one in packet.dissent
        ],
        "nextActions": _statements(packet.next_actions),
        "evidence": [_evidence(one) for one in packet.evidence],
        "timeline": [{"at": _observed(one), "evidence": one.evidence_id} for one in packet.timeline],
        "undated": [one.evidence_id for one in packet.undated],
        "approvals": [
            {"what": one.what, "digest": one.digest, "by": str(one.by), "at": utc_text(one.at)}
            for one in packet.approvals
        ],
        "latch": _latch(packet.latch),
        "statedEmpty": [
            {"part": one.part.value, "words": one.words, "by": str(one.by), "at": utc_text(one.at)}
            for one in packet.stated_empty
        ],
        "completeness": {
            "isComplete": gaps.is_complete,
            "filled": [one.value for one in gaps.filled],
            "statedEmpty": [one.value for one in gaps.stated_empty],
            "missing": [one.value for one in gaps.missing],
            "shortcomings": [*gaps.shortcomings],
        },
    }
    return {name: exact(value) for name, value in said.items()}


def exact(value: object, depth: int = 0) -> JsonValue:
    """The value in a form that can be written in one way only."""
    if depth > _DEEPEST:
        return _TOO_DEEP
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Mapping):
        return {_text(str(name)): exact(held, depth + 1) for name, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [exact(held, depth + 1) for held in value]
    return _text(str(value))


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _statements(statements: Iterable[Statement]) -> list[JsonValue]:
    return [_statement(one) for one in statements]


def _statement(one: Statement) -> JsonValue:
    return {
        "id": one.statement_id,
        "kind": one.kind.value,
        "text": one.text,
        "evidence": [*one.evidence],
        "author": {
            "person": _who(one.author.person),
            "model": one.author.model,
            "promptVersion": one.author.prompt_version,
        },
        "state": one.state.value,
        "owner": _who(one.owner),
        "ownerLabel": one.owner_label,
        "dueAt": _at(one.due_at),
        "revision": one.revision,
        "resolution": one.resolution,
    }


def _evidence(one: Evidence) -> JsonValue:
    return {
        "id": one.evidence_id,
        "source": one.source.value,
        "authority": one.authority.value,
        "kind": one.kind.value,
        "query": exact(one.query),
        "retrievedAt": utc_text(one.retrieved_at),
        "askedBy": _who(one.asked_by),
        "observedAt": _observed(one),
        "place": one.place,
        "excerpt": one.excerpt,
        "facts": exact(one.facts),
        "confidence": str(one.confidence),
        "sha256": one.sha256,
    }


def _observed(one: Evidence) -> str | None:
    """As the source has it where it is no moment: a time without a zone is kept and not read as UTC."""
    if one.observed_at is None:
        return None
    try:
        return utc_text(one.observed_at)
    except (OverflowError, ValueError):
        return one.observed_at.isoformat()


def _latch(latch: Latch) -> JsonValue:
    return {
        "state": latch.state.value,
        "holdsBack": [*sorted(latch.holds_back)],
        "handoffDue": latch.handoff_due,
        "reasons": _reasons(latch.reasons),
        "releases": [
            {"by": str(one.by), "at": utc_text(one.at), "reason": one.reason, "reasons": _reasons(one.reasons)}
            for one in latch.releases
        ],
    }


def _reasons(reasons: Sequence[Fired]) -> list[JsonValue]:
    return [
        {"rule": one.rule.value, "account": one.account, "evidence": [*one.evidence], "sentence": one.sentence}
        for one in reasons
    ]


def _who(person: PersonKey | None) -> str | None:
    return None if person is None else str(person)


def _at(at: datetime | None) -> str | None:
    return None if at is None else utc_text(at)
