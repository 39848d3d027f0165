"""One indexed query finds every request whose time has come: expiry, or a look at a run nobody heard of."""

from __future__ import annotations

from uuid import UUID

from handlers.desk import Desk
from handlers.flows.customer_notice import tell_requester
from policy.lifecycle import RequestEvent, move
from policy.terms import RequestStatus
from storage import audit, deliveries, job_queue, requests, tickets
from storage.audit import Step


async def wake_requests(desk: Desk) -> int:
    """Handle what is due; returns how many requests were."""
    async with desk.database.transaction() as tx:
        due = await requests.due(tx, desk.clock())
    for request_id in due:
        await _wake(desk, request_id)
    return len(due)


async def _wake(desk: Desk, request_id: UUID) -> None:
    now = desk.clock()
    async with desk.database.transaction() as tx:
        request = await requests.get(tx, request_id, lock=True)
        if request is None or request.wake_at is None or request.wake_at > now:
            return
        request.wake_at = None
        status = RequestStatus(request.status)
        if status in (RequestStatus.RUNNING, RequestStatus.UNKNOWN):
            lock = job_queue.ticket_lock(request.ticket_id)
            await job_queue.defer(tx, "run_action", lock=lock, request_id=str(request_id))
            return
        if status not in (RequestStatus.PENDING, RequestStatus.APPROVED):
            return
        request.status = move(status, RequestEvent.LAPSED)
        request.outcome, request.decided_at = "Expired: nobody decided in time. Propose it again if it is wanted.", now
        payload = {"actionId": request.action_id, "actionRequestId": str(request_id)}
        await audit.record(tx, request.ticket_id, Step.REQUEST_EXPIRED, "policy", payload, at=now)
        ticket = await tickets.get(tx, request.ticket_id)
        if ticket is not None:
            await tell_requester(desk, tx, ticket, request)
        await deliveries.refresh(tx, ticket_id=request.ticket_id)
