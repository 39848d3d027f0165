"""Queries about action requests, votes and runs.

Whoever locks more than one thing of a ticket does it in one order, or two of them would wait for each other: a
delivery, the ticket, its requests, the lock of the stops, those of what is counted, its audit chain. A row that refers
to a ticket or a request takes a weak lock on it when it is written (its foreign key), so it is written after both are
locked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BindParameter, Select, Text, bindparam, cast, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import aliased

from policy.lifecycle import TERMINAL
from policy.terms import Assertion, Choice, PersonKey, RequestStatus, Vote
from storage import job_queue
from storage.audit import Step, ticket_chain
from storage.database import Transaction
from storage.schema import ActionRequest, AuditEvent, Delivery, Execution, Ticket, VoteRow


async def get(tx: Transaction, request_id: UUID) -> ActionRequest | None:
    """One request."""
    return await tx.get(ActionRequest, request_id)


async def replacement(tx: Transaction, request: ActionRequest) -> ActionRequest | None:
    """The request that took the place of one that was edited; what did not end as void has none."""
    if request.status != RequestStatus.VOID:
        return None
    return await tx.scalar(select(ActionRequest).where(ActionRequest.replaces == request.id))


async def waiting_alike(tx: Transaction, action_id: str) -> Sequence[ActionRequest]:
    """The requests of one action that wait for votes and whose card stands in Slack, the longest waiting first."""
    rows = await tx.scalars(
        select(ActionRequest)
        .where(
            ActionRequest.action_id == action_id,
            ActionRequest.status == RequestStatus.PENDING,
            exists().where(
                Delivery.request_id == ActionRequest.id,
                Delivery.kind == "approval_card",
                Delivery.state == "posted",
            ),
        )
        .order_by(ActionRequest.created_at, ActionRequest.id)
    )
    return rows.all()


async def count_alike(tx: Transaction, action_id: str) -> int:
    """How many requests of one action wait for votes."""
    alike = select(func.count()).where(
        ActionRequest.action_id == action_id, ActionRequest.status == RequestStatus.PENDING
    )
    return await tx.scalar(alike) or 0


async def waiting_by_action(tx: Transaction) -> Sequence[tuple[str, int, UUID]]:
    """Each action of which two requests or more wait for votes: how many, and one of them."""
    rows = await tx.execute(
        select(ActionRequest.action_id, func.count(), func.min(cast(ActionRequest.id, Text)))
        .where(ActionRequest.status == RequestStatus.PENDING)
        .group_by(ActionRequest.action_id)
        .having(func.count() > 1)
        .order_by(ActionRequest.action_id)
    )
    return [(row[0], row[1], UUID(row[2])) for row in rows]


async def named(tx: Transaction, name: str) -> Sequence[ActionRequest]:
    """The requests, two at most, whose id or digest begins so; none for what is too short to tell them apart."""
    if not re.fullmatch(r"[0-9a-f-]{6,64}", name.lower()):
        return ()
    begins = f"{name.lower()}%"
    rows = await tx.scalars(
        select(ActionRequest)
        .where(or_(cast(ActionRequest.id, Text).like(begins), ActionRequest.digest.like(begins)))
        .limit(2)
    )
    return rows.all()


async def locked(tx: Transaction, request_id: UUID) -> tuple[ActionRequest, Ticket] | None:
    """A request with its ticket: nobody else votes on, runs or edits either until the transaction ends.

    One statement. Its outer part has a request to lock only once the inner part has given it the ticket, locked: so
    the ticket is first however the planner joins them.
    """
    row = (await tx.execute(_LOCKED, {"request_id": request_id})).first()
    return None if row is None else (row[0], row[1])


def _locked_request() -> Select[ActionRequest, Ticket]:
    wanted: BindParameter[UUID] = bindparam("request_id")
    its_ticket = select(ActionRequest.ticket_id).where(ActionRequest.id == wanted).scalar_subquery()
    ticket = aliased(Ticket, select(Ticket).where(Ticket.id == its_ticket).with_for_update().cte("locked_ticket"))
    return (
        select(ActionRequest, ticket)
        .join(ticket, ticket.id == ActionRequest.ticket_id)
        .where(ActionRequest.id == wanted)
        .with_for_update(of=ActionRequest)
        .execution_options(populate_existing=True)
    )


# Put together once: that takes longer than running it.
_LOCKED = _locked_request()


async def of_ticket(tx: Transaction, ticket_id: UUID) -> Sequence[ActionRequest]:
    """A ticket's requests, oldest first."""
    rows = await tx.scalars(
        select(ActionRequest)
        .where(ActionRequest.ticket_id == ticket_id)
        .order_by(ActionRequest.created_at, ActionRequest.id)
    )
    return rows.all()


async def open_of_ticket(tx: Transaction, ticket_id: UUID) -> Sequence[ActionRequest]:
    """The requests of a ticket that still wait for votes or for their run, locked."""
    rows = await tx.scalars(
        select(ActionRequest)
        .where(
            ActionRequest.ticket_id == ticket_id,
            ActionRequest.status.in_([RequestStatus.PENDING, RequestStatus.APPROVED]),
        )
        .order_by(ActionRequest.id)
        .with_for_update()
    )
    return rows.all()


async def tickets_under_other_policy(tx: Transaction, policy_version: str) -> Sequence[UUID]:
    """Tickets with requests that still wait and were made under another policy, or that one may have kept since."""
    was_kept = exists().where(
        AuditEvent.chain == literal(ticket_chain("")) + cast(ActionRequest.ticket_id, Text),
        AuditEvent.name == Step.REQUEST_KEPT,
    )
    rows = await tx.scalars(
        select(ActionRequest.ticket_id)
        .distinct()
        .where(
            or_(ActionRequest.policy_version != policy_version, was_kept),
            ActionRequest.status.in_([RequestStatus.PENDING, RequestStatus.APPROVED]),
        )
    )
    return rows.all()


