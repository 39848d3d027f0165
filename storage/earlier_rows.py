"""Rows of before there was an audit key: nobody can tell who wrote them, so they hold only where an operator says so.

Sealing them puts what they are (how many each chain begins with, and the hash of the last) on the system's chain, in
a row that has a key. It is done once, by hand, and never where a checkpoint knows the trail: rows without a key are
then not all that there was, and somebody may have put them in the place of those.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text

from policy.digest import canonical_json
from storage import merkle
from storage.audit import SYSTEM_CHAIN, NewEvent, Step, append
from storage.database import Transaction

NOT_SEALED = (
    "was written without a key, and no row with one vouches for it. If it is of a version that had none,"
    " `countersign audit seal` shows what there is and seals it"
)


@dataclass
class EarlierRows:
    """The rows without a key, as `verification.verify` read them, and what the trail says of them."""

    ends: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """By chain: how many it begins with, and the hash of the last of them."""
    sealed_root: str | None = None

    @property
    def root(self) -> str:
        """What a seal says of them."""
        entries = [canonical_json([chain, length, head.hex()]) for chain, (length, head) in sorted(self.ends.items())]
        return merkle.root(entries).hex()

    def why_not(self) -> str:
        """Why they do not hold; nothing if they do, or there are none."""
        if not self.ends or self.root == self.sealed_root:
            return ""
        if self.sealed_root is None:
            return NOT_SEALED
        return "or another row without a key is not what it was when these were sealed"


_UNSEALED = text(
    "select exists (select 1 from audit_events where key_id is null) and not exists"
    " (select 1 from audit_events where chain = :chain and name = :name and key_id is not null)"
)


async def are_unsealed(tx: Transaction) -> bool:
    """Whether there are rows without a key and no seal; whether a seal holds is for `verification.verify` to say."""
    return bool(await tx.scalar(_UNSEALED, {"chain": SYSTEM_CHAIN, "name": Step.EARLIER_ROWS_SEALED}))


async def seal(tx: Transaction, rows: EarlierRows, *, by: str, at: datetime) -> None:
    """Vouch for these rows; in the transaction that verified them."""
    payload = {
        "chains": len(rows.ends),
        "events": sum(length for length, _ in rows.ends.values()),
        "root": rows.root,
        "by": by,
    }
    await append(tx, SYSTEM_CHAIN, [NewEvent(Step.EARLIER_ROWS_SEALED, "operator", payload)], at=at)
