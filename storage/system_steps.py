"""Steps of the system's chain that decisions rest on: each is looked at for itself before it is believed.

That chain is too long to be verified whole for a decision. Whoever can write rows and has no key makes no step that is
genuine, takes none out, and adds nothing under a key that was replaced.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import TextClause, text

from storage import audit
from storage.audit import StoredEvent
from storage.database import AUDIT_KEYS, Transaction

_IS_AFTER_A_KEY = text(
    "select exists (select from audit_events where chain = 'system' and seq < :seq and key_id is not null)"
)


@dataclass(frozen=True)
class SystemStep:
    """One step, and whether this desk wrote it."""

    event: StoredEvent
    is_genuine: bool


async def read(tx: Transaction, statement: TextClause) -> list[SystemStep]:
    """The steps that a statement gives: rows of the system's chain as `audit.stored` takes them, in their order."""
    found, keys, key_id = [], tx.info.get(AUDIT_KEYS), None
    for event in map(audit.stored, await tx.execute(statement)):
        is_genuine = audit.is_genuine(event, keys, after=key_id)
        if is_genuine and event.key_id is None:
            # Of before there was a key, or it is nothing.
            is_genuine = not await tx.scalar(_IS_AFTER_A_KEY, {"seq": event.seq})
        if is_genuine:
            key_id = event.key_id
        found.append(SystemStep(event, is_genuine))
    return found
