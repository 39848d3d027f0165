"""Answers of the Messages API as streams of server-sent events: whole, cut, with errors in the middle, or for ever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from tests.messages_api import MODEL, Answer, error

Event = Mapping[str, Any]
USAGE = {
    "input_tokens": 100,
    "cache_creation_input_tokens": 1_000,
    "cache_read_input_tokens": 10,
    "output_tokens": 1,
}
OUTPUT_TOKENS = 50
_PIECE = 7


def words(text: str) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": text}


def call(name: str, call_id: str = "", /, **given: Any) -> dict[str, Any]:
    """A call of a tool with this input."""
    return raw_call(name, json.dumps(given), call_id)


def raw_call(name: str, input_json: str, call_id: str = "") -> dict[str, Any]:
    """A call of a tool whose input is these characters, JSON or not."""
    return {"type": "tool_use", "id": call_id, "name": name, "json": input_json}


def events(*blocks: Mapping[str, Any], stop_reason: str = "", usage: Mapping[str, int] | None = None) -> list[Event]:
    """The events of one whole answer, its texts in small pieces, with pings between."""
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": [], "stop_reason": None}
    told: list[Event] = [
        {"type": "message_start", "message": {**start, "stop_sequence": None, "usage": {**USAGE, **(usage or {})}}},
        {"type": "ping"},
    ]
    for index, block in enumerate(blocks):
        told += _block_events(index, block)
    reason = stop_reason or ("tool_use" if any(one["type"] == "tool_use" for one in blocks) else "end_turn")
    counted = {"output_tokens": (usage or {}).get("output_tokens", OUTPUT_TOKENS)}
    delta = {"stop_reason": reason, "stop_sequence": None}
    return [*told, {"type": "message_delta", "delta": delta, "usage": counted}, {"type": "message_stop"}]


def _block_events(index: int, block: Mapping[str, Any]) -> list[Event]:
    if block["type"] == "text":
        began: dict[str, Any] = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"])]
    else:
        name = block["id"] or f"toolu_{index}"
        began = {"type": "tool_use", "id": name, "name": block["name"], "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *_pieces(block["json"])]]
    return [
        {"type": "content_block_start", "index": index, "content_block": began},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _pieces(text: str) -> list[str]:
    size = max(_PIECE, len(text) // 50)
    return [text[start : start + size] for start in range(0, len(text), size)]


def streams(*blocks: Mapping[str, Any], stop_reason: str = "", usage: Mapping[str, int] | None = None) -> Answer:
    """Answer with these blocks, whole."""
    return sends_events(events(*blocks, stop_reason=stop_reason, usage=usage))


def streams_until(kind: str, *blocks: Mapping[str, Any], nth: int = 1, then: str = "cut") -> Answer:
    """Answer with these blocks up to the nth event of a kind, which is sent; then cut the connection, end, or hang."""
    told = events(*blocks)
    places = [place for place, event in enumerate(told) if event["type"] == kind]
    return sends_events(told[: places[nth - 1] + 1], then)


def fails_midway(kind: str, *blocks: Mapping[str, Any]) -> Answer:
    """Answer with these blocks, and say that it failed before the answer is whole."""
    broken = {"type": "error", "error": {"type": kind, "message": "scripted"}}
    return sends_events([*events(*blocks)[:-2], broken])


def sends_events(told: Iterable[Event], then: str = "end") -> Answer:
    """Send events, then end the answer, cut the connection, or hang."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if not (await request.json()).get("stream"):
            return error(400, "invalid_request_error", "the test scripted a stream for a request that wants none")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in told:
            await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        if then == "hang":
            await asyncio.sleep(60)
            raise AssertionError("the client waited a minute")
        if then == "cut":
            assert request.transport is not None
            await asyncio.sleep(0)
            request.transport.abort()
        return response

    return answer


def sends_text(text: str) -> Answer:
    """Answer a stream with any characters at all."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(text.encode())
        return response

    return answer
