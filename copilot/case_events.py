"""Evidence read as account states, uses of an account, and what a source covered. What was not understood is left out.

This is the one place that knows what fields evidence has: `principal`; of an account `status` and `deactivated_at`; of
a use `event`, and of a session `last_seen_at`; of a source's look `covers_from` and `covers_until`. Times are ISO 8601.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

from pydantic import JsonValue

from policy.case_terms import Evidence, EvidenceKind, Source

_SURE = 0.8
"""Below this confidence an item only suggests what it seems to say."""


class Use(StrEnum):
    """What was done with an account."""

    SESSION = "session"
    DOWNLOAD = "download"
    PREVIEW = "preview"


_USE_OF: Mapping[str, Use] = MappingProxyType(
    {
        "session": Use.SESSION,
        "session_start": Use.SESSION,
        "session_started": Use.SESSION,
        "session_activity": Use.SESSION,
        "login": Use.SESSION,
        "request": Use.SESSION,
        "access": Use.SESSION,
        "download": Use.DOWNLOAD,
        "attachment_download": Use.DOWNLOAD,
        "preview": Use.PREVIEW,
        "attachment_preview": Use.PREVIEW,
    }
)
_ACTIVE = frozenset({"active", "enabled"})
_ENDED = frozenset({"deactivated", "deprovisioned", "disabled", "suspended", "deleted"})


@dataclass(frozen=True)
class AccountState:
    """What one source says of an account."""

    evidence: Evidence
    principal: str
    is_active: bool
    ended_at: datetime | None


@dataclass(frozen=True)
class Used:
    """One use of an account."""

    evidence: Evidence
    principal: str
    use: Use
    at: datetime
    last_seen_at: datetime
    """Of a session: when it was last seen in use; otherwise the same as `at`."""

    @property
    def is_sure(self) -> bool:
        """Whether the item answers what was asked, rather than resembling it."""
        return self.evidence.confidence >= _SURE


@dataclass(frozen=True)
class Look:
    """A source that was read, and from when to when it answers; None where that is not known."""

    evidence: Evidence
    principal: str
    covers_from: datetime | None
    covers_until: datetime | None


def account_states(evidence: Iterable[Evidence]) -> list[AccountState]:
    """What is said of accounts, in the order of the evidence."""
    states = []
    for one in evidence:
        status = str(one.facts.get("status", "")).lower()
        ended_at = moment(one.facts.get("deactivated_at"))
        principal = _principal(one)
        if one.kind is EvidenceKind.FOUND and principal and (status in _ACTIVE | _ENDED or ended_at):
            states.append(AccountState(one, principal, status in _ACTIVE, ended_at))
    return states


def uses(evidence: Iterable[Evidence]) -> list[Used]:
    """What was done with accounts, earliest first."""
    found = []
    for one in evidence:
        use = _USE_OF.get(str(one.facts.get("event", "")).lower())
        is_trail = one.source in (Source.ACCESS_LOG, Source.ATTACHMENT_TRAIL)
        at = one.observed_at
        if one.kind is EvidenceKind.FOUND and is_trail and use and at and at.tzinfo and _principal(one):
            last = moment(one.facts.get("last_seen_at")) or at
            found.append(Used(one, _principal(one), use, at, max(at, last)))
    return sorted(found, key=lambda used: (used.at, used.evidence.evidence_id))


def looks(evidence: Iterable[Evidence]) -> list[Look]:
    """The looks that found nothing, or could not read everything."""
    return [
        Look(
            one,
            _principal(one) or str(one.query.get("principal", "")),
            moment(one.facts.get("covers_from")),
            moment(one.facts.get("covers_until")),
        )
        for one in evidence
        if one.kind is not EvidenceKind.FOUND
    ]


def moment(value: JsonValue | None) -> datetime | None:
    """A time with a zone, in UTC; None for anything else, a time without zone included."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return read.astimezone(UTC) if read.tzinfo else None


def _principal(one: Evidence) -> str:
    value = one.facts.get("principal")
    return value if isinstance(value, str) else ""