async def turned_down(tx: Transaction, like: ActionRequest, since: datetime) -> Sequence[tuple[ActionRequest, int]]:
    """Requests of the same action on the same target, or with the same parameters, that ended since then without being
    run because somebody said no, took it back or nobody decided; each with its ticket's number, newest first.

    Whatever ticket they were on: the same thing asked for again is asked for again.
    """
    same_params = cast(ActionRequest.params, JSONB) == cast(literal(like.params, JSON), JSONB)
    rows = await tx.execute(
        select(ActionRequest, Ticket.number)
        .join(Ticket, Ticket.id == ActionRequest.ticket_id)
        .where(
            ActionRequest.action_id == like.action_id,
            ActionRequest.status.in_([RequestStatus.REJECTED, RequestStatus.WITHDRAWN, RequestStatus.EXPIRED]),
            ActionRequest.decided_at > since,
            or_(ActionRequest.target == like.target, same_params),
        )
        .order_by(ActionRequest.decided_at.desc(), ActionRequest.id)
    )
    return [(row[0], row[1]) for row in rows]


async def is_rejected_since(tx: Transaction, like: ActionRequest, since: datetime) -> bool:
    """Whether the same thing was rejected in another request after this one was made, which was at `since`.

    The same: this action with these parameters, or on this target unless that is only the ticket (two replies to one
    ticket are two things).
    """
    return any(
        other.status == RequestStatus.REJECTED
        and (other.params == like.params or not like.target.startswith("ticket:"))
        for other, _ in await turned_down(tx, like, since)
    )


async def due(tx: Transaction, now: datetime, *, limit: int = 100) -> Sequence[UUID]:
    """Requests whose time has come (a reminder, expiry, a look at an unknown outcome)."""
    rows = await tx.scalars(
        select(ActionRequest.id)
        .where(ActionRequest.wake_at.is_not(None), ActionRequest.wake_at <= now)
        .order_by(ActionRequest.wake_at)
        .limit(limit)
    )
    return rows.all()


async def put_off(tx: Transaction, request_id: UUID, until: datetime) -> None:
    """Let a request that is due not be due again before `until`."""
    await tx.execute(update(ActionRequest).where(ActionRequest.id == request_id).values(wake_at=until))


async def defer_run(tx: Transaction, request: ActionRequest) -> None:
    """Put the job that runs a request on the queue, or leave it at the one that waits there."""
    await job_queue.defer(
        tx,
        "run_action",
        lock=job_queue.ticket_lock(request.ticket_id),
        queueing_lock=f"run:{request.id}",
        request_id=str(request.id),
    )


async def defer_nudge(tx: Transaction, request: ActionRequest) -> None:
    """Put the job on the queue that tells people of a waiting request, or leave it at the one that waits there."""
    await job_queue.defer(
        tx,
        "nudge_approvers",
        lock=job_queue.ticket_lock(request.ticket_id),
        queueing_lock=f"nudge:{request.id}",
        request_id=str(request.id),
    )


async def votes(tx: Transaction, request_ids: Sequence[UUID]) -> dict[UUID, list[VoteRow]]:
    """All votes on the given requests, in the order they were cast."""
    found: dict[UUID, list[VoteRow]] = {request_id: [] for request_id in request_ids}
    if request_ids:
        rows = await tx.scalars(select(VoteRow).where(VoteRow.request_id.in_(request_ids)).order_by(VoteRow.id))
        for vote in rows:
            found[vote.request_id].append(vote)
    return found


def as_vote(row: VoteRow) -> Vote:
    """The value that was signed, as the gate verifies it."""
    return Vote(
        request_id=str(row.request_id),
        voter=PersonKey.parse(row.voter),
        choice=Choice(row.choice),
        digest=row.digest,
        cast_at=row.cast_at,
        slack_request_id=row.slack_request_id,
        reason=row.reason,
        signature=row.signature,
        key_id=row.key_id,
        assertion=None if row.assertion is None else _as_assertion(row.assertion),
    )


async def is_being_undone(tx: Transaction, request_id: UUID) -> bool:
    """Whether another request has undone it, or may yet."""
    ended_in_vain = [status for status in TERMINAL if status is not RequestStatus.EXECUTED]
    found = select(ActionRequest.id).where(
        ActionRequest.undoes == request_id, ActionRequest.status.not_in(ended_in_vain)
    )
    return (await tx.scalar(found.limit(1))) is not None


def stored_assertion(assertion: Assertion) -> dict[str, str]:
    """An assertion as its column holds it."""
    return {
        "link": assertion.link,
        "credentialId": assertion.credential_id.hex(),
        "clientData": assertion.client_data.hex(),
        "authenticatorData": assertion.authenticator_data.hex(),
        "signature": assertion.signature.hex(),
    }


def _as_assertion(stored: Mapping[str, Any]) -> Assertion:
    """Raises ValueError for what this desk did not write."""
    try:
        parts = (stored["credentialId"], stored["clientData"], stored["authenticatorData"], stored["signature"])
        return Assertion(str(stored["link"]), *map(bytes.fromhex, parts))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an assertion: {error!r}") from error


async def execution(tx: Transaction, request_id: UUID) -> Execution | None:
    """The run of a request, if it was started."""
    return await tx.get(Execution, request_id)
