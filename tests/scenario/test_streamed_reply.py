"""A reply that grows in a thread: streamed where Slack streams, updated where not, silent where it may not be shown."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.local import MANIFEST
from handlers.streaming import Reader, StreamedReply, Way
from handlers.views.blocks import button, line, rich, say
from handlers.views.streamed import TEXT_LENGTH
from local_slack.server import LocalSlack
from local_slack.web_api.streams import STREAM_LIVES_SECONDS

TRIAGE = "C0TRIAGE001"
STOP = button("Stop", "case.stop", "1")
UNDER = rich(line(say("Accept it below.")))


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    manifest = yaml.safe_load(MANIFEST.read_text())
    async with LocalSlack(counts_calls=False, post_interval_seconds=0, manifest=manifest) as slack:
        yield slack


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def thread(slack: LocalSlack) -> str:
    return await slack.person("olivia").post("desk-triage", "What happened to this account?")


@pytest.fixture
def reply(slack: LocalSlack, clock: Clock, thread: str) -> StreamedReply:
    return replying(slack, clock, thread)


def replying(slack: LocalSlack, clock: Clock, thread: str, **more: Any) -> StreamedReply:
    client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
    return StreamedReply(
        client,
        thread_ts=thread,
        reader=Reader("U0OLIVIA001", "T0ACME00001"),
        clock=clock,
        pause=clock.pause,
        **{"channel": TRIAGE, "stop_button": STOP, **more},
    )


def shown(slack: LocalSlack, thread: str) -> list[dict[str, Any]]:
    return slack.person("olivia").history("desk-triage", thread)[1:]


def words(message: dict[str, Any]) -> str:
    """What the rich text of a message says."""
    found: list[str] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            found.extend([value["text"]] if value.get("type") == "text" else [])
            for item in value.values():
                look(item)
        elif isinstance(value, list):
            for item in value:
                look(item)

    look([block for block in message["blocks"] if block["type"] == "rich_text"])
    return "|".join(found)


def kinds(message: dict[str, Any]) -> list[str]:
    return [block["type"] for block in message["blocks"]]


def calls(slack: LocalSlack, method: str) -> int:
    return [call.method for call in slack.calls].count(method)


async def test_a_reply_grows_with_a_stop_button_and_ends_without_it(
    slack: LocalSlack, clock: Clock, thread: str, reply: StreamedReply
) -> None:
    await reply.start("Looking at the logs.\n")
    first = shown(slack, thread)[0] | {}
    clock.now += 1
    await reply.append("They say nothing.\n")
    second = shown(slack, thread)[0] | {}
    await reply.finish("So I ask.", [UNDER])

    assert (words(first), kinds(first)) == ("Looking at the logs.", ["actions", "rich_text"])
    assert words(second) == "Looking at the logs.|They say nothing."
    (last,) = shown(slack, thread)
    assert last["streaming_state"] == "completed"
    assert words(last) == "Looking at the logs.\nThey say nothing.\nSo I ask.|Accept it below."
    assert "actions" not in kinds(last)
    assert reply.why_silent is None
    assert reply.ts == last["ts"]


async def test_without_a_button_the_stream_itself_is_the_message(slack: LocalSlack, clock: Clock, thread: str) -> None:
    reply = replying(slack, clock, thread, stop_button=None)

    await reply.start("One.\n")
    await reply.finish("Two.", [UNDER])

    (message,) = shown(slack, thread)
    assert words(message) == "One.|Two.|Accept it below."
    assert "edited" not in message
    assert calls(slack, "chat.update") == 0


async def test_a_piece_goes_out_at_most_once_a_second_and_by_whole_lines(
    slack: LocalSlack, clock: Clock, thread: str, reply: StreamedReply
) -> None:
    await reply.start("a\n")
    for _ in range(30):
        await reply.append("word ")
        clock.now += 0.1
    assert calls(slack, "chat.appendStream") == 0
    clock.now += 5
    await reply.append("end\n")
    for _ in range(10):
        await reply.append("line\n")
    assert calls(slack, "chat.appendStream") == 1
    await reply.finish()

    assert clock.waits == [1.0]
    assert words(shown(slack, thread)[0]).endswith("end\n" + "line\n" * 9 + "line")


async def test_what_a_model_writes_mentions_nobody_and_links_nothing(
    slack: LocalSlack, clock: Clock, thread: str, reply: StreamedReply
) -> None:
    hostile = "<!channel> <@U0SANA00001> [here](https://evil.example/?q=secret) https://evil.example \u202etxt.exe\n"

    await reply.start(hostile)
    clock.now += 1
    await reply.append(hostile)
    growing = json.dumps(shown(slack, thread))
    await reply.finish(hostile)

    for message in (growing, json.dumps(shown(slack, thread))):
        assert '"link"' not in message
        assert '"user_id"' not in message
        assert '"broadcast"' not in message
        assert '"markdown"' not in message
        assert "\\u202e" not in message
    assert shown(slack, thread)[0]["text"].count("<") == 0


@pytest.mark.parametrize(
    "error",
    ["channel_type_not_supported", "missing_recipient_team_id", "unknown_method", "messages_tab_disabled", "odd_error"],
)
async def test_where_slack_does_not_stream_a_message_is_updated(
    slack: LocalSlack, clock: Clock, thread: str, reply: StreamedReply, error: str
) -> None:
    slack.faults.fail_next("chat.startStream", error=error)

    await reply.start("One.\n")
    assert reply.way is Way.UPDATES
    await reply.append("Two.\n")
    assert calls(slack, "chat.update") == 0
    clock.now += 3
    await reply.append("Three.\n")
    growing = shown(slack, thread)[0] | {}
    await reply.finish("Four.", [UNDER])

    assert (words(growing), kinds(growing)[0]) == ("One.\nTwo.\nThree.", "actions")
    (last,) = shown(slack, thread)
    assert words(last) == "One.\nTwo.\nThree.\nFour.|Accept it below."
    assert clock.waits == [3.0]


@pytest.mark.parametrize("error", ["message_not_in_streaming_state", "stopped_by_user", "msg_blocks_too_long"])
async def test_a_stream_that_slack_ended_goes_on_as_an_updated_message(
    slack: LocalSlack, clock: Clock, thread: str, reply: StreamedReply, error: str
) -> None:
    await reply.start("One.\n")
    ts = reply.ts
    client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
    if error != "msg_blocks_too_long":
        await client.chat_stopStream(channel=TRIAGE, ts=str(ts))
    slack.faults.fail_next("chat.appendStream", error=error)
    clock.now += 1
    await reply.append("Two.\n")
    await reply.finish("Three.")

    (last,) = shown(slack, thread)
    assert (last["ts"], words(last)) == (ts, "One.\nTwo.\nThree.")
    assert reply.is_stopped_by_reader is (error == "stopped_by_user")


async def test_a_stream_that_ran_out_of_time_is_finished_all_the_same(clock: Clock) -> None:
    ahead = [0.0]
    async with LocalSlack(post_interval_seconds=0, clock=lambda: 1_790_000_000.0 + ahead[0]) as slack:
        thread = await slack.person("olivia").post("desk-triage", "What happened?")
        reply = replying(slack, clock, thread)
        await reply.start("One.\n")
        ahead[0] = STREAM_LIVES_SECONDS + 1
        await reply.finish("Two.", [UNDER])

        assert words(shown(slack, thread)[0]) == "One.\nTwo.|Accept it below."


async def test_slacks_limit_is_waited_out_at_the_end_and_skipped_before(
    slack: LocalSlack, clock: Clock, thread: str, reply: StreamedReply
) -> None:
    await reply.start("One.\n")
    slack.faults.fail_next("chat.appendStream", ratelimited=True, retry_after_seconds=7)
    clock.now += 1
    await reply.append("Two.\n")
    before = calls(slack, "chat.appendStream")
    clock.now += 6
    await reply.append("Three.\n")
    assert calls(slack, "chat.appendStream") == before
    slack.faults.fail_next("chat.stopStream", ratelimited=True, retry_after_seconds=4)
    await reply.finish("Four.")

    assert clock.waits == [1.0, 4.0]
    assert words(shown(slack, thread)[0]) == "One.\nTwo.\nThree.\nFour."


async def test_threat_18_a_reply_is_not_begun_where_another_company_reads(
    slack: LocalSlack, clock: Clock, reply: StreamedReply, thread: str
) -> None:
    slack.admin.share_channel("desk-triage", "T0EXTERN001")

    await reply.start("Internal words.\n")
    await reply.append("More.\n")
    await reply.finish("End.")

    assert shown(slack, thread) == []
    assert "shared" in str(reply.why_silent)


@pytest.mark.parametrize("is_streaming", [True, False])
async def test_threat_18_a_reply_stops_growing_when_another_company_is_let_in(
    slack: LocalSlack, clock: Clock, reply: StreamedReply, thread: str, is_streaming: bool
) -> None:
    if not is_streaming:
        slack.faults.fail_next("chat.startStream", error="channel_type_not_supported")
    await reply.start("One.\n")
    slack.admin.share_channel("desk-triage", "T0EXTERN001")
    clock.now += 10
    await reply.append("Two.\n")
    await reply.finish("Three.", [UNDER])

    (message,) = shown(slack, thread)
    assert words(message) == "One."
    assert message.get("streaming_state") != "in_progress"
    assert reply.why_silent


async def test_threat_18_the_end_is_guarded_however_lately_the_guard_was_asked(
    slack: LocalSlack, clock: Clock, reply: StreamedReply, thread: str
) -> None:
    await reply.start("One.\n")
    slack.admin.share_channel("desk-triage", "T0EXTERN001")
    await reply.finish("Two.")

    assert words(shown(slack, thread)[0]) == "One."


@pytest.mark.parametrize("error", ["channel_not_found", "is_archived", "token_revoked"])
async def test_where_no_message_goes_nothing_is_tried_and_nothing_raised(
    slack: LocalSlack, clock: Clock, reply: StreamedReply, thread: str, error: str
) -> None:
    slack.faults.fail_next("chat.startStream", error=error)

    await reply.start("One.\n")
    await reply.finish("Two.")

    assert calls(slack, "chat.postMessage") == 0
    assert error in str(reply.why_silent)


async def test_a_slack_that_is_away_is_no_trouble_of_the_turns(clock: Clock) -> None:
    async with LocalSlack() as slack:
        thread = await slack.person("olivia").post("desk-triage", "What happened?")
        reply = replying(slack, clock, thread)
        await reply.start("One.\n")
    clock.now += 1
    await reply.append("Two.\n")
    await reply.finish("Three.")
    await replying(slack, clock, thread).start("One.\n")

    assert reply.why_silent


async def test_a_long_reply_is_cut_and_says_so(slack: LocalSlack, clock: Clock, thread: str) -> None:
    for stop in (STOP, None):
        reply = replying(slack, clock, thread, stop_button=stop)
        await reply.start("a\n")
        for _ in range(60):
            clock.now += 1
            await reply.append(f"{'x' * 399}\n")
        await reply.finish("the end")

        said = words(shown(slack, thread)[-1])
        assert "more characters" in said
        assert len(said) <= TEXT_LENGTH + 300
        assert reply.why_silent is None
