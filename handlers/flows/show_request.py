"""A request as its card shows it at this moment, for reading elsewhere."""

from __future__ import annotations

from uuid import UUID

from handlers.desk import Desk
from handlers.errors import NotFound
from handlers.flows.draw_letter import PostedCard, card_as_posted
from handlers.views.approval_card import card_to_read
from handlers.views.blocks import Block
from storage import deliveries, requests
from storage.database import Transaction
from storage.schema import ActionRequest


async def show_request(desk: Desk, request_id: UUID) -> list[Block]:
    """The blocks of the request's card, without its buttons. Raises NotFound."""
    async with desk.database.transaction() as tx:
        request = await requests.get(tx, request_id)
        if request is None:
            raise NotFound("request")
        return card_to_read((await newest_card(desk, tx, request)).rendered)


async def newest_card(desk: Desk, tx: Transaction, request: ActionRequest) -> PostedCard:
    """The same in a transaction, with its buttons. Raises NotFound where the request has no card."""
    cards = await deliveries.of_request(tx, request.id, kind="approval_card")
    if not cards:
        raise NotFound("approval card")
    return await card_as_posted(desk, tx, cards[-1], request)
