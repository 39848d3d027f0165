"""Queries about the reviews that break-glass requests have to have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from storage.database import Transaction
from storage.schema import ActionRequest, ReviewRow, Ticket


async def get(tx: Transaction, request_id: UUID, *, lock: bool = False) -> ReviewRow | None:
    """The review of a request, recorded or not; None where none is due."""
    return await tx.get(ReviewRow, request_id, with_for_update=True if lock else None, populate_existing=lock)


async def add(tx: Transaction, request_id: UUID, *, due_at: datetime) -> None:
    """Write down that one is due, if that is not written down."""
    if await get(tx, request_id) is None:
        tx.add(ReviewRow(request_id=request_id, due_at=due_at, remind_at=due_at))
        await tx.flush()


async def missing(tx: Transaction, *, limit: int) -> Sequence[tuple[ReviewRow, ActionRequest, Ticket]]:
    """Those that nobody has recorded, the first due first."""
    rows = await tx.execute(
        select(ReviewRow, ActionRequest, Ticket)
        .join(ActionRequest, ActionRequest.id == ReviewRow.request_id)
        .join(Ticket, Ticket.id == ActionRequest.ticket_id)
        .where(ReviewRow.reviewed_at.is_(None))
        .order_by(ReviewRow.due_at, ReviewRow.request_id)
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def to_remind_of(tx: Transaction, now: datetime, *, limit: int = 100) -> Sequence[UUID]:
    """The requests whose review is overdue and people are to be told."""
    rows = await tx.scalars(
        select(ReviewRow.request_id)
        .where(ReviewRow.reviewed_at.is_(None), ReviewRow.remind_at <= now)
        .order_by(ReviewRow.remind_at)
        .limit(limit)
    )
    return rows.all()


async def put_off(tx: Transaction, request_id: UUID, until: datetime) -> None:
    """Let nobody be reminded of a review before `until`."""
    await tx.execute(update(ReviewRow).where(ReviewRow.request_id == request_id).values(remind_at=until))
