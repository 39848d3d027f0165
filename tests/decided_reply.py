"""A reply that was allowed and run, as rows and trail have it: for tests of nothing but its posting."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from handlers.flows.judged_facts import digest_as_shown
from handlers.flows.read_ticket import REPLY
from policy.terms import RequestStatus, Risk, Verdict
from storage import audit, tickets
from storage.audit import Step
from storage.schema import ActionRequest
from tests.running import RunningDesk


async def decided_reply(desk: RunningDesk, ticket_id: UUID, text: str) -> UUID:
    """The id of the request for it."""
    assert desk.parts.reception is not None
    inside = desk.parts.reception.desk
    now = inside.clock()
    async with desk.database.transaction() as tx:
        ticket = await tickets.get(tx, ticket_id)
        assert ticket is not None
        request = ActionRequest(
            id=uuid4(), ticket_id=ticket_id, ticket_revision=ticket.revision, action_id=REPLY, params={"text": text},
            provenance={}, risk=Risk.MEDIUM, verdict=Verdict.ALLOW, verdict_reason="", policy_ids=[],
            policy_version=inside.gate.policy_version, proposer=None, proposer_label="Countersign", subjects=[],
            subject_label="", subject_emails=[], target="", asked_by="", eligible=[], status=RequestStatus.EXECUTED,
            quorum=0, distinct_groups=[], revision=1, editors=[], break_glass=None, card=[], digest="",
            created_at=now, expires_at=now + timedelta(days=1), decided_at=now, outcome="",
        )  # fmt: skip
        request.digest = digest_as_shown(request, ticket)
        tx.add(request)
        about = {"actionId": REPLY, "actionRequestId": str(request.id)}
        for step, payload in (
            (Step.ACTION_PROPOSED, {"digest": request.digest}),
            (Step.POLICY_DECIDED, {"verdict": Verdict.ALLOW, "quorum": 0}),
            (Step.ACTION_STARTED, {"idempotencyKey": "", "votes": 0}),
            (Step.ACTION_EXECUTED, {"outcome": "done", "detail": {}}),
        ):
            await audit.record(tx, ticket_id, step, "bot", about | payload, at=now)
        return request.id
