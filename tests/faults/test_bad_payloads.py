"""Nonsense at every door of Slack's: answered with words or a line in the log, nothing lost, the bot still there."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
import pytest

from handlers.listeners.intake import take_message
from tests.faults.rig import PATIENCE_SECONDS, eventually, holds, quick_slack
from tests.running import RunningDesk, running_desk

HELP = "C0HELP00001"
ODD: list[Any] = [None, 1, "", "\x00\ud800", "²", [1], {"a": 1}, "x" * 5000]
TEXTS = {
    "40,000 characters": "x" * 40_000,
    "more than Slack lets through": "ä" * 60_000,
    "NUL and control characters": "a\x00b\x01c\x1b[31md\x7f",
    "right-to-left marks": "pay \u202e001_bob_omed_ka\u202c \u200f now",
    "lone surrogates": "a\ud800b\udfff",
    "1,000 lines": "line\n" * 1000,
    "markup": "<!channel> <@U0OLIVIA001> <https://evil.example|safe> *b* `c` &lt;",
    "only marks": "\u200b\u200e\u202a",
    "a long word": "w" * 5000,
    "astral": "🦊" * 3000,
}


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    async with quick_slack(ack_seconds=0.5) as slack, running_desk(database_url, tmp_path, slack=slack) as desk:
        yield desk


@pytest.fixture
async def patient_desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    """Where everything is acknowledged in the end."""
    slow = quick_slack(ack_seconds=PATIENCE_SECONDS)
    async with slow as slack, running_desk(database_url, tmp_path, slack=slack) as desk:
        yield desk


@pytest.fixture
async def http_desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    async with quick_slack() as slack, running_desk(database_url, tmp_path, slack=slack, http=True) as desk:
        yield desk


async def is_alive(desk: RunningDesk) -> None:
    """It takes the next ticket as if nothing had happened."""
    ts = await desk.slack.person("erin").post("help", "Is anyone there?")
    await eventually(lambda: desk.value("select 1 from tickets where slack_ts = :ts", ts=ts))
    await eventually(lambda: len(desk.slack.person("erin").history("help", ts)) == 2)
    await holds(desk.slack, desk.database)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is said of what Slack sent; a client that lost its line for a moment speaks of something else."""
    ours = [record for record in caplog.records if record.name.startswith(("bot.", "handlers."))]
    return [record.getMessage() for record in ours if record.levelno >= logging.WARNING]


async def is_settled(desk: RunningDesk) -> bool:
    return bool(await desk.value("select count(*) = 0 from procrastinate_jobs"))


async def take(desk: RunningDesk, envelope: dict[str, Any]) -> None:
    """Past the wire: Slack's own libraries have no say in what these look like."""
    await take_message(desk.parts.reception, envelope)


async def send(desk: RunningDesk, payload: dict[str, Any], kind: str | None = None) -> Any:
    return await desk.slack.forge.send(payload, kind=kind)


def message(desk: RunningDesk, **fields: Any) -> dict[str, Any]:
    event = {"type": "message", "channel": HELP, "user": desk.slack.person("erin").id, "text": "Hello."} | fields
    return desk.slack.forge.event_envelope({k: v for k, v in event.items() if v is not ...}, "help")


async def test_every_text_becomes_a_ticket_with_a_card(desk: RunningDesk) -> None:
    for n, text in enumerate(TEXTS.values()):
        assert (await send(desk, message(desk, ts=f"190000000{n}.000100", text=text))).acked

    await eventually(lambda: desk.value("select count(*) = :n from tickets", n=len(TEXTS)))
    await eventually(lambda: is_settled(desk))

    assert (
        await desk.rows("select kind, state, error from deliveries where state <> 'posted' and kind = 'triage_card'")
        == []
    )
    kept = dict(
        await desk.rows("select slack_ts, text from messages m join message_versions v on v.message_id = m.id"
                        " where author_side = 'customer'")
    )  # fmt: skip
    assert kept["1900000000.000100"] == TEXTS["40,000 characters"]
    assert "20000 more characters were cut" in kept["1900000001.000100"]
    assert kept["1900000002.000100"] == TEXTS["NUL and control characters"].replace("\x00", "\ufffd")
    assert kept["1900000003.000100"] == TEXTS["right-to-left marks"]
    await is_alive(desk)


