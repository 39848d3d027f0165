"""The triage card: what came in, from whom, what triage makes of it, and what could be done.

Nothing is decided on it, so long texts may be cut, each saying how much is missing and where it stands.
"""

from __future__ import annotations

from handlers.views.blocks import (
    MESSAGE_BLOCKS,
    MESSAGE_SIZE,
    Block,
    actions,
    bullets,
    button,
    context,
    divider,
    fields,
    header,
    labelled,
    line,
    moment,
    plain,
    quote,
    rich,
    say,
    size,
    strong,
)
from handlers.views.case_button import case_button
from handlers.views.facts import MessageFacts, SignalFacts, TicketFacts, TriageFacts, UndeliveredFacts
from handlers.views.plain import escape_markup, one_line, visible
from handlers.views.rendered import Rendered
from handlers.views.suggested_actions import suggestion_blocks
from handlers.views.wording import (
    TICKET_STATUS_WORDS,
    category_words,
    channel_words,
    count,
    requester_lines,
    requester_words,
    severity_words,
    signal_words,
)
from policy.terms import Audience

_TITLE_LENGTH = 120
_MESSAGE_LENGTH = 600
_MESSAGE_LINES = 8
_RATIONALE_LENGTH = 600
_SIGNALS_SHOWN = 6
_SIGNAL_LENGTH = 200
_ATTACHMENTS_SHOWN = 4
_UNDELIVERED_SHOWN = 3
_UNDELIVERED_WORDS = {
    "acknowledgement": "that the ticket has arrived",
    "outcome": "what came of a request",
    "customer_reply": "the approved reply",
}


def triage_card(ticket: TicketFacts, *, show_internal: bool = True) -> Rendered:
    """The card for our own people; with `show_internal` off, only what the requester's side may read as well."""
    title = header(one_line(f"#{ticket.row.number}  {ticket.row.subject}", _TITLE_LENGTH, where="see below"))
    if not show_internal:
        blocks = [title, *_origin(ticket, claims=0), *_first_words(ticket)]
        return Rendered(_fallback(ticket), tuple(blocks))
    lead = [title, *_origin(ticket, claims=3), *_first_words(ticket), divider(), *triage_blocks(ticket)]
    tail = [divider(), _buttons(ticket)]
    return Rendered(_fallback(ticket), (*lead, *_suggestions_that_fit(ticket, lead + tail), *tail))


def triage_blocks(ticket: TicketFacts) -> list[Block]:
    """Severity, category, status and how triage got there; before that, what the requester was not told."""
    triage = ticket.triage
    if triage is None:
        status = TICKET_STATUS_WORDS[ticket.row.status]
        waits = context(plain(f"{severity_words(ticket.row.severity)}  ·  {status}  ·  Triage has not run yet"))
        return [*_undelivered(ticket.undelivered), waits]
    blocks = [*_undelivered(ticket.undelivered), fields(_cells(ticket, triage)), rich(*_reasons(ticket, triage))]
    if triage.signals:
        blocks.append(rich(line(say("Look closely", bold=True)), bullets(_signals(triage.signals))))
    return blocks


def _undelivered(found: tuple[UndeliveredFacts, ...]) -> list[Block]:
    if not found:
        return []
    lines = []
    for one in found[-_UNDELIVERED_SHOWN:]:
        state = "waiting" if one.is_tried_again else "given up"
        what = _UNDELIVERED_WORDS.get(one.kind) or one_line(one.kind, 80)
        lines.append(line(say(f"{what}, {state}: {one_line(one.why, 300)}")))
    hidden = len(found) - _UNDELIVERED_SHOWN
    if hidden > 0:
        lines.append(line(say(f"{hidden} more, in the audit trail")))
    return [rich(line(say("⚠️ The requester has not been told", bold=True)), bullets(lines))]


def _cells(ticket: TicketFacts, triage: TriageFacts) -> list[Block]:
    source = triage.source.capitalize()
    if triage.fallback_reason:
        source = f"{source}, as a stand-in"
    return [
        strong("Severity", severity_words(ticket.row.severity)),
        strong("Category", category_words(ticket.row.category)),
        strong("Status", TICKET_STATUS_WORDS[ticket.row.status]),
        strong("Confidence", f"{round(triage.confidence * 100)}%"),
        strong("Model", one_line(triage.model, 80)),
        strong("Source", one_line(source, 80)),
    ]


