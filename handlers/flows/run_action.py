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
(3) once more, because 'running' is only what a row says. The key is made anew from the request for the same reason.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from actions.executors import Outcome, Run
from handlers.desk import Desk
from handlers.errors import IdentityUnavailable, TryLater
from handlers.flows.customer_notice import customer_channel, tell_requester
from handlers.flows.judged_facts import digest_of, request_facts
from handlers.flows.one_person import Addresses, linked, ties_about, with_addresses
from handlers.flows.review_request import require_review
from policy.lifecycle import RequestEvent, move
from policy.one_person import Ties
from policy.terms import Agent, Audience, Person, PersonKey, Proposer, RequestStatus, Ruling, Vote
from storage import audit, deliveries, passkeys, requests
from storage.audit import Step
from storage.database import Transaction
from storage.deliveries import NewDelivery
from storage.schema import ActionRequest, Execution, Ticket

log = logging.getLogger(__name__)
T = TypeVar("T")

SLACK_RETRY_SECONDS = 10.0
RECONCILE_SECONDS = (5, 15, 60, 300, 900)
"""How long to wait before the target is asked again about an unknown outcome; the last one again and again."""
CUT_OFF_SECONDS = 60
"""After this long a run that nobody heard of is looked at, should its worker have died: longer than any run takes. The
job queue hands the worker's job to another; this is the second net."""
PERSON_NEEDED = "A person has to look: the target still cannot say what became of it. It goes on being asked."

_OUTCOME_EVENTS: Mapping[str, RequestEvent] = {
    "done": RequestEvent.SUCCEEDED,
    "failed": RequestEvent.FAILED,
    "unknown": RequestEvent.LOST,
}


_ALREADY_RUN = Ruling(
    False,
    "already-run",
    "There is a record of a run of this request: an approval is used once.",
    "This was run before, so it was not run again.",
)


@dataclass(frozen=True)
class _Stored:
    """A request as it was read in (1)."""

    status: RequestStatus
    votes: tuple[Vote, ...]
    proposer: PersonKey | None
    proposer_label: str


async def run_action(desk: Desk, request_id: UUID) -> None:
    """Run one approved request, or find out what became of a run that was cut off. Raises TryLater."""
    stored = await _read(desk, request_id)  # (1)
    if stored is None:
        return
    if stored.status is RequestStatus.APPROVED:
        voters, proposer = await _people(desk, stored)  # (2)
        claim = partial(_claim, desk, request_id, stored, voters, proposer)
        run = await _with_addresses(desk, request_id, voters, claim)  # (3) (4)
        if run is not None:
            await _finish(desk, request_id, run, await desk.runner.run(run))  # (5) (6)
    elif stored.status in (RequestStatus.RUNNING, RequestStatus.UNKNOWN):
        await _reconcile(desk, request_id, stored)


async def _read(desk: Desk, request_id: UUID) -> _Stored | None:
    async with desk.database.transaction() as tx:
        request = await requests.get(tx, request_id)
        if request is None:
            return None
        rows = (await requests.votes(tx, [request_id]))[request_id]
        return _Stored(
            RequestStatus(request.status),
            tuple(requests.as_vote(row) for row in rows),
            None if request.proposer is None else PersonKey.parse(request.proposer),
            request.proposer_label,
        )


async def _people(desk: Desk, stored: _Stored) -> tuple[dict[PersonKey, Person], Proposer]:
    try:
        voters = {vote.voter: await desk.people.resolve(vote.voter) for vote in stored.votes}
        if stored.proposer is None:
            return voters, Agent(stored.proposer_label)
        return voters, voters.get(stored.proposer) or await desk.people.resolve(stored.proposer)
    except IdentityUnavailable as error:
        # Not run, and not given up: it is asked again until the request expires.
        raise TryLater(str(error), seconds=SLACK_RETRY_SECONDS) from error


async def _with_addresses(
    desk: Desk, request_id: UUID, voters: Mapping[PersonKey, Person], decide: Callable[[Addresses], Awaitable[T]]
) -> T:
    try:
        # What runs without any vote asks Slack nothing more.
        return await with_addresses(desk, voters.values(), decide, request_id=request_id if voters else None)
    except IdentityUnavailable as error:
        raise TryLater(str(error), seconds=SLACK_RETRY_SECONDS) from error


