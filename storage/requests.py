"""Queries about action requests, votes and runs.

Whoever locks more than one thing of a ticket does it in one order, or two of them would wait for each other: a
delivery, the ticket, its requests, its audit chain. A row that refers to a ticket or a request takes a weak lock on it
when it is written (its foreign key), so it is written after both are locked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, BindParameter, Select, Text, bindparam, cast, literal, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import aliased

from policy.terms import Choice, PersonKey, RequestStatus, Vote
from storage import job_queue
from storage.database import Transaction
from storage.schema import ActionRequest, Execution, Ticket, VoteRow


async def get(tx: Transaction, request_id: UUID) -> ActionRequest | None:
    """One request."""
    return await tx.get(ActionRequest, request_id)


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
    """Tickets with requests that still wait and were made under another policy."""
    rows = await tx.scalars(
        select(ActionRequest.ticket_id)
        .distinct()
        .where(
            ActionRequest.policy_version != policy_version,
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


async def is_rejected_since(tx: Transaction, like: ActionRequest) -> bool:
    """Whether the same thing was rejected in another request after this one was made.

    The same: this action with these parameters, or on this target unless that is only the ticket (two replies to one
    ticket are two things).
    """
    return any(
        other.status == RequestStatus.REJECTED
        and (other.params == like.params or not like.target.startswith("ticket:"))
        for other, _ in await turned_down(tx, like, like.created_at)
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
    )


async def execution(tx: Transaction, request_id: UUID) -> Execution | None:
    """The run of a request, if it was started."""
    return await tx.get(Execution, request_id)
