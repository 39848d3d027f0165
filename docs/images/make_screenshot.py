"""Makes docs/images/local-slack.png again: the approval card of scenario A, as sana sees it in the local Slack's page.

    python -m docs.images.make_screenshot        # from the repository's folder, after `make test` has set things up

It starts its own PostgreSQL, local Slack and bot in a temporary folder, lets mallory ask and olivia confirm, and takes
the picture with the system's Chromium. The page is laid out a little larger than the picture, so that all of the card
is on it.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

from playwright.async_api import ViewportSize, async_playwright

from storage.embedded import start_embedded
from storage.migrate import migrate
from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.running import RunningDesk, running_desk
from tests.scenario.test_false_authority import mallory_asks, olivia_confirms

PICTURE = Path(__file__).with_name("local-slack.png")
WIDTH, HEIGHT = 1280, 800
LAYOUT_SCALE = 1.125
MOST_BYTES = 200_000


async def main() -> None:
    """Write the picture; end with a message where it became too heavy for the README."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-picture-"))
    server = start_embedded(folder / "postgres")
    try:
        migrate(server.get_uri())
        async with running_desk(server.get_uri(), folder / "data") as desk:
            await mallory_asks(desk)
            await olivia_confirms(desk)
            await take_picture(desk)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
    size = PICTURE.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{PICTURE.name} has {size:,} bytes; it should stay below {MOST_BYTES:,}")
    print(f"{PICTURE.name}: {size:,} bytes")


async def take_picture(desk: RunningDesk) -> None:
    """What sana sees in #desk-approvals."""
    viewport = ViewportSize(width=round(WIDTH * LAYOUT_SCALE), height=round(HEIGHT * LAYOUT_SCALE))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_ARGUMENTS)
        page = await browser.new_page(viewport=viewport, device_scale_factor=1 / LAYOUT_SCALE)
        await page.goto(f"{desk.slack.url}/?as=sana&channel=desk-approvals")
        await page.get_by_role("button", name="Approve").wait_for()
        await page.get_by_role("status").filter(has_text="Live").wait_for()
        await page.screenshot(path=PICTURE)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
