"""Our messages in Slack: rendered from the facts as they are, posted once, kept current, and never to the wrong people.

The audience guard asks Slack about the channel at the moment of sending: an internal card goes only to an internal
channel, a customer's words only to the ticket's own thread. A post whose outcome is unknown (the process died, the
answer was lost) is looked up by its id in the channel before anything is posted again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from handlers.desk import Desk
from handlers.errors import TryLater
from handlers.flows.settle_delivery import Letter, Settled, give_up, hold, note_obstacle, open_letter, settle
from handlers.views.rendered import Rendered
from policy.terms import Audience

log = logging.getLogger(__name__)

SEND_WITHIN_SECONDS = 20.0
METADATA_EVENT = "countersign_delivery"
LOOK_BACK_MESSAGES = 100
OBSTACLE_SECONDS = 60.0
"""How long to wait before something is tried again that a person has to put right."""
_OBSTACLES = {
    "channel_not_found": "the channel does not exist or the bot cannot see it: invite the bot, or correct the setting",
    "not_in_channel": "the bot is not in the channel: invite it with /invite",
    "is_archived": "the channel is archived",
    "restricted_action": "the workspace does not let the bot post there",
    "invalid_auth": "Slack refuses the bot token (SLACK_BOT_TOKEN)",
    "account_inactive": "the bot was removed from the workspace: install it again",
    "token_revoked": "the bot token was revoked: install the app again",
    "missing_scope": "the app lacks a scope: install it again with the current manifest",
    "user_not_in_channel": "the reader is no longer in the channel",
}
_PASSING = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
_CARD_REFUSED = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long"})


@dataclass(frozen=True)
class Held(Exception):
    """The audience guard stopped a message."""

    why: str


async def sync_delivery(desk: Desk, client: AsyncWebClient, delivery_id: UUID) -> None:
    """Bring one message of ours in Slack up to date. Raises TryLater where a later attempt may do."""
    letter = await open_letter(desk, delivery_id)
    if letter is None:
        return
    try:
        await guard_audience(client, letter)
        settled = await _send(client, letter)
    except Held as held:
        log.error("message %s to %s was held: %s", letter.kind, letter.channel, held.why)
        await hold(desk, delivery_id, held.why)
        return
    except SlackApiError as error:
        await _refused(desk, letter, error)
        return
    except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise TryLater(f"Slack did not take {letter.kind}: {error!r}", seconds=5) from error
    if settled is not None:
        await settle(desk, delivery_id, settled)


async def guard_audience(client: AsyncWebClient, letter: Letter) -> None:
    """Check where the message is about to go, as Slack knows the channel now. Raises Held."""
    if letter.audience is Audience.CUSTOMER:
        if letter.channel != letter.customer_channel or letter.thread_ts != letter.ticket_ts:
            raise Held("it is for the requester, but this is not the ticket's own thread")
        return
    async with asyncio.timeout(SEND_WITHIN_SECONDS):
        answer = await client.conversations_info(channel=letter.channel)
    channel = answer.get("channel") or {}
    # Said in the negative by Slack, or it does not go out: a field that is missing proves nothing.
    if channel.get("is_ext_shared") is not False or channel.get("is_pending_ext_shared"):
        raise Held("it is internal, and the channel is (or is about to be) shared with another company")
    if not (channel.get("is_channel") or channel.get("is_group") or channel.get("is_im")):
        raise Held("it is internal, and Slack does not say what kind of conversation this is")


async def _send(client: AsyncWebClient, letter: Letter) -> Settled | None:
    content_hash = _hash(letter.rendered)
    async with asyncio.timeout(SEND_WITHIN_SECONDS):
        if letter.ts is not None:
            if letter.content_hash == content_hash:
                return None
            return await _update(client, letter, letter.channel, letter.ts, content_hash)
        if letter.to_user is not None:
            await client.chat_postEphemeral(
                channel=letter.channel, user=letter.to_user, thread_ts=letter.thread_ts, **_content(letter.rendered)
            )
            return Settled(None, content_hash, is_new=True)
        conversation = await _conversation(client, letter.channel)
        found = await _find_posted(client, letter, conversation) if letter.was_attempted else None
        if found is not None:
            return await _update(client, letter, conversation, found, content_hash)
        answer = await client.chat_postMessage(
            channel=conversation,
            thread_ts=letter.thread_ts,
            unfurl_links=False,
            unfurl_media=False,
            # An opaque id and nothing else: any app of the workspace can read a message's metadata.
            metadata={"event_type": METADATA_EVENT, "event_payload": {"id": str(letter.delivery_id)}},
            **_content(letter.rendered),
        )
        return Settled(str(answer["ts"]), content_hash, is_new=True)


async def _conversation(client: AsyncWebClient, channel: str) -> str:
    """The conversation to post to; for a user id, the direct message with them."""
    if not channel.startswith(("U", "W")):
        return channel
    answer = await client.conversations_open(users=channel)
    return str(answer["channel"]["id"])


async def _update(client: AsyncWebClient, letter: Letter, conversation: str, ts: str, content_hash: str) -> Settled:
    await client.chat_update(channel=conversation, ts=ts, **_content(letter.rendered))
    return Settled(ts, content_hash, is_new=letter.ts is None)


async def _find_posted(client: AsyncWebClient, letter: Letter, conversation: str) -> str | None:
    """The message of an earlier attempt whose answer never reached us, found by its id."""
    if letter.thread_ts is not None:
        answer = await client.conversations_replies(
            channel=conversation, ts=letter.thread_ts, limit=LOOK_BACK_MESSAGES, include_all_metadata=True
        )
    else:
        answer = await client.conversations_history(
            channel=conversation, limit=LOOK_BACK_MESSAGES, include_all_metadata=True
        )
    for message in answer.get("messages") or []:
        metadata = message.get("metadata") or {}
        payload = metadata.get("event_payload") or {}
        if metadata.get("event_type") == METADATA_EVENT and payload.get("id") == str(letter.delivery_id):
            return str(message["ts"])
    return None


async def _refused(desk: Desk, letter: Letter, error: SlackApiError) -> None:
    answer: Any = error.response
    code, status = str(answer.get("error", "")), getattr(answer, "status_code", 0)
    if code == "ratelimited" or status == 429:
        seconds = float(answer.headers.get("Retry-After", "1"))
        raise TryLater(f"Slack asks to wait {seconds} s", seconds=seconds) from error
    if code == "message_not_found" and letter.ts is not None:
        await give_up(desk, letter.delivery_id, code, post_again=True)
        raise TryLater("the message was deleted in Slack; posting it again", seconds=0.1) from error
    if code in _CARD_REFUSED and letter.kind == "approval_card" and letter.is_complete:
        await give_up(desk, letter.delivery_id, code, without_buttons=True)
        raise TryLater("Slack refused the card; posting it without buttons", seconds=0.1) from error
    if code in _CARD_REFUSED or code == "thread_not_found" or code.startswith("cant_"):
        log.error("message %s to %s failed: %s", letter.kind, letter.channel, code)
        await give_up(desk, letter.delivery_id, code)
        return
    if code in _PASSING or not code or status >= 500:
        raise TryLater(f"Slack answered {code or status}", seconds=5) from error
    await _obstructed(desk, letter, f"{code}: {_OBSTACLES.get(code, 'Slack does not take it')}")


async def _obstructed(desk: Desk, letter: Letter, why: str) -> None:
    """A person can put it right (invite the bot, renew the token): said once, then tried each minute for a day."""
    progress = await note_obstacle(desk, letter.delivery_id, why)
    if progress.is_new:
        log.error("message %s to %s cannot be delivered: %s", letter.kind, letter.channel, why)
    if not progress.is_over:
        raise TryLater(f"{letter.kind} waits: {why}", seconds=OBSTACLE_SECONDS)


def _content(rendered: Rendered) -> dict[str, Any]:
    return {"text": rendered.text, "blocks": list(rendered.blocks)} if rendered.blocks else {"text": rendered.text}


def _hash(rendered: Rendered) -> str:
    body = json.dumps([rendered.text, list(rendered.blocks)], sort_keys=True)
    return hashlib.sha256(body.encode()).hexdigest()
