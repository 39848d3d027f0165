"""Socket Mode: tickets, up to ten WebSocket connections an app, envelopes and their acks."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from local_slack.delivery.attempt import Outcome, Parcel
from local_slack.ids import Mint
from local_slack.records import AppInstall, Json

MAX_CONNECTIONS = 10
TICKET_SECONDS = 30.0
PING_SECONDS = 10.0


@dataclass(eq=False)
class Connection:
    """One open WebSocket of an app."""

    socket: web.WebSocketResponse
    is_leaving: bool = False


@dataclass
class Line:
    """All connections of one app; envelopes go to one of them in turn."""

    connections: list[Connection] = field(default_factory=list)
    turn: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def next_open(self) -> Connection | None:
        usable = [c for c in self.connections if not c.is_leaving and not c.socket.closed]
        if not usable:
            self.arrived.clear()
            return None
        self.turn += 1
        return usable[self.turn % len(usable)]


class SocketMode:
    """The server side of Socket Mode for every installed app."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._tickets: dict[str, tuple[str, float]] = {}
        self._lines: dict[str, Line] = {}
        self._waiting: dict[str, asyncio.Future[Json]] = {}

    def open_ticket(self, app: AppInstall) -> str:
        """A ticket for one WebSocket connection; it can be used once, soon."""
        ticket = self._mint.envelope()
        self._tickets[ticket] = (app.app_id, self._mint.now() + TICKET_SECONDS)
        return ticket

    def connection_count(self, app: AppInstall) -> int:
        return sum(not c.socket.closed for c in self._line(app.app_id).connections)

    def _line(self, app_id: str) -> Line:
        return self._lines.setdefault(app_id, Line())

    # The connection's life.

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The WebSocket endpoint behind the URL of `apps.connections.open`."""
        app_id, expires = self._tickets.pop(request.query.get("ticket", ""), ("", 0.0))
        if not app_id or expires < self._mint.now():
            return web.Response(status=401, text="invalid ticket")
        socket = web.WebSocketResponse(max_msg_size=4 * 1024 * 1024)
        await socket.prepare(request)
        line, connection = self._line(app_id), Connection(socket)
        if len(line.connections) >= MAX_CONNECTIONS:
            await socket.send_str(json.dumps({"type": "disconnect", "reason": "too_many_websockets"}))
            await socket.close()
            return socket
        line.connections.append(connection)
        try:
            await self._serve(app_id, line, connection)
        finally:
            line.connections.remove(connection)
        return socket

    async def _serve(self, app_id: str, line: Line, connection: Connection) -> None:
        await connection.socket.send_str(json.dumps(self._hello(app_id, len(line.connections))))
        line.arrived.set()
        pinger = asyncio.create_task(self._ping(connection.socket))
        try:
            async for message in connection.socket:
                if message.type is WSMsgType.TEXT:
                    self._receive(message.data)
        finally:
            pinger.cancel()

    def _hello(self, app_id: str, count: int) -> Json:
        return {
            "type": "hello",
            "num_connections": count,
            "debug_info": {"host": "local-slack", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": app_id},
        }

    async def _ping(self, socket: web.WebSocketResponse) -> None:
        while not socket.closed:
            await asyncio.sleep(PING_SECONDS)
            await socket.ping(b"Ping from local-slack")

    def _receive(self, text: str) -> None:
        """Take an ack. Anything that is not one (or comes too late) is ignored, as Slack does."""
        try:
            answer = json.loads(text)
        except ValueError:
            return
        if not isinstance(answer, dict):
            return
        future = self._waiting.get(str(answer.get("envelope_id", "")))
        if future is not None and not future.done():
            payload = answer.get("payload")
            future.set_result(payload if isinstance(payload, dict) else {})

    # Deliveries.

    async def attempt(self, app: AppInstall, parcel: Parcel, timeout_seconds: float) -> Outcome:
        """Send one envelope over one connection and wait for its ack; waits for a connection if there is none."""
        envelope_id = self._mint.envelope()
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = future
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._send(app, self._envelope(envelope_id, parcel))
                body = await future
        except TimeoutError:
            return Outcome(False, reason="timeout")
        finally:
            del self._waiting[envelope_id]
        return Outcome(True, body or None)

    async def _send(self, app: AppInstall, envelope: Json) -> None:
        text = json.dumps(envelope, separators=(",", ":"))
        line = self._line(app.app_id)
        while True:
            connection = line.next_open()
            if connection is None:
                await line.arrived.wait()
                continue
            try:
                return await connection.socket.send_str(text)
            except ConnectionError:
                # The peer went away between the choice and the write: use another connection.
                connection.is_leaving = True

    def _envelope(self, envelope_id: str, parcel: Parcel) -> Json:
        envelope: Json = {
            "envelope_id": envelope_id,
            "payload": parcel.payload,
            "type": parcel.kind,
            "accepts_response_payload": parcel.accepts_response,
        }
        if parcel.kind == "events_api":
            envelope |= {"retry_attempt": parcel.retry, "retry_reason": parcel.retry_reason}
        return envelope

    # Going away.

    async def disconnect_all(self, reason: str, abruptly: bool) -> None:
        """Close every connection: after a `disconnect` message, or `abruptly`, as a broken network does.

        A `warning` announces the close and leaves the connection open for the app to replace.
        """
        for connection in [c for line in self._lines.values() for c in line.connections]:
            connection.is_leaving = reason != "warning"
            if abruptly:
                transport = connection.socket._req.transport if connection.socket._req else None
                if transport is not None:
                    transport.abort()
                continue
            notice = {"type": "disconnect", "reason": reason, "debug_info": {"host": "local-slack"}}
            try:
                await connection.socket.send_str(json.dumps(notice))
                if reason != "warning":
                    await connection.socket.close()
            except ConnectionError:
                continue  # It is gone already, which is what was asked for.

    async def close_all(self) -> None:
        """Close every connection because the server stops."""
        for connection in [c for line in self._lines.values() for c in line.connections]:
            await connection.socket.close(code=1001)
