"""The ticket as the customer sees it: their side's messages and our customer notices, and nothing else.

It is what one opens before writing to a customer, so it takes nothing from triage, requests' parameters or votes.
"""

from __future__ import annotations

from handlers.views.blocks import (
    Block,
    actions,
    button,
    context,
    divider,
    header,
    line,
    moment,
    plain,
    quote,
    rich,
    say,
)
from handlers.views.facts import MessageFacts, TicketFacts
from handlers.views.notices import acknowledgement, customer_outcome
from handlers.views.plain import one_line, visible
from handlers.views.wording import count
from policy.terms import Audience

_MESSAGES_SHOWN = 30
_MESSAGE_LENGTH = 2000

# Where our notices stand in a thread that the requester cannot read.
_BLIND_CHANNELS = {
    "http": "This ticket came over HTTP: nothing is posted for the requester in Slack.",
    "slack_email": "This ticket came by e-mail: its sender does not see the thread in Slack.",
}


def customer_view(ticket: TicketFacts) -> list[Block]:
    """Blocks with only what the requester's side can read where they wrote."""
    back = actions(button("Back to the ticket", "ticket.open", ticket.row.ticket_id))
    blocks = [back, header(f"Ticket #{ticket.row.number}, as the customer sees it")]
    blind = _BLIND_CHANNELS.get(ticket.channel_kind)
    readable = [each for each in ticket.messages if _is_readable(each, own_side_only=blind is not None)]
    if blind:
        blocks.append(context(plain(blind)))
    for message in readable[:1]:
        blocks += _message(message)
    if not blind:
        blocks += _notice(acknowledgement(ticket.row.number).blocks)
    hidden = len(readable) - _MESSAGES_SHOWN
    if hidden > 0:
        blocks.append(context(plain(f"{count(hidden, 'message')} in between, in the thread in Slack")))
    for message in readable[1:][-_MESSAGES_SHOWN + 1 :]:
        blocks += _message(message)
    return blocks if blind else [*blocks, *_outcomes(ticket)]


def _is_readable(message: MessageFacts, *, own_side_only: bool) -> bool:
    if message.audience is not Audience.CUSTOMER or message.is_deleted:
        return False
    return message.author_side == "customer" or not own_side_only


def _message(message: MessageFacts) -> list[Block]:
    text = visible(message.text, _MESSAGE_LENGTH, max_lines=40, where="see the message in Slack")
    return [context(plain(one_line(message.author_label, 100)), moment(message.at)), rich(quote(text))]


def _notice(blocks: tuple[Block, ...]) -> list[Block]:
    return [context(plain("Countersign")), *blocks]


def _outcomes(ticket: TicketFacts) -> list[Block]:
    said = [
        notice
        for request in ticket.requests
        if (notice := customer_outcome(ticket.row.number, request.action_id, request.status))
    ]
    if not said:
        return [divider(), rich(line(say("Nothing has been decided that the customer was told of.", italic=True)))]
    return [divider(), *(block for notice in said[-10:] for block in _notice(notice.blocks))]
