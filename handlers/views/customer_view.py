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

# How what we say reaches a requester who does not read a Slack thread of ours.
_OTHER_WAYS = {
    "http": "This ticket came over HTTP: replies and outcomes are read there by whoever sent it.",
    "slack_email": "This ticket came by e-mail: its sender does not see the thread in Slack.",
}


def customer_view(ticket: TicketFacts) -> list[Block]:
    """Blocks with only what the requester's side can read where they wrote."""
    hears_us = ticket.channel_kind != "slack_email"
    readable = [each for each in ticket.messages if _is_readable(each, own_side_only=not hears_us)]
    blocks = [
        actions(button("Back to the ticket", "ticket.open", ticket.row.ticket_id)),
        header(f"Ticket #{ticket.row.number}, as the customer sees it"),
    ]
    if ticket.channel_kind in _OTHER_WAYS:
        blocks.append(context(plain(_OTHER_WAYS[ticket.channel_kind])))
    blocks += [block for message in readable[:1] for block in _message(message)]
    if ticket.has_thread and ticket.channel_kind not in _OTHER_WAYS:
        blocks += _notice(acknowledgement(ticket.row.number).blocks)
    hidden = len(readable) - _MESSAGES_SHOWN
    if hidden > 0:
        blocks.append(context(plain(f"{count(hidden, 'message')} in between, in the thread in Slack")))
    blocks += [block for message in readable[1:][-_MESSAGES_SHOWN + 1 :] for block in _message(message)]
    return [*blocks, *_outcomes(ticket)] if hears_us else blocks


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
        if request.concerns_requester
        and (notice := customer_outcome(ticket.row.number, request.action_id, request.status))
    ]
    if not said:
        return [divider(), rich(line(say("Nothing has been decided that the customer was told of.", italic=True)))]
    return [divider(), *(block for notice in said[-10:] for block in _notice(notice.blocks))]
