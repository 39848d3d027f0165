"""`/countersign break-glass`, and the review that must follow: both are judged where they are recorded."""

from __future__ import annotations

import json
import re

from actions.errors import UnknownAction
from handlers.errors import BadInput, Refused
from handlers.flows.break_glass import check_start
from handlers.flows.check_access import require_access
from handlers.flows.read_ticket import ticket_id_of, ticket_page
from handlers.flows.review_request import WORDS_FIELD, open_review, record_review
from handlers.listeners.call import Call, read_id
from handlers.listeners.proposals import action_choice, form_fields
from handlers.slack_text import as_written
from handlers.views.blocks import Block
from handlers.views.break_glass import recorded, review_modal
from handlers.views.notice_modal import notice_modal
from handlers.views.propose_modals import action_form_modal, reason_field

_ASKED = re.compile(r"#?([0-9]{1,11})\s+(\S+)(?:\s+(.*))?", re.DOTALL | re.ASCII)
_NO_SUCH = "That names no action of this desk, so nothing was done. Try again with one such as api_key.revoke."


def read(rest: str) -> tuple[int, str, str] | None:
    """The ticket's number, the action and why; None where that is not what was written."""
    found = _ASKED.fullmatch(rest.strip())
    return None if found is None else (int(found[1]), found[2], as_written(found[3] or "").strip())


async def start(call: Call, number: int, action_id: str, reason: str) -> None:
    """The action's form, with the reason in it; nothing is proposed before it is sent."""
    person, desk = await call.person(), call.reception.desk
    await require_access(desk, person, f"break the glass for ticket {number}")
    check_start(desk, reason)
    try:
        desk.catalogue.get(action_id)
    except UnknownAction as error:
        raise Refused(f"no action {action_id!r}", code="no-such-action", reply=_NO_SUCH) from error
    ticket_id = await ticket_id_of(desk, number)
    ticket = await ticket_page(desk, ticket_id)
    fields = [*form_fields(desk.catalogue, action_id), reason_field(reason, is_required=True)]
    metadata = json.dumps({"ticket": str(ticket_id), "action": action_id, "breakGlass": True})
    await call.open_view(action_form_modal(action_choice(desk.catalogue, action_id), fields, ticket.row, metadata))


async def ask_for_review(call: Call) -> None:
    """Who may not review it is told before they write anything."""
    person, request_id = await call.person(), call.id_value()
    await require_access(call.reception.desk, person, "review a break-glass request")
    await call.open_view(review_modal(await open_review(call.reception.desk, request_id, person)))


async def submit_review(call: Call) -> Block | None:
    """The words were sent: they are judged once more where they are written down."""
    person = await call.person()
    try:
        await record_review(
            call.reception.desk, read_id(call.metadata), call.input_values().get(WORDS_FIELD, ""), person
        )
    except BadInput as error:
        return {"response_action": "errors", "errors": dict(error.fields)}
    return {"response_action": "update", "view": notice_modal(recorded())}
