"""Scenario A as people meet it: in Chromium, on the local Slack's page, with the shipped bot behind it.

What a test is about is read, typed and pressed on the page; what came before it in the story may have been done by the
local Slack's driver, and what is stored is only looked at. Each test leaves pictures of what it saw in its temporary
folder (`--basetemp=FOLDER` keeps them where you want them).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect
from slack_sdk.web.async_client import AsyncWebClient

from tests.browser.conftest import PageFactory
from tests.browser.finding import (
    PATIENCE_MS,
    dialog,
    go_to,
    last_message,
    press_approve,
    shows,
    suggestion,
    told_only_to,
    write,
)
from tests.running import RunningDesk, running_desk
from tests.scenario.test_false_authority import MALLORY, NOTE, key_status, mallory_asks, olivia_confirms

pytestmark = pytest.mark.browser

SHARED_CHANNEL = "C0EXTEXT001"
KEY = "ak_demo_bob_001"

STEPS = [
    "intake_received",
    "agent_triage_started",
    "agent_triage_completed",
    "policy_decided",  # the note, by policy
    "action_executed",
    "parameters_confirmed",  # the revocation, by olivia
    "policy_decided",
    "vote_cast",
    "request_approved",
    "action_executed",
]
"""What the trail must hold and in this order; it holds more (proposals, deliveries, starts)."""

Picture = Callable[[Page, str], Awaitable[None]]


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    """The shipped bot over Socket Mode, with the demo's directory."""
    async with running_desk(database_url, tmp_path / "data", in_slacks_time=True) as desk:
        yield desk


@pytest.fixture
def be(desk: RunningDesk, browser_page_factory: PageFactory) -> PageFactory:
    """Opens the page as a person, in a browser of their own: `await be("olivia", "desk-triage")`."""

    async def open_as(who: str, channel: str, **options: Any) -> Page:
        page = await browser_page_factory(f"{desk.slack.url}/?as={who}&channel={channel}", **options)
        page.set_default_timeout(PATIENCE_MS)
        await expect(page.get_by_role("log", name=f"Messages in #{channel}")).to_be_visible()
        await expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
        return page

    return open_as


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    """Keeps what a page looks like now: `await picture(page, "approval card")`."""

    async def keep(page: Page, name: str) -> None:
        await page.screenshot(path=tmp_path / f"{name.replace(' ', '-')}.png")

    return keep


async def waits_for_approval(desk: RunningDesk) -> bool:
    status = await desk.value("select status from action_requests where action_id = 'api_key.revoke'")
    return status == "pending" and await key_status(desk) == "active"


async def test_scenario_a_from_the_message_to_the_outcome(desk: RunningDesk, be: PageFactory, picture: Picture) -> None:
    mallory, olivia = await be("mallory", "ext-external"), await be("olivia", "desk-triage")
    sana, victor = await be("sana", "desk-approvals"), await be("victor", "desk-approvals")
    await victor.evaluate("window.neverReloaded = true")

    await mallory_writes_and_sees_an_acknowledgement_only(mallory, picture)
    await olivia_reads_the_triage_card(olivia, picture)
    await olivia_confirms_the_key_and_proposes(desk, olivia, picture)
    await olivia_and_bob_are_refused(desk, olivia, await be("bob", "desk-approvals"), picture)
    await sana_looks_at_rejecting_and_leaves_it(desk, sana, picture)

    await press_approve(sana, sana.get_by_role("article").filter(has_text="Waiting for approval"))

    await told_only_to(sana, "Your vote on “Revoke an API key” is recorded")
    for page in (sana, victor, olivia):
        card = page.get_by_role("article").filter(has_text="Fingerprint")
        await shows(card, "✅ Done", "@sana approved", "(edited)")
        await expect(card.get_by_role("button", name=re.compile("Approve|Reject"))).to_have_count(0)
    assert await victor.evaluate("window.neverReloaded")
    thread = mallory.get_by_role("log", name="Messages in this thread")
    await shows(thread, "About your request (ticket #1): the change has been made.")
    await expect(thread.get_by_role("article")).to_have_count(3)
    assert await key_status(desk) == "revoked"
    assert await desk.value("select count(*) from effects where action_id = 'api_key.revoke'") == 1
    await picture(victor, "done for victor")
    await picture(mallory, "done for mallory")


