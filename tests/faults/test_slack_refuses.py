"""Slack says no, too fast, nothing, or that it is broken: the trail says so, what may pass is tried again, once."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.decided_reply import decided_reply
from tests.faults.rig import eventually, holds, posted_twice, quick_slack
from tests.running import RunningDesk, running_desk


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    async with quick_slack() as slack, running_desk(database_url, tmp_path, slack=slack) as desk:
        yield desk


async def asked(desk: RunningDesk, text: str = "The printer on floor 3 is out of paper.", channel: str = "help") -> str:
    ts: str = await desk.slack.person("erin").post(channel, text)
    await eventually(lambda: desk.value("select 1 from tickets where slack_ts = :ts", ts=ts))
    return ts


async def states(desk: RunningDesk) -> dict[str, str]:
    return dict(await desk.rows("select kind, state from deliveries"))


async def no_more_waiting(desk: RunningDesk) -> None:
    """What was put back for later is due now."""
    await desk.idle()
    await desk.rows("update procrastinate_jobs set scheduled_at = now() where status = 'todo' returning 1")


async def failures(desk: RunningDesk) -> list[Any]:
    return await desk.rows("select payload ->> 'reason' from audit_events where name = 'delivery_failed'")


@pytest.mark.parametrize(
    "how", [{"status": 500}, {"status": 503}, {"error": "internal_error"}, {"error": "fatal_error"}]
)
async def test_a_post_that_slack_made_but_called_an_error_is_not_made_again(
    desk: RunningDesk, how: dict[str, Any]
) -> None:
    desk.slack.faults.fail_next("chat.postMessage", after_effect=True, **how)

    await asked(desk)

    await eventually(lambda: _has_failed_call(desk))
    await desk.idle()
    await no_more_waiting(desk)
    await eventually(lambda: _all_posted(desk, {"acknowledgement", "triage_card"}))
    assert posted_twice(desk.slack) == []
    await holds(desk.slack, desk.database)


async def _has_failed_call(desk: RunningDesk) -> bool:
    # A failure of the whole request is not in the log of calls; that its delivery still waits for an answer shows.
    return "posting" in (await states(desk)).values() and len(await states(desk)) == 2


async def _all_posted(desk: RunningDesk, kinds: set[str]) -> bool:
    found = await states(desk)
    return set(found) >= kinds and set(found.values()) == {"posted"}


async def test_a_rate_limit_is_waited_out_in_the_queue_for_as_long_as_slack_says(desk: RunningDesk) -> None:
    desk.slack.faults.fail_next("chat.postMessage", ratelimited=True, retry_after_seconds=2, times=2)

    await asked(desk)
    await eventually(lambda: _all_posted(desk, {"acknowledgement", "triage_card"}))

    posts = [call for call in desk.slack.calls if call.method == "chat.postMessage"]
    assert len(posts) == 4, "two refused, two made: no busy loop"
    assert [call.ok for call in posts] == [False, False, True, True]
    waited = await desk.value("select extract(epoch from max(posted_at) - min(created_at)) from deliveries")
    assert waited >= 2
    await holds(desk.slack, desk.database)


async def test_a_slack_that_hangs_keeps_no_other_channel_waiting(desk: RunningDesk) -> None:
    slow = 15
    desk.slack.faults.fail_next("conversations.info", hang_seconds=slow)  # the triage card's audience guard

    ts = await asked(desk, channel="ext-external")  # an acknowledgement there needs no such question

    # The customer's acknowledgement does not wait for the internal card.
    await eventually(lambda: len(desk.slack.person("erin").history("ext-external", ts)) == 2, seconds=slow - 2)
    assert not await _all_posted(desk, {"acknowledgement", "triage_card"})


@pytest.mark.parametrize(
    ("break_it", "mend_it", "code"),
    [
        (lambda s: s.admin.remove_bot("desk-triage"), lambda s: s.admin.add_bot("desk-triage"), "channel_not_found"),
        (
            lambda s: s.admin.archive_channel("desk-triage"),
            lambda s: s.admin.unarchive_channel("desk-triage"),
            "is_archived",
        ),
    ],
    ids=["the bot was removed from the channel", "the channel was archived"],
)
async def test_what_a_person_can_put_right_is_said_once_and_tried_until_it_is_right(
    desk: RunningDesk, break_it: Any, mend_it: Any, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    break_it(desk.slack)

    with caplog.at_level(logging.ERROR):
        ts = await asked(desk)
        await eventually(lambda: failures(desk))
        for _ in range(2):  # Tried again, and still in the way: nothing more to say.
            await desk.idle()
            await no_more_waiting(desk)
        await desk.idle()

    [(reason,)] = await failures(desk)
    assert reason.startswith(code)
    said = [record.getMessage() for record in caplog.records if "triage_card" in record.getMessage()]
    assert len(said) == 1 and "C0TRIAGE001" in said[0]
    assert len(desk.slack.person("erin").history("help", ts)) == 2, "the customer hears of it all the same"
    waits = await desk.value("select extract(epoch from max(scheduled_at) - now()) from procrastinate_jobs")
    assert waits > 30, "no busy loop"

    mend_it(desk.slack)
    await no_more_waiting(desk)

    await eventually(lambda: _all_posted(desk, {"acknowledgement", "triage_card"}))
    await holds(desk.slack, desk.database)


async def test_a_revoked_token_is_named_in_the_log_and_nothing_is_given_up(
    desk: RunningDesk, caplog: pytest.LogCaptureFixture
) -> None:
    ts = await asked(desk)
    await eventually(lambda: _all_posted(desk, {"acknowledgement", "triage_card"}))

    with caplog.at_level(logging.ERROR):
        desk.slack.faults.fail_next("*", error="invalid_auth", times=50)
        await desk.slack.person("erin").edit("help", ts, "The printer on floor 4 is out of paper.")
        await eventually(lambda: "SLACK_BOT_TOKEN" in caplog.text)
    assert set((await states(desk)).values()) == {"posted"}
    await desk.idle()

    desk.slack.faults.clear()
    await no_more_waiting(desk)
    await eventually(lambda: "floor 4" in str(desk.card("triage")))


async def test_a_channel_that_was_deleted_stops_nobody_else(desk: RunningDesk) -> None:
    await asked(desk)
    await eventually(lambda: _all_posted(desk, {"acknowledgement", "triage_card"}))
    desk.slack.admin.delete_channel("inbox")

    ts = await asked(desk, "Another printer.")

    await eventually(lambda: len(desk.slack.person("erin").history("help", ts)) == 2)


async def test_a_message_to_the_requester_alone_is_found_again_after_a_lost_answer(desk: RunningDesk) -> None:
    """A direct message is looked up in its own conversation, and updated there."""
    from uuid import uuid4

    from policy.terms import Audience
    from storage import deliveries
    from storage.deliveries import NewDelivery

    olivia = desk.slack.person("olivia")
    await olivia.command("/countersign", "new My laptop does not start.", channel="general")
    ticket_id = await desk.the_ticket()
    await desk.idle()
    desk.slack.faults.fail_next("chat.postMessage", status=500, after_effect=True)

    request_id = await decided_reply(desk, ticket_id, "Hi.")
    async with desk.database.transaction() as tx:
        letter = NewDelivery("customer_reply", Audience.CUSTOMER, olivia.id, ticket_id=ticket_id, request_id=request_id)
        await deliveries.post(tx, letter, delivery_id=uuid4(), at=desk.parts.reception.desk.clock())
    await eventually(lambda: desk.value("select 1 from deliveries where state = 'posting' and kind = 'customer_reply'"))
    await desk.idle()
    await no_more_waiting(desk)

    await eventually(lambda: desk.value("select 1 from deliveries where state = 'posted' and kind = 'customer_reply'"))
    assert [m["text"] for m in olivia.direct_messages()].count("Hi.") == 1


@pytest.mark.parametrize(
    "how", [{"status": 500, "times": 9}, {"error": "ratelimited", "times": 9}, {"hang_seconds": 9}]
)
async def test_a_click_while_slack_does_not_say_who_it_was_is_refused_with_words(
    desk: RunningDesk, how: dict[str, Any]
) -> None:
    await asked(desk)
    await eventually(lambda: _all_posted(desk, {"acknowledgement", "triage_card"}))
    olivia, card = desk.slack.person("olivia"), desk.card("triage")
    desk.slack.faults.fail_next("users.info", **how)

    outcome = await olivia.click("desk-triage", card["ts"], action_id="action.choose")

    assert outcome is not None and outcome.acked
    [said] = await eventually(lambda: olivia.ephemerals("desk-triage"))
    assert "not" in said["text"] and "again" in said["text"]
    assert not olivia.modals()
