"""A strict local stand-in for the Messages API over real HTTP, with scripted answers.

It refuses what the real service refuses of the fields the product uses (headers; the body, by `tests.messages_checks`),
remembers every request, and answers from a script: a good message, a refusal, a cut or malformed one, an error status,
silence, a dropped connection; as a stream by `tests.messages_stream`. What it does not do: token counts that mean
anything.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.messages_checks import body_problem

KEY = "test-key"
MODEL = "claude-test-1"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class MessagesApi:
    """The stand-in's state: where it listens, what it was asked, what it will answer next."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    script: deque[Answer] = field(default_factory=deque)
    always: Answer | None = None

    def will(self, *answers: Answer) -> None:
        """Add answers for the coming requests, one each."""
        self.script.extend(answers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await _json_body(request)
        problem = _what_is_wrong(request, body)
        if problem is not None:
            return error(*problem)
        self.requests.append(body)
        answer = self.script.popleft() if self.script else self.always
        if answer is None:
            return error(500, "api_error", "the test scripted no answer for this request")
        return await answer(request)


@asynccontextmanager
async def serving() -> AsyncIterator[MessagesApi]:
    """Serve on a free loopback port until the block ends."""
    api = MessagesApi()
    app = web.Application()
    app.router.add_post("/v1/messages", api.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    api.url = f"http://{host}:{port}"
    try:
        yield api
    finally:
        await runner.cleanup()


async def _json_body(request: web.Request) -> Any:
    try:
        return json.loads(await request.text())
    except ValueError:
        return None


def _what_is_wrong(request: web.Request, body: Any) -> tuple[int, str, str] | None:
    # SDK 2.11 sends the key as a bearer token, earlier ones as x-api-key.
    if KEY not in (request.headers.get("x-api-key"), request.headers.get("authorization", "").removeprefix("Bearer ")):
        return 401, "authentication_error", "invalid API key"
    if not request.headers.get("anthropic-version"):
        return 400, "invalid_request_error", "anthropic-version: header is required"
    if request.content_type != "application/json" or not isinstance(body, dict):
        return 400, "invalid_request_error", "The request body is not valid JSON"
    problem = body_problem(body)
    return None if problem is None else (400, "invalid_request_error", problem)


def error(status: int, kind: str, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error in the service's form."""
    document = {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_test"}
    return web.json_response(document, status=status, headers=headers)


def message(text: str | None, stop_reason: str = "end_turn") -> dict[str, Any]:
    """A message in the service's form; None for no content at all."""
    return {
        "id": "msg_test",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [] if text is None else [{"type": "text", "text": text}],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 7},
    }


def says(answer: Mapping[str, Any] | str, stop_reason: str = "end_turn") -> Answer:
    """Answer with a message whose text is this document, or these very words."""
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return _sends(web.json_response, message(text, stop_reason))


def refuses() -> Answer:
    return _sends(web.json_response, message(None, "refusal"))


def sends_body(text: str, content_type: str = "application/json") -> Answer:
    """Answer 200 with any body."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type=content_type)

    return answer


def fails(status: int, kind: str = "api_error", headers: Mapping[str, str] | None = None) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return error(status, kind, "scripted", headers)

    return answer


def hangs() -> Answer:
    """Say nothing until the client gives up."""

    async def answer(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError("the client waited a minute")

    return answer


def hangs_up() -> Answer:
    """Close the connection without an answer."""

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    return answer


def _sends(make: Callable[[Any], web.Response], document: Any) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return make(document)

    return answer
