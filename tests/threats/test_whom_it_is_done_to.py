"""Threat 5 once more: whoever an action is done to has no say in it, however the directory writes them down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.running import RunningDesk
from tests.threats.cases import (
    BOB,
    SANA,
    VICTOR,
    Case,
    assert_nothing_ran,
    assert_ran_once,
    assert_undecided,
    change,
    last_refusal,
    open_case,
    paused,
    settled,
    status,
)
from tests.threats.planted import ForgivingGate, with_parts

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def an_owner(desk: RunningDesk, email: str, slack_key: str | None = None) -> str:
    """A person of the directory, as somebody's CSV has them."""
    await change(
        desk,
        "insert into directory_people (email, name, slack_key, status) values (:email, 'An owner', :key, 'active')",
        email=email,
        key=slack_key,
    )
    return email


async def approve(desk: RunningDesk, case: Case, who: str) -> None:
    await desk.slack.person(who).click("desk-approvals", case.card_ts, action_id="request.approve")


async def eligible(desk: RunningDesk, case: Case) -> set[str]:
    found = await desk.value("select eligible from action_requests where id = :id", id=case.request_id)
    return {one["key"] for one in found}


async def run_rule(desk: RunningDesk, case: Case) -> str:
    """The rule by which the case's run was refused."""
    found = [e.payload["rule"] for e in await desk.trail(case.ticket_id) if e.name == "run_refused"]
    return str(found[-1]) if found else "(none)"


@contextmanager
def address_of(desk: RunningDesk, who: str, email: str) -> Iterator[None]:
    """Slack gives this address for the person meanwhile."""
    before = desk.slack.world.user(who).email
    desk.slack.admin.rename(who, email=email)
    try:
        yield
    finally:
        desk.slack.admin.rename(who, email=before)


async def test_threat_05_a_directory_that_names_another_workspace_still_names_the_subject(desk: RunningDesk) -> None:
    owner = await an_owner(desk, "robert@elsewhere.example", "T0WORKSPACE1/U0BOB000001")
    case = await open_case(desk, owner=owner)

    assert await eligible(desk, case) == {SANA, VICTOR}
    await approve(desk, case, "bob")

    await assert_undecided(desk, case)
    assert await last_refusal(desk, case) == "core-no-subject"
    await approve(desk, case, "sana")
    await assert_ran_once(desk, case)


async def test_threat_05_the_check_fails_on_a_gate_that_forgives_the_subject(desk: RunningDesk) -> None:
    owner = await an_owner(desk, "rob@elsewhere.example", "T0WORKSPACE1/U0BOB000001")
    case = await open_case(desk, owner=owner)

    with with_parts(desk, gate=ForgivingGate(desk.parts.reception.desk.gate, "core-no-subject")):
        await approve(desk, case, "bob")
        with pytest.raises(AssertionError):
            await assert_undecided(desk, case)


async def test_threat_05_the_subjects_address_excludes_at_the_vote_whoever_has_it_by_then(desk: RunningDesk) -> None:
    case = await open_case(desk, owner=await an_owner(desk, "carl@acme.example"))
    assert await eligible(desk, case) == {SANA, VICTOR, BOB}

    with address_of(desk, "sana", " Carl@ACME.example"):
        await approve(desk, case, "sana")

        await assert_undecided(desk, case)
        assert await last_refusal(desk, case) == "core-no-subject"
    await approve(desk, case, "sana")
    await assert_ran_once(desk, case)


async def test_threat_05_the_subjects_address_excludes_at_the_run_whoever_has_it_by_then(desk: RunningDesk) -> None:
    case = await open_case(desk, owner=await an_owner(desk, "cora@acme.example"))

    with address_of(desk, "sana", "sana@acme.example"):
        async with paused(desk):
            await approve(desk, case, "sana")
            assert await status(desk, case) == "approved"
            desk.slack.admin.rename("sana", email="Cora@acme.example")
        await assert_nothing_ran(desk, case)

    assert await status(desk, case) == "denied"
    assert await run_rule(desk, case) == "core-no-subject"


async def test_threat_05_who_has_the_subjects_address_is_not_named_as_eligible(desk: RunningDesk) -> None:
    owner = await an_owner(desk, "chris@acme.example")

    with address_of(desk, "victor", "CHRIS@acme.example"):
        case = await open_case(desk, owner=owner)

    assert await eligible(desk, case) == {SANA, BOB}


async def test_threat_05_who_was_given_the_key_since_the_card_was_made_has_no_say_in_it(desk: RunningDesk) -> None:
    case = await open_case(desk, owner=await an_owner(desk, "dora@acme.example"))
    await change(
        desk,
        "update directory_keys set owner_email = 'victor@acme.example' where key_id = :key",
        key=case.key_id,
    )

    await approve(desk, case, "victor")

    await assert_undecided(desk, case)
    assert await last_refusal(desk, case) == "core-no-subject"
    await approve(desk, case, "sana")
    await assert_ran_once(desk, case)


EDITED: dict[str, str] = {
    "the subject's addresses": "update action_requests set subject_emails = '[]' where id = :id",
    "where a value was found": "update action_requests set provenance ="
    """ '{"keyId": {"provenance": "directory", "evidence": ""}}' where id = :id""",
    "what kind of requester it was": "update tickets set requester_kind = 'workflow' where id = :ticket",
}


async def edited(desk: RunningDesk, case: Case, what: str) -> None:
    values: dict[str, Any] = {"id": case.request_id, "ticket": case.ticket_id}
    await change(desk, EDITED[what], **{name: value for name, value in values.items() if f":{name}" in EDITED[what]})


@pytest.mark.parametrize("what", EDITED)
async def test_threat_21_a_fact_that_is_edited_before_the_press_voids_what_the_card_shows(
    desk: RunningDesk, what: str
) -> None:
    case = await open_case(desk)
    await edited(desk, case, what)

    await approve(desk, case, "sana")

    await assert_undecided(desk, case)
    assert await last_refusal(desk, case) == "core-no-other-digest"


@pytest.mark.parametrize("what", EDITED)
async def test_threat_21_a_fact_that_is_edited_after_the_vote_voids_it(desk: RunningDesk, what: str) -> None:
    case = await open_case(desk)
    async with paused(desk):
        await approve(desk, case, "sana")
        assert await status(desk, case) == "approved"
        await edited(desk, case, what)

    await assert_nothing_ran(desk, case)
    await settled(desk)
    assert await run_rule(desk, case) == "core-no-other-digest"
