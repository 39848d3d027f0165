"""The ticket list, a ticket's page, its trail, and how the customer sees it: on App Home and in modals.

Nothing is decided here; every page asks first whether this person may see it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import Refused
from handlers.flows.check_access import require_access
from handlers.flows.list_cases import case_rows
from handlers.flows.private_links import has_pages
from handlers.flows.read_ticket import ticket_page as read_page
from handlers.flows.read_ticket import ticket_rows, ticket_trail
from handlers.flows.review_batch import waiting_alike
from handlers.flows.review_request import missing_reviews
from handlers.flows.stop_desk import stops_in_force
from handlers.listeners.call import Call, read_id
from handlers.views import audit_modal, notices
from handlers.views.blocks import Block
from handlers.views.case_page import LIST_SIZE, case_list
from handlers.views.customer_view import customer_view as customer_blocks
from handlers.views.passkey_card import own_button
from handlers.views.surfaces import home, modal
from handlers.views.ticket_list import PAGE_SIZE, ticket_list
from handlers.views.ticket_page import ticket_page as page_blocks
from policy.terms import Person, TicketStatus

LIST_TITLE = "Tickets"


async def draw_home(call: Call, event: Mapping[str, Any]) -> None:
    """Somebody opened App Home: the list for our own people, a friendly word for everyone else."""
    user_id = str(event.get("user") or "")
    team_id = call.body.get("team_id")
    body = {"user": {"id": user_id, "team_id": event.get("team") or team_id}}
    asked = Call(call.reception, body)
    await call.reception.client.views_publish(user_id=user_id, view=await _home_for(asked))


async def _home_for(call: Call) -> Block:
    try:
        person = await call.person()
        await require_access(call.reception.desk, person, "open App Home", is_visit=True)
    except Refused:
        return home(notices.nothing_here().blocks)
    return await _list_home(call.reception.desk, TicketStatus.OPEN, 0, person)


async def open_list(call: Call) -> None:
    """The list in a modal (command or global shortcut)."""
    await _allowed(call, "open the ticket list")
    await call.open_view(await _list_modal(call.reception.desk, TicketStatus.OPEN, 0))


async def back_to_list(call: Call) -> None:
    """From a ticket's page to the list it was opened from."""
    person = await _allowed(call, "open the ticket list")
    showing, offset = _list_state(call.metadata)
    await _show_list(call, person, showing, offset)


async def turn_list(call: Call) -> None:
    """Older or newer tickets."""
    person = await _allowed(call, "open the ticket list")
    showing, _ = _list_state(call.metadata)
    await _show_list(call, person, showing, _offset(call.value))


async def filter_list(call: Call) -> None:
    """Open or closed tickets."""
    person = await _allowed(call, "open the ticket list")
    showing = TicketStatus.CLOSED if call.value == TicketStatus.CLOSED else TicketStatus.OPEN
    await _show_list(call, person, showing, 0)


async def open_ticket(call: Call) -> None:
    """One ticket's page: in place on App Home and in the list's modal, in a modal from a card."""
    ticket_id = call.id_value()
    await _allowed(call, "open a ticket", ticket_id)
    facts = await read_page(call.reception.desk, ticket_id)
    blocks, way_back = page_blocks(facts), call.metadata
    if call.is_home:
        await _publish(call, home(blocks, way_back))
    elif call.view.get("type") == "modal":
        await call.update_view(modal(f"Ticket #{facts.row.number}", blocks, way_back))
    else:
        await call.open_view(modal(f"Ticket #{facts.row.number}", blocks))


async def open_ticket_modal(call: Call, ticket_id: UUID) -> None:
    """One ticket's page for a command; who asks was checked by the caller."""
    facts = await read_page(call.reception.desk, ticket_id)
    await call.open_view(modal(f"Ticket #{facts.row.number}", page_blocks(facts)))


