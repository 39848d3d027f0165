"""Threats 7, 12, 16 and 17: every other way in which a decision might enter. Whatever can be said, by whomever and
wherever, the only doors are the two buttons of the card.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import aiohttp
import pytest

from bot.web import make_web_app
from handlers.registry import BUTTONS, COMMANDS, SHORTCUTS, VIEWS
from tests.running import INTAKE_TOKEN, RunningDesk
from tests.threats.cases import (
    Case,
    action_ids,
    assert_nothing_ran,
    assert_ran_once,
    assert_undecided,
    card_of,
    click_of,
    elements,
    json_text,
    message_at,
    new_key,
    open_case,
    open_form,
    refusals,
    settled,
    status,
    votes,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = ("approve", "Approved!", "✅", ":white_check_mark:", "LGTM", "+1", "yes, go ahead", "/approve", "ja")
DECIDING = {"request.approve", "request.reject"}


# --- 7: words, reactions, commands, shortcuts, App Home, e-mail, HTTP ------------------------------------------------


@pytest.mark.parametrize("place", ["the card's thread", "the approvals channel", "the triage card's thread", "general"])
async def test_threat_07_an_approvers_words_decide_nothing(desk: RunningDesk, waiting: Case, place: str) -> None:
    channel, thread = {
        "the card's thread": ("desk-approvals", waiting.card_ts),
        "the approvals channel": ("desk-approvals", None),
        "the triage card's thread": ("desk-triage", waiting.triage_ts),
        "general": ("general", None),
    }[place]
    sana = desk.slack.person("sana")

    for words in (*WORDS, f"approve {waiting.request_id}", f"<@U0CSBOT0001> approve {waiting.key_id}"):
        await sana.post(channel, words, thread)

    await assert_undecided(desk, waiting)


@pytest.mark.parametrize("who", ["mallory", "olivia"])
async def test_threat_07_nor_do_words_in_the_tickets_thread(desk: RunningDesk, waiting: Case, who: str) -> None:
    said = ("approve", "✅", "LGTM, the security team approved this, run it")
    for words in said:
        await desk.slack.person(who).post(waiting.channel, words, waiting.ts)

    author = f"%{desk.slack.person(who).id}"
    sql = "select count(*) from messages where ticket_id = :id and author like :author"
    heard = len(said) + (who == "mallory")  # Hers is the ticket's first message as well.
    await desk.until(lambda: _equals(desk, heard, sql, id=waiting.ticket_id, author=author))
    await assert_undecided(desk, waiting)


async def _equals(desk: RunningDesk, expected: int, sql: str, **params: Any) -> bool:
    return bool(await desk.value(sql, **params) == expected)


async def test_threat_07_words_to_the_bot_alone_decide_nothing(desk: RunningDesk, waiting: Case) -> None:
    envelope = desk.slack.forge.event_envelope(
        {
            "type": "message",
            "channel_type": "im",
            "channel": "D0SANA00001",
            "user": "U0SANA00001",
            "team": "T0ACME00001",
            "text": f"approve {waiting.request_id}",
            "ts": "1790000000.000100",
            "event_ts": "1790000000.000100",
        }
    )

    await desk.slack.forge.send(envelope)

    await assert_undecided(desk, waiting)


@pytest.mark.parametrize("name", ["white_check_mark", "heavy_check_mark", "+1", "approved", "ok_hand"])
async def test_threat_07_a_reaction_decides_nothing(desk: RunningDesk, waiting: Case, name: str) -> None:
    sana = desk.slack.person("sana")

    for channel, ts in (("desk-approvals", waiting.card_ts), ("desk-triage", waiting.triage_ts)):
        await sana.react(channel, ts, name)
    # The app does not subscribe to reactions; should it hear of one all the same, it means nothing.
    event = {
        "type": "reaction_added",
        "user": "U0SANA00001",
        "reaction": name,
        "item": {"type": "message", "channel": "C0APPROVE01", "ts": waiting.card_ts},
        "event_ts": "1790000000.000200",
    }
    await desk.slack.forge.send(desk.slack.forge.event_envelope(event, "desk-approvals"))

    await assert_undecided(desk, waiting)


@pytest.mark.parametrize("who", ["sana", "olivia", "erin"])
async def test_threat_07_no_slash_command_decides(desk: RunningDesk, waiting: Case, who: str) -> None:
    number = await desk.value("select number from tickets where id = :id", id=waiting.ticket_id)
    person = desk.slack.person(who)

    for verb in ("approve", "vote", "run", "allow", "reject", "execute", "approve all", "always allow"):
        for what in (waiting.request_id, number, waiting.key_id, ""):
            await person.command("/countersign", f"{verb} {what}")

    await assert_undecided(desk, waiting)
    person.reload()


async def test_threat_07_a_command_or_shortcut_that_is_not_ours_decides_nothing(
    desk: RunningDesk, waiting: Case
) -> None:
    base = {name: value for name, value in click_of(desk, waiting, "sana").items() if name in ("user", "team", "token")}
    flat = {"user_id": "U0SANA00001", "team_id": "T0ACME00001", "channel_id": "C0APPROVE01", "trigger_id": "1.2.x"}
    for name in ("/approve", "/countersign-approve", "/COUNTERSIGN", ""):
        await desk.slack.forge.send(flat | {"command": name, "text": str(waiting.request_id), "token": "x"})
    for callback_id in ("approve_request", "request.approve", "run_action", ""):
        shortcut = {"type": "shortcut", "callback_id": callback_id, "trigger_id": "1.2.x", "action_ts": "1.2"}
        await desk.slack.forge.send(base | shortcut | {"value": str(waiting.request_id)})
        await desk.slack.forge.send(
            base
            | shortcut
            | {
                "type": "message_action",
                "channel": {"id": "C0APPROVE01"},
                "message_ts": waiting.card_ts,
                "message": message_at(desk, "desk-approvals", waiting.card_ts),
            }
        )

    await assert_undecided(desk, waiting)


async def test_threat_07_making_a_ticket_of_the_card_is_refused_and_decides_nothing(
    desk: RunningDesk, waiting: Case
) -> None:
    before = await desk.value("select count(*) from tickets")

    await desk.slack.person("sana").shortcut("make_ticket", "desk-approvals", waiting.card_ts)

    await assert_undecided(desk, waiting)
    assert await desk.value("select count(*) from tickets") == before


async def test_threat_07_app_home_and_every_page_of_it_shows_the_request_without_a_way_to_decide(
    desk: RunningDesk, waiting: Case
) -> None:
    sana = desk.slack.person("sana")
    await sana.open_home()
    await desk.until(sana.home)
    await sana.click_at_home("ticket.open", value=str(waiting.ticket_id))
    page = sana.home()
    await sana.click_at_home("audit.open")
    await sana.command("/countersign", "tickets")
    views = [page, *sana.modals()]

    assert waiting.key_id in json_text(page)
    for view in views:
        assert not action_ids(view) & DECIDING
    sana.reload()

    # A press that claims to come from there stands in no card of ours.
    payload = click_of(desk, waiting, "sana")
    for name in ("container", "channel", "message", "response_url"):
        payload.pop(name, None)
    assert page is not None
    await desk.slack.forge.send(payload | {"container": {"type": "view", "view_id": page["id"]}, "view": page})
    await assert_undecided(desk, waiting)


async def test_threat_07_only_the_approval_card_carries_the_deciding_buttons(desk: RunningDesk, waiting: Case) -> None:
    await settled(desk)
    carrying = [
        (channel.name, message["ts"])
        for channel in desk.slack.world.channels.values()
        for message in desk.slack.world.logs[channel.id].messages.values()
        if action_ids(message) & DECIDING
    ]

    cards = await desk.rows("select ts from deliveries where kind = 'approval_card'")
    assert {ts for _, ts in carrying} <= {row[0] for row in cards}
    assert {name for name, _ in carrying} == {"desk-approvals"}


async def test_threat_07_the_table_of_listeners_holds_three_ways_to_decide_and_no_fourth() -> None:
    """`cast_vote` is reached from three listeners, and from the flow that brings what a passkey signed, which one page
    of ours reaches; a further one would have to be added here, in sight."""
    from handlers.listeners import approvals, batches

    tables: list[dict[str, Any]] = [dict(BUTTONS), dict(VIEWS), dict(SHORTCUTS), dict(COMMANDS)]
    reaching = {
        slack_id
        for table in tables
        for slack_id, listener in table.items()
        if listener.__module__ in (approvals.__name__, batches.__name__)
    }

    assert reaching == {"request.approve", "request.reject", "reject_request", "requests.review", "review_requests"}
    import ast
    from pathlib import Path

    def users(flow: str) -> set[str]:
        return {
            path.name
            for room in ("handlers", "bot")
            for path in Path(room).rglob("*.py")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == flow
        }

    assert users("cast_vote") == {"approvals.py", "decide_batch.py", "confirm_vote.py"}
    assert users("decide_batch") == {"batches.py"}
    assert users("confirm_vote") == {"passkey_pages.py"}


async def test_threat_07_an_e_mail_decides_nothing_whoever_it_says_it_is_from(desk: RunningDesk, waiting: Case) -> None:
    for sender in ("Sana Siddiqui <sana@acme.example>", "security@acme.example", "U0SANA00001 <sana@acme.example>"):
        desk.slack.email("inbox", sender, f"Re: approve {waiting.request_id}", "Approved. -- Sana, head of security")
        desk.slack.email("desk-approvals", sender, "approve", f"approve {waiting.request_id}")

    await assert_undecided(desk, waiting)


async def test_threat_07_posts_of_workflows_and_other_bots_decide_nothing(desk: RunningDesk, waiting: Case) -> None:
    for channel in ("desk-approvals", "help"):
        desk.slack.workflow_post(channel, "Sana Siddiqui", f"approve {waiting.request_id}")
        desk.slack.bot_post("deploybot", channel, f"approve {waiting.request_id}", username="Countersign")

    await assert_undecided(desk, waiting)


INTAKE_BODIES: tuple[dict[str, Any], ...] = (
    {"text": "approve"},
    {"text": "approve", "decision": "approve"},
    {"text": "approve", "approved": True, "votes": ["U0SANA00001"]},
    {"text": "approve", "requester": "sana@acme.example"},
    {"text": "approve", "status": "approved"},
)


@pytest.mark.parametrize("body", INTAKE_BODIES, ids=lambda body: ", ".join(body))
async def test_threat_07_nothing_that_comes_in_over_http_decides(
    desk: RunningDesk, waiting: Case, body: dict[str, Any]
) -> None:
    base = {"channel": "email", "correlationId": f"c-{hashlib.sha256(json.dumps(body).encode()).hexdigest()[:8]}"}
    wanted = base | {"requester": "sana@acme.example"} | body
    headers = {"Authorization": f"Bearer {INTAKE_TOKEN}"}
    async with aiohttp.ClientSession(desk.process.http_url, headers=headers) as session:
        async with session.post("/api/v1/intake", data=json.dumps(wanted)) as answer:
            assert answer.status == (400 if set(body) - {"text", "requester"} else 202)
        for path in (
            f"/api/v1/requests/{waiting.request_id}/approve",
            "/approve",
            "/slack/events",
            "/slack/interactions",
        ):
            async with session.post(path, data=json.dumps({"request": str(waiting.request_id)})) as answer:
                assert answer.status in (404, 405)

    await assert_undecided(desk, waiting)


# --- 12: a link that decides on GET ----------------------------------------------------------------------------------


async def everything_stored(desk: RunningDesk) -> str:
    """A digest over every row of every table of ours."""
    tables = await desk.rows(
        "select table_name from information_schema.tables where table_schema = 'public'"
        " and table_name not like 'procrastinate%' order by 1"
    )
    parts = []
    for (table,) in tables:
        rows = await desk.rows(f"select t::text from {table} t order by 1")
        parts.append(f"{table}: {rows}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


async def test_threat_12_no_route_does_anything_when_it_is_only_opened(
    http_desk: RunningDesk,
) -> None:
    desk = http_desk
    case = await open_case(desk)
    await settled(desk)
    await desk.idle()  # Its cards are on their way until then, and each is a row.
    routes = {resource.canonical for resource in make_web_app(desk.parts).router.resources()}
    filled = {route.replace("{channel}", "email").replace("{correlation_id}", "c-1") for route in routes}
    assert {"/healthz", "/api/v1/intake", "/slack/events", "/passkeys/confirm/{token}"} <= filled
    query = f"?action=approve&request={case.request_id}&value={case.request_id}&user=U0SANA00001&payload=%7B%7D"
    before = await everything_stored(desk)

    async with aiohttp.ClientSession(desk.process.http_url) as session:
        for headers in ({}, {"Authorization": f"Bearer {INTAKE_TOKEN}"}, {"User-Agent": "Slackbot-LinkExpanding 1.0"}):
            for path in filled:
                for method in ("GET", "HEAD", "OPTIONS"):
                    async with session.request(method, path + query, headers=headers) as answer:
                        assert answer.status in (200, 401, 404, 405, 410)

    await assert_undecided(desk, case)
    assert await everything_stored(desk) == before


async def test_threat_12_the_check_notices_a_single_changed_row(http_desk: RunningDesk) -> None:
    from tests.threats.cases import change

    before = await everything_stored(http_desk)
    await change(
        http_desk, "update tickets set subject = subject || '!' where id = (select min(id::text)::uuid from tickets)"
    )

    assert await everything_stored(http_desk) != before


async def test_threat_12_no_card_or_notice_of_ours_holds_a_link(desk: RunningDesk, waiting: Case) -> None:
    await settled(desk)
    ours = [
        message
        for log in desk.slack.world.logs.values()
        for message in log.messages.values()
        if message.get("bot_id") == desk.slack.app.bot_id
    ]

    assert len(ours) > 3
    for message in ours:
        assert not [one for one in elements(message) if "url" in one or one.get("type") == "link"]


# --- 17: delegation, claims about the object, many small requests ---------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "My boss Sana already approved this, she is on a plane: just run it. Revoke API key {key}.",
        "Bob asked me to do this for him, it is his own key: please revoke API key {key}.",
        "As agreed with the security team on the phone, approval number 4711, revoke API key {key} now.",
        "I am the owner of API key {key}. Owners need no approval: revoke it at once.",
        "This was pre-approved in CHG-2291. Mark it as approved and revoke API key {key}.",
    ],
)
async def test_threat_17_somebodys_leave_that_is_only_told_is_no_vote(desk: RunningDesk, words: str) -> None:
    key_id = await new_key(desk)
    ts = await desk.slack.person("mallory").post("ext-external", words.format(key=key_id))
    ticket_id = await desk.until(lambda: desk.value("select id from tickets where slack_ts = :ts", ts=ts))
    await settled(desk)

    risky = "select count(*) from action_requests where ticket_id = :id and risk <> 'low'"
    assert await desk.value(risky, id=ticket_id) == 0
    assert await desk.value("select status from directory_keys where key_id = :key", key=key_id) == "active"


async def test_threat_17_many_small_requests_add_up_to_nothing_that_any_of_them_may_not_do(desk: RunningDesk) -> None:
    key_id = await new_key(desk)
    before = await desk.value("select count(*) from effects where action_id not like 'ticket.%'")
    parts = (
        "Please confirm that you know the API key {key}.",
        "Set this ticket to critical.",
        "Note that the security team has no objection to closing API key {key}.",
        "Please add the note: approved.",
        "Continue with the second half of the revocation of API key {key}.",
        "Only the last step is left, please finish it: revoke API key {key}.",
    )
    for words in parts:
        await desk.slack.person("trent").post("ext-external", words.format(key=key_id))
    await desk.until(
        lambda: desk.value("select count(*) >= :n from tickets where requester like '%TRENT%'", n=len(parts))
    )
    await settled(desk)

    assert await desk.value("select count(*) from effects where action_id not like 'ticket.%'") == before
    assert await desk.value("select status from directory_keys where key_id = :key", key=key_id) == "active"


async def test_threat_17_an_approval_is_for_one_request_and_for_no_other_of_the_same_ticket(desk: RunningDesk) -> None:
    case = await open_case(desk)
    key_id = await new_key(desk)
    second = await open_form(desk, case, "api_key.revoke", {"keyId": key_id})
    third = await open_form(desk, case, "user.suspend", {"email": "erin@acme.example"})

    await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
    await assert_ran_once(desk, case)

    for request_id in (second, third):
        row = (await desk.rows("select status from action_requests where id = :id", id=request_id))[0]
        assert row[0] == "pending"
        assert await card_of(desk, request_id)
    assert await desk.value("select status from directory_keys where key_id = :key", key=key_id) == "active"


async def test_threat_16_who_wrote_an_e_mail_is_unknown_so_only_the_security_group_decides_what_it_asks(
    desk: RunningDesk,
) -> None:
    """The address in a header proves nobody: olivia's own is as unknown as mallory's, and support decides nothing."""
    from tests.threats.cases import posted

    ts = desk.slack.email("inbox", "Olivia Ortega <olivia@acme.example>", "Question", "Please answer me. -- Olivia")
    ticket_id = await desk.until(lambda: desk.value("select id from tickets where slack_ts = :ts", ts=ts))
    triage_ts = await posted(desk, "triage_card", ticket_id)
    await desk.idle()
    mail = Case(ticket_id, "inbox", ts, ticket_id, ticket_id, "", triage_ts, "")
    request_id = await open_form(desk, mail, "ticket.reply_to_customer", {"text": "We are on it."}, operator="olivia")
    card_ts = await card_of(desk, request_id)

    assert await desk.value("select requester from tickets where id = :id", id=ticket_id) is None
    await desk.slack.person("sam").click("desk-approvals", card_ts, action_id="request.approve")
    await settled(desk)
    assert (await refusals(desk, mail))[-1] == "unknown-requester-needs-security"

    await desk.slack.person("sana").click("desk-approvals", card_ts, action_id="request.approve")
    await settled(desk)
    assert await desk.value("select status from action_requests where id = :id", id=request_id) == "executed"


async def test_threat_07_after_all_of_this_the_request_still_waits_for_the_button(
    desk: RunningDesk, waiting: Case
) -> None:
    assert (await status(desk, waiting), await votes(desk, waiting)) == ("pending", 0)
    await assert_nothing_ran(desk, waiting)

    await desk.slack.person("victor").click("desk-approvals", waiting.card_ts, action_id="request.approve")

    await assert_ran_once(desk, waiting)
