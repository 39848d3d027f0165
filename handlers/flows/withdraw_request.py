"""Who proposed a request takes it back, on its card, while it still waits for votes.

Nothing is decided by it: anybody who may decide the request can reject it whether or not its proposer is still there.
The requester's side hears nothing, because nobody has decided what they asked for, and it may be proposed again.
"""

from __future__ import annotations

from uuid import UUID

from handlers.desk import Desk
from handlers.errors import Refused
from handlers.flows.find_card import pressed_card
from handlers.flows.judged_facts import request_facts
from handlers.flows.read_ticket import request_card, requester_facts
from handlers.views.facts import RequestCardFacts
from policy.lifecycle import RequestEvent, move
from policy.terms import Person, RequestStatus
from storage import audit, deliveries, requests
from storage.audit import Step

OUTCOME = "Withdrawn by its proposer. It can be proposed again."


async def withdraw_request(
    desk: Desk, request_id: UUID, person: Person, *, channel: str, message_ts: str
) -> RequestCardFacts:
    """End a waiting request of `person`'s own. Raises Refused (with the reason in words, on record) or NotFound."""
    now = desk.clock()
    async with desk.database.transaction() as tx:
        _, request, ticket = await pressed_card(tx, request_id, channel, message_ts)
        ruling = desk.gate.rule_on_withdrawal(await request_facts(tx, request, ticket, desk.catalogue), person)
        ids = {"actionId": request.action_id, "actionRequestId": str(request.id)}
        if ruling.is_allowed:
            request.status = move(RequestStatus(request.status), RequestEvent.WITHDRAWN)
            request.outcome, request.decided_at, request.wake_at = OUTCOME, now, None
            ticket.updated_at = now
            await audit.record(tx, ticket.id, Step.REQUEST_WITHDRAWN, str(person.key), ids, at=now)
            await deliveries.refresh(tx, ticket_id=ticket.id)
            votes = (await requests.votes(tx, [request.id]))[request.id]
            shown = request_card(desk.catalogue, request, ticket, requester_facts(ticket), votes)
        else:
            refused = ids | {"rule": ruling.code, "reason": ruling.reason}
            await audit.record(tx, ticket.id, Step.WITHDRAWAL_REFUSED, str(person.key), refused, at=now)
    if not ruling.is_allowed:
        raise Refused(ruling.reason, code=ruling.code, reply=ruling.reply, is_recorded=True)
    return shown
