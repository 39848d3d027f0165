"""Evidence read as account states, uses of an account, and what a source covered. What was not understood is left out.

This is the one place here that knows what fields evidence has: of an account `account`, `email`, `status` and
`deprovisioned_at`; of a use `principal`, `action`, `session` and `at`; of a look at a source `covers_from` and
`covers_until`, and the accounts of its query. Times are ISO 8601 with a zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

from pydantic import JsonValue

from policy.case_terms import Evidence, EvidenceKind, Source
from policy.terms import folded_address

_SURE = 0.8
"""Below this confidence an item only suggests what it seems to say."""


class Use(StrEnum):
    """What was done with an account."""

    SESSION = "session"
    DOWNLOAD = "download"
    PREVIEW = "preview"


_OF_THE_STORE: Mapping[str, Use] = MappingProxyType({"download": Use.DOWNLOAD, "preview": Use.PREVIEW})
_ENDED = frozenset({"deprovisioned", "deactivated", "disabled", "suspended", "deleted", "revoked"})


@dataclass(frozen=True)
class AccountState:
    """What one source says of an account."""

    evidence: Evidence
    names: frozenset[str]
    """Its key and its address, folded."""
    is_active: bool
    ended_at: datetime | None


@dataclass(frozen=True)
class Used:
    """One use of an account: a session with its entries, or what was done once."""

    evidence: tuple[Evidence, ...]
    principal: str
    use: Use
    at: datetime
    last_seen_at: datetime
    """Of a session: its last entry; otherwise the same as `at`."""

    @property
    def source(self) -> Source:
        """Where it was recorded."""
        return self.evidence[0].source

    @property
    def is_sure(self) -> bool:
        """Whether the items answer what was asked, rather than resembling it."""
        return all(one.confidence >= _SURE for one in self.evidence)


@dataclass(frozen=True)
class Look:
    """A source that was read, and from when to when it answers; None where that is not known."""

    evidence: Evidence
    names: frozenset[str] | None
    """Of the accounts that were asked about, folded; None where the query does not say whose it is."""
    covers_from: datetime | None
    covers_until: datetime | None


def account_states(evidence: Iterable[Evidence]) -> list[AccountState]:
    """What is said of accounts, in the order of the evidence."""
    states = []
    for one in evidence:
        names = frozenset({_name(one.facts.get("account")), _name(one.facts.get("email"))} - {""})
        status = _name(one.facts.get("status"))
        ended_at = moment(one.facts.get("deprovisioned_at"))
        if one.kind is EvidenceKind.FOUND and names and (status == "active" or status in _ENDED or ended_at):
            states.append(AccountState(one, names, status == "active" and ended_at is None, ended_at))
    return states


def uses(evidence: Iterable[Evidence]) -> list[Used]:
    """What was done with accounts, earliest first; the entries of one session are one use."""
    rows: dict[tuple[str, ...], list[tuple[datetime, Evidence]]] = {}
    for one in evidence:
        at = moment(one.facts.get("at")) or (one.observed_at if one.observed_at and one.observed_at.tzinfo else None)
        use = _use(one)
        principal = _name(one.facts.get("principal"))
        if use is None or at is None or not principal:
            continue
        session = str(one.facts.get("session") or "") if use is Use.SESSION else ""
        rows.setdefault((principal, use, session or one.evidence_id, "s" if session else ""), []).append((at, one))
    found = []
    for (principal, name, *_), entries in rows.items():
        times = sorted(at for at, _ in entries)
        found.append(Used(tuple(one for _, one in entries), principal, Use(name), times[0], times[-1]))
    return sorted(found, key=lambda used: (used.at, used.evidence[0].evidence_id))


def looks(evidence: Iterable[Evidence]) -> list[Look]:
    """The looks that found nothing, or could not read everything."""
    return [
        Look(
            one,
            _asked(one),
            moment(one.facts.get("covers_from")),
            moment(one.facts.get("covers_until")),
        )
        for one in evidence
        if one.kind is not EvidenceKind.FOUND
    ]


def _asked(one: Evidence) -> frozenset[str] | None:
    """An answer on one account names it itself; the question may have been about more, or about attachments alone."""
    if own := _names(one.facts):
        return own
    accounts = one.query.get("accounts")
    if isinstance(accounts, list):
        return frozenset[str]().union(*(_names(item) for item in accounts if isinstance(item, Mapping)))
    principal = _name(one.query.get("principal"))
    return frozenset({principal}) if principal else frozenset() if "attachments" in one.query else None


def _names(facts: Mapping[str, JsonValue]) -> frozenset[str]:
    return frozenset(_name(facts.get(field)) for field in ("account", "email", "key")) - {""}


def moment(value: JsonValue | None) -> datetime | None:
    """A time with a zone, in UTC; None for anything else, a time without zone included."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value.strip())
        return read.astimezone(UTC) if read.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _use(one: Evidence) -> Use | None:
    if one.kind is not EvidenceKind.FOUND:
        return None
    if one.source is Source.ACCESS_LOG:
        return Use.SESSION
    return _OF_THE_STORE.get(_name(one.facts.get("action"))) if one.source is Source.ATTACHMENT_TRAIL else None


def _name(value: JsonValue | None) -> str:
    return folded_address(value) if isinstance(value, str) else ""