async def test_messages_that_say_nothing_or_stand_nowhere_are_let_go(
    patient_desk: RunningDesk, caplog: pytest.LogCaptureFixture
) -> None:
    desk = patient_desk
    nothings = [
        message(desk, ts="1900000000.000100", text=""),
        message(desk, ts="1900000000.000200", text=" \n\t "),
        message(desk, ts=...),
        message(desk, ts="1900000000.000300", channel=...),
        message(desk, ts="1900000000.000400", channel="C0NOWHERE01"),
        message(desk, ts="not a timestamp"),
        message(desk, ts="99999999999999999999.0"),
        message(desk, ts="1900000000.²"),
        message(desk, ts="1900000000.000500", thread_ts="²"),
        message(desk, ts="1900000000.000600", subtype="message_changed"),
        message(desk, ts="1900000000.000700", subtype="message_deleted"),
        message(desk, ts="1900000000.000800", subtype="channel_join"),
        {**message(desk), "event": None},
        {**message(desk), "event": 1},
        {**message(desk), "event": "message"},
        {**message(desk), "event": ["message"]},
        {k: v for k, v in message(desk).items() if k != "event"},
        {"type": "event_callback"},
        {**message(desk, type="reaction_added"), "team": 1},
    ]

    for envelope in nothings:
        caplog.clear()
        assert (await send(desk, envelope, "events_api")).acked, envelope
        assert len(warnings(caplog)) <= 1, envelope
    await eventually(lambda: is_settled(desk))

    # One of them says something: in a thread that is none.
    assert await desk.rows("select slack_ts from tickets") == [("1900000000.000500",)]
    await is_alive(desk)


@pytest.mark.parametrize("odd", [{"team": 1}, {"enterprise": 1}, {"authorizations": 1}, {"authorizations": [None]}])
async def test_a_message_in_an_envelope_that_bolt_cannot_read_is_a_ticket(
    patient_desk: RunningDesk, odd: dict[str, Any]
) -> None:
    desk = patient_desk

    assert (await send(desk, {**message(desk, ts="1900000000.000100"), **odd}, "events_api")).acked

    await eventually(lambda: desk.value("select 1 from tickets where slack_ts = '1900000000.000100'"))


