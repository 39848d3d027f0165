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
from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue
from sqlalchemy import text

from policy.digest import canonical_json, utc_text
from policy.errors import NotCanonical
from storage import merkle
from storage.database import Transaction
from storage.notary import Notary, is_signed

KIND = "checkpoint"
MOST_CHAINS = 1000
"""What one checkpoint holds; the rest of what changed follows in the next, at once."""
LATE_AFTER = timedelta(minutes=10)
"""A row this much older than the newest checkpoint is in one of them, and a checkpoint this old is at the place."""

_LOCK = text("select pg_advisory_xact_lock(hashtextextended('audit checkpoints', 0))")
_NEWEST = text("select number, line from audit_checkpoints order by number desc limit 1")
_CHANGED = text(
    "select c.chain, c.length, c.head from audit_chains c left join audit_checkpointed k on k.chain = c.chain"
    ' where c.length > coalesce(k.length, 0) order by c.chain collate "C" limit :limit'
)
_ADD = text("insert into audit_checkpoints (number, line) values (:number, :line)")
_COVER = text(
    "insert into audit_checkpointed (chain, length, number)"
    " select w.chain, w.length, :number"
    " from unnest(cast(:chains as text[]), cast(:lengths as int[])) as w(chain, length)"
    " on conflict (chain) do update set length = excluded.length, number = excluded.number"
)


async def make(tx: Transaction, notary: Notary, *, at: datetime) -> bool:
    """Make the next checkpoint, if any chain changed. Returns whether there may be more to do."""
    await tx.execute(_LOCK)
    changed = [(row[0], row[1], bytes(row[2])) for row in await tx.execute(_CHANGED, {"limit": MOST_CHAINS})]
    if not changed:
        return False
    newest = (await tx.execute(_NEWEST)).first()
    number, previous = (1, "0" * 64) if newest is None else (newest[0] + 1, line_hash(newest[1]))
    line = _line(notary, number, previous, changed, at)
    await tx.execute(_ADD, {"number": number, "line": line})
    chains, lengths = [chain for chain, _, _ in changed], [length for _, length, _ in changed]
    await tx.execute(_COVER, {"number": number, "chains": chains, "lengths": lengths})
    return len(changed) == MOST_CHAINS


async def after(tx: Transaction, number: int, *, limit: int = 100) -> list[tuple[int, str]]:
    """The checkpoints that follow on this number."""
    rows = await tx.execute(
        text("select number, line from audit_checkpoints where number > :number order by number limit :limit"),
        {"number": number, "limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


async def newest_number(tx: Transaction) -> int:
    """The number of the newest checkpoint; 0 if there is none."""
    newest = (await tx.execute(_NEWEST)).first()
    return 0 if newest is None else int(newest[0])


def line_hash(line: str) -> str:
    """What the next checkpoint names as the one before it."""
    return hashlib.sha256(line.encode()).hexdigest()


def entry(chain: str, length: int, head_hex: str) -> bytes:
    """One chain's end as the tree has it."""
    return canonical_json([chain, length, head_hex])


async def of_chain(tx: Transaction, chain: str) -> dict[str, JsonValue] | None:
    """The newest checkpoint that holds this chain: its head and signature, with the proof that the chain is in it."""
    found = (
        await tx.execute(
            text(
                "select p.line from audit_checkpointed k join audit_checkpoints p on p.number = k.number"
                " where k.chain = :chain"
            ),
            {"chain": chain},
        )
    ).first()
    if found is None:
        return None
    line: dict[str, Any] = json.loads(found[0])
    entries = [entry(*end) for end in line["chains"]]
    index = next(place for place, end in enumerate(line["chains"]) if end[0] == chain)
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


async def check(tx: Transaction, lines: Sequence[str], public_keys: Collection[str], *, now: datetime) -> list[str]:
    """What does not hold of the trail as the checkpoints of a place remember it, in words.

    After `verification.verify`, in its transaction; the lines were read before it began, or they would know rows that
    this transaction does not see.
    """
    findings: list[str] = []
    covered: dict[str, int] = {}
    previous, newest_at, known_bad = "0" * 64, None, set[str]()
    for number, line in enumerate(lines, start=1):
        found = _read(line, number, previous, public_keys)
        if isinstance(found, str):
            return [*findings, f"checkpoint {number} {found}"]
        previous, newest_at = line_hash(line), datetime.fromisoformat(found["head"]["at"])
        for chain, why in await _missing(tx, found["chains"]):
            if chain not in known_bad:
                known_bad.add(chain)
                findings.append(f"{why}, which checkpoint {number} of {newest_at:%Y-%m-%d %H:%M} UTC knows")
        covered.update((chain, length) for chain, length, _ in found["chains"])
    findings += await _check_behind(tx, len(lines), now)
    if newest_at is not None:
        findings += await _check_left_out(tx, covered, newest_at)
    return findings


def _read(line: str, number: int, previous: str, public_keys: Collection[str]) -> Any:
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


_DIFFERENT = text(
    "select w.chain, w.length, e.hash is null, exists (select 1 from audit_events o where o.chain = w.chain)"
    " from unnest(cast(:chains as text[]), cast(:lengths as int[]), cast(:heads as bytea[])) as w(chain, length, head)"
    " left join audit_events e on e.chain = w.chain and e.seq = w.length where e.hash is distinct from w.head"
    " order by w.chain"
)


async def _missing(tx: Transaction, ends: Sequence[Any]) -> list[tuple[str, str]]:
    """Chains that do not hold what a checkpoint says, with what is wrong."""
    wanted = {
        "chains": [chain for chain, _, _ in ends],
        "lengths": [length for _, length, _ in ends],
        "heads": [bytes.fromhex(head) for _, _, head in ends],
    }
    whys = []
    for chain, length, is_gone, is_there in await tx.execute(_DIFFERENT, wanted):
        if not is_there:
            whys.append((chain, f"chain {chain} is missing with all of its {length} rows"))
        elif is_gone:
            whys.append((chain, f"row {length} of chain {chain} is missing, with what followed on it"))
        else:
            whys.append((chain, f"row {length} of chain {chain} or one before it is not the one"))
    return whys


async def _check_behind(tx: Transaction, last: int, now: datetime) -> list[str]:
    waiting = await after(tx, last, limit=1)
    if not waiting:
        return []
    since = datetime.fromisoformat(json.loads(waiting[0][1])["head"]["at"])
    if now - since < LATE_AFTER:
        return []
    return [f"the place lacks every checkpoint from number {waiting[0][0]} on, of {since:%Y-%m-%d %H:%M} UTC"]


async def _check_left_out(tx: Transaction, covered: dict[str, int], newest_at: datetime) -> list[str]:
    """Rows that are old enough to be in a checkpoint and in none: somebody kept their chain out of them."""
    rows = await tx.stream(
        text(
            "select c.chain, w.covered + 1 from audit_chains c left join (select * from"
            " unnest(cast(:chains as text[]), cast(:lengths as int[])) as k(chain, covered)) w on w.chain = c.chain"
            " join audit_events e on e.chain = c.chain and e.seq = coalesce(w.covered, 0) + 1 where e.at < :before"
            " order by c.chain"
        ),
        {"chains": list(covered), "lengths": list(covered.values()), "before": newest_at - LATE_AFTER},
    )
    return [f"row {seq or 1} of chain {chain} is in no checkpoint, though newer rows are" async for chain, seq in rows]
