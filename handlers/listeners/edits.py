"""Edit on the approval card: another request takes the place of the one that waits."""

from __future__ import annotations

from handlers.flows.check_access import require_access
from handlers.flows.edit_request import edit_request, open_edit
from handlers.flows.show_request import show_request
from handlers.listeners.call import Call, read_id
from handlers.listeners.proposals import answer_proposal, form_fields
from handlers.views.blocks import Block
from handlers.views.propose_modals import edit_modal
from handlers.views.surfaces import modal


async def edit(call: Call) -> None:
    """The request's values, prefilled; who may not edit it is told before they type."""
    person = await call.person()
    desk = call.reception.desk
    found = await open_edit(desk, call.id_value(), person, channel=call.channel or "", message_ts=call.message_ts or "")
    fields = form_fields(desk.catalogue, found.request.action_id)
    await call.open_view(edit_modal(found.request, found.ticket, fields))


async def submit_edit(call: Call) -> Block | None:
    """The values were sent: who sent them is the new request's proposer."""
    person = await call.person()
    editing = edit_request(call.reception.desk, read_id(call.metadata), call.input_values(), person)
    return await answer_proposal(call, editing)


async def see(call: Call) -> None:
    """A request as its card shows it, to be read: nothing is decided there."""
    person, request_id = await call.person(), call.id_value()
    desk = call.reception.desk
    await require_access(desk, person, "see a request")
    await call.open_view(modal("Action request", await show_request(desk, request_id)))
