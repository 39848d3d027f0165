"""What survives a restart, and running it alone."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_sdk.web.async_client import AsyncWebClient

from local_slack.server import LocalSlack
from tests.local_slack.conftest import actions, bolt_app, button, quick_slack, section


async def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    state = tmp_path / "slack.json"
    async with quick_slack(state_file=state) as first:
        client = AsyncWebClient(token=first.app.bot_token, base_url=first.api_url)
        parent = await first.person("olivia").post("help", "hello @sam")
        await client.chat_postMessage(
            channel="C0HELP00001",
            text="card",
            thread_ts=parent,
            blocks=[actions(button())],
            metadata={"event_type": "t", "event_payload": {}},
        )
        await client.chat_postEphemeral(channel="C0HELP00001", user="U0SAM000001", text="gone after a restart")
        await client.views_publish(user_id="U0SAM000001", view={"type": "home", "blocks": [section("home")]})
        first.admin.deactivate("victor")
        first.admin.create_channel("case-1", ["sana"], is_private=True)
        before = (first.app, first.person("sana").history("help", parent), first.person("sam").home())

    async with quick_slack(state_file=state) as second:
        after = (second.app, second.person("sana").history("help", parent), second.person("sam").home())
        later = await second.person("olivia").post("help", "later")

        assert after == before
        assert second.person("sam").ephemerals("help") == []
        assert "deleted" in second.person("victor").user.flags
        assert "case-1" in second.person("sana").channels()
        assert later > parent


async def test_a_crash_loses_only_what_was_said_just_now(tmp_path: Path) -> None:
    state = tmp_path / "slack.json"
    async with quick_slack(state_file=state) as slack:
        await slack.person("olivia").post("help", "written down soon")

        await slack.wait_for(lambda: "written down soon" in state.read_text())

        assert json.loads(state.read_text())["version"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["slack.json"]


def test_a_state_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "slack.json"
    state.write_text('{"version": 99}')

    with pytest.raises(ValueError, match="version 99"):
        LocalSlack(state_file=state)


async def test_a_taken_port_is_an_error() -> None:
    async with quick_slack() as slack:
        port = int(slack.url.rpartition(":")[2])

        with pytest.raises(OSError, match="address already in use"):
            await quick_slack(port=port).start()


async def test_it_runs_alone_and_prints_what_an_app_needs() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "local_slack", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines = [(await process.stdout.readline()).decode().strip() for _ in range(5)]
    printed = dict(line.split("=", 1) for line in lines if "=" in line)
    api = lines[1].split()[-1]

    client = AsyncWebClient(token=printed["SLACK_BOT_TOKEN"], base_url=api)
    assert (await client.auth_test())["team"] == "Acme"
    process.terminate()

    assert await asyncio.wait_for(process.wait(), 5) == 0
    assert set(printed) == {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"}


async def test_an_app_outlives_a_restart_and_gets_what_it_missed(tmp_path: Path) -> None:
    state, seen = tmp_path / "slack.json", list[str]()
    first = quick_slack(state_file=state, retry_delays_seconds=(60.0, 60.0, 60.0))
    await first.start()
    app = bolt_app(first)

    @app.event("message")
    async def on_message(event: dict[str, str]) -> None:
        seen.append(event["text"])

    handler = AsyncSocketModeHandler(app, first.app.app_token, ping_interval=0.2)
    logging.getLogger("slack_bolt").setLevel(logging.CRITICAL)
    await handler.connect_async()
    await first.person("bob").post("help", "before")
    await first.wait_for(lambda: seen)
    first.faults.drop = True
    await first.person("bob").post("help", "lost on the way")
    await asyncio.sleep(0.6)
    await first.stop()

    async with quick_slack(state_file=state, port=int(first.url.rpartition(":")[2]), ack_seconds=3.0) as second:
        await second.wait_for(lambda: "lost on the way" in seen, timeout=15)
        await second.person("bob").post("help", "after")
        await second.wait_for(lambda: "after" in seen)
        await handler.close_async()

    assert seen == ["before", "lost on the way", "after"]


async def test_a_file_keeps_its_content_and_its_readers(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    async with quick_slack(state_file=state) as slack:
        client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
        file_id = (await client.files_upload_v2(channel="C0TRIAGE001", content="x", filename="x.txt"))["file"]["id"]

    async with quick_slack(state_file=state) as slack:
        reached = {}
        async with aiohttp.ClientSession() as session:
            for who in ("sana", "erin"):
                async with session.get(f"{slack.url}/client/file?as={who}&file={file_id}") as answer:
                    reached[who] = (answer.status, await answer.text())

    assert reached == {"sana": (200, "x"), "erin": (404, "file_not_found")}
