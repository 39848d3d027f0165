"""Approve and Reject on the approval card: the only ways in which a vote is cast from Slack.

Where the risk asks for a passkey, Approve casts none: it gives a link to the page that does.
"""

from __future__ import annotations

from uuid import UUID

from handlers.flows.cast_vote import Ballot, cast_vote, check_vote
from handlers.flows.confirm_vote import ask_to_confirm
from handlers.listeners.call import Call, read_id
from handlers.views import notices
from handlers.views.blocks import Block
from handlers.views.propose_modals import REASON_BLOCK, reject_modal
from policy.terms import Choice


async def approve(call: Call) -> None:
    """One click, one vote; or one link to confirm it."""
    person = await call.person()
    ballot = _ballot(call, call.id_value(), Choice.APPROVE)
    link = await ask_to_confirm(call.reception.desk, ballot, person)
    if link is not None:
        call.tell(notices.confirm_with_passkey(link.url, link.expires_at))
        return
    result = await cast_vote(call.reception.desk, ballot, person)
    call.tell(notices.vote_recorded(result.request))


async def ask_reason(call: Call) -> None:
    """Reject wants a reason; who may not vote is told before they type one."""
    person = await call.person()
    request_id = call.id_value()
    request = await check_vote(call.reception.desk, _ballot(call, request_id, Choice.REJECT), person)
    await call.open_view(reject_modal(request))


async def reject(call: Call) -> Block | None:
    """The reason was sent: a vote against."""
    person = await call.person()
    reason = call.input_values().get(REASON_BLOCK, "").strip()
    if not reason:
        return {"response_action": "errors", "errors": {REASON_BLOCK: "Please say why, in a few words."}}
    ballot = Ballot(read_id(call.metadata), Choice.REJECT, call.trigger_id, reason=reason)
    await cast_vote(call.reception.desk, ballot, person)
    return None


def _ballot(call: Call, request_id: UUID, choice: Choice) -> Ballot:
    # A click that names no message of ours is looked up as such and found nowhere.
    return Ballot(request_id, choice, call.trigger_id, channel=call.channel or "", message_ts=call.message_ts or "")
