"""The way from a ticket to its case."""

from __future__ import annotations

from handlers.views import case_ids as ids
from handlers.views.blocks import Block, button
from handlers.views.case_ids import Ref
from handlers.views.facts import TicketFacts


def case_button(ticket: TicketFacts) -> Block:
    """Open a case where the ticket has none; see the one it has."""
    if ticket.case_id is None:
        return button("Open case…", ids.OPEN_CASE, ticket.row.ticket_id)
    return button("See case", ids.SEE_CASE, str(Ref(ticket.case_id)))
