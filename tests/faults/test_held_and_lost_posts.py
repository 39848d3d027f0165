"""Messages that were held, lost or overtaken: none is lost in silence, none is posted twice, none is out of date."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from handlers.errors import TryLater
from handlers.flows.open_letter import open_letter
from handlers.flows.settle_delivery import KEEP_TRYING, LONGEST_PAUSE, note_obstacle
from policy.terms import Audience
from storage import deliveries
from storage.deliveries import NewDelivery
from tests.decided_reply import decided_reply
from tests.faults.rig import eventually, holds, posted_twice, quick_slack
from tests.faults.test_slack_refuses import no_more_waiting
from tests.running import RunningDesk, running_desk
from tests.threats.cases import action_ids, change, json_text, message_at, open_case, paused

EXTERNAL = "T0EXTERN001"


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    async with quick_slack() as slack, running_desk(database_url, tmp_path, slack=slack) as desk:
        yield desk


async def a_ticket(desk: RunningDesk) -> tuple[UUID, str]:
    """A ticket of erin's whose messages all stand: its id and its thread."""
    ts = await desk.slack.person("erin").post("help", "The printer on floor 3 is out of paper.")
    ticket_id = await desk.the_ticket()
    await eventually(lambda: _stand(desk))
    await desk.idle()
    return ticket_id, ts


async def _stand(desk: RunningDesk) -> bool:
    states = await desk.rows("select state from deliveries")
    return len(states) >= 2 and {state for (state,) in states} == {"posted"}


async def reply(desk: RunningDesk, ticket_id: UUID, ts: str, text: str = "Paper is on its way.") -> UUID:
    """A reply to be posted in the ticket's thread."""
    request_id = await decided_reply(desk, ticket_id, text)
    new = NewDelivery(
        "customer_reply", Audience.CUSTOMER, "C0HELP00001", ticket_id=ticket_id, request_id=request_id, thread_ts=ts
    )
    delivery_id = uuid4()
    async with desk.database.transaction() as tx:
        await deliveries.post(tx, new, delivery_id=delivery_id, at=desk.parts.reception.desk.clock())
    return delivery_id


async def state_of(desk: RunningDesk, delivery_id: UUID) -> str:
    return str(await desk.value("select state from deliveries where id = :id", id=delivery_id))


async def becomes(desk: RunningDesk, delivery_id: UUID, state: str) -> None:
    async def is_so() -> bool:
        return await state_of(desk, delivery_id) == state

    await eventually(is_so)


def in_thread(desk: RunningDesk, ts: str, text: str) -> int:
    return [m["text"] for m in desk.slack.world.logs["C0HELP00001"].thread(ts)].count(text)


# --- held ------------------------------------------------------------------------------------------------------------


async def test_a_card_that_was_held_is_brought_up_to_date_once_its_channel_is_ours_alone_again(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk)
    await desk.idle()
    desk.slack.admin.share_channel("desk-approvals", EXTERNAL)

    await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
    held = await eventually(lambda: desk.rows("select payload from audit_events where name = 'delivery_held'"))
    await desk.idle()
    await no_more_waiting(desk)
    await desk.idle()

    [(payload,)] = await desk.rows("select payload from audit_events where name = 'delivery_held'")
    assert payload["kind"] == "approval_card" and payload["actionRequestId"] == str(case.request_id)
    assert payload["isTriedAgain"] is True and len(held) == 1, "said once"
    assert "request.approve" in action_ids(message_at(desk, "desk-approvals", case.card_ts))

    desk.slack.admin.unshare_channel("desk-approvals", EXTERNAL)
    await no_more_waiting(desk)
    await eventually(lambda: "✅ Done" in json_text(message_at(desk, "desk-approvals", case.card_ts)))
    assert not {"request.approve", "request.reject"} & action_ids(message_at(desk, "desk-approvals", case.card_ts))
    await holds(desk.slack, desk.database)


