"""Our messages in Slack: rendered from the facts as they are, posted once, kept current, and never to the wrong people.

The audience guard (`handlers.audience_guard`) is asked at the moment of sending; what it holds is tried again for a
day. A post whose outcome is unknown (the process died, the answer was lost) is looked up by its id in the channel
before anything is posted again. Files go their own way (`handlers.file_delivery`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from handlers.audience_guard import Held, channel_now, guard_audience, other_companies
from handlers.desk import Desk
from handlers.errors import TryLater
from handlers.file_delivery import NotShown, send_files
from handlers.flows.open_letter import Letter, name_readers, open_letter
from handlers.flows.recount_alike import recount_alike
from handlers.flows.settle_delivery import Settled, give_up, note_obstacle, settle
from handlers.views.facts import ReadersFacts
from handlers.views.rendered import Rendered

log = logging.getLogger(__name__)

SEND_WITHIN_SECONDS = 20.0
METADATA_EVENT = "countersign_delivery"
LOOK_BACK_SECONDS = 120.0
"""How far Slack's clock may be behind ours."""
LOOK_BACK_MESSAGES, LOOK_BACK_PAGES = 200, 20
"""Slack asks for no more than 200 a page."""
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
    "posting_to_channel_denied": "the channel is archived, or the workspace does not let the bot post there",
    "file_uploads_disabled": "the workspace takes no files",
    "file_type_not_allowed": "the workspace takes no files of this type",
    "file_uploads_except_images_disabled": "the workspace takes no files but pictures",
    "storage_limit_reached": "the workspace has no room for files",
}
_PASSING = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
_CARD_REFUSED = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long"})


async def sync_delivery(desk: Desk, client: AsyncWebClient, delivery_id: UUID, *, own_bot_id: str) -> None:
    """Bring one message of ours in Slack up to date. Raises TryLater where a later attempt may do."""
    letter = await open_letter(desk, delivery_id)
    if letter is None:
        return
    try:
        if letter.readers_wanted_of is not None:
            letter = await name_readers(desk, letter, await _readers(client, letter.readers_wanted_of))
        await guard_audience(client, letter)
        settled = await (send_files(desk, client, letter) if letter.files else _send(client, letter, own_bot_id))
    except Held as held:
        await _obstructed(desk, letter, held.why, is_held=True)
        return
    except NotShown as lost:
        await _obstructed(desk, letter, str(lost))
        return
    except SlackApiError as error:
        await _refused(desk, letter, error)
        return
    except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise TryLater(f"Slack did not take {letter.kind}: {error!r}", seconds=5) from error
    await settle(desk, delivery_id, settled)
    if letter.kind == "approval_card":
        await recount_alike(desk, delivery_id, is_new=settled.is_new)


async def _readers(client: AsyncWebClient, channel_id: str) -> ReadersFacts:
    """Who reads the channel that a reply would go to. Raises Held."""
    try:
        channel = await channel_now(client, channel_id)
    except SlackApiError as error:
        code = str(error.response.get("error", ""))
        if code not in _OBSTACLES:
            raise
        raise Held(f"Slack does not say who reads {channel_id}, where the reply would go: {code}") from error
    return ReadersFacts(str(channel.get("name") or channel_id), tuple(sorted(other_companies(channel))))


async def _send(client: AsyncWebClient, letter: Letter, own_bot_id: str) -> Settled:
    async with asyncio.timeout(SEND_WITHIN_SECONDS):
        if letter.ts is not None:
            return await _update(client, letter, letter.channel, letter.ts)
        if letter.to_user is not None:
            await client.chat_postEphemeral(
                channel=letter.channel, user=letter.to_user, thread_ts=letter.thread_ts, **_content(letter.rendered)
            )
            return Settled(None, letter.content_hash, is_new=True)
        conversation = await _conversation(client, letter.channel)
        found = await _find_posted(client, letter, conversation, own_bot_id) if letter.was_attempted else None
        if found is not None:
            return await _update(client, letter, conversation, found)
        answer = await client.chat_postMessage(
            channel=conversation,
            thread_ts=letter.thread_ts,
            unfurl_links=False,
            unfurl_media=False,
            # An opaque id and nothing else: any app of the workspace can read a message's metadata.
            metadata={"event_type": METADATA_EVENT, "event_payload": {"id": str(letter.delivery_id)}},
            **_content(letter.rendered),
        )
        return Settled(str(answer["ts"]), letter.content_hash, is_new=True)


async def _conversation(client: AsyncWebClient, channel: str) -> str:
    """The conversation to post to; for a user id, the direct message with them."""
    if not channel.startswith(("U", "W")):
        return channel
    answer = await client.conversations_open(users=channel)
    return str(answer["channel"]["id"])


async def _update(client: AsyncWebClient, letter: Letter, conversation: str, ts: str) -> Settled:
    await client.chat_update(channel=conversation, ts=ts, **_content(letter.rendered))
    return Settled(ts, letter.content_hash, is_new=letter.ts is None)


async def _find_posted(client: AsyncWebClient, letter: Letter, conversation: str, own_bot_id: str) -> str | None:
    """The message of an earlier attempt whose answer never reached us, found by its id."""
    async for message in _since(client, letter, conversation):
        metadata = message.get("metadata") or {}
        payload = metadata.get("event_payload") or {}
        is_it = metadata.get("event_type") == METADATA_EVENT and payload.get("id") == str(letter.delivery_id)
        # Any app can read the metadata of a message, and post it again as its own.
        if is_it and message.get("bot_id") == own_bot_id:
            return str(message["ts"])
    return None


async def _since(client: AsyncWebClient, letter: Letter, conversation: str) -> AsyncIterator[Mapping[str, Any]]:
    """What was said in the thread or channel since the message was written down."""
    bounds: dict[str, Any] = {
        "channel": conversation,
        "oldest": f"{letter.not_before - LOOK_BACK_SECONDS:.6f}",
        "limit": LOOK_BACK_MESSAGES,
        "include_all_metadata": True,
    }
    cursor: str | None = None
    for _ in range(LOOK_BACK_PAGES):
        if letter.thread_ts is not None:
            answer = await client.conversations_replies(ts=letter.thread_ts, cursor=cursor, **bounds)
        else:
            answer = await client.conversations_history(cursor=cursor, **bounds)
        for message in answer.get("messages") or []:
            yield message
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return
    log.warning("message %s to %s was looked for in %d pages only", letter.kind, letter.channel, LOOK_BACK_PAGES)


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


async def _obstructed(desk: Desk, letter: Letter, why: str, *, is_held: bool = False) -> None:
    """A person can put it right (invite the bot, end the sharing): said once, then tried again for a day."""
    progress = await note_obstacle(desk, letter.delivery_id, why, is_held=is_held)
    if progress.is_new:
        fate = "was held" if is_held else "cannot be delivered"
        log.error("message %s to %s %s: %s", letter.kind, letter.channel, fate, why)
    if progress.is_over:
        log.error("message %s to %s is given up: %s", letter.kind, letter.channel, why)
        return
    raise TryLater(f"{letter.kind} waits: {why}", seconds=progress.pause_seconds)


def _content(rendered: Rendered) -> dict[str, Any]:
    return {"text": rendered.text, "blocks": list(rendered.blocks)} if rendered.blocks else {"text": rendered.text}
