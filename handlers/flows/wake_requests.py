"""One indexed query finds every request whose time has come: somebody is to be told that it waits, it expires, or
nobody heard of its run.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import UUID

from handlers.desk import Desk
from handlers.flows.customer_notice import tell_requester
from policy.lifecycle import RequestEvent, move
from policy.terms import RequestStatus
from storage import audit, deliveries, requests
from storage.audit import Step
from storage.database import Transaction
from storage.schema import ActionRequest, Ticket

log = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(minutes=5)
"""How long until a request is due again whose waking led to nothing: its job was lost, or it could not be handled."""

_UNDECIDED = "Expired: nobody decided in time. Propose it again if it is wanted."
_NOT_RUN = "Expired: it was approved, and could not be run in time. Propose it again if it is wanted."


async def wake_requests(desk: Desk) -> int:
    """Handle what is due; returns how many requests were. One that cannot be handled is put off and keeps none waiting.

    Raises DatabaseUnavailable.
    """
    async with desk.database.transaction() as tx:
        due = await requests.due(tx, desk.clock())
    for request_id in due:
        try:
            await _wake(desk, request_id)
        except Exception as error:  # the others must expire and be reconciled whatever is odd about this one
            log.error("request %s could not be woken: %r", request_id, error, exc_info=error)
            async with desk.database.transaction() as tx:
                await requests.put_off(tx, request_id, desk.clock() + LOOK_AGAIN)
    return len(due)


async def _wake(desk: Desk, request_id: UUID) -> None:
    now = desk.clock()
    async with desk.database.transaction() as tx:
        found = await requests.locked(tx, request_id)
        if found is None:
            return
        request, ticket = found
        if request.wake_at is None or request.wake_at > now:
            return
        match RequestStatus(request.status):
            case RequestStatus.RUNNING | RequestStatus.UNKNOWN:
                # Until its end is written it stays due: a job can be lost or given up.
                request.wake_at = now + LOOK_AGAIN
                await requests.defer_run(tx, request)
            case RequestStatus.PENDING | RequestStatus.APPROVED if request.expires_at <= now:
                await _expire(desk, tx, request, ticket, now)
            case RequestStatus.PENDING:
                # Slack is asked who could vote, so a job does it; until it has, the request stays due.
                request.wake_at = min(request.expires_at, now + LOOK_AGAIN)
                await requests.defer_nudge(tx, request)
            case RequestStatus.APPROVED:
                request.wake_at = request.expires_at
            case _:
                request.wake_at = None


async def _expire(desk: Desk, tx: Transaction, request: ActionRequest, ticket: Ticket, now: datetime) -> None:
    was = RequestStatus(request.status)
    request.status = move(was, RequestEvent.LAPSED)
    request.outcome = _NOT_RUN if was is RequestStatus.APPROVED else _UNDECIDED
    request.decided_at, request.wake_at = now, None
    payload = {"actionId": request.action_id, "actionRequestId": str(request.id)}
    await audit.record(tx, ticket.id, Step.REQUEST_EXPIRED, "policy", payload, at=now)
    await tell_requester(desk, tx, ticket, request)
    await deliveries.refresh(tx, ticket_id=ticket.id)
