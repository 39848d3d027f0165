"""Checking the trail against what a second place remembers of it: what was taken away, rewritten, or kept from it.

Nothing of this is believed because the database says so: what is covered follows from the place's lines alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from storage.checkpoints import FIRST, line_hash, read
from storage.database import Transaction

LATE_AFTER = timedelta(minutes=10)
"""A row older than this is in a checkpoint, and that is at every place."""


async def check(tx: Transaction, lines: Sequence[str], public_keys: Collection[str], *, now: datetime) -> list[str]:
    """What does not hold of the trail as the checkpoints of a place remember it, in words.

    After `verification.verify`, in its transaction; the lines were read before it began, or they would know rows that
    this transaction does not see.
    """
    findings: list[str] = []
    covered: dict[str, int] = {}
    previous, known_bad = FIRST, set[str]()
    for number, line in enumerate(lines, start=1):
        found = read(line, number, previous, public_keys)
        if isinstance(found, str):
            return [*findings, f"checkpoint {number} {found}"]
        previous, at = line_hash(line), datetime.fromisoformat(found["head"]["at"])
        for chain, why in await _missing(tx, found["chains"]):
            if chain not in known_bad:
                known_bad.add(chain)
                findings.append(f"{why}, which checkpoint {number} of {at:%Y-%m-%d %H:%M} UTC knows")
        covered.update((chain, length) for chain, length, _ in found["chains"])
    return findings + await _check_covered(tx, covered, now - LATE_AFTER)


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


_NOT_COVERED = text(
    "select c.chain, e.seq, e.at from audit_chains c"
    " left join unnest(cast(:chains as text[]), cast(:lengths as int[])) as w(chain, length) on w.chain = c.chain"
    " cross join lateral (select seq, at from audit_events o where o.chain = c.chain"
    " and o.seq > coalesce(w.length, 0) and o.key_id is not null order by seq limit 1) e"
    " where e.at < :before order by e.at, c.chain"
)


async def _check_covered(tx: Transaction, covered: dict[str, int], before: datetime) -> list[str]:
    """Rows that are old enough to be in a checkpoint and in none of the place's: kept out, or the place lacks some.

    Rows without a key are covered by their seal, which is a row that has one.
    """
    rows = await tx.execute(
        _NOT_COVERED, {"chains": list(covered), "lengths": list(covered.values()), "before": before}
    )
    left_out = rows.all()
    if not left_out:
        return []
    chain, seq, at = left_out[0]
    others = f", nor are the ends of {len(left_out) - 1} other chains" if len(left_out) > 1 else ""
    lacks = "" if covered else "it holds none: "
    return [f"{lacks}row {seq} of chain {chain} of {at:%Y-%m-%d %H:%M} UTC is in no checkpoint{others}"]
