"""Checking the table of stops against the trail: a row alone neither stops anything nor lifts a stop unnoticed."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select, text

from storage.audit import SYSTEM_CHAIN, Step
from storage.database import Transaction
from storage.schema import StopRow

_TOLD = text(
    "select name, payload::text from audit_events where chain = :chain and name in (:is_set, :is_lifted) order by seq"
)


async def check(tx: Transaction) -> list[str]:
    """Everything that does not hold, in words."""
    set_as, lifted_as = await _told(tx)
    findings, known = [], set()
    for row in (await tx.scalars(select(StopRow).order_by(StopRow.set_at, StopRow.id))).all():
        stop_id = str(row.id)
        known.add(stop_id)
        findings += [f"stop {stop_id} {why}" for why in _whys(row, set_as.get(stop_id), lifted_as.get(stop_id))]
        tx.expunge(row)
    missing = [one for one in set_as if one not in known]
    return findings + [f"stop {one} is on the trail and not in the table" for one in missing]


async def _told(tx: Transaction) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the trail tells of each stop: as it was set, and as it was lifted."""
    found: dict[str, dict[str, Any]] = {Step.STOP_SET: {}, Step.STOP_LIFTED: {}}
    about = {"chain": SYSTEM_CHAIN, "is_set": Step.STOP_SET, "is_lifted": Step.STOP_LIFTED}
    for name, payload_text in await tx.execute(_TOLD, about):
        payload = json.loads(payload_text)
        found[name][payload["stopId"]] = payload
    return found[Step.STOP_SET], found[Step.STOP_LIFTED]


def _whys(row: StopRow, as_set: dict[str, Any] | None, as_lifted: dict[str, Any] | None) -> list[str]:
    if as_set is None:
        return ["is in the table and not on the trail"]
    whys = []
    if (row.scope, row.value) != (as_set["scope"], as_set["value"]):
        whys.append(f"is about {row.scope} {row.value!a}, and the trail says {as_set['scope']} {as_set['value']!a}")
    if (row.reason, row.set_by) != (as_set["reason"], as_set["by"]):
        whys.append("does not have the reason and the author that the trail has")
    if row.lifted_at is not None and as_lifted is None:
        whys.append("is lifted, and the trail has it in force")
    if row.lifted_at is None and as_lifted is not None:
        whys.append("is in force, and the trail has it lifted")
    said = as_lifted and (as_lifted["reason"], as_lifted["by"])
    if row.lifted_at is not None and said and (row.lift_reason, row.lifted_by) != said:
        whys.append("does not have the lift's reason and author that the trail has")
    return whys
