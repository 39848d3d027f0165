"""A suggestion as the confirm modal shows it, and an operator's confirmation as a proposal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import NotFound
from handlers.flows.proposals import Proposal
from handlers.flows.read_ticket import row_facts, suggestion_facts
from handlers.views.facts import SuggestionFacts, TicketRowFacts
from policy.terms import Provenance, RequestStatus
from storage import requests, tickets
from storage.schema import Suggestion


@dataclass(frozen=True)
class OpenSuggestion:
    """A suggestion with the ticket it is for."""

    suggestion: SuggestionFacts
    ticket: TicketRowFacts
    ticket_id: UUID


async def read_suggestion(desk: Desk, suggestion_id: UUID) -> OpenSuggestion:
    """One suggestion. Raises NotFound."""
    async with desk.database.transaction() as tx:
        row = await tx.get(Suggestion, suggestion_id)
        ticket = None if row is None else await tickets.get(tx, row.ticket_id)
        if row is None or ticket is None:
            raise NotFound("suggestion")
        request = None if row.request_id is None else await requests.get(tx, row.request_id)
        status_of = {} if request is None else {request.id: RequestStatus(request.status)}
        triage = await tickets.latest_triage(tx, ticket.id)
        facts = suggestion_facts(desk.catalogue, row, status_of)
        return OpenSuggestion(facts, row_facts(ticket, triage), ticket.id)


def confirmed_proposal(found: OpenSuggestion, values: Mapping[str, str]) -> Proposal:
    """What an operator confirmed: every value is now their word, with the place it was first found kept."""
    evidence = {param.name: str(param.evidence) for param in found.suggestion.params}
    return Proposal(
        ticket_id=found.ticket_id,
        action_id=found.suggestion.action_id,
        params=dict(values),
        provenance=dict.fromkeys(values, Provenance.OPERATOR),
        evidence={name: evidence.get(name, "") for name in values},
        suggestion_id=UUID(found.suggestion.suggestion_id),
    )
