"""What is in the inbox becomes tickets and messages. One arrival, one transaction, whatever the order they come in.

A reply whose ticket is not known yet fetches the message that heads its thread; an edit or deletion of a message that
never reached us brings the message with it. The inbox row is marked in the transaction that does the work.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from handlers.errors import IdentityRefused, IdentityUnavailable, TryLater
from handlers.flows.open_ticket import NewTicket, open_in
from handlers.flows.record_message import Change, Reply, add_reply, record_change
from handlers.http_intake import IntakeRequest
from handlers.reception import Reception
from handlers.slack_messages import Deleted, Edited, Nothing, Posted, Said, moment_of, read_message
from policy.terms import Person, Requester, RequesterKind
from storage import inbox, tickets
from storage.database import Transaction
from storage.schema import InboxEvent, Ticket

log = logging.getLogger(__name__)

_UNKNOWN_HUMANS = {
    "email": RequesterKind.EMAIL,
    "workflow": RequesterKind.WORKFLOW,
    "bot": RequesterKind.BOT,
    "person": RequesterKind.BOT,
}


async def handle_arrival(reception: Reception, inbox_id: int) -> None:
    """Handle one row of the inbox; a second call for the same row does nothing. Raises TryLater."""
    async with reception.desk.database.transaction() as tx:
        event = await inbox.read(tx, inbox_id)
        if event is None or event.handled_at is not None:
            return
        kind, payload = event.kind, event.payload
    handler = _HANDLERS.get(kind)
    if handler is None:
        log.error("inbox row %d has the unknown kind %s", inbox_id, kind)
        return
    await handler(reception, inbox_id, payload)


async def _slack_message(reception: Reception, inbox_id: int, body: dict[str, Any]) -> None:
    said = read_message(body.get("event") or {}, own_bot_id=reception.bot_id, own_user_id=reception.bot_user_id)
    is_shared = bool(body.get("is_ext_shared_channel"))
    match said:
        case Posted():
            await _take_posted(reception, inbox_id, said, is_shared)
        case Edited(after):
            await _take_change(reception, inbox_id, after, "edited", is_shared)
        case Deleted(before=Posted() as before):
            await _take_change(reception, inbox_id, before, "deleted", is_shared)
        case Deleted():
            await _finish(reception, inbox_id, await _delete_known(reception, said))
        case Nothing(why):
            await _finish(reception, inbox_id, f"ignored: {why}")


async def _take_posted(reception: Reception, inbox_id: int, posted: Posted, is_shared: bool) -> None:
    if posted.is_empty:
        await _finish(reception, inbox_id, "ignored: it says nothing")
        return
    if posted.thread_ts is not None:
        await _ensure_parent(reception, posted, is_shared)
    person = await _author(reception, posted)
    async with reception.desk.database.transaction() as tx:
        event = await _claimed(tx, inbox_id)
        if event is not None:
            outcome = await _store_posted(reception, tx, posted, person, is_shared)
            if await inbox.find(tx, f"delete:{posted.channel}:{posted.ts}") is not None:
                outcome += await _mark_deleted(reception, tx, posted)
            inbox.finish(event, outcome, at=reception.desk.clock())


async def _take_change(reception: Reception, inbox_id: int, posted: Posted, kind: str, is_shared: bool) -> None:
    """An edit or deletion; the message itself is stored first if it never reached us."""
    if posted.thread_ts is not None:
        await _ensure_parent(reception, posted, is_shared)
    person = await _author(reception, posted)
    async with reception.desk.database.transaction() as tx:
        event = await _claimed(tx, inbox_id)
        if event is None:
            return
        message = await tickets.message_at(tx, posted.channel, posted.ts)
        if message is None:
            outcome = await _store_posted(reception, tx, posted, person, is_shared)
            message = await tickets.message_at(tx, posted.channel, posted.ts)
        if message is None:
            outcome = "ignored: the message belongs to no ticket"
        elif kind == "edited" and await _is_first_version(tx, message.id, posted):
            outcome = "opened with the edited text"
        else:
            change = _change(posted, kind, reception.desk.clock())
            changed = await record_change(tx, reception.desk, message, change)
            outcome = kind if changed else f"{kind} before"
        inbox.finish(event, outcome, at=reception.desk.clock())


async def _is_first_version(tx: Transaction, message_id: Any, posted: Posted) -> bool:
    versions = (await tickets.versions(tx, [message_id]))[message_id]
    return any(version.source_version == posted.edited_ts and posted.edited_ts is not None for version in versions)


def _change(posted: Posted, kind: str, now: datetime) -> Change:
    at = moment_of(posted.edited_ts) if kind == "edited" and posted.edited_ts is not None else now
    version = posted.edited_ts if kind == "edited" else None
    return Change(posted.channel, posted.ts, kind, posted.text if kind == "edited" else "", version, at)


async def _delete_known(reception: Reception, deleted: Deleted) -> str:
    async with reception.desk.database.transaction() as tx:
        message = await tickets.message_at(tx, deleted.channel, deleted.ts)
        if message is None:
            return "noted: the message has not arrived yet"
        change = Change(deleted.channel, deleted.ts, "deleted", "", None, reception.desk.clock())
        return "deleted" if await record_change(tx, reception.desk, message, change) else "deleted before"


async def _mark_deleted(reception: Reception, tx: Transaction, posted: Posted) -> str:
    await tx.flush()
    message = await tickets.message_at(tx, posted.channel, posted.ts)
    if message is None:
        return ""
    change = _change(posted, "deleted", reception.desk.clock())
    return ", and deleted" if await record_change(tx, reception.desk, message, change) else ""


async def _store_posted(
    reception: Reception, tx: Transaction, posted: Posted, person: Person | None, is_shared: bool
) -> str:
    desk = reception.desk
    ticket = await tickets.by_slack_thread(tx, posted.channel, posted.root_ts)
    if posted.thread_ts is not None:
        if ticket is None:
            return "ignored: a reply in a thread that is no ticket"
        reply = Reply(
            channel=posted.channel,
            ts=posted.ts,
            thread_ts=posted.thread_ts,
            author=None if person is None else str(person.key),
            author_label=posted.label if person is None else person.name,
            author_side=_side(ticket, person),
            text=posted.text,
            posted_at=moment_of(posted.ts),
            attachments=posted.files,
        )
        return "reply" if await add_reply(tx, desk, ticket, reply) else "reply before"
    if ticket is not None:
        return "duplicate of a ticket"
    if posted.channel not in desk.settings.intake_channels:
        return "ignored: not an intake channel"
    ticket_id, is_new = await open_in(desk, tx, _new_ticket(posted, person, is_shared))
    return f"ticket {ticket_id}" if is_new else "duplicate of a ticket"


def _new_ticket(posted: Posted, person: Person | None, is_shared: bool) -> NewTicket:
    channel_kind = "slack_shared" if is_shared else "slack_internal"
    return NewTicket(
        channel_kind="slack_email" if posted.origin == "email" else channel_kind,
        intake_source="email" if posted.origin == "email" else "slack",
        correlation_id=f"{posted.channel}:{posted.ts}",
        requester=requester_of(posted, person),
        text=posted.text,
        subject=posted.subject,
        posted_at=moment_of(posted.ts),
        attachments=posted.files,
        slack_channel=posted.channel,
        slack_ts=posted.ts,
        source_version=posted.edited_ts,
    )


def requester_of(posted: Posted, person: Person | None) -> Requester:
    """Who a message came from; where no person is known, an unknown human with the name the message carries."""
    if person is None:
        return Requester(_UNKNOWN_HUMANS[posted.origin], None, posted.label)
    return Requester(
        kind=RequesterKind.SLACK_PERSON,
        key=person.key,
        label=person.name,
        company=person.company,
        is_internal=person.is_home and person.is_active and person.is_full_member and person.is_human,
    )


def _side(ticket: Ticket, person: Person | None) -> str:
    """Whose side a reply is on: the requester's, unless one of our own wrote it."""
    if person is None or str(person.key) == ticket.requester or not (person.is_home and person.is_full_member):
        return "customer"
    # In a channel shared with another company everyone of ours speaks for us; inside, only those who work the desk.
    return "internal" if ticket.channel_kind == "slack_shared" or person.groups else "customer"


