"""Queries about tickets, their messages and their triage."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import exists, func, select, text

from policy.terms import RequestStatus, TicketStatus
from storage.database import Transaction
from storage.schema import (
    ActionRequest,
    Attachment,
    Message,
    MessageVersion,
    Suggestion,
    Ticket,
    Triage,
)


async def get(tx: Transaction, ticket_id: UUID, *, lock: bool = False) -> Ticket | None:
    """One ticket; with `lock`, nobody else changes it until the transaction ends."""
    return await tx.get(Ticket, ticket_id, with_for_update=True if lock else None, populate_existing=lock)


async def by_number(tx: Transaction, number: int) -> Ticket | None:
    """The ticket people call CS-<number>."""
    return await tx.scalar(select(Ticket).where(Ticket.number == number))


async def by_slack_thread(tx: Transaction, channel: str, ts: str, *, lock: bool = False) -> Ticket | None:
    """The ticket of the thread that this message heads; with `lock`, nobody else changes it meanwhile."""
    query = select(Ticket).where(Ticket.slack_channel == channel, Ticket.slack_ts == ts)
    return await tx.scalar(query.with_for_update() if lock else query)


async def claim_place(tx: Transaction, where: str, name: str) -> None:
    """Wait for whoever is making a ticket of the same place; others wait for us until the transaction ends."""
    await tx.execute(
        text("select pg_advisory_xact_lock(hashtextextended(:place, 0))"), {"place": f"ticket:{where}:{name}"}
    )


async def by_correlation(tx: Transaction, source: str, correlation_id: str) -> Ticket | None:
    """The ticket that came in under this correlation id."""
    return await tx.scalar(
        select(Ticket).where(Ticket.intake_source == source, Ticket.correlation_id == correlation_id)
    )


async def newest(tx: Transaction, *, status: TicketStatus | None, offset: int, limit: int) -> list[tuple[Ticket, int]]:
    """Tickets by last update, newest first, with how many requests of each wait for votes."""
    pending = (
        select(func.count())
        .where(ActionRequest.ticket_id == Ticket.id, ActionRequest.status == RequestStatus.PENDING)
        .correlate(Ticket)
        .scalar_subquery()
    )
    query = select(Ticket, pending).order_by(Ticket.updated_at.desc(), Ticket.number.desc())
    if status is not None:
        query = query.where(Ticket.status == status)
    return [(row[0], row[1]) for row in await tx.execute(query.offset(offset).limit(limit))]


async def threads_of(tx: Transaction, channel: str, *, limit: int, only_undecided: bool = False) -> list[str]:
    """The threads of a channel's tickets, the most recently worked on first; or of those with requests that wait."""
    query = (
        select(Ticket.slack_ts)
        .where(Ticket.slack_channel == channel, Ticket.slack_ts.is_not(None))
        .order_by(Ticket.updated_at.desc())
        .limit(limit)
    )
    if only_undecided:
        waiting = (RequestStatus.PENDING, RequestStatus.APPROVED)
        query = query.where(exists().where(ActionRequest.ticket_id == Ticket.id, ActionRequest.status.in_(waiting)))
    return [ts for ts in await tx.scalars(query) if ts is not None]


async def other_channels(tx: Transaction, known: Collection[str], *, limit: int = 50) -> list[str]:
    """Further channels in which open tickets stand, the most recently worked on first."""
    rows = await tx.scalars(
        select(Ticket.slack_channel)
        .where(Ticket.status == TicketStatus.OPEN, Ticket.slack_channel.is_not(None))
        .where(Ticket.slack_channel.not_in(known))
        .group_by(Ticket.slack_channel)
        .order_by(func.max(Ticket.updated_at).desc())
        .limit(limit)
    )
    return [channel for channel in rows if channel is not None]


async def message_at(tx: Transaction, channel: str, ts: str) -> Message | None:
    """The stored message that stands at this place in Slack."""
    return await tx.scalar(select(Message).where(Message.slack_channel == channel, Message.slack_ts == ts))


async def messages(tx: Transaction, ticket_id: UUID) -> Sequence[Message]:
    """A ticket's messages, oldest first."""
    rows = await tx.scalars(
        select(Message).where(Message.ticket_id == ticket_id).order_by(Message.created_at, Message.id)
    )
    return rows.all()


async def earlier_of(tx: Transaction, ticket: Ticket, *, limit: int) -> Sequence[Ticket]:
    """Earlier tickets of the same Slack account, newest first; none where the requester is no account of Slack."""
    if ticket.requester is None:
        return ()
    rows = await tx.scalars(
        select(Ticket)
        .where(Ticket.requester == ticket.requester, Ticket.number < ticket.number)
        .order_by(Ticket.number.desc())
        .limit(limit)
    )
    return rows.all()


async def texts(tx: Transaction, ticket_ids: Sequence[UUID]) -> list[tuple[Message, str]]:
    """What the messages of these tickets say now, oldest first; without those that were deleted."""
    query = (
        select(Message)
        .where(Message.ticket_id.in_(ticket_ids), Message.deleted_at.is_(None))
        .order_by(Message.created_at, Message.id)
    )
    found = (await tx.scalars(query)).all()
    versions_of = await versions(tx, [message.id for message in found])
    said = [(message, current(versions_of[message.id])) for message in found if versions_of[message.id]]
    return [(message, version.text) for message, version in said if version.kind != "deleted"]


async def versions(tx: Transaction, message_ids: Sequence[UUID]) -> dict[UUID, list[MessageVersion]]:
    """All versions of the given messages, oldest first."""
    found: dict[UUID, list[MessageVersion]] = {message_id: [] for message_id in message_ids}
    if message_ids:
        rows = await tx.scalars(
            select(MessageVersion).where(MessageVersion.message_id.in_(message_ids)).order_by(MessageVersion.number)
        )
        for version in rows:
            found[version.message_id].append(version)
    return found


async def attachments(tx: Transaction, message_ids: Sequence[UUID]) -> dict[UUID, list[Attachment]]:
    """The files that came with the given messages, in their order."""
    found: dict[UUID, list[Attachment]] = {message_id: [] for message_id in message_ids}
    if message_ids:
        rows = await tx.scalars(
            select(Attachment).where(Attachment.message_id.in_(message_ids)).order_by(Attachment.position)
        )
        for attachment in rows:
            found[attachment.message_id].append(attachment)
    return found


def current(versions_of_message: Sequence[MessageVersion]) -> MessageVersion:
    """What a message says now: the newest by Slack's own edit time, not by arrival (edits can overtake each other)."""
    return max(
        versions_of_message,
        key=lambda version: (version.kind == "deleted", version.source_version or "", version.number),
    )


async def latest_triage(tx: Transaction, ticket_id: UUID) -> Triage | None:
    """The newest triage of a ticket."""
    return await tx.scalar(
        select(Triage).where(Triage.ticket_id == ticket_id).order_by(Triage.created_at.desc()).limit(1)
    )


async def suggestions(tx: Transaction, triage_id: UUID) -> Sequence[Suggestion]:
    """What one triage suggested, in its order."""
    rows = await tx.scalars(select(Suggestion).where(Suggestion.triage_id == triage_id).order_by(Suggestion.position))
    return rows.all()
