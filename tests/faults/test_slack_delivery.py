"""Events come twice, in the wrong order, late, or not at all: one message is one ticket, with the text it has now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import bot.backfill
import bot.process
import bot.socket_mode
import handlers.arrivals
from bot.backfill import backfill
from local_slack.records import AppInstall
from local_slack.server import LocalSlack
from tests.faults.rig import eventually, holds, quick_slack
from tests.running import RunningDesk, running_desk

HELP = "C0HELP00001"


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    """One that tries once: what is dropped is lost for good."""
    async with quick_slack(retry_delays_seconds=(), ack_seconds=1.0) as running:
        yield running


@pytest.fixture
async def desk(database_url: str, tmp_path: Path, slack: LocalSlack) -> AsyncIterator[RunningDesk]:
    async with running_desk(database_url, tmp_path, slack=slack) as desk:
        yield desk


async def tickets(desk: RunningDesk) -> list[str]:
    return [row[0] for row in await desk.rows("select subject from tickets order by slack_ts")]


async def texts(desk: RunningDesk, ts: str) -> list[tuple[str, str]]:
    """The versions of the message at `ts`: kind and text, oldest first."""
    found = await desk.rows(
        "select v.kind, v.text from message_versions v join messages m on m.id = v.message_id"
        " where m.slack_ts = :ts order by v.number",
        ts=ts,
    )
    return [(row[0], row[1]) for row in found]


async def handled(desk: RunningDesk, count: int) -> bool:
    """Whether so many arrivals are handled. A look at the history may find an edit that its event brings, too."""
    return bool(await desk.value("select count(*) >= :n from inbox where handled_at is not null", n=count))


async def test_an_event_that_comes_twice_is_one_ticket(desk: RunningDesk) -> None:
    desk.slack.faults.duplicate = True
    erin = desk.slack.person("erin")

    ts = await erin.post("help", "The VPN is down.")
    await erin.post("help", "Since nine o'clock.", thread_ts=ts)
    await erin.edit("help", ts, "The VPN is down again.")
    await eventually(lambda: handled(desk, 3))
    await desk.idle()

    assert await tickets(desk) == ["The VPN is down."]
    assert await texts(desk, ts) == [("posted", "The VPN is down."), ("edited", "The VPN is down again.")]
    assert len([m for m in erin.history("help", ts) if m.get("bot_id")]) == 1, "one acknowledgement"
    await holds(desk.slack, desk.database)


async def test_events_that_swap_places_make_the_right_ticket(desk: RunningDesk) -> None:
    desk.slack.faults.reorder = True
    erin = desk.slack.person("erin")

    ts = await erin.post("help", "The VPN is down.")
    await erin.post("help", "Since nine o'clock.", thread_ts=ts)
    await eventually(lambda: handled(desk, 2))
    await desk.idle()

    assert await tickets(desk) == ["The VPN is down."]
    messages = await desk.rows("select author_side, slack_ts from messages order by slack_ts")
    assert [row[0] for row in messages] == ["customer", "customer"]
    await holds(desk.slack, desk.database)


async def _event(desk: RunningDesk, **event: Any) -> None:
    envelope = desk.slack.forge.event_envelope({"type": "message", "channel": HELP, **event}, "help")
    assert (await desk.slack.forge.send(envelope)).acked


async def _silently_posted(desk: RunningDesk, text: str, **more: Any) -> str:
    """A message that stands in Slack and whose event never came."""
    async with unheard(desk.slack):
        ts: str = await desk.slack.person("erin").post("help", text, **more)
    return ts


@asynccontextmanager
async def unheard(slack: LocalSlack) -> AsyncIterator[None]:
    """What happens in here reaches nobody."""
    slack.faults.drop = True
    yield
    await asyncio.sleep(0.05)  # Deliveries start in the background.
    slack.faults.drop = False


async def test_a_reply_before_its_parent_an_edit_before_its_message_and_a_late_older_edit(
    slack: LocalSlack, desk: RunningDesk
) -> None:
    user = slack.person("erin").id
    root = await _silently_posted(desk, "The VPN is down.")
    reply = await _silently_posted(desk, "Since nine.", thread_ts=root)

    await _event(desk, user=user, ts=reply, thread_ts=root, text="Since nine.")
    await eventually(lambda: handled(desk, 1))
    assert await tickets(desk) == ["The VPN is down."], "the reply brought its parent"

    def edited(text: str, edited_ts: str) -> dict[str, Any]:
        edit = {"user": user, "ts": edited_ts}
        return {"subtype": "message_changed", "ts": edited_ts, "message": {"type": "message", "user": user, "ts": reply,
                "thread_ts": root, "text": text, "edited": edit}}  # fmt: skip

    await _event(desk, **edited("Since eleven.", "1900000002.000000"))
    await _event(desk, **edited("Since ten.", "1900000001.000000"))
    await _event(desk, user=user, ts=root, text="The VPN is down.")
    await eventually(lambda: handled(desk, 4))
    await desk.idle()

    assert await tickets(desk) == ["The VPN is down."]
    assert len(await texts(desk, reply)) == 3
    assert "Since eleven." in str(await _page_texts(desk)) and "Since ten." not in str(await _page_texts(desk))
    await holds(slack, desk.database)


async def _page_texts(desk: RunningDesk) -> list[str]:
    from handlers.flows.read_ticket import ticket_page

    page = await ticket_page(desk.parts.reception.desk, await desk.the_ticket())
    return [str(message.text) for message in page.messages]


async def test_an_edit_before_its_message_is_one_ticket_with_the_edited_text(
    slack: LocalSlack, desk: RunningDesk
) -> None:
    user, ts = slack.person("erin").id, "1900000000.000100"
    message = {
        "type": "message",
        "user": user,
        "ts": ts,
        "text": "After.",
        "edited": {"user": user, "ts": "1900000001.0"},
    }

    await _event(desk, subtype="message_changed", ts="1900000001.0", message=message)
    await _event(desk, user=user, ts=ts, text="Before.")
    await eventually(lambda: handled(desk, 2))
    await desk.idle()

    assert await tickets(desk) == ["After."]
    assert (await texts(desk, ts))[0] == ("posted", "After.")


async def test_a_deletion_before_its_message_is_a_ticket_whose_message_is_deleted(
    slack: LocalSlack, desk: RunningDesk
) -> None:
    user, ts = slack.person("erin").id, "1900000000.000200"

    await _event(desk, subtype="message_deleted", ts="1900000001.0", deleted_ts=ts)
    await eventually(lambda: handled(desk, 1))
    await _event(desk, user=user, ts=ts, text="Forget it.")
    await eventually(lambda: handled(desk, 2))
    await desk.idle()

    assert [kind for kind, _ in await texts(desk, ts)] == ["posted", "deleted"]
    await holds(slack, desk.database)


async def test_an_acknowledgement_that_is_lost_brings_three_retries_and_one_ticket(
    slack: LocalSlack, desk: RunningDesk
) -> None:
    """Every attempt reaches the bot; Slack hears of none."""
    erin, user = slack.person("erin"), slack.person("erin").id
    ts = await _silently_posted(desk, "The VPN is down.")
    event = {"type": "message", "channel": HELP, "user": user, "ts": ts, "text": "The VPN is down."}
    envelope = slack.forge.event_envelope(event, "help")

    for _ in range(4):
        await slack.forge.send(envelope)
    await eventually(lambda: handled(desk, 1))
    await desk.idle()

    assert await tickets(desk) == ["The VPN is down."]
    assert len([m for m in erin.history("help", ts) if m.get("bot_id")]) == 1
    await holds(slack, desk.database)


@pytest.mark.parametrize("abruptly", [False, True], ids=["announced", "abruptly"])
async def test_sockets_that_break_lose_no_message(database_url: str, tmp_path: Path, abruptly: bool) -> None:
    async with quick_slack() as slack, running_desk(database_url, tmp_path, slack=slack) as desk:
        erin = slack.person("erin")

        for n in range(3):
            if n != 2 or not abruptly:
                slack.faults.disconnect(abruptly=abruptly)
            await erin.post("help", f"Message {n}")
            await asyncio.sleep(0.05)
        await eventually(lambda: handled(desk, 3), seconds=20)
        await desk.idle()

        assert await tickets(desk) == [f"Message {n}" for n in range(3)]
        await holds(slack, desk.database)


async def test_a_socket_that_is_not_let_in_asks_where_to_connect_anew(
    slack: LocalSlack, desk: RunningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address is good for one connection and some seconds; trying it again would go on for ever."""
    monkeypatch.setattr(bot.socket_mode, "CONNECT_WITHIN_SECONDS", 1.0)
    real, refused = slack._sockets.open_ticket, 0

    def worn_out(app: AppInstall) -> str:
        nonlocal refused
        refused += 1
        return real(app) if refused > 2 else "used before"

    monkeypatch.setattr(slack._sockets, "open_ticket", worn_out)
    await slack.faults.disconnect(abruptly=True)

    await eventually(lambda: refused > 3 and slack.socket_count == 2, seconds=40)
    await slack.person("erin").post("help", "Is anybody there?")
    await eventually(lambda: handled(desk, 1))


