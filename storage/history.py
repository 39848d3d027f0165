"""Past requests with everything that was recorded of them, in the order in which they were made, a page at a time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, tuple_

from storage import requests
from storage.audit import Step, ticket_chain
from storage.database import Transaction
from storage.schema import ActionRequest, Ticket, VoteRow

PAGE_ROWS = 1000


@dataclass(frozen=True)
class RecordedRequest:
    """One request."""

    request: ActionRequest
    ticket: Ticket
    votes: Sequence[VoteRow]
    opened_by: str
    """The actor of the ticket's first step."""
    proposer: Mapping[str, Any] | None
    """The proposer as judged, where that was recorded."""
    voters: Mapping[str, Mapping[str, Any]]
    """Voter -> as judged, for those of whom it was recorded."""


_STEPS = text(
    "select chain, name, actor, payload::text from audit_events where chain = any(:chains)"
    " and (seq = 1 or name in ('vote_cast', 'policy_decided')) order by chain, seq"
)


async def requests_since(tx: Transaction, since: datetime) -> AsyncIterator[RecordedRequest]:
    """Every request made since then."""
    at, request_id = since, UUID(int=0)
    while True:
        rows = (
            await tx.execute(
                select(ActionRequest, Ticket)
                .join(Ticket, Ticket.id == ActionRequest.ticket_id)
                .where(tuple_(ActionRequest.created_at, ActionRequest.id) > (at, request_id))
                .order_by(ActionRequest.created_at, ActionRequest.id)
                .limit(PAGE_ROWS)
            )
        ).all()
        votes = await requests.votes(tx, [request.id for request, _ in rows])
        steps = await _steps(tx, {request.ticket_id for request, _ in rows})
        for request, ticket in rows:
            yield _recorded(request, ticket, votes[request.id], steps[ticket_chain(ticket.id)])
        if len(rows) < PAGE_ROWS:
            return
        at, request_id = rows[-1][0].created_at, rows[-1][0].id
        tx.expunge_all()  # Read once; keeping them would keep all of the history.


_Step = tuple[str, str, dict[str, Any]]


async def _steps(tx: Transaction, ticket_ids: set[UUID]) -> dict[str, list[_Step]]:
    found: dict[str, list[_Step]] = {ticket_chain(ticket_id): [] for ticket_id in ticket_ids}
    for chain, name, actor, payload in await tx.execute(_STEPS, {"chains": list(found)}):
        found[chain].append((name, actor, json.loads(payload)))
    return found


def _recorded(
    request: ActionRequest, ticket: Ticket, votes: Sequence[VoteRow], steps: Sequence[_Step]
) -> RecordedRequest:
    about = [one for one in steps if one[2].get("actionRequestId") == str(request.id)]
    proposers = [payload.get("proposer") for name, _, payload in about if name == Step.POLICY_DECIDED]
    return RecordedRequest(
        request,
        ticket,
        votes,
        opened_by=steps[0][1] if steps else "",
        proposer=next(iter(proposers), None),
        voters={
            actor: payload["voter"] for name, actor, payload in about if name == Step.VOTE_CAST and "voter" in payload
        },
    )