async def _author(reception: Reception, posted: Posted) -> Person | None:
    if posted.user is None:
        return None
    try:
        return await reception.identity.author(posted.user, posted.team)
    except IdentityRefused as refused:
        log.warning("the author of %s/%s is unknown: %s", posted.channel, posted.ts, refused)
        return None
    except IdentityUnavailable as error:
        raise TryLater(str(error), seconds=2) from error


async def _ensure_parent(reception: Reception, posted: Posted, is_shared: bool) -> None:
    """Open the ticket a reply belongs to, if the message that heads the thread has not come yet."""
    if posted.channel not in reception.desk.settings.intake_channels or posted.thread_ts is None:
        return
    async with reception.desk.database.transaction() as tx:
        if await tickets.by_slack_thread(tx, posted.channel, posted.thread_ts) is not None:
            return
        if await inbox.find(tx, f"delete:{posted.channel}:{posted.thread_ts}") is not None:
            return
    parent = await _fetch(reception, posted.channel, posted.thread_ts)
    if not isinstance(parent, Posted) or parent.is_empty or parent.thread_ts is not None:
        return
    person = await _author(reception, parent)
    async with reception.desk.database.transaction() as tx:
        await open_in(reception.desk, tx, _new_ticket(parent, person, is_shared))


async def _fetch(reception: Reception, channel: str, ts: str) -> Said | None:
    try:
        answer = await reception.client.conversations_history(
            channel=channel, latest=ts, oldest=ts, inclusive=True, limit=1
        )
    except SlackApiError as error:
        if error.response.get("error") in ("channel_not_found", "not_in_channel", "is_archived"):
            return None
        raise TryLater(f"the head of thread {channel}/{ts} could not be read: {error}", seconds=2) from error
    except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise TryLater(f"the head of thread {channel}/{ts} could not be read: {error!r}", seconds=2) from error
    found = next((m for m in answer.get("messages") or [] if m.get("ts") == ts), None)
    if found is None:
        return None
    return read_message({**found, "channel": channel}, own_bot_id=reception.bot_id, own_user_id=reception.bot_user_id)