async def test_late_events_come_in_all_the_same(slack: LocalSlack, desk: RunningDesk) -> None:
    slack.faults.delay_seconds = 0.5

    await slack.person("erin").post("help", "The VPN is down.")

    await eventually(lambda: handled(desk, 1))


async def test_what_slack_gave_up_sending_is_found_in_the_history_after_a_restart(
    slack: LocalSlack, database_url: str, tmp_path: Path
) -> None:
    """Messages, replies and edits of the gap, although newer messages than those came in before anyone looked."""
    erin = slack.person("erin")
    async with unheard(slack):
        before = await erin.post("help", "Before the desk was there: nobody's ticket.")
    async with running_desk(database_url, tmp_path, slack=slack) as desk:
        known = await erin.post("help", "Known.")
        await eventually(lambda: handled(desk, 1))
        await desk.idle()
        async with unheard(slack):
            missed = await erin.post("help", "Missed.")
            reply = await erin.post("help", "A missed reply.", thread_ts=known)
            await erin.edit("help", known, "Known, and edited unseen.")
        newer = await erin.post("help", "The first one after the gap.")
        await eventually(lambda: handled(desk, 2))
        assert await tickets(desk) == ["Known.", "The first one after the gap."]
    async with running_desk(database_url, tmp_path, slack=slack) as desk:
        await eventually(lambda: handled(desk, 5))
        await desk.idle()

        assert await tickets(desk) == ["Known.", "Missed.", "The first one after the gap."]
        assert await texts(desk, reply) == [("posted", "A missed reply.")]
        assert [text for _, text in await texts(desk, known)] == ["Known.", "Known, and edited unseen."]
        assert await texts(desk, before) == []
        assert missed < newer
        await holds(slack, desk.database)


