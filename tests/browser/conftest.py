"""A real Chromium for the tests that need a page, and a local Slack with a real Bolt app behind it.

Other folders' browser tests reuse `browser_page_factory`: `page = await browser_page_factory(url, **context_options)`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler

from local_slack.server import LocalSlack
from tests.browser.desk_app import MANIFEST, desk_app

CHROMIUM = Path("/usr/bin/chromium")
# No sandbox: tests run as root in containers. The rest keeps the browser from talking to anybody.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 8_000

PageFactory = Callable[..., Awaitable[Page]]


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A running Chromium; a skip where the system has none, a failure of that in CI."""
    if not CHROMIUM.exists():
        reason = f"needs Chromium at {CHROMIUM} (Debian package: chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def browser_page_factory(chromium: Browser) -> AsyncIterator[PageFactory]:
    """Opens pages: `await browser_page_factory(url, **options of Browser.new_context)`, each in a context of its own.

    Afterwards the test fails if any page logged an error (a script's, or one of the content security policy), or asked
    for anything outside the loopback interface.
    """
    complaints: list[str] = []

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(f"script error: {error}"))
        page.on("console", lambda line: complaints.append(f"console: {line.text}") if line.type == "error" else None)
        page.on("request", lambda sent: None if _is_local(sent.url) else complaints.append(f"asked for {sent.url}"))

    async def open_page(url: str, **options: Any) -> Page:
        context = await chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        watch(page)
        await page.goto(url)
        return page

    yield open_page
    for context in chromium.contexts:
        await context.close()
    assert complaints == []


def _is_local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "http://localhost:", "ws://127.0.0.1:", "data:", "about:", "blob:"))


@pytest.fixture
def actions_heard() -> list[dict[str, Any]]:
    """The payloads of the block actions the desk app writes down, oldest first."""
    return []


@pytest.fixture
async def slack(actions_heard: list[dict[str, Any]]) -> AsyncIterator[LocalSlack]:
    """A local Slack without rate limits, with the desk app connected over Socket Mode."""
    async with LocalSlack(counts_calls=False, post_interval_seconds=0, manifest=MANIFEST) as running:
        handler = AsyncSocketModeHandler(desk_app(running, actions_heard), running.app.app_token)
        await handler.connect_async()
        await running.wait_for(lambda: running.socket_count > 0)
        yield running
        await handler.close_async()


@pytest.fixture
def be(slack: LocalSlack, browser_page_factory: PageFactory) -> PageFactory:
    """Opens the page as a person: `await be("olivia", "help")`; ready when its channel is shown."""

    async def open_as(who: str, channel: str = "help", **options: Any) -> Page:
        page = await browser_page_factory(f"{slack.url}/?as={who}&channel={channel}", **options)
        await page.locator("[data-testid=channel-title]", has_text=channel).wait_for()
        await page.locator("[data-testid=link-state][data-state=live]").wait_for()
        return page

    return open_as
