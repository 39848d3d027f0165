"""`GET /metrics`: how cases go, for Prometheus. Only for whoever has the token; without one there is no such page.

Reading every case's record takes time, so what was counted is told again for some minutes; however many ask at once, it
is counted once.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from aiohttp import web

from copilot.measures_words import exposition
from handlers.flows.measure_cases import measure_cases
from storage.database import Database, DatabaseUnavailable

log = logging.getLogger(__name__)

METRICS_PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENED_WITHIN = timedelta(days=30)
KEPT_FOR = timedelta(minutes=5)


class CaseMetrics:
    """The page, and what it told last."""

    def __init__(self, database: Database, token: str, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._expected = f"Bearer {token}".encode()
        self._clock = clock
        self._told = ""
        self._told_at: datetime | None = None
        self._turn = asyncio.Lock()

    async def answer(self, request: web.Request) -> web.Response:
        """The measures of the cases opened within 30 days, at most five minutes old."""
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, self._expected):
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        try:
            async with self._turn:
                await self._count()
        except DatabaseUnavailable as error:
            log.warning("the cases could not be measured: %s", error)
            return web.Response(status=503)
        return web.Response(body=self._told.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def _count(self) -> None:
        now = self._clock()
        if self._told_at is not None and timedelta(0) <= now - self._told_at < KEPT_FOR:
            return
        self._told = exposition(await measure_cases(self._database, since=now - OPENED_WITHIN))
        self._told_at = now
