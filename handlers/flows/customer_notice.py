"""The requester's side hears what came of a request, in words fit for a customer and nothing internal."""

from __future__ import annotations

from handlers.desk import Desk
from handlers.views.notices import customer_outcome
from policy.terms import Audience, RequestStatus
from storage import deliveries
from storage.database import Transaction
from storage.deliveries import NewDelivery
from storage.schema import ActionRequest, Ticket


async def tell_requester(desk: Desk, tx: Transaction, ticket: Ticket, request: ActionRequest) -> None:
    """Queue the outcome for the requester's thread, where the ticket has one and there are words for it."""
    words = customer_outcome(ticket.number, request.action_id, RequestStatus(request.status))
    if words is None or ticket.slack_channel is None:
        return
    notice = NewDelivery(
        "outcome",
        Audience.CUSTOMER,
        ticket.slack_channel,
        ticket_id=ticket.id,
        request_id=request.id,
        thread_ts=ticket.slack_ts,
        args={"status": request.status},
    )
    await deliveries.post(tx, notice, delivery_id=desk.new_id(), at=desk.clock())
