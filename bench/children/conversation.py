"""How a child process talks with the bench: one JSON line when it is ready, then an answer for each line it is sent."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

LINE_LIMIT_BYTES = 1 << 28

Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


async def nothing_to_answer(_question: dict[str, Any]) -> dict[str, Any]:
    """For a child that is only there to be measured."""
    return {}


async def converse(ready: dict[str, Any], answer: Answer = nothing_to_answer) -> None:
    """Say that we are ready, then answer until standard input ends."""
    reader = asyncio.StreamReader(limit=LINE_LIMIT_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say(ready)
    while line := await reader.readline():
        _say(await answer(json.loads(line)))


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()
