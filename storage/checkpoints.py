"""Checkpoints: signed statements of where the trail's chains end, chained to each other, for a place elsewhere.

A key keeps others from making rows; only a memory elsewhere shows that rows were taken away. A line of a checkpoint is
the canonical JSON of

    head       number, at, previous (SHA-256 of the line before, zeros before the first), root, size, key
    chains     the chains that changed since the one before: [chain, length, hash of its last row], sorted
    signature  Ed25519 over the head, which covers the chains by its root (`storage.merkle`)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.errors import LockNotAvailable
from pydantic import JsonValue
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from policy.digest import canonical_json, utc_text
from policy.errors import NotCanonical
from storage import earlier_rows, merkle
from storage.audit import event_hash
from storage.audit_keys import AuditKeys
from storage.database import AUDIT_KEYS, Transaction
from storage.notary import Notary, is_signed

KIND = "checkpoint"
FIRST = "0" * 64
"""What the first checkpoint has for the one before it."""
FOREIGN = (
    "If the checkpoint key was changed before every place had everything, set the earlier one once more; else somebody"
    " wrote into the table, and its owner must take that out"
)
MOST_CHAINS = 1000
"""What one checkpoint holds; the rest of what changed follows in the next, at once."""
LOCK_WAIT = "5s"
"""How long another connection may hold the lock; whoever holds it longer keeps checkpoints from being written."""

_LOCK = text("select pg_advisory_xact_lock(hashtextextended('audit checkpoints', 0))")
_NEWEST = text("select number, line from audit_checkpoints order by number desc limit 1")
_CHANGED = text(
    "select c.chain, c.length, c.head, e.prev_hash, (extract(epoch from e.at) * 1000000)::bigint, e.name, e.actor,"
    " e.payload::text, e.key_id from audit_chains c left join audit_checkpointed k on k.chain = c.chain"
    " join audit_events e on e.chain = c.chain and e.seq = c.length and e.key_id is not null"
    ' where c.length is distinct from k.length and c.chain collate "C" > :beyond'
    ' order by c.chain collate "C" limit :limit'
)
_ADD = text("insert into audit_checkpoints (number, line) values (:number, :line)")
_COVER = text(
    "insert into audit_checkpointed (chain, length, number)"
    " select w.chain, w.length, :number"
    " from unnest(cast(:chains as text[]), cast(:lengths as int[])) as w(chain, length)"
    " on conflict (chain) do update set length = excluded.length, number = excluded.number"
)


class NotWritten(Exception):
    """No checkpoint was made or handed out, because what it would build on does not hold; the text says what."""


@dataclass(frozen=True)
class Made:
    """What became of the chains that one call looked at."""

    left_out: Sequence[str]
    """Chains that do not end with a row of this desk: to sign that would make a forgery part of what is remembered."""
    beyond: str | None
    """The last one, where there are more; their turn is the next call's."""


async def make(tx: Transaction, notary: Notary, *, known: Collection[str] = (), beyond: str = "", at: datetime) -> Made:
    """Make the next checkpoint, if any chain changed. Raises NotWritten.

    `known`: lines that a place has, which may be signed with an earlier key. `audit_checkpointed` only spares looking
    at every chain each minute: whoever edits it is found out by what a place
    remembers (`storage.remembered`), which does not read it.
    """
    await _take_turn(tx)
    newest = (await tx.execute(_NEWEST)).first()
    number, previous = (1, FIRST) if newest is None else (newest[0] + 1, line_hash(newest[1]))
    if newest is None and await earlier_rows.are_unsealed(tx):
        raise NotWritten(f"no checkpoint is written yet: the first row of a chain {earlier_rows.NOT_SEALED}")
    if newest is not None and newest[1] not in known and (why := _why_not_ours(newest[1], notary.public_key)):
        raise NotWritten(f"checkpoint {newest[0]} in the database {why}, and none is written after it. {FOREIGN}")
    rows = (await tx.execute(_CHANGED, {"beyond": beyond, "limit": MOST_CHAINS})).all()
    changed = [(row[0], row[1], bytes(row[2])) for row in rows if _is_ours(tx, row)]
    if changed:
        line = _line(notary, number, previous, changed, at)
        await tx.execute(_ADD, {"number": number, "line": line})
        chains, lengths = [chain for chain, _, _ in changed], [length for _, length, _ in changed]
        await tx.execute(_COVER, {"number": number, "chains": chains, "lengths": lengths})
    signed = {chain for chain, _, _ in changed}
    return Made(
        [row[0] for row in rows if row[0] not in signed], beyond=rows[-1][0] if len(rows) == MOST_CHAINS else None
    )


async def are_any(tx: Transaction) -> bool:
    """Whether any was ever written."""
    return (await tx.execute(_NEWEST)).first() is not None


async def _take_turn(tx: Transaction) -> None:
    await tx.execute(text(f"set local lock_timeout = '{LOCK_WAIT}'"))
    try:
        await tx.execute(_LOCK)
    except DBAPIError as error:
        if isinstance(error.orig, LockNotAvailable):
            raise NotWritten(f"another connection has held the lock of the checkpoints for {LOCK_WAIT}") from error
        raise


