"""The audit trail: append-only, one hash chain per ticket, and one named 'system' for what belongs to no ticket.

Each event's hash is taken under a key that is not in the database. It covers the previous hash and every stored field,
length-prefixed, with the payload's exact text:

    hash = HMAC-SHA-256(key, prev || len(f1) f1 || … || len(f7) f7)
    f = chain, seq, at (microseconds), name, actor, payload, key id

Rows of before there was a key have no key id, and their hash is the SHA-256 of the same without f7. They stand at the
beginning of a chain only, and only where a keyed row of the system's chain vouches for them (`storage.earlier_rows`).

The head row of the chain is locked and moved in the caller's transaction, so a step and its record are one fact.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import text

from storage.audit_keys import AuditKeyMissing, AuditKeys
from storage.database import AUDIT_KEYS, Transaction

GENESIS = bytes(32)
SYSTEM_CHAIN = "system"
PAGE_ROWS = 5000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LENGTH = struct.Struct(">I").pack


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
    REQUEST_REPLACED = "request_replaced"
    EDIT_REFUSED = "edit_refused"
    REQUEST_REMINDED = "request_reminded"
    REQUEST_ESCALATED = "request_escalated"
    REQUEST_EXPIRED = "request_expired"
    REQUEST_VOIDED = "request_voided"
    REQUEST_KEPT = "request_kept"
    RUN_REFUSED = "run_refused"
    ACTION_STARTED = "action_started"
    ACTION_EXECUTED = "action_executed"
    OUTCOME_RECONCILED = "outcome_reconciled"
    REVIEW_DUE = "review_due"
    REVIEW_OVERDUE = "review_overdue"
    REVIEW_RECORDED = "review_recorded"
    REVIEW_REFUSED = "review_refused"
    FILES_QUEUED = "files_queued"
    DELIVERY_POSTED = "delivery_posted"
    DELIVERY_UPDATED = "delivery_updated"
    DELIVERY_HELD = "delivery_held"
    DELIVERY_FAILED = "delivery_failed"
    VIEW_REFUSED = "view_refused"
    CLICK_REFUSED = "click_refused"
    PASSKEY_ENROLLED = "passkey_enrolled"
    PASSKEY_APPROVED = "passkey_approved"
    PASSKEY_REVOKED = "passkey_revoked"
    PASSKEY_RESEALED = "passkey_resealed"
    PASSKEY_REFUSED = "passkey_refused"
    PASSKEY_ASKED = "passkey_asked"
    PEOPLE_LINKED = "people_linked"
    PEOPLE_UNLINKED = "people_unlinked"
    STOP_SET = "stop_set"
    STOP_LIFTED = "stop_lifted"
    LIFT_REFUSED = "lift_refused"
    GROUP_CHANGED = "group_changed"
    POLICY_CHANGED = "policy_changed"
    POLICY_REFUSED = "policy_refused"
    DIRECTORY_IMPORTED = "directory_imported"
    STARTED = "started"
    CHECKPOINT_NOT_SENT = "checkpoint_not_sent"
    MEASURES_POSTED = "measures_posted"
    EARLIER_ROWS_SEALED = "earlier_rows_sealed"
    CASE_OPENED = "case_opened"
    CASE_FRAMED = "case_framed"
    CASE_LEAD_CHANGED = "case_lead_changed"
    CASE_MEMBERS_CHANGED = "case_members_changed"
    CASE_EVIDENCE_RETRIEVED = "case_evidence_retrieved"
    CASE_STATEMENT_MOVED = "case_statement_moved"
    CASE_DRAFTED = "case_drafted"
    CASE_MARK_OVERRIDDEN = "case_mark_overridden"
    CASE_MARKS_SUGGESTED = "case_marks_suggested"
    CASE_LATCH_MOVED = "case_latch_moved"
    CASE_VALUE_REVEALED = "case_value_revealed"
    CASE_TURN = "case_turn"
    CASE_PART_STATED_EMPTY = "case_part_stated_empty"
    CASE_RELEASE_ASKED = "case_release_asked"
    CASE_RELEASED = "case_released"
    CASE_RELEASE_HELD = "case_release_held"
    CASE_CUSTOMER_WROTE = "case_customer_wrote"
    CASE_ESCALATED = "case_escalated"
    CASE_CLOSED = "case_closed"
    CASE_ASKED = "case_asked"
    """On the ticket's chain: somebody had the copilot or the sources asked, with a hash of exactly what."""
    CASE_ANSWERED = "case_answered"
    """On the ticket's chain: what was asked for is done, in the transaction that added what came of it."""
    CASE_REFUSED = "case_refused"
    """On the ticket's chain: somebody wanted something of a case that they may not, with the rule."""


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
    key_id: str | None
    """The key its hash is taken under; None for a row of before there was one."""

    @property
    def payload(self) -> dict[str, Any]:
        """The payload as a value."""
        value: dict[str, Any] = json.loads(self.payload_text)
        return value


