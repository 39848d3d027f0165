"""How a person finds their way about the page: by the role and name that a screen reader would read out."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

PATIENCE_MS = 10_000


def last_message(page: Page, author: str = "Countersign") -> Locator:
    return page.get_by_role("log", name="Messages in #").get_by_role("article", name=author).last


def dialog(page: Page, title: str) -> Locator:
    return page.get_by_role("dialog", name=title, exact=True)


async def go_to(page: Page, channel: str) -> None:
    await page.get_by_role("navigation").get_by_role("link", name=channel).click()
    await expect(page.get_by_role("log", name=f"Messages in #{channel}")).to_be_visible()


async def write(page: Page, text: str) -> None:
    box = page.get_by_role("form", name="Write a message").get_by_label("Message").first
    await box.fill(text[:-1])
    await box.press_sequentially(text[-1])
    await box.press("Enter")


async def shows(place: Locator, *texts: str) -> None:
    for text in texts:
        await expect(place).to_contain_text(text, timeout=PATIENCE_MS)


def suggestion(card: Locator, title: str) -> Locator:
    """The row of a suggested action: its title, and its button where somebody has to confirm it."""
    return card.locator("[data-block-type=section]").filter(has_text=title)


async def press_approve(page: Page, message: Locator) -> None:
    """Approve, and yes to the question that Slack asks before a risky click counts."""
    await message.get_by_role("button", name="Approve").click()
    question = dialog(page, "Approve this high-risk action?")
    await question.get_by_role("button", name="Approve").click()
    await expect(question).to_be_hidden()


async def told_only_to(page: Page, *texts: str) -> None:
    """The newest message is one that only this person sees, and says this."""
    said = last_message(page).filter(has_text="Only visible to you")
    await shows(said, *texts)
