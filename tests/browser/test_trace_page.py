"""The trace of a case in a real browser: nothing is asked of anybody, nothing is wider than the page, and it prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from copilot.trace_document import Record, make_trace
from copilot.trace_page import trace_page
from tests.copilot.case_stories import LEAD, scenario_b

pytestmark = pytest.mark.browser

TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("width", [1200, 390])
async def test_the_page_asks_nobody_for_anything_and_fits(chromium: Browser, tmp_path: Path, width: int) -> None:
    story = scenario_b().story
    record = Record(story.opened_at, story.length, "ab" * 32)
    page_file = tmp_path / "trace.html"
    page_file.write_text(trace_page(make_trace("c1", story, record, {LEAD: "Olivia Ortiz"})))
    context = await chromium.new_context(viewport={"width": width, "height": 900})
    page = await context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))

    await page.goto(page_file.as_uri())

    assert asked == [page_file.as_uri()] and complaints == []
    assert await page.evaluate(TOO_WIDE) <= 0
    await page.get_by_role("link", name="The whole collaboration").click()
    assert await page.get_by_role("heading", name="The whole collaboration, in order (37 entries)").is_visible()
    # Its own style is applied, so its policy lets that in.
    assert await page.locator(".record.holds").evaluate("one => getComputedStyle(one).borderLeftWidth") == "8px"
    assert (await page.pdf(prefer_css_page_size=True)).startswith(b"%PDF")
    await context.close()
