"""One action request as its card shows it. Reads only."""

from __future__ import annotations

from uuid import UUID

from handlers.desk import Desk
from handlers.errors import NotFound
from handlers.flows.read_ticket import request_card_facts
from handlers.views.facts import RequestCardFacts
from storage import requests


async def read_request(desk: Desk, request_id: UUID) -> RequestCardFacts:
    """One request. Raises NotFound."""
    async with desk.database.transaction() as tx:
        request = await requests.get(tx, request_id)
        if request is None:
            raise NotFound("request")
        return await request_card_facts(tx, desk.catalogue, request)
