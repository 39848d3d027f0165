"""What the trail tells of requests: what was shown, who voted, and where the steps led.

A request's row is only a row: whoever can write to the database can change it. The trail's steps are hashed under a
key that is not there. So a decision is judged on what its ticket's chain tells, read and verified for that decision
(`of_ticket`), and `storage.evidence` holds the rows of all requests against it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import text

from policy.errors import IllegalMove
from policy.lifecycle import RequestEvent, first_status, move
from policy.terms import RequestStatus, Verdict
from storage import audit
from storage.audit import GENESIS, Step, StoredEvent, ticket_chain
from storage.audit_keys import AuditKeys
from storage.database import AUDIT_KEYS, Transaction

_MOVES: Mapping[str, RequestEvent] = MappingProxyType(
    {
        Step.REQUEST_APPROVED: RequestEvent.APPROVED,
        Step.REQUEST_REJECTED: RequestEvent.REJECTED,
        Step.REQUEST_WITHDRAWN: RequestEvent.WITHDRAWN,
        Step.REQUEST_EXPIRED: RequestEvent.LAPSED,
        Step.REQUEST_VOIDED: RequestEvent.OUTDATED,
        Step.REQUEST_REPLACED: RequestEvent.REPLACED,
        Step.RUN_REFUSED: RequestEvent.REFUSED,
        Step.ACTION_STARTED: RequestEvent.STARTED,
    }
)
"""How a step moves a request; the end of a run says so in its payload."""
_OUTCOMES = MappingProxyType(
    {"done": RequestEvent.SUCCEEDED, "failed": RequestEvent.FAILED, "unknown": RequestEvent.LOST}
)
STEPS: tuple[str, ...] = (
    *_MOVES,
    Step.ACTION_PROPOSED,
    Step.POLICY_DECIDED,
    Step.REQUEST_KEPT,
    Step.VOTE_CAST,
    Step.ACTION_EXECUTED,
    Step.OUTCOME_RECONCILED,
    Step.REVIEW_DUE,
    Step.REVIEW_RECORDED,
)
"""The steps that tell something of a request."""


class TrailBroken(Exception):
    """A ticket's chain does not hold, so nothing is decided on what it tells."""


@dataclass
class Told:
    """What the trail tells of one request."""

    chain: str
    digest: str = ""
    verdict: str = ""
    quorum: int = 0
    distinct_groups: tuple[str, ...] = ()
    replaces: str = ""
    """The request that this one is an edit of, by its id; and which took the place of this one."""
    replaced_by: str = ""
    revision: int = 1
    editors: tuple[str, ...] = ()
    break_glass: str | None = None
    """Why it was started by break-glass, if it was."""
    review_due: str = ""
    """When its review is due, as the trail writes moments; "" where none is."""
    review: tuple[str, str] | None = None
    """Who recorded that review, and their words."""
    status: RequestStatus | None = None
    """Where the steps led; None before the policy's word on it."""
    kept_under: str | None = None
    """The policy version that a request of an earlier one was last judged by, and kept."""
    proposed_at: datetime | None = None
    """When it was proposed; only where a ticket's whole chain was read."""
    votes: set[tuple[str, str, str]] = field(default_factory=set)
    """voter, choice, digest"""
    groups_of: dict[str, Collection[str]] = field(default_factory=dict)
    """By voter, the groups that they were in at the vote; none where that was not recorded."""
    illegal: str = ""
    """The first step that the request's lifecycle does not allow, in words; from there on its status stays."""


@dataclass(frozen=True)
class Story:
    """A ticket's chain, verified, as far as decisions rest on it."""

    opened_by: str
    """The actor of its first step: the requester, or who made the ticket of somebody's message."""
    requests: Mapping[UUID, Told]


