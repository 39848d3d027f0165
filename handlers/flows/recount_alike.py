"""Cards say how many requests of the same action wait: a card that came or ended makes the others count anew."""

from __future__ import annotations

from uuid import UUID

from handlers.desk import Desk
from handlers.views.approval_card import ALIKE_COUNTED
from policy.terms import RequestStatus
from storage import deliveries, requests


async def recount_alike(desk: Desk, delivery_id: UUID, *, is_new: bool) -> None:
    """Redraw the cards whose count is another one now. Beyond the few that are counted exactly there is nothing to do.

    Beside every decision and not within it: two decisions on different tickets need not wait for each other's cards.
    """
    async with desk.database.transaction() as tx:
        delivery = await deliveries.get(tx, delivery_id)
        request = (
            None if delivery is None or delivery.request_id is None else await requests.get(tx, delivery.request_id)
        )
        if request is None or (request.status == RequestStatus.PENDING and not is_new):
            return
        waiting = await requests.waiting_alike(tx, request.action_id)
        if len(waiting) <= ALIKE_COUNTED + 1:
            await deliveries.refresh_of(tx, [one.id for one in waiting if one.id != request.id])
