"""Enrolling a passkey and approving with it in a real browser, with an authenticator that its debugger makes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import CDPSession, Page

from tests.browser.conftest import PageFactory
from tests.passkeys import give_passkey, link_given, links_in
from tests.ports import free_port
from tests.running import RunningDesk, running_desk
from tests.threats.cases import card_of, open_case, open_form

pytestmark = pytest.mark.browser

NARROW = {"viewport": {"width": 360, "height": 740}}


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    """A desk whose pages a browser reaches by the name that passkeys are allowed on."""
    port = free_port()
    site = {"COUNTERSIGN_PUBLIC_URL": f"http://localhost:{port}"}
    async with running_desk(database_url, tmp_path, environment=site, http_port=port) as running:
        yield running


async def authenticator(page: Page, *, is_user_verified: bool = True) -> tuple[CDPSession, str]:
    """A device with a passkey store, as the browser's debugger makes one."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": is_user_verified,
        "automaticPresenceSimulation": True,
    }
    made = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, str(made["authenticatorId"])


async def press(page: Page, *, expecting: str) -> str:
    """Press the page's button; the words that come of it."""
    await page.get_by_role("button").click()
    said = page.get_by_role("status")
    await said.filter(has_text=expecting).wait_for()
    return str(await said.text_content())


async def enrolled(desk: RunningDesk, page_of: PageFactory, who: str, approver: str) -> Page:
    """Somebody enrols a passkey in their browser, and somebody else approves it in Slack; the browser stays open."""
    person = desk.slack.person(who)
    await person.command("/countersign", "passkey", channel="general")
    page = await page_of(await link_given(desk, who, "general"))
    await authenticator(page)
    said = await press(page, expecting="waits for somebody")
    made = await desk.value("select id::text from passkeys where owner like :who", who=f"%{person.id}")
    card = await desk.until(lambda: passkey_card(desk, made))
    await desk.idle()  # A press counts once we know where the card stands.
    await desk.slack.person(approver).click("desk-approvals", card["ts"], action_id="passkey.approve")
    await desk.until(lambda: desk.value("select 1 from passkeys where id = :id and state = 'approved'", id=UUID(made)))
    assert "Its code: " in said
    return page


def passkey_card(desk: RunningDesk, passkey_id: str) -> Any:
    cards = desk.slack.person("victor").history("desk-approvals")
    return next((one for one in cards if f'"{passkey_id}"' in str(one["blocks"]).replace("'", '"')), None)


async def pressed(desk: RunningDesk, who: str, ts: str) -> str:
    """Somebody pressed Approve: the link they were given."""
    known = len(links_in([one.get("blocks") for one in desk.slack.person(who).ephemerals("desk-approvals")]))
    await desk.slack.person(who).click("desk-approvals", ts, action_id="request.approve")
    told = desk.slack.person(who).ephemerals
    return (await desk.until(lambda: links_in([one.get("blocks") for one in told("desk-approvals")])[known:]))[-1]


async def votes(desk: RunningDesk) -> int:
    return int(await desk.value("select count(*) from votes"))


async def test_two_people_enrol_a_passkey_and_approve_what_is_critical_with_it(
    desk: RunningDesk, browser_page_factory: PageFactory, tmp_path: Path
) -> None:
    request_id = await open_form(desk, await open_case(desk), "user.suspend", {"email": "erin@acme.example"})
    ts = await card_of(desk, request_id)

    for who, other in (("sana", "victor"), ("victor", "sana")):
        page = await enrolled(desk, browser_page_factory, who, other)
        await page.goto(await pressed(desk, who, ts))
        await page.get_by_role("heading", name="Suspend").wait_for()
        before = await votes(desk)
        await press(page, expecting="Your approval is recorded")
        assert await votes(desk) == before + 1

    done = "select 1 from action_requests where id = :id and status = 'executed'"
    await desk.until(lambda: desk.value(done, id=request_id))


async def test_a_device_that_does_not_ask_who_is_there_approves_nothing(
    desk: RunningDesk, browser_page_factory: PageFactory
) -> None:
    request_id = await open_form(desk, await open_case(desk), "user.suspend", {"email": "erin@acme.example"})
    page = await enrolled(desk, browser_page_factory, "sana", "victor")
    session = await page.context.new_cdp_session(page)
    url = await pressed(desk, "sana", await card_of(desk, request_id))
    await page.goto(url)
    assert session is not None

    other = await browser_page_factory(url)
    await authenticator(other, is_user_verified=False)
    await press(other, expecting="called off")

    assert await votes(desk) == 0


async def test_on_another_browser_there_is_no_passkey_for_it_and_opening_the_link_does_nothing(
    desk: RunningDesk, browser_page_factory: PageFactory
) -> None:
    request_id = await open_form(desk, await open_case(desk), "user.suspend", {"email": "erin@acme.example"})
    await give_passkey(desk, "sana")
    url = await pressed(desk, "sana", await card_of(desk, request_id))

    page = await browser_page_factory(url)
    await page.reload()
    await authenticator(page)
    await press(page, expecting="there is no passkey for this here")

    assert await votes(desk) == 0


async def test_the_pages_are_readable_in_the_light_in_the_dark_and_on_a_phone(
    desk: RunningDesk, browser_page_factory: PageFactory, tmp_path: Path
) -> None:
    request_id = await open_form(desk, await open_case(desk), "user.suspend", {"email": "erin@acme.example"})
    await give_passkey(desk, "sana")
    confirm = await pressed(desk, "sana", await card_of(desk, request_id))
    await desk.slack.person("sana").command("/countersign", "passkey", channel="general")
    enrol = await link_given(desk, "sana", "general")
    shots = Path(os.environ.get("COUNTERSIGN_SCREENSHOTS") or tmp_path)

    for name, url in (("confirm", confirm), ("enrol", enrol)):
        for scheme, options in (("light", {}), ("dark", {}), ("narrow", NARROW)):
            dark = "dark" if scheme == "dark" else "light"
            page = await browser_page_factory(url, color_scheme=dark, **options)
            await page.get_by_role("button").wait_for()
            await page.screenshot(path=shots / f"passkeys-{name}-{scheme}.png", full_page=True)
            fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            assert await page.evaluate(fits), (name, scheme)
            assert await page.evaluate(CONTRAST) >= 4.5, (name, scheme)
            await page.keyboard.press("Tab")
            assert await page.evaluate("document.activeElement.id") == "go"


CONTRAST = """() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((one) => one / 255)
      .map((one) => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (!/, 0\\)$|transparent/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const ratios = [...document.querySelectorAll("main *")].filter((one) => one.innerText && one.children.length === 0)
    .map((one) => [light(getComputedStyle(one).color), light(ground(one))])
    .map(([one, other]) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05));
  return Math.min(...ratios);
}"""
"""The lowest contrast of any text on the page, as WCAG 2 computes it."""
