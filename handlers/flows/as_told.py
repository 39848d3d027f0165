"""Whether a request's rows are what its trail tells: for whatever is run, drawn or said of it with no new decision."""

from __future__ import annotations

import logging

from handlers.flows.judged_facts import digest_as_shown
from storage import audit, told
from storage.audit import Step
from storage.database import Transaction
from storage.schema import ActionRequest, Ticket
from storage.told import Told, TrailBroken

log = logging.getLogger(__name__)


async def is_of_before(tx: Transaction, request: ActionRequest) -> bool:
    """Whether the request is of before there was an audit key, so that no keyed row of the trail tells of it."""
    proposed = await audit.of_request(tx, request.ticket_id, Step.ACTION_PROPOSED, request.id)
    return bool(proposed) and all(event.key_id is None for event in proposed)


async def as_told(tx: Transaction, request: ActionRequest, ticket: Ticket) -> Told | None:
    """What the ticket's verified trail tells of the request, where its rows have what was proposed; None where they
    have something else, or the trail does not hold.

    What a digest covers (values, card, people) may then be taken from the rows as they were read.
    """
    try:
        one = (await told.of_ticket(tx, ticket.id)).requests.get(request.id)
    except TrailBroken as error:
        log.error("nothing that is stored of request %s counts: %s", request.id, error)
        return None
    if one is None or not one.digest or one.digest != request.digest or one.digest != digest_as_shown(request, ticket):
        log.error("what is stored of request %s is not what its trail tells", request.id)
        return None
    return one
