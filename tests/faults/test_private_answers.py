"""Private answers: they find the person wherever something was pressed, go to Slack alone, and hold nothing up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import text

from handlers.reception import Whispers
from handlers.response_urls import NotPosted, ResponseUrls
from handlers.views.notices import opened
from tests.running import RunningDesk, running_desk


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    async with running_desk(database_url, tmp_path, in_slacks_time=True) as desk:
        yield desk


@pytest.fixture
async def card(desk: RunningDesk) -> str:
    """A triage card that stands in Slack."""
    await desk.slack.person("erin").post("help", "My laptop does not start.")
    await desk.the_ticket()
    await desk.idle()
    return str(desk.card("triage")["ts"])


def unknown_button(desk: RunningDesk, card: str) -> dict[str, Any]:
    """Olivia presses something on the card that leads nowhere: she is refused, and told so."""
    payload = desk.slack.forge.click_payload("olivia", "desk-triage", card, "ticket.open")
    payload["actions"][0]["action_id"] = "nobody.knows"
    return payload


@asynccontextmanager
async def elsewhere(redirect_to: str | None = None) -> AsyncIterator[tuple[str, list[Any]]]:
    """A server that is not Slack: its URL, and what was posted to it."""
    seen: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        seen.append(await request.json())
        if redirect_to is not None:
            return web.Response(status=307, headers={"Location": redirect_to})
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}", seen
    finally:
        await runner.cleanup()


@asynccontextmanager
async def tickets_locked(desk: RunningDesk) -> AsyncIterator[None]:
    """Whoever wants to read a ticket waits."""
    async with desk.database.transaction() as tx:
        await tx.execute(text("lock table tickets in access exclusive mode"))
        yield


async def test_a_command_is_answered_where_the_bot_is_no_member(desk: RunningDesk) -> None:
    olivia = desk.slack.person("olivia")
    desk.slack.admin.remove_bot("general")
    between_two = desk.slack.world.direct_channel(olivia.id, desk.slack.person("erin").id).id

    for channel in ("general", between_two):
        await olivia.command("/countersign", "help", channel=channel)

        [said] = await desk.until(partial(olivia.ephemerals, channel))
        assert "/countersign tickets" in said["text"]
    assert not [call for call in desk.slack.calls if call.method == "chat.postEphemeral"]


async def test_a_message_shortcut_is_answered_where_the_bot_is_no_member(desk: RunningDesk) -> None:
    ts = await desk.slack.person("erin").post("general", "My laptop does not start any more.")
    desk.slack.admin.remove_bot("general")
    olivia = desk.slack.person("olivia")

    await olivia.shortcut("make_ticket", channel="general", ts=ts)

    [said] = await desk.until(lambda: olivia.ephemerals("general"))
    assert said["text"]
    assert not [call for call in desk.slack.calls if call.method == "chat.postEphemeral"]


async def test_an_answer_to_a_button_leaves_the_card_as_it_is(desk: RunningDesk, card: str) -> None:
    before = desk.card("triage", viewer="sam")

    await desk.slack.forge.send(unknown_button(desk, card))

    [said] = await desk.until(lambda: desk.slack.person("olivia").ephemerals("desk-triage"))
    assert "cannot find" in said["text"]
    assert desk.card("triage", viewer="sam") == before


async def test_a_forged_response_url_is_not_posted_to_and_the_person_is_told_all_the_same(
    desk: RunningDesk, card: str
) -> None:
    olivia = desk.slack.person("olivia")

    def has_heard(times: int) -> bool:
        return len(olivia.ephemerals("desk-triage")) == times

    async with elsewhere() as (url, seen):
        for n, forged in enumerate(
            (f"{url}/actions/1", f"{desk.slack.url}@{url[7:]}/", "http://[", "file:///etc", "x"), 1
        ):
            await desk.slack.forge.send(unknown_button(desk, card) | {"response_url": forged})

            await desk.until(partial(has_heard, n))
        assert seen == []


async def test_a_response_url_that_is_used_up_is_not_the_only_way(desk: RunningDesk, card: str) -> None:
    payload = unknown_button(desk, card)
    async with aiohttp.ClientSession() as session:
        for _ in range(5):
            async with session.post(payload["response_url"], json={"text": "used"}) as answer:
                assert answer.status == 200

    await desk.slack.forge.send(payload)

    said = await desk.until(lambda: desk.slack.person("olivia").ephemerals("desk-triage")[5:])
    assert [one["text"] for one in said] != ["used"]


async def test_where_nothing_else_leads_to_the_person_a_modal_with_a_title_does(desk: RunningDesk, card: str) -> None:
    desk.slack.admin.remove_bot("general")
    payload = unknown_button(desk, card)
    payload["container"]["channel_id"] = "C0GENERAL01"
    del payload["response_url"]

    await desk.slack.forge.send(payload)

    [modal] = await desk.until(lambda: desk.slack.person("olivia").modals())
    assert modal["title"]["text"] == "Not done"


SLACKS = [
    "https://hooks.slack.com/actions/T1/2/x",
    "https://HOOKS.slack.com/commands/T1/2/x",
    "https://hooks.slack-gov.com/a",
]
NOT_SLACKS = [
    "", "x", "/actions/1", "//hooks.slack.com/a", "http://hooks.slack.com/a", "https://slack.com/a", "https://evil.example/",
    "https://hooks.slack.com.evil.example/", "https://hooks.slack.com@evil.example/", "https://me@hooks.slack.com/a",
    "https://hooks.slack.com:8443/a", "https://hooks.slack.com\\@evil.example/", "https://hooks.slack.com\t.evil.example/",
    "https://hooks.slаck.com/a", "https://127.0.0.1/a", "http://169.254.169.254/latest/meta-data", "ftp://hooks.slack.com/",
    "https://evil.example/?https://hooks.slack.com/", "https://evil.example#@hooks.slack.com/", "https://[::1", "\x00",
]  # fmt: skip


def test_only_slacks_own_two_hosts_are_posted_to() -> None:
    urls = ResponseUrls(AsyncWebClient())

    for url in SLACKS:
        assert urls.allowed(url).scheme == "https"
    for url in NOT_SLACKS:
        with pytest.raises(NotPosted):
            urls.allowed(url)


def test_beside_them_only_the_origin_that_the_settings_name() -> None:
    urls = ResponseUrls(AsyncWebClient(), "http://127.0.0.1:8055/api/")

    assert urls.allowed("http://127.0.0.1:8055/actions/A1/b/c").port == 8055
    for url in (*NOT_SLACKS, "http://127.0.0.1:8056/actions/1", "https://127.0.0.1:8055/x", "http://localhost:8055/x"):
        with pytest.raises(NotPosted):
            urls.allowed(url)


async def test_a_redirect_is_not_followed() -> None:
    async with elsewhere() as (away, seen), elsewhere(redirect_to=f"{away}/x") as (url, asked):
        with pytest.raises(NotPosted, match="307"):
            await ResponseUrls(AsyncWebClient(), f"{url}/api/").post(f"{url}/actions/1", opened(1))

        [body] = asked
        assert seen == []
    assert (body["response_type"], body["replace_original"]) == ("ephemeral", False)


async def test_a_press_that_takes_too_long_is_acknowledged_before_its_person_is_told(
    desk: RunningDesk, card: str
) -> None:
    olivia = desk.slack.person("olivia")
    desk.slack.faults.fail_next("views.open", hang_seconds=4, error="expired_trigger_id")

    async with tickets_locked(desk):
        # A global shortcut: nothing but a modal leads to its person, and Slack is slow to open one.
        outcome = await olivia.shortcut("open_tickets")
        pressed = await olivia.click("desk-triage", card, action_id="ticket.open")

    assert outcome.acked
    assert pressed is not None and pressed.acked
    [said] = await desk.until(lambda: olivia.ephemerals("desk-triage"))
    assert "in time" in json.dumps(said) or "not answering" in json.dumps(said)
    await desk.parts.reception.whispers.drain()


async def test_a_refusal_that_cannot_be_recorded_in_time_is_recorded_after_the_acknowledgement(
    desk: RunningDesk, card: str
) -> None:
    refused = "select count(*) from audit_events where name = 'click_refused'"

    async with desk.database.transaction() as tx:
        await tx.execute(text("lock table audit_events in access exclusive mode"))
        outcome = await desk.slack.forge.send(unknown_button(desk, card))

    assert outcome.acked
    assert await desk.until(lambda: desk.slack.person("olivia").ephemerals("desk-triage"))
    await desk.parts.reception.whispers.drain()
    assert await desk.value(refused) == 1


async def test_what_is_being_said_is_said_before_the_process_ends() -> None:
    whispers, may_go_on, said = Whispers(), asyncio.Event(), []

    async def fails() -> None:
        raise NotPosted("not here")

    async def slow() -> None:
        await may_go_on.wait()
        said.append("told")

    whispers.say("U1", [fails, slow, fails])
    ending = asyncio.create_task(whispers.drain())
    may_go_on.set()
    await ending

    assert said == ["told"]
