"""Somebody changes the values of a request that waits: a new request, judged and shown anew, takes its place.

Whoever may propose the action at this moment may edit it, and is its proposer from then on. Nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from actions.errors import InvalidParams
from handlers.desk import Desk
from handlers.errors import BadInput, Refused
from handlers.flows.find_card import of_card, pressed_card
from handlers.flows.proposals import Proposal
from handlers.flows.propose_action import Proposed, propose_action
from handlers.flows.read_ticket import request_card, requester_facts, row_facts
from handlers.flows.replace_request import reply_to_edit, rule_on_edit
from handlers.views.facts import RequestCardFacts, TicketRowFacts
from policy.terms import Person, Provenance, Ruling
from storage import audit, deliveries, tickets
from storage.audit import Step
from storage.database import Transaction
from storage.schema import ActionRequest, Ticket

UNCHANGED = "Nothing is changed yet, so nothing was proposed. Change a value, or close this."


@dataclass(frozen=True)
class Editable:
    """A request that this person may edit, with its ticket."""

    request: RequestCardFacts
    ticket: TicketRowFacts


async def open_edit(desk: Desk, request_id: UUID, editor: Person, *, channel: str, message_ts: str) -> Editable:
    """The request on the pressed card, if this person may edit it. Raises Refused (on record) or NotFound."""
    async with desk.database.transaction() as tx:
        _, request, ticket = await pressed_card(tx, request_id, channel, message_ts)
        refusal = await _refusal(desk, tx, request, ticket, editor)
        triage = await tickets.latest_triage(tx, ticket.id)
        shown = request_card(desk.catalogue, request, ticket, requester_facts(ticket, triage))
        found = Editable(shown, row_facts(ticket, triage))
    if refusal is not None:
        raise refusal
    return found


async def edit_request(desk: Desk, request_id: UUID, values: Mapping[str, str], editor: Person) -> Proposed:
    """Propose the request with other values in its place.

    Raises Refused (on record), NotFound, BadInput (also where nothing is changed), and what `propose_action` raises.
    """
    async with desk.database.transaction() as tx:
        _, request, ticket = await of_card(tx, request_id, await deliveries.card_of(tx, request_id))
        refusal = await _refusal(desk, tx, request, ticket, editor)
        proposal = _proposal(request, values)
        stored = dict(request.params)
    if refusal is not None:
        raise refusal
    if _is_same(desk, proposal, stored):
        raise BadInput({next(iter(stored)): UNCHANGED})
    try:
        return await propose_action(desk, proposal, editor)
    except Refused as refused:
        if refused.is_recorded:
            raise
        await _record_late(desk, proposal.ticket_id, request_id, editor, refused)
        raise Refused(str(refused), code=refused.code, reply=refused.reply, is_recorded=True) from refused


def _proposal(request: ActionRequest, values: Mapping[str, str]) -> Proposal:
    """Every value is the editor's word now; where one was found is kept with what was not changed."""
    kept = {name for name, value in values.items() if value == request.params.get(name)}
    return Proposal(
        ticket_id=request.ticket_id,
        action_id=request.action_id,
        params=dict(values),
        provenance=dict.fromkeys(values, Provenance.OPERATOR),
        evidence={name: str(request.provenance.get(name, {}).get("evidence", "")) for name in kept},
        suggestion_id=request.suggestion_id,
        replaces=request.id,
    )


def _is_same(desk: Desk, proposal: Proposal, stored: Mapping[str, object]) -> bool:
    try:
        return desk.catalogue.parse(proposal.action_id, dict(proposal.params)) == stored
    except InvalidParams:
        return False  # What is wrong with it is said, field by field, where it is proposed.


async def _refusal(
    desk: Desk, tx: Transaction, request: ActionRequest, ticket: Ticket, editor: Person
) -> Refused | None:
    ruling: Ruling = await rule_on_edit(desk, tx, request, ticket, editor)
    if ruling.is_allowed:
        return None
    reply = await reply_to_edit(tx, request, ruling)
    refused = Refused(ruling.reason, code=ruling.code, reply=reply, is_recorded=True)
    await _record(desk, tx, request.ticket_id, request.id, editor, refused)
    return refused


async def _record_late(desk: Desk, ticket_id: UUID, request_id: UUID, editor: Person, refused: Refused) -> None:
    """What was found out only when it was about to be written took the transaction along."""
    async with desk.database.transaction() as tx:
        await _record(desk, tx, ticket_id, request_id, editor, refused)


async def _record(
    desk: Desk, tx: Transaction, ticket_id: UUID, request_id: UUID, editor: Person, refused: Refused
) -> None:
    payload = {"actionRequestId": str(request_id), "rule": refused.code, "reason": str(refused)}
    await audit.record(tx, ticket_id, Step.EDIT_REFUSED, str(editor.key), payload, at=desk.clock())
