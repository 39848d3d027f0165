"""The local Slack's page in a real browser, with a real Bolt app behind it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect
from slack_sdk.web.async_client import AsyncWebClient

from local_slack.server import LocalSlack
from tests.browser.conftest import PageFactory
from tests.browser.desk_app import PROBES, mrkdwn, plain

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=window.hacked=1> *bold* \u202egnp.exe <script>window.hacked=1</script>"
BROADCAST = "<!channel>"  # a person may broadcast; an e-mail and a plain_text may not


def message(page: Page, text: str) -> Locator:
    return page.get_by_test_id("log").get_by_test_id("message").filter(has_text=text)


async def write(page: Page, text: str) -> None:
    box = page.get_by_test_id("composer-input")
    await box.fill(text)
    await box.press("Enter")


async def ask_for_card(page: Page) -> Locator:
    await write(page, "card please")
    card = message(page, "Ticket 17")
    await expect(card).to_be_visible()
    return card


async def post_as_app(slack: LocalSlack, text: str, blocks: list[dict[str, Any]] | None = None) -> None:
    client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
    await client.chat_postMessage(channel="C0HELP00001", text=text, blocks=blocks)


async def test_what_one_person_writes_everybody_sees_at_once(slack: LocalSlack, be: PageFactory) -> None:
    olivia, sam = await be("olivia"), await be("sam")

    await olivia.get_by_test_id("composer-input").fill("first line")
    await olivia.keyboard.press("Shift+Enter")
    await olivia.keyboard.type("second line")
    await olivia.keyboard.press("Enter")

    await expect(message(sam, "second line")).to_contain_text("first line")
    await expect(message(sam, "second line").get_by_test_id("author")).to_have_text("olivia")
    assert slack.person("sam").history("help")[-1]["text"] == "first line\nsecond line"
    await expect(olivia.get_by_test_id("composer-input")).to_have_value("")


async def test_a_reply_goes_to_its_thread_and_the_parent_counts_it(slack: LocalSlack, be: PageFactory) -> None:
    ts = await slack.person("sam").post("help", "who has the key?")
    page = await be("olivia")

    await message(page, "who has the key?").hover()
    await message(page, "who has the key?").get_by_test_id("reply").click()
    await page.get_by_test_id("thread-input").fill("I do")
    await page.get_by_test_id("thread-input").press("Enter")

    await expect(page.get_by_test_id("thread-log").get_by_test_id("message")).to_have_count(2)
    await expect(message(page, "who has the key?").get_by_test_id("thread-link")).to_have_text("1 reply")
    await expect(message(page, "I do")).to_have_count(0)
    assert slack.person("sam").history("help", ts)[-1]["text"] == "I do"
    await page.get_by_test_id("close-thread").click()
    await expect(page.get_by_test_id("thread-log")).to_be_hidden()


async def test_a_modal_shows_errors_beside_the_inputs_keeps_what_was_typed_and_then_submits(
    slack: LocalSlack, be: PageFactory
) -> None:
    page = await be("olivia")
    card = await ask_for_card(page)
    await card.locator("[data-action-id=confirm_key]").click()
    modal = page.get_by_test_id("modal")
    key = modal.get_by_label("Key id")
    error = modal.locator("[data-testid=field-error][data-block-id=key]")

    await key.fill("zz")
    await modal.get_by_test_id("modal-submit").click()
    await expect(error).to_contain_text("at least 3 characters")
    await expect(modal.locator("[data-testid=field-error][data-block-id=severity]")).to_be_visible()
    await expect(key).to_be_focused()

    await modal.locator("[data-action-id=severity]").click()
    await page.get_by_test_id("option").filter(has_text="High").click()
    await key.fill("bogus")
    await modal.get_by_test_id("modal-submit").click()
    await expect(error).to_contain_text("bogus is no key id.")
    await expect(key).to_have_value("bogus")
    await expect(key).to_have_attribute("aria-invalid", "true")

    await key.fill("ak_demo_bob_001")
    await key.press("Enter")
    await expect(modal).to_be_hidden()
    await expect(message(page, "Proposed for ak_demo_bob_001, severity high")).to_be_visible()


async def test_a_pushed_view_comes_off_with_escape_and_the_one_below_still_holds_what_was_typed(
    be: PageFactory, actions_heard: list[dict[str, Any]]
) -> None:
    page = await be("olivia")
    card = await ask_for_card(page)
    await card.locator("[data-action-id=confirm_key]").click()
    modal = page.get_by_test_id("modal")
    await modal.get_by_label("Key id").fill("ak_1")

    await modal.locator("[data-action-id=why]").click()
    await expect(modal.get_by_test_id("modal-title")).to_have_text("Why")
    assert actions_heard[0]["view"]["state"]["values"]["key"]["key_id"]["value"] == "ak_1"
    await page.keyboard.press("Escape")
    await expect(modal.get_by_test_id("modal-title")).to_have_text("Confirm the key")
    await expect(modal.get_by_label("Key id")).to_have_value("ak_1")

    await page.keyboard.press("Escape")
    await expect(modal).to_be_hidden()
    await expect(card.locator("[data-action-id=confirm_key]")).to_be_focused()


async def test_a_modal_and_an_ephemeral_message_are_one_persons_own(be: PageFactory) -> None:
    olivia, sam = await be("olivia"), await be("sam")
    card = await ask_for_card(olivia)

    await card.locator("[data-action-id=reject]").click()
    await olivia.get_by_test_id("confirm-yes").click()
    refusal = message(olivia, "You may not reject")
    await expect(refusal.get_by_test_id("only-you")).to_have_text("Only visible to you")
    await card.locator("[data-action-id=confirm_key]").click()
    await expect(olivia.get_by_test_id("modal")).to_be_visible()

    await expect(message(sam, "Ticket 17")).to_be_visible()
    await expect(message(sam, "You may not reject")).to_have_count(0)
    await expect(sam.get_by_test_id("modal")).to_be_hidden()


async def test_a_button_with_a_question_sends_nothing_when_the_answer_is_no(slack: LocalSlack, be: PageFactory) -> None:
    page = await be("olivia")
    card = await ask_for_card(page)

    await card.locator("[data-action-id=reject]").click()
    await expect(page.get_by_test_id("confirm-dialog")).to_contain_text("Nobody can undo this.")
    await page.get_by_test_id("confirm-deny").click()

    await expect(page.get_by_test_id("confirm-dialog")).to_have_count(0)
    await write(page, "still here")
    await expect(message(page, "still here")).to_be_visible()
    assert slack.person("olivia").ephemerals("help") == []


async def test_choosing_in_a_menu_tells_the_app_and_the_card_changes_for_everyone(be: PageFactory) -> None:
    olivia, sam = await be("olivia"), await be("sam")
    card = await ask_for_card(olivia)

    await card.locator("[data-action-id=severity]").click()
    await olivia.keyboard.type("lo")
    await expect(olivia.get_by_test_id("option")).to_have_count(1)
    await olivia.keyboard.press("Enter")

    await expect(message(olivia, "Severity is now low")).to_be_visible()
    await expect(message(sam, "Severity is now low").get_by_test_id("edited")).to_be_visible()


async def test_every_kind_of_element_tells_the_app_what_was_chosen(
    slack: LocalSlack, be: PageFactory, actions_heard: list[dict[str, Any]]
) -> None:
    await post_as_app(slack, "probes", PROBES)
    page = await be("olivia", timezone_id="UTC")

    def probe(kind: str) -> Locator:
        return page.locator(f"[data-action-id=probe_{kind}]")

    async def heard(count: int) -> dict[str, Any]:
        await slack.wait_for(lambda: len(actions_heard) >= count)
        chosen: dict[str, Any] = actions_heard[count - 1]["actions"][0]
        return chosen

    await probe("multi_static_select").click()
    await page.get_by_test_id("option").nth(0).click()
    await page.get_by_test_id("option").nth(1).click()
    await page.get_by_test_id("picker-done").click()
    assert [option["value"] for option in (await heard(1))["selected_options"]] == ["low", "high"]
    await expect(probe("multi_static_select")).to_contain_text("Low, High")

    await probe("external_select").click()
    await page.keyboard.type("ak")
    await page.get_by_test_id("option").filter(has_text="ak_2").click()
    assert (await heard(2))["selected_option"]["value"] == "key-2"

    await probe("users_select").click()
    await page.keyboard.type("mercer")
    await expect(page.get_by_test_id("picker-panel")).to_contain_text("Nothing found.")
    await page.get_by_test_id("picker-search").fill("bob")
    await expect(page.get_by_test_id("option")).to_have_count(1)
    await page.keyboard.press("Enter")
    assert (await heard(3))["selected_user"] == "U0BOB000001"

    await probe("channels_select").click()
    await page.get_by_test_id("option").filter(has_text="#inbox").click()
    assert (await heard(4))["selected_channel"] == "C0INBOX0001"

    await probe("overflow").click()
    await page.get_by_role("menuitem", name="High").click()
    assert (await heard(5))["selected_option"]["value"] == "high"

    await probe("datepicker").fill("2026-11-21")
    assert (await heard(6))["selected_date"] == "2026-11-21"
    await probe("timepicker").fill("09:30")
    assert (await heard(7))["selected_time"] == "09:30"
    await probe("datetimepicker").fill("2026-11-21T09:30")
    assert (await heard(8))["selected_date_time"] == 1795253400

    await probe("radio_buttons").get_by_label("High").check()
    assert (await heard(9))["selected_option"]["value"] == "high"
    await probe("checkboxes").get_by_label("Low").check()
    assert [option["value"] for option in (await heard(10))["selected_options"]] == ["low"]

    await probe("button").click()
    assert (await heard(11))["action_id"] == "probe_button"
    await expect(page.get_by_test_id("link-dialog")).to_contain_text("https://docs.example/page")


async def test_the_home_tab_opens_shows_what_the_app_published_and_its_buttons_work(be: PageFactory) -> None:
    page = await be("olivia")

    await page.get_by_test_id("app").filter(has_text="Countersign").click()
    home = page.get_by_test_id("home")
    await expect(home).to_contain_text("Looked at 1 times")
    await home.locator("[data-action-id=look_again]").click()

    await expect(home).to_contain_text("Looked at 2 times")
    await expect(home.locator("[data-action-id=look_again]")).to_be_focused()


async def test_switching_person_changes_the_company_the_channels_and_the_address(
    slack: LocalSlack, be: PageFactory
) -> None:
    await slack.person("mallory").post("ext-external", "I am the security team lead")
    page = await be("olivia", "ext-external")
    await expect(message(page, "I am the security").get_by_test_id("outside-mark")).to_be_visible()

    await page.get_by_test_id("person-switcher").click()
    await expect(page.locator("[data-testid=person][data-handle=dana]")).to_contain_text("deactivated")
    await page.locator("[data-testid=person][data-handle=mallory]").click()

    await expect(page.get_by_test_id("person-switcher").get_by_test_id("company")).to_have_text("External Example")
    await expect(page.get_by_test_id("channel")).to_have_count(1)
    await expect(message(page, "I am the security").get_by_test_id("outside-mark")).to_have_count(0)
    assert "as=U0MALLORY01" in page.url
    await page.reload()
    await expect(page.get_by_test_id("me-name")).to_have_text("Security Team Lead")


async def test_hostile_text_stays_text_wherever_it_is_shown(slack: LocalSlack, be: PageFactory) -> None:
    await slack.person("mallory").post("ext-external", HOSTILE, files=[("<b>x\u202e.png", "image/png")])
    slack.email("inbox", HOSTILE + BROADCAST, HOSTILE + BROADCAST, HOSTILE + BROADCAST)
    slack.workflow_post("help", HOSTILE + BROADCAST, HOSTILE)
    blocks = [{"type": "section", "text": plain(HOSTILE + BROADCAST)}, {"type": "header", "text": plain("<b>*x*</b>")}]
    await post_as_app(slack, "fallback", blocks)

    for channel in ("ext-external", "inbox", "help"):
        page = await be("olivia", channel)
        log = page.get_by_test_id("log")
        await expect(log).to_contain_text("<img src=x onerror=window.hacked=1>")
        await expect(log.locator(".control-mark[data-code='U+202E']").first).to_be_visible()
        assert await log.locator("img, script, [data-mrkdwn=broadcast], [data-mrkdwn=bold]").count() == 0
        assert "\u202e" not in await log.inner_text()
        assert await page.evaluate("window.hacked") is None


async def test_mrkdwn_comes_alive_and_the_same_in_plain_text_does_not(slack: LocalSlack, be: PageFactory) -> None:
    text = "*b* _i_ ~s~ `c` <https://a.example|a> <@U0BOB000001> <#C0HELP00001> <!here> :warning:"
    await post_as_app(
        slack,
        "fallback",
        [
            {"type": "section", "block_id": "live", "text": mrkdwn(text)},
            {"type": "section", "block_id": "dead", "text": {**plain(text), "emoji": False}},
        ],
    )
    page = await be("olivia")
    live, dead = page.locator("[data-block-id=live]"), page.locator("[data-block-id=dead]")

    kinds = await live.locator("[data-mrkdwn]").evaluate_all("nodes => nodes.map((node) => node.dataset.mrkdwn)")

    assert kinds == ["bold", "italic", "strike", "code", "link", "user", "channel", "broadcast", "emoji"]
    await expect(live).to_have_text("b i s c a @bob #help @here ⚠️")
    await expect(dead).to_have_text(text)
    assert await dead.locator("[data-mrkdwn]").count() == 0


MRKDWN = [
    ("a*b*c 2*3*4", "a*b*c 2*3*4", []),
    ("*open _never", "*open _never", []),
    ("&lt;!channel&gt; &amp;lt;", "<!channel> &lt;", []),
    ("<javascript:alert(1)|x>", "<javascript:alert(1)|x>", []),
    ("*a _b_*", "a b", ["bold", "italic"]),
    ("`*x* <@U0BOB000001>`", "*x* <@U0BOB000001>", ["code"]),
    ("```*x*\n<https://a.example|y>```", "*x*\ny", ["pre"]),
    ("&gt; q *b*", "q b", ["quote", "bold"]),
    ("see https://a.example/x.", "see https://a.example/x.", ["link"]),
    ("<!subteam^S0SECURITY1> <!everyone>", "@security @everyone", ["usergroup", "broadcast"]),
    ("<!date^86400^{date_num}|then>", "01/02/1970", ["date"]),
    (":nosuch: <@U0NOBODY>", ":nosuch: @U0NOBODY", ["user"]),
    (" *a _b ~c <d" * 5_000, None, []),  # forty thousand openers without a closer
]


async def test_the_mrkdwn_parser_brings_alive_what_slack_does_and_nothing_else(be: PageFactory) -> None:
    page = await be("olivia", timezone_id="UTC", locale="en-US")

    rendered = await page.evaluate(
        """async (texts) => {
            const { mrkdwnNodes } = await import("/page/inline.js");
            const { Directory } = await import("/page/directory.js");
            const cast = await (await fetch("/client/cast")).json();
            return texts.map((text) => {
                const box = document.createElement("div");
                box.append(...mrkdwnNodes(text, new Directory(cast)));
                return [box.textContent, [...box.querySelectorAll("[data-mrkdwn]")].map((node) => node.dataset.mrkdwn)];
            });
        }""",
        [source for source, _, _ in MRKDWN],
    )

    expected = [[source if text is None else text, kinds] for source, text, kinds in MRKDWN]
    assert rendered == expected


async def test_a_link_opens_nothing_before_it_has_shown_its_address(slack: LocalSlack, be: PageFactory) -> None:
    await post_as_app(slack, "see <https://evil.example/login|https://bank.example>")
    page = await be("olivia")

    await page.get_by_test_id("log").get_by_test_id("link").click()
    await expect(page.get_by_test_id("link-dialog")).to_contain_text("https://evil.example/login")
    await page.get_by_test_id("confirm-deny").click()

    assert len(page.context.pages) == 1
    assert await page.locator("a[href*=evil]").count() == 0


async def test_everything_can_be_done_with_the_keyboard_alone(slack: LocalSlack, be: PageFactory) -> None:
    await slack.person("sam").post("general", "hello from sam")
    page = await be("olivia")
    keys = page.keyboard

    await page.locator("body").press("F6")  # top bar
    await keys.press("F6")  # channels, on the current one
    await expect(page.locator("[data-testid=channel][data-name=help]")).to_be_focused()
    await keys.press("Home")
    await keys.press("Enter")
    await expect(page.get_by_test_id("channel-title")).to_have_text("#general")
    await keys.press("F6")  # messages
    await keys.press("F6")  # composer
    await expect(page.get_by_test_id("composer-input")).to_be_focused()
    await keys.type("/de")
    await expect(page.get_by_test_id("suggestion")).to_have_count(1)
    await keys.press("Enter")
    await keys.type("tickets")
    await keys.press("Enter")
    await expect(message(page, "No tickets match tickets")).to_be_visible()
    await keys.press("Shift+F6")  # back to the messages, on the last one
    await keys.press("Home")
    await expect(message(page, "hello from sam")).to_be_focused()
    await keys.press("Tab")  # react
    await keys.press("Tab")  # reply
    await keys.press("Tab")  # menu
    await keys.press("Enter")
    await expect(page.get_by_test_id("message-shortcut")).to_be_focused()
    await keys.press("Enter")
    await expect(message(page, "hello from sam").get_by_test_id("thread-link")).to_have_text("1 reply")


async def test_editing_deleting_and_reacting_from_the_message_menu(slack: LocalSlack, be: PageFactory) -> None:
    page = await be("olivia")
    await write(page, "a typo & more")

    await message(page, "a typo").hover()
    await message(page, "a typo").get_by_test_id("message-menu").click()
    await page.get_by_test_id("edit").click()
    await expect(page.get_by_test_id("field-text")).to_have_value("a typo & more")
    await page.get_by_test_id("field-text").fill("no typo")
    await page.get_by_test_id("form-submit").click()
    await expect(message(page, "no typo").get_by_test_id("edited")).to_be_visible()

    await message(page, "no typo").hover()
    await message(page, "no typo").get_by_test_id("react").click()
    await page.locator("[data-testid=reaction-choice][data-name=eyes]").click()
    await expect(message(page, "no typo").get_by_test_id("reaction")).to_have_attribute("aria-pressed", "true")

    await message(page, "no typo").hover()
    await message(page, "no typo").get_by_test_id("message-menu").click()
    await page.get_by_test_id("delete").click()
    await page.get_by_test_id("confirm-yes").click()
    await expect(message(page, "no typo")).to_have_count(0)


async def test_mail_and_workflow_posts_come_in_from_the_tools_menu(slack: LocalSlack, be: PageFactory) -> None:
    page = await be("olivia", "inbox")

    await page.get_by_test_id("tools").click()
    await page.get_by_test_id("tool-email").click()
    await page.get_by_test_id("field-subject").fill("Revoke it")
    await page.get_by_test_id("form-submit").click()
    await expect(page.get_by_test_id("form-error")).to_contain_text("Text")
    await page.get_by_test_id("field-text").fill("right now")
    await page.get_by_test_id("form-submit").click()

    email = page.get_by_test_id("log").get_by_test_id("email")
    await expect(email).to_contain_text("mallory@external.example")
    await expect(email).to_contain_text("sender not verified")
    assert slack.person("sam").history("inbox")[-1]["files"][0]["mode"] == "email"


async def test_the_page_comes_back_by_itself_and_shows_what_it_missed(
    slack: LocalSlack, browser_page_factory: PageFactory
) -> None:
    page = await browser_page_factory("about:blank")
    sockets: list[Any] = []
    await page.route_web_socket("**/client/live*", lambda route: sockets.append((route, route.connect_to_server())))
    await page.goto(f"{slack.url}/?as=olivia&channel=help")
    await expect(page.get_by_test_id("link-state")).to_have_text("Live")

    route, server = sockets[-1]
    await server.close()
    await slack.person("sam").post("help", "while you were away")
    await route.close()

    await expect(message(page, "while you were away")).to_be_visible()
    await expect(page.get_by_test_id("link-state")).to_have_text("Live")


async def test_the_faults_panel_is_closed_until_asked_for_and_sets_what_it_says(
    slack: LocalSlack, be: PageFactory
) -> None:
    page = await be("olivia")
    await expect(page.get_by_test_id("disconnect")).to_be_hidden()

    await page.get_by_test_id("faults").locator("summary").click()
    await page.get_by_test_id("fault-duplicate").check()
    await page.get_by_test_id("fault-delay_seconds").fill("0.5")
    await page.get_by_test_id("fault-delay_seconds").press("Enter")

    await slack.wait_for(lambda: slack.faults.duplicate and slack.faults.delay_seconds == 0.5)


@pytest.mark.parametrize("width", [390, 640], ids=["phone", "zoomed to 200%"])
async def test_a_narrow_page_never_scrolls_sideways_and_reaches_every_region(be: PageFactory, width: int) -> None:
    page = await be("olivia", viewport={"width": width, "height": 844})
    card = await ask_for_card(page)
    await expect(card.locator("[data-action-id=confirm_key]")).to_be_in_viewport()

    await page.get_by_test_id("nav-toggle").click()
    await page.locator("[data-testid=channel][data-name=general]").click()

    await expect(page.get_by_test_id("channel-title")).to_have_text("#general")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


NAMELESS_CONTROLS = """() => {
    const textOf = (node) => node?.textContent ?? "";
    const nameOf = (node) => [
        node.getAttribute("aria-label") ?? "",
        ...(node.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => textOf(document.getElementById(id))),
        ...[...(node.labels ?? [])].map(textOf),
        textOf(node),
    ].join("").trim();
    const controls = [...document.querySelectorAll("button, input, textarea, select, a[href]")];
    return controls.filter((node) => nameOf(node) === "").map((node) => node.outerHTML);
}"""


async def test_every_control_has_a_name_and_ids_are_unique(be: PageFactory) -> None:
    page = await be("olivia")
    card = await ask_for_card(page)
    await card.locator("[data-action-id=confirm_key]").click()
    await expect(page.get_by_test_id("modal")).to_be_visible()

    nameless = await page.evaluate(NAMELESS_CONTROLS)
    ids = await page.evaluate("[...document.querySelectorAll('[id]')].map((node) => node.id)")

    assert nameless == []
    assert len(ids) == len(set(ids))
