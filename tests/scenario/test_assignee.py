"""Who a ticket is assigned to is one of our own people at that moment, not just a text in the form of a user id."""

from __future__ import annotations

import pytest

from tests.running import RunningDesk
from tests.scenario.test_proposing import open_form

NOBODY_OF_OURS = {
    "a guest": "U0GINA00001",
    "somebody who left": "U0DANA00001",
    "somebody who has not joined": "U0IVAN00001",
    "somebody of another company": "U0MALLORY01",
    "a workflow": "U0WORKFLOW1",
}


async def test_a_ticket_is_assigned_to_nobody_but_an_active_member(desk: RunningDesk) -> None:
    await open_form(desk, "olivia", "ticket.assign")

    for who, user_id in NOBODY_OF_OURS.items():
        answer = await desk.slack.person("olivia").submit(values={"assignee": user_id})
        assert "not an active member" in answer["errors"]["assignee"], who

    assert await desk.value("select count(*) from action_requests where action_id = 'ticket.assign'") == 0


@pytest.mark.parametrize("who", ["U0SAM000001", "U0ERIN00001"])
async def test_a_ticket_is_assigned_to_anybody_who_works_here(desk: RunningDesk, who: str) -> None:
    await open_form(desk, "olivia", "ticket.assign")

    await desk.slack.person("olivia").submit(values={"assignee": who})
    await desk.idle()

    assert await desk.value("select assignee from tickets") == who