@pytest.mark.parametrize("comes_another", [False, True])
async def test_the_first_message_ever_is_found_although_slack_gave_up_sending_it(
    slack: LocalSlack, database_url: str, tmp_path: Path, comes_another: bool
) -> None:
    erin = slack.person("erin")
    async with unheard(slack):
        await erin.post("help", "Before the desk was there: nobody's ticket.")
    async with running_desk(database_url, tmp_path, slack=slack) as desk, unheard(slack):
        await desk.idle()
        await erin.post("help", "The first one.")
    async with running_desk(database_url, tmp_path, slack=slack) as desk:
        if comes_another:
            await erin.post("help", "The second one.")
        await eventually(lambda: handled(desk, 1 + comes_another))
        await desk.idle()

        assert await tickets(desk) == ["The first one.", *(["The second one."] if comes_another else [])]


@pytest.mark.parametrize("before", [[], ["A ticket of before."]])
async def test_what_was_said_while_a_channel_was_not_taken_is_left_alone(
    slack: LocalSlack, database_url: str, tmp_path: Path, before: list[str]
) -> None:
    erin, intake = slack.person("erin"), "COUNTERSIGN_INTAKE_CHANNELS"
    async with running_desk(database_url, tmp_path, slack=slack) as desk:
        for said in before:
            await erin.post("help", said)
        await eventually(lambda: handled(desk, len(before)))
        await desk.idle()
        channels = ",".join(sorted(desk.parts.reception.desk.settings.intake_channels))
    fewer = ",".join(one for one in channels.split(",") if one != HELP)
    async with running_desk(database_url, tmp_path, slack=slack, environment={intake: fewer}):
        await erin.post("help", "Between us.")
    async with running_desk(database_url, tmp_path, slack=slack) as desk:
        async with unheard(slack):
            await erin.post("help", "A ticket.")
        await backfill(desk.parts.reception, {HELP: desk.parts.reception.desk.clock()})
        await desk.idle()

        assert await tickets(desk) == [*before, "A ticket."]


async def test_the_thread_of_a_ticket_elsewhere_is_read_after_a_restart_and_the_rest_of_that_channel_is_not(
    slack: LocalSlack, database_url: str, tmp_path: Path
) -> None:
    erin = slack.person("erin")
    async with running_desk(database_url, tmp_path, slack=slack) as desk:
        asked = await erin.post("general", "My laptop does not start.")
        await slack.person("olivia").shortcut("make_ticket", channel="general", ts=asked)
        await desk.the_ticket()
        await desk.idle()
        async with unheard(slack):
            reply = await erin.post("general", "It does now.", thread_ts=asked)
            await erin.edit("general", asked, "My laptop did not start.")
            await erin.post("general", "Lunch?")
    async with running_desk(database_url, tmp_path, slack=slack) as desk:
        await eventually(lambda: handled(desk, 2))
        await desk.idle()

        assert await texts(desk, reply) == [("posted", "It does now.")]
        said = [text for _, text in await texts(desk, asked)]
        assert said == ["My laptop does not start.", "My laptop did not start."]
        assert await desk.value("select count(*) from inbox") == 3, "the thread: its first message, an edit, a reply"
        assert await desk.value("select count(*) from tickets") == 1


