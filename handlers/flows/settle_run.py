"""What came of a run: written with its audit event, told to the requester, shown on every card.

An outcome that the target could not tell stays unknown, and the target is asked again, ever more rarely.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from actions.executors import Outcome, Run
from handlers.desk import Desk
from handlers.flows.case_releases import settle_release
from handlers.flows.customer_notice import customer_channel, tell_requester
from handlers.flows.read_ticket import TO_CUSTOMER
from handlers.flows.review_request import require_review
from policy.lifecycle import RequestEvent, move
from policy.terms import Audience, RequestStatus
from storage import audit, deliveries, requests
from storage.audit import Step
from storage.database import Transaction
from storage.deliveries import NewDelivery
from storage.schema import ActionRequest, Execution, Ticket

RECONCILE_SECONDS = (5, 15, 60, 300, 900)
"""How long to wait before the target is asked again about an unknown outcome; the last one again and again."""
PERSON_NEEDED = "A person has to look: the target still cannot say what became of it. It goes on being asked."

_OUTCOME_EVENTS: Mapping[str, RequestEvent] = {
    "done": RequestEvent.SUCCEEDED,
    "failed": RequestEvent.FAILED,
    "unknown": RequestEvent.LOST,
}


async def settle_run(desk: Desk, request_id: UUID, run: Run, outcome: Outcome, *, reconciled: bool = False) -> None:
    """Write and tell an outcome, unless another worker has. `reconciled`: the target was asked about it."""
    now = desk.clock()
    async with desk.database.transaction() as tx:
        found, execution = await requests.locked(tx, request_id), await requests.execution(tx, request_id)
        if found is None or execution is None:
            return
        request, ticket = found
        before = RequestStatus(request.status)
        if before not in (RequestStatus.RUNNING, RequestStatus.UNKNOWN):
            return  # Another worker was faster; the outcome is on record.
        execution.attempts += reconciled
        if outcome.state == "unknown" and before is RequestStatus.UNKNOWN:
            shown = request.outcome
            _ask_later(request, execution, now, outcome)
            if request.outcome != shown:
                await deliveries.refresh(tx, ticket_id=ticket.id)
            return
        request.status = move(before, _OUTCOME_EVENTS[outcome.state])
        _write(request, execution, ticket, outcome, now)
        await settle_release(desk, tx, ticket, request, outcome)
        step = Step.OUTCOME_RECONCILED if before is RequestStatus.UNKNOWN else Step.ACTION_EXECUTED
        await audit.record(tx, ticket.id, step, "bot", _outcome_payload(request, outcome), at=now)
        await _tell(desk, tx, ticket, request, run, outcome)
        await require_review(desk, tx, request)
        await deliveries.refresh(tx, ticket_id=ticket.id)


def _write(request: ActionRequest, execution: Execution, ticket: Ticket, outcome: Outcome, now: datetime) -> None:
    execution.state, execution.detail = outcome.state, dict(outcome.detail)
    request.outcome, ticket.updated_at = outcome.summary, now
    if outcome.state == "unknown":
        _ask_later(request, execution, now, outcome)
    else:
        execution.finished_at, request.decided_at, request.wake_at = now, now, None


def _ask_later(request: ActionRequest, execution: Execution, now: datetime, outcome: Outcome) -> None:
    turn = min(execution.attempts, len(RECONCILE_SECONDS)) - 1
    request.wake_at = now + timedelta(seconds=RECONCILE_SECONDS[turn])
    is_lasting = execution.attempts > len(RECONCILE_SECONDS)
    # First, because a card shows only the beginning of a long outcome.
    request.outcome = f"{PERSON_NEEDED} {outcome.summary}" if is_lasting else outcome.summary


async def _tell(
    desk: Desk, tx: Transaction, ticket: Ticket, request: ActionRequest, run: Run, outcome: Outcome
) -> None:
    message_id = outcome.detail.get("messageId")
    channel = customer_channel(ticket)
    if run.action_id in TO_CUSTOMER and outcome.is_done and channel is not None:
        reply = NewDelivery(
            "customer_reply",
            Audience.CUSTOMER,
            channel,
            ticket_id=ticket.id,
            request_id=request.id,
            thread_ts=ticket.slack_ts,
            args={"messageId": message_id},
        )
        await deliveries.post(tx, reply, delivery_id=desk.new_id(), at=desk.clock())
    await tell_requester(desk, tx, ticket, request)


def _outcome_payload(request: ActionRequest, outcome: Outcome) -> dict[str, Any]:
    return {
        "success": outcome.is_done,
        "actionId": request.action_id,
        "actionRequestId": str(request.id),
        "outcome": outcome.state,
        "summary": outcome.summary,
        "detail": dict(outcome.detail),
    }
