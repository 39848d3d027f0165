"""The audience guard: who reads a channel is asked of Slack at the moment of sending, and never remembered.

An internal card, file or text goes only to an internal channel; words for the requester only to the ticket's own
thread, as long as it is read by whom it was read by when the ticket came in, and an approved reply only where its
approvers saw that it would go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from handlers.flows.open_letter import Letter
from policy.terms import Audience

ASK_WITHIN_SECONDS = 20.0
_COMPANY_FIELDS = ("connected_team_ids", "pending_connected_team_ids", "pending_shared", "shared_team_ids")
_INVITED = "a company that was invited and has not joined yet"


@dataclass(frozen=True)
class Held(Exception):
    """The audience guard stopped a message."""

    why: str


async def guard_audience(client: AsyncWebClient, letter: Letter) -> None:
    """Check where the message is about to go, as Slack knows the channel now. Raises Held."""
    if letter.audience is Audience.CUSTOMER:
        await _guard_customer(client, letter)
        return
    await guard_internal(client, letter.channel)


async def guard_internal(client: AsyncWebClient, channel_id: str) -> None:
    """Check that nobody but our company reads a conversation, now. Raises Held."""
    channel = await channel_now(client, channel_id)
    if _may_be_shared(channel):
        raise Held("it is internal, and the channel is (or is about to be) shared with another company")
    if not (channel.get("is_channel") or channel.get("is_group") or channel.get("is_im")):
        raise Held("it is internal, and Slack does not say what kind of conversation this is")


async def _guard_customer(client: AsyncWebClient, letter: Letter) -> None:
    if letter.channel != letter.customer_channel or letter.thread_ts != letter.ticket_ts:
        raise Held("it is for the requester, but this is not the ticket's own thread")
    if letter.shown is not None and not letter.shown.is_same_place:
        raise Held("it would go elsewhere than its approval card said")
    if letter.ticket_ts is None:
        return  # A direct message: nobody else reads it, whatever becomes of channels.
    if letter.channel_kind != "slack_shared":
        if _may_be_shared(await channel_now(client, letter.channel)):
            raise Held("the ticket came in where only our company read, and the channel is (or is about to be) shared")
    elif letter.shown is not None:
        read_by = other_companies(await channel_now(client, letter.channel))
        if read_by != letter.shown.companies:
            raise Held("other companies read the channel now than its approval card named")


async def channel_now(client: AsyncWebClient, channel_id: str) -> Mapping[str, Any]:
    """A conversation as Slack knows it now. Raises SlackApiError and whatever else a call may raise."""
    async with asyncio.timeout(ASK_WITHIN_SECONDS):
        answer = await client.conversations_info(channel=channel_id)
    channel = answer.get("channel")
    return channel if isinstance(channel, Mapping) else {}


def _may_be_shared(channel: Mapping[str, Any]) -> bool:
    # Said in the negative by Slack, or it counts as shared: a field that is missing proves nothing.
    return channel.get("is_ext_shared") is not False or bool(channel.get("is_pending_ext_shared"))


def other_companies(channel: Mapping[str, Any]) -> frozenset[str]:
    """The other companies that read a channel, or are invited to, by Slack's ids. Raises Held if Slack names none."""
    if not _may_be_shared(channel):
        return frozenset()
    named = {one for field in _COMPANY_FIELDS for one in channel.get(field) or () if isinstance(one, str)}
    others = named - {channel.get("context_team_id"), *(channel.get("internal_team_ids") or ())}
    if not others:
        raise Held("Slack does not say which other companies read the channel")
    return frozenset(others | ({_INVITED} if channel.get("is_pending_ext_shared") else set()))
