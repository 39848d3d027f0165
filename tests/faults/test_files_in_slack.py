"""Files in Slack: posted once, found again after a lost answer, and never where another company reads."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from handlers.file_delivery import SHOWN_WITHIN
from storage import delivery_files
from storage.delivery_files import MAX_BYTES, MAX_FILES, NewFile, check
from tests.faults.rig import eventually, quick_slack
from tests.faults.test_held_and_lost_posts import a_ticket
from tests.running import RunningDesk, running_desk
from tests.threats.cases import change, paused

TRIAGE, HELP = "C0TRIAGE001", "C0HELP00001"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)
PACKET = NewFile("handoff-17.md", "text/markdown", b"# Handoff\n")
SIGNED = NewFile("handoff-17.json", "application/json", b"{}")
PICTURE = NewFile("weekly.png", "image/png", PNG, "Updates approved each week: 3, 4, 7")
COMPLETE, UPLOAD = "files.completeUploadExternal", "files.getUploadURLExternal"


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    async with quick_slack() as slack, running_desk(database_url, tmp_path, slack=slack) as desk:
        yield desk


async def enqueue(
    desk: RunningDesk, *files: NewFile, channel: str = TRIAGE, comment: str = "Handoff of ticket #17", **more: Any
) -> UUID:
    delivery_id = uuid4()
    async with desk.database.transaction() as tx:
        now = desk.parts.reception.desk.clock()
        wanted = files or (PACKET, SIGNED)
        await delivery_files.post(tx, channel, wanted, comment=comment, delivery_id=delivery_id, at=now, **more)
    return delivery_id


async def becomes(desk: RunningDesk, delivery_id: UUID, state: str) -> None:
    async def is_so() -> bool:
        return bool(await desk.value("select state from deliveries where id = :id", id=delivery_id) == state)

    await eventually(is_so)


def with_files(desk: RunningDesk, channel: str = TRIAGE) -> list[dict[str, Any]]:
    messages = desk.slack.world.logs[channel].messages.values()
    return [message for message in messages if message.get("files") and message.get("bot_id")]


def calls(desk: RunningDesk, method: str) -> int:
    return [call.method for call in desk.slack.calls].count(method)


async def at_once(desk: RunningDesk, delivery_id: UUID) -> None:
    """Run the job that was put back for later, once it was."""
    await desk.idle()
    await change(desk, "update procrastinate_jobs set scheduled_at = null where status = 'todo'")


async def test_files_are_posted_as_one_message_in_a_thread_and_their_content_leaves_the_database(
    desk: RunningDesk,
) -> None:
    ticket_id, _ = await a_ticket(desk)
    thread = desk.card("triage")["ts"]

    delivery_id = await enqueue(desk, PACKET, PICTURE, thread_ts=thread, ticket_id=ticket_id, comment="a <!channel> b")
    await becomes(desk, delivery_id, "posted")

    (message,) = with_files(desk)
    assert message["thread_ts"] == thread
    assert message["text"] == "a &lt;!channel&gt; b"
    assert [(f["name"], f["mimetype"], f.get("alt_txt")) for f in message["files"]] == [
        ("handoff-17.md", "text/markdown", None),
        ("weekly.png", "image/png", PICTURE.description),
    ]
    assert await desk.value("select ts from deliveries where id = :id", id=delivery_id) == message["ts"]
    assert await desk.value("select count(*) from delivery_files") == 0
    posted = [event for event in await desk.trail(ticket_id) if event.payload.get("deliveryId") == str(delivery_id)]
    assert [one["sha256"] for one in posted[-1].payload["files"]] == [
        hashlib.sha256(file.content).hexdigest() for file in (PACKET, PICTURE)
    ]
    async with aiohttp.ClientSession() as session:
        url = f"{desk.slack.url}/client/file?as=sana&file={message['files'][0]['id']}"
        async with session.get(url) as answer:
            assert await answer.read() == PACKET.content


async def test_threat_18_files_are_held_while_another_company_may_read_the_channel(desk: RunningDesk) -> None:
    desk.slack.admin.share_channel("desk-triage", "T0EXTERN001")

    delivery_id = await enqueue(desk)
    await becomes(desk, delivery_id, "held")

    assert with_files(desk) == []
    assert calls(desk, COMPLETE) == 0
    assert "shared" in str(await desk.value("select error from deliveries where id = :id", id=delivery_id))
    desk.slack.admin.unshare_channel("desk-triage", "T0EXTERN001")
    await at_once(desk, delivery_id)
    await becomes(desk, delivery_id, "posted")
    assert len(with_files(desk)) == 1


async def test_threat_18_a_channel_that_becomes_shared_while_the_bytes_go_up_gets_nothing(desk: RunningDesk) -> None:
    desk.slack.faults.fail_next(UPLOAD, hang_seconds=1.0)

    delivery_id = await enqueue(desk, PACKET)
    await desk.until(lambda: any(call.method == "conversations.info" for call in desk.slack.calls))
    asked = calls(desk, "conversations.info")
    desk.slack.admin.share_channel("desk-triage", "T0EXTERN001")
    await becomes(desk, delivery_id, "held")

    assert calls(desk, "conversations.info") > asked
    assert calls(desk, COMPLETE) == 0
    assert with_files(desk) == []


async def test_threat_18_a_row_that_calls_the_readers_customers_changes_nothing(desk: RunningDesk) -> None:
    ticket_id, ts = await a_ticket(desk)
    async with paused(desk):
        delivery_id = await enqueue(desk, channel=HELP, thread_ts=ts, ticket_id=ticket_id)
        await change(desk, "update deliveries set audience = 'customer' where id = :id", id=delivery_id)
        desk.slack.admin.share_channel("help", "T0EXTERN001")
    await becomes(desk, delivery_id, "held")

    assert with_files(desk, HELP) == []


@pytest.mark.parametrize(
    "sql",
    [
        "update deliveries set channel = 'C0GENERAL01' where id = :id",
        "update deliveries set args = replace(args::text, 'Handoff of', 'Whatever of')::json where id = :id",
        "update deliveries set args = replace(args::text, 'handoff-17.md', 'handoff-18.md')::json where id = :id",
        "update deliveries set ticket_id = (select id from tickets limit 1) where id = :id",
    ],
    ids=["another channel", "other words", "another name", "of a ticket"],
)
async def test_threat_21_files_that_only_a_row_queued_are_not_posted(desk: RunningDesk, sql: str) -> None:
    await a_ticket(desk)
    desk.slack.admin.share_channel("desk-triage", "T0EXTERN001")
    delivery_id = await enqueue(desk)
    await becomes(desk, delivery_id, "held")

    await change(desk, sql, id=delivery_id)
    desk.slack.admin.unshare_channel("desk-triage", "T0EXTERN001")
    await at_once(desk, delivery_id)
    await becomes(desk, delivery_id, "failed")

    assert with_files(desk) == [] and with_files(desk, "C0GENERAL01") == []


async def test_content_that_was_changed_in_the_database_is_not_posted(desk: RunningDesk) -> None:
    async with paused(desk):
        delivery_id = await enqueue(desk)
        await change(desk, "update delivery_files set content = 'other' where position = 0")
    await becomes(desk, delivery_id, "failed")

    assert with_files(desk) == []
    assert calls(desk, UPLOAD) == 0


@pytest.mark.parametrize("method", [COMPLETE, "files.info"])
async def test_a_lost_answer_does_not_post_files_twice(desk: RunningDesk, method: str) -> None:
    desk.slack.faults.fail_next(method, status=500, after_effect=True)

    delivery_id = await enqueue(desk)
    await desk.until(lambda: with_files(desk))
    await at_once(desk, delivery_id)
    await becomes(desk, delivery_id, "posted")

    assert len(with_files(desk)) == 1
    assert calls(desk, UPLOAD) == 2


async def test_uploads_that_slack_lost_are_made_again(desk: RunningDesk) -> None:
    desk.slack.faults.fail_next(COMPLETE, error="file_not_found")

    delivery_id = await enqueue(desk, PACKET)
    await desk.until(lambda: calls(desk, COMPLETE))
    await desk.idle()
    await at_once(desk, delivery_id)
    await becomes(desk, delivery_id, "posted")

    assert len(with_files(desk)) == 1
    assert calls(desk, UPLOAD) == 2


async def test_a_completion_that_never_happened_is_done_with_new_uploads(desk: RunningDesk) -> None:
    desk.slack.faults.fail_next(COMPLETE, status=500)

    delivery_id = await enqueue(desk, PACKET)
    await desk.until(lambda: calls(desk, COMPLETE))
    await desk.idle()
    await at_once(desk, delivery_id)
    await becomes(desk, delivery_id, "posted")

    assert len(with_files(desk)) == 1
    assert calls(desk, UPLOAD) == 2


async def test_files_that_slack_said_yes_to_and_never_showed_are_handed_in_again(desk: RunningDesk) -> None:
    desk.slack.admin.remove_bot("desk-triage")
    delivery_id = await enqueue(desk, PACKET)
    await desk.until(lambda: _obstacle(desk, delivery_id))
    desk.slack.admin.add_bot("desk-triage")
    async with paused(desk):
        # Slack knows the file, and shows it nowhere.
        file = (await desk.parts.reception.client.files_upload_v2(content="x", filename="lost.md"))["file"]
        ago = desk.parts.reception.desk.clock() - SHOWN_WITHIN - timedelta(seconds=1)
        await change(desk, "update delivery_files set slack_id = :file, handed_in_at = :at", file=file["id"], at=ago)
    await at_once(desk, delivery_id)

    async def is_said() -> bool:
        return "shows no message" in str(await _obstacle(desk, delivery_id))

    await eventually(is_said)
    await at_once(desk, delivery_id)
    await becomes(desk, delivery_id, "posted")
    assert [one["name"] for one in with_files(desk)[0]["files"]] == ["handoff-17.md"]


async def _obstacle(desk: RunningDesk, delivery_id: UUID) -> Any:
    return await desk.value("select error from deliveries where id = :id", id=delivery_id)


async def test_files_that_slack_may_still_be_showing_are_not_handed_in_again(desk: RunningDesk) -> None:
    async with paused(desk):
        delivery_id = await enqueue(desk, PACKET)
        file = (await desk.parts.reception.client.files_upload_v2(content="x", filename="slow.md"))["file"]
        now = desk.parts.reception.desk.clock()
        await change(desk, "update delivery_files set slack_id = :file, handed_in_at = :at", file=file["id"], at=now)
        before = calls(desk, UPLOAD)
    await desk.until(lambda: calls(desk, "files.info"))
    await desk.idle()

    assert calls(desk, UPLOAD) == before
    assert await desk.value("select state from deliveries where id = :id", id=delivery_id) == "posting"


async def test_a_workspace_that_takes_no_files_is_an_obstacle_said_in_words(desk: RunningDesk) -> None:
    desk.slack.faults.fail_next(UPLOAD, error="file_uploads_disabled")

    delivery_id = await enqueue(desk)

    await desk.until(lambda: _obstacle(desk, delivery_id))
    assert await _obstacle(desk, delivery_id) == "file_uploads_disabled: the workspace takes no files"
    await at_once(desk, delivery_id)
    await becomes(desk, delivery_id, "posted")


@pytest.mark.parametrize(
    ("files", "comment"),
    [
        ([], "x"),
        ([PACKET] * (MAX_FILES + 1), "x"),
        ([PACKET], ""),
        ([PACKET], "x" * 501),
        ([NewFile("../etc", "text/plain", b"x")], "x"),
        ([NewFile("a\u202efdp.exe", "text/plain", b"x")], "x"),
        ([NewFile("a.txt", "text/plain", b"")], "x"),
        ([NewFile("a.txt", "plain", b"x")], "x"),
        ([NewFile("a.txt", "text/plain", b"x", "a text with a description")], "x"),
        ([NewFile("a.png", "image/png", b"x")], "x"),
        ([NewFile("a.png", "image/png", b"x", "d" * 1001)], "x"),
        ([NewFile("a.bin", "application/octet-stream", b"x" * (MAX_BYTES + 1))], "x"),
    ],
)
def test_what_slack_would_not_take_is_refused_before_it_is_queued(files: list[NewFile], comment: str) -> None:
    with pytest.raises(ValueError):
        check(files, comment)


@pytest.mark.parametrize(
    ("method", "args"),
    [
        (COMPLETE, {"files": [{"id": "F1"}], "channel_id": TRIAGE}),
        ("chat.startStream", {"channel": TRIAGE, "thread_ts": "1.1"}),
        ("chat.appendStream", {"channel": TRIAGE, "ts": "1.1", "markdown_text": "x"}),
        ("conversations.create", {"name": "case-17", "is_private": True}),
    ],
)
async def test_a_call_that_would_post_a_second_time_is_not_repeated_by_the_client(
    desk: RunningDesk, method: str, args: dict[str, Any]
) -> None:
    desk.slack.faults.fail_next(method, status=500)

    with pytest.raises(SlackApiError):
        await desk.parts.reception.client.api_call(method, json=args)

    assert calls(desk, method) == 1
