"""What undoes a request that has run: found for the form that somebody fills in, and again when it is proposed.

Nothing is undone here. What comes of it is a proposal like any other, with its own proposer, verdict and votes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from actions.undoing import undo_values
from handlers.desk import Desk
from handlers.errors import BadInput, NotFound, Refused
from handlers.flows.check_access import require_access
from policy.terms import Person, RequestStatus, Risk
from storage import requests
from storage.database import Transaction
from storage.schema import ActionRequest

NOTHING_TO_UNDO = "There is nothing here that could be undone. If something is needed, propose it from the ticket."
TOO_LATE = "The time to undo this is over, so nothing was done. If it is needed, propose it from the ticket."
UNDONE_ALREADY = (
    "This is undone already, or somebody has proposed to undo it. Leave it to those who decide that; the ticket says"
    " what came of it."
)
LEAVE_AS_IT_IS = "To undo it, this has to stay as it is. Propose another value from the ticket."


@dataclass(frozen=True)
class Undo:
    """The action that would undo a request, with the values that are known."""

    request_id: UUID
    ticket_id: UUID
    action_id: str
    values: Mapping[str, str]


async def prepare_undo(desk: Desk, request_id: UUID, person: Person) -> Undo:
    """What to fill the form with. Raises NotFound, and Refused with the reason in words."""
    async with desk.database.transaction() as tx:
        request = await _found(tx, request_id)
    await require_access(desk, person, "undo a request", request.ticket_id)
    async with desk.database.transaction() as tx:
        return await _undo_of(desk, tx, await _found(tx, request_id))


async def can_undo(desk: Desk, tx: Transaction, request: ActionRequest) -> bool:
    """Whether it makes sense to offer it."""
    try:
        await _undo_of(desk, tx, request)
    except Refused:
        return False
    return True


async def check_undo(
    desk: Desk, tx: Transaction, request_id: UUID, *, ticket_id: UUID, action_id: str, params: Mapping[str, Any]
) -> None:
    """Make sure that a proposal undoes that request, with its ticket locked: what a form says of it proves nothing.

    Raises NotFound, Refused and BadInput.
    """
    request = await _found(tx, request_id)
    if request.ticket_id != ticket_id:
        raise NotFound("request")
    undo = await _undo_of(desk, tx, request)
    if action_id != undo.action_id:
        raise NotFound("request")
    if changed := {name: LEAVE_AS_IT_IS for name, value in undo.values.items() if params.get(name) != value}:
        raise BadInput(changed)


async def _found(tx: Transaction, request_id: UUID) -> ActionRequest:
    request = await requests.get(tx, request_id)
    if request is None:
        raise NotFound("request")
    return request


async def _undo_of(desk: Desk, tx: Transaction, request: ActionRequest) -> Undo:
    spec, execution = desk.catalogue.get(request.action_id), await requests.execution(tx, request.id)
    seconds = desk.gate.asked_of(Risk(request.risk)).undo_seconds
    has_run = request.status == RequestStatus.EXECUTED and execution is not None
    values = undo_values(spec, request.params, execution.detail) if execution is not None and has_run else None
    if values is None or spec.undo_action is None or execution is None or execution.finished_at is None:
        raise Refused(f"{request.id} cannot be undone", code="nothing-to-undo", reply=NOTHING_TO_UNDO)
    if seconds is None or desk.clock() >= execution.finished_at + timedelta(seconds=seconds):
        raise Refused(f"{request.id} ran too long ago", code="too-late-to-undo", reply=TOO_LATE)
    if await requests.is_being_undone(tx, request.id):
        raise Refused(f"{request.id} is undone, or about to be", code="undone-already", reply=UNDONE_ALREADY)
    return Undo(request.id, request.ticket_id, spec.undo_action, values)
