"""A case with a private channel is not read by those of the desk who are not of it, by whichever way."""

from __future__ import annotations

import json

import pytest

from handlers.errors import Refused
from handlers.flows.list_cases import case_rows
from handlers.flows.open_case import open_case
from handlers.flows.read_case import read_case
from handlers.flows.staff_case import staff_case
from handlers.flows.write_draft import write_draft
from handlers.listeners.cases import BUTTONS
from handlers.views import case_ids as ids
from handlers.views.case_ids import Ref
from handlers.views.case_page import all_cases, case_list
from policy import case_entries as e
from policy.case_terms import DraftKind
from policy.latching import LatchState
from tests.policy.case_evidence import entry, read
from tests.running import RunningDesk
from tests.threats.case_records import (
    DANA,
    OLIVIA,
    SAM,
    SANA,
    VICTOR,
    CaseAt,
    case_of,
    inside,
    person,
    refusals,
    story_of,
    ticket_of,
    write,
)
from tests.threats.cases import change, changed, paused

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOAL = "Find out what was seen."
OPEN_TO_THE_DESK = {ids.OPEN_CASE, ids.LIST_CASES, ids.PAGE_CASES, ids.NEXT_OF[ids.PAGE_CASES]}
"""Buttons that show no case."""


async def private_case(desk: RunningDesk) -> CaseAt:
    """Olivia's own, in a channel that was made for it."""
    at = await ticket_of(desk)
    made = await desk.parts.reception.client.conversations_create(name=f"case-{at.ticket_id}", is_private=True)
    async with paused(desk):
        case_id = await open_case(
            inside(desk), at.ticket_id, GOAL, "", [], await person(desk, OLIVIA), channel=made["channel"]["id"]
        )  # fmt: skip
        await change(desk, "delete from procrastinate_jobs where task_name = 'look_for_case' and status = 'todo'")
    return CaseAt(case_id, at.ticket_id, at.ts)


async def test_threat_18_a_private_case_is_read_by_its_people_and_security_only(desk: RunningDesk) -> None:
    case, open_to_all = await private_case(desk), await case_of(desk, members=())

    for key in (OLIVIA, SANA, VICTOR):
        assert (await read_case(inside(desk), case.case_id, await person(desk, key), "see a case")).is_open
    with pytest.raises(Refused) as refused:
        await read_case(inside(desk), case.case_id, await person(desk, SAM), "see a case")

    assert refused.value.code == "case-private"
    assert await refusals(desk, case) == ["case-private"]
    assert (await read_case(inside(desk), open_to_all.case_id, await person(desk, SAM), "see a case")).is_open


async def test_threat_07_no_button_of_a_private_case_shows_it_to_others(desk: RunningDesk) -> None:
    case = await private_case(desk)
    await write(desk, case, e.Retrieved((entry("E1"), read("E2"))))
    posted = "select ts from deliveries where ticket_id = :id and kind = 'triage_card' and state = 'posted'"
    ts = await desk.until(lambda: desk.value(posted, id=case.ticket_id))
    await desk.idle()
    press = desk.slack.forge.click_payload("sam", "desk-triage", ts, "ticket.open")
    names = sorted(set(BUTTONS) - OPEN_TO_THE_DESK)

    for name in names:
        about = Ref(str(case.case_id), DraftKind.CUSTOMER_UPDATE.value, 1)
        named = changed(press, "actions.0.action_id", name)
        await desk.slack.forge.send(changed(named, "actions.0.value", str(about)))
    await desk.idle()

    refused = await refusals(desk, case)
    assert set(refused) == {"case-private", "case-not-on-it"} and len(refused) == len(names)
    assert GOAL not in json.dumps(desk.slack.person("sam").modals())


async def test_threat_18_a_lead_who_left_a_private_case_lets_nobody_else_in(desk: RunningDesk) -> None:
    case = await private_case(desk)
    await write(desk, case, e.LeadChanged(DANA, "planted: a lead whose account is deactivated"))

    with pytest.raises(Refused) as refused:
        await staff_case(inside(desk), case.case_id, SAM, [], "Nobody leads it.", await person(desk, SAM))
    await staff_case(inside(desk), case.case_id, SANA, [SAM], "Dana has left.", await person(desk, SANA))

    assert refused.value.code == "case-private"
    assert (await story_of(desk, case)).lead == SANA


async def test_threat_18_the_list_of_cases_says_of_a_private_one_only_that_it_is_there(desk: RunningDesk) -> None:
    case = await private_case(desk)
    await change(desk, "update cases set is_open = false where id <> :id", id=case.case_id)
    await write(desk, case, e.Retrieved((entry("E1"), read("E2"))))
    await write_draft(inside(desk), case.case_id, DraftKind.INTERNAL_SUMMARY, await person(desk, OLIVIA))
    assert (await story_of(desk, case)).latch.state is LatchState.SET

    for_sam = await case_rows(inside(desk), await person(desk, SAM), limit=9)
    for_sana = await case_rows(inside(desk), await person(desk, SANA), limit=9)

    shown = json.dumps([case_list(for_sam, ""), all_cases(for_sam, "")])
    assert "private channel" in shown and "latch" not in shown and ids.SEE_CASE not in shown
    assert "latch is set" in json.dumps(case_list(for_sana, "")) and ids.SEE_CASE in json.dumps(case_list(for_sana, ""))
