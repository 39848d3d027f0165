"""Messages of ours about a case, drawn from its record as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from handlers.desk import Desk
from handlers.flows.ask_copilot import STALLED, STALLED_KIND
from handlers.flows.change_case import LATCH_KIND
from handlers.flows.gather_evidence import CASE_DOUBTS, MOST_DOUBTS
from handlers.flows.read_case import case_facts
from handlers.views.case_card import case_card
from handlers.views.case_notices import DoubtsFacts, doubts, latch_set, stalled, unreadable, words_of
from handlers.views.rendered import Rendered
from policy.case_foundations import in_doubt
from storage import cases
from storage.database import Transaction
from storage.deliveries import CASE_CARD
from storage.schema import Ticket
from storage.told import TrailBroken

CASE_LETTERS = frozenset({CASE_CARD, LATCH_KIND, STALLED_KIND, CASE_DOUBTS})
"""The kinds of delivery that say something of a case to our own people."""


async def case_letter(desk: Desk, tx: Transaction, kind: str, args: Mapping[str, Any], ticket: Ticket) -> Rendered:
    """What such a message says now."""
    row = await cases.get(tx, UUID(args["case"]))
    if row is None or row.ticket_id != ticket.id:
        return unreadable(ticket.number)
    try:
        story = await cases.story(tx, row.id)
    except TrailBroken:
        return unreadable(ticket.number)
    if story.opened.ticket_id != str(ticket.id):
        return unreadable(ticket.number)
    if kind == CASE_DOUBTS:  # The words are the record's: a delivery's args are a row.
        after, found = int(args["after"]), int(args["found"])
        items = story.held.evidence[after : after + found]
        in_words = words_of([one.excerpt for one in in_doubt(items)[:MOST_DOUBTS]])
        return doubts(DoubtsFacts(ticket.number, len(items), in_words))
    case = await case_facts(desk, tx, row, story)
    if kind == LATCH_KIND:
        return latch_set(case)
    return case_card(case) if kind == CASE_CARD else stalled(case, STALLED)
