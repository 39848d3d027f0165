"""An approved request runs once. The only door to the runner.

    1  the request and its votes are read; a request that has ended stays ended
    2  every voter, and a person who proposed, is resolved live: no answer, no run
    3  ticket and request are locked and read again, and the gate rules once more on the votes' signatures, the digest
       of what would run now, the people as they are now, each with their other accounts and their passkeys, and the
       quorum
    4  the run is claimed: one `executions` row per request, with the idempotency key, committed before anything runs
    5  the executor runs with no transaction open
    6  what came of it is written with its audit event, cards and notices

A worker that dies after (4) leaves a request that is 'running'. Whoever picks it up asks the target what became of
the idempotency key, and only if the target says that nothing did is it carried out, under the same key: after (2) and
(3) once more, because 'running' is only what a row says, and what is carried out is what was judged there. The target
is asked about nothing but what the trail tells, either: where the rows say something else, the outcome stays unknown.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from actions.executors import Outcome, Run
from handlers.desk import Desk
from handlers.flows.as_told import as_told
from handlers.flows.case_releases import note_held_back
from handlers.flows.customer_notice import tell_requester
from handlers.flows.one_person import Addresses
from handlers.flows.rule_on_run import StoredRequest, resolve_people, rule_on_run, with_live_addresses
from handlers.flows.settle_run import settle_run
from policy.lifecycle import RequestEvent, move
from policy.terms import Person, PersonKey, Proposer, RequestStatus, Ruling
from storage import audit, deliveries, requests
from storage.audit import Step
from storage.database import Transaction
from storage.schema import ActionRequest, Execution, Ticket

log = logging.getLogger(__name__)

CUT_OFF_SECONDS = 60
"""After this long a run that nobody heard of is looked at, should its worker have died: longer than any run takes. The
job queue hands the worker's job to another; this is the second net."""
CONTRADICTED = "What is stored of this request is not what its record says: run countersign audit verify."
_ALREADY_RUN = Ruling(
    False,
    "already-run",
    "There is a record of a run of this request: an approval is used once.",
    "This was run before, so it was not run again.",
)


async def run_action(desk: Desk, request_id: UUID) -> None:
    """Run one approved request, or find out what became of a run that was cut off. Raises TryLater."""
    stored = await _read(desk, request_id)  # (1)
    if stored is None:
        return
    if stored.status is RequestStatus.APPROVED:
        voters, proposer = await resolve_people(desk, stored)  # (2)
        claim = partial(_claim, desk, request_id, stored, voters, proposer)
        run = await with_live_addresses(desk, request_id, voters, claim)  # (3) (4)
        if run is not None:
            await settle_run(desk, request_id, run, await desk.runner.run(run))  # (5) (6)
    elif stored.status in (RequestStatus.RUNNING, RequestStatus.UNKNOWN):
        await _reconcile(desk, request_id, stored)


async def _read(desk: Desk, request_id: UUID) -> StoredRequest | None:
    async with desk.database.transaction() as tx:
        request = await requests.get(tx, request_id)
        if request is None:
            return None
        rows = (await requests.votes(tx, [request_id]))[request_id]
        return StoredRequest(
            RequestStatus(request.status),
            tuple(requests.as_vote(row) for row in rows),
            None if request.proposer is None else PersonKey.parse(request.proposer),
            request.proposer_label,
        )


async def _claim(
    desk: Desk,
    request_id: UUID,
    stored: StoredRequest,
    voters: Mapping[PersonKey, Person],
    proposer: Proposer,
    addresses: Addresses,
) -> Run | None:
    async with desk.database.transaction() as tx:
        found = await requests.locked(tx, request_id)
        if found is None or found[0].status != RequestStatus.APPROVED:
            return None
        request, ticket = found
        if await requests.execution(tx, request_id) is not None:
            await _refuse(desk, tx, request, ticket, _ALREADY_RUN)
            return None
        ruling = await rule_on_run(desk, tx, request, ticket, voters, proposer, addresses)
        if not ruling.is_allowed:
            await _refuse(desk, tx, request, ticket, ruling)
            return None
        now = desk.clock()
        request.status = move(RequestStatus.APPROVED, RequestEvent.STARTED)
        request.wake_at = now + timedelta(seconds=CUT_OFF_SECONDS)
        run = _run(request, desk)
        key = run.idempotency_key
        tx.add(Execution(request_id=request.id, idempotency_key=key, state="running", detail={}, started_at=now))
        payload = _ids(request) | {"idempotencyKey": key, "votes": len(stored.votes)}
        await audit.record(tx, ticket.id, Step.ACTION_STARTED, "bot", payload, at=now)
        return run


