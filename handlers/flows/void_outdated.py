"""A changed policy does not quietly apply to what people were shown under the old one."""

from __future__ import annotations

from handlers.desk import Desk
from handlers.flows.void_requests import void_open_requests
from storage import deliveries, requests, tickets

WHY = "the policy changed after this was shown"


async def void_outdated(desk: Desk) -> int:
    """At the start: void every waiting request that was shown under another policy; returns how many."""
    async with desk.database.transaction() as tx:
        ticket_ids = await requests.tickets_under_other_policy(tx, desk.gate.policy_version)
    count = 0
    for ticket_id in ticket_ids:
        async with desk.database.transaction() as tx:
            ticket = await tickets.get(tx, ticket_id, lock=True)
            if ticket is not None:
                count += await void_open_requests(tx, desk, ticket, why=WHY, unless_policy=desk.gate.policy_version)
                await deliveries.refresh(tx, ticket_id=ticket_id)
    return count
