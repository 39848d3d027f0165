"""What the trail says of passkeys. A row is anybody's who may write to the database; a step is not.

That a passkey was enrolled is believed of a genuine step alone. That it was approved or revoked is believed of any step
that says so: somebody who adds one takes something away, and gives nothing.
"""

from __future__ import annotations

import json

from sqlalchemy import text

from policy.passkeys import Passkey
from storage import system_steps
from storage.audit import Step, StoredEvent
from storage.database import Transaction

# Written out, with no value to fill in: an index of these few rows alone serves it.
_STEPS = text(
    "select chain, seq, at, name, actor, payload::text, prev_hash, hash, key_id from audit_events"
    " where chain = 'system' and name in ('passkey_enrolled', 'passkey_approved', 'passkey_revoked') order by seq"
)
NOT_ENROLLED = "the trail has no genuine step that says that this passkey was enrolled, as it is stored now"
DECIDED = "the trail says that this passkey was approved or revoked before"


async def why_not_waiting(tx: Transaction, passkey: Passkey) -> str:
    """Why the trail does not say that this very passkey waits for its approval; "" where it does."""
    steps = await system_steps.read(tx, _STEPS)
    mine = [step for step in steps if _names(step.event) == passkey.passkey_id]
    if any(step.event.name != Step.PASSKEY_ENROLLED for step in mine):
        return DECIDED
    # Passkeys came after the key did: a step without one is nobody's.
    enrolled = next((step.event for step in mine if step.is_genuine and step.event.key_id is not None), None)
    if enrolled is not None:
        told = enrolled.payload
        is_same = (told.get("owner"), told.get("digest")) == (str(passkey.owner), passkey.digest)
        return "" if is_same else NOT_ENROLLED
    return NOT_ENROLLED


async def revoked(tx: Transaction) -> frozenset[str]:
    """The ids of all that were ever revoked, whatever their rows say now."""
    steps = await system_steps.read(tx, _STEPS)
    return frozenset(_names(step.event) for step in steps if step.event.name == Step.PASSKEY_REVOKED)


def _names(step: StoredEvent) -> str:
    """The passkey that a step is about; "" where somebody wrote none."""
    payload: object = json.loads(step.payload_text)
    return str(payload.get("passkeyId", "")) if isinstance(payload, dict) else ""
