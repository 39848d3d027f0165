"""The audit trail: append-only, one hash chain per ticket, and one named 'system' for what belongs to no ticket.

Each event's hash covers the previous hash and every stored field, length-prefixed, with the payload's exact text:

    hash = SHA-256(prev || len(f1) f1 || … || len(f6) f6),  f = chain, seq, at (microseconds), name, actor, payload

The head row of the chain is locked and moved in the caller's transaction, so a step and its record are one fact.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import text

from storage.database import Transaction

GENESIS = bytes(32)
SYSTEM_CHAIN = "system"
PAGE_ROWS = 5000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Step(StrEnum):
    """Every name the trail uses."""

    INTAKE_RECEIVED = "intake_received"
    MESSAGE_RECEIVED = "message_received"
    MESSAGE_EDITED = "message_edited"
    MESSAGE_DELETED = "message_deleted"
    AGENT_TRIAGE_STARTED = "agent_triage_started"
    AGENT_TRIAGE_COMPLETED = "agent_triage_completed"
    PARAMETERS_CONFIRMED = "parameters_confirmed"
    ACTION_PROPOSED = "action_proposed"
    PROPOSED_AGAIN = "proposed_again"
    POLICY_DECIDED = "policy_decided"
    VOTE_CAST = "vote_cast"
    VOTE_REFUSED = "vote_refused"
    REQUEST_APPROVED = "request_approved"
    REQUEST_REJECTED = "request_rejected"
    REQUEST_WITHDRAWN = "request_withdrawn"
    WITHDRAWAL_REFUSED = "withdrawal_refused"
    REQUEST_REMINDED = "request_reminded"
    REQUEST_ESCALATED = "request_escalated"
    REQUEST_EXPIRED = "request_expired"
    REQUEST_VOIDED = "request_voided"
    REQUEST_KEPT = "request_kept"
    RUN_REFUSED = "run_refused"
    ACTION_STARTED = "action_started"
    ACTION_EXECUTED = "action_executed"
    OUTCOME_RECONCILED = "outcome_reconciled"
    DELIVERY_POSTED = "delivery_posted"
    DELIVERY_UPDATED = "delivery_updated"
    DELIVERY_HELD = "delivery_held"
    DELIVERY_FAILED = "delivery_failed"
    VIEW_REFUSED = "view_refused"
    CLICK_REFUSED = "click_refused"
    PEOPLE_LINKED = "people_linked"
    PEOPLE_UNLINKED = "people_unlinked"
    GROUP_CHANGED = "group_changed"
    DIRECTORY_IMPORTED = "directory_imported"
    STARTED = "started"


@dataclass(frozen=True)
class NewEvent:
    """A step about to be recorded."""

    name: Step
    actor: str
    """PersonKey text, 'bot', 'agent:triage', 'policy', or 'operator' for the command line."""
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class StoredEvent:
    """A step as it stands in the database, with the payload's exact text."""

    chain: str
    seq: int
    at: datetime
    name: str
    actor: str
    payload_text: str
    prev_hash: bytes
    hash: bytes

    @property
    def payload(self) -> dict[str, Any]:
        """The payload as a value."""
        value: dict[str, Any] = json.loads(self.payload_text)
        return value


@dataclass(frozen=True)
class Break:
    """The first place where a chain does not hold."""

    chain: str
    seq: int
    why: str


def ticket_chain(ticket_id: UUID | str) -> str:
    """The name of a ticket's chain."""
    return f"ticket:{ticket_id}"


def event_hash(prev: bytes, chain: str, seq: int, at: datetime, name: str, actor: str, payload_text: str) -> bytes:
    """The hash of one event (the module's docstring has the form)."""
    digest = hashlib.sha256(prev)
    microseconds = (at - _EPOCH) // _MICROSECOND
    for part in (chain, str(seq), str(microseconds), name, actor, payload_text):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big"))
        digest.update(encoded)
    return digest.digest()


