"""Streamed messages: they grow, they end, and Slack's strictness about what may be added and by whom."""

from __future__ import annotations

import time
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from local_slack.server import LocalSlack
from local_slack.web_api.streams import STREAM_LIVES_SECONDS
from tests.local_slack.conftest import Connect, actions, button, quick_slack

TRIAGE = "C0TRIAGE001"
FOR_OLIVIA = {"recipient_user_id": "U0OLIVIA001", "recipient_team_id": "T0ACME00001"}


async def refused(client: AsyncWebClient, method: str, **args: Any) -> str:
    with pytest.raises(SlackApiError) as raised:
        await client.api_call(method, json=args)
    return str(raised.value.response["error"])


@pytest.fixture
async def thread(client: AsyncWebClient) -> str:
    """A message to reply to."""
    return str((await client.chat_postMessage(channel=TRIAGE, text="the case"))["ts"])


async def started(client: AsyncWebClient, thread: str, **more: Any) -> str:
    answer = await client.chat_startStream(channel=TRIAGE, thread_ts=thread, **{**FOR_OLIVIA, **more})
    return str(answer["ts"])


def stored(slack: LocalSlack, ts: str) -> dict[str, Any]:
    return slack.world.message(TRIAGE, ts)


async def test_a_message_grows_piece_by_piece_and_ends(slack: LocalSlack, client: AsyncWebClient, thread: str) -> None:
    ts = await started(client, thread, markdown_text="Looking at ")
    seen = []
    for piece in ("the **logs**", " and the directory."):
        seen.append(slack.person("olivia").history("desk-triage", thread)[-1]["text"])
        await client.chat_appendStream(channel=TRIAGE, ts=ts, markdown_text=piece)
    assert stored(slack, ts)["streaming_state"] == "in_progress"

    answer = await client.chat_stopStream(
        channel=TRIAGE, ts=ts, markdown_text=" Done.", blocks=[actions(button())], metadata={
            "event_type": "t", "event_payload": {}
        }
    )  # fmt: skip

    assert seen == ["Looking at ", "Looking at the **logs**"]
    assert answer["message"]["text"] == "Looking at the **logs** and the directory. Done."
    assert answer["message"]["thread_ts"] == thread
    assert [block["type"] for block in answer["message"]["blocks"]] == ["markdown", "actions"]
    assert stored(slack, ts)["streaming_state"] == "completed"
    assert "edited" not in stored(slack, ts)


async def test_the_sdks_own_stream_helper_works(slack: LocalSlack, client: AsyncWebClient, thread: str) -> None:
    stream = await client.chat_stream(channel=TRIAGE, thread_ts=thread, buffer_size=1, **FOR_OLIVIA)

    await stream.append(markdown_text="one ")
    await stream.append(markdown_text="two")
    await stream.stop()

    assert stored(slack, str(stream.ts))["text"] == "one two"


async def test_tasks_plans_and_blocks_stand_where_they_were_added(
    slack: LocalSlack, client: AsyncWebClient, thread: str
) -> None:
    task = {"type": "task_update", "id": "logs", "title": "Read the logs", "status": "in_progress", "details": "1 of "}
    ts = await started(client, thread, chunks=[
        {"type": "blocks", "blocks": [actions(button("stop", text="Stop"))]},
        {"type": "plan_update", "title": "Looking"}, task, {"type": "markdown_text", "text": "a"},
    ])  # fmt: skip

    done = task | {"status": "complete", "details": "2", "title": "Read"}
    await client.chat_appendStream(channel=TRIAGE, ts=ts, chunks=[done, {"type": "markdown_text", "text": "b"}])

    blocks = stored(slack, ts)["blocks"]
    assert [block["type"] for block in blocks] == ["actions", "plan", "task_card", "markdown"]
    assert (blocks[2]["title"], blocks[2]["status"], blocks[2]["details"]) == ("Read", "complete", "1 of 2")
    assert blocks[3]["text"] == "ab"


