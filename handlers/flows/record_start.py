"""A process started: for whom, and under which policy it decides from here on, is on record."""

from __future__ import annotations

import logging

from handlers.desk import Desk
from handlers.errors import Refused
from storage import audit, earlier_rows
from storage.audit import Step

log = logging.getLogger(__name__)


async def record_start(desk: Desk, home: str) -> None:
    """Put the start on the system's chain: the company's id in Slack, the policy's version, whose messages are taken.

    Raises Refused where the database is another company's: its people, keys and requests would meet approvers that
    were never theirs, such as those of the demo.
    """
    payload = {
        "home": home,
        "policyVersion": desk.gate.policy_version,
        "groups": sorted(desk.settings.groups),
        "intakeChannels": sorted(desk.settings.intake_channels),
    }
    async with desk.database.transaction() as tx:
        before = await audit.latest(tx, Step.STARTED)
        owner = home if before is None else before.payload.get("home", home)
        if owner != home:
            raise Refused(
                f"the database belongs to {owner}, and this is {home}",
                code="wrong-workspace",
                reply=f"This database holds the desk of the workspace {owner}, and the Slack tokens are of {home}."
                " Use that workspace's tokens, or another database (DATABASE_URL) or folder (COUNTERSIGN_DATA).",
            )
        if await earlier_rows.are_unsealed(tx):
            log.warning(
                "the audit trail begins with rows without a key, of a version that had none, and does not verify until"
                " `countersign audit seal` has sealed them; no checkpoint is written before that"
            )
        await audit.record(tx, None, Step.STARTED, "bot", payload, at=desk.clock())
