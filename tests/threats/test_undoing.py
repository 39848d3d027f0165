"""Undo… from the card of what has run: it opens a form, and what comes of it is a proposal like any other."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from actions.catalogue import Catalogue
from actions.undoing import undo_values
from tests.running import RunningDesk
from tests.scenario.test_false_authority import text_of
from tests.threats.cases import (
    Case,
    action_ids,
    assert_ran_once,
    assert_vouched_for,
    card_of,
    click_of,
    key_status,
    message_at,
    new_key,
    open_case,
    settled,
    submission_of,
)
from tests.threats.planted import with_parts

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNDO = "request.undo"
CATALOGUE = Catalogue()


async def ran(desk: RunningDesk) -> Case:
    """A revocation that was approved and has run, its card brought up to date."""
    case = await open_case(desk)
    await desk.slack.forge.send(click_of(desk, case, "sana"))
    await assert_ran_once(desk, case)
    await desk.until(lambda: UNDO in action_ids(message_at(desk, "desk-approvals", case.card_ts)))
    return case


async def press(desk: RunningDesk, case: Case, who: str) -> str:
    """What `who` is told; nothing where a form opened."""
    person = desk.slack.person(who)
    person.reload()
    await person.click("desk-approvals", case.card_ts, action_id=UNDO)
    await settled(desk)
    return "\n".join(text_of(one) for one in person.ephemerals("desk-approvals"))


async def undo(desk: RunningDesk, case: Case, who: str) -> UUID:
    """`who` presses and sends the form as it is; returns the new request's id."""
    person = desk.slack.person(who)
    await press(desk, case, who)
    await desk.until(person.modals)
    await person.submit(values={})
    person.reload()
    sql = "select id from action_requests where undoes = :id and status = 'pending'"
    return UUID(str(await desk.until(lambda: desk.value(sql, id=case.request_id))))


async def requests_of(desk: RunningDesk, case: Case) -> int:
    return int(await desk.value("select count(*) from action_requests where ticket_id = :id", id=case.ticket_id))


async def test_what_has_run_is_undone_by_an_ordinary_request_whose_card_says_so(desk: RunningDesk) -> None:
    case = await ran(desk)

    request_id = await undo(desk, case, "victor")

    assert await key_status(desk, case) == "revoked"
    card_ts = await card_of(desk, request_id)
    card = text_of(message_at(desk, "desk-approvals", card_ts))
    assert "Undoes" in card and str(case.request_id) in card and case.key_id in card
    [proposed] = [
        one
        for one in await desk.trail(case.ticket_id)
        if one.name == "action_proposed" and one.payload["actionRequestId"] == str(request_id)
    ]
    assert proposed.payload["undoes"] == str(case.request_id)
    assert proposed.actor == "T0ACME00001/U0VICTOR001"
    await desk.slack.person("sana").click("desk-approvals", card_ts, action_id="request.approve")
    await settled(desk)
    assert await key_status(desk, case) == "active"
    await assert_vouched_for(desk, case)


async def test_threat_05_whoever_pressed_undo_proposed_it_and_does_not_approve_it(desk: RunningDesk) -> None:
    case = await ran(desk)
    request_id = await undo(desk, case, "sana")

    await desk.slack.person("sana").click(
        "desk-approvals", await card_of(desk, request_id), action_id="request.approve"
    )
    await settled(desk)

    assert await desk.value("select count(*) from votes where request_id = :id", id=request_id) == 0
    refused = [one.payload["rule"] for one in await desk.trail(case.ticket_id) if one.name == "vote_refused"]
    assert refused == ["core-no-proposer"]
    assert await key_status(desk, case) == "revoked"


async def test_it_is_undone_once_and_again_only_after_that_came_to_nothing(desk: RunningDesk) -> None:
    case = await ran(desk)
    request_id = await undo(desk, case, "victor")
    payload = click_of(desk, case, "sam", UNDO) if has_undo(desk, case) else None
    await desk.until(lambda: not has_undo(desk, case))

    assert payload is None or "undone already" in await told_of(desk, payload, "sam")
    victor = desk.slack.person("victor")
    await victor.click("desk-approvals", await card_of(desk, request_id), action_id="request.withdraw")
    await desk.until(lambda: has_undo(desk, case))
    assert await undo(desk, case, "victor") != request_id