async def test_a_card_that_was_held_before_it_was_posted_is_posted_once_it_may_be(desk: RunningDesk) -> None:
    desk.slack.admin.share_channel("desk-triage", EXTERNAL)
    await desk.slack.person("erin").post("help", "The printer on floor 3 is out of paper.")
    await eventually(lambda: desk.value("select 1 from deliveries where kind = 'triage_card' and state = 'held'"))
    await desk.idle()

    desk.slack.admin.unshare_channel("desk-triage", EXTERNAL)
    await no_more_waiting(desk)

    await eventually(lambda: _stand(desk))
    assert "printer" in str(desk.card("triage"))
    await holds(desk.slack, desk.database)


async def test_a_post_whose_answer_was_lost_and_that_was_held_afterwards_is_not_made_again(desk: RunningDesk) -> None:
    ticket_id, ts = await a_ticket(desk)
    desk.slack.faults.fail_next("chat.postMessage", status=500, after_effect=True)
    delivery_id = await reply(desk, ticket_id, ts)
    await becomes(desk, delivery_id, "posting")
    await desk.idle()

    desk.slack.admin.share_channel("help", EXTERNAL)
    await no_more_waiting(desk)
    await becomes(desk, delivery_id, "held")
    await desk.idle()
    desk.slack.admin.unshare_channel("help", EXTERNAL)
    await no_more_waiting(desk)

    await becomes(desk, delivery_id, "posted")
    assert in_thread(desk, ts, "Paper is on its way.") == 1


async def test_what_is_held_is_tried_at_growing_intervals_for_a_day_and_then_given_up_on_the_trail(
    desk: RunningDesk,
) -> None:
    ticket_id, ts = await a_ticket(desk)
    async with paused(desk):
        delivery_id = await reply(desk, ticket_id, ts)
        parts, began = desk.parts.reception.desk, desk.parts.reception.desk.clock()

        async def tried(after: timedelta) -> Any:
            then = replace(parts, clock=lambda: began + after)
            return await note_obstacle(then, delivery_id, "the channel is shared", is_held=True)

        first, later = await tried(timedelta()), await tried(timedelta(minutes=5))
        much_later, last = await tried(timedelta(hours=20)), await tried(KEEP_TRYING + timedelta(seconds=1))

    assert first.is_new and not later.is_new and not much_later.is_new
    assert 0 < first.pause_seconds < later.pause_seconds < much_later.pause_seconds == LONGEST_PAUSE.total_seconds()
    assert [one.is_over for one in (first, later, much_later, last)] == [False, False, False, True]
    assert await state_of(desk, delivery_id) == "failed"
    said = [(e.name, e.payload["isTriedAgain"]) for e in await desk.trail(ticket_id) if "isTriedAgain" in e.payload]
    assert said == [("delivery_held", True), ("delivery_failed", False)]
    await eventually(lambda: "the approved reply, given up: the channel is shared" in json_text(desk.card("triage")))


async def test_a_card_that_has_stood_for_long_is_given_a_day_too(desk: RunningDesk) -> None:
    ticket_id, _ = await a_ticket(desk)
    card = await desk.value("select id from deliveries where kind = 'triage_card' and ticket_id = :id", id=ticket_id)
    await change(desk, "update deliveries set posted_at = now() - interval '9 days', created_at = posted_at")

    found = await note_obstacle(desk.parts.reception.desk, card, "not_in_channel")

    assert found.is_new and not found.is_over


# --- nothing to send -------------------------------------------------------------------------------------------------


async def test_a_card_that_says_what_it_said_costs_no_call(desk: RunningDesk) -> None:
    ticket_id, _ = await a_ticket(desk)
    before = len(desk.slack.calls)

    async with desk.database.transaction() as tx:
        await deliveries.refresh(tx, ticket_id=ticket_id)
    await desk.idle()

    assert [call.method for call in list(desk.slack.calls)[before:]] == []


