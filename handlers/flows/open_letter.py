"""What a message of ours says now, and what it may be sent on: a delivery opened, before Slack is asked anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import TryLater
from handlers.flows.as_told import as_told
from handlers.flows.case_releases import CUSTOMER_REPLY, held_on_its_way
from handlers.flows.customer_notice import customer_channel
from handlers.flows.draw_letter import about_no_ticket, about_ticket, named_readers
from handlers.flows.read_ticket import TO_CUSTOMER, request_card_facts
from handlers.flows.settle_delivery import KEEP_TRYING, forget_obstacle, refuse, supersede
from handlers.views import notices
from handlers.views.approval_substance import destination_blocks
from handlers.views.facts import ReadersFacts
from handlers.views.rendered import Rendered
from policy.case_release import HAND_OFF
from policy.terms import Audience, RequestStatus, Verdict
from policy.waiting import Nudge
from storage import deliveries, delivery_files, requests, tickets
from storage.database import Transaction
from storage.deliveries import CARDS
from storage.delivery_files import CASE_FILES
from storage.schema import ActionRequest, Delivery, Ticket

NOT_A_REPLY = "the trail tells of nothing in these words that was approved and run"
NOT_THE_FILES = "the files are not those that were to be posted"
SIBLING_SECONDS = 2.0
"""How long to wait for an earlier notice of the same request that may be on its way."""


@dataclass(frozen=True)
class Shown:
    """What those who approved a reply were shown of where it goes."""

    is_same_place: bool
    """The thread or reader that the card named is the one it would go to now."""
    companies: frozenset[str]
    """Who else read the channel when the card was posted; nobody, where nothing was said of that."""


@dataclass(frozen=True)
class EnclosedFile:
    """A file to be posted, with what an earlier attempt came to."""

    name: str
    description: str
    content: bytes
    slack_id: str | None
    handed_in_at: datetime | None


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
    not_before: float
    """Seconds since the epoch: no message of an earlier attempt can be older."""
    was_attempted: bool
    """An earlier attempt may have reached Slack without our hearing of it."""
    rendered: Rendered
    content_hash: str
    customer_channel: str | None
    """Where the requester's side reads: the ticket's channel, or the requester's own user id for a direct message."""
    ticket_ts: str | None
    channel_kind: str | None
    """What the ticket's channel was when the ticket came in."""
    shown: Shown | None
    """For a reply that people approved."""
    readers_wanted_of: str | None
    """For the approval card of a reply: the shared channel whose readers it must name before it may be posted."""
    is_complete: bool = True
    """For an approval card: it shows everything, so it may have buttons."""
    files: tuple[EnclosedFile, ...] = ()
    """What is posted with the text, as files."""


async def open_letter(desk: Desk, delivery_id: UUID) -> Letter | None:
    """Render a delivery from the facts as they are; None if there is nothing to send. Raises TryLater."""
    async with desk.database.transaction() as tx:
        delivery = await deliveries.get(tx, delivery_id, lock=True)
        if delivery is None or delivery.state in ("failed", "superseded"):
            return None
        if delivery.state == "posted" and delivery.kind not in CARDS:
            return None
        if delivery.kind in list(Nudge) and await _is_settled(desk, tx, delivery):
            return None
        if delivery.kind == "outcome" and await _is_superseded(desk, tx, delivery):
            return None
        if _needs_decision(delivery) and not await _is_decided(tx, delivery):
            await refuse(desk, tx, delivery, NOT_A_REPLY)
            return None
        if why := await held_on_its_way(desk, tx, delivery):
            await refuse(desk, tx, delivery, why)
            return None
        if delivery.kind == CASE_FILES and not await delivery_files.are_as_told(tx, delivery):
            await refuse(desk, tx, delivery, NOT_THE_FILES)
            return None
        # A held message may have been attempted before it was held: it is looked up like any other.
        was_attempted = delivery.state in ("posting", "held")
        letter = await _letter(desk, tx, delivery, was_attempted=was_attempted)
        if delivery.state != "posted":
            delivery.state = "posting"
        elif delivery.content_hash == letter.content_hash:
            forget_obstacle(delivery)
            return None
        return letter


async def name_readers(desk: Desk, letter: Letter, readers: ReadersFacts) -> Letter:
    """Write down, once and for good, who reads the channel that a reply would go to, and show it on its card."""
    async with desk.database.transaction() as tx:
        delivery = await deliveries.get(tx, letter.delivery_id, lock=True)
        if delivery is None:
            raise LookupError(f"delivery {letter.delivery_id} is gone")
        named = {"channelName": readers.channel_name, "companies": sorted(readers.companies)}
        delivery.args = {"readers": named} | delivery.args
        return await _letter(desk, tx, delivery, was_attempted=letter.was_attempted)


async def _is_settled(desk: Desk, tx: Transaction, delivery: Delivery) -> bool:
    """Whether the request waits for nobody any more, so that nobody need be told of it."""
    request = None if delivery.request_id is None else await requests.get(tx, delivery.request_id)
    if request is None or request.status == RequestStatus.PENDING or delivery.state in ("posting", "held"):
        return False
    await supersede(desk, tx, delivery, f"the request is {request.status} by now, which its card says")
    return True


def _needs_decision(delivery: Delivery) -> bool:
    """Whether only what people decided on may be sent: what customers read, and the packet of a case."""
    return delivery.kind == CUSTOMER_REPLY or (delivery.kind == CASE_FILES and delivery.request_id is not None)