def _reasons(ticket: TicketFacts, triage: TriageFacts) -> list[Block]:
    lines = [labelled("Rationale", say(one_line(triage.rationale, _RATIONALE_LENGTH)))]
    if triage.fallback_reason:
        lines.append(labelled("Stand-in because", say(one_line(triage.fallback_reason, 200))))
    if (triage.severity, triage.category) != (ticket.row.severity, ticket.row.category):
        said = f"{triage.severity.value}, {category_words(triage.category)}"
        lines.append(labelled("Triage said", say(f"{said}; changed since")))
    if ticket.requested_model_override is not None:
        asked = one_line(ticket.requested_model_override, 120)
        lines.append(labelled("Model override", say(asked), say("  ·  recorded, not obeyed", italic=True)))
    return lines


def _signals(signals: tuple[SignalFacts, ...]) -> list[Block]:
    lines = [
        line(say(f"{signal_words(signal.kind)}: "), say(f"“{one_line(signal.quote, _SIGNAL_LENGTH)}”"))
        for signal in signals[:_SIGNALS_SHOWN]
    ]
    hidden = len(signals) - _SIGNALS_SHOWN
    return [*lines, line(say(f"{hidden} more, on the ticket's page"))] if hidden > 0 else lines


def _origin(ticket: TicketFacts, *, claims: int) -> list[Block]:
    readable = [each for each in ticket.messages if not each.is_deleted]
    met = context(
        plain(
            f"Via {channel_words(ticket.channel_kind)}  ·  {count(len(readable), 'message')}"
            f"  ·  {_attachment_words(ticket)}"
        ),
        moment(ticket.row.created_at),
    )
    return [rich(*requester_lines(ticket.row.requester, claims=claims)), met]


def _attachment_words(ticket: TicketFacts) -> str:
    total = count(ticket.attachment_count, "attachment")
    names = [name for message in ticket.messages for name, _ in message.attachments]
    if not names:
        return total
    shown = ", ".join(one_line(name, 80) for name in names[:_ATTACHMENTS_SHOWN])
    rest = max(ticket.attachment_count, len(names)) - _ATTACHMENTS_SHOWN
    return f"{total}: {shown}" + (f" and {rest} more" if rest > 0 else "")


def _first_words(ticket: TicketFacts) -> list[Block]:
    """The message that opened the ticket, as it reads now."""
    first = next((each for each in ticket.messages if each.audience is Audience.CUSTOMER), None)
    return [rich(quote(_words(first)))] if first else []


def _words(message: MessageFacts) -> str:
    if message.is_deleted:
        return "⟦deleted by its author⟧"
    return visible(message.text, _MESSAGE_LENGTH, max_lines=_MESSAGE_LINES)


def _suggestions_that_fit(ticket: TicketFacts, rest: list[Block]) -> list[Block]:
    """As many suggested actions as Slack takes in one message; the others are counted."""
    suggestions = ticket.triage.suggestions if ticket.triage else ()
    blocks: list[Block] = []
    for position, suggestion in enumerate(suggestions):
        more = [divider(), *suggestion_blocks(suggestion, ticket)]
        # One block and a few words are kept for saying how many are left out.
        if len(rest + blocks + more) >= MESSAGE_BLOCKS or size(rest + blocks + more) > MESSAGE_SIZE - 200:
            hidden = count(len(suggestions) - position, "further suggestion")
            return [*blocks, context(plain(f"{hidden} on the ticket's page"))]
        blocks += more
    return blocks


def _buttons(ticket: TicketFacts) -> Block:
    return actions(
        button("Open ticket", "ticket.open", ticket.row.ticket_id),
        button("Propose an action", "action.choose", ticket.row.ticket_id),
        case_button(ticket),
    )


def _fallback(ticket: TicketFacts) -> str:
    row = ticket.row
    return escape_markup(
        f"Ticket #{row.number}, {row.severity.value}, {category_words(row.category)}: {one_line(row.subject, 200)} "
        f"(from {requester_words(row.requester)}, not verified)"
    )
