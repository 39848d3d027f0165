"""Checking the table of passkeys against the trail: each stands where its steps lead, and is sealed if it counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import text

from policy.passkeys import Passkey, PasskeyState, is_sealed
from policy.votes import VoteSigner
from storage import passkeys
from storage.audit import SYSTEM_CHAIN, Step
from storage.database import Transaction

_AFTER: Mapping[str, PasskeyState] = MappingProxyType(
    {
        Step.PASSKEY_ENROLLED: PasskeyState.WAITING,
        Step.PASSKEY_APPROVED: PasskeyState.APPROVED,
        Step.PASSKEY_REVOKED: PasskeyState.REVOKED,
    }
)
_STEPS = text("select name, payload::text from audit_events where chain = :chain and name = any(:names) order by seq")


async def check_passkeys(tx: Transaction, signer: VoteSigner) -> list[str]:
    """Everything that does not hold, in words."""
    told: dict[str, dict[str, Any]] = {}
    rows = await tx.execute(_STEPS, {"chain": SYSTEM_CHAIN, "names": [str(step) for step in _AFTER]})
    for name, payload_text in rows:
        payload = json.loads(payload_text)
        told.setdefault(payload["passkeyId"], {}).update(payload | {"state": _AFTER[name]})
    findings = []
    known = set()
    for row in await passkeys.everybody(tx):
        known.add(str(row.id))
        try:
            passkey = passkeys.as_passkey(row)
        except ValueError:
            findings.append(f"passkey {row.id} is forged: it is none that this desk could have written")
            continue
        findings += [f"passkey {row.id} of {row.owner} {why}" for why in _whys(passkey, told.get(str(row.id)), signer)]
    findings += [f"passkey {one} is on the trail and not in the table" for one in told if one not in known]
    return findings


def _whys(passkey: Passkey, said: Mapping[str, Any] | None, signer: VoteSigner) -> list[str]:
    if said is None:
        return ["is in the table and not on the trail"]
    whys = []
    for what, stored, name in (
        ("state", passkey.state, "state"),
        ("owner", str(passkey.owner), "owner"),
        ("fingerprint", passkey.fingerprint, "fingerprint"),
    ):
        if stored != said[name]:
            whys.append(f"has the {what} {stored}, and the trail says {said[name]}")
    if passkey.state is PasskeyState.APPROVED and not is_sealed(passkey, signer):
        whys.append("counts, and the seal of its approval does not fit, or the vote key that it names is not known")
    return whys
