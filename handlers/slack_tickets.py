"""A Slack message as our ticket: who it came from, whose side they are on, and how it reads in Slack now."""

from __future__ import annotations

import logging

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from handlers.errors import IdentityRefused, IdentityUnavailable, TryLater
from handlers.flows.open_ticket import NewTicket
from handlers.identity import is_id
from handlers.reception import Reception
from handlers.slack_messages import Posted, Said, moment_of, read_message
from policy.terms import Person, PersonKey, Requester, RequesterKind
from storage.schema import Ticket

log = logging.getLogger(__name__)

_NOT_FOR_US = frozenset({"channel_not_found", "not_in_channel", "is_archived", "thread_not_found"})
_UNKNOWN_HUMANS = {
    "email": RequesterKind.EMAIL,
    "workflow": RequesterKind.WORKFLOW,
    "bot": RequesterKind.BOT,
    "person": RequesterKind.BOT,
}


def new_ticket(reception: Reception, posted: Posted, person: Person | None, is_shared: bool) -> NewTicket:
    """The ticket that a message makes, in a channel that is shared with another company or not."""
    channel_kind = "slack_shared" if is_shared else "slack_internal"
    return NewTicket(
        channel_kind="slack_email" if posted.origin == "email" else channel_kind,
        intake_source="email" if posted.origin == "email" else "slack",
        correlation_id=_mails_place(posted) if posted.origin == "email" else f"{posted.channel}:{posted.ts}",
        requester=requester_of(reception, posted, person),
        text=posted.text,
        subject=posted.subject,
        posted_at=moment_of(posted.ts),
        attachments=posted.files,
        slack_channel=posted.channel,
        slack_ts=posted.ts,
        source_version=posted.edited_ts,
    )


def _mails_place(posted: Posted) -> str:
    # Callers over HTTP file tickets under 'email' too, and cannot send a space: nobody takes this name first.
    return f"slack {posted.channel}:{posted.ts}"


def requester_of(reception: Reception, posted: Posted, person: Person | None) -> Requester:
    """Who a message came from.

    The human behind what an app, a workflow or an e-mail posted is unknown; so is an account that Slack does not show
    us. Where an account is named all the same it is kept: it counts as the requester, who never approves.
    """
    if person is not None and posted.origin == "person":
        return Requester(
            kind=RequesterKind.SLACK_PERSON,
            key=person.key,
            label=person.name,
            company=person.company,
            is_internal=person.is_home and person.is_active and person.is_full_member and person.is_human,
        )
    key = _named(reception, posted) if person is None else person.key
    return Requester(_UNKNOWN_HUMANS[posted.origin], key, posted.label if person is None else person.name)


def _named(reception: Reception, posted: Posted) -> PersonKey | None:
    if not is_id(posted.user):
        return None
    return PersonKey(posted.team if is_id(posted.team) else reception.identity.home.team_id, posted.user)


def side_of(ticket: Ticket, person: Person | None) -> str:
    """Whose side a reply is on: the requester's, unless one of our own wrote it."""
    if person is None or str(person.key) == ticket.requester or not (person.is_home and person.is_full_member):
        return "customer"
    # In a channel shared with another company everyone of ours speaks for us; inside, only those who work the desk.
    return "internal" if ticket.channel_kind == "slack_shared" or person.groups else "customer"


async def author_of(reception: Reception, posted: Posted) -> Person | None:
    """The account that posted a message, as Slack shows it; None where it shows none. Raises TryLater."""
    if posted.user is None:
        return None
    try:
        return await reception.identity.author(posted.user, posted.team)
    except IdentityRefused as refused:
        log.warning("the author of %s/%s is unknown: %s", posted.channel, posted.ts, refused)
        return None
    except IdentityUnavailable as error:
        raise TryLater(str(error), seconds=2) from error


async def fetch(reception: Reception, channel: str, ts: str, *, thread_ts: str | None = None) -> Said | None:
    """One message as it stands in Slack now; None if it is not there for us. Raises TryLater."""
    try:
        if thread_ts is None:
            answer = await reception.client.conversations_history(
                channel=channel, latest=ts, oldest=ts, inclusive=True, limit=1
            )
        else:
            answer = await reception.client.conversations_replies(
                channel=channel, ts=thread_ts, latest=ts, oldest=ts, inclusive=True, limit=2
            )
    except SlackApiError as error:
        if error.response.get("error") in _NOT_FOR_US:
            return None
        raise TryLater(f"the message {channel}/{ts} could not be read: {error}", seconds=2) from error
    except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise TryLater(f"the message {channel}/{ts} could not be read: {error!r}", seconds=2) from error
    found = next((m for m in answer.get("messages") or [] if m.get("ts") == ts), None)
    if found is None:
        return None
    return read_message({**found, "channel": channel}, own_bot_id=reception.bot_id, own_user_id=reception.bot_user_id)
