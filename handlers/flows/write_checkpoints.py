"""Where the trail's chains end is signed and sent to a second place. A place that fails is said, and stops nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from handlers.desk import Desk
from handlers.plain_input import storable
from storage import audit, checkpoints
from storage.audit import Step
from storage.notary import Notary
from storage.places import Place, PlaceUnavailable

log = logging.getLogger(__name__)

SAY_AGAIN = timedelta(hours=1)
"""How often the trail says that a place fails; the log says it each time."""


async def write_checkpoints(desk: Desk, notary: Notary, places: Sequence[Place]) -> None:
    """Sign what changed since the last time, and send each place what it lacks. Raises DatabaseUnavailable."""
    is_more = True
    while is_more:
        async with desk.database.transaction() as tx:
            is_more = await checkpoints.make(tx, notary, at=desk.clock())
    for place in places:
        try:
            await _send(desk, place)
        except PlaceUnavailable as error:
            log.error("checkpoints wait, and are sent again in a minute: %s", error)
            payload = {"what": place.name, "reason": storable(str(error), limit=300)}
            async with desk.database.transaction() as tx:
                await audit.record_seldom(
                    tx, None, Step.CHECKPOINT_NOT_SENT, "bot", payload, at=desk.clock(), every=SAY_AGAIN
                )


async def _send(desk: Desk, place: Place) -> None:
    last = await place.last_number()
    async with desk.database.transaction() as tx:
        newest = await checkpoints.newest_number(tx)
    if last > newest:
        raise PlaceUnavailable(
            f"{place.name}: it has checkpoint {last}, and the database has {newest} at most: the database was restored"
            " from a backup, or cut. Give a restored database another place"
        )
    while last < newest:
        async with desk.database.transaction() as tx:
            waiting = await checkpoints.after(tx, last)
        for number, line in waiting:
            await place.put(number, line)
            last = number
        if not waiting:
            return
