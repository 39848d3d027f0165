"""Undo… on the card of what has run: it opens the form of the action that undoes it, and does nothing by itself."""

from __future__ import annotations

import json
from dataclasses import replace

from handlers.flows.read_ticket import ticket_page
from handlers.flows.undo_request import prepare_undo
from handlers.listeners.call import Call
from handlers.listeners.proposals import action_choice, form_fields
from handlers.views.propose_modals import action_form_modal


async def undo(call: Call) -> None:
    """Whoever presses becomes the proposer, if they send the form."""
    person = await call.person()
    desk = call.reception.desk
    found = await prepare_undo(desk, call.id_value(), person)
    fields = [
        replace(field, initial=found.values.get(field.name)) for field in form_fields(desk.catalogue, found.action_id)
    ]
    ticket = await ticket_page(desk, found.ticket_id)
    # What the form says of the request is looked up again when it comes back.
    metadata = {"ticket": str(found.ticket_id), "action": found.action_id, "undoes": str(found.request_id)}
    choice = action_choice(desk.catalogue, found.action_id)
    await call.open_view(action_form_modal(choice, fields, ticket.row, json.dumps(metadata)))
