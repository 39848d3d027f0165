"""Queries about action requests, votes and runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from policy.terms import Choice, PersonKey, RequestStatus, Vote
from storage.database import Transaction
from storage.schema import ActionRequest, Execution, VoteRow


async def get(tx: Transaction, request_id: UUID, *, lock: bool = False) -> ActionRequest | None:
    """One request; with `lock`, nobody else votes on or runs it until the transaction ends."""
    return await tx.get(ActionRequest, request_id, with_for_update=True if lock else None, populate_existing=lock)


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


async def due(tx: Transaction, now: datetime, *, limit: int = 100) -> Sequence[UUID]:
    """Requests whose time has come (expiry, a look at an unknown outcome)."""
    rows = await tx.scalars(
        select(ActionRequest.id)
        .where(ActionRequest.wake_at.is_not(None), ActionRequest.wake_at <= now)
        .order_by(ActionRequest.wake_at)
        .limit(limit)
    )
    return rows.all()


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
