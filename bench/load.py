"""A small HTTP client that costs little beside what it measures: keep-alive connections, requests written beforehand.

Latency is from the moment a request is written to the moment its whole answer was read.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit


@dataclass
class Answers:
    """What came back."""

    seconds: list[float] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    """Every status but 200."""
    lateness: list[float] = field(default_factory=list)
    """How much later than planned each was sent (open loop)."""
    elapsed: float = 0.0

    @property
    def rate(self) -> float:
        """Answered a second."""
        return len(self.seconds) / self.elapsed if self.elapsed else 0.0

    def check(self, what: str) -> None:
        """Raises RuntimeError if anything was not answered with 200: then the times mean nothing."""
        if self.refused:
            raise RuntimeError(f"{what}: {len(self.refused)} answers were not 200, the first {self.refused[0]}")


class Target:
    """One URL, over as many keep-alive connections as are needed at once."""

    def __init__(self, url: str, signing_secret: str) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._path = parts.hostname or "", parts.port or 80, parts.path
        self._secret = signing_secret.encode()
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    def event(self, envelope: dict[str, Any]) -> bytes:
        """A signed event, ready to be written."""
        return self._request(json.dumps(envelope).encode(), "application/json")

    def interaction(self, payload: dict[str, Any]) -> bytes:
        """A signed click, ready to be written."""
        body = urlencode({"payload": json.dumps(payload)}).encode()
        return self._request(body, "application/x-www-form-urlencoded")

    async def open_loop(self, requests: Sequence[bytes], rate: float) -> Answers:
        """Send at a fixed rate, whether or not earlier ones are answered."""
        answers, loop = Answers(), asyncio.get_running_loop()
        await self._warm(min(16, len(requests)))
        begin, tasks = loop.time() + 0.02, []
        for number, request in enumerate(requests):
            due = begin + number / rate
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            answers.lateness.append(loop.time() - due)
            tasks.append(asyncio.create_task(self._timed(request, answers)))
        await asyncio.gather(*tasks)
        answers.elapsed = loop.time() - begin
        return answers

    async def closed_loop(self, requests: Sequence[bytes], concurrency: int, *, seconds: float = 3600) -> Answers:
        """Send the next as soon as one is answered, until all are sent or the time is over."""
        answers, loop, waiting = Answers(), asyncio.get_running_loop(), iter(requests)
        await self._warm(concurrency)
        begin = loop.time()
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(self._drain(waiting, answers, begin + seconds))
        answers.elapsed = loop.time() - begin
        return answers

    async def close(self) -> None:
        """Hang up."""
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def _drain(self, waiting: Iterator[bytes], answers: Answers, until: float) -> None:
        loop = asyncio.get_running_loop()
        for request in waiting:
            await self._timed(request, answers)
            if loop.time() > until:
                return

    async def _warm(self, connections: int) -> None:
        while len(self._idle) < connections:
            self._idle.append(await asyncio.open_connection(self._host, self._port))

    async def _timed(self, request: bytes, answers: Answers) -> None:
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(self._host, self._port)
        begin = time.perf_counter()
        writer.write(request)
        status = await _status(reader)
        answers.seconds.append(time.perf_counter() - begin)
        if status != 200:
            answers.refused.append(status)
        self._idle.append((reader, writer))

    def _request(self, body: bytes, content_type: str) -> bytes:
        timestamp = str(int(time.time()))
        signed = hmac.new(self._secret, b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        head = (
            f"POST {self._path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Type: {content_type}\r\n"
            f"User-Agent: Slackbot 1.0\r\nAccept: */*\r\nX-Slack-Request-Timestamp: {timestamp}\r\n"
            f"X-Slack-Signature: v0={signed}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


async def _status(reader: asyncio.StreamReader) -> int:
    """Read one whole answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    await reader.readexactly(int(headers.get("content-length", "0")))
    return int(lines[0].split(" ", 2)[1])
