"""Withdraw on the approval card: its proposer takes a request back, and nobody else, from nowhere else.

Threats 1, 3, 4, 5, 7 and 22: a button that ends a request must not be somebody's way to keep it from being decided.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import grimp
import pytest

from handlers.listeners import withdrawals
from handlers.registry import BUTTONS, COMMANDS, SHORTCUTS, VIEWS
from policy.terms import Ruling
from storage import deliveries
from tests.running import RunningDesk
from tests.scenario.test_false_authority import text_of
from tests.threats.cases import (
    Case,
    action_ids,
    assert_nothing_ran,
    assert_ran_once,
    assert_undecided,
    assert_vouched_for,
    change,
    changed,
    click_of,
    message_at,
    open_case,
    open_form,
    paused,
    settled,
    status,
    votes,
)
from tests.threats.planted import with_parts

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHDRAW = "request.withdraw"
ONLY_THE_PROPOSER = "Only the person who proposed this can withdraw it"


async def press(desk: RunningDesk, case: Case, who: str, **changes: Any) -> None:
    """A forged press on Withdraw; fields by dotted path with `__` for the dots, `...` takes one out."""
    payload = click_of(desk, case, who, WITHDRAW)
    for path, value in changes.items():
        payload = changed(payload, path.replace("__", "."), value)
    await desk.slack.forge.send(payload)
    await settled(desk)


async def test_its_proposer_withdraws_a_request_and_everybody_sees_that_it_ended(desk: RunningDesk) -> None:
    case = await open_case(desk)
    thread = desk.slack.person("mallory").history(case.channel, case.ts)

    await desk.slack.person("olivia").click("desk-approvals", case.card_ts, action_id=WITHDRAW)
    await desk.idle()

    assert await status(desk, case) == "withdrawn"
    card = message_at(desk, "desk-approvals", case.card_ts)
    assert "Withdrawn by its proposer" in text_of(card)
    assert action_ids(card) == {"ticket.open"}
    [event] = [one for one in await desk.trail(case.ticket_id) if one.name == "request_withdrawn"]
    assert event.actor == "T0ACME00001/U0OLIVIA001"
    assert event.payload == {"actionId": "api_key.revoke", "actionRequestId": str(case.request_id)}
    await assert_vouched_for(desk, case)
    # The requester's side is told nothing of how our people go about it.
    assert desk.slack.person("mallory").history(case.channel, case.ts) == thread


async def test_what_was_withdrawn_can_be_proposed_from_its_suggestion_again(desk: RunningDesk) -> None:
    case, olivia = await open_case(desk), desk.slack.person("olivia")
    await olivia.click("desk-approvals", case.card_ts, action_id=WITHDRAW)
    await desk.idle()
    assert "suggestion.confirm" in action_ids(message_at(desk, "desk-triage", case.triage_ts))

    await olivia.click("desk-triage", case.triage_ts, action_id="suggestion.confirm", value=str(case.suggestion_id))
    await desk.until(olivia.modals)
    await olivia.submit(values={"keyId": case.key_id})
    await desk.idle()

    sql = "select status from action_requests where ticket_id = :id order by created_at desc limit 1"
    assert await desk.value(sql, id=case.ticket_id) == "pending"
    assert await status(desk, case) == "withdrawn"


async def test_threat_22_what_was_withdrawn_is_neither_approved_nor_withdrawn_again(desk: RunningDesk) -> None:
    case = await open_case(desk)
    late = [click_of(desk, case, "olivia", WITHDRAW), click_of(desk, case, "sana")]
    await press(desk, case, "olivia")

    for payload in late:
        await desk.slack.forge.send(payload)
    await settled(desk)

    assert await status(desk, case) == "withdrawn"
    assert await votes(desk, case) == 0
    trail = await desk.trail(case.ticket_id)
    assert len([one for one in trail if one.name == "request_withdrawn"]) == 1
    rules = [one.payload["rule"] for one in trail if one.name in ("withdrawal_refused", "vote_refused")]
    assert rules == ["core-no-settled-request"] * 2
    await assert_nothing_ran(desk, case)


@pytest.mark.parametrize("who", ["sana", "sam", "bob", "erin", "mallory", "gina"])
async def test_threat_01_nobody_but_its_proposer_withdraws_a_request(
    desk: RunningDesk, waiting: Case, who: str
) -> None:
    await press(desk, waiting, who)

    await assert_undecided(desk, waiting)


async def test_threat_01_who_is_refused_is_told_in_words_and_it_is_on_the_trail(
    desk: RunningDesk, waiting: Case
) -> None:
    sana = desk.slack.person("sana")
    await sana.click("desk-approvals", waiting.card_ts, action_id=WITHDRAW)
    await settled(desk)

    assert ONLY_THE_PROPOSER in text_of(sana.history("desk-approvals"))
    refused = [one for one in await desk.trail(waiting.ticket_id) if one.name == "withdrawal_refused"]
    assert (refused[-1].actor, refused[-1].payload["rule"]) == ("T0ACME00001/U0SANA00001", "not-the-proposer")
    await assert_undecided(desk, waiting)


@pytest.mark.parametrize("field", ["id", "team_id"])
async def test_threat_02_another_companys_account_is_not_the_proposer(
    desk: RunningDesk, waiting: Case, field: str
) -> None:
    other = {"id": "U0MALLORY01", "team_id": "T0EXTERNAL1"}[field]

    await press(desk, waiting, "olivia", **{f"user__{field}": other})

    await assert_undecided(desk, waiting)


async def test_threat_03_a_proposer_who_has_left_withdraws_nothing_and_the_request_can_still_be_rejected(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk, operator="victor")
    payload = click_of(desk, case, "victor", WITHDRAW)
    desk.slack.admin.deactivate("victor")
    try:
        await desk.slack.forge.send(payload)
        await assert_undecided(desk, case)

        sana = desk.slack.person("sana")
        await sana.click("desk-approvals", case.card_ts, action_id="request.reject")
        await desk.until(sana.modals)
        await sana.submit(values={"reason": "Victor has left and nobody needs it."})
        sana.reload()
        await settled(desk)
        assert await status(desk, case) == "rejected"
    finally:
        desk.slack.admin.reactivate("victor")


@pytest.mark.parametrize("how", ["another message", "no message", "another channel", "the triage card"])
async def test_threat_04_a_press_that_stands_on_no_card_of_that_request_ends_nothing(
    desk: RunningDesk, waiting: Case, how: str
) -> None:
    changes: dict[str, Any] = {
        "another message": {"container__message_ts": "1790000000.000100"},
        "no message": {"container": ...},
        "another channel": {"container__channel_id": "C0TRIAGE001", "channel__id": "C0TRIAGE001"},
        "the triage card": {"container__channel_id": "C0TRIAGE001", "container__message_ts": waiting.triage_ts},
    }[how]

    await press(desk, waiting, "olivia", **changes)

    await assert_undecided(desk, waiting)


async def test_threat_04_the_value_of_another_request_ends_neither(desk: RunningDesk, waiting: Case) -> None:
    other = await open_case(desk, operator="sam")

    for value in (str(other.request_id), str(other.ticket_id), "", "not an id", str(waiting.ticket_id)):
        await press(desk, waiting, "olivia", actions__0__value=value)

    await assert_undecided(desk, waiting)
    await assert_undecided(desk, other)


async def test_threat_05_who_asked_or_suffers_it_cannot_make_it_go_away(desk: RunningDesk) -> None:
    """mallory asked for it and bob would suffer it; neither proposed it, so neither keeps it from being decided."""
    case = await open_case(desk)
    for who in ("mallory", "bob"):
        await press(desk, case, who)

    await assert_undecided(desk, case)


async def test_threat_22_an_approved_request_is_past_being_withdrawn(desk: RunningDesk) -> None:
    case = await open_case(desk)
    payload = click_of(desk, case, "olivia", WITHDRAW)
    async with paused(desk):
        await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
        await desk.slack.forge.send(payload)
        assert await status(desk, case) == "approved"

    await assert_ran_once(desk, case)


async def test_what_the_bot_proposed_has_no_button_and_no_proposer_to_withdraw_it(desk: RunningDesk) -> None:
    case = await open_case(desk)
    assert WITHDRAW in action_ids(message_at(desk, "desk-approvals", case.card_ts))
    payload = click_of(desk, case, "olivia", WITHDRAW)
    await change(desk, "update action_requests set proposer = null where id = :id", id=case.request_id)
    async with desk.database.transaction() as tx:
        await deliveries.refresh(tx, ticket_id=case.ticket_id)
    await desk.idle()

    assert WITHDRAW not in action_ids(message_at(desk, "desk-approvals", case.card_ts))
    await desk.slack.forge.send(payload)

    await assert_undecided(desk, case)


async def test_a_withdrawn_request_can_be_proposed_again(desk: RunningDesk) -> None:
    case = await open_case(desk)
    await press(desk, case, "olivia")

    again = await open_form(desk, case, "api_key.revoke", {"keyId": case.key_id})

    assert await desk.value("select status from action_requests where id = :id", id=again) == "pending"


async def test_threat_07_withdraw_has_one_door_and_it_reaches_no_vote(desk: RunningDesk) -> None:
    tables: list[dict[str, Any]] = [dict(BUTTONS), dict(VIEWS), dict(SHORTCUTS), dict(COMMANDS)]
    reaching = {
        slack_id
        for table in tables
        for slack_id, listener in table.items()
        if listener.__module__ == withdrawals.__name__
    }

    assert reaching == {WITHDRAW}
    calls = grimp.build_graph("handlers", include_external_packages=False)
    assert calls.find_modules_that_directly_import("handlers.flows.withdraw_request") == {withdrawals.__name__}
    assert not calls.chain_exists(importer="handlers.flows.withdraw_request", imported="handlers.flows.cast_vote")
    case = await open_case(desk)
    await press(desk, case, "olivia")
    assert await status(desk, case) == "withdrawn" and await votes(desk, case) == 0
    assert "vote_cast" not in [event.name for event in await desk.trail(case.ticket_id)]


async def test_the_checks_notice_a_gate_that_lets_anybody_withdraw(desk: RunningDesk) -> None:
    """The planted violation: with a gate that asks nobody who they are, the same press ends the request."""
    case = await open_case(desk)

    class AskingNobody:
        def __init__(self, real: Any) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        def rule_on_withdrawal(self, request: Any, person: Any) -> Ruling:
            return replace(self._real.rule_on_withdrawal(request, person), is_allowed=True)

    with with_parts(desk, gate=AskingNobody(desk.parts.reception.desk.gate)):
        await press(desk, case, "sana")

    with pytest.raises(AssertionError):
        await assert_undecided(desk, case)
    assert await status(desk, case) == "withdrawn"
