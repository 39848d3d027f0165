"""Threat 5 with two accounts: one human is one person, whoever ties the accounts together, and a tie lets nobody in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from handlers.flows import one_person
from policy.one_person import Ties
from tests.passkeys import approve as confirmed
from tests.running import RunningDesk
from tests.threats.cases import (
    SANA,
    VICTOR,
    Case,
    assert_nothing_ran,
    assert_ran_once,
    assert_undecided,
    card_of,
    change,
    last_refusal,
    link,
    open_case,
    open_form,
    paused,
    settled,
    status,
    unlink,
)
from tests.threats.planted import ForgivingGate, with_parts

pytestmark = pytest.mark.asyncio(loop_scope="module")

ERIN = "T0ACME00001/U0ERIN00001"
OLIVIA = "T0ACME00001/U0OLIVIA001"


async def approve(desk: RunningDesk, card_ts: str, who: str) -> None:
    await desk.slack.person(who).click("desk-approvals", card_ts, action_id="request.approve")


@asynccontextmanager
async def linked(desk: RunningDesk, one: str, other: str) -> AsyncIterator[None]:
    """An operator says that two accounts are one human's."""
    await link(desk, one, other)
    try:
        yield
    finally:
        await unlink(desk, one, other)


@asynccontextmanager
async def address(desk: RunningDesk, who: str, email: str) -> AsyncIterator[None]:
    before = desk.slack.world.user(who).email
    desk.slack.admin.rename(who, email=email)
    desk.parts.reception.identity._addresses.clear()  # as if half a minute had passed
    try:
        yield
    finally:
        desk.slack.admin.rename(who, email=before)
        desk.parts.reception.identity._addresses.clear()


async def assert_alias_is_refused(desk: RunningDesk, case: Case) -> None:
    await approve(desk, case.card_ts, "sana")
    await assert_undecided(desk, case)
    assert await last_refusal(desk, case) == "core-no-alias"


async def test_threat_05_a_second_account_that_an_operator_linked_to_the_requesters_does_not_approve(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk, who="erin", channel="help")

    async with linked(desk, ERIN, SANA):
        await assert_alias_is_refused(desk, case)
        await approve(desk, case.card_ts, "victor")

    await assert_ran_once(desk, case)


async def test_threat_05_nor_does_an_account_that_is_tied_over_a_third(desk: RunningDesk) -> None:
    case = await open_case(desk, who="erin", channel="help")
    third = "T0ACME00001/U0THIRD0001"

    async with linked(desk, ERIN, third), linked(desk, third, "T0WORKSPACE1/U0SANA00001"):
        await assert_alias_is_refused(desk, case)


async def test_threat_05_an_alias_of_the_proposer_is_not_named_as_eligible_either(desk: RunningDesk) -> None:
    async with linked(desk, OLIVIA, SANA):
        case = await open_case(desk)
        eligible = await desk.value("select eligible from action_requests where id = :id", id=case.request_id)
        assert SANA not in {one["key"] for one in eligible}
        await assert_alias_is_refused(desk, case)


async def test_threat_05_the_address_the_directory_has_for_the_requesters_account_ties_whoever_lives_there_to_it(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk, who="erin", channel="help")
    await change(desk, "update directory_people set slack_key = :key where email = 'sana@acme.example'", key=ERIN)
    try:
        await assert_alias_is_refused(desk, case)
    finally:
        await change(desk, "update directory_people set slack_key = :key where email = 'sana@acme.example'", key=SANA)


async def test_threat_05_two_live_accounts_with_one_confirmed_address_are_one_person(desk: RunningDesk) -> None:
    case = await open_case(desk, who="erin", channel="help")

    async with address(desk, "erin", " Sana@ACME.example"):
        await assert_alias_is_refused(desk, case)


@pytest.mark.parametrize("other", ["sana+desk@acme.example", "sa.na@acme.example"])
async def test_an_address_that_only_looks_like_it_ties_nobody(desk: RunningDesk, other: str) -> None:
    case = await open_case(desk, who="erin", channel="help")

    async with address(desk, "erin", other):
        await approve(desk, case.card_ts, "sana")

    await assert_ran_once(desk, case)


