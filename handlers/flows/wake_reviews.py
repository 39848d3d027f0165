"""Reviews of break-glass requests that are overdue: on the trail, announced, and announced again each day."""

from __future__ import annotations

import logging
from uuid import UUID

from handlers.desk import Desk
from handlers.flows.break_glass import announce
from handlers.flows.review_request import WITHIN_A_DAY
from handlers.flows.wake_requests import LOOK_AGAIN
from policy.digest import utc_text
from storage import audit, deliveries, requests, reviews
from storage.audit import Step
from storage.deliveries import BREAK_GLASS_OVERDUE

log = logging.getLogger(__name__)


async def wake_reviews(desk: Desk) -> int:
    """Tell people of every review that is due by now and missing; returns how many. Raises DatabaseUnavailable."""
    async with desk.database.transaction() as tx:
        due = await reviews.to_remind_of(tx, desk.clock())
    for request_id in due:
        try:
            await _remind(desk, request_id)
        except Exception as error:  # the others must be announced whatever is odd about this one
            log.error("nobody was reminded of the review of %s: %r", request_id, error, exc_info=error)
            async with desk.database.transaction() as tx:
                await reviews.put_off(tx, request_id, desk.clock() + LOOK_AGAIN)
    return len(due)


async def _remind(desk: Desk, request_id: UUID) -> None:
    now = desk.clock()
    async with desk.database.transaction() as tx:
        found, row = await requests.locked(tx, request_id), await reviews.get(tx, request_id, lock=True)
        if found is None or row is None or row.reviewed_at is not None or row.remind_at > now:
            return
        request, ticket = found
        row.remind_at = now + WITHIN_A_DAY
        payload = {
            "actionId": request.action_id,
            "actionRequestId": str(request.id),
            "dueAt": utc_text(row.due_at),
        }
        await audit.record(tx, ticket.id, Step.REVIEW_OVERDUE, "policy", payload, at=now)
        await announce(desk, tx, BREAK_GLASS_OVERDUE, request)
        await deliveries.refresh(tx, ticket_id=ticket.id)
