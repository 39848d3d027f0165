"""One ticket's page, for App Home and a modal: everything about it in the order in which one asks.

Who and what, the messages, what triage says, what was requested and what became of it. No vote is cast from here.
"""

from __future__ import annotations

from collections.abc import Sequence

from handlers.views.blocks import (
    HEADER_LENGTH,
    Block,
    actions,
    bullets,
    button,
    context,
    divider,
    header,
    labelled,
    line,
    moment,
    person,
    plain,
    quote,
    rich,
    say,
    section,
    strong,
    when,
)
from handlers.views.case_button import case_button
from handlers.views.facts import MessageFacts, RequestCardFacts, TicketFacts
from handlers.views.parameters import parameter_lines
from handlers.views.plain import one_line, visible
from handlers.views.suggested_actions import suggestion_blocks
from handlers.views.triage_card import triage_blocks
from handlers.views.wording import (
    VERDICT_WORDS,
    channel_words,
    count,
    destination_line,
    request_status_words,
    requester_lines,
    risk_words,
)
from policy.terms import Audience, Choice, RequestStatus

# At the most: 12 for the top and the headings, 3 a message, 3 a suggestion, 4 a request. Together below 100.
_MESSAGES_SHOWN = 10
_SUGGESTIONS_SHOWN = 6
_REQUESTS_SHOWN = 8
_MESSAGE_LENGTH = 2000
_PARAM_LENGTH = 1500
_PENDING_PARAM_LENGTH = 25_000
"""An undecided request can be read here even where its card was too large to be approved."""
_VOTES_SHOWN = 6


def ticket_page(ticket: TicketFacts) -> list[Block]:
    """The page's blocks; where something was left out, a line says what and where it is."""
    return [
        _ways(ticket),
        header(one_line(f"#{ticket.row.number}  {ticket.row.subject}", HEADER_LENGTH, where="see below")),
        *_about(ticket),
        *triage_blocks(ticket),
        *_messages(ticket.messages),
        *_suggestions(ticket),
        *_requests(ticket.requests),
    ]


def message_blocks(message: MessageFacts, *, limit: int = _MESSAGE_LENGTH) -> list[Block]:
    """One message: who, on which side, when, and their words barred off."""
    side = "Internal" if message.audience is Audience.INTERNAL else "Customer"
    about = f"{one_line(message.author_label, 100)} ({message.author_side})"
    elements = [strong(side), plain(about), moment(message.at)]
    if message.version > 1 and not message.is_deleted:
        elements.append(plain(f"edited, version {message.version}"))
    words = "⟦deleted by its author; the audit trail has it⟧" if message.is_deleted else None
    text = words or visible(message.text, limit, max_lines=40, where="see the message in Slack")
    blocks = [context(*elements), rich(quote(text))]
    return [*blocks, context(plain(_attachments(message)))] if message.attachments else blocks


def _ways(ticket: TicketFacts) -> Block:
    ticket_id = ticket.row.ticket_id
    return actions(
        button("← Back to tickets", "tickets.back", ticket_id),
        button("Propose an action", "action.choose", ticket_id, style="primary"),
        button("Audit trail", "audit.open", ticket_id),
        button("As the customer sees it", "ticket.customer_view", ticket_id),
        case_button(ticket),
    )


def _about(ticket: TicketFacts) -> list[Block]:
    lines = [*requester_lines(ticket.row.requester, claims=5)]
    if ticket.assignee_user_id:
        lines.append(labelled("Assigned to", person(ticket.assignee_user_id, one_line(ticket.assignee_user_id, 80))))
    lines.append(
        labelled(
            "Came by",
            say(f"{channel_words(ticket.channel_kind)} ({one_line(ticket.intake_source, 60)})"),
            say(f"  ·  {count(ticket.attachment_count, 'attachment')}"),
        )
    )
    if ticket.permalink and ticket.permalink.startswith(("https://", "http://127.0.0.1:")):
        lines.append(line({"type": "link", "url": ticket.permalink, "text": "The message in Slack"}))
    reference = context(
        moment(ticket.row.created_at, "Created"),
        moment(ticket.row.updated_at, "Updated"),
        plain(f"Reference {one_line(ticket.correlation_id, 120)}"),
    )
    return [rich(*lines), reference]


