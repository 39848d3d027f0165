"""The floor under everything that is durable: one row, one commit, one connection of the bare driver."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psycopg

_CREATE = "create table if not exists bench_commits (id bigint generated always as identity, payload text not null)"
_INSERT = "insert into bench_commits (payload) values (%s)"


class BareCommits:
    """A table of its own, and connections that each commit every statement."""

    def __init__(self, url: str, concurrency: int) -> None:
        self._url = url
        self._concurrency = concurrency
        self._connections: list[psycopg.AsyncConnection[Any]] = []

    async def __aenter__(self) -> BareCommits:
        for _ in range(self._concurrency):
            self._connections.append(
                await psycopg.AsyncConnection.connect(self._url, autocommit=True, prepare_threshold=0)
            )
        await self._connections[0].execute(_CREATE)
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._connections:
            await connection.close()

    async def rate(self, count: int, *, payload_bytes: int = 500) -> float:
        """Commits a second, `count` in all."""
        payload = "x" * payload_bytes
        begin = time.perf_counter()
        each = count // self._concurrency
        await asyncio.gather(*(self._commit(one, each, payload) for one in self._connections))
        return each * self._concurrency / (time.perf_counter() - begin)

    async def seconds(self, count: int, *, payload_bytes: int = 500) -> list[float]:
        """How long single commits take, one after another."""
        found, payload = [], "x" * payload_bytes
        for _ in range(count):
            begin = time.perf_counter()
            await self._connections[0].execute(_INSERT, (payload,))
            found.append(time.perf_counter() - begin)
        return found

    async def _commit(self, connection: psycopg.AsyncConnection[Any], count: int, payload: str) -> None:
        for _ in range(count):
            await connection.execute(_INSERT, (payload,))