async def _claim(
    desk: Desk,
    request_id: UUID,
    stored: _Stored,
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
        ruling = await _rule(desk, tx, request, ticket, voters, proposer, addresses)
        if not ruling.is_allowed:
            await _refuse(desk, tx, request, ticket, ruling)
            return None
        now = desk.clock()
        request.status = move(RequestStatus.APPROVED, RequestEvent.STARTED)
        request.wake_at = now + timedelta(seconds=CUT_OFF_SECONDS)
        key = _idempotency_key(request)
        tx.add(Execution(request_id=request.id, idempotency_key=key, state="running", detail={}, started_at=now))
        payload = _ids(request) | {"idempotencyKey": key, "votes": len(stored.votes)}
        await audit.record(tx, ticket.id, Step.ACTION_STARTED, "bot", payload, at=now)
        return _run(request, key, desk)


async def _rule(
    desk: Desk,
    tx: Transaction,
    request: ActionRequest,
    ticket: Ticket,
    voters: Mapping[PersonKey, Person],
    proposer: Proposer,
    addresses: Addresses,
) -> Ruling:
    facts = await request_facts(tx, request, ticket, desk.catalogue)
    if facts.status is RequestStatus.RUNNING:  # It was cut off: whether it might begin now is what is asked.
        facts = replace(facts, status=RequestStatus.APPROVED)
    # Only votes can be an alias's: what runs without any asks Slack nothing more.
    ties = await ties_about(tx, addresses, facts, voters) if voters else Ties()
    votes = [requests.as_vote(row) for row in (await requests.votes(tx, [request.id]))[request.id]]
    asks = desk.gate.asks_for_passkey(facts.action.risk)
    theirs = await passkeys.of_people(tx, voters, lock=True) if asks else ()
    return desk.gate.rule_on_run(
        facts,
        votes,
        {key: linked(person, ties) for key, person in voters.items()},
        digest_now=digest_of(request, ticket),
        now=desk.clock(),
        proposer=proposer,
        passkeys=[passkeys.as_passkey(row) for row in theirs],
    )


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
    await audit.record(tx, request.ticket_id, Step.RUN_REFUSED, "policy", payload, at=desk.clock())


async def _reconcile(desk: Desk, request_id: UUID, stored: _Stored) -> None:
    async with desk.database.transaction() as tx:
        request = await requests.get(tx, request_id)
        execution = await requests.execution(tx, request_id)
        if request is None or execution is None:
            log.error("request %s is %s, and there is no record of a run", request_id, stored.status)
            return
        run, attempts = _run(request, _idempotency_key(request), desk), execution.attempts
    outcome = await desk.runner.reconcile(run)
    if outcome is None and stored.status is RequestStatus.RUNNING:
        # The target is sure that nothing happened: the first attempt was cut off before it reached it.
        await _begin_again(desk, request_id, stored, run, attempts)
        return
    if outcome is None:
        why = "The target has no trace of it: it did not happen. Propose it again if it should."
        outcome = await _called_off(desk, run, why)
    await _finish(desk, request_id, run, outcome, reconciled=True)


async def _begin_again(desk: Desk, request_id: UUID, stored: _Stored, run: Run, attempts: int) -> None:
    """Carry out a run that was cut off, if the evidence still stands and nobody was faster. Raises TryLater.

    `attempts`: how many there had been when the target was asked. Whoever counts the next one is the one who begins.
    """
    voters, proposer = await _people(desk, stored)  # (2)
    claim = partial(_claim_again, desk, request_id, voters, proposer, attempts)
    ruling = await _with_addresses(desk, request_id, voters, claim)
    if ruling is None:
        return
    if ruling.is_allowed:
        outcome = await desk.runner.run(run)
    else:
        why = f"It was cut off before anything happened, and does not begin again: {ruling.reason}"
        outcome = await _called_off(desk, run, why)
    await _finish(desk, request_id, run, outcome)


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
) -> Ruling | None:
    """Count another attempt and say whether it may be made; None where somebody was faster."""
    async with desk.database.transaction() as tx:
        found, execution = await requests.locked(tx, request_id), await requests.execution(tx, request_id)
        if found is None or execution is None:
            return None
        request, ticket = found
        if request.status != RequestStatus.RUNNING or execution.attempts != attempts:
            return None
        ruling = await _rule(desk, tx, request, ticket, voters, proposer, addresses)  # (3)
        execution.attempts += 1
        request.wake_at = desk.clock() + timedelta(seconds=CUT_OFF_SECONDS)
        if not ruling.is_allowed:
            await _record_refusal(desk, tx, request, ruling)
        return ruling


async def _finish(desk: Desk, request_id: UUID, run: Run, outcome: Outcome, *, reconciled: bool = False) -> None:
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
    if request.action_id == "ticket.reply_to_customer" and outcome.is_done and channel is not None:
        reply = NewDelivery(
            "customer_reply",
            Audience.CUSTOMER,
            channel,
            ticket_id=ticket.id,
            request_id=request.id,
            thread_ts=ticket.slack_ts,
            args={"text": run.text("text"), "messageId": message_id},
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


def _idempotency_key(request: ActionRequest) -> str:
    return f"{request.id}:{request.digest[:16]}"


def _ids(request: ActionRequest) -> dict[str, Any]:
    return {"actionId": request.action_id, "actionRequestId": str(request.id)}


def _run(request: ActionRequest, key: str, desk: Desk) -> Run:
    return Run(
        action_id=request.action_id,
        params=request.params,
        ticket_id=str(request.ticket_id),
        request_id=str(request.id),
        idempotency_key=key,
        actor_label=request.proposer_label,
        at=desk.clock(),
        actor=request.proposer,
    )