def ticket_chain(ticket_id: UUID | str) -> str:
    """The name of a ticket's chain."""
    return f"ticket:{ticket_id}"


def case_chain(case_id: UUID | str) -> str:
    """The name of a case's own chain, which is its record."""
    return f"case:{case_id}"


def microseconds(at: datetime) -> int:
    """A moment as the hash has it: whole microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def event_hash(secret: bytes | None, prev: bytes, *fields: str) -> bytes:
    """The hash of one event, whose fields are in the order of the module's docstring; unkeyed without a secret."""
    body = covered(prev, *fields)
    return hashlib.sha256(body).digest() if secret is None else hmac.digest(secret, body, "sha256")


def covered(prev: bytes, *fields: str) -> bytes:
    """The bytes that an event's hash is taken over."""
    encoded = [field.encode() for field in fields]
    return b"".join([prev, *[part for one in encoded for part in (_LENGTH(len(one)), one)]])


def is_genuine(event: StoredEvent, keys: AuditKeys | None, *, after: str | None) -> bool:
    """Whether this row's own hash fits under the key that it names, and that key may come after the one of `after`.

    `after`: the key of a row that stands before it in its chain, if any has one: whoever got hold of a key that was
    replaced adds nothing with it. Whether the row follows from others is not asked.
    """
    fields = [event.chain, str(event.seq), str(microseconds(event.at)), event.name, event.actor, event.payload_text]
    if event.key_id is None:
        return after is None and event.hash == event_hash(None, event.prev_hash, *fields)
    secret = None if keys is None else keys.secret(event.key_id)
    if keys is None or secret is None or after not in (None, event.key_id, *keys.older(event.key_id)):
        return False
    return event.hash == event_hash(secret, event.prev_hash, *fields, event.key_id)


# An upsert that changes nothing takes the row lock whether or not the chain existed: one round trip.
_LOCK_HEAD = text(
    "insert into audit_chains (chain, length, head) values (:chain, 0, :genesis)"
    " on conflict (chain) do update set chain = excluded.chain returning length, head"
)
_HEADS = "audit heads"
_APPEND = text(
    "with added as (insert into audit_events (chain, seq, at, name, actor, payload, prev_hash, hash, key_id)"
    " select :chain, e.seq, :at, e.name, e.actor, e.payload::json, e.prev_hash, e.hash, :key_id"
    " from unnest(cast(:seqs as int[]), cast(:names as text[]), cast(:actors as text[]), cast(:payloads as text[]),"
    " cast(:prevs as bytea[]), cast(:hashes as bytea[])) as e(seq, name, actor, payload, prev_hash, hash))"
    " update audit_chains set length = :length, head = :head where chain = :chain"
)