async def mallory_writes_and_sees_an_acknowledgement_only(page: Page, picture: Picture) -> None:
    await write(page, MALLORY)

    log = page.get_by_role("log", name="Messages in #ext-external")
    await log.get_by_role("button", name="1 reply").click()
    thread = page.get_by_role("log", name="Messages in this thread")
    await expect(thread.get_by_role("article")).to_have_count(2)
    await shows(thread, MALLORY, "we have received your request. It is ticket #1")
    await expect(log.get_by_role("article")).to_have_count(1)
    await expect(page.get_by_role("navigation").get_by_role("link")).to_have_text(["#ext-external, shared with Acme"])
    assert NOTE not in await page.inner_text("body")
    await picture(page, "acknowledged")


async def olivia_reads_the_triage_card(page: Page, picture: Picture) -> None:
    card = last_message(page)
    await shows(card, "Ran by policy")
    await shows(card, "#1  CRITICAL SECURITY INCIDENT", "Mallory Mercer, External Example", "name not verified")
    await shows(card, "“As the security team lead”", "claimed, not verified", MALLORY)
    await shows(card, "Severity🟠 High", "Categorycredentials", "StatusOpen")
    await shows(card, "Confidence", "Modeloffline-", "SourceOffline", "Rationale", "Look closely", NOTE)
    await shows(card, "shared with another company", "no attachments", "Revoke an API key", f'"{KEY}"')
    await picture(page, "triage card")


async def olivia_confirms_the_key_and_proposes(desk: RunningDesk, page: Page, picture: Picture) -> None:
    card = last_message(page)
    await suggestion(card, "Revoke an API key").get_by_role("button", name="Confirm and propose").click()
    modal = dialog(page, "Confirm and propose")
    key = modal.get_by_label("Key id")
    await expect(key).to_have_value(KEY)
    await shows(modal, "Found only in the requester's words", "You become the proposer, and so you cannot approve it")
    await picture(page, "confirm modal")

    await key.fill("ak_demo_nobody_404")
    await modal.get_by_role("button", name="Propose").click()
    await expect(key).to_have_attribute("aria-invalid", "true")
    await expect(key).to_be_focused()
    await expect(key).to_have_accessible_description(re.compile("The directory does not know this"))
    assert await desk.value("select count(*) from action_requests where action_id = 'api_key.revoke'") == 0
    await picture(page, "unknown key")

    await key.fill("")
    await key.press_sequentially(KEY)
    await key.press("Enter")
    said = dialog(page, "Proposed")
    await shows(said, "Confirmed and proposed", "now waits for one approval in the approvals channel")
    await said.get_by_role("button", name="Close").last.click()
    await expect(suggestion(card, "Revoke an API key").get_by_role("button")).to_have_count(0)
    await go_to(page, "desk-approvals")
    await shows(last_message(page), "Waiting for approval", f'"{KEY}"', "Done to  bob@acme.example", "@sana, @victor")
    await picture(page, "approval card")


async def olivia_and_bob_are_refused(desk: RunningDesk, olivia: Page, bob: Page, picture: Picture) -> None:
    for page, why in ((olivia, "proposed"), (bob, "done to")):
        await press_approve(page, last_message(page))
        await told_only_to(page, "Not done", why)
        await expect(page.get_by_text("Only visible to you")).to_have_count(1)
    assert await waits_for_approval(desk)
    await picture(olivia, "olivia refused")
    await picture(bob, "bob refused")


async def sana_looks_at_rejecting_and_leaves_it(desk: RunningDesk, page: Page, picture: Picture) -> None:
    await expect(page.get_by_text("Only visible to you")).to_have_count(0)  # others' refusals are theirs alone
    await last_message(page).get_by_role("button", name="Reject").click()
    modal = dialog(page, "Reject")
    await expect(modal.get_by_label("Why do you reject it?")).to_be_focused()
    await picture(page, "reject modal")

    await page.keyboard.type("I am not sure yet")
    await page.keyboard.press("Escape")

    await expect(modal).to_be_hidden()
    await expect(last_message(page).get_by_role("button", name="Reject")).to_be_focused()
    assert await waits_for_approval(desk)


