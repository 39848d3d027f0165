"""`/countersign`, and the shortcuts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any

from slack_sdk.errors import SlackApiError

from handlers.arrivals import hear_again
from handlers.errors import IdentityUnavailable, NotFound, Refused, TryLater
from handlers.flows.check_access import require_access
from handlers.flows.open_ticket import NewTicket, open_ticket
from handlers.flows.read_ticket import ticket_id_of, ticket_page
from handlers.listeners import break_glass, pages, passkeys, stops
from handlers.listeners.call import Call
from handlers.slack_messages import Posted, read_message
from handlers.slack_text import as_written
from handlers.slack_tickets import author_of, new_ticket
from handlers.views import notices
from policy.terms import Person, Requester, RequesterKind

_NOT_THERE = frozenset({"channel_not_found", "not_in_channel", "method_not_supported_for_channel_type"})


async def command(call: Call) -> None:
    """`/countersign tickets | ticket N | audit N | new TEXT | passkey | break-glass … | stop … | resume … | stops` and
    `help`."""
    words = str(call.body.get("text") or "").strip()
    verb, _, rest = words.partition(" ")
    match verb.lower():
        case "" | "help":
            call.tell(notices.help_text())
        case "tickets":
            await pages.open_list(call)
        case "ticket" | "audit" if _is_number(rest):
            number = int(rest.strip().lstrip("#"))
            await _open_numbered(call, verb.lower(), number)
        case "passkey":
            await passkeys.show(call)
        case "new" if rest.strip():
            await _open_new(call, as_written(rest.strip()))
        case "stop" if wanted := stops.read(rest):
            await stops.stop(call, *wanted)
        case "resume" if wanted := stops.read(rest):
            await stops.resume(call, *wanted)
        case "break-glass" if asked := break_glass.read(rest):
            await break_glass.start(call, *asked)
        case "stops":
            await stops.show(call)
        case _:
            call.tell(notices.not_understood(as_written(words)))


def _is_number(text: str) -> bool:
    bare = text.strip().lstrip("#")
    return bare.isascii() and bare.isdecimal() and len(bare) < 12


async def _open_numbered(call: Call, verb: str, number: int) -> None:
    person = await call.person()
    await require_access(call.reception.desk, person, f"{verb} {number}")
    ticket_id = await ticket_id_of(call.reception.desk, number)
    if verb == "audit":
        await pages.open_trail(call, ticket_id)
    else:
        await pages.open_ticket_modal(call, ticket_id)


async def _open_new(call: Call, text: str) -> None:
    person = await call.person()
    desk = call.reception.desk
    new = NewTicket(
        channel_kind="slack_internal" if person.is_home else "slack_shared",
        intake_source="slack",
        correlation_id=f"command:{call.trigger_id}",
        requester=_requester(await call.reception.identity.named(person)),
        text=text,
        posted_at=desk.clock().astimezone(UTC),
    )
    ticket_id, _ = await open_ticket(desk, new)
    call.tell(notices.opened((await ticket_page(desk, ticket_id)).row.number))


async def make_ticket(call: Call) -> None:
    """The message shortcut: somebody's message becomes a ticket of its author, in its thread."""
    person = await call.person()
    reception, channel = call.reception, call.channel
    message: Any = call.body.get("message")
    if not isinstance(message, dict) or channel is None:
        raise NotFound("message")
    posted = read_message(
        {**message, "channel": channel}, own_bot_id=reception.bot_id, own_user_id=reception.bot_user_id
    )
    if not isinstance(posted, Posted) or posted.is_empty:
        raise NotFound("message")
    is_shared, author = await asyncio.gather(_is_shared(call, channel), _author(call, posted))
    new = replace(
        new_ticket(reception, posted, author, is_shared),
        correlation_id=f"{channel}:{posted.root_ts}",
        slack_ts=posted.root_ts,
        message_ts=posted.ts,
        opened_by=str(person.key),
    )
    ticket_id, is_new = await open_ticket(reception.desk, new)
    if is_new:
        await hear_again(reception, posted)
    call.tell(notices.opened((await ticket_page(reception.desk, ticket_id)).row.number))


async def _author(call: Call, posted: Posted) -> Person | None:
    try:
        return await author_of(call.reception, posted)
    except TryLater as error:  # Nobody tries a click again but the person who made it.
        raise IdentityUnavailable(str(error)) from error


async def _is_shared(call: Call, channel: str) -> bool:
    """Whether others read along in the channel. Raises Refused where the bot is not in it and would hear nothing."""
    found: Mapping[str, Any] = {}
    try:
        found = (await call.reception.client.conversations_info(channel=channel)).get("channel") or {}
    except SlackApiError as error:
        if error.response.get("error") not in _NOT_THERE:
            raise
    if found.get("is_member") is not True:
        raise Refused(
            f"the bot is not in {channel}",
            code="not-in-channel",
            reply="I am not in this conversation, so I would hear of no reply and no edit. Invite me with /invite and"
            " try again; in a direct message, write /countersign new and what it is about.",
        )
    return found.get("is_ext_shared") is not False


def _requester(person: Person) -> Requester:
    is_internal = person.is_home and person.is_active and person.is_full_member and person.is_human
    return Requester(RequesterKind.SLACK_PERSON, person.key, person.name, person.company, is_internal)
