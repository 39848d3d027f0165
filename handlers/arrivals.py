"""What is in the inbox becomes tickets and messages. One arrival, one transaction, whatever the order they come in.

A reply whose ticket is not known yet fetches the message that heads its thread, and an edit of a message that never
reached us brings the message with it: if it is so young that its own event may still be on its way. What was said
before that is nobody's ticket, and what was taken back before we heard of it stays unheard. Where an older message is
found later on, in the history, the replies that came before it are handled once more. The inbox row is marked in the
transaction that does the work.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from handlers.errors import TryLater
from handlers.flows.case_messages import take_turn
from handlers.flows.open_ticket import NewTicket, open_in
from handlers.flows.record_message import Change, Reply, add_reply, record_change
from handlers.http_intake import IntakeRequest
from handlers.listeners.intake import thread_lock
from handlers.reception import Reception
from handlers.slack_messages import Deleted, Edited, Nothing, Posted, moment_of, read_message
from handlers.slack_tickets import author_of, fetch, new_ticket, side_of
from policy.terms import Person, Requester, RequesterKind
from storage import cases, inbox, tickets
from storage.database import Transaction
from storage.schema import InboxEvent, Ticket

log = logging.getLogger(__name__)

YOUNG = timedelta(hours=2)
"""Slack sends an event again for an hour; after a longer gap the history is read (`bot.backfill`)."""
_REPLY_TO_NOTHING = "ignored: a reply in a thread that is no ticket"


@dataclass(frozen=True)
class _Arrived:
    """One row of the inbox."""

    inbox_id: int
    payload: dict[str, Any]
    received_at: datetime

    @property
    def is_shared(self) -> bool:
        """Whether Slack says that the channel is shared with another company."""
        return bool(self.payload.get("is_ext_shared_channel"))


async def handle_arrival(reception: Reception, inbox_id: int) -> None:
    """Handle one row of the inbox; a second call for the same row does nothing. Raises TryLater."""
    async with reception.desk.database.transaction() as tx:
        event = await inbox.read(tx, inbox_id)
        if event is None or event.handled_at is not None:
            return
        kind, arrived = event.kind, _Arrived(inbox_id, event.payload, event.received_at)
    handler = _HANDLERS.get(kind)
    if handler is None:
        log.error("inbox row %d has the unknown kind %s", inbox_id, kind)
        return
    await handler(reception, arrived)


async def _slack_message(reception: Reception, arrived: _Arrived) -> None:
    event = arrived.payload.get("event") or {}
    said = read_message(event, own_bot_id=reception.bot_id, own_user_id=reception.bot_user_id)
    match said:
        case Posted():
            await _take_posted(reception, arrived, said)
        case Edited(after):
            await _take_edit(reception, arrived, after)
        case Deleted():
            await _take_deletion(reception, arrived, said)
        case Nothing(why):
            await _finish(reception, arrived, f"ignored: {why}")


async def _take_posted(reception: Reception, arrived: _Arrived, posted: Posted) -> None:
    if posted.is_empty:
        await _finish(reception, arrived, "ignored: it says nothing")
        return
    if posted.thread_ts is not None:
        await _ensure_parent(reception, arrived, posted)
    if posted.thread_ts is not None and await _is_said_on_case(reception, posted):
        # What has the copilot do something is what stands in Slack: the inbox is a table like any other.
        now = await fetch(reception, posted.channel, posted.ts, thread_ts=posted.thread_ts)
        if not isinstance(now, Posted) or (now.user, now.origin) != (posted.user, posted.origin):
            await _finish(reception, arrived, "ignored: it does not stand in Slack")
            return
        posted = replace(posted, text=now.text)
    person = await author_of(reception, posted)
    async with reception.desk.database.transaction() as tx:
        event = await _claimed(tx, arrived)
        if event is not None:
            outcome = await _store(reception, tx, posted, person, arrived.is_shared)
            inbox.finish(event, outcome, at=reception.desk.clock())


async def _take_edit(reception: Reception, arrived: _Arrived, posted: Posted) -> None:
    """An edit; the message itself is stored first if it is one that should have reached us and did not."""
    if posted.thread_ts is not None:
        await _ensure_parent(reception, arrived, posted)
    person = await author_of(reception, posted)
    async with reception.desk.database.transaction() as tx:
        event = await _claimed(tx, arrived)
        if event is None:
            return
        message = await tickets.message_at(tx, posted.channel, posted.ts)
        if message is not None:
            changed = await record_change(tx, reception.desk, message, _edit(posted, arrived.received_at))
            outcome = "edited" if changed else "edited before"
        elif posted.thread_ts is None and not _is_young(posted.ts, arrived):
            outcome = "ignored: an old message that is no ticket"
        elif posted.thread_ts and await tickets.by_slack_thread(tx, posted.channel, posted.root_ts, lock=True) is None:
            outcome = "ignored: an edit in a thread that is no ticket"  # Said to the copilot once is enough.
        else:
            outcome = await _store(reception, tx, posted, person, arrived.is_shared) + ", as edited"
        inbox.finish(event, outcome, at=reception.desk.clock())


def _is_young(ts: str, arrived: _Arrived) -> bool:
    return arrived.received_at - moment_of(ts) < YOUNG


def _edit(posted: Posted, now: datetime) -> Change:
    at = now if posted.edited_ts is None else moment_of(posted.edited_ts)
    return Change(posted.channel, posted.ts, "edited", posted.text, posted.edited_ts, at)


async def _take_deletion(reception: Reception, arrived: _Arrived, deleted: Deleted) -> None:
    """A deletion of a message we know. Of another it is only noted, lest its event comes later: nobody hears of it."""
    async with reception.desk.database.transaction() as tx:
        event = await _claimed(tx, arrived)
        if event is None:
            return
        known = await _mark_deleted(reception, tx, deleted.channel, deleted.ts)
        outcome = "noted: no message of a ticket, or not here yet" if known is None else known
        inbox.finish(event, outcome, at=reception.desk.clock())


async def _mark_deleted(reception: Reception, tx: Transaction, channel: str, ts: str) -> str | None:
    message = await tickets.message_at(tx, channel, ts)
    if message is None:
        return None
    change = Change(channel, ts, "deleted", "", None, reception.desk.clock())
    return "deleted" if await record_change(tx, reception.desk, message, change) else "deleted before"


async def hear_again(reception: Reception, posted: Posted) -> None:
    """Read a message again that became a ticket only now: nobody listened for an edit since it was read."""
    try:
        now = await fetch(reception, posted.channel, posted.ts, thread_ts=posted.thread_ts)
    except TryLater as error:
        log.warning("%s", error)
        return
    async with reception.desk.database.transaction() as tx:
        if now is None:
            await _mark_deleted(reception, tx, posted.channel, posted.ts)
            return
        message = await tickets.message_at(tx, posted.channel, posted.ts)
        if message is not None and isinstance(now, Posted) and now.edited_ts is not None:
            await record_change(tx, reception.desk, message, _edit(now, reception.desk.clock()))


async def _store(reception: Reception, tx: Transaction, posted: Posted, person: Person | None, is_shared: bool) -> str:
    """Store a message that was not here before; as deleted, if its deletion has come already."""
    outcome = await _store_posted(reception, tx, posted, person, is_shared)
    if await inbox.find(tx, f"delete:{posted.channel}:{posted.ts}") is None:
        return outcome
    await tx.flush()
    known = await _mark_deleted(reception, tx, posted.channel, posted.ts)
    return outcome if known is None else f"{outcome}, {known}"


async def _store_posted(
    reception: Reception, tx: Transaction, posted: Posted, person: Person | None, is_shared: bool
) -> str:
    desk = reception.desk
    ticket = await tickets.by_slack_thread(tx, posted.channel, posted.root_ts, lock=True)
    if posted.thread_ts is not None:
        if ticket is None:
            return await _store_said_on_case(reception, tx, posted, person)
        reply = _reply(ticket, posted, person)
        return "reply" if await add_reply(tx, desk, ticket, reply) else "reply before"
    if ticket is not None:
        return await _add_root(reception, tx, ticket, posted, person)
    if posted.channel not in desk.settings.intake_channels:
        return "ignored: not an intake channel"
    ticket_id, is_new = await _open(reception, tx, posted, person, is_shared)
    return f"ticket {ticket_id}" if is_new else "duplicate of a ticket"


async def _open(
    reception: Reception, tx: Transaction, posted: Posted, person: Person | None, is_shared: bool
) -> tuple[UUID, bool]:
    opened = await open_in(reception.desk, tx, new_ticket(reception, posted, person, is_shared))
    if reception.desk.clock() - moment_of(posted.ts) >= YOUNG:  # For a younger one they wait.
        lock = thread_lock(posted.channel, posted.ts)
        await inbox.handle_again(tx, posted.channel, posted.ts, outcome=_REPLY_TO_NOTHING, lock=lock)
    return opened


async def _is_said_on_case(reception: Reception, posted: Posted) -> bool:
    async with reception.desk.database.transaction() as tx:
        return await cases.of_thread(tx, posted.channel, posted.root_ts) is not None


async def _store_said_on_case(reception: Reception, tx: Transaction, posted: Posted, person: Person | None) -> str:
    """What is written in a case's thread may be for the copilot; a thread that is no case's is nobody's."""
    row = await cases.of_thread(tx, posted.channel, posted.root_ts)
    if row is None or person is None or posted.origin != "person":
        return _REPLY_TO_NOTHING
    if posted.edited_ts is not None:
        return "ignored: what was said on a case is asked once, as it was said"
    mention = f"<@{reception.bot_user_id}>"
    text, is_addressed = posted.text.replace(mention, "").strip(), mention in posted.text
    is_turn = await take_turn(reception.desk, tx, row, person, text, is_addressed=is_addressed)
    return "a turn of a case" if is_turn else "ignored: not said to the copilot"


