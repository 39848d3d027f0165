"""What everything that arrives from Slack is received with, and how a person is answered privately."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from handlers.desk import Desk
from handlers.identity import Identity
from handlers.views.rendered import Rendered
from storage.inbox import Inbox

log = logging.getLogger(__name__)

WHISPER_WITHIN_SECONDS = 10.0


class Whispers:
    """Ephemeral answers, sent beside the acknowledgement so that a slow Slack never delays it.

    They are courtesy: what was decided or refused is on record before one is sent.
    """

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._sending: set[asyncio.Task[None]] = set()

    def say(self, channel: str, user_id: str, rendered: Rendered, *, thread_ts: str | None = None) -> None:
        """Tell one person in a channel something that only they see."""
        task = asyncio.create_task(self._send(channel, user_id, rendered, thread_ts))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def drain(self) -> None:
        """Wait for what is being sent."""
        if self._sending:
            await asyncio.wait(set(self._sending), timeout=WHISPER_WITHIN_SECONDS)

    async def _send(self, channel: str, user_id: str, rendered: Rendered, thread_ts: str | None) -> None:
        try:
            async with asyncio.timeout(WHISPER_WITHIN_SECONDS):
                await self._client.chat_postEphemeral(
                    channel=channel, user=user_id, text=rendered.text, blocks=list(rendered.blocks), thread_ts=thread_ts
                )
        except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("could not tell %s in %s: %r", user_id, channel, error)


@dataclass(frozen=True)
class Reception:
    """The Slack side of the desk."""

    desk: Desk
    client: AsyncWebClient
    identity: Identity
    inbox: Inbox
    whispers: Whispers
    bot_user_id: str
    bot_id: str
    app_id: str | None = field(default=None)
    """Slack's id of this app; payloads of another app are refused."""
