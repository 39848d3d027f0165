"""Files and streamed messages in the local Slack's page: a picture is seen, a file is fetched, a message grows."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from slack_sdk.web.async_client import AsyncWebClient

from handlers.streaming import Reader, StreamedReply
from handlers.views.blocks import button, line, rich, say
from local_slack.server import LocalSlack
from tests.browser.conftest import PageFactory
from tests.browser.test_local_slack_page import message

pytestmark = pytest.mark.browser

HELP, TRIAGE = "C0HELP00001", "C0TRIAGE001"
OTHERS_FILE = re.compile(r"/client/file\?as=\w+&file=\w+")


def picture(width: int = 240, height: int = 90) -> bytes:
    """A PNG of bars."""
    rows = b""
    for y in range(height):
        bars = (x // 30 % 2 and height - y < (x // 30 + 1) * 10 for x in range(width))
        rows += b"\x00" + b"".join(b"\x1f\x6f\x78" if is_on else b"\xee\xf2\xf3" for is_on in bars)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def client(slack: LocalSlack) -> AsyncWebClient:
    """Another app, which may do everything."""
    app = slack.install("Copilot", channels=["help", "desk-triage"])
    return AsyncWebClient(token=app.bot_token, base_url=slack.api_url)


async def test_a_picture_is_seen_and_another_file_is_fetched(client: AsyncWebClient, be: PageFactory) -> None:
    page = await be("olivia")

    await client.files_upload_v2(
        channel=HELP,
        initial_comment="The week",
        file_uploads=[
            {"file": picture(), "filename": "weekly.png", "alt_txt": "Updates approved: 3, 4, 7"},
            {"content": "# Handoff\n", "filename": "handoff-17.md"},
        ],
    )

    posted = message(page, "The week")
    image = posted.get_by_role("img", name="Updates approved: 3, 4, 7")
    await expect(image).to_be_visible()
    await expect(image).to_have_js_property("naturalWidth", 240)
    entry = posted.get_by_test_id("file").filter(has_text="handoff-17.md")
    await expect(entry).to_contain_text("text/markdown · 10 bytes")
    async with page.expect_download() as waiting:
        await entry.get_by_test_id("file-download").click()
    download = await waiting.value
    assert download.suggested_filename == "handoff-17.md"
    assert Path(await download.path()).read_bytes() == b"# Handoff\n"


async def test_who_does_not_see_the_channel_does_not_get_its_file(
    slack: LocalSlack, client: AsyncWebClient, be: PageFactory
) -> None:
    await client.files_upload_v2(channel=TRIAGE, content="internal", filename="packet.md", initial_comment="Packet")
    sana = await be("sana", "desk-triage")
    link = message(sana, "Packet").get_by_test_id("file-download")
    address = str(await link.get_attribute("href"))
    assert OTHERS_FILE.fullmatch(address)

    assert (await sana.request.get(slack.url + address)).status == 200
    assert (await sana.request.get(slack.url + address.replace("U0SANA00001", "U0MALLORY01"))).status == 404


async def test_a_hostile_name_stays_a_name_and_a_page_is_never_shown(client: AsyncWebClient, be: PageFactory) -> None:
    page = await be("olivia")

    await client.files_upload_v2(
        channel=HELP,
        file_uploads=[
            {"content": "<script>window.hacked=1</script>", "filename": "<b>x\u202e.html"},
            {"content": "<svg xmlns='http://www.w3.org/2000/svg' onload='window.hacked=1'/>", "filename": "x.svg"},
        ],
        initial_comment="from outside",
    )

    posted = message(page, "from outside")
    await expect(posted.get_by_test_id("file")).to_have_count(2)
    await expect(posted.get_by_test_id("picture")).to_have_count(0)
    await expect(posted).to_contain_text("<b>x")
    async with page.expect_download() as waiting:
        await posted.get_by_test_id("file-download").first.click()
    await (await waiting.value).path()
    assert await page.evaluate("window.hacked") is None


async def test_a_reply_is_seen_to_grow_and_its_button_goes_when_it_is_done(
    slack: LocalSlack, client: AsyncWebClient, be: PageFactory
) -> None:
    page: Page = await be("olivia")
    thread = await slack.person("olivia").post("help", "What happened to this account?")
    await message(page, "What happened").hover()
    await message(page, "What happened").get_by_test_id("reply").click()
    reply = StreamedReply(
        client,
        channel=HELP,
        thread_ts=thread,
        reader=Reader("U0OLIVIA001", "T0ACME00001"),
        stop_button=button("Stop", "stop_turn", "1"),
        clock=iter(range(1000)).__next__,
    )
    grown = page.get_by_test_id("thread-log").get_by_test_id("message").last

    await reply.start("Looking at the logs.\n")
    await expect(grown).to_contain_text("Looking at the logs.")
    await expect(grown.get_by_test_id("still-writing")).to_be_visible()
    await expect(grown.locator("[data-action-id=stop_turn]")).to_be_visible()
    await reply.append("They hold nothing of the 17th.\n")
    await expect(grown).to_contain_text("They hold nothing of the 17th.")
    await reply.finish("So that is an open question.", [rich(line(say("2 statements proposed")))])

    await expect(grown).to_contain_text("So that is an open question.")
    await expect(grown).to_contain_text("2 statements proposed")
    await expect(grown.get_by_test_id("still-writing")).to_have_count(0)
    await expect(grown.locator("[data-action-id=stop_turn]")).to_have_count(0)


async def test_tasks_of_a_stream_show_how_far_they_are(
    slack: LocalSlack, client: AsyncWebClient, be: PageFactory
) -> None:
    thread = await slack.person("olivia").post("help", "What happened to this account?")
    task = {"type": "task_update", "id": "logs", "title": "Read the logs", "status": "in_progress"}
    recipient = {"recipient_user_id": "U0OLIVIA001", "recipient_team_id": "T0ACME00001"}
    ts = (await client.chat_startStream(channel=HELP, thread_ts=thread, chunks=[task], **recipient))["ts"]
    page = await be("olivia")
    await message(page, "What happened").get_by_test_id("thread-link").click()
    shown = page.get_by_test_id("thread-log").get_by_test_id("task")

    await expect(shown).to_contain_text("Read the logs in progress")
    await client.chat_appendStream(channel=HELP, ts=ts, chunks=[task | {"status": "complete"}])

    await expect(shown).to_have_attribute("data-status", "complete")
    await expect(shown).to_have_count(1)
