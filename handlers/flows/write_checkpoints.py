"""Where the trail's chains end is signed and sent to a second place. A place that fails is said, and stops nothing."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import timedelta

from handlers.desk import Desk
from handlers.plain_input import storable
from storage import audit, checkpoints
from storage.audit import Step
from storage.checkpoints import NotWritten
from storage.notary import Notary
from storage.places import Place, PlaceUnavailable

log = logging.getLogger(__name__)

SAY_AGAIN = timedelta(hours=1)
"""How often the trail says that something fails; the log says it each time."""


async def write_checkpoints(desk: Desk, notary: Notary, places: Sequence[Place]) -> None:
    """Sign what changed since the last time, and send each place what it lacks. Raises DatabaseUnavailable."""
    lasts: list[tuple[Place, tuple[int, str] | None]] = []
    for place in places:
        try:
            lasts.append((place, await place.last()))
        except PlaceUnavailable as error:
            await _say(desk, place.name, str(error))
    try:
        await _make(desk, notary, known={last[1] for _, last in lasts if last is not None})
    except NotWritten as error:
        await _say(desk, "checkpoints", str(error))
    for place, last in lasts:
        try:
            await _send(desk, notary, place, last)
        except PlaceUnavailable as error:
            await _say(desk, place.name, str(error))
        except NotWritten as error:
            await _say(desk, place.name, f"{place.name}: {error}")


async def _make(desk: Desk, notary: Notary, *, known: Collection[str]) -> None:
    beyond: str | None = ""
    left_out: list[str] = []
    while beyond is not None:
        async with desk.database.transaction() as tx:
            made = await checkpoints.make(tx, notary, known=known, beyond=beyond, at=desk.clock())
        left_out += made.left_out
        beyond = made.beyond
    if left_out:
        others = f", nor do {len(left_out) - 1} others" if len(left_out) > 1 else ""
        await _say(
            desk,
            "chains",
            f"chain {left_out[0]} does not end with a row of this desk{others}: it is in no checkpoint, and"
            " `countersign audit verify` says what is wrong with it",
        )


async def _send(desk: Desk, notary: Notary, place: Place, last: tuple[int, str] | None) -> None:
    while True:
        async with desk.database.transaction() as tx:
            waiting = await checkpoints.following(tx, last, notary.public_key)
        if not waiting:
            return
        for number, line in waiting:
            await place.put(number, line)
        last = waiting[-1]


async def _say(desk: Desk, what: str, reason: str) -> None:
    log.error("checkpoints wait, and are tried again in a minute: %s", reason)
    payload = {"what": what, "reason": storable(reason, limit=300)}
    async with desk.database.transaction() as tx:
        await audit.record_seldom(tx, None, Step.CHECKPOINT_NOT_SENT, "bot", payload, at=desk.clock(), every=SAY_AGAIN)
