"""What the sender of a ticket over HTTP may know of it: its state, and what was said to the requester."""

from __future__ import annotations

from typing import Any

from handlers.desk import Desk
from handlers.flows.read_ticket import ticket_facts
from handlers.views.notices import customer_outcome
from policy.terms import Audience
from storage import inbox, tickets


async def read_intake_status(desk: Desk, channel: str, correlation_id: str) -> dict[str, Any] | None:
    """The state of a ticket by the name it was handed in under; None if there is none."""
    async with desk.database.transaction() as tx:
        ticket = await tickets.by_correlation(tx, channel, correlation_id)
        if ticket is None:
            stored = await inbox.find(tx, f"http:{channel}:{correlation_id}")
            return None if stored is None else {"status": "accepted", "correlationId": correlation_id}
        if ticket.channel_kind != "http":
            return None  # A Slack ticket is not the business of whoever holds an intake token.
        facts = await ticket_facts(tx, desk.catalogue, ticket.id)
    outcomes = [
        customer_outcome(ticket.number, one.action_id, one.status) for one in facts.requests if one.concerns_requester
    ]
    return {
        "status": str(ticket.status),
        "correlationId": correlation_id,
        "ticket": ticket.number,
        "replies": [
            {"text": str(message.text), "at": message.at.isoformat()}
            for message in facts.messages
            if message.audience is Audience.CUSTOMER and message.author_side != "customer"
        ],
        "outcomes": [outcome.text for outcome in outcomes if outcome is not None],
    }