async def test_a_button_in_a_stream_can_be_pressed_while_it_runs(
    slack: LocalSlack, app: AsyncApp, connect: Connect
) -> None:
    pressed: list[str] = []

    @app.action("stop")
    async def stop(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        pressed.append(body["container"]["message_ts"])

    await connect(app)
    thread = str((await app.client.chat_postMessage(channel=TRIAGE, text="the case"))["ts"])
    ts = await started(app.client, thread, chunks=[{"type": "blocks", "blocks": [actions(button("stop"))]}])

    await slack.person("olivia").click("desk-triage", ts, action_id="stop")

    await slack.wait_for(lambda: pressed)
    assert pressed == [ts]


async def test_apps_hear_of_a_stream_when_it_begins_and_when_it_is_over(
    slack: LocalSlack, client: AsyncWebClient, thread: str
) -> None:
    other = slack.install("Listener", channels=["desk-triage"])
    heard: list[tuple[Any, str]] = []
    slack._events.emit_to = lambda app, event, *_: (  # type: ignore[method-assign]  # what one app would be told
        heard.append((event.get("subtype"), event.get("text") or event.get("message", {}).get("text", "")))
        if app.app_id == other.app_id and event["type"] == "message"
        else None
    )
    ts = await started(client, thread, markdown_text="a")
    await client.chat_appendStream(channel=TRIAGE, ts=ts, markdown_text="b")
    await client.chat_stopStream(channel=TRIAGE, ts=ts)

    assert heard == [(None, "a"), ("message_changed", "ab")]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"thread_ts": ""}, "invalid_arguments"),
        ({"channel": ""}, "invalid_arguments"),
        ({"channel": "C0NOWHERE01"}, "channel_not_found"),
        ({"channel": "desk-triage"}, "channel_not_found"),
        ({"thread_ts": "1.000001"}, "thread_not_found"),
        ({"recipient_user_id": ""}, "missing_recipient_user_id"),
        ({"recipient_team_id": ""}, "missing_recipient_team_id"),
        ({"recipient_user_id": "U0NOBODY001"}, "user_not_found"),
        ({"recipient_team_id": "T0EXTERN001"}, "user_not_found"),
        ({"task_display_mode": "carousel"}, "invalid_arguments"),
        ({"markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"chunks": "no json"}, "invalid_chunks"),
        ({"chunks": {"type": "markdown_text"}}, "invalid_chunks"),
        ({"chunks": [{"type": "video"}]}, "invalid_chunks"),
        ({"chunks": [{"type": "markdown_text"}]}, "invalid_chunks"),
        ({"chunks": [{"type": "markdown_text", "text": "x" * 12_001}]}, "msg_too_long"),
        ({"chunks": [{"type": "plan_update", "title": "x" * 257}]}, "invalid_chunks"),
        ({"chunks": [{"type": "task_update", "id": "1", "title": "t", "status": "odd"}]}, "invalid_chunks"),
        ({"chunks": [{"type": "task_update", "id": "1", "title": "t", "status": "error", "x": 1}]}, "invalid_chunks"),
        ({"chunks": [{"type": "blocks", "blocks": [{"type": "nothing"}]}]}, "invalid_blocks"),
        ({"chunks": [{"type": "blocks", "blocks": [{"type": "divider"}] * 51}]}, "msg_blocks_too_many"),
    ],
)
async def test_a_stream_that_is_refused_posts_nothing(
    slack: LocalSlack, client: AsyncWebClient, thread: str, change: dict[str, Any], error: str
) -> None:
    args = {"channel": TRIAGE, "thread_ts": thread, **FOR_OLIVIA, **change}

    assert await refused(client, "chat.startStream", **args) == error

    assert len(slack.person("olivia").history("desk-triage", thread)) == 1


async def test_a_direct_message_needs_no_recipient(slack: LocalSlack, client: AsyncWebClient) -> None:
    first = await client.chat_postMessage(channel="U0OLIVIA001", text="hello")

    await client.chat_startStream(channel=first["channel"], thread_ts=first["ts"], markdown_text="there")

    channel = slack.world.channels[first["channel"]]
    assert slack.world.logs[channel.id].thread(first["ts"])[-1]["text"] == "there"


async def test_the_length_limit_is_one_of_each_piece(slack: LocalSlack, client: AsyncWebClient, thread: str) -> None:
    ts = await started(client, thread, markdown_text="x" * 12_000)

    await client.chat_appendStream(channel=TRIAGE, ts=ts, markdown_text="x" * 12_000)

    assert len(stored(slack, ts)["text"]) == 24_000