async def _is_decided(tx: Transaction, delivery: Delivery) -> bool:
    """Whether it is what people decided on: a delivery is a row, and anything might stand in it."""
    request = None if delivery.request_id is None else await requests.get(tx, delivery.request_id)
    ticket = None if request is None else await tickets.get(tx, request.ticket_id)
    if request is None or ticket is None or delivery.ticket_id != ticket.id:
        return False
    if request.action_id not in (TO_CUSTOMER if delivery.kind == CUSTOMER_REPLY else {HAND_OFF}):
        return False
    one = await as_told(tx, request, ticket)
    return one is not None and one.status is RequestStatus.EXECUTED and not one.illegal


async def _is_superseded(desk: Desk, tx: Transaction, delivery: Delivery) -> bool:
    """Whether the request has moved on since; a newer notice then says so, after this one or instead of it."""
    if delivery.request_id is None or delivery.ticket_id is None:
        return False
    await tickets.get(tx, delivery.ticket_id, lock=True)
    request = await requests.get(tx, delivery.request_id)
    if request is None:
        return False
    if delivery.args["status"] != request.status:
        await supersede(desk, tx, delivery, f"the request is {request.status} by now, which a newer message says")
        return True
    # The ticket is locked, so an earlier notice is either seen here to be on its way or will see itself superseded.
    siblings = await deliveries.of_request(tx, request.id, kind="outcome")
    oldest = desk.clock() - KEEP_TRYING  # One that nobody works on any more holds nothing up for ever.
    if any(
        one.state == "posting" and one.args["status"] != request.status and one.created_at > oldest for one in siblings
    ):
        raise TryLater("an earlier message about the same request may be on its way", seconds=SIBLING_SECONDS)
    return False


async def _letter(desk: Desk, tx: Transaction, delivery: Delivery, *, was_attempted: bool) -> Letter:
    if delivery.kind == CASE_FILES:
        return await _letter_with_files(tx, delivery, was_attempted=was_attempted)
    ticket = None if delivery.ticket_id is None else await tickets.get(tx, delivery.ticket_id)
    request = None if delivery.request_id is None else await requests.get(tx, delivery.request_id)
    if ticket is None:
        return _internal_letter(delivery, await about_no_ticket(tx, delivery), was_attempted=was_attempted)
    rendered = await about_ticket(desk, tx, delivery, ticket, request)
    return Letter(
        delivery_id=delivery.id,
        kind=delivery.kind,
        audience=Audience(delivery.audience),
        channel=delivery.channel,
        thread_ts=delivery.thread_ts,
        to_user=delivery.to_user,
        ts=delivery.ts,
        not_before=delivery.created_at.timestamp(),
        was_attempted=was_attempted,
        rendered=rendered,
        content_hash=_hash(rendered),
        customer_channel=customer_channel(ticket),
        ticket_ts=ticket.slack_ts,
        channel_kind=ticket.channel_kind,
        shown=await _shown(desk, tx, delivery, ticket, request),
        readers_wanted_of=_readers_wanted_of(delivery, ticket, request),
        is_complete=delivery.shown_digest is not None,
    )


async def _letter_with_files(tx: Transaction, delivery: Delivery, *, was_attempted: bool) -> Letter:
    """Files are for our own people, whatever the row says of its readers."""
    listed: list[dict[str, Any]] = delivery.args["files"]
    rows = await delivery_files.of_delivery(tx, delivery.id)
    files = tuple(
        EnclosedFile(one["name"], one["description"], row.content, row.slack_id, row.handed_in_at)
        for one, row in zip(listed, rows, strict=True)
    )
    rendered = notices.files_comment(delivery.args["comment"])
    letter = _internal_letter(delivery, rendered, was_attempted=was_attempted)
    return replace(letter, thread_ts=delivery.thread_ts, files=files)


def _internal_letter(delivery: Delivery, rendered: Rendered, *, was_attempted: bool) -> Letter:
    """What is about no ticket: for our own people, whatever its row says of its readers."""
    return Letter(
        delivery_id=delivery.id,
        kind=delivery.kind,
        audience=Audience.INTERNAL,
        channel=delivery.channel,
        thread_ts=None,
        to_user=None,
        ts=delivery.ts,
        not_before=delivery.created_at.timestamp(),
        was_attempted=was_attempted,
        rendered=rendered,
        content_hash=_hash(rendered),
        customer_channel=None,
        ticket_ts=None,
        channel_kind=None,
        shown=None,
        readers_wanted_of=None,
    )


def _readers_wanted_of(delivery: Delivery, ticket: Ticket, request: ActionRequest | None) -> str | None:
    if delivery.kind != "approval_card" or delivery.ts is not None or named_readers(delivery) is not None:
        return None
    if request is None or request.action_id not in TO_CUSTOMER or ticket.channel_kind != "slack_shared":
        return None
    return ticket.slack_channel


async def _shown(
    desk: Desk, tx: Transaction, delivery: Delivery, ticket: Ticket, request: ActionRequest | None
) -> Shown | None:
    one = None if delivery.kind != CUSTOMER_REPLY or request is None else await as_told(tx, request, ticket)
    if request is None or one is None or one.verdict != Verdict.NEEDS_APPROVAL:
        return None
    facts = await request_card_facts(tx, desk.catalogue, request)
    cards = await deliveries.of_request(tx, request.id, kind="approval_card")
    return Shown(
        is_same_place=_are_within(destination_blocks(facts), request.card),
        companies=frozenset(company for card in cards if (read := named_readers(card)) for company in read.companies),
    )


def _are_within(blocks: Sequence[Any], card: Sequence[Any]) -> bool:
    return bool(blocks) and all(block in card for block in blocks)


def _hash(rendered: Rendered) -> str:
    body = json.dumps([rendered.text, list(rendered.blocks)], sort_keys=True)
    return hashlib.sha256(body.encode()).hexdigest()
