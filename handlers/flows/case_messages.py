"""What is written while a case is open: the customer's words hold back what was approved, the lead's are a turn."""

from __future__ import annotations

from uuid import UUID

from handlers.desk import Desk
from handlers.flows.ask_copilot import TURN
from handlers.flows.case_asks import note_ask
from handlers.flows.case_holds import cases_of
from handlers.flows.change_case import OpenCase, add_to_case
from policy import case_entries as e
from policy.case_story import CaseStory
from policy.terms import Person
from storage import cases, tickets
from storage.database import Transaction
from storage.schema import CaseRow, Ticket
from storage.told import TrailBroken


async def customer_wrote(desk: Desk, tx: Transaction, ticket: Ticket, message_id: UUID) -> None:
    """Put it on the record of the ticket's case, if one is open: the ticket is locked. What is approved and has not
    gone out is held back by it, whatever the case's row says by now."""
    wrote = e.CustomerWrote(str(message_id))
    for case_id in await cases_of(tx, ticket):
        story, row = await _open_story(tx, case_id), await cases.get(tx, case_id)
        if story is None or story.opened.ticket_id != str(ticket.id):
            continue
        if row is None or row.ticket_id != ticket.id:
            await cases.note(tx, case_id, [wrote], actor="bot", at=desk.clock())
        else:
            await add_to_case(desk, OpenCase(tx, row, ticket, story), [wrote], actor="bot")


async def take_turn(
    desk: Desk, tx: Transaction, row: CaseRow, person: Person, text: str, *, is_addressed: bool
) -> bool:
    """Have the copilot answer what was written in a case's thread; False where it was not said to it.

    The lead's every word there is; somebody else's is where they mention the bot. Who may have it do anything is judged
    when it does.
    """
    if not text.strip() or not row.is_open or not (is_addressed or row.lead == str(person.key)):
        return False
    if await tickets.get(tx, row.ticket_id, lock=True) is None:
        return False
    await note_ask(desk, tx, row.ticket_id, row.id, TURN, person.key, instruction=text.strip(), tone_of="")
    return True


async def _open_story(tx: Transaction, case_id: UUID) -> CaseStory | None:
    await cases.lock(tx, case_id)
    try:
        story = await cases.story(tx, case_id)
    except TrailBroken:
        return None  # Nothing goes out on such a record anyway, and the customer's message must not be lost for it.
    return story if story.is_open else None
