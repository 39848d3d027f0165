"""Slack's requests over a socket: a message is durable before it is acknowledged, everything else is Bolt's.

Bolt raises for an event that it cannot read before it asks any listener, and what was not acknowledged is sent again.
So messages do not depend on it, and no other event is worth being sent again. Clicks, forms and commands are sent once:
where one of them is not acknowledged, Slack tells the person that it did not work. So what came in before a connection
is closed is answered over it, and what comes in while it closes is left to Slack.
"""

from __future__ import annotations

import asyncio
import logging
from time import time
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from handlers.listeners.intake import take_message
from handlers.reception import Reception
from storage.database import DatabaseUnavailable

log = logging.getLogger(__name__)

LAST_ANSWERS_SECONDS = 3.0
"""How long a connection that closes waits for answers under way: Slack itself waits no longer."""
CONNECT_WITHIN_SECONDS = 60.0
"""How long one address is tried for. Slack may ask to wait for half of that before it gives one."""
PING_SECONDS = 10.0


class _Client(SocketModeClient):
    """Slack's own client, which tries the same address for ever: one that was used, or is too old, lets nobody in."""

    async def connect(self) -> None:
        """Connect, at a new address where the one at hand does not do."""
        while not self.closed:
            try:
                async with asyncio.timeout(CONNECT_WITHIN_SECONDS):
                    await super().connect()  # type: ignore[no-untyped-call]  # slack_sdk leaves it unannotated
                return
            except TimeoutError:
                log.warning("no connection within %s s; asking Slack where to connect", CONNECT_WITHIN_SECONDS)
                self.wss_uri = None


class Socket(AsyncSocketModeHandler):
    """One connection to Slack."""

    def __init__(self, app: AsyncApp, app_token: str, web_client: AsyncWebClient, reception: Reception) -> None:
        # Bolt's own would make a client of the SDK's.
        self.app, self.app_token = app, app_token
        self.client = _Client(app_token, app.logger, web_client, ping_interval=PING_SECONDS)
        self.client.socket_mode_request_listeners.append(self.handle)  # type: ignore[arg-type]  # as in Bolt
        self._reception = reception
        self._answering: set[asyncio.Task[None]] = set()
        self._is_closing = False

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]  # as in Bolt
        """Answer one request; without a status of 200 it is not acknowledged, nor where the connection closes."""
        if self._is_closing:
            return
        answering = asyncio.create_task(self._answer(client, req))
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)
        await answering

    async def close_async(self) -> None:
        """Close it once what came in is answered."""
        self._is_closing = True
        if self._answering:
            await asyncio.wait(self._answering, timeout=LAST_ANSWERS_SECONDS)
        await super().close_async()  # type: ignore[no-untyped-call]  # slack_bolt leaves it unannotated

    async def _answer(self, client: SocketModeClient, req: SocketModeRequest) -> None:
        start = time()
        if req.type != "events_api":
            answer = await run_async_bolt_app(self.app, req)
        elif _is_message(req.payload):
            answer = await self._store(req.payload)
        else:
            answer = await self._hear(req)
        try:
            await send_async_response(client, req, answer, start)
        except ConnectionError as error:
            log.warning("an answer did not reach Slack, which may send it again or say that it failed: %s", error)

    async def _store(self, envelope: dict[str, Any]) -> BoltResponse:
        try:
            await take_message(self._reception, envelope)
        except DatabaseUnavailable as error:
            log.error("a message was not stored, so Slack will send it again: %s", error)
            return BoltResponse(status=500)
        return BoltResponse(status=200)

    async def _hear(self, request: SocketModeRequest) -> BoltResponse:
        try:
            await run_async_bolt_app(self.app, request)
        except Exception as error:  # Bolt's own, and its error handler's: nothing of ours was reached
            log.error("an event was let go that cannot be read: %r", error)
        return BoltResponse(status=200)


def _is_message(envelope: dict[str, Any]) -> bool:
    event = envelope.get("event")
    return isinstance(event, dict) and event.get("type") == "message"
