"""Pushes what happens to the pages that are open, each seeing only what its person may see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

from aiohttp import WSMsgType, web

from local_slack import presentation
from local_slack.records import Channel, Json
from local_slack.world import World


class LiveHub:
    """The WebSockets of open pages, by the person they show."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._queues: dict[str, set[asyncio.Queue[str]]] = {}
        self._sockets: set[web.WebSocketResponse] = set()

    async def serve(self, request: web.Request, user_id: str) -> web.WebSocketResponse:
        """Keep one page up to date until it goes away."""
        socket = web.WebSocketResponse(heartbeat=20)
        await socket.prepare(request)
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._queues.setdefault(user_id, set()).add(queue)
        self._sockets.add(socket)
        writer = asyncio.create_task(self._write(socket, queue))
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            self._queues[user_id].discard(queue)
            self._sockets.discard(socket)
            writer.cancel()
        return socket

    async def _write(self, socket: web.WebSocketResponse, queue: asyncio.Queue[str]) -> None:
        while not socket.closed:
            try:
                await socket.send_str(await queue.get())
            except ConnectionError:
                return

    async def close_all(self) -> None:
        """Close every page's connection because the server stops."""
        for socket in list(self._sockets):
            await socket.close(code=1001)

    def push(self, user_id: str, kind: str, body: Json) -> None:
        """Tell one person's pages. Costs nothing when none is open."""
        for queue in self._queues.get(user_id, ()):
            queue.put_nowait(json.dumps({"type": kind, **body}, ensure_ascii=False))

    def toast(self, user_id: str, text: str) -> None:
        self.push(user_id, "toast", {"text": text})

    def to_channel(self, channel: Channel, kind: str, body: Json) -> None:
        """Tell everyone whose client shows the channel."""
        for user_id in self._watching(channel):
            self.push(user_id, kind, {"channel": channel.id, **body})

    def message(self, channel: Channel, kind: str, message: Json) -> None:
        """Tell everyone in the channel of a message, each with the author as seen from their company."""
        for user_id in self._watching(channel):
            viewer = self._world.users[user_id]
            shown = presentation.message(self._world, channel, message, viewer)
            self.push(user_id, kind, {"channel": channel.id, "message": shown})

    def ephemeral(self, channel: Channel, user_id: str, message: Json) -> None:
        if self._queues.get(user_id):
            viewer = self._world.users[user_id]
            shown = presentation.message(self._world, channel, message, viewer) | {"ephemeral": True}
            self.push(user_id, "ephemeral", {"channel": channel.id, "message": shown})

    def channel_changed(self, channel: Channel, also: Iterable[str] = ()) -> None:
        for user_id in {*self._watching(channel), *also}:
            self.push(user_id, "channel_changed", {"channel": channel.id})

    def _watching(self, channel: Channel) -> list[str]:
        users = self._world.users
        return [u for u, queues in self._queues.items() if queues and self._world.can_see(users[u], channel)]
