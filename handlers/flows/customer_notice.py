"""The requester's side hears what came of a request, in words fit for a customer and nothing internal."""

from __future__ import annotations

from handlers.desk import Desk
from handlers.views.notices import customer_outcome
from policy.terms import Audience, PersonKey, RequestStatus, Verdict
from storage import deliveries
from storage.database import Transaction
from storage.deliveries import NewDelivery
from storage.schema import ActionRequest, Ticket


def customer_channel(ticket: Ticket) -> str | None:
    """Where the requester's side reads: the ticket's thread, else a direct message; None where Slack has neither."""
    if ticket.slack_channel is not None:
        return ticket.slack_channel
    return None if ticket.requester is None else PersonKey.parse(ticket.requester).user_id


def concerns_requester(request: ActionRequest) -> bool:
    """Whether what came of a request is the requester's to hear: their ticket asked for it, or it is about the ticket.

    What our people propose of their own accord is not: whoever asked may be the one it is done to, and be warned by it.
    Nor is what the policy denied at once; that was put to nobody, and somebody else may still propose it.
    """
    if request.verdict == Verdict.DENY:
        return False
    return request.suggestion_id is not None or request.action_id.startswith("ticket.")


async def tell_requester(desk: Desk, tx: Transaction, ticket: Ticket, request: ActionRequest) -> None:
    """Queue the outcome for the requester's thread, where it is theirs to hear and there are words for it."""
    if not concerns_requester(request):
        return
    words = customer_outcome(ticket.number, request.action_id, RequestStatus(request.status))
    channel = customer_channel(ticket)
    if words is None or channel is None:
        return
    notice = NewDelivery(
        "outcome",
        Audience.CUSTOMER,
        channel,
        ticket_id=ticket.id,
        request_id=request.id,
        thread_ts=ticket.slack_ts,
        args={"status": request.status},
    )
    await deliveries.post(tx, notice, delivery_id=desk.new_id(), at=desk.clock())
