"""A new request for help becomes a ticket: once, whatever arrives twice or out of order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from handlers.desk import Desk
from handlers.flows.new_message import add_message
from handlers.plain_input import storable, subject_of
from policy.terms import Audience, Requester, Severity, TicketStatus
from storage import audit, deliveries, job_queue, tickets
from storage.audit import Step
from storage.database import Transaction
from storage.deliveries import NewDelivery
from storage.schema import Message, Ticket


@dataclass(frozen=True)
class NewTicket:
    """What came in, as far as it decides what the ticket looks like."""

    channel_kind: str
    """'slack_internal', 'slack_shared', 'slack_email' or 'http'."""
    intake_source: str
    """The channel's name in the audit trail ('slack', 'email', …)."""
    correlation_id: str
    requester: Requester
    text: str
    posted_at: datetime
    attachments: tuple[tuple[str, str], ...] = ()
    """(name, type) of each file, where they are known."""
    attachment_count: int = 0
    requested_model_override: str | None = None
    subject: str | None = None
    slack_channel: str | None = None
    slack_ts: str | None = None
    """The message that heads the thread."""
    message_ts: str | None = None
    """The message the ticket is made of, where that is not the one that heads the thread."""
    source_version: str | None = None
    """Slack's edit time, if the text had been edited before it reached us."""
    opened_by: str | None = None
    """PersonKey of one of our own who made the ticket of somebody's message."""


async def open_ticket(desk: Desk, new: NewTicket) -> tuple[UUID, bool]:
    """Write the ticket, its first message and the job that triages it, in one transaction.

    Returns the ticket's id and whether it is new: the same message or correlation id never makes a second one.
    """
    async with desk.database.transaction() as tx:
        return await open_in(desk, tx, new)


async def open_in(desk: Desk, tx: Transaction, new: NewTicket) -> tuple[UUID, bool]:
    """The same, inside the caller's transaction."""
    # Two ways in may bring the same message at the same moment; the second waits here and then finds it.
    await tickets.claim_place(tx, *_place(new))
    known = await _known(tx, new)
    if known is not None:
        return known.id, False
    now = desk.clock()
    ticket = _ticket(desk, new, now)
    tx.add(ticket)
    await tx.flush()
    _add_first_message(desk, tx, ticket, new)
    await audit.record(tx, ticket.id, Step.INTAKE_RECEIVED, _actor(new), _intake_payload(new), at=now)
    await job_queue.defer(tx, "triage_ticket", lock=job_queue.ticket_lock(ticket.id), ticket_id=str(ticket.id))
    if new.slack_channel is not None and new.slack_ts is not None:
        acknowledgement = NewDelivery(
            "acknowledgement",
            Audience.CUSTOMER,
            new.slack_channel,
            ticket_id=ticket.id,
            thread_ts=new.slack_ts,
        )
        await deliveries.post(tx, acknowledgement, delivery_id=desk.new_id(), at=now)
    return ticket.id, True


async def _known(tx: Transaction, new: NewTicket) -> Ticket | None:
    if new.slack_channel is not None and new.slack_ts is not None:
        ticket = await tickets.by_slack_thread(tx, new.slack_channel, new.slack_ts)
        if ticket is not None:
            return ticket
    return await tickets.by_correlation(tx, new.intake_source, new.correlation_id)


def _place(new: NewTicket) -> tuple[str, str]:
    if new.slack_channel is not None and new.slack_ts is not None:
        return new.slack_channel, new.slack_ts
    return new.intake_source, new.correlation_id


def _ticket(desk: Desk, new: NewTicket, now: datetime) -> Ticket:
    requester = new.requester
    text = storable(new.text)
    return Ticket(
        id=desk.new_id(),
        subject=storable(new.subject or "", limit=200) or subject_of(text) or "(no text)",
        status=TicketStatus.OPEN,
        severity=Severity.MEDIUM,
        category="other",
        channel_kind=new.channel_kind,
        intake_source=new.intake_source,
        correlation_id=new.correlation_id,
        slack_channel=new.slack_channel,
        slack_ts=new.slack_ts,
        requester_kind=requester.kind,
        requester=None if requester.key is None else str(requester.key),
        requester_label=storable(requester.label, limit=300),
        requester_company=None if requester.company is None else storable(requester.company, limit=200),
        requester_is_internal=requester.is_internal,
        requested_model_override=(
            None if new.requested_model_override is None else storable(new.requested_model_override, limit=200)
        ),
        attachment_count=max(new.attachment_count, len(new.attachments)),
        revision=0,
        created_at=now,
        updated_at=now,
    )


def _add_first_message(desk: Desk, tx: Transaction, ticket: Ticket, new: NewTicket) -> None:
    message = Message(
        id=desk.new_id(),
        ticket_id=ticket.id,
        audience=Audience.CUSTOMER,
        author_side="customer",
        author=ticket.requester,
        author_label=ticket.requester_label,
        slack_channel=new.slack_channel,
        slack_ts=new.message_ts or new.slack_ts,
        created_at=new.posted_at,
    )
    add_message(tx, message, text=new.text, source_version=new.source_version, attachments=new.attachments)


def _actor(new: NewTicket) -> str:
    if new.opened_by is not None:
        return new.opened_by
    return str(new.requester.key) if new.requester.key is not None else f"unknown:{new.requester.kind}"


def _intake_payload(new: NewTicket) -> dict[str, object]:
    # The names and their order are those of the operator's page that the product was drawn from.
    return {
        "channel": new.intake_source,
        "correlationId": new.correlation_id,
        "attachmentCount": max(new.attachment_count, len(new.attachments)),
        "requestedModelOverride": new.requested_model_override,
        "channelKind": new.channel_kind,
        "requesterKind": new.requester.kind,
        "attachments": [{"name": name, "type": mimetype} for name, mimetype in new.attachments],
    }