def _reply(ticket: Ticket, posted: Posted, person: Person | None) -> Reply:
    person = person if posted.origin == "person" else None
    return Reply(
        channel=posted.channel,
        ts=posted.ts,
        thread_ts=posted.root_ts,
        author=None if person is None else str(person.key),
        author_label=posted.label if person is None else person.name,
        author_side=side_of(ticket, person),
        text=posted.text,
        posted_at=moment_of(posted.ts),
        source_version=posted.edited_ts,
        attachments=posted.files,
    )


async def _add_root(
    reception: Reception, tx: Transaction, ticket: Ticket, posted: Posted, person: Person | None
) -> str:
    """The message that heads a thread whose ticket somebody made of a reply: it asks for something too."""
    if posted.channel not in reception.desk.settings.intake_channels:
        return "duplicate of a ticket"
    asked = replace(_reply(ticket, posted, person), author_side="customer")
    is_new = await add_reply(tx, reception.desk, ticket, asked)
    return "added to the ticket of its thread" if is_new else "duplicate of a ticket"


async def _ensure_parent(reception: Reception, arrived: _Arrived, posted: Posted) -> None:
    """Open the ticket a reply belongs to, if the message that heads the thread has not come yet."""
    root = posted.root_ts
    if posted.channel not in reception.desk.settings.intake_channels:
        return
    async with reception.desk.database.transaction() as tx:
        if await tickets.by_slack_thread(tx, posted.channel, root) is not None:
            return
        if await inbox.find(tx, f"delete:{posted.channel}:{root}") is not None:
            return
        if not _is_young(root, arrived) and await inbox.find(tx, f"message:{posted.channel}:{root}") is None:
            return
    parent = await fetch(reception, posted.channel, root)
    if not isinstance(parent, Posted) or parent.is_empty or parent.thread_ts is not None:
        return
    person = await author_of(reception, parent)
    async with reception.desk.database.transaction() as tx:
        await _open(reception, tx, parent, person, arrived.is_shared)


async def _http_intake(reception: Reception, arrived: _Arrived) -> None:
    asked = IntakeRequest.model_validate(arrived.payload)
    requester = Requester(
        RequesterKind.EMAIL if asked.channel == "email" else RequesterKind.HTTP, None, asked.requester
    )
    async with reception.desk.database.transaction() as tx:
        event = await _claimed(tx, arrived)
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


async def _claimed(tx: Transaction, arrived: _Arrived) -> InboxEvent | None:
    event = await inbox.read(tx, arrived.inbox_id)
    return None if event is None or event.handled_at is not None else event


async def _finish(reception: Reception, arrived: _Arrived, outcome: str) -> None:
    async with reception.desk.database.transaction() as tx:
        event = await _claimed(tx, arrived)
        if event is not None:
            inbox.finish(event, outcome, at=reception.desk.clock())


_Handler = Callable[[Reception, _Arrived], Awaitable[None]]
_HANDLERS: Mapping[str, _Handler] = {"slack_event": _slack_message, "http_intake": _http_intake}
