"""A request that waits is brought to mind: of those who could vote, and later of another group; of each once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from handlers.errors import IdentityUnavailable
from handlers.flows.nudge_approvers import HELD_BACK, nudge_approvers
from handlers.flows.wake_requests import wake_requests
from policy import case_entries as e
from policy.case_terms import Author
from storage.audit import StoredEvent
from tests.passkeys import approve
from tests.running import RunningDesk, running_desk
from tests.scenario.test_expiry import MovableClock
from tests.scenario.test_false_authority import text_of
from tests.threats.cases import Case, assert_vouched_for, card_of, elements, open_case, open_form, paused, status
from tests.threats.planted import policy_folder, with_parts
from tests.threats.releases import add, story, waiting_update

REMINDED = timedelta(seconds=3600)
ESCALATED = timedelta(seconds=7200)
UPDATE = "customer_update"
SANA, VICTOR, SAM, BOB = "U0SANA00001", "U0VICTOR001", "U0SAM000001", "U0BOB000001"


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def desk(database_url: str, tmp_path: Path, clock: MovableClock) -> AsyncIterator[RunningDesk]:
    async with running_desk(database_url, tmp_path, clock=clock) as running:
        yield running


def replies(desk: RunningDesk, card_ts: str) -> list[dict[str, Any]]:
    """What stands in the thread of a card."""
    return [one for one in desk.slack.person("sana").history("desk-approvals", card_ts) if one["ts"] != card_ts]


def mentioned(message: dict[str, Any]) -> list[str]:
    """Whom Slack tells of a message."""
    return [one["user_id"] for one in elements(message["blocks"]) if one.get("type") == "user"]


async def steps(desk: RunningDesk, case: Case, name: str) -> list[StoredEvent]:
    return [event for event in await desk.trail(case.ticket_id) if event.name == name]


async def wake_often(desk: RunningDesk) -> None:
    for _ in range(3):
        await wake_requests(desk.parts.reception.desk)
        await desk.idle()


async def test_those_who_could_vote_and_have_not_are_told_once_under_the_card(
    desk: RunningDesk, clock: MovableClock
) -> None:
    case = await open_case(desk)
    assert replies(desk, case.card_ts) == []

    clock.ahead = REMINDED
    await desk.until(lambda: replies(desk, case.card_ts))
    await wake_often(desk)

    [reply] = replies(desk, case.card_ts)
    assert "Still waiting" in text_of(reply)
    assert sorted(mentioned(reply)) == [SANA, VICTOR]
    [event] = await steps(desk, case, "request_reminded")
    assert event.payload["people"] == [f"T0ACME00001/{SANA}", f"T0ACME00001/{VICTOR}"]
    assert await status(desk, case) == "pending"


async def test_whoever_has_voted_is_left_in_peace_and_so_is_whom_it_is_done_to(
    desk: RunningDesk, clock: MovableClock
) -> None:
    case = await open_case(desk)
    request_id = await open_form(desk, case, "user.suspend", {"email": "sana@acme.example"})
    card_ts = await card_of(desk, request_id)
    desk.slack.admin.set_group_members("security", ["sana", "victor", "bob"])
    await approve(desk, "victor", card_ts)
    await desk.idle()

    clock.ahead = timedelta(seconds=1800)
    await desk.until(lambda: replies(desk, card_ts))

    [reply] = replies(desk, card_ts)
    assert mentioned(reply) == [BOB]


async def test_a_request_that_still_waits_is_escalated_once_and_nobody_may_vote_because_of_it(
    database_url: str, tmp_path: Path, clock: MovableClock
) -> None:
    """Escalated to a group that this policy does not let decide: its people are not asked for what they may not do."""
    folder = policy_folder(tmp_path / "policy")
    settings = folder / "settings.toml"
    settings.write_text(settings.read_text().replace('escalate_to = "security"', 'escalate_to = "support"'))
    async with running_desk(
        database_url, tmp_path / "data", clock=clock, environment={"COUNTERSIGN_POLICY": str(folder)}
    ) as desk:
        case = await open_case(desk)
        clock.ahead = ESCALATED
        await desk.until(lambda: replies(desk, case.card_ts))
        await wake_often(desk)

        [reply] = replies(desk, case.card_ts)
        assert "Escalated to support" in text_of(reply)
        assert mentioned(reply) == []
        await desk.slack.person("sam").click("desk-approvals", case.card_ts, action_id="request.approve")
        await desk.idle()
        assert await status(desk, case) == "pending"
        assert (await steps(desk, case, "vote_refused"))[-1].payload["rule"] == "not-permitted"


async def test_first_a_reminder_then_an_escalation_then_the_end(desk: RunningDesk, clock: MovableClock) -> None:
    case = await open_case(desk)

    clock.ahead = REMINDED
    await desk.until(lambda: len(replies(desk, case.card_ts)) == 1)
    clock.ahead = ESCALATED
    await desk.until(lambda: len(replies(desk, case.card_ts)) == 2)
    escalated = replies(desk, case.card_ts)[-1]
    assert sorted(mentioned(escalated)) == [SANA, VICTOR]
    assert "Escalated to security" in text_of(escalated)
    clock.ahead = timedelta(seconds=14400)
    await desk.until(lambda: desk.value("select 1 from action_requests where status = 'expired'"))
    await wake_often(desk)

    assert len(replies(desk, case.card_ts)) == 2
    names = [event.name for event in await desk.trail(case.ticket_id)]
    ours = [name for name in names if name in ("request_reminded", "request_escalated", "request_expired")]
    assert ours == ["request_reminded", "request_escalated", "request_expired"]
    await assert_vouched_for(desk, case)


async def test_who_left_the_group_since_the_card_was_made_is_not_told(desk: RunningDesk, clock: MovableClock) -> None:
    case = await open_case(desk)
    desk.slack.admin.set_group_members("security", ["sana"])

    clock.ahead = REMINDED
    await desk.until(lambda: replies(desk, case.card_ts))

    assert mentioned(replies(desk, case.card_ts)[0]) == [SANA]


async def test_an_approved_request_is_neither_called_to_mind_nor_ended_by_the_time_for_that(
    desk: RunningDesk, clock: MovableClock
) -> None:
    case = await open_case(desk)
    async with paused(desk):
        await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
        clock.ahead = ESCALATED
        await wake_requests(desk.parts.reception.desk)
        assert await status(desk, case) == "approved"
        await nudge_approvers(desk.parts.reception.desk, case.request_id)
    await desk.idle()

    assert await status(desk, case) == "executed"
    assert replies(desk, case.card_ts) == []


async def test_a_slack_that_does_not_answer_puts_the_reminder_off_and_nothing_else(
    desk: RunningDesk, clock: MovableClock
) -> None:
    case = await open_case(desk)
    with with_parts(desk, people=Deaf()):
        clock.ahead = REMINDED
        await desk.until(
            lambda: desk.value("select 1 from procrastinate_jobs where task_name = 'nudge_approvers' and attempts > 0")
        )
        assert await steps(desk, case, "request_reminded") == []
    clock.ahead = timedelta(seconds=14400)

    await desk.until(lambda: desk.value("select 1 from action_requests where status = 'expired'"))
    await nudge_approvers(desk.parts.reception.desk, case.request_id)
    await desk.until(lambda: desk.value("select count(*) = 1 from deliveries where kind = 'approval_card'"))
    assert replies(desk, case.card_ts) == []


async def test_nobody_is_told_of_a_release_that_its_case_keeps_back_until_it_can_be_decided(
    desk: RunningDesk, clock: MovableClock
) -> None:
    """A model's mark keeps it back, as its card says; once the lead has answered for that, people are reminded."""
    case, request_id, _ = await waiting_update(desk)
    card_ts = await card_of(desk, request_id)
    mark = e.SuggestedMark("overstated", 0, "was open until", "Only a record of its end shows that.")
    await add(desk, case, e.MarksSuggested(UPDATE, 1, Author(model="claude-test"), (mark,)))
    await desk.until(lambda: "Kept back by the ticket's case" in card_text(desk, card_ts))

    clock.ahead = timedelta(seconds=14400)  # A release is of medium risk.
    await nudge_approvers(desk.parts.reception.desk, request_id)
    await wake_often(desk)
    assert replies(desk, card_ts) == []
    names = [event.name for event in await desk.trail(case.ticket_id)]
    assert "request_reminded" not in names and "request_escalated" not in names

    [marked, *_] = (await story(desk, case)).drafts[UPDATE][0].draft.sentences
    await add(desk, case, e.Overridden(UPDATE, 1, "overstated", marked.text, "The log has its end."))
    assert replies(desk, card_ts) == []
    clock.ahead += HELD_BACK
    await desk.until(lambda: replies(desk, card_ts))
    await wake_often(desk)

    [reply] = replies(desk, card_ts)
    assert "Still waiting" in text_of(reply) and SAM in mentioned(reply)


def card_text(desk: RunningDesk, card_ts: str) -> str:
    """What a card says as it is now."""
    return next(text_of(one) for one in desk.slack.person("sana").history("desk-approvals") if one["ts"] == card_ts)


class Deaf:
    """A Slack that says nothing about groups."""

    async def members(self, group: str) -> Any:
        raise IdentityUnavailable(f"no answer about {group}")
