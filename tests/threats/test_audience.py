"""Threat 18: nothing internal stands where outsiders read, whatever became of a channel since it was chosen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running import RunningDesk
from tests.threats.cases import (
    WORDS,
    Case,
    assert_undecided,
    change,
    json_text,
    key_status,
    message_at,
    new_key,
    open_case,
    open_form,
    press_forged,
    runs,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOTE = "Confirm keyId before running"


def ours(desk: RunningDesk, channel: str) -> list[dict[str, Any]]:
    """Every message of the bot in a channel, threads included."""
    log = desk.slack.world.logs[desk.slack.world.channel(channel).id]
    return [message for message in log.messages.values() if message.get("bot_id") == desk.slack.app.bot_id]


def visible_to_outsiders(desk: RunningDesk) -> list[str]:
    """Everything of ours in a channel that another company reads, ephemeral messages to its people included."""
    world = desk.slack.world
    shown = []
    for channel in world.channels.values():
        if channel.is_ext_shared:
            shown += [json_text(message) for message in ours(desk, channel.id)]
        for item in world.ephemerals.get(channel.id, []):
            if world.users[item.user].team_id != "T0ACME00001":
                shown.append(json_text(item.message))
    return shown


def assert_nothing_internal(desk: RunningDesk, case: Case | None = None) -> None:
    for said in visible_to_outsiders(desk):
        for internal in (
            NOTE,
            "severity",
            "Confidence",
            "Suggested",
            "Who can approve",
            "Fingerprint",
            "Sana Siddiqui",
        ):
            assert internal not in said, (internal, said)
        if case is not None:
            assert str(case.request_id) not in said


@pytest.fixture
def shared_triage(desk: RunningDesk) -> Any:
    desk.slack.admin.share_channel("desk-triage", "T0EXTERN001")
    yield
    desk.slack.admin.unshare_channel("desk-triage", "T0EXTERN001")


@pytest.fixture
def shared_approvals(desk: RunningDesk) -> Any:
    yield
    desk.slack.admin.unshare_channel("desk-approvals", "T0EXTERN001")


async def test_threat_18_the_customers_channel_holds_an_acknowledgement_and_nothing_internal(
    desk: RunningDesk, waiting: Case
) -> None:
    await desk.idle()

    assert len(ours(desk, "ext-external")) >= 1
    assert_nothing_internal(desk, waiting)


async def test_threat_18_the_check_fails_if_a_card_stands_there(desk: RunningDesk, waiting: Case) -> None:
    card = message_at(desk, "desk-approvals", waiting.card_ts)
    channel = desk.slack.world.channel("ext-external")
    log = desk.slack.world.logs[channel.id]
    log.add(card | {"ts": "1700000000.000001", "channel": channel.id})
    try:
        with pytest.raises(AssertionError):
            assert_nothing_internal(desk, waiting)
    finally:
        log.remove("1700000000.000001")


async def test_threat_18_once_the_triage_channel_is_shared_no_card_is_posted_or_changed_there(
    desk: RunningDesk, waiting: Case, shared_triage: None
) -> None:
    before = {message["ts"]: json_text(message) for message in ours(desk, "desk-triage")}
    key_id = await new_key(desk)

    # A new ticket; and news on an old one, whose card stands there already.
    ts = await desk.slack.person("mallory").post("ext-external", WORDS.format(key=key_id))
    await desk.slack.person("mallory").post("ext-external", "One more thing about it.", waiting.ts)
    ticket_id = await desk.until(lambda: desk.value("select id from tickets where slack_ts = :ts", ts=ts))
    await desk.until(lambda: _held(desk, ticket_id))
    await desk.until(lambda: _held(desk, waiting.ticket_id))
    await desk.idle()

    assert {message["ts"]: json_text(message) for message in ours(desk, "desk-triage")} == before
    for one in (ticket_id, waiting.ticket_id):
        held = [event for event in await desk.trail(one) if event.name == "delivery_held"]
        assert "shared with another company" in held[-1].payload["reason"]
        assert held[-1].payload["kind"] == "triage_card"


async def _held(desk: RunningDesk, ticket_id: Any) -> bool:
    """Its card, whether it stands there already or not."""
    sql = "select count(*) from deliveries where ticket_id = :id and kind = 'triage_card' and error like '%shared%'"
    return bool(await desk.value(sql, id=ticket_id))


async def test_threat_18_once_the_approvals_channel_is_shared_a_request_is_held_and_nobody_can_approve_it(
    desk: RunningDesk, shared_approvals: None
) -> None:
    case = await open_case(desk)
    key_id = await new_key(desk)
    await desk.idle()
    before = {message["ts"] for message in ours(desk, "desk-approvals")}
    desk.slack.admin.share_channel("desk-approvals", "T0EXTERN001")
    desk.slack.admin.add_member("desk-approvals", "mallory")

    request_id = await open_form(desk, case, "api_key.revoke", {"keyId": key_id})
    state = "select state from deliveries where request_id = :id and kind = 'approval_card'"
    await desk.until(lambda: _equals(desk, "held", state, id=request_id))

    assert {message["ts"] for message in ours(desk, "desk-approvals")} == before
    await press_forged(desk, case, "sana", actions__0__value=str(request_id))
    assert await desk.value("select count(*) from votes where request_id = :id", id=request_id) == 0

    # What stood there before can be read by mallory now. Pressed, it tells her the rule and nothing of the request.
    mallory = desk.slack.person("mallory")
    await mallory.click("desk-approvals", case.card_ts, action_id="request.approve")
    await assert_undecided(desk, case)
    [said] = await desk.until(lambda: mallory.ephemerals("desk-approvals"))
    for internal in (case.key_id, str(case.request_id), "Sana", "security"):
        assert internal not in json_text(said["blocks"])


async def _equals(desk: RunningDesk, expected: str, sql: str, **params: Any) -> bool:
    return bool(await desk.value(sql, **params) == expected)


@pytest.mark.parametrize(
    "answer", [{}, {"is_ext_shared": None}, {"is_ext_shared": False, "is_pending_ext_shared": True}]
)
async def test_threat_18_a_channel_of_which_slack_does_not_say_that_it_is_ours_alone_gets_nothing(
    desk: RunningDesk, answer: dict[str, Any]
) -> None:
    from handlers.delivery import Held, guard_audience
    from handlers.flows.open_letter import open_letter

    case = await open_case(desk)
    delivery_id = await desk.value(
        "select id from deliveries where ticket_id = :id and kind = 'triage_card'", id=case.ticket_id
    )
    await desk.idle()  # Its card may still be on its way to what it says now.
    await change(desk, "update deliveries set content_hash = '' where id = :id", id=delivery_id)
    letter = await open_letter(desk.parts.reception.desk, delivery_id)
    assert letter is not None

    class Slack:
        async def conversations_info(self, **_: Any) -> dict[str, Any]:
            return {"channel": {"is_channel": True} | answer}

    with pytest.raises(Held):
        await guard_audience(Slack(), letter)  # type: ignore[arg-type]  # the one method of the client it calls


@pytest.mark.parametrize("who", ["mallory", "greta", "erin", "gina"])
async def test_threat_18_commands_shortcuts_and_app_home_show_nothing_to_who_does_not_work_the_desk(
    desk: RunningDesk, waiting: Case, who: str
) -> None:
    number = await desk.value("select number from tickets where id = :id", id=waiting.ticket_id)
    person = desk.slack.person(who)
    person.reload()
    home_team = person.user.team_id
    for text in ("tickets", f"ticket {number}", f"audit {number}"):
        await desk.slack.forge.send(
            {
                "command": "/countersign",
                "text": text,
                "user_id": person.id,
                "team_id": home_team,
                "channel_id": "C0GENERAL01",
                "trigger_id": "1.2.x",
                "api_app_id": "A0CSAPP0001",
            }
        )
    await person.open_home()
    home = await desk.until(person.home)
    await press_forged(
        desk, waiting, who, actions__0__action_id="ticket.open", actions__0__value=str(waiting.ticket_id)
    )
    await press_forged(desk, waiting, who, actions__0__action_id="audit.open", actions__0__value=str(waiting.ticket_id))
    await press_forged(
        desk, waiting, who, actions__0__action_id="suggestion.confirm", actions__0__value=str(waiting.suggestion_id)
    )

    assert not person.modals()
    assert waiting.key_id not in json_text(home)
    assert "for the people who work the desk" in json_text(home)
    assert_nothing_internal(desk, waiting)


async def test_threat_18_the_outcome_reaches_the_customer_in_a_customers_words(desk: RunningDesk) -> None:
    case = await open_case(desk)
    await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
    await desk.until(lambda: _revoked(desk, case))
    await desk.idle()

    replies = desk.slack.person("mallory").history("ext-external", case.ts)

    assert len(replies) == 3
    assert await runs(desk, case) == 1
    assert_nothing_internal(desk, case)


async def _revoked(desk: RunningDesk, case: Case) -> bool:
    return await key_status(desk, case) == "revoked"
