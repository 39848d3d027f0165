"""THE table: which Slack id leads to which listener. `manifest.yml` is held against it by a test.

Bolt gets one catch-all per kind of payload, and the id is looked up here: a listener of Bolt's own per id would be
asked in turn for every payload. An id that is not in the table is answered with words, never ignored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from handlers.listeners import (
    approvals,
    batches,
    break_glass,
    case_forms,
    cases,
    commands,
    edits,
    groups,
    pages,
    passkeys,
    proposals,
    undoing,
    withdrawals,
)
from handlers.listeners.call import Call
from handlers.views.blocks import Block

Listener = Callable[[Call], Awaitable[Block | None]]
"""Returns what the acknowledgement of a submitted view carries, or None."""

BUTTONS: Mapping[str, Listener] = {
    "request.approve": approvals.approve,
    "request.reject": approvals.ask_reason,
    "request.withdraw": withdrawals.withdraw,
    "request.undo": undoing.undo,
    "request.edit": edits.edit,
    "request.see": edits.see,
    "requests.review": batches.review,
    "review.open": break_glass.ask_for_review,
    "passkey.show": passkeys.show,
    "passkey.approve": passkeys.approve,
    "passkey.revoke": passkeys.revoke,
    "suggestion.confirm": proposals.confirm,
    "action.choose": proposals.choose,
    "ticket.open": pages.open_ticket,
    "ticket.customer_view": pages.customer_view,
    "tickets.back": pages.back_to_list,
    "tickets.page": pages.turn_list,
    "tickets.filter": pages.filter_list,
    "audit.open": pages.trail,
    "audit.page": pages.turn_trail,
    **cases.BUTTONS,
}

VIEWS: Mapping[str, Listener] = {
    "reject_request": approvals.reject,
    "review_requests": batches.submit,
    "record_review": break_glass.submit_review,
    "edit_request": edits.submit_edit,
    "confirm_suggestion": proposals.submit_confirmed,
    "choose_action": proposals.submit_choice,
    "propose_action": proposals.submit_form,
    **case_forms.VIEWS,
}

SHORTCUTS: Mapping[str, Listener] = {
    "make_ticket": commands.make_ticket,
    "open_tickets": pages.open_list,
}

COMMANDS: Mapping[str, Listener] = {
    "/countersign": commands.command,
}

EVENTS = frozenset({"message", "app_home_opened", *groups.EVENTS})
"""The events that lead to something; every other one is acknowledged and let go."""
