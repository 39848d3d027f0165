"""The shipped bot over signed HTTP: `all` of it, or only its `web` side, with nobody working off the queue."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web

from bench.children.conversation import converse
from bot.process import running
from bot.settings import read_settings
from bot.web import SLACK_PATH, make_web_app
from bot.wiring import Parts, build


async def main(part: str) -> None:
    logging.basicConfig(level=logging.ERROR)
    settings = read_settings({**os.environ, "COUNTERSIGN_HTTP_PORT": "1"})
    settings = replace(settings, http_port=0)  # any free one; a setting must name a real port
    # The load comes from few accounts; the local Slack counts no calls either.
    parts = await build(settings, settings.database_url or "", presses_a_minute=1_000_000)
    async with _serving(parts) if part == "web" else _everything(parts) as url:
        await converse({"url": url + SLACK_PATH, "pid": os.getpid()})


@asynccontextmanager
async def _everything(parts: Parts) -> AsyncIterator[str]:
    async with running(parts) as process:
        yield process.http_url


@asynccontextmanager
async def _serving(parts: Parts) -> AsyncIterator[str]:
    await parts.inbox.open()
    runner = web.AppRunner(make_web_app(parts), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
        await parts.inbox.close()
        await parts.database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
