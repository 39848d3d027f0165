"""What a message of ours shows now, and what became of it: the database side of a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from handlers.desk import Desk
from handlers.flows.customer_notice import customer_channel
from handlers.flows.read_ticket import request_card_facts, ticket_facts
from handlers.views import notices
from handlers.views.approval_card import approval_card
from handlers.views.rendered import Rendered
from handlers.views.triage_card import triage_card
from policy.terms import Audience, RequestStatus
from storage import audit, deliveries, requests, tickets
from storage.audit import Step
from storage.database import Transaction
from storage.deliveries import CARDS
from storage.schema import Delivery, Ticket


@dataclass(frozen=True)
class Letter:
    """A message ready to be sent, with all that the sending needs."""

    delivery_id: UUID
    kind: str
    audience: Audience
    channel: str
    thread_ts: str | None
    to_user: str | None
    ts: str | None
    content_hash: str | None
    was_attempted: bool
    """An earlier attempt may have reached Slack without our hearing of it."""
    rendered: Rendered
    customer_channel: str | None
    """Where the requester's side reads: the ticket's channel, or the requester's own user id for a direct message."""
    ticket_ts: str | None
    is_complete: bool = True
    """For an approval card: it shows everything, so it may have buttons."""


KEEP_TRYING = timedelta(days=1)
"""How long a message is tried for where something stands in its way that a person can remove."""


@dataclass(frozen=True)
class Obstacle:
    """What is known of something that keeps a message out of Slack."""

    is_new: bool
    is_over: bool
    """It has stood there for too long; the message is given up."""


@dataclass(frozen=True)
class Settled:
    """What Slack made of it."""

    ts: str | None
    content_hash: str
    is_new: bool


async def open_letter(desk: Desk, delivery_id: UUID) -> Letter | None:
    """Render a delivery from the facts as they are; None if there is nothing to send."""
    async with desk.database.transaction() as tx:
        delivery = await deliveries.get(tx, delivery_id, lock=True)
        if delivery is None or delivery.state in ("held", "failed"):
            return None
        if delivery.state == "posted" and delivery.kind not in CARDS:
            return None
        was_attempted = delivery.state == "posting"
        if delivery.state != "posted":
            delivery.state = "posting"
        ticket = None if delivery.ticket_id is None else await tickets.get(tx, delivery.ticket_id)
        rendered = await _render(desk, tx, delivery, ticket)
        return Letter(
            delivery_id=delivery.id,
            kind=delivery.kind,
            audience=Audience(delivery.audience),
            channel=delivery.channel,
            thread_ts=delivery.thread_ts,
            to_user=delivery.to_user,
            ts=delivery.ts,
            content_hash=delivery.content_hash,
            was_attempted=was_attempted,
            rendered=rendered,
            customer_channel=None if ticket is None else customer_channel(ticket),
            ticket_ts=None if ticket is None else ticket.slack_ts,
            is_complete=delivery.shown_digest is not None,
        )


async def _render(desk: Desk, tx: Transaction, delivery: Delivery, ticket: Ticket | None) -> Rendered:
    args: dict[str, Any] = delivery.args
    if ticket is None:
        raise LookupError(f"delivery {delivery.id} has no ticket")
    match delivery.kind:
        case "triage_card":
            return triage_card(await ticket_facts(tx, desk.catalogue, ticket.id))
        case "approval_card":
            return await _approval_card(desk, tx, delivery)
        case "acknowledgement":
            return notices.acknowledgement(ticket.number)
        case "outcome":
            request = None if delivery.request_id is None else await requests.get(tx, delivery.request_id)
            action_id = "" if request is None else request.action_id
            words = notices.customer_outcome(ticket.number, action_id, RequestStatus(args["status"]))
            if words is not None:
                return words
        case "customer_reply":
            return notices.customer_reply(args["text"])
    raise LookupError(f"no view for a delivery of kind {delivery.kind}")


async def _approval_card(desk: Desk, tx: Transaction, delivery: Delivery) -> Rendered:
    request = None if delivery.request_id is None else await requests.get(tx, delivery.request_id)
    if request is None:
        raise LookupError(f"delivery {delivery.id} has no request")
    # What was hashed is what is shown: the stored substance, never one drawn again.
    substance = request.card if delivery.shown_digest == request.digest and request.card else None
    return approval_card(await request_card_facts(tx, desk.catalogue, request), substance)


async def settle(desk: Desk, delivery_id: UUID, settled: Settled) -> None:
    """Record that a message stands in Slack."""
    now = desk.clock()
    async with desk.database.transaction() as tx:
        delivery = await deliveries.get(tx, delivery_id, lock=True)
        if delivery is None:
            return
        delivery.ts, delivery.content_hash = settled.ts, settled.content_hash
        delivery.state, delivery.error, delivery.posted_at = "posted", None, now
        step = Step.DELIVERY_POSTED if settled.is_new else Step.DELIVERY_UPDATED
        await audit.record(tx, delivery.ticket_id, step, "bot", _payload(delivery), at=now)


async def hold(desk: Desk, delivery_id: UUID, why: str) -> None:
    """Record that the audience guard stopped a message; it does not go out."""
    await _stop(desk, delivery_id, "held", Step.DELIVERY_HELD, why)


async def give_up(
    desk: Desk, delivery_id: UUID, why: str, *, post_again: bool = False, without_buttons: bool = False
) -> None:
    """Record that Slack does not take a message: for good, or to be posted anew."""
    if not (post_again or without_buttons):
        await _stop(desk, delivery_id, "failed", Step.DELIVERY_FAILED, why)
        return
    async with desk.database.transaction() as tx:
        delivery = await deliveries.get(tx, delivery_id, lock=True)
        if delivery is not None:
            delivery.ts, delivery.content_hash, delivery.state, delivery.error = None, None, "waiting", why
            if without_buttons:
                delivery.shown_digest = None


async def note_obstacle(desk: Desk, delivery_id: UUID, why: str) -> Obstacle:
    """Record, once for each reason, that Slack does not take a message as things are.

    The state stays as it is: a post whose outcome is unknown is still looked up first, and a card that stands in
    Slack still counts.
    """
    now = desk.clock()
    async with desk.database.transaction() as tx:
        delivery = await deliveries.get(tx, delivery_id, lock=True)
        if delivery is None:
            return Obstacle(is_new=False, is_over=True)
        is_new, is_over = delivery.error != why, now - (delivery.posted_at or delivery.created_at) > KEEP_TRYING
        delivery.error = why
        if is_over and delivery.state != "posted":
            delivery.state = "failed"
        if is_new or is_over:
            payload = _payload(delivery) | {"reason": why, "isTriedAgain": not is_over}
            await audit.record(tx, delivery.ticket_id, Step.DELIVERY_FAILED, "bot", payload, at=now)
        return Obstacle(is_new=is_new, is_over=is_over)


async def _stop(desk: Desk, delivery_id: UUID, state: str, step: Step, why: str) -> None:
    now = desk.clock()
    async with desk.database.transaction() as tx:
        delivery = await deliveries.get(tx, delivery_id, lock=True)
        if delivery is None:
            return
        delivery.state, delivery.error = state, why
        await audit.record(tx, delivery.ticket_id, step, "bot", _payload(delivery) | {"reason": why}, at=now)


def _payload(delivery: Delivery) -> dict[str, Any]:
    return {
        "deliveryId": str(delivery.id),
        "kind": delivery.kind,
        "audience": delivery.audience,
        "channel": delivery.channel,
        "ts": delivery.ts,
        "actionRequestId": None if delivery.request_id is None else str(delivery.request_id),
    }
