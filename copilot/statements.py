"""Statements from evidence, without a model: states beside uses, sources beside each other, and what is missing.

Each is proposed, cites what it rests on, and says no more than that. Accounts are not named, because statements become
sentences: a case about one account says 'the account', and a case about several numbers them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from types import MappingProxyType

from copilot.case_events import AccountState, Look, Use, Used, account_states, looks, uses
from policy.case_foundations import current_ids
from policy.case_terms import Author, Authority, Claim, Evidence, EvidenceKind, Source, Statement, StatementKind

RULES = Author(prompt_version="rules.v1")
"""The author of every statement from here."""

_SAME_MOMENT = timedelta(minutes=1)
_SOURCE: Mapping[Source, str] = MappingProxyType(
    {
        Source.TICKET: "the ticket",
        Source.DIRECTORY: "the directory",
        Source.ACCESS_LOG: "the access log",
        Source.ATTACHMENT_TRAIL: "the attachment store's trail",
        Source.KNOWLEDGE_BASE: "the knowledge base",
        Source.ESCALATION_QUEUE: "the escalation queue",
    }
)
_LOGS = frozenset({Source.ACCESS_LOG, Source.ATTACHMENT_TRAIL})
"""What records what happened, so that what is not in it may not have happened."""
_USE: Mapping[Use, str] = MappingProxyType(
    {
        Use.SESSION: "a session of {account}",
        Use.DOWNLOAD: "a download of an attachment by {account}",
        Use.PREVIEW: "a preview of an attachment by {account}",
    }
)


def statements_from(evidence: Sequence[Evidence]) -> tuple[Statement, ...]:
    """What the current evidence of a case shows, contradicts and leaves open; the same for the same evidence."""
    current = current_ids(evidence)
    items = [one for one in evidence if one.evidence_id in current]
    states, used, looked = account_states(items), uses(items), looks(items)
    found: list[Statement] = []
    accounts = _accounts(states, used)
    for number, names in enumerate(accounts, start=1):
        account = "the account" if len(accounts) == 1 else f"account {number}"
        of_states = [one for one in states if one.names & names]
        found += _state_claims(of_states, account)
        found += _conflicts(of_states, account)
        found += _uses_against_end([one for one in used if one.principal in names], of_states, account)
        found += _absences([one for one in looked if one.names is None or one.names & names], of_states, account)
    found += _gaps(looked)
    return tuple({one.statement_id: one for one in found}.values())


def _accounts(states: Iterable[AccountState], used: Iterable[Used]) -> list[frozenset[str]]:
    """The names of each account: those that one source gives to the same account are one account's."""
    accounts: list[frozenset[str]] = []
    for names in (*(one.names for one in states), *(frozenset({one.principal}) for one in used)):
        same = [one for one in accounts if one & names]
        accounts = [one for one in accounts if not one & names] + [names.union(*same)]
    return sorted(accounts, key=sorted)


def _state_claims(states: Iterable[AccountState], account: str) -> Iterator[Statement]:
    for one in states:
        said = _said(one, account)
        if one.evidence.authority is Authority.RECORD:
            yield _statement(StatementKind.FACT, f"{_opening(one.evidence)} shows {said}.", [one.evidence])
        else:
            text = (
                f"{_opening(one.evidence)} says that {said.replace(' as ', ' is ', 1)}; no record is behind this yet."
            )
            yield _statement(StatementKind.HYPOTHESIS, text, [one.evidence])


def _said(one: AccountState, account: str) -> str:
    if one.is_active:
        return f"{account} as active"
    return f"{account} as deactivated since {_when(one.ended_at)}" if one.ended_at else f"{account} as deactivated"


def _conflicts(states: Sequence[AccountState], account: str) -> Iterator[Statement]:
    for one, other in combinations(states, 2):
        if one.is_active != other.is_active or _differ(one.ended_at, other.ended_at):
            sides = sorted((one, other), key=lambda side: list(Authority).index(side.evidence.authority))
            first, second = (f"{_opening(side.evidence).lower()} has {_said(side, account)}" for side in sides)
            text = f"Two sources differ: {first}, while {second}."
            yield _statement(StatementKind.CONFLICT, text, [side.evidence for side in sides])