def tell(told: dict[str, Told], chain: str, name: str, actor: str, payload: Mapping[str, Any]) -> None:
    """Add one step, in the order of its chain, to what is told of the request that it is about."""
    request_id = payload.get("actionRequestId")
    if name not in STEPS or not isinstance(request_id, str):
        return
    one = told.setdefault(request_id, Told(chain))
    match name:
        case Step.ACTION_PROPOSED:
            one.digest = payload["digest"]
            one.replaces, one.revision = payload.get("replaces", ""), payload.get("revision", 1)
            one.editors = tuple(payload.get("editors", ()))
            one.break_glass = payload.get("breakGlass")
        case Step.POLICY_DECIDED:
            one.verdict, one.quorum = payload["verdict"], payload["quorum"]
            one.distinct_groups = tuple(payload.get("distinctGroups", ()))
            one.status = first_status(Verdict(one.verdict))
        case Step.REQUEST_KEPT:
            one.kept_under = payload["judgedUnder"]
        case Step.VOTE_CAST:
            one.votes.add((actor, payload["choice"], payload["digest"]))
            one.groups_of[actor] = payload.get("voter", {}).get("groups", ())
        case Step.REVIEW_DUE:
            one.review_due = payload["dueAt"]
        case Step.REVIEW_RECORDED:
            one.review = actor, payload["words"]
        case Step.REQUEST_REPLACED:
            one.replaced_by = payload["replacedBy"]
            _move(one, name, RequestEvent.REPLACED)
        case Step.ACTION_EXECUTED | Step.OUTCOME_RECONCILED:
            _move(one, name, _OUTCOMES[payload["outcome"]])
        case Step.RUN_REFUSED if one.status is RequestStatus.RUNNING:
            pass  # A run that was cut off does not begin again; its end is a step of its own.
        case Step.RUN_REFUSED if payload["rule"] == "core-no-expired-request":
            _move(one, name, RequestEvent.LAPSED)  # Approved, and too late to run.
        case _:
            _move(one, name, _MOVES[name])


def _move(one: Told, name: str, event: RequestEvent) -> None:
    try:
        if one.status is None:
            raise ValueError("it was not proposed yet")
        one.status = move(one.status, event)
    except (IllegalMove, ValueError):
        one.illegal = one.illegal or f"{name} after it was {one.status or 'never proposed'}"


# One statement, so that the rows and the head are of one moment while others append.
_CHAIN = text(
    "select e.chain, e.seq, e.at, e.name, e.actor, e.payload::text, e.prev_hash, e.hash, e.key_id, c.length, c.head"
    " from audit_chains c left join audit_events e on e.chain = c.chain where c.chain = :chain order by e.seq"
)


async def of_ticket(tx: Transaction, ticket_id: UUID) -> Story:
    """What a ticket's chain tells, every row of it verified. Raises TrailBroken.

    Rows of before there was a key are bound by the first keyed row, which follows from them; what they tell of requests
    counts for nothing, because those were made under another build's rules.
    """
    chain = ticket_chain(ticket_id)
    events = await verified(tx, chain)
    told: dict[str, Told] = {}
    for event in events:
        if event.key_id is not None and event.name in STEPS:
            tell(told, chain, event.name, event.actor, event.payload)
        if event.name == Step.ACTION_PROPOSED and (one := told.get(event.payload["actionRequestId"])) is not None:
            one.proposed_at = event.at
    return Story(events[0].actor, {UUID(request_id): one for request_id, one in told.items()})


async def verified(tx: Transaction, chain: str) -> list[StoredEvent]:
    """Every step of a chain, oldest first, each verified and none missing between. Raises TrailBroken."""
    rows = (await tx.execute(_CHAIN, {"chain": chain})).all()
    events = [audit.stored(row) for row in rows if row[1] is not None]
    if not events or not _holds(events, tx.info.get(AUDIT_KEYS), (rows[0][9], bytes(rows[0][10]))):
        raise TrailBroken(f"the chain {chain} does not hold: run countersign audit verify")
    return events


def _holds(events: list[StoredEvent], keys: AuditKeys | None, head: tuple[int, bytes]) -> bool:
    prev, key_id = GENESIS, None
    for number, event in enumerate(events, 1):
        if event.seq != number or event.prev_hash != prev or not audit.is_genuine(event, keys, after=key_id):
            return False
        prev, key_id = event.hash, event.key_id
    return key_id is not None and head == (len(events), prev)
