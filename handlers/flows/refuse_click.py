"""A refused interaction that no flow has put on record yet goes on the system's chain."""

from __future__ import annotations

from actions.errors import ActionError
from handlers.desk import Desk
from handlers.errors import HandlingError, Refused
from handlers.plain_input import storable
from storage import audit
from storage.audit import Step


async def record_refused_click(desk: Desk, *, who: str, what: str, error: HandlingError | ActionError) -> None:
    """Record who was refused what and why, unless the flow that refused has done so."""
    if isinstance(error, Refused) and error.is_recorded:
        return
    code = error.code if isinstance(error, Refused) else type(error).__name__
    payload = {"what": what, "rule": code, "reason": str(error)[:500]}
    async with desk.database.transaction() as tx:
        await audit.record(tx, None, Step.CLICK_REFUSED, storable(f"slack:{who}"[:60]), payload, at=desk.clock())