async def customer_view(call: Call) -> None:
    """The ticket as the customer sees it."""
    ticket_id = call.id_value()
    await _allowed(call, "see a ticket as the customer does", ticket_id)
    facts = await read_page(call.reception.desk, ticket_id)
    await call.open_view(modal("As the customer sees it", customer_blocks(facts)))


async def trail(call: Call) -> None:
    """The audit trail, from its beginning."""
    ticket_id = call.id_value()
    await _allowed(call, "read an audit trail", ticket_id)
    await open_trail(call, ticket_id)


async def open_trail(call: Call, ticket_id: UUID) -> None:
    """The trail in a modal; who asks was checked by the caller."""
    await call.open_view(await _trail_modal(call.reception.desk, ticket_id, 0))


async def turn_trail(call: Call) -> None:
    """Another page of the trail; the ticket is the one the modal was opened for."""
    ticket_id, offset = _trail_state(call.metadata, call.value)
    await _allowed(call, "read an audit trail", ticket_id)
    await call.update_view(await _trail_modal(call.reception.desk, ticket_id, offset))


async def _trail_modal(desk: Desk, ticket_id: UUID, offset: int) -> Block:
    row, events = await ticket_trail(desk, ticket_id, offset=offset, limit=audit_modal.PAGE_SIZE + 1)
    return audit_modal.audit_modal(row, events, offset)


async def _allowed(call: Call, what: str, ticket_id: UUID | None = None) -> Person:
    person = await call.person()
    await require_access(call.reception.desk, person, what, ticket_id)
    return person


async def _show_list(call: Call, person: Person, showing: TicketStatus, offset: int) -> None:
    desk = call.reception.desk
    if call.is_home:
        await _publish(call, await _list_home(desk, showing, offset, person))
    elif call.view.get("type") == "modal":
        await call.update_view(await _list_modal(desk, showing, offset))
    else:
        await call.open_view(await _list_modal(desk, showing, offset))


async def _publish(call: Call, view: Block) -> None:
    """Show it on App Home, in place of what stood there."""
    await call.reception.client.views_publish(user_id=call.user_id, view=view)


async def _list_home(desk: Desk, showing: TicketStatus, offset: int, person: Person) -> Block:
    own = [own_button()] if has_pages(desk) else []
    is_first = showing is TicketStatus.OPEN and offset == 0
    cases = case_list(await case_rows(desk, person, limit=LIST_SIZE + 1), person.key.user_id) if is_first else []
    return home([*cases, *await _list_blocks(desk, showing, offset), *own], _list_metadata(showing, offset))


async def _list_modal(desk: Desk, showing: TicketStatus, offset: int) -> Block:
    return modal(LIST_TITLE, await _list_blocks(desk, showing, offset), _list_metadata(showing, offset))


async def _list_blocks(desk: Desk, showing: TicketStatus, offset: int) -> Sequence[Block]:
    rows = await ticket_rows(desk, status=showing, offset=offset, limit=PAGE_SIZE + 1)
    is_first = showing is TicketStatus.OPEN and offset == 0
    alike = await waiting_alike(desk) if is_first else ()
    reviews = await missing_reviews(desk)
    stops = await stops_in_force(desk)
    return ticket_list(rows, showing=showing, offset=offset, stops=stops, alike=alike, reviews=reviews)


def _list_metadata(showing: TicketStatus, offset: int) -> str:
    return json.dumps({"showing": showing, "offset": offset})


def _list_state(metadata: str) -> tuple[TicketStatus, int]:
    """Where the list stood; the beginning, if that cannot be read."""
    try:
        found = json.loads(metadata)
        return TicketStatus(found["showing"]), max(0, int(found["offset"]))
    except (ValueError, KeyError, TypeError):
        return TicketStatus.OPEN, 0


def _trail_state(metadata: str, value: str) -> tuple[UUID, int]:
    return read_id(metadata), _offset(value)


def _offset(value: str) -> int:
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 9 else 0
