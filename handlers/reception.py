"""What everything that arrives from Slack is received with, and how a person is answered privately."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from handlers.desk import Desk
from handlers.errors import HandlingError
from handlers.identity import Identity
from handlers.response_urls import NotPosted, ResponseUrls
from storage.inbox import Inbox

log = logging.getLogger(__name__)

WHISPER_WITHIN_SECONDS = 10.0
ANSWER_SECONDS = 2.6
"""Slack gives an interaction three seconds; past this it is called off, with words, instead of failing without."""
Way = Callable[[], Awaitable[object]]
"""One way of telling a person something. Raises where it does not lead to them."""


class Whispers:
    """Private answers, sent beside the acknowledgement so that a slow Slack never delays it.

    They are courtesy: what was decided or refused is on record, whether one arrives or not.
    """

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[None]] = set()

    def say(self, user_id: str, ways: Sequence[Way]) -> None:
        """Tell one person something by the first of these ways that leads to them."""
        self.beside(_say(user_id, ways))

    def beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something that no acknowledgement waits for; the end of the process does."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._is_done)
        return task

    async def drain(self) -> None:
        """Wait for what is under way."""
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=WHISPER_WITHIN_SECONDS)

    def _is_done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("unexpected %r beside an acknowledgement", task.exception(), exc_info=task.exception())


async def _say(user_id: str, ways: Sequence[Way]) -> None:
    failed: list[str] = []
    try:
        async with asyncio.timeout(WHISPER_WITHIN_SECONDS):
            for way in ways:
                try:
                    await way()
                    return
                except (NotPosted, HandlingError, SlackClientError, aiohttp.ClientError, OSError) as error:
                    failed.append(repr(error))
    except TimeoutError:
        failed.append(f"nothing within {WHISPER_WITHIN_SECONDS:g} s")
    log.warning("could not tell %s: %s", user_id, "; ".join(failed) or "there is no way to")


@dataclass
class Reception:
    """The Slack side of the desk."""

    desk: Desk
    """Taken once for each decision, which so has one policy from its beginning to its end. When the policy changes,
    another desk stands here (`bot.policy_watch`); nothing else is ever replaced."""
    client: AsyncWebClient
    identity: Identity
    inbox: Inbox
    whispers: Whispers
    response_urls: ResponseUrls
    bot_user_id: str
    bot_id: str
    app_id: str | None = field(default=None)
    """Slack's id of this app; payloads of another app are refused."""
    answer_seconds: float = ANSWER_SECONDS
    """How long an interaction may take before it is called off."""
