"""The audit trail: events appended a second, one per transaction and batched, and verified a second."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from bench.durable import BareCommits
from bench.results import Row, Table, ratios
from bench.rig import AUDIT_KEY, Rig
from storage import audit, verification
from storage.audit import NewEvent, Step, StoredEvent
from storage.audit_keys import AuditKeys
from storage.database import Database

CHAIN_EVENTS = 20
"""About what one ticket's trail holds."""
BATCH_EVENTS = 100
PAYLOAD = {
    "verdict": "needs_approval",
    "actionId": "api_key.revoke",
    "actionRequestId": "6f1b1f52-8f2b-4ce7-a8f1-0d7f1a2c9d11",
    "reason": "Revoking a key is of high risk, so one person of the security group must approve it.",
    "policyIds": ["people-propose"],
    "policyVersion": "9c1185a5c5e9fc54612808977ee8f548b2258d31a7a0f7d8a6f8d3d8a6d2f0aa",
    "quorum": 1,
}
EVENT = NewEvent(Step.POLICY_DECIDED, "policy", PAYLOAD)


async def measure(rig: Rig) -> Sequence[Table]:
    """Two tables: appending, and verifying a trail of 100,000 events."""
    url = rig.database()
    database = Database(url, audit_keys=AuditKeys(bytes.fromhex(AUDIT_KEY)), pool_size=10)
    try:
        appended = await _appending(rig, database, url)
        return [appended, await _verifying(rig, database)]
    finally:
        await database.close()


async def _appending(rig: Rig, database: Database, url: str) -> Table:
    count, arms = rig.take(160, 1600), {name: list[float]() for name in _ARMS}
    commits: dict[int, list[float]] = {1: [], 8: []}
    turns = rig.take(1, 4)
    for turn in range(turns):
        for concurrency, rates in commits.items():
            async with BareCommits(url, concurrency) as bare:
                rates.append(await bare.rate(count, payload_bytes=600))
        for name, (concurrency, batch) in _ARMS.items():
            arms[name].append(await _append(database, count * batch, concurrency, batch, f"{name} {turn}"))
    rows = [
        Row(f"bare durable commit, {concurrency} at once (baseline)", count * turns, (), sum(rates) / turns, "1")
        for concurrency, rates in commits.items()
    ]
    for name, (concurrency, batch) in _ARMS.items():
        mean = sum(arms[name]) / turns
        rows.append(Row(name, count * batch * turns, (), mean, ratios(arms[name], commits[concurrency])))
    baseline = "rows a second by bare durable commits (psycopg, autocommit), as many connections"
    return Table("Audit events appended", baseline, rows, ["the ratio is of the rates: more is better"])


_ARMS = {
    "one event a transaction, one chain": (1, 1),
    "one event a transaction, 8 chains at once": (8, 1),
    f"{BATCH_EVENTS} events a transaction": (1, BATCH_EVENTS),
}


async def _append(database: Database, count: int, concurrency: int, batch: int, prefix: str) -> float:
    """Append so many events in all; returns how many a second."""

    async def work(number: int) -> None:
        for turn in range(count // concurrency // batch):
            # A ticket's trail is short: a new chain now and then, as tickets come.
            chain = f"{prefix} {number} {turn * batch // max(CHAIN_EVENTS, batch)}"
            async with database.transaction() as tx:
                await audit.append(tx, chain, [EVENT] * batch, at=_now())

    begin = time.perf_counter()
    await asyncio.gather(*(work(number) for number in range(concurrency)))
    return count / (time.perf_counter() - begin)


async def _verifying(rig: Rig, database: Database) -> Table:
    await _fill(database, rig.take(5_000, 100_000))
    verified, hashed, count = list[float](), list[float](), 0
    for _ in range(rig.take(1, 3)):
        async with database.transaction() as tx:
            begin = time.perf_counter()
            found = await verification.verify(tx)
            verified.append(found.events / (time.perf_counter() - begin))
            if found.first_break is not None:
                raise RuntimeError(f"the trail does not hold: {found.first_break}")
            count = found.events
            preimages = [_preimage(event) async for event in audit.all_events(tx)]
        hashed.append(_hash(preimages))
    rows = [
        Row("SHA-256 of the same bytes (baseline)", count, (), sum(hashed) / len(hashed), "1"),
        Row("audit verify, from the database", count, (), sum(verified) / len(verified), ratios(verified, hashed)),
    ]
    baseline = "hashlib.sha256 over the same bytes, already in memory"
    return Table("Audit events verified", baseline, rows, ["the ratio is of the rates: more is better"])


async def _fill(database: Database, count: int) -> None:
    """Chains of the usual length, until the trail holds at least so many more events."""
    for start in range(0, count, BATCH_EVENTS * CHAIN_EVENTS):
        async with database.transaction() as tx:
            for number in range(BATCH_EVENTS):
                chain = audit.ticket_chain(UUID(int=start * 1000 + number + 1))
                await audit.append(tx, chain, [EVENT] * CHAIN_EVENTS, at=_now())


def _preimage(event: StoredEvent) -> bytes:
    """The bytes that one event's hash covers, as `audit.event_hash` has them (lengths aside, which are as many)."""
    parts = (event.chain, str(event.seq), event.at.isoformat(), event.name, event.actor, event.payload_text)
    return event.prev_hash + b"".join(b"0000" + part.encode() for part in parts)


def _hash(preimages: Sequence[bytes]) -> float:
    begin = time.perf_counter()
    for preimage in preimages:
        hashlib.sha256(preimage).digest()
    return len(preimages) / (time.perf_counter() - begin)


def _now() -> datetime:
    return datetime.now(UTC)
