"""Threat 17: many small requests that add up, on a whole desk with low limits. Each refusal says when there is room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from handlers.errors import Refused
from handlers.flows.proposals import Proposal
from handlers.flows.propose_action import Proposed, propose_action
from policy.terms import PersonKey, Provenance, Verdict
from storage.embedded import EmbeddedServer
from tests.policy.builders import edit, policy_copy
from tests.running import RunningDesk, running_desk
from tests.scenario.test_other_ways_in import hand_in
from tests.threats.cases import OLIVIA, change, new_key
from tests.threats.conftest import fresh_database
from tests.threats.planted import with_parts
from tests.threats.test_one_person import linked

pytestmark = pytest.mark.asyncio(loop_scope="module")

OF_REQUESTER, ON_TARGET = 3, 2
ERIN, BOB, EXTERNAL = "erin", "bob", "ext-external"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningDesk]:
    """A desk with low limits for high risk."""
    folder = policy_copy(tmp_path_factory.mktemp("policy"))
    edit(folder / "settings.toml", "requester_limit = 50\ntarget_limit = 5",
         f"requester_limit = {OF_REQUESTER}\ntarget_limit = {ON_TARGET}")  # fmt: skip
    with fresh_database(postgres) as url:
        data = tmp_path_factory.mktemp("desk")
        async with running_desk(url, data, environment={"COUNTERSIGN_POLICY": str(folder)}) as running:
            yield running


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def nothing_counts_yet(desk: RunningDesk) -> AsyncIterator[None]:
    yield
    await desk.idle()
    await change(desk, "update action_requests set status = 'void', wake_at = null where risk = 'high'")


async def ticket_of(desk: RunningDesk, who: str = "mallory", channel: str = EXTERNAL) -> UUID:
    ts = await desk.slack.person(who).post(channel, "Something about a key.")
    found = await desk.until(lambda: desk.value("select id from tickets where slack_ts = :ts", ts=ts))
    await desk.idle()
    return UUID(str(found))


async def propose(
    desk: RunningDesk, ticket_id: UUID, key_id: str | None = None, replaces: UUID | None = None
) -> Proposed:
    olivia = await desk.parts.reception.identity.resolve(PersonKey.parse(OLIVIA))
    params = {"keyId": key_id or await new_key(desk)}
    proposal = Proposal(ticket_id, "api_key.revoke", params, {"keyId": Provenance.OPERATOR}, replaces=replaces)
    return await propose_action(desk.parts.reception.desk, proposal, olivia)


async def refused(desk: RunningDesk, ticket_id: UUID, key_id: str | None = None) -> str:
    with pytest.raises(Refused) as caught:
        await propose(desk, ticket_id, key_id)
    assert caught.value.code == "core-no-more-than-the-limit"
    return caught.value.reply


async def counting(desk: RunningDesk) -> int:
    sql = "select count(*) from action_requests where risk = 'high' and status in ('pending', 'approved', 'executed')"
    return int(await desk.value(sql))


async def test_threat_17_many_small_requests_of_one_requester_end_at_the_limit(desk: RunningDesk) -> None:
    tickets = [await ticket_of(desk) for _ in range(2)]
    for number in range(OF_REQUESTER):
        await propose(desk, tickets[number % 2])

    told = await refused(desk, tickets[0])

    assert f"The limit of {OF_REQUESTER} high-risk requests for one requester within 1 day is reached" in told
    oldest = await desk.value("select min(created_at) from action_requests where risk = 'high' and status = 'pending'")
    assert isinstance(oldest, datetime)
    assert f"{oldest + timedelta(days=1):%Y-%m-%d %H:%M:%S} UTC" in told
    assert await counting(desk) == OF_REQUESTER
    denied = "select outcome from action_requests where status = 'denied' and risk = 'high'"
    assert await desk.value(denied) == told
    # Somebody else's ticket is somebody else's limit.
    await propose(desk, await ticket_of(desk, ERIN, "help"))


async def test_threat_17_many_requests_on_one_target_end_at_the_limit_whoever_asks(desk: RunningDesk) -> None:
    key_id = await new_key(desk)
    tickets = [await ticket_of(desk, ERIN, "help"), await ticket_of(desk, BOB, "help"), await ticket_of(desk)]
    for ticket_id in tickets[:ON_TARGET]:
        await propose(desk, ticket_id, key_id)

    assert f"{ON_TARGET} high-risk requests on one target" in await refused(desk, tickets[-1], key_id)


async def test_threat_17_proposals_at_the_same_moment_do_not_get_past_the_limit_together(desk: RunningDesk) -> None:
    tickets = [await ticket_of(desk) for _ in range(OF_REQUESTER + 4)]
    keys = [await new_key(desk) for _ in tickets]

    found = await asyncio.gather(
        *(propose(desk, ticket_id, key_id) for ticket_id, key_id in zip(tickets, keys, strict=True)),
        return_exceptions=True,
    )

    assert sum(isinstance(one, Proposed) for one in found) == OF_REQUESTER
    assert sum(isinstance(one, Refused) for one in found) == 4
    assert await counting(desk) == OF_REQUESTER


@pytest.mark.parametrize("status", ["rejected", "denied", "void", "withdrawn", "expired"])
async def test_what_ended_without_being_run_makes_room(desk: RunningDesk, status: str) -> None:
    ticket_id = await ticket_of(desk)
    made = [await propose(desk, ticket_id) for _ in range(OF_REQUESTER)]
    await refused(desk, ticket_id)

    await change(desk, "update action_requests set status = :to where id = :id", to=status, id=made[0].request_id)

    await propose(desk, ticket_id)
    await refused(desk, ticket_id)


async def test_an_edit_takes_the_room_of_what_it_replaces_and_no_more(desk: RunningDesk) -> None:
    ticket_id = await ticket_of(desk)
    made = [await propose(desk, ticket_id) for _ in range(OF_REQUESTER)]

    edited = await propose(desk, ticket_id, replaces=made[0].request_id)

    assert edited.verdict is Verdict.NEEDS_APPROVAL
    assert await desk.value("select status from action_requests where id = :id", id=made[0].request_id) == "void"
    assert await counting(desk) == OF_REQUESTER
    await refused(desk, ticket_id)


async def test_what_was_done_counts_until_the_window_is_over_and_what_is_under_way_longer(desk: RunningDesk) -> None:
    ticket_id = await ticket_of(desk)
    made = [(await propose(desk, ticket_id)).request_id for _ in range(OF_REQUESTER)]
    await change(desk, "update action_requests set status = 'executed', wake_at = null where id = any(:ids)", ids=made)
    await refused(desk, ticket_id)
    later = desk.parts.reception.desk.clock() + timedelta(days=1, seconds=1)

    with with_parts(desk, clock=lambda: later):
        await propose(desk, ticket_id)
        await change(desk, "update action_requests set status = 'pending' where id = any(:ids)", ids=made[1:])
        assert "as soon as one of those under way has ended" in await refused(desk, ticket_id)


async def test_threat_17_two_accounts_of_one_human_have_one_limit(desk: RunningDesk) -> None:
    async with linked(desk, "T0ACME00001/U0ERIN00001", "T0ACME00001/U0BOB000001"):
        erins, bobs = await ticket_of(desk, ERIN, "help"), await ticket_of(desk, BOB, "help")
        keys = [await new_key(desk, "erin@acme.example") for _ in range(OF_REQUESTER + 1)]
        for key_id in keys[:-1]:
            await propose(desk, erins, key_id)

        await refused(desk, bobs, keys[-1])
    await propose(desk, bobs, keys[-1])


async def test_threat_17_where_nobody_knows_who_asked_the_source_has_the_limit(desk: RunningDesk) -> None:
    tickets = []
    for requester in ("one@external.example", "two@external.example"):
        name = f"limit-{uuid4().hex}"
        body = {"channel": "email", "correlationId": name, "requester": requester, "text": "A key.",
                "attachmentCount": 0, "requestedModelOverride": None}  # fmt: skip
        assert (await hand_in(desk, body))[0] == 202
        tickets.append(await desk.until(lambda name=name: desk.value(
            "select id from tickets where correlation_id = :name", name=name)))  # type: ignore[misc]  # fmt: skip
    await desk.idle()
    for _ in range(OF_REQUESTER):
        await propose(desk, tickets[0])

    await refused(desk, tickets[1])
    await propose(desk, await ticket_of(desk))
