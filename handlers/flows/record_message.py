"""Replies, edits and deletions in a ticket's thread: each is a further version, nothing is overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from handlers.desk import Desk
from handlers.flows.case_messages import customer_wrote
from handlers.flows.new_message import add_message
from handlers.flows.void_requests import void_open_requests
from handlers.plain_input import storable
from policy.terms import Audience
from storage import audit, deliveries, tickets
from storage.audit import Step
from storage.database import Transaction
from storage.schema import Message, MessageVersion, Ticket


@dataclass(frozen=True)
class Reply:
    """A message in a ticket's thread."""

    channel: str
    ts: str
    thread_ts: str
    author: str | None
    """PersonKey text where Slack names a person."""
    author_label: str
    author_side: str
    text: str
    posted_at: datetime
    source_version: str | None = None
    """Slack's edit time, if the text had been edited before it reached us."""
    attachments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Change:
    """An edit or a deletion of a message we may know."""

    channel: str
    ts: str
    kind: str
    """'edited' or 'deleted'."""
    text: str
    source_version: str | None
    changed_at: datetime


async def add_reply(tx: Transaction, desk: Desk, ticket: Ticket, reply: Reply) -> bool:
    """Add a reply to its ticket, which the caller has locked; False if it is there already."""
    if await tickets.message_at(tx, reply.channel, reply.ts) is not None:
        return False
    message = Message(
        id=desk.new_id(),
        ticket_id=ticket.id,
        audience=Audience.CUSTOMER,
        author_side=reply.author_side,
        author=reply.author,
        author_label=storable(reply.author_label, limit=300),
        slack_channel=reply.channel,
        slack_ts=reply.ts,
        created_at=reply.posted_at,
    )
    add_message(tx, message, text=reply.text, source_version=reply.source_version, attachments=reply.attachments)
    now = desk.clock()
    ticket.attachment_count += len(reply.attachments)
    ticket.updated_at = now
    payload = {
        "messageId": str(message.id),
        "ts": reply.ts,
        "side": reply.author_side,
        "attachments": [{"name": name, "type": mimetype} for name, mimetype in reply.attachments],
    }
    if reply.author_side == "customer":  # A case is locked before any audit chain.
        await customer_wrote(desk, tx, ticket, message.id)
    await audit.record(tx, ticket.id, Step.MESSAGE_RECEIVED, reply.author or reply.author_side, payload, at=now)
    await deliveries.refresh(tx, ticket_id=ticket.id)
    return True


async def record_change(tx: Transaction, desk: Desk, message: Message, change: Change) -> bool:
    """Keep an edit or deletion as a further version; False if it is there already.

    Requests that were shown for the ticket as it was before are void: what an approver read is no longer what the
    requester says.
    """
    ticket = await tickets.get(tx, message.ticket_id, lock=True)
    if ticket is None:
        raise LookupError(f"message {message.id} has no ticket")
    versions = (await tickets.versions(tx, [message.id]))[message.id]
    if is_known(versions, change):
        return False
    now = desk.clock()
    tx.add(
        MessageVersion(
            message_id=message.id,
            number=len(versions) + 1,
            kind=change.kind,
            text=storable(change.text),
            source_version=change.source_version,
            at=change.changed_at,
        )
    )
    if change.kind == "deleted":
        message.deleted_at = change.changed_at
    ticket.updated_at = now
    step = Step.MESSAGE_DELETED if change.kind == "deleted" else Step.MESSAGE_EDITED
    payload = {"messageId": str(message.id), "ts": change.ts, "version": len(versions) + 1}
    if message.author_side == "customer":
        await customer_wrote(desk, tx, ticket, message.id)
    # Slack names the message's author in such events, not who made the change: so no person is named here.
    await audit.record(tx, ticket.id, step, "slack", payload, at=now)
    if message.author_side == "customer":
        ticket.revision += 1
        await void_open_requests(
            tx, desk, ticket, why=f"the requester's message was {change.kind} after this was shown"
        )
    await deliveries.refresh(tx, ticket_id=ticket.id)
    return True


def is_known(versions: Sequence[MessageVersion], change: Change) -> bool:
    """Whether a change is on record: brought by another event, by a look at the history, or with the message itself.

    Slack's edit time has whole seconds. Within one, a text that comes back after another is a change again.
    """
    if change.kind == "deleted":
        return any(version.kind == "deleted" for version in versions)
    wanted, text = change.source_version, storable(change.text)
    latest = max(versions, key=lambda version: (version.source_version or "", version.number))
    if latest.source_version == wanted:
        return latest.text == text
    return any(version.source_version == wanted and version.text == text for version in versions)
