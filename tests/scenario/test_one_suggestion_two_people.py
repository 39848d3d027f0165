"""Two people at one suggestion: whoever is slower is told so, and who may not propose it leaves it to others."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from handlers.desk import Desk
from handlers.errors import Refused
from handlers.flows.propose_action import propose_action
from handlers.flows.read_suggestion import confirmed_proposal, read_suggestion
from policy.terms import Person, PersonKey
from tests.running import RunningDesk
from tests.scenario.test_false_authority import mallory_asks, text_of

HOME = "T0ACME00001"
OLIVIA, SAM = PersonKey(HOME, "U0OLIVIA001"), PersonKey(HOME, "U0SAM000001")


async def asked(desk: RunningDesk) -> UUID:
    """Mallory asks; the suggestion that waits for somebody's word."""
    await mallory_asks(desk)
    found: UUID = await desk.value("select id from suggestions where action_id = 'api_key.revoke'")
    return found


def parts_of(desk: RunningDesk) -> Desk:
    return desk.parts.reception.desk


async def person(desk: RunningDesk, key: PersonKey) -> Person:
    return await desk.parts.reception.identity.resolve(key)


async def confirm(desk: RunningDesk, suggestion_id: UUID, who: Person, key_id: str) -> UUID:
    found = await read_suggestion(parts_of(desk), suggestion_id)
    return (await propose_action(parts_of(desk), confirmed_proposal(found, {"keyId": key_id}), who)).request_id


async def proposed(desk: RunningDesk) -> list[str]:
    """What was proposed of the suggestion's action: the keys."""
    sql = "select params->>'keyId' from action_requests where action_id = 'api_key.revoke' order by created_at"
    return [row[0] for row in await desk.rows(sql)]


async def test_the_slower_of_two_is_told_that_theirs_was_not_proposed_and_where_the_other_stands(
    desk: RunningDesk,
) -> None:
    suggestion_id = str(await asked(desk))
    olivia, sam = desk.slack.person("olivia"), desk.slack.person("sam")
    card = desk.card("triage")["ts"]
    for one in (olivia, sam):
        await one.click("desk-triage", card, action_id="suggestion.confirm", value=suggestion_id)
        await desk.until(one.modals)

    await olivia.submit(values={"keyId": "ak_demo_bob_001"})
    await sam.submit(values={"keyId": "ak_demo_erin_001"})

    said = text_of(sam.modals())
    assert "Somebody was faster: Olivia Ortega has proposed this already" in said
    assert "Waiting for approval" in said
    assert "What you sent was not proposed" in said
    assert await proposed(desk) == ["ak_demo_bob_001"]


async def test_the_same_person_sending_the_same_twice_is_one_proposal(desk: RunningDesk) -> None:
    suggestion_id, olivia = await asked(desk), await person(desk, OLIVIA)

    first = await confirm(desk, suggestion_id, olivia, "ak_demo_bob_001")
    second = await confirm(desk, suggestion_id, olivia, "ak_demo_bob_001")

    assert (first, await proposed(desk)) == (second, ["ak_demo_bob_001"])


async def test_the_same_person_with_another_value_is_told_that_it_was_not_proposed(desk: RunningDesk) -> None:
    suggestion_id, olivia = await asked(desk), await person(desk, OLIVIA)
    await confirm(desk, suggestion_id, olivia, "ak_demo_bob_001")

    with pytest.raises(Refused) as refused:
        await confirm(desk, suggestion_id, olivia, "ak_demo_erin_001")

    assert refused.value.reply.startswith("You have proposed this already.")
    assert await proposed(desk) == ["ak_demo_bob_001"]


async def test_a_person_whom_the_policy_denies_leaves_the_suggestion_to_others(desk: RunningDesk) -> None:
    suggestion_id = await asked(desk)
    # Taken out of the group between opening the form and sending it.
    outsider = replace(await person(desk, SAM), groups=frozenset())

    with pytest.raises(Refused) as refused:
        await confirm(desk, suggestion_id, outsider, "ak_demo_bob_001")
    request_id = await confirm(desk, suggestion_id, await person(desk, OLIVIA), "ak_demo_bob_001")

    assert refused.value.is_recorded
    assert await desk.value("select request_id from suggestions where id = :id", id=suggestion_id) == request_id
    states = "select status from action_requests where action_id = 'api_key.revoke' order by created_at"
    assert [row[0] for row in await desk.rows(states)] == ["denied", "pending"]