def _messages(messages: Sequence[MessageFacts]) -> list[Block]:
    """The first message, because it is what was asked, and the latest."""
    blocks = [divider(), header("Messages")]
    if not messages:
        return [*blocks, rich(line(say("None is left.")))]
    hidden = len(messages) - _MESSAGES_SHOWN
    shown = messages if hidden <= 0 else (messages[0], *messages[-_MESSAGES_SHOWN + 1 :])
    for position, message in enumerate(shown):
        blocks += message_blocks(message)
        if hidden > 0 and position == 0:
            blocks.append(context(plain(f"{count(hidden, 'message')} in between, in the thread in Slack")))
    return blocks


def _attachments(message: MessageFacts) -> str:
    named = [f"{one_line(name, 80)} ({one_line(kind, 60)})" for name, kind in message.attachments[:6]]
    hidden = len(message.attachments) - len(named)
    return f"{count(len(message.attachments), 'attachment')}: {', '.join(named)}" + (
        f" and {hidden} more" if hidden > 0 else ""
    )


def _suggestions(ticket: TicketFacts) -> list[Block]:
    suggestions = ticket.triage.suggestions if ticket.triage else ()
    waiting = [each for each in suggestions if each.is_open]
    if not waiting:
        return []
    blocks = [divider(), header("Suggested by triage")]
    for suggestion in waiting[:_SUGGESTIONS_SHOWN]:
        blocks += suggestion_blocks(suggestion, ticket)
    hidden = len(waiting) - _SUGGESTIONS_SHOWN
    return [*blocks, context(plain(f"{count(hidden, 'further suggestion')} not shown"))] if hidden > 0 else blocks


def _requests(requests: Sequence[RequestCardFacts]) -> list[Block]:
    blocks = [divider(), header("Action requests")]
    if not requests:
        return [*blocks, rich(line(say("Nothing has been proposed yet.")))]
    for position, request in enumerate(requests[-_REQUESTS_SHOWN:]):
        blocks += [divider()] * (position > 0) + _request(request)
    hidden = len(requests) - _REQUESTS_SHOWN
    if hidden > 0:
        blocks.append(context(plain(f"{count(hidden, 'earlier request')} in the audit trail")))
    return blocks


def _request(request: RequestCardFacts) -> list[Block]:
    limit = _PENDING_PARAM_LENGTH if request.status is RequestStatus.PENDING else _PARAM_LENGTH
    lines = [
        line(say(request_status_words(request.status), bold=True)),
        labelled(VERDICT_WORDS[request.verdict], say(one_line(request.verdict_reason, 600))),
        labelled("Proposed by", person(request.proposer_user_id, one_line(request.proposer_label, 100))),
        *parameter_lines(request.params, limit=limit),
    ]
    if request.destination is not None:
        lines.append(destination_line(request.destination))
    if request.outcome:
        lines.append(labelled("Outcome", say(one_line(request.outcome, 400))))
    votes = [_vote_line(request, position) for position in range(min(len(request.votes), _VOTES_SHOWN))]
    return [
        section(strong(request.action_title)),
        rich(*lines, *([bullets(votes)] if votes else [])),
        context(
            plain(f"{one_line(request.action_id, 80)}  ·  {risk_words(request.risk)}"),
            moment(request.created_at, "Proposed"),
        ),
    ]


def _vote_line(request: RequestCardFacts, position: int) -> Block:
    vote = request.votes[position]
    verb = " approved, " if vote.choice is Choice.APPROVE else " rejected, "
    runs = [person(vote.voter_user_id, one_line(vote.voter_label, 80)), say(verb), when(vote.at)]
    return line(*runs, *([say(f": “{one_line(vote.reason, 200)}”")] if vote.reason else []))