async def _refuse(desk: Desk, tx: Transaction, request: ActionRequest, ticket: Ticket, ruling: Ruling) -> None:
    now = desk.clock()
    is_late = ruling.code == "core-no-expired-request"
    request.status = move(RequestStatus.APPROVED, RequestEvent.LAPSED if is_late else RequestEvent.REFUSED)
    request.outcome, request.decided_at, request.wake_at = f"Not run: {ruling.reason}", now, None
    ticket.updated_at = now
    await _record_refusal(desk, tx, request, ruling)
    if ruling is not _ALREADY_RUN:  # Of that run the requester has heard, and it is not undone.
        await tell_requester(desk, tx, ticket, request)
    await deliveries.refresh(tx, ticket_id=ticket.id)


async def _record_refusal(desk: Desk, tx: Transaction, request: ActionRequest, ruling: Ruling) -> None:
    payload = _ids(request) | {"rule": ruling.code, "reason": ruling.reason, "policyIds": list(ruling.policy_ids)}
    await note_held_back(desk, tx, request, ruling.reason)
    await audit.record(tx, request.ticket_id, Step.RUN_REFUSED, "policy", payload, at=desk.clock())


async def _reconcile(desk: Desk, request_id: UUID, stored: StoredRequest) -> None:
    async with desk.database.transaction() as tx:
        found, execution = await requests.locked(tx, request_id), await requests.execution(tx, request_id)
        if found is None or execution is None:
            log.error("request %s is %s, and there is no record of a run", request_id, stored.status)
            return
        run, attempts = _run(found[0], desk), execution.attempts
        is_as_told = await as_told(tx, *found) is not None
    outcome = await desk.runner.reconcile(run) if is_as_told else Outcome("unknown", CONTRADICTED)
    if outcome is None and stored.status is RequestStatus.RUNNING:
        # The target is sure that nothing happened: the first attempt was cut off before it reached it.
        await _begin_again(desk, request_id, stored, run, attempts)
        return
    if outcome is None:
        why = "The target has no trace of it: it did not happen. Propose it again if it should."
        outcome = await _called_off(desk, run, why)
    await settle_run(desk, request_id, run, outcome, reconciled=True)


async def _begin_again(desk: Desk, request_id: UUID, stored: StoredRequest, run: Run, attempts: int) -> None:
    """Carry out a run that was cut off, if the evidence still stands and nobody was faster. Raises TryLater.

    `run`: what the target was asked about, which is called off where it may not begin. `attempts`: how many there had
    been then. Whoever counts the next one is the one who begins.
    """
    voters, proposer = await resolve_people(desk, stored)  # (2)
    claim = partial(_claim_again, desk, request_id, voters, proposer, attempts)
    claimed = await with_live_addresses(desk, request_id, voters, claim)
    if claimed is None:
        return
    ruling, judged = claimed
    if ruling.is_allowed:
        run, outcome = judged, await desk.runner.run(judged)
    else:
        why = f"It was cut off before anything happened, and does not begin again: {ruling.reason}"
        outcome = await _called_off(desk, run, why)
    await settle_run(desk, request_id, run, outcome)


async def _called_off(desk: Desk, run: Run, why: str) -> Outcome:
    """Say that a run did not happen, once it cannot: a worker that froze might be about to carry it out."""
    return await desk.runner.call_off(run) or Outcome("failed", why)


async def _claim_again(
    desk: Desk,
    request_id: UUID,
    voters: Mapping[PersonKey, Person],
    proposer: Proposer,
    attempts: int,
    addresses: Addresses,
) -> tuple[Ruling, Run] | None:
    """Count another attempt and say whether it may be made, and of what; None where somebody was faster."""
    async with desk.database.transaction() as tx:
        found, execution = await requests.locked(tx, request_id), await requests.execution(tx, request_id)
        if found is None or execution is None:
            return None
        request, ticket = found
        if request.status != RequestStatus.RUNNING or execution.attempts != attempts:
            return None
        ruling = await rule_on_run(desk, tx, request, ticket, voters, proposer, addresses)  # (3)
        execution.attempts += 1
        request.wake_at = desk.clock() + timedelta(seconds=CUT_OFF_SECONDS)
        if not ruling.is_allowed:
            await _record_refusal(desk, tx, request, ruling)
        return ruling, _run(request, desk)  # From the row that was judged, and locked since.


def _ids(request: ActionRequest) -> dict[str, Any]:
    return {"actionId": request.action_id, "actionRequestId": str(request.id)}


def _run(request: ActionRequest, desk: Desk) -> Run:
    return Run(
        action_id=request.action_id,
        params=request.params,
        ticket_id=str(request.ticket_id),
        request_id=str(request.id),
        # Made anew from the request, because a run's row can be changed like any other.
        idempotency_key=f"{request.id}:{request.digest[:16]}",
        actor_label=request.proposer_label,
        at=desk.clock(),
        actor=request.proposer,
    )
