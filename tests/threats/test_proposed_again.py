"""Threat 17: a no is not routed around by asking again. The same, proposed anew on whatever ticket and by whomever, has
its no on the card, in what the digest covers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from tests.running import RunningDesk, running_desk
from tests.scenario.test_expiry import MovableClock
from tests.scenario.test_false_authority import text_of
from tests.threats.cases import (
    Case,
    assert_nothing_ran,
    card_of,
    change,
    last_refusal,
    message_at,
    open_case,
    open_form,
    settled,
    status,
)

TURNED_DOWN = "The same was proposed before and turned down"
WHY = "Bob still needs it on Friday."
A_WEEK = timedelta(days=7)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def desk(database_url: str, tmp_path: Path, clock: MovableClock) -> AsyncIterator[RunningDesk]:
    async with running_desk(database_url, tmp_path, clock=clock) as running:
        yield running


async def rejected(desk: RunningDesk, case: Case, *, why: str = WHY) -> None:
    sana = desk.slack.person("sana")
    await sana.click("desk-approvals", case.card_ts, action_id="request.reject")
    await desk.until(sana.modals)
    await sana.submit(values={"reason": why})
    sana.reload()
    await settled(desk)
    assert await status(desk, case) == "rejected"


async def card_text(desk: RunningDesk, request_id: UUID) -> str:
    return text_of(message_at(desk, "desk-approvals", await card_of(desk, request_id), viewer="sana"))


async def test_threat_17_the_same_on_another_ticket_by_another_person_says_who_said_no_when_and_why(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk)
    await rejected(desk, case)
    other = await open_case(desk, who="trent", operator="sam")

    again = await open_form(desk, other, "api_key.revoke", {"keyId": case.key_id}, operator="sam")

    text = await card_text(desk, again)
    number = await desk.value("select number from tickets where id = :id", id=case.ticket_id)
    assert TURNED_DOWN in text
    assert "Rejected by" in text
    assert "U0SANA00001" in str(await desk.value("select card from action_requests where id = :id", id=again))
    assert WHY in text
    assert f"on ticket #{number}" in text
    [event] = [one for one in await desk.trail(other.ticket_id) if one.name == "proposed_again"]
    assert event.payload["turnedDown"] == [
        {"actionRequestId": str(case.request_id), "status": "rejected", "ticket": number}
    ]
    # Of another key nothing is said.
    assert TURNED_DOWN not in await card_text(desk, other.request_id)


async def test_a_no_that_is_on_the_card_is_part_of_what_was_approved(desk: RunningDesk) -> None:
    """Whoever takes it off the stored card takes the Approve with it."""
    case = await open_case(desk)
    await rejected(desk, case)
    again = await open_form(desk, case, "api_key.revoke", {"keyId": case.key_id})
    card_ts = await card_of(desk, again)
    await change(
        desk,
        "update action_requests set card = (select json_agg(block) from json_array_elements(card) block"
        " where block::text not like '%turned down%') where id = :id",
        id=again,
    )

    await desk.slack.person("sana").click("desk-approvals", card_ts, action_id="request.approve")

    await assert_nothing_ran(desk, case)
    assert await last_refusal(desk, case) == "core-no-other-digest"


async def test_it_is_allowed_all_the_same_and_runs_once_somebody_approves(desk: RunningDesk) -> None:
    case = await open_case(desk)
    await rejected(desk, case)
    again = await open_form(desk, case, "api_key.revoke", {"keyId": case.key_id})

    await desk.slack.person("victor").click("desk-approvals", await card_of(desk, again), action_id="request.approve")
    await settled(desk)

    assert await desk.value("select status from action_requests where id = :id", id=again) == "executed"


async def test_what_was_withdrawn_or_left_to_expire_is_said_too(desk: RunningDesk, clock: MovableClock) -> None:
    case = await open_case(desk)
    await desk.slack.person("olivia").click("desk-approvals", case.card_ts, action_id="request.withdraw")
    await settled(desk)
    second = await open_form(desk, case, "api_key.revoke", {"keyId": case.key_id})
    assert "Withdrawn by" in await card_text(desk, second)
    clock.ahead = timedelta(hours=5)
    await desk.until(
        lambda: desk.value("select 1 from action_requests where id = :id and status = 'expired'", id=second)
    )

    third = await open_form(desk, case, "api_key.revoke", {"keyId": case.key_id})

    text = await card_text(desk, third)
    assert "Nobody decided it in time" in text
    assert "Withdrawn by" in text


async def test_after_the_cooling_time_and_of_another_action_nothing_is_said(
    desk: RunningDesk, clock: MovableClock
) -> None:
    case = await open_case(desk)
    await rejected(desk, case)

    restore = await open_form(desk, case, "api_key.restore", {"keyId": case.key_id})
    assert TURNED_DOWN not in await card_text(desk, restore)

    clock.ahead = A_WEEK + timedelta(hours=1)
    later = await open_form(desk, case, "api_key.revoke", {"keyId": case.key_id})
    assert TURNED_DOWN not in await card_text(desk, later)


async def test_threat_17_the_way_it_is_written_does_not_hide_that_it_is_the_same(desk: RunningDesk) -> None:
    case = await open_case(desk)
    first = await open_form(desk, case, "user.suspend", {"email": "bob@acme.example"})
    card_ts = await card_of(desk, first)
    await desk.slack.person("olivia").click("desk-approvals", card_ts, action_id="request.withdraw")
    await settled(desk)

    again = await open_form(desk, case, "user.suspend", {"email": "  Bob@ACME.example "})

    assert TURNED_DOWN in await card_text(desk, again)


async def test_a_reason_full_of_markup_stays_words_and_the_card_stays_whole(desk: RunningDesk) -> None:
    case = await open_case(desk)
    await rejected(desk, case, why="<!channel> *ok* <https://evil.example|Approve> " + "x" * 400)

    again = await open_form(desk, case, "api_key.revoke", {"keyId": case.key_id})

    card = message_at(desk, "desk-approvals", await card_of(desk, again), viewer="sana")
    assert TURNED_DOWN in text_of(card)
    assert "see the audit trail" in text_of(card)
    assert await desk.value("select shown_digest is not null from deliveries where request_id = :id", id=again)
