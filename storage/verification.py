"""Checking the trail's chains: every row against its hash, its number, its predecessor and the head of its chain.

Rows are read as the driver gives them, in large pages, and nothing is built of them on the way: a trail of years is
checked in minutes. Whether votes and requests are what the trail says is another question (`storage.evidence`).
"""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from storage.audit import GENESIS, SYSTEM_CHAIN, Step, covered, event_hash, ticket_chain
from storage.audit_keys import AuditKeys
from storage.database import AUDIT_KEYS, Transaction, driver_connection
from storage.earlier_rows import EarlierRows

PAGE_ROWS = 10_000
BEFORE_ALL = -(2**31) - 1
"""Less than any number that a row can have: one that somebody wrote before a chain's first is read, and named."""
RETIRED_AFTER = 3_600_000_000
"""How long, in microseconds, after the system's chain has a row under a newer key a ticket may have one under an older:
the clocks of several processes differ, and one may end its work while another starts."""
FOR_EVER = 2**63

RawRow = tuple[str, int, int, str, str, str, bytes, bytes, str | None]
"""chain, seq, microseconds since 1970, name, actor, payload's text, prev_hash, hash, key id."""

_PAGE = (
    "select chain, seq, (extract(epoch from at) * 1000000)::bigint, name, actor, payload::text, prev_hash, hash, key_id"
    " from audit_events where (chain, seq) > (%s, %s) order by chain, seq limit %s"
)


@dataclass(frozen=True)
class Break:
    """The first place where a chain does not hold."""

    chain: str
    seq: int
    why: str

    def __str__(self) -> str:
        return f"row {self.seq} of chain {self.chain} {self.why}"


@dataclass
class Verification:
    """What `verify` found."""

    chains: int = 0
    events: int = 0
    first_break: Break | None = None
    earlier: EarlierRows = field(default_factory=EarlierRows)
    is_all_read: bool = False
    """Every row was read and follows; only rows without a key that nobody vouches for may still be a break."""


async def verify(tx: Transaction) -> Verification:
    """Check every chain; stops at the first that does not hold.

    It must be the first thing in its transaction: everything is read as of one moment, or steps recorded meanwhile by a
    running bot would look like a chain that does not end where its head says.
    """
    await tx.execute(text("set transaction isolation level repeatable read"))
    heads = {row[0]: (row[1], bytes(row[2])) for row in await tx.execute(text("select * from audit_chains"))}
    keys: AuditKeys | None = tx.info.get(AUDIT_KEYS)
    result = Verification()
    earlier = result.earlier
    chain, seq, prev, key_id, until = None, 0, GENESIS, None, FOR_EVER
    keyed: hmac.HMAC | None = None
    retired: dict[str, int] = {}
    async for page in _pages(tx):
        for row in page:
            if row[0] != chain:
                if broken := _check_head(chain, seq, prev, heads):
                    return _broken(result, broken)
                chain, seq, prev, key_id, until, keyed = row[0], 0, GENESIS, None, FOR_EVER, None
                result.chains += 1
            if row[8] != key_id:
                if row[8] is None:
                    return _broken(result, Break(chain, row[1], "was written without a key after rows that have one"))
                secret = None if keys is None else keys.secret(row[8])
                if keys is None or secret is None:
                    return _broken(result, Break(chain, row[1], _unknown_key(row[8])))
                older = keys.older(row[8])
                if key_id is not None and key_id not in older:
                    return _broken(result, Break(chain, row[1], "is under an older audit key than the row before it"))
                if chain == SYSTEM_CHAIN:  # the first of the chains: what it says of keys is known to the others
                    retired = dict.fromkeys(older, row[2] + RETIRED_AFTER) | retired
                key_id, keyed, until = row[8], hmac.new(secret, digestmod="sha256"), retired.get(row[8], FOR_EVER)
            if row[2] > until:
                return _broken(result, Break(chain, row[1], "is under an audit key that had been replaced by then"))
            if row[1] != seq + 1:
                return _broken(result, Break(chain, seq + 1, f"is missing: the next row is number {row[1]}"))
            seq += 1
            if row[6] != prev:
                return _broken(result, Break(chain, seq, "does not follow from the row before it"))
            if keyed is None or key_id is None:
                prev = event_hash(None, prev, chain, str(seq), str(row[2]), row[3], row[4], row[5])
            else:
                # A copy of one that has taken the key in: that is half of what a short event costs.
                one = keyed.copy()
                one.update(covered(prev, chain, str(seq), str(row[2]), row[3], row[4], row[5], key_id))
                prev = one.digest()
            if row[7] != prev:
                return _broken(result, Break(chain, seq, "was changed after it was written, or not by this desk"))
            result.events += 1
            if key_id is None:
                earlier.ends[chain] = seq, prev
            elif row[3] == Step.EARLIER_ROWS_SEALED and chain == SYSTEM_CHAIN and earlier.sealed_root is None:
                earlier.sealed_root = json.loads(row[5])["root"]
    result.first_break = _check_head(chain, seq, prev, heads) or _check_left_over(heads) or await _check_tickets(tx)
    result.is_all_read = result.first_break is None
    if result.is_all_read and (why := earlier.why_not()):
        result.first_break = Break(min(earlier.ends), 1, why)
    return result


async def _pages(tx: Transaction) -> AsyncIterator[Sequence[RawRow]]:
    """All rows, chain by chain. The driver's binary form spares the decoding of hashes and numbers."""
    connection = await driver_connection(tx)
    async with connection.cursor(binary=True) as cursor:
        chain, seq = "", BEFORE_ALL
        while True:
            rows: list[Any] = await (await cursor.execute(_PAGE, (chain, seq, PAGE_ROWS))).fetchall()
            if rows:
                yield rows
            if len(rows) < PAGE_ROWS:
                return
            chain, seq = rows[-1][0], rows[-1][1]


def _broken(result: Verification, broken: Break) -> Verification:
    result.first_break = broken
    return result


def _unknown_key(key_id: str) -> str:
    return (
        f"cannot be checked: it names the audit key {key_id}, which is neither COUNTERSIGN_AUDIT_KEY nor one of"
        " COUNTERSIGN_AUDIT_KEYS_OLD"
    )


def _check_head(chain: str | None, seq: int, prev: bytes, heads: dict[str, tuple[int, bytes]]) -> Break | None:
    if chain is None:
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
