"""What was pressed: a button counts only on a card of ours, found by where the message stands."""

from __future__ import annotations

from uuid import UUID

from handlers.errors import NotFound
from storage import deliveries, requests
from storage.database import Transaction
from storage.schema import ActionRequest, Delivery, Ticket


async def pressed_card(
    tx: Transaction, request_id: UUID, channel: str, message_ts: str
) -> tuple[Delivery, ActionRequest, Ticket]:
    """The approval card that stands there, with its request and ticket, locked.

    Raises NotFound where no card of ours stands there or it is another request's than the button says.
    """
    return await of_card(tx, request_id, await deliveries.at_message(tx, channel, message_ts))


async def of_card(
    tx: Transaction, request_id: UUID, delivery: Delivery | None
) -> tuple[Delivery, ActionRequest, Ticket]:
    """The request of an approval card and its ticket, locked. Raises NotFound where it is not that request's card."""
    if delivery is None or delivery.kind != "approval_card" or delivery.request_id != request_id:
        raise NotFound("approval card")
    found = await requests.locked(tx, request_id)
    if found is None:
        raise NotFound("request")
    return delivery, *found
