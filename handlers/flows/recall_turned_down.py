"""What was turned down before is not proposed again without saying so: who said no, when and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from handlers.desk import Desk
from handlers.flows.judged_facts import risk_of
from handlers.views.facts import TurnedDownFacts
from policy.terms import Choice, PersonKey, RequestStatus
from storage import requests
from storage.database import Transaction
from storage.schema import ActionRequest, VoteRow


@dataclass(frozen=True)
class Recalled:
    """A request that was turned down, by its id and as a card shows it."""

    request_id: UUID
    shown: TurnedDownFacts


async def recall_turned_down(desk: Desk, tx: Transaction, request: ActionRequest) -> tuple[Recalled, ...]:
    """The same as `request`, turned down within the time the site's settings name; newest first."""
    cooling = timedelta(seconds=desk.gate.asked_of(risk_of(request)).cooling_seconds)
    found = await requests.turned_down(tx, request, request.created_at - cooling) if cooling else []
    votes = await requests.votes(tx, [earlier.id for earlier, _ in found])
    return tuple(Recalled(earlier.id, _facts(earlier, number, votes[earlier.id])) for earlier, number in found)


def _facts(request: ActionRequest, number: int, votes: Sequence[VoteRow]) -> TurnedDownFacts:
    status = RequestStatus(request.status)
    by, label, reason = None, "", ""
    if status is RequestStatus.WITHDRAWN:
        by, label = request.proposer, request.proposer_label
    for vote in votes:
        if status is RequestStatus.REJECTED and vote.choice == Choice.REJECT:
            by, label, reason = vote.voter, vote.voter_label, vote.reason
    return TurnedDownFacts(
        status=status,
        by_user_id=None if by is None else PersonKey.parse(by).user_id,
        by_label=label,
        at=request.decided_at or request.expires_at,
        reason=reason,
        ticket_number=number,
    )
