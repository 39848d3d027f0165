"""Every door by which a decision could come in, times everybody who may not decide: nothing is voted on, nothing runs.

The doors are read from the tables of the product (buttons, forms, shortcuts, commands, events, routes), so that a new
one is tried without being named here; what stands in no table has a line in `BESIDE`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest

from bot.web import make_web_app
from handlers.registry import BUTTONS, COMMANDS, EVENTS, SHORTCUTS, VIEWS
from tests.running import INTAKE_TOKEN, RunningDesk
from tests.threats.cases import (
    Case,
    assert_undecided,
    change,
    changed,
    click_of,
    message_at,
    open_case,
    settled,
    submission_of,
    votes,
)
from tests.threats.planted import ForgivingGate, with_parts

pytestmark = pytest.mark.asyncio(loop_scope="module")

Door = Callable[[RunningDesk, Case, str], Awaitable[Any]]

MAY_NOT: dict[str, tuple[str, ...]] = {
    "class 1, somebody of the company": ("erin", "sam"),
    "class 3, no full, active, confirmed member": ("greta", "gina", "gus", "dana", "ivan", "uma"),
    "class 5, who has a part in it": ("bob", "olivia"),
    "classes 2 and 16, an outsider": ("mallory", "trent"),
}
MAY = ("sana", "victor")
DECIDES = {"button request.approve", "button request.reject", "form reject_request"}
"""Where the vote of somebody who may counts; at every other door not even theirs does."""
WITHDRAWS = "button request.withdraw"


def press(action_id: str) -> Door:
    async def at(desk: RunningDesk, case: Case, who: str) -> None:
        payload = changed(click_of(desk, case, who), "actions.0.action_id", action_id)
        for value in (case.request_id, case.suggestion_id, case.ticket_id, "approve"):
            await desk.slack.forge.send(changed(payload, "actions.0.value", str(value)))

    return at


def submit(callback_id: str) -> Door:
    async def at(desk: RunningDesk, case: Case, who: str) -> None:
        values = {"reason": "approve", "action": "request.approve", "keyId": case.key_id, "decision": "approve"}
        plain = (case.request_id, case.suggestion_id, case.ticket_id)
        for about in (*map(str, plain), json.dumps({"request": str(case.request_id), "decision": "approve"})):
            await desk.slack.forge.send(submission_of(desk, case, who, callback_id, about, values))

    return at


def take_shortcut(callback_id: str) -> Door:
    async def at(desk: RunningDesk, case: Case, who: str) -> None:
        names = ("user", "team", "token", "api_app_id")
        base = {name: value for name, value in click_of(desk, case, who).items() if name in names}
        base |= {"callback_id": callback_id, "trigger_id": "1.2.x", "action_ts": "1.2", "value": str(case.request_id)}
        card = {"channel": {"id": "C0APPROVE01"}, "message_ts": case.card_ts}
        card |= {"message": message_at(desk, "desk-approvals", case.card_ts)}
        for kind in ({"type": "shortcut"}, {"type": "message_action", **card}):
            await desk.slack.forge.send(base | kind)

    return at


def say_command(name: str) -> Door:
    async def at(desk: RunningDesk, case: Case, who: str) -> None:
        user = click_of(desk, case, who)["user"]
        flat = {"user_id": user["id"], "team_id": user["team_id"], "channel_id": "C0APPROVE01", "trigger_id": "1.2.x"}
        for verb in ("approve", "reject", "run", "vote", "allow", "execute"):
            text = {"command": name, "text": f"{verb} {case.request_id}", "token": "x"}
            await desk.slack.forge.send(flat | text)

    return at


def send_event(kind: str) -> Door:
    async def at(desk: RunningDesk, case: Case, who: str) -> None:
        user = click_of(desk, case, who)["user"]
        event = {
            "type": kind, "user": user["id"], "team": user["team_id"], "channel": "C0APPROVE01",
            "channel_type": "group", "text": f"approve {case.request_id}", "reaction": "white_check_mark",
            "thread_ts": case.card_ts,
            "ts": "1790000000.000300", "event_ts": "1790000000.000300", "tab": "home",
            "item": {"type": "message", "channel": "C0APPROVE01", "ts": case.card_ts},
            "metadata": {"event_type": "request.approve", "event_payload": {"request": str(case.request_id)}},
        }  # fmt: skip
        await desk.slack.forge.send(desk.slack.forge.event_envelope(event, "desk-approvals"))

    return at


async def e_mail(desk: RunningDesk, case: Case, who: str) -> None:
    for channel in ("inbox", "desk-approvals"):
        desk.slack.email(channel, f"{who} <{who}@acme.example>", f"approve {case.request_id}", "Approved.")


async def workflow(desk: RunningDesk, case: Case, who: str) -> None:
    desk.slack.workflow_post("desk-approvals", who, f"approve {case.request_id}")
    desk.slack.bot_post("deploybot", "desk-approvals", f"approve {case.request_id}", username=who)


async def every_route(desk: RunningDesk, case: Case, who: str) -> None:
    """Every address of the web server by every method, with what an API of approvals would take."""
    routes = {resource.canonical for resource in make_web_app(desk.parts).router.resources()}
    body = {"request": str(case.request_id), "decision": "approve", "voter": who, "text": "approve"}
    headers = {"Authorization": f"Bearer {INTAKE_TOKEN}"}
    async with aiohttp.ClientSession(desk.process.http_url, headers=headers) as session:
        for route in sorted({*routes, f"/api/v1/requests/{case.request_id}/approve"}):
            path = route.replace("{channel}", "email").replace("{correlation_id}", str(case.request_id))
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                async with session.request(method, path, json=body) as answer:
                    assert answer.status < 500


BESIDE: dict[str, Door] = {
    "a reaction": send_event("reaction_added"),
    "a mention": send_event("app_mention"),
    "an e-mail": e_mail,
    "a workflow or another app": workflow,
    "HTTP": every_route,
    "a button nobody made": press("request.run"),
    "a form nobody made": submit("approve_request"),
    "a shortcut nobody made": take_shortcut("request.approve"),
    "a command nobody made": say_command("/approve"),
}


def doors() -> Iterator[tuple[str, Door]]:
    yield from ((f"button {name}", press(name)) for name in BUTTONS)
    yield from ((f"form {name}", submit(name)) for name in VIEWS)
    yield from ((f"shortcut {name}", take_shortcut(name)) for name in SHORTCUTS)
    yield from ((f"command {name}", say_command(name)) for name in COMMANDS)
    yield from ((f"event {name}", send_event(name)) for name in sorted(EVENTS))
    yield from BESIDE.items()


DOORS = dict(doors())


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", [*MAY_NOT, "who may, but not here"])
async def test_threat_07_nobody_who_may_not_decides_by_any_door(
    desk: RunningDesk, waiting: Case, kind: str, door: str
) -> None:
    people = MAY_NOT.get(kind, () if door in DECIDES else MAY)
    for who in people:
        if door == WITHDRAWS and who == "olivia":
            continue  # They proposed it: theirs is the one door that this opens.
        await DOORS[door](desk, waiting, who)

    await assert_undecided(desk, waiting)


async def test_threat_07_no_door_of_the_table_is_left_out() -> None:
    tables = {"button": BUTTONS, "form": VIEWS, "shortcut": SHORTCUTS, "command": COMMANDS, "event": EVENTS}

    assert {f"{kind} {name}" for kind, table in tables.items() for name in table} | set(BESIDE) == set(DOORS)
    assert set(DOORS) >= DECIDES | {WITHDRAWS}


async def test_threat_07_the_check_fails_where_a_door_lets_somebody_in(desk: RunningDesk) -> None:
    case, gate = await open_case(desk), desk.parts.reception.desk.gate
    with with_parts(desk, gate=ForgivingGate(gate, "not-permitted")):
        await DOORS["button request.approve"](desk, case, "erin")
        await settled(desk)

    assert await votes(desk, case) == 1
    with pytest.raises(AssertionError):
        await assert_undecided(desk, case)
    await change(desk, "update action_requests set status = 'void' where id = :id", id=case.request_id)
