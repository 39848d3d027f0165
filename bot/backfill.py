"""What Slack has and we do not: messages of the intake channels since the newest one we know.

Events are lost when no socket is open (a restart, a network fault). Every message found goes through the same door as
an event, and the inbox drops those that are there already.
"""

from __future__ import annotations

import logging

import aiohttp
from slack_sdk.errors import SlackClientError

from handlers.listeners.intake import take_message
from handlers.reception import Reception
from storage import inbox

log = logging.getLogger(__name__)

PAGE_SIZE = 200
MOST_PAGES = 25


async def backfill(reception: Reception) -> int:
    """Store what was missed; returns how many messages were looked at. A channel that is new to us is left alone."""
    seen = 0
    for channel in sorted(reception.desk.settings.intake_channels):
        async with reception.desk.database.transaction() as tx:
            newest = await inbox.newest_message_ts(tx, channel)
        if newest is None:
            continue
        try:
            seen += await _channel(reception, channel, newest)
        except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("could not look for missed messages in %s: %s", channel, error)
    return seen


async def _channel(reception: Reception, channel: str, newest: str) -> int:
    info = await reception.client.conversations_info(channel=channel)
    is_shared = (info.get("channel") or {}).get("is_ext_shared")
    seen, cursor = 0, ""
    for _ in range(MOST_PAGES):
        answer = await reception.client.conversations_history(
            channel=channel, oldest=newest, limit=PAGE_SIZE, cursor=cursor or None
        )
        for message in answer.get("messages") or []:
            seen += 1
            body = {"event": {**message, "channel": channel}, "is_ext_shared_channel": is_shared}
            await take_message(reception, body)
        cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            break
    return seen