async def test_an_address_that_is_not_confirmed_ties_nobody(desk: RunningDesk) -> None:
    case = await open_case(desk, who="erin", channel="help")
    desk.slack.admin.set_flags("erin", add=("email_unconfirmed",))
    try:
        async with address(desk, "erin", "sana@acme.example"):
            await approve(desk, case.card_ts, "sana")
            await assert_ran_once(desk, case)
    finally:
        desk.slack.admin.set_flags("erin", remove=("email_unconfirmed",))


async def test_threat_05_a_link_that_is_made_after_the_vote_counts_at_the_run(desk: RunningDesk) -> None:
    case = await open_case(desk, who="erin", channel="help")

    async with paused(desk):
        await approve(desk, case.card_ts, "sana")
        assert await status(desk, case) == "approved"
        await link(desk, ERIN, SANA)
    await assert_nothing_ran(desk, case)
    await unlink(desk, ERIN, SANA)

    assert await status(desk, case) == "denied"


async def test_threat_05_two_accounts_of_one_human_are_one_vote(desk: RunningDesk) -> None:
    parent = await open_case(desk)
    request_id = await open_form(desk, parent, "user.suspend", {"email": "erin@acme.example"})
    card_ts = await card_of(desk, request_id)

    async with linked(desk, SANA, VICTOR):
        await confirmed(desk, "sana", card_ts)
        await approve(desk, card_ts, "victor")
        await settled(desk)

        assert await last_refusal(desk, parent) == "already-voted"
    assert await desk.value("select status from action_requests where id = :id", id=request_id) == "pending"
    assert await desk.value("select count(*) from votes where request_id = :id", id=request_id) == 1


async def test_threat_05_two_votes_whose_accounts_turn_out_to_be_one_humans_run_nothing(desk: RunningDesk) -> None:
    parent = await open_case(desk)
    request_id = await open_form(desk, parent, "user.suspend", {"email": "erin@acme.example"})
    card_ts = await card_of(desk, request_id)

    async with paused(desk):
        await confirmed(desk, "sana", card_ts)
        await confirmed(desk, "victor", card_ts)
        await link(desk, SANA, VICTOR)
    await settled(desk)

    refused = [event.payload["rule"] for event in await desk.trail(parent.ticket_id) if event.name == "run_refused"]
    assert refused == ["quorum-not-met"]
    await unlink(desk, SANA, VICTOR)


async def test_a_link_to_somebody_without_a_part_in_it_takes_nobody_out(desk: RunningDesk) -> None:
    case = await open_case(desk)

    async with linked(desk, ERIN, SANA):
        await approve(desk, case.card_ts, "sana")

    await assert_ran_once(desk, case)


async def test_threat_05_a_link_lets_nobody_in(desk: RunningDesk) -> None:
    case = await open_case(desk)

    async with linked(desk, SANA, "T0ACME00001/U0SAM000001"):
        await approve(desk, case.card_ts, "sam")

        await assert_undecided(desk, case)
        assert await last_refusal(desk, case) == "not-permitted"
    await approve(desk, case.card_ts, "sana")
    await assert_ran_once(desk, case)


async def test_threat_05_the_check_fails_on_a_gate_that_forgives_the_alias(desk: RunningDesk) -> None:
    case = await open_case(desk, who="erin", channel="help")

    async with linked(desk, ERIN, SANA):
        with with_parts(desk, gate=ForgivingGate(desk.parts.reception.desk.gate, "core-no-alias")):
            await approve(desk, case.card_ts, "sana")
            with pytest.raises(AssertionError):
                await assert_undecided(desk, case)


async def test_threat_05_the_check_fails_on_a_desk_that_looks_for_no_ties(
    desk: RunningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(*_: Any) -> Ties:
        return Ties()

    case = await open_case(desk, who="erin", channel="help")

    monkeypatch.setattr(one_person.Addresses, "ties", none)
    async with linked(desk, ERIN, SANA):
        await approve(desk, case.card_ts, "sana")
        with pytest.raises(AssertionError):
            await assert_undecided(desk, case)
