"""What was shown is no longer what would run: requests that wait are void, and their cards say so."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from handlers.desk import Desk
from policy.lifecycle import RequestEvent, move
from policy.terms import RequestStatus
from storage import audit, requests
from storage.audit import Step
from storage.database import Transaction
from storage.schema import Ticket


async def void_open_requests(
    tx: Transaction,
    desk: Desk,
    ticket: Ticket,
    *,
    why: str,
    unless: Collection[UUID] = (),
) -> int:
    """Void every request of the ticket that still waits, except those in `unless`.

    Returns how many. Their cards are the caller's to refresh.
    """
    now = desk.clock()
    waiting = [request for request in await requests.open_of_ticket(tx, ticket.id) if request.id not in unless]
    for request in waiting:
        request.status = move(RequestStatus(request.status), RequestEvent.OUTDATED)
        request.outcome = f"Void: {why}. Propose it again if it is still wanted."
        request.decided_at, request.wake_at = now, None
        payload = {"actionRequestId": str(request.id), "actionId": request.action_id, "reason": why}
        await audit.record(tx, ticket.id, Step.REQUEST_VOIDED, "policy", payload, at=now)
    return len(waiting)