def _is_ours(tx: Transaction, row: Any) -> bool:
    """Whether the chain's last row is hashed under a key of the desk, and is what its head says."""
    chain, length, head, prev, micros, name, actor, payload_text, key_id = row
    keys: AuditKeys | None = tx.info.get(AUDIT_KEYS)
    secret = None if keys is None else keys.secret(key_id)
    if secret is None:
        return False
    fields = (chain, str(length), str(micros), name, actor, payload_text, key_id)
    return event_hash(secret, bytes(prev), *fields) == bytes(head)


def _why_not_ours(line: str, public_key: str) -> str:
    """Why this is no line that the desk's own key signed; nothing if it is."""
    try:
        found = json.loads(line)
        is_ours = found["head"]["key"] == public_key
        return (
            "" if is_ours and is_signed(public_key, KIND, found["head"], found["signature"]) else "is not this desk's"
        )
    except (ValueError, KeyError, TypeError):
        return "is not a checkpoint"


_FROM = text("select number, line from audit_checkpoints where number >= :number order by number limit :limit")


async def following(
    tx: Transaction, last: tuple[int, str] | None, public_key: str, *, limit: int = 100
) -> list[tuple[int, str]]:
    """The checkpoints that follow on the last one of a place, each as the desk made it. Raises NotWritten.

    A place keeps what it gets, so whatever somebody put into the table stops here.
    """
    rows = (await tx.execute(_FROM, {"number": 1 if last is None else last[0], "limit": limit + 1})).all()
    number, previous = 1, FIRST
    if last is not None:
        if not rows or rows[0][0] != last[0]:
            raise NotWritten(
                f"it has checkpoint {last[0]}, and the database does not: the database was restored from a backup, or"
                " cut. Give a restored database another place"
            )
        if rows[0][1] != last[1]:
            raise NotWritten(
                f"its checkpoint {last[0]} is another than the database's: one of the two was changed, or two desks"
                " write to one place"
            )
        number, previous = last[0] + 1, line_hash(last[1])
        rows = rows[1:]
    for stored, line in rows[:limit]:
        found = read(line, number, previous, {public_key}) if stored == number else "is missing"
        if isinstance(found, str):
            raise NotWritten(f"checkpoint {number} in the database {found}, and is not sent. {FOREIGN}")
        number, previous = number + 1, line_hash(line)
    return [(row[0], row[1]) for row in rows[:limit]]


def line_hash(line: str) -> str:
    """What the next checkpoint names as the one before it."""
    return hashlib.sha256(line.encode()).hexdigest()


def entry(chain: str, length: int, head_hex: str) -> bytes:
    """One chain's end as the tree has it."""
    return canonical_json([chain, length, head_hex])


async def of_chain(tx: Transaction, chain: str, public_key: str) -> dict[str, JsonValue] | None:
    """The newest checkpoint of this key that holds the chain: its head and signature, with the proof of that."""
    found = (
        await tx.execute(
            text(
                "select p.line from audit_checkpointed k join audit_checkpoints p on p.number = k.number"
                " where k.chain = :chain"
            ),
            {"chain": chain},
        )
    ).first()
    if found is None or _why_not_ours(found[0], public_key):
        return None
    line: dict[str, Any] = json.loads(found[0])
    entries = [entry(*end) for end in line["chains"]]
    index = next((place for place, end in enumerate(line["chains"]) if end[0] == chain), None)
    if index is None:
        return None
    return {
        "head": line["head"],
        "signature": line["signature"],
        "entry": line["chains"][index],
        "index": index,
        "proof": [one.hex() for one in merkle.inclusion_proof(entries, index)],
    }


def _line(notary: Notary, number: int, previous: str, changed: Sequence[tuple[str, int, bytes]], at: datetime) -> str:
    ends: list[JsonValue] = [[chain, length, head.hex()] for chain, length, head in changed]
    head: dict[str, JsonValue] = {
        "number": number,
        "at": utc_text(at),
        "previous": previous,
        "root": merkle.root([entry(chain, length, head.hex()) for chain, length, head in changed]).hex(),
        "size": len(changed),
        "key": notary.public_key,
    }
    return canonical_json({"head": head, "chains": ends, "signature": notary.sign(KIND, head)}).decode()


def read(line: str, number: int, previous: str, public_keys: Collection[str]) -> Any:
    """The line as a value, or why it does not hold."""
    try:
        found = json.loads(line)
        head, chains, signature = found["head"], found["chains"], found["signature"]
        root = merkle.root([entry(*end) for end in chains]).hex()
        if head["number"] != number:
            return f"is missing: the next one is number {head['number']}"
        if head["key"] not in public_keys:
            return f"is signed with {head['key']}, which is none of the keys that are trusted here (--key)"
        if not is_signed(head["key"], KIND, head, signature):
            return "is forged or was changed: its signature does not fit"
        if head["previous"] != previous:
            return "does not follow from the one before it"
        if (head["root"], head["size"]) != (root, len(chains)):
            return "was changed: its chains do not give its root"
    except (ValueError, KeyError, TypeError, NotCanonical):
        return "is not a checkpoint"
    return found