async def missed_reply(slack: LocalSlack, database_url: str, tmp_path: Path) -> str:
    """A reply to a known message, while no desk listened and for longer than Slack sent it."""
    erin = slack.person("erin")
    async with running_desk(database_url, tmp_path, slack=slack) as desk:
        known = await erin.post("help", "Known.")
        await eventually(lambda: handled(desk, 1))
        await desk.idle()
    async with unheard(slack):
        return await erin.post("help", "A missed reply.", thread_ts=known)


async def test_a_look_that_slack_cut_short_is_taken_again_as_if_it_had_not_begun(
    slack: LocalSlack, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One refusal in the middle of the first look; the looks after it read no thread that is silent by then."""
    monkeypatch.setattr(bot.backfill, "OVERLAP", timedelta(0))
    monkeypatch.setattr(bot.process, "BACKFILL_EVERY_SECONDS", 0.5)
    reply = await missed_reply(slack, database_url, tmp_path)
    slack.faults.fail_next("conversations.replies", error="internal_error")
    async with running_desk(database_url, tmp_path, slack=slack) as desk:
        await eventually(lambda: handled(desk, 2), seconds=20)
        await desk.idle()

        assert await texts(desk, reply) == [("posted", "A missed reply.")]


async def test_a_look_that_slack_asks_to_wait_waits_and_goes_on(
    slack: LocalSlack, database_url: str, tmp_path: Path
) -> None:
    """A busy desk has more threads than Slack lets anybody read in a minute."""
    reply = await missed_reply(slack, database_url, tmp_path)
    for method in ("conversations.info", "conversations.history", "conversations.replies"):
        slack.faults.fail_next(method, ratelimited=True)
    async with running_desk(database_url, tmp_path, slack=slack) as desk:
        await eventually(lambda: handled(desk, 2), seconds=20)
        await desk.idle()

        assert await texts(desk, reply) == [("posted", "A missed reply.")]


async def test_what_came_in_after_a_long_gap_hides_nothing_of_it(
    slack: LocalSlack, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gap is longer than a look goes back by itself, and somebody writes before anybody has looked."""
    monkeypatch.setattr(bot.backfill, "LOOK_BACK", timedelta(0))
    monkeypatch.setattr(bot.backfill, "OVERLAP", timedelta(0))
    erin = slack.person("erin")
    async with running_desk(database_url, tmp_path, slack=slack) as desk:
        await erin.post("help", "Known.")
        await eventually(lambda: handled(desk, 1))
        await desk.idle()
    async with unheard(slack):
        await erin.post("help", "Missed.")
    slack.faults.fail_next("conversations.info", error="internal_error", times=4)  # The first look, at all channels.
    async with running_desk(database_url, tmp_path, slack=slack) as desk:
        await erin.post("help", "The first one after the gap.")
        await eventually(lambda: handled(desk, 2))
        await desk.idle()
    async with running_desk(database_url, tmp_path, slack=slack) as desk:
        await eventually(lambda: handled(desk, 3), seconds=20)
        await desk.idle()

        assert await tickets(desk) == ["Known.", "Missed.", "The first one after the gap."]


async def test_a_reply_that_came_before_the_missed_message_it_answers_was_found_is_not_lost(
    desk: RunningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a gap somebody asks again in the thread, before anybody has looked at the history."""
    monkeypatch.setattr(handlers.arrivals, "YOUNG", timedelta(0))
    root = await _silently_posted(desk, "The VPN is down.")
    reply = await desk.slack.person("erin").post("help", "Is anybody there?", thread_ts=root)
    await eventually(lambda: handled(desk, 1))
    assert await tickets(desk) == []

    await backfill(desk.parts.reception, {HELP: desk.parts.reception.desk.clock()})
    await eventually(lambda: handled(desk, 2))
    await desk.idle()

    assert await tickets(desk) == ["The VPN is down."]
    assert await texts(desk, reply) == [("posted", "Is anybody there?")]
    await holds(desk.slack, desk.database)