def _differ(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and abs(one - other) > _SAME_MOMENT


def _uses_against_end(used: Iterable[Used], states: Sequence[AccountState], account: str) -> Iterator[Statement]:
    end = _end(states)
    for one in used:
        rests_on = list(one.evidence)
        text = f"{_opening(one.evidence[0])} records {_USE[one.use].format(account=account)} at {_when(one.at)}"
        if end and end.ended_at and one.last_seen_at > end.ended_at:
            rests_on.append(end.evidence)
            text += _after(one, end.ended_at, f"the deactivation time in {_SOURCE[end.evidence.source]}")
        elif one.use is Use.SESSION:
            continue
        if one.is_sure and all(item.authority is Authority.RECORD for item in rests_on):
            yield _statement(StatementKind.FACT, f"{text}.", rests_on)
        else:
            text = f"It is possible, but not established: {text[0].lower()}{text[1:]}."
            yield _statement(StatementKind.HYPOTHESIS, text, rests_on)
        if one.use is Use.PREVIEW:
            text = f"What did the preview at {_when(one.at)} show, and was the attachment opened from it?"
            yield _statement(StatementKind.QUESTION, text, one.evidence)


def _after(used: Used, ended_at: datetime, what: str) -> str:
    if used.at > ended_at:
        return f", {_span(used.at - ended_at)} after {what} ({_when(ended_at)})"
    return f", still in use at {_when(used.last_seen_at)}, after {what} ({_when(ended_at)})"


def _absences(looked: Iterable[Look], states: Sequence[AccountState], account: str) -> Iterator[Statement]:
    """What a look that found nothing says about the time since the account's end: an absence, or a question."""
    end = _end(states)
    if end is None or end.ended_at is None:
        return
    for one in looked:
        if one.evidence.kind is not EvidenceKind.NOTHING or one.evidence.source not in _LOGS:
            continue
        source = _SOURCE[one.evidence.source]
        if one.covers_from and one.covers_until and one.covers_from <= end.ended_at <= one.covers_until:
            text = (
                f"{_opening(one.evidence)}, read whole from {_when(one.covers_from)} to {_when(one.covers_until)}, "
                f"holds no entry of {account}."
            )
            yield _statement(StatementKind.FACT, text, [one.evidence], claim=Claim.ABSENCE)
        else:
            text = (
                f"What happened after {_when(end.ended_at)}? What was read of {source} {_covered(one)}, "
                f"so it does not answer this."
            )
            yield _statement(StatementKind.QUESTION, text, [one.evidence, end.evidence])


def _covered(look: Look) -> str:
    if look.covers_from is None or look.covers_until is None:
        return "does not say from when to when it goes"
    return f"goes from {_when(look.covers_from)} to {_when(look.covers_until)}"


def _gaps(looked: Iterable[Look]) -> Iterator[Statement]:
    for one in looked:
        if one.evidence.kind is EvidenceKind.GAP:
            source = _SOURCE[one.evidence.source]
            text = f"What does {source} hold? It could not be read whole, so nothing follows from what was not found."
            yield _statement(StatementKind.QUESTION, text, [one.evidence])
            step = f"Get {source} read whole, and compare it with the account's state."
            yield _statement(StatementKind.NEXT_STEP, step, [one.evidence])


def _end(states: Iterable[AccountState]) -> AccountState | None:
    """The state that says when the account ended: a record before a note, the earliest of several."""
    ended = [one for one in states if one.ended_at is not None]
    order = list(Authority)
    return min(
        ended,
        key=lambda one: (order.index(one.evidence.authority), one.ended_at or one.evidence.retrieved_at),
        default=None,
    )


def _statement(kind: StatementKind, text: str, rests_on: Iterable[Evidence], claim: Claim = Claim.EVENT) -> Statement:
    ids = tuple(dict.fromkeys(one.evidence_id for one in rests_on))
    # Not the text: once there is a second account, 'the account' gets a number, and is still the same statement.
    seed = "\n".join((kind, claim, *ids))
    name = f"R{hashlib.sha256(seed.encode()).hexdigest()[:10]}"
    return Statement(name, kind, text, ids, RULES, claim=claim)


def _opening(evidence: Evidence) -> str:
    words = _SOURCE[evidence.source]
    return words[0].upper() + words[1:]


def _when(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _span(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