# An upsert that changes nothing takes the row lock whether or not the chain existed: one round trip.
_LOCK_HEAD = text(
    "insert into audit_chains (chain, length, head) values (:chain, 0, :genesis)"
    " on conflict (chain) do update set chain = excluded.chain returning length, head"
)
_HEADS = "audit heads"
_APPEND = text(
    "with added as (insert into audit_events (chain, seq, at, name, actor, payload, prev_hash, hash)"
    " select :chain, e.seq, :at, e.name, e.actor, e.payload::json, e.prev_hash, e.hash"
    " from unnest(cast(:seqs as int[]), cast(:names as text[]), cast(:actors as text[]), cast(:payloads as text[]),"
    " cast(:prevs as bytea[]), cast(:hashes as bytea[])) as e(seq, name, actor, payload, prev_hash, hash))"
    " update audit_chains set length = :length, head = :head where chain = :chain"
)


async def append(tx: Transaction, chain: str, events: Sequence[NewEvent], *, at: datetime) -> None:
    """Record steps, in order, in one chain. The chain stays locked until the transaction ends."""
    if not events:
        return
    length, prev = await _head(tx, chain)
    seqs, payloads, prevs, hashes = [], [], [], []
    for event in events:
        length += 1
        payload_text = json.dumps(dict(event.payload), separators=(",", ":"))
        digest = event_hash(prev, chain, length, at, event.name, event.actor, payload_text)
        seqs.append(length)
        payloads.append(payload_text)
        prevs.append(prev)
        hashes.append(digest)
        prev = digest
    await tx.execute(
        _APPEND,
        {
            "chain": chain,
            "at": at,
            "seqs": seqs,
            "names": [str(event.name) for event in events],
            "actors": [event.actor for event in events],
            "payloads": payloads,
            "prevs": prevs,
            "hashes": hashes,
            "length": length,
            "head": prev,
        },
    )
    tx.info[_HEADS, chain] = length, prev


async def _head(tx: Transaction, chain: str) -> tuple[int, bytes]:
    """Where a chain ends; locked, so that what this transaction has read or written of it stays true."""
    known: tuple[int, bytes] | None = tx.info.get((_HEADS, chain))
    if known is None:
        length, head = (await tx.execute(_LOCK_HEAD, {"chain": chain, "genesis": GENESIS})).one()
        known = length, bytes(head)
    return known


async def record(
    tx: Transaction, ticket_id: UUID | None, name: Step, actor: str, payload: Mapping[str, Any], *, at: datetime
) -> None:
    """Record one step of a ticket, or of the system where there is no ticket."""
    chain = SYSTEM_CHAIN if ticket_id is None else ticket_chain(ticket_id)
    await append(tx, chain, [NewEvent(name, actor, payload)], at=at)


_TAKE_TURN = text("select pg_advisory_xact_lock(hashtextextended(:turn, 0))")
# The payload is looked into where it is one of ours only: PostgreSQL fails on the escapes that another may hold.
_IS_RECORDED = text(
    "select exists (select 1 from audit_events where at > :since and chain = :chain and actor = :actor"
    " and case when name = :name then payload->>'what' = :what else false end)"
)


async def record_seldom(
    tx: Transaction,
    ticket_id: UUID | None,
    name: Step,
    actor: str,
    payload: Mapping[str, Any],
    *,
    at: datetime,
    every: timedelta,
) -> None:
    """Record a step, unless the same actor has one of this name about the same `what` on record within `every`.

    Whoever repeats themselves waits for themselves: the chain is locked only where there is something to write.
    """
    chain = SYSTEM_CHAIN if ticket_id is None else ticket_chain(ticket_id)
    same = {"since": at - every, "chain": chain, "actor": actor, "name": name, "what": payload["what"]}
    await tx.execute(_TAKE_TURN, {"turn": f"{chain}:{name}:{actor}"})
    if not await tx.scalar(_IS_RECORDED, same):
        await record(tx, ticket_id, name, actor, payload, at=at)


_EVENTS = "select chain, seq, at, name, actor, payload::text, prev_hash, hash from audit_events"


def _stored(row: Any) -> StoredEvent:
    return StoredEvent(row[0], row[1], row[2], row[3], row[4], row[5], bytes(row[6]), bytes(row[7]))


async def trail(tx: Transaction, ticket_id: UUID, *, offset: int = 0, limit: int | None = None) -> list[StoredEvent]:
    """A ticket's steps, oldest first."""
    rows = await tx.execute(
        text(_EVENTS + " where chain = :chain order by seq offset :offset limit :limit"),
        {"chain": ticket_chain(ticket_id), "offset": offset, "limit": limit},
    )
    return [_stored(row) for row in rows]