@pytest.mark.parametrize("odd", [{"event": None}, {"event": 1}, {"event": {"type": "reaction_added"}, "team": 1}])
async def test_an_event_that_bolt_cannot_read_is_refused_once_over_http(
    http_desk: RunningDesk, odd: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    outcome = await send(http_desk, {**message(http_desk), **odd}, "events_api")

    assert outcome.wants_no_retry
    assert len(warnings(caplog)) == 1


async def test_unknown_people_make_tickets_of_unknown_people(desk: RunningDesk) -> None:
    for n, user in enumerate(["U0NOBODY001", "", "USLACKBOT", "\x00", "W" * 60, 17, None, {"id": "U1"}]):
        await take(desk, message(desk, ts=f"190000000{n}.000100", user=user))

    await eventually(lambda: desk.value("select count(*) = 8 from tickets"))
    await eventually(lambda: is_settled(desk))

    # An account that cannot be looked up is remembered by its id, and is nobody of ours.
    found = await desk.rows("select distinct requester, requester_is_internal from tickets")
    assert set(found) == {(None, False), ("T0ACME00001/U0NOBODY001", False)}
    await is_alive(desk)


async def test_every_field_of_a_message_may_be_nonsense(desk: RunningDesk) -> None:
    n, root = 0, await desk.slack.person("erin").post("help", "Hello.")
    await desk.the_ticket()
    fields = (
        "ts", "thread_ts", "user", "team", "text", "subtype", "files", "edited", "attachments", "bot_id", "bot_profile",
        "message", "previous_message", "deleted_ts", "username", "app_id", "user_team", "blocks", "metadata",
    )  # fmt: skip
    for field in fields:
        for odd in ODD:
            n += 1
            await take(desk, message(desk, **{"ts": f"19{n:08}.000100", "thread_ts": root, field: odd}))
    for odd in ODD:
        n += 1
        await take(desk, {**message(desk, ts=f"19{n:08}.000100"), "is_ext_shared_channel": odd})

    await eventually(lambda: desk.value("select count(*) = 0 from inbox where handled_at is null"))
    failed = await desk.rows("select task_name, args from procrastinate_jobs where attempts > 0")
    assert failed == []


async def refused_with_words(desk: RunningDesk, payload: dict[str, Any], who: str = "sana") -> None:
    person = desk.slack.person(who)
    before = len(person.ephemerals("desk-approvals")) + len(person.ephemerals("desk-triage"))
    await send(desk, payload)
    await eventually(lambda: len(person.ephemerals("desk-approvals")) + len(person.ephemerals("desk-triage")) > before)


async def two_pending_cards(desk: RunningDesk) -> list[str]:
    mallory, olivia = desk.slack.person("mallory"), desk.slack.person("olivia")
    for n in range(2):
        await mallory.post("ext-external", f"Please revoke API key ak_demo_bob_001 ({n}).")
        await eventually(lambda n=n: desk.value("select count(*) = :n from triages", n=n + 1))
        await desk.idle()
    for card in [m for m in olivia.history("desk-triage") if m.get("bot_id")]:
        value = await desk.value(
            "select cast(s.id as text) from suggestions s join deliveries d on d.ticket_id = s.ticket_id"
            " where d.ts = :ts and s.action_id = 'api_key.revoke'",
            ts=card["ts"],
        )
        await olivia.click("desk-triage", card["ts"], action_id="suggestion.confirm", value=value)
        await eventually(olivia.modals)
        await olivia.submit(values={"keyId": "ak_demo_bob_001"})
        for modal in reversed(olivia.modals()):
            await olivia.close(modal["id"])
        await desk.idle()
    cards = [m["ts"] for m in desk.slack.person("sana").history("desk-approvals") if m.get("bot_id")]
    assert len(cards) == 2
    return cards


async def test_forged_clicks_are_refused_with_words_and_change_nothing(
    desk: RunningDesk, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = await two_pending_cards(desk)
    genuine = desk.slack.forge.click_payload("sana", "desk-approvals", first, "request.approve")
    other = desk.slack.forge.click_payload("sana", "desk-approvals", second, "request.approve")

    def changed(**action: Any) -> dict[str, Any]:
        payload = copy.deepcopy(genuine)
        payload["actions"][0].update(action)
        return payload

    moved = copy.deepcopy(genuine)
    moved["container"]["message_ts"] = "1900000000.000100"
    forgeries = [
        changed(action_id="request.run_now"),
        changed(action_id="x" * 5000),
        changed(value=other["actions"][0]["value"]),  # another ticket's request, on this card
        changed(value=str(uuid4())),
        changed(value="' or 1=1 --"),
        changed(value="\x00"),
        changed(value=None),
        moved,
        {**genuine, "api_app_id": "A0ANOTHER01"},
    ]

    with caplog.at_level(logging.INFO, "bot"):
        for payload in forgeries:
            caplog.clear()
            await refused_with_words(desk, payload)
            assert caplog.records, payload["actions"]

    assert not [r for r in caplog.records if "unexpected" in r.getMessage()]
    assert await desk.value("select count(*) from votes") == 0
    assert await desk.rows("select distinct status from action_requests where action_id = 'api_key.revoke'") == [
        ("pending",)
    ]
    await desk.slack.person("sana").click("desk-approvals", first, action_id="request.approve")
    await eventually(lambda: desk.value("select 1 from action_requests where status = 'executed' and quorum > 0"))
    await is_alive(desk)


async def test_every_field_of_an_interaction_may_be_nonsense(desk: RunningDesk) -> None:
    await desk.slack.person("erin").post("help", "Hello.")
    await desk.the_ticket()
    await desk.idle()
    card = desk.card("triage")["ts"]
    click = desk.slack.forge.click_payload("olivia", "desk-triage", card, "ticket.open")
    user = {"id": "U0OLIVIA001", "team_id": "T0ACME00001"}
    view = {
        "id": "V1",
        "type": "modal",
        "callback_id": "confirm_suggestion",
        "private_metadata": "x",
        "state": {"values": {}},
    }
    submit = {
        "type": "view_submission",
        "team": {"id": "T0ACME00001"},
        "user": user,
        "view": view,
        "api_app_id": desk.slack.app.app_id,
    }
    shortcut = {"type": "message_action", "callback_id": "make_ticket", "user": user, "team": {"id": "T0ACME00001"},
                "channel": {"id": HELP}, "message": {"ts": "1900000000.0001", "text": "x", "user": "U0ERIN00001"},
                "trigger_id": "t"}  # fmt: skip
    command = {"command": "/countersign", "text": "tickets", "user_id": "U0OLIVIA001", "team_id": "T0ACME00001",
               "channel_id": HELP, "trigger_id": "t"}  # fmt: skip

    for payload in (click, submit, shortcut):
        for field in payload:
            if field != "type":
                for odd in (None, "x", [1]):
                    await send(desk, {**payload, field: odd}, "interactive")
    for field in ("text", "user_id", "team_id", "channel_id", "trigger_id", "command"):
        for odd in (None, "x" * 40_000, "\x00²"):
            await send(desk, {**command, field: odd}, "slash_commands")
    for odd in (
        {},
        {"type": "block_actions"},
        {"type": "nonsense"},
        {"type": None},
        {"type": "view_submission", "view": []},
    ):
        await send(desk, odd, "interactive")

    assert await desk.value("select count(*) from action_requests where action_id <> 'ticket.add_internal_note'") == 0
    await is_alive(desk)


async def test_commands_are_answered_with_words(desk: RunningDesk) -> None:
    olivia = desk.slack.person("olivia")
    for words, expected in {
        "": "countersign",
        "dance": "could not read",
        "ticket ²": "could not read",
        "ticket 99999": "find",
        "ticket 99999999999999999999": "could not read",
        "audit -1": "could not read",
        "new": "could not read",
        "x" * 4000: "could not read",
        "\x00\u202e": "could not read",
        "new \x00 my laptop \ud800 is dead": "is open",
    }.items():
        command = {"command": "/countersign", "text": words, "user_id": olivia.id, "team_id": "T0ACME00001",
                   "channel_id": HELP, "channel_name": "help", "trigger_id": uuid4().hex}  # fmt: skip
        before = len(olivia.ephemerals("help"))

        assert (await send(desk, command, "slash_commands")).acked, words

        said = await eventually(lambda before=before: olivia.ephemerals("help")[before:])
        assert expected in json.dumps(said[0], ensure_ascii=False), words


async def slack_request(
    desk: RunningDesk, body: bytes, *, content_type: str = "application/json", secret: str | None = None,
    at: float | None = None, **headers: str,
) -> tuple[int, str]:  # fmt: skip
    timestamp = str(int(time.time() if at is None else at))
    key = (secret or desk.slack.app.signing_secret).encode()
    signature = "v0=" + hmac.new(key, b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    sent = {
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature,
        "Content-Type": content_type,
    } | headers
    url = desk.process.http_url + "/slack/events"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=sent) as answer:
        return answer.status, await answer.text()


async def test_only_what_slack_signed_just_now_is_read(http_desk: RunningDesk) -> None:
    desk = http_desk
    body = json.dumps(message(desk, ts="1900000000.000100")).encode()

    for what, answer in {
        "another secret": await slack_request(desk, body, secret="x" * 32),
        "a stale timestamp": await slack_request(desk, body, at=time.time() - 400),
        "no signature": await slack_request(desk, body, **{"X-Slack-Signature": ""}),
        "no timestamp": await slack_request(desk, body, **{"X-Slack-Request-Timestamp": ""}),
        "a timestamp in words": await slack_request(desk, body, **{"X-Slack-Request-Timestamp": "now"}),
    }.items():
        assert answer[0] in (400, 401), (what, answer)
    assert await desk.value("select count(*) from inbox") == 0
    assert (await slack_request(desk, body))[0] == 200
    assert await desk.value("select count(*) from inbox") == 1


async def test_signed_nonsense_is_answered_and_does_no_harm(http_desk: RunningDesk) -> None:
    desk = http_desk
    event = json.dumps(message(desk, ts="1900000000.000100")).encode()
    form = "application/x-www-form-urlencoded"

    for body, content_type in [
        (b"", "application/json"),
        (b"not json", "application/json"),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"[" * 50_000, "application/json"),
        (event, "text/plain"),
        (event, form),
        (event, "application/json; charset=utf-16"),
        (b"payload=not+json", form),
        (b"payload=%7B%7D", form),
        (b"payload=[]", form),
        (b"payload=%00%ff", form),
        (urlencode({"payload": json.dumps({"type": "block_actions", "actions": {}, "user": "me"})}).encode(), form),
        (b"command=%2Fcountersign", form),
        (b"command=%2Fother&text=%00", form),
        (b"a=b&a=c", form),
    ]:
        status, _ = await slack_request(desk, body, content_type=content_type)
        assert status in (200, 400, 404, 415, 500), (body[:40], status)
    await is_alive(desk)
