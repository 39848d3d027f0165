"""A process started: under which policy it decides from here on is on record."""

from __future__ import annotations

from handlers.desk import Desk
from storage import audit
from storage.audit import Step


async def record_start(desk: Desk) -> None:
    """Put the start and the policy's version on the system's chain."""
    payload = {"policyVersion": desk.gate.policy_version, "groups": sorted(desk.settings.groups)}
    async with desk.database.transaction() as tx:
        await audit.record(tx, None, Step.STARTED, "bot", payload, at=desk.clock())
