"""The list of tickets, for App Home and a modal: what is waiting, from whom, and how urgent."""

from __future__ import annotations

from collections.abc import Sequence

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
    rich,
    say,
    section,
)
from handlers.views.break_glass import banner as missing_reviews
from handlers.views.facts import ReviewFacts, StopFacts, TicketRowFacts, WaitingAlikeFacts
from handlers.views.plain import one_line
from handlers.views.stops import banner
from handlers.views.wording import (
    TICKET_STATUS_WORDS,
    category_words,
    count,
    requester_words,
    severity_words,
)
from policy.terms import TicketStatus

PAGE_SIZE = 20
"""Tickets on one page. Load one more than this: its presence is what makes the button for older ones."""

_SUBJECT_LENGTH = 140
_ALIKE_SHOWN = 12


def ticket_list(
    rows: Sequence[TicketRowFacts],
    *,
    showing: TicketStatus = TicketStatus.OPEN,
    offset: int = 0,
    stops: Sequence[StopFacts] = (),
    alike: Sequence[WaitingAlikeFacts] = (),
    reviews: Sequence[ReviewFacts] = (),
) -> list[Block]:
    """One page of tickets, as they stand from `offset` on; of more than `PAGE_SIZE` rows the rest is not shown.

    `stops`: those in force, which stand above everything. `alike`: the actions of which several requests wait, to be
    reviewed together. `reviews`: those of break-glass requests that are missing.
    """
    page = rows[:PAGE_SIZE]
    blocks = [
        *banner(stops),
        *missing_reviews(reviews),
        header(f"{TICKET_STATUS_WORDS[showing]} tickets"),
        _choices(showing, offset),
    ]
    blocks += [_waiting_alike(one) for one in alike[:_ALIKE_SHOWN]]
    if not page:
        blocks += [divider(), rich(line(say(_nothing(showing, offset))))]
    for row in page:
        blocks += [divider(), *_row(row)]
    if len(rows) > PAGE_SIZE:
        blocks += [divider(), actions(button("Older tickets", "tickets.page", str(offset + PAGE_SIZE)))]
    return blocks


def _waiting_alike(alike: WaitingAlikeFacts) -> Block:
    words = plain(f"⏳ {one_line(alike.action_title, 150)}: {count(alike.waiting, 'request')} waiting for approval")
    return section(words, button(f"Review {alike.waiting} like this…", "requests.review", alike.request_id))


def _choices(showing: TicketStatus, offset: int) -> Block:
    other = TicketStatus.CLOSED if showing is TicketStatus.OPEN else TicketStatus.OPEN
    buttons = [button(f"Show {other.value} tickets", "tickets.filter", other.value)]
    if offset > 0:
        buttons.append(button("Newer tickets", "tickets.page", str(max(0, offset - PAGE_SIZE))))
    return actions(*buttons)


def _nothing(showing: TicketStatus, offset: int) -> str:
    if offset > 0:
        return "There are no older tickets."
    if showing is TicketStatus.CLOSED:
        return "No ticket has been closed yet."
    return "No open tickets. A message in a channel the desk listens to makes one, and so does /countersign new."


def _row(row: TicketRowFacts) -> list[Block]:
    subject = plain(f"#{row.number}  {one_line(row.subject, _SUBJECT_LENGTH)}")
    state = f"{severity_words(row.severity)}  ·  {category_words(row.category)}"
    if row.pending_requests:
        state += f"  ·  ⏳ {count(row.pending_requests, 'request')} waiting for approval"
    return [
        section(subject, button("Open", "ticket.open", row.ticket_id)),
        context(plain(state), plain(requester_words(row.requester)), moment(row.updated_at, "Updated")),
    ]
