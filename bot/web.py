"""The bot's own web server: signed Slack requests, tickets over HTTP, health, metrics, and the pages for passkeys.

Nothing is decided here. The one vote that comes in over HTTP is what somebody's passkey signed (`bot.passkey_pages`),
and it goes the way of every vote.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request

from bot.metrics import METRICS_PATH, CaseMetrics
from bot.passkey_pages import PasskeyPages
from bot.signed_messages import SignedMessages
from bot.wiring import Parts
from handlers.errors import BadInput, Refused
from handlers.flows.read_intake_status import read_intake_status
from handlers.http_intake import MAX_BODY_BYTES, Asked, arrival_of, authenticate, read_request
from storage import inbox as inbox_queries
from storage.database import DatabaseUnavailable

log = logging.getLogger(__name__)

SLACK_PATH = "/slack/events"
INTAKE_PATH = "/api/v1/intake"
MAX_SLACK_BODY_BYTES = 3_000_000


def make_web_app(parts: Parts, *, now: Callable[[], float] = time.time) -> web.Application:
    """The routes this process serves. Slack's are there only with a signing secret to check them by."""
    app = web.Application(client_max_size=MAX_SLACK_BODY_BYTES)
    server = _Server(parts, now)
    app.router.add_get("/healthz", server.health)
    app.router.add_post(INTAKE_PATH, server.intake)
    app.router.add_get(INTAKE_PATH + "/{channel}/{correlation_id}", server.intake_status)
    if parts.settings.site is not None:
        app.router.add_routes(PasskeyPages(parts.reception, parts.settings.site, now).routes())
    if parts.settings.metrics_token is not None:
        metrics = CaseMetrics(parts.database, parts.settings.metrics_token, parts.reception.desk.clock)
        app.router.add_get(METRICS_PATH, metrics.answer)
    secret = parts.settings.slack.signing_secret
    if secret is not None:
        app.router.add_post(SLACK_PATH, _SlackDoor(parts, secret).take)
    return app


class _SlackDoor:
    """Where Slack sends everything. Signatures and their age are checked: of messages at once, of the rest by Bolt."""

    def __init__(self, parts: Parts, signing_secret: str) -> None:
        self._bolt = parts.slack
        self._messages = SignedMessages(signing_secret, parts.reception)

    async def take(self, request: web.Request) -> web.Response:
        """POST: a message is durable before it is acknowledged."""
        if not _is_readable(request.headers):
            return web.Response(status=401, text="the signature or its time cannot be read")
        try:
            if await self._messages.take(request.headers, await request.read()):
                return web.Response()
        except DatabaseUnavailable as error:
            log.error("a message could not be stored, so Slack will send it again: %s", error)
            return web.Response(status=500)
        try:
            answer = await self._bolt.async_dispatch(await to_bolt_request(request))
        except UnicodeDecodeError:
            return web.Response(status=400, text="the body is not UTF-8")
        except Exception as error:  # Bolt's own, and its error handler's: nothing of ours was reached
            log.error("a request was let go that cannot be read: %r", error)
            return web.Response(status=400, headers={"X-Slack-No-Retry": "1"})
        return await to_aiohttp_response(answer)


def _is_readable(headers: Mapping[str, str]) -> bool:
    """Whether the SDK can check these headers: it raises, where it should refuse, for a time that is no number."""
    timestamp, signature = headers.get("X-Slack-Request-Timestamp", "0"), headers.get("X-Slack-Signature", "")
    return timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16 and signature.isascii()


class _Server:
    """The handlers, with the parts they need."""

    def __init__(self, parts: Parts, now: Callable[[], float]) -> None:
        self._parts = parts
        self._now = now

    async def health(self, _request: web.Request) -> web.Response:
        """Whether this process can take tickets: its database answers."""
        try:
            async with self._parts.database.transaction() as tx:
                await inbox_queries.ping(tx)
        except DatabaseUnavailable as error:
            return _json(503, {"status": "unavailable", "reason": str(error)})
        return _json(200, {"status": "ok"})

    async def intake(self, request: web.Request) -> web.Response:
        """POST: one ticket. 202 means that it is durable."""
        try:
            body = await self._body(request)
            self._authenticate(request, body)
            asked = read_request(body)
            arrival = arrival_of(asked)
            is_new = await self._parts.inbox.store(arrival)
            if not is_new and not await self._is_same(arrival.dedup_key, arrival.payload):
                return _problem(409, {"correlationId": "was used before for another ticket; choose a new one"})
        except Refused as refused:
            return _json(401, {"error": "unauthenticated", "message": refused.reply})
        except BadInput as error:
            return _problem(400, error.fields)
        except DatabaseUnavailable as error:
            log.error("a ticket over HTTP could not be stored: %s", error)
            return web.json_response(
                {"error": "unavailable", "message": "The ticket could not be stored. Send it again."},
                status=503,
                headers={"Retry-After": "5"},
            )
        where = f"{INTAKE_PATH}/{asked.channel}/{quote(asked.correlation_id, safe='')}"
        return _json(
            202, {"status": "accepted", "correlationId": asked.correlation_id, "duplicate": not is_new, "self": where}
        )

    async def intake_status(self, request: web.Request) -> web.Response:
        """GET: what the requester's side may know of a ticket that came in here."""
        try:
            self._authenticate(request, b"")
        except Refused as refused:
            return _json(401, {"error": "unauthenticated", "message": refused.reply})
        channel, correlation_id = request.match_info["channel"], request.match_info["correlation_id"]
        if not (channel + correlation_id).isprintable():
            return _json(404, {"error": "not_found", "message": "No ticket came in under this correlation id."})
        try:
            found = await read_intake_status(self._parts.reception.desk, channel, correlation_id)
        except DatabaseUnavailable:
            return _json(503, {"error": "unavailable", "message": "The database did not answer. Ask again."})
        if found is None:
            return _json(404, {"error": "not_found", "message": "No ticket came in under this correlation id."})
        return _json(200, found)

    def _authenticate(self, request: web.Request, body: bytes) -> None:
        asked = Asked(request.method, request.raw_path, body)
        authenticate(self._parts.settings.intake, request.headers, asked, now=self._now())

    async def _body(self, request: web.Request) -> bytes:
        if request.content_length is not None and request.content_length > MAX_BODY_BYTES:
            raise BadInput({"body": f"must be at most {MAX_BODY_BYTES} bytes"})
        body = await request.read()
        if len(body) > MAX_BODY_BYTES:
            raise BadInput({"body": f"must be at most {MAX_BODY_BYTES} bytes"})
        return body

    async def _is_same(self, dedup_key: str, payload: Mapping[str, Any]) -> bool:
        async with self._parts.database.transaction() as tx:
            stored = await inbox_queries.find(tx, dedup_key)
        return stored is None or stored.payload == dict(payload)


def _problem(status: int, fields: Mapping[str, str]) -> web.Response:
    return _json(status, {"error": "bad_request" if status == 400 else "conflict", "fields": dict(fields)})


def _json(status: int, body: Mapping[str, Any]) -> web.Response:
    return web.json_response(dict(body), status=status, dumps=lambda value: json.dumps(value, ensure_ascii=False))