async def _http_intake(reception: Reception, inbox_id: int, payload: dict[str, Any]) -> None:
    asked = IntakeRequest.model_validate(payload)
    requester = Requester(
        RequesterKind.EMAIL if asked.channel == "email" else RequesterKind.HTTP, None, asked.requester
    )
    async with reception.desk.database.transaction() as tx:
        event = await _claimed(tx, inbox_id)
        if event is None:
            return
        new = NewTicket(
            channel_kind="http",
            intake_source=asked.channel,
            correlation_id=asked.correlation_id,
            requester=requester,
            text=asked.text,
            subject=asked.subject,
            posted_at=event.received_at,
            attachment_count=asked.attachment_count,
            requested_model_override=asked.requested_model_override,
        )
        ticket_id, is_new = await open_in(reception.desk, tx, new)
        inbox.finish(event, f"ticket {ticket_id}" if is_new else "duplicate", at=reception.desk.clock())


async def _claimed(tx: Transaction, inbox_id: int) -> InboxEvent | None:
    event = await inbox.read(tx, inbox_id)
    return None if event is None or event.handled_at is not None else event


async def _finish(reception: Reception, inbox_id: int, outcome: str) -> None:
    async with reception.desk.database.transaction() as tx:
        event = await _claimed(tx, inbox_id)
        if event is not None:
            inbox.finish(event, outcome, at=reception.desk.clock())


_Handler = Callable[[Reception, int, dict[str, Any]], Awaitable[None]]
_HANDLERS: Mapping[str, _Handler] = {"slack_event": _slack_message, "http_intake": _http_intake}
