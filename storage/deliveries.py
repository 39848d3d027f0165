"""Queries about our own messages in Slack: cards that are kept current, notices that are posted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from policy.terms import Audience
from storage import job_queue
from storage.database import Transaction
from storage.schema import Delivery

BREAK_GLASS_STARTED, BREAK_GLASS_REVIEW, BREAK_GLASS_OVERDUE = (
    "break_glass_started",
    "break_glass_review",
    "break_glass_overdue",
)
CASE_CARD = "case_card"
CARDS = ("triage_card", "approval_card", "passkey_card", CASE_CARD, BREAK_GLASS_REVIEW, BREAK_GLASS_OVERDUE)
"""The kinds that are rendered again when their facts change."""


@dataclass(frozen=True)
class NewDelivery:
    """A message of ours about to be posted."""

    kind: str
    audience: Audience
    channel: str
    ticket_id: UUID | None = None
    request_id: UUID | None = None
    thread_ts: str | None = None
    to_user: str | None = None
    shown_digest: str | None = None
    args: Mapping[str, Any] = field(default_factory=dict)


async def post(tx: Transaction, new: NewDelivery, *, delivery_id: UUID, at: datetime) -> Delivery:
    """Write down a message to be posted, with the job that posts it."""
    delivery = Delivery(
        id=delivery_id,
        kind=new.kind,
        ticket_id=new.ticket_id,
        request_id=new.request_id,
        audience=new.audience,
        channel=new.channel,
        thread_ts=new.thread_ts,
        to_user=new.to_user,
        shown_digest=new.shown_digest,
        args=dict(new.args),
        state="waiting",
        created_at=at,
    )
    tx.add(delivery)
    await sync(tx, delivery_id)
    return delivery


# One round trip instead of a query and a `job_queue.defer` for each card, whose conflict clause this repeats. Always in
# one order, so that two refreshes of a ticket wait for each other instead of dead-locking.
_SYNC_EACH = (
    "insert into procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args)"
    " select :queue, 'sync_delivery', 0, name, name, jsonb_build_object('delivery_id', id)"
    " from (select id::text as id, 'delivery:' || id as name from deliveries"
    " where {which} order by id) as card"
    " on conflict (queueing_lock) where status = 'todo' do update set queueing_lock = excluded.queueing_lock"
)
_REFRESH = text(_SYNC_EACH.format(which="ticket_id = :ticket_id and kind = any(:kinds)"))
_REFRESH_WAITING = text(
    _SYNC_EACH.format(
        which="kind = 'approval_card' and request_id in (select id from action_requests where status = 'pending')"
    )
)
_REFRESH_OF = text(_SYNC_EACH.format(which="request_id = any(:request_ids) and kind = 'approval_card'"))


async def refresh(tx: Transaction, *, ticket_id: UUID) -> None:
    """Bring every card of a ticket up to date once the transaction commits."""
    await tx.execute(_REFRESH, {"queue": job_queue.DELIVERIES, "ticket_id": ticket_id, "kinds": list(CARDS)})


async def refresh_of(tx: Transaction, request_ids: Sequence[UUID]) -> None:
    """Bring the approval cards of these requests up to date; in a transaction that refreshes nothing else."""
    await tx.execute(_REFRESH_OF, {"queue": job_queue.DELIVERIES, "request_ids": list(request_ids)})


async def refresh_waiting(tx: Transaction) -> None:
    """The same for every request that waits: those that look as they did are not sent again."""
    await tx.execute(_REFRESH_WAITING, {"queue": job_queue.DELIVERIES})


async def sync(tx: Transaction, delivery_id: UUID) -> None:
    """Bring one message up to date once the transaction commits."""
    name = f"delivery:{delivery_id}"
    await job_queue.defer(
        tx,
        "sync_delivery",
        queue=job_queue.DELIVERIES,
        lock=name,
        queueing_lock=name,
        delivery_id=str(delivery_id),
    )


async def get(tx: Transaction, delivery_id: UUID, *, lock: bool = False) -> Delivery | None:
    """One delivery."""
    return await tx.get(Delivery, delivery_id, with_for_update=True if lock else None, populate_existing=lock)


async def at_message(tx: Transaction, channel: str, ts: str) -> Delivery | None:
    """Our message that stands at this place in Slack, if we posted it and know so."""
    return await tx.scalar(select(Delivery).where(Delivery.channel == channel, Delivery.ts == ts))


async def card_of(tx: Transaction, request_id: UUID) -> Delivery | None:
    """The approval card of a request, if it stands in Slack."""
    return await tx.scalar(
        select(Delivery).where(
            Delivery.request_id == request_id, Delivery.kind == "approval_card", Delivery.state == "posted"
        )
    )


async def undelivered(tx: Transaction, ticket_id: UUID) -> Sequence[Delivery]:
    """A ticket's messages for the requester's side in whose way something stands, or stood until they were given up."""
    rows = await tx.scalars(
        select(Delivery)
        .where(
            Delivery.ticket_id == ticket_id,
            Delivery.audience == Audience.CUSTOMER,
            Delivery.state.in_(("posting", "held", "failed")),
            Delivery.error.is_not(None),
        )
        .order_by(Delivery.created_at, Delivery.id)
    )
    return rows.all()


async def of_request(tx: Transaction, request_id: UUID, *, kind: str) -> Sequence[Delivery]:
    """A request's deliveries of one kind, oldest first."""
    rows = await tx.scalars(
        select(Delivery)
        .where(Delivery.request_id == request_id, Delivery.kind == kind)
        .order_by(Delivery.created_at, Delivery.id)
    )
    return rows.all()