async def test_the_ticket_can_be_read_from_app_home_with_its_trail_and_as_the_customer_sees_it(
    desk: RunningDesk, be: PageFactory, picture: Picture
) -> None:
    await mallory_asks(desk)
    await olivia_confirms(desk)
    await desk.slack.person("sana").click("desk-approvals", desk.card("approvals")["ts"], action_id="request.approve")
    await desk.idle()
    await desk.slack.person("olivia").close()
    page = await be("olivia", "general")

    await page.get_by_role("navigation").get_by_role("link", name="Countersign").click()
    home = page.get_by_role("region", name="Home tab")
    await shows(home, "Open tickets", "#1  CRITICAL SECURITY INCIDENT", "credentials", "Mallory Mercer")
    await picture(page, "ticket list")
    await home.get_by_role("button", name="Open", exact=True).click()

    await shows(
        home, "Internal", "Customer", NOTE, "Action requests", "Allowed by policy", "Revoke an API key", "✅ Done"
    )
    await picture(page, "ticket page")

    await home.get_by_role("button", name="Audit trail").click()
    await the_trail_has_every_step_in_order(dialog(page, "Audit trail"), page, picture)
    await page.keyboard.press("Escape")

    await home.get_by_role("button", name="As the customer sees it").click()
    seen = dialog(page, "As the customer sees it")
    await shows(seen, MALLORY, "we have received your request", "the change has been made")
    for internal in (NOTE, "Severity", "api_key.revoke", "sana", "approved"):
        assert internal not in await seen.inner_text()
    await picture(page, "as the customer sees it")
    await page.keyboard.press("Escape")

    await home.get_by_role("button", name="Back to tickets").click()
    await shows(home, "Open tickets")


async def the_trail_has_every_step_in_order(trail: Locator, page: Page, picture: Picture) -> None:
    await shows(trail, "1. intake_received")
    await picture(page, "audit trail")
    seen = await steps_on(trail)
    while await trail.get_by_role("button", name="Later steps").count():
        await trail.get_by_role("button", name="Later steps").click()
        await shows(trail, f"{len(seen) + 1}. ")
        seen += await steps_on(trail)
    assert [step for step in seen if step in STEPS] == STEPS


async def steps_on(trail: Locator) -> list[str]:
    return re.findall(r"^\d+\. (\w+)$", await trail.inner_text(), re.MULTILINE)


async def test_approve_on_another_apps_copy_of_the_card_reaches_nothing_of_ours(
    desk: RunningDesk, be: PageFactory, picture: Picture
) -> None:
    await mallory_asks(desk)
    await olivia_confirms(desk)
    other = desk.slack.install("Helpful Bot", channels=["ext-external"])
    await post_copy(desk, other.bot_token)
    await desk.until(lambda: desk.value("select count(*) = 2 from tickets"))  # a bot's post is a ticket too
    await desk.idle()
    names = await audit_names(desk)
    page = await be("mallory", "ext-external")

    await press_approve(page, last_message(page, "Helpful Bot"))

    await shows(page.get_by_role("alert"), "Helpful Bot")
    await desk.idle()
    await picture(page, "copy by another app")
    assert await desk.value("select count(*) from votes") == 0
    assert await audit_names(desk) == names
    assert await waits_for_approval(desk)


async def test_approve_on_a_copy_under_our_own_name_is_refused_and_on_record(
    desk: RunningDesk, be: PageFactory, picture: Picture
) -> None:
    await mallory_asks(desk)
    await olivia_confirms(desk)
    await post_copy(desk, desk.slack.app.bot_token)
    page = await be("mallory", "ext-external")

    await press_approve(page, last_message(page))

    await told_only_to(page, "Not done")
    await desk.idle()
    await picture(page, "copy under our name")
    assert await desk.value("select count(*) from votes") == 0
    assert await desk.value("select count(*) from audit_events where name = 'click_refused'") == 1
    assert await waits_for_approval(desk)


async def audit_names(desk: RunningDesk) -> list[str]:
    return [name for (name,) in await desk.rows("select name from audit_events order by chain, seq")]


