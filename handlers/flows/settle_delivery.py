"""What became of a message of ours: the database side of a delivery, once Slack or the audience guard has answered."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from handlers.desk import Desk
from handlers.flows.case_releases import note_posted
from policy.terms import Audience
from storage import audit, cases, deliveries, delivery_files
from storage.audit import Step
from storage.database import Transaction
from storage.deliveries import CASE_CARD
from storage.delivery_files import CASE_FILES
from storage.schema import Delivery

log = logging.getLogger(__name__)

KEEP_TRYING = timedelta(days=1)
"""How long a message is tried for where something stands in its way that a person can remove."""
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=15)
"""Between two tries of such a message: as long again as it has waited already, within these."""
_SINCE = "obstructedSince"


@dataclass(frozen=True)
class Obstacle:
    """What is known of something that keeps a message out of Slack."""

    is_new: bool
    is_over: bool
    """It has stood there for too long; the message is given up."""
    pause_seconds: float
    """How long to wait before the next try."""


@dataclass(frozen=True)
class Settled:
    """What Slack made of it."""

    ts: str | None
    content_hash: str
    is_new: bool


async def settle(desk: Desk, delivery_id: UUID, settled: Settled) -> None:
    """Record that a message stands in Slack."""
    now = desk.clock()
    async with desk.database.transaction() as tx:
        delivery = await deliveries.get(tx, delivery_id, lock=True)
        if delivery is None:
            return
        was_obstructed = delivery.error is not None
        if settled.is_new:
            await note_posted(desk, tx, delivery)
        delivery.ts, delivery.content_hash = settled.ts, settled.content_hash
        delivery.state, delivery.posted_at = "posted", now
        forget_obstacle(delivery)
        if delivery.kind == CASE_FILES:
            await delivery_files.drop(tx, delivery_id)
        if delivery.kind == CASE_CARD and settled.is_new and settled.ts is not None:
            await cases.stands_at(tx, UUID(delivery.args["case"]), settled.ts)
        step = Step.DELIVERY_POSTED if settled.is_new else Step.DELIVERY_UPDATED
        await audit.record(tx, delivery.ticket_id, step, "bot", _payload(delivery), at=now)
        if was_obstructed:
            await _show_on_cards(tx, delivery)


async def give_up(
    desk: Desk, delivery_id: UUID, why: str, *, post_again: bool = False, without_buttons: bool = False
) -> None:
    """Record that Slack does not take a message: for good, or to be posted anew."""
    now = desk.clock()
    async with desk.database.transaction() as tx:
        delivery = await deliveries.get(tx, delivery_id, lock=True)
        if delivery is None:
            return
        delivery.error = why
        if post_again or without_buttons:
            delivery.ts, delivery.content_hash, delivery.state = None, None, "waiting"
            if without_buttons:
                delivery.shown_digest = None
            return
        delivery.state = "failed"
        payload = _payload(delivery) | {"reason": why, "isTriedAgain": False}
        await audit.record(tx, delivery.ticket_id, Step.DELIVERY_FAILED, "bot", payload, at=now)
        await _show_on_cards(tx, delivery)


async def note_obstacle(desk: Desk, delivery_id: UUID, why: str, *, is_held: bool = False) -> Obstacle:
    """Record, once for each reason, that a message does not go out as things are: Slack does not take it, or the
    audience guard holds it.

    A card that stands in Slack stays 'posted', so that it still counts and is brought up to date once that is possible.
    """
    now = desk.clock()
    async with desk.database.transaction() as tx:
        delivery = await deliveries.get(tx, delivery_id, lock=True)
        if delivery is None:
            return Obstacle(is_new=False, is_over=True, pause_seconds=0)
        since = datetime.fromisoformat(delivery.args[_SINCE]) if _SINCE in delivery.args else now
        is_new, is_over = delivery.error != why, now - since > KEEP_TRYING
        forget_obstacle(delivery)
        delivery.error = why
        if not is_over:
            delivery.args = delivery.args | {_SINCE: since.isoformat()}
        if delivery.state != "posted" and (is_held or is_over):
            delivery.state = "failed" if is_over else "held"
        if is_new or is_over:
            step = Step.DELIVERY_HELD if is_held and not is_over else Step.DELIVERY_FAILED
            payload = _payload(delivery) | {"reason": why, "isTriedAgain": not is_over}
            await audit.record(tx, delivery.ticket_id, step, "bot", payload, at=now)
            await _show_on_cards(tx, delivery)
        pause = min(max(now - since, SHORTEST_PAUSE), LONGEST_PAUSE)
        return Obstacle(is_new=is_new, is_over=is_over, pause_seconds=pause.total_seconds())


def forget_obstacle(delivery: Delivery) -> None:
    """Nothing stands in its way any longer; the next obstacle is a new one."""
    delivery.error = None
    if _SINCE in delivery.args:
        delivery.args = {name: value for name, value in delivery.args.items() if name != _SINCE}


async def supersede(desk: Desk, tx: Transaction, delivery: Delivery, why: str) -> None:
    """Record that a message is not sent because a newer one says what is true by now."""
    delivery.state, delivery.error = "superseded", why
    payload = _payload(delivery) | {"reason": why, "isTriedAgain": False}
    await audit.record(tx, delivery.ticket_id, Step.DELIVERY_FAILED, "bot", payload, at=desk.clock())


async def refuse(desk: Desk, tx: Transaction, delivery: Delivery, why: str) -> None:
    """Record that a message is not sent, because it is not what was decided."""
    log.error("message %s to %s is not sent: %s", delivery.kind, delivery.channel, why)
    delivery.state, delivery.error = "failed", why
    payload = _payload(delivery) | {"reason": why, "isTriedAgain": False}
    await audit.record(tx, delivery.ticket_id, Step.DELIVERY_FAILED, "bot", payload, at=desk.clock())
    await _show_on_cards(tx, delivery)


async def _show_on_cards(tx: Transaction, delivery: Delivery) -> None:
    """Our own people see on the ticket's card what the requester's side was not told."""
    if delivery.audience == Audience.CUSTOMER and delivery.ticket_id is not None:
        await deliveries.refresh(tx, ticket_id=delivery.ticket_id)


def _payload(delivery: Delivery) -> dict[str, Any]:
    return {
        "deliveryId": str(delivery.id),
        "kind": delivery.kind,
        "audience": delivery.audience,
        "channel": delivery.channel,
        "ts": delivery.ts,
        "actionRequestId": None if delivery.request_id is None else str(delivery.request_id),
    } | ({"files": delivery.args.get("files")} if delivery.kind == CASE_FILES else {})