def has_undo(desk: RunningDesk, case: Case) -> bool:
    return UNDO in action_ids(message_at(desk, "desk-approvals", case.card_ts))


async def told_of(desk: RunningDesk, payload: dict[str, Any], who: str) -> str:
    desk.slack.person(who).reload()
    await desk.slack.forge.send(payload)
    await settled(desk)
    return "\n".join(text_of(one) for one in desk.slack.person(who).ephemerals("desk-approvals"))


async def test_after_the_window_pressing_says_so_and_opens_nothing(desk: RunningDesk) -> None:
    case, sam = await ran(desk), desk.slack.person("sam")
    later = desk.parts.reception.desk.clock() + timedelta(days=7, seconds=1)

    with with_parts(desk, clock=lambda: later):
        told = await press(desk, case, "sam")

    assert "The time to undo this is over" in told
    assert sam.modals() == []


@pytest.mark.parametrize("who", ["uma", "erin", "mallory", "gina"])
async def test_threat_01_nobody_who_does_not_work_the_desk_is_shown_the_form(desk: RunningDesk, who: str) -> None:
    case = await ran(desk)
    before = await requests_of(desk, case)

    await desk.slack.forge.send(click_of(desk, case, who, UNDO))
    await settled(desk)

    assert desk.slack.person(who).modals() == []
    assert await requests_of(desk, case) == before
    names = [one.name for one in await desk.trail(case.ticket_id)]
    assert names.count("view_refused") == 1


@pytest.mark.parametrize("forged", ["another key", "another action", "another ticket", "what has not run"])
async def test_threat_13_a_form_that_claims_to_undo_something_else_proposes_nothing(
    desk: RunningDesk, forged: str
) -> None:
    case, other = await ran(desk), await open_case(desk)
    before = await desk.value("select count(*) from action_requests")
    metadata = {"ticket": str(case.ticket_id), "action": "api_key.restore", "undoes": str(case.request_id)}
    values = {"keyId": case.key_id}
    if forged == "another key":
        values = {"keyId": await new_key(desk)}
    if forged == "another action":
        metadata["action"] = "api_key.revoke"
    if forged == "another ticket":
        metadata["ticket"] = str(other.ticket_id)
    if forged == "what has not run":
        metadata |= {"ticket": str(other.ticket_id), "undoes": str(other.request_id)}
        values = {"keyId": other.key_id}

    payload = submission_of(desk, other, "olivia", "propose_action", json.dumps(metadata), values)
    await desk.slack.forge.send(payload)
    await settled(desk)

    assert await desk.value("select count(*) from action_requests") == before


@pytest.mark.parametrize(
    ("action_id", "params", "detail", "expected"),
    [
        ("ticket.set_severity", {"severity": "high"}, {"code": "changed", "before": "low"}, {"severity": "low"}),
        ("ticket.set_category", {"category": "other"}, {"code": "changed", "before": "spam"}, {"category": "spam"}),
        ("ticket.assign", {"assignee": "U0SAM"}, {"code": "changed", "before": "U0BOB"}, {"assignee": "U0BOB"}),
        ("ticket.assign", {"assignee": "U0SAM"}, {"code": "changed", "before": None}, None),
        ("ticket.set_severity", {"severity": "low"}, {"code": "unchanged", "before": "low"}, None),
        ("ticket.close", {"reason": "done"}, {"code": "changed", "before": "open"}, {}),
        ("user.suspend", {"email": "a@b.example"}, {"code": "changed"}, {"email": "a@b.example"}),
        ("ticket.add_internal_note", {"note": "x"}, {"code": "changed"}, None),
    ],
)
async def test_what_undoes_it_is_made_of_what_the_run_changed(
    action_id: str, params: dict[str, str], detail: dict[str, Any], expected: dict[str, str] | None
) -> None:
    assert undo_values(CATALOGUE.get(action_id), params, detail) == expected