async def of_request(tx: Transaction, ticket_id: UUID, name: Step, request_id: UUID) -> list[StoredEvent]:
    """The steps of one name about one request, oldest first."""
    rows = await tx.execute(
        text(_EVENTS + " where chain = :chain and name = :name order by seq"),
        {"chain": ticket_chain(ticket_id), "name": name},
    )
    return [one for one in map(_stored, rows) if one.payload.get("actionRequestId") == str(request_id)]


async def latest(tx: Transaction, name: Step) -> StoredEvent | None:
    """The newest step of this name that belongs to no ticket."""
    rows = await tx.execute(
        text(_EVENTS + " where chain = :chain and name = :name order by seq desc limit 1"),
        {"chain": SYSTEM_CHAIN, "name": name},
    )
    return next((_stored(row) for row in rows), None)


async def all_events(tx: Transaction) -> AsyncIterator[StoredEvent]:
    """Every event, chain by chain, a page at a time: the reader may stop anywhere and leaves no cursor open."""
    page_after = text(_EVENTS + " where (chain, seq) > (:chain, :seq) order by chain, seq limit :limit")
    chain, seq = "", 0
    while True:
        rows = (await tx.execute(page_after, {"chain": chain, "seq": seq, "limit": PAGE_ROWS})).all()
        for row in rows:
            yield _stored(row)
        if len(rows) < PAGE_ROWS:
            return
        chain, seq = rows[-1][0], rows[-1][1]


@dataclass
class Verification:
    """What `verify` found."""

    chains: int = 0
    events: int = 0
    first_break: Break | None = None


async def verify(tx: Transaction) -> Verification:
    """Check every chain against its hashes, its numbering and its head; stops at the first that does not hold.

    It must be the first thing in its transaction: everything is read as of one moment, or steps recorded meanwhile by a
    running bot would look like a chain that does not end where its head says.
    """
    await tx.execute(text("set transaction isolation level repeatable read"))
    heads = {row[0]: (row[1], bytes(row[2])) for row in await tx.execute(text("select * from audit_chains"))}
    result = Verification()
    chain, seq, prev = "", 0, GENESIS
    async for event in all_events(tx):
        if event.chain != chain:
            if broken := _check_head(chain, seq, prev, heads):
                return replace(result, first_break=broken)
            chain, seq, prev = event.chain, 0, GENESIS
            result = replace(result, chains=result.chains + 1)
        if broken := check_event(event, expected_seq=seq + 1, prev=prev):
            return replace(result, first_break=broken)
        seq, prev = event.seq, event.hash
        result.events += 1
    broken = _check_head(chain, seq, prev, heads) or _check_left_over(heads) or await _check_tickets(tx)
    return replace(result, first_break=broken)


def check_event(event: StoredEvent, *, expected_seq: int, prev: bytes) -> Break | None:
    """Whether one event follows from the one before it."""
    if event.seq != expected_seq:
        return Break(event.chain, expected_seq, f"is missing: the next row is number {event.seq}")
    if event.prev_hash != prev:
        return Break(event.chain, event.seq, "does not follow from the row before it")
    actual = event_hash(prev, event.chain, event.seq, event.at, event.name, event.actor, event.payload_text)
    if event.hash != actual:
        return Break(event.chain, event.seq, "was changed after it was written")
    return None


def _check_head(chain: str, seq: int, prev: bytes, heads: dict[str, tuple[int, bytes]]) -> Break | None:
    if not chain:
        return None
    if chain not in heads:
        return Break(chain, seq, "has no head")
    length, head = heads.pop(chain)
    if (length, head) != (seq, prev):
        return Break(chain, seq + 1 if length > seq else seq, f"is not where the chain's head says it ends ({length})")
    return None


def _check_left_over(heads: dict[str, tuple[int, bytes]]) -> Break | None:
    for chain, (length, _) in sorted(heads.items()):
        if length:
            return Break(chain, 1, f"is missing, with all {length} rows of its chain")
    return None


async def _check_tickets(tx: Transaction) -> Break | None:
    """A ticket with no chain at all: its rows and its head were both deleted."""
    row = (
        await tx.execute(
            text(
                "select id from tickets t where not exists"
                " (select 1 from audit_chains c where c.chain = 'ticket:' || t.id) limit 1"
            )
        )
    ).first()
    return None if row is None else Break(ticket_chain(row[0]), 1, "is missing, with the whole chain of its ticket")