async def append(tx: Transaction, chain: str, events: Sequence[NewEvent], *, at: datetime) -> None:
    """Record steps, in order, in one chain, which stays locked until the transaction ends. Raises AuditKeyMissing."""
    if not events:
        return
    key_id, secret = _current_key(tx)
    length, prev = await _head(tx, chain)
    moment = str(microseconds(at))
    seqs, payloads, prevs, hashes = [], [], [], []
    for event in events:
        length += 1
        payload_text = json.dumps(dict(event.payload), separators=(",", ":"))
        digest = event_hash(secret, prev, chain, str(length), moment, event.name, event.actor, payload_text, key_id)
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
            "key_id": key_id,
        },
    )
    tx.info[_HEADS, chain] = length, prev


def _current_key(tx: Transaction) -> tuple[str, bytes]:
    keys: AuditKeys | None = tx.info.get(AUDIT_KEYS)
    secret = None if keys is None else keys.secret(keys.current_id)
    if keys is None or secret is None:
        raise AuditKeyMissing("the database was opened without an audit key, so nothing can be put on its trail")
    return keys.current_id, secret


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


async def take_turn(tx: Transaction, turn: str) -> None:
    """Wait until nobody else has this turn, and keep it until the transaction ends."""
    await tx.execute(_TAKE_TURN, {"turn": turn})


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
    await take_turn(tx, f"{chain}:{name}:{actor}")
    if not await tx.scalar(_IS_RECORDED, same):
        await record(tx, ticket_id, name, actor, payload, at=at)


_EVENTS = "select chain, seq, at, name, actor, payload::text, prev_hash, hash, key_id from audit_events"


def stored(row: Any) -> StoredEvent:
    """A row of the trail (its nine columns, in the table's order, the payload as text) as an event."""
    return StoredEvent(row[0], row[1], row[2], row[3], row[4], row[5], bytes(row[6]), bytes(row[7]), row[8])


async def trail(tx: Transaction, ticket_id: UUID, *, offset: int = 0, limit: int | None = None) -> list[StoredEvent]:
    """A ticket's steps, oldest first."""
    rows = await tx.execute(
        text(_EVENTS + " where chain = :chain order by seq offset :offset limit :limit"),
        {"chain": ticket_chain(ticket_id), "offset": offset, "limit": limit},
    )
    return [stored(row) for row in rows]


async def of_request(tx: Transaction, ticket_id: UUID, name: Step, request_id: UUID) -> list[StoredEvent]:
    """The steps of one name about one request, oldest first."""
    events = await named(tx, ticket_id, name)
    return [one for one in events if one.payload.get("actionRequestId") == str(request_id)]


async def named(tx: Transaction, ticket_id: UUID, name: Step) -> list[StoredEvent]:
    """A ticket's steps of one name, oldest first."""
    rows = await tx.execute(
        text(_EVENTS + " where chain = :chain and name = :name order by seq"),
        {"chain": ticket_chain(ticket_id), "name": name},
    )
    return [stored(row) for row in rows]


async def latest(tx: Transaction, *names: Step) -> StoredEvent | None:
    """The newest step of these names that belongs to no ticket."""
    rows = await tx.execute(
        text(_EVENTS + " where chain = :chain and name = any(:names) order by seq desc limit 1"),
        {"chain": SYSTEM_CHAIN, "names": [str(name) for name in names]},
    )
    return next((stored(row) for row in rows), None)


async def all_events(tx: Transaction) -> AsyncIterator[StoredEvent]:
    """Every event, chain by chain, a page at a time: the reader may stop anywhere and leaves no cursor open."""
    page_after = text(_EVENTS + " where (chain, seq) > (:chain, cast(:seq as bigint)) order by chain, seq limit :limit")
    chain, seq = "", -(2**31) - 1
    while True:
        rows = (await tx.execute(page_after, {"chain": chain, "seq": seq, "limit": PAGE_ROWS})).all()
        for row in rows:
            yield stored(row)
        if len(rows) < PAGE_ROWS:
            return
        chain, seq = rows[-1][0], rows[-1][1]