async def test_only_its_app_may_go_on_with_a_stream_that_still_runs(
    slack: LocalSlack, client: AsyncWebClient, thread: str
) -> None:
    other = slack.install("Other App", channels=["desk-triage"])
    theirs = AsyncWebClient(token=other.bot_token, base_url=slack.api_url)
    ts = await started(client, thread)

    for method in ("chat.appendStream", "chat.stopStream"):
        one = {"channel": TRIAGE, "ts": ts, "markdown_text": "x"}
        assert await refused(theirs, method, **one) == "message_not_owned_by_app"
        assert await refused(client, method, **one | {"ts": "1.000001"}) == "message_not_found"
        assert await refused(client, method, **one | {"ts": thread}) == "message_not_in_streaming_state"
        assert await refused(client, method, **one | {"chunks": [{}]}) == "invalid_chunks"
    assert await refused(client, "chat.appendStream", channel=TRIAGE, ts=ts) == "no_text"
    await client.chat_stopStream(channel=TRIAGE, ts=ts)
    for method in ("chat.appendStream", "chat.stopStream"):
        assert await refused(client, method, channel=TRIAGE, ts=ts, markdown_text="x") == (
            "message_not_in_streaming_state"
        )


async def test_a_message_that_is_being_written_can_be_neither_updated_nor_deleted(
    slack: LocalSlack, client: AsyncWebClient, thread: str
) -> None:
    ts = await started(client, thread, markdown_text="a")

    assert await refused(client, "chat.update", channel=TRIAGE, ts=ts, text="b") == "streaming_state_conflict"
    assert await refused(client, "chat.delete", channel=TRIAGE, ts=ts) == "cant_delete_message"

    await client.chat_stopStream(channel=TRIAGE, ts=ts)
    await client.chat_update(channel=TRIAGE, ts=ts, text="b", blocks=[])
    assert stored(slack, ts)["text"] == "b"


async def test_a_stream_ends_by_itself_after_some_minutes() -> None:
    ahead = [0.0]
    async with quick_slack(clock=lambda: time.time() + ahead[0]) as slack:
        client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
        thread = str((await client.chat_postMessage(channel=TRIAGE, text="the case"))["ts"])
        ts = await started(client, thread, markdown_text="a")
        ahead[0] = STREAM_LIVES_SECONDS + 1

        for method in ("chat.appendStream", "chat.stopStream"):
            assert await refused(client, method, channel=TRIAGE, ts=ts, markdown_text="x") == (
                "message_not_in_streaming_state"
            )
        await client.chat_update(channel=TRIAGE, ts=ts, text="a, and the rest")
        assert stored(slack, ts)["text"] == "a, and the rest"


async def test_an_archived_channel_and_one_the_bot_left_take_no_stream(
    slack: LocalSlack, client: AsyncWebClient, thread: str
) -> None:
    ts = await started(client, thread)
    slack.admin.archive_channel("desk-triage")
    assert await refused(client, "chat.appendStream", channel=TRIAGE, ts=ts, markdown_text="x") == "is_archived"
    slack.admin.remove_bot("help")
    args = {"channel": "C0HELP00001", "thread_ts": "1.1", **FOR_OLIVIA}
    assert await refused(client, "chat.startStream", **args) == "not_in_channel"


async def test_streaming_needs_the_scope_to_write(slack: LocalSlack, client: AsyncWebClient, thread: str) -> None:
    slack.use_manifest({"oauth_config": {"scopes": {"bot": ["channels:read"]}}})

    for method in ("chat.startStream", "chat.appendStream", "chat.stopStream"):
        assert await refused(client, method, channel=TRIAGE, thread_ts=thread, ts=thread) == "missing_scope"


async def test_starting_is_limited_like_tier_2() -> None:
    async with quick_slack(counts_calls=True) as slack:
        client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
        thread = str((await client.chat_postMessage(channel=TRIAGE, text="the case"))["ts"])
        for _ in range(20):
            await started(client, thread)

        with pytest.raises(SlackApiError) as limited:
            await started(client, thread)

    assert limited.value.response.status_code == 429