async def post_copy(desk: RunningDesk, token: str) -> None:
    """The approval card's blocks, buttons and values included, in the channel that outsiders read."""
    client = AsyncWebClient(token=token, base_url=desk.slack.api_url)
    await client.chat_postMessage(channel=SHARED_CHANNEL, text="copy", blocks=desk.card("approvals")["blocks"])


async def test_sana_approves_with_the_keyboard_alone(desk: RunningDesk, be: PageFactory, picture: Picture) -> None:
    await mallory_asks(desk)
    await olivia_confirms(desk)
    page = await be("sana", "general")
    keys = page.keyboard

    await keys.press("F6")  # top bar
    await keys.press("F6")  # channels, on the current one
    await expect(page.get_by_role("link", name="general")).to_be_focused()
    for _ in ("help", "desk-triage", "desk-approvals"):
        await keys.press("ArrowDown")
    await keys.press("Enter")
    await expect(page.get_by_role("log", name="Messages in #desk-approvals")).to_be_visible()
    await keys.press("F6")  # messages, on the last one
    await expect(last_message(page)).to_be_focused()
    await keys.press("Tab")  # the exact value, which can be scrolled where it is long
    await keys.press("Tab")
    await expect(last_message(page).get_by_role("button", name="Approve")).to_be_focused()
    await picture(page, "keyboard on approve")
    await keys.press("Enter")
    question = dialog(page, "Approve this high-risk action?")
    await expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    await picture(page, "question")
    await keys.press("Tab")
    await keys.press("Enter")

    await shows(page.get_by_role("article").filter(has_text="Fingerprint"), "✅ Done", "@sana approved")
    assert await key_status(desk) == "revoked"
    await expect(page.get_by_role("article").filter(has_text="Fingerprint")).to_be_focused()  # the button is gone


LOOKS: dict[str, dict[str, Any]] = {
    "narrow": {"viewport": {"width": 390, "height": 844}},
    "dark": {"color_scheme": "dark"},
}


async def test_cards_modals_and_app_home_fit_a_phone_and_the_dark(
    desk: RunningDesk, be: PageFactory, picture: Picture
) -> None:
    await mallory_asks(desk)
    await olivia_confirms(desk)
    await desk.slack.person("olivia").close()

    for look, options in LOOKS.items():
        page = await be("olivia", "desk-triage", **options)
        await cards_fit(page, picture, look)
        await page.goto(f"{desk.slack.url}/?as=olivia&app={desk.slack.app.app_id}")
        await app_home_fits(page, picture, look)


async def cards_fit(page: Page, picture: Picture, look: str) -> None:
    await fits(page, last_message(page).get_by_role("button", name="Open ticket"), picture, f"triage {look}")
    await suggestion(last_message(page), "Suspend a user").get_by_role("button").click()
    modal = dialog(page, "Confirm and propose")
    await fits(page, modal.get_by_role("button", name="Propose"), picture, f"confirm {look}")
    await page.keyboard.press("Escape")
    await expect(modal).to_be_hidden()
    if await page.get_by_role("button", name="Channels").is_visible():
        await page.get_by_role("button", name="Channels").click()
    await go_to(page, "desk-approvals")
    await fits(page, last_message(page).get_by_role("button", name="Approve"), picture, f"approval {look}")


async def app_home_fits(page: Page, picture: Picture, look: str) -> None:
    home = page.get_by_role("region", name="Home tab")
    await home.get_by_role("button", name="Open", exact=True).click()
    await fits(page, home.get_by_role("button", name="Audit trail"), picture, f"ticket {look}")
    await home.get_by_role("button", name="Audit trail").click()
    trail = dialog(page, "Audit trail")
    await fits(page, trail.get_by_role("button", name="Open ticket"), picture, f"trail {look}")
    await page.keyboard.press("Escape")
    await expect(trail).to_be_hidden()


async def fits(page: Page, control: Locator, picture: Picture, name: str) -> None:
    """What there is to press can be seen, and nothing makes the page scroll sideways."""
    await expect(control).to_be_in_viewport(timeout=PATIENCE_MS)
    await picture(page, name)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