# --- lost ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("replies", [120, 450])
async def test_a_lost_post_is_found_in_a_thread_of_many_replies(desk: RunningDesk, replies: int) -> None:
    ticket_id, ts = await a_ticket(desk)
    channel = desk.slack.world.channels["C0HELP00001"]
    log = desk.slack.world.logs[channel.id]
    for n in range(replies):  # Put there without a word to anyone: what the bot makes of them is not the matter here.
        log.add({"type": "message", "user": "U0ERIN00001", "text": f"{n}", "ts": desk.slack.world.mint.ts(),
                 "thread_ts": ts})  # fmt: skip
    desk.slack.faults.fail_next("chat.postMessage", status=500, after_effect=True)

    delivery_id = await reply(desk, ticket_id, ts)
    await becomes(desk, delivery_id, "posting")
    await desk.idle()
    await no_more_waiting(desk)

    await becomes(desk, delivery_id, "posted")
    assert in_thread(desk, ts, "Paper is on its way.") == 1
    assert posted_twice(desk.slack) == []


async def test_a_message_of_another_app_that_carries_our_mark_is_not_taken_for_ours(desk: RunningDesk) -> None:
    ticket_id, ts = await a_ticket(desk)
    desk.slack.faults.fail_next("chat.postMessage", status=500)
    delivery_id = await reply(desk, ticket_id, ts)
    await becomes(desk, delivery_id, "posting")
    await desk.idle()
    mark = {"event_type": "countersign_delivery", "event_payload": {"id": str(delivery_id)}}
    copied = {"type": "message", "user": "U0DEPLOY001", "bot_id": "B0DEPLOY001", "app_id": "A0DEPLOY001",
              "text": "Not ours.", "metadata": mark}  # fmt: skip
    desk.slack.world.logs["C0HELP00001"].add(copied | {"ts": desk.slack.world.mint.ts(), "thread_ts": ts})

    await no_more_waiting(desk)

    await becomes(desk, delivery_id, "posted")
    assert in_thread(desk, ts, "Paper is on its way.") == 1
    assert in_thread(desk, ts, "Not ours.") == 1


# --- overtaken -------------------------------------------------------------------------------------------------------


async def outcome(desk: RunningDesk, ticket_id: UUID, request_id: UUID, status: str) -> UUID:
    """A notice of what came of a request, to be posted in mallory's thread."""
    ts = await desk.value("select slack_ts from tickets where id = :id", id=ticket_id)
    new = NewDelivery("outcome", Audience.CUSTOMER, "C0EXTEXT001", ticket_id=ticket_id, request_id=request_id,
                      thread_ts=ts, args={"status": status})  # fmt: skip
    delivery_id = uuid4()
    async with desk.database.transaction() as tx:
        await deliveries.post(tx, new, delivery_id=delivery_id, at=desk.parts.reception.desk.clock())
    return delivery_id


async def test_a_notice_that_was_overtaken_is_not_posted_and_the_trail_says_so(desk: RunningDesk) -> None:
    case = await open_case(desk)
    await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
    await eventually(lambda: desk.value("select 1 from deliveries where kind = 'outcome' and state = 'posted'"))

    late = await outcome(desk, case.ticket_id, case.request_id, "unknown")

    await becomes(desk, late, "superseded")
    assert "checking whether" not in json_text(desk.slack.person("mallory").history("ext-external", case.ts))
    [said] = [e for e in await desk.trail(case.ticket_id) if e.name == "delivery_failed"]
    assert said.payload["deliveryId"] == str(late) and "executed by now" in said.payload["reason"]


async def test_a_newer_notice_waits_for_an_older_one_that_may_be_on_its_way(desk: RunningDesk) -> None:
    case = await open_case(desk)
    async with paused(desk):
        older = await outcome(desk, case.ticket_id, case.request_id, "unknown")
        await change(desk, "update deliveries set state = 'posting' where id = :id", id=older)
        await change(desk, "update action_requests set status = 'executed' where id = :id", id=case.request_id)
        newer = await outcome(desk, case.ticket_id, case.request_id, "executed")
        with pytest.raises(TryLater):
            await open_letter(desk.parts.reception.desk, newer)

    await becomes(desk, older, "superseded")
    await no_more_waiting(desk)
    await becomes(desk, newer, "posted")
