"""Who somebody is, asked live, within what Slack allows: 20 calls a minute for the members of user groups."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.local import MANIFEST
from handlers.desk import GroupSetting
from handlers.errors import LIMITED_BY_SLACK, NO_ANSWER_FROM_SLACK, IdentityRefused, IdentityUnavailable
from handlers.group_lists import FRESH_SECONDS, LIVE_CALLS_A_MINUTE, GroupLists, Need
from handlers.identity import Home, Identity
from handlers.press_limit import PressLimit
from local_slack.records import User
from local_slack.server import LocalSlack
from policy.terms import PersonKey
from tests.passkeys import approve, give_passkey
from tests.running import RunningDesk, running_desk
from tests.scenario.test_proposing import open_form

ACME = "T0ACME00001"
SANA, BOB, OLIVIA, MALLORY = "U0SANA00001", "U0BOB000001", "U0OLIVIA001", "U0MALLORY01"
LISTED = (SANA, "U0VICTOR001", BOB, *(f"U0SEC00000{n}" for n in range(7)))
"""Ten people, each in both groups."""
LISTS, ACCOUNTS, TEAMS = "usergroups.users.list", "users.info", "team.info"


class Lists:
    """Slack's side of one user group: every call waits until the test answers it."""

    def __init__(self) -> None:
        self.calls: list[asyncio.Future[frozenset[str]]] = []

    async def ask(self, _usergroup_id: str) -> frozenset[str]:
        self.calls.append(asyncio.get_running_loop().create_future())
        return await self.calls[-1]

    async def begun(self, count: int) -> None:
        """Wait until so many calls have begun."""
        async with asyncio.timeout(30):
            while len(self.calls) < count:
                await asyncio.sleep(0)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def asked(lists: GroupLists, **how: Any) -> asyncio.Task[frozenset[str]]:
    return asyncio.ensure_future(asyncio.wait_for(lists.members_of("S0SECURITY1", **how), 5))


async def spent(slack: Lists, clock: Clock) -> GroupLists:
    """Lists whose minute is nearly spent; the last answer was {SANA}."""
    lists = GroupLists(slack.ask, clock)
    for count in range(LIVE_CALLS_A_MINUTE):
        question = asked(lists)
        await slack.begun(count + 1)
        slack.calls[-1].set_result(frozenset({SANA}))
        await question
    return lists


async def test_questions_asked_together_are_one_call() -> None:
    slack = Lists()
    lists = GroupLists(slack.ask, Clock())

    questions = [asked(lists) for _ in range(5)]
    await slack.begun(1)
    slack.calls[0].set_result(frozenset({SANA}))

    assert await asyncio.gather(*questions) == [{SANA}] * 5
    assert len(slack.calls) == 1


async def test_a_question_is_never_answered_by_a_call_that_began_before_it() -> None:
    slack = Lists()
    lists = GroupLists(slack.ask, Clock())

    earlier = asked(lists)
    await slack.begun(1)
    later = asked(lists)
    await slack.begun(2)
    slack.calls[0].set_result(frozenset({SANA, BOB}))
    slack.calls[1].set_result(frozenset({SANA}))

    assert await earlier == {SANA, BOB}
    assert await later == {SANA}


async def test_a_fresh_answer_will_do_when_the_minute_is_nearly_spent_and_an_older_one_never() -> None:
    slack, clock = Lists(), Clock()
    lists = await spent(slack, clock)

    clock.now += FRESH_SECONDS - 0.1
    assert await asked(lists) == {SANA}
    assert len(slack.calls) == LIVE_CALLS_A_MINUTE

    clock.now += 0.2
    question = asked(lists)
    await slack.begun(LIVE_CALLS_A_MINUTE + 1)
    slack.calls[-1].set_result(frozenset())
    assert await question == frozenset()


async def test_a_minute_later_every_question_is_asked_live_again() -> None:
    slack, clock = Lists(), Clock()
    lists = await spent(slack, clock)

    clock.now += 60
    for _ in range(2):
        question = asked(lists)
        await slack.begun(len(slack.calls) + 1)
        slack.calls[-1].set_result(frozenset({BOB}))
        assert await question == {BOB}

    assert len(slack.calls) == LIVE_CALLS_A_MINUTE + 2


async def test_a_call_that_fails_answers_nobody_and_no_earlier_answer_stands_in_for_it() -> None:
    slack, clock = Lists(), Clock()
    lists = await spent(slack, clock)
    clock.now += FRESH_SECONDS

    for _ in range(2):
        questions = [asked(lists), asked(lists)]
        await slack.begun(len(slack.calls) + 1)
        slack.calls[-1].set_exception(IdentityUnavailable("ratelimited"))
        answers = await asyncio.gather(*questions, return_exceptions=True)
        assert [type(answer) for answer in answers] == [IdentityUnavailable] * 2

    assert len(slack.calls) == LIVE_CALLS_A_MINUTE + 2


async def test_somebody_who_stops_waiting_takes_the_answer_from_nobody_else() -> None:
    slack = Lists()
    lists = GroupLists(slack.ask, Clock())
    impatient, patient = asked(lists), asked(lists)
    await slack.begun(1)

    impatient.cancel()
    await asyncio.wait([impatient])
    slack.calls[0].set_result(frozenset({SANA}))

    assert await patient == {SANA}


async def test_where_nothing_is_decided_a_fresh_answer_will_do_at_once() -> None:
    slack, clock = Lists(), Clock()
    lists = GroupLists(slack.ask, clock)
    question = asked(lists)
    await slack.begun(1)
    slack.calls[0].set_result(frozenset({SANA}))
    await question

    assert await asked(lists, need=Need.DISPLAY) == {SANA}
    assert len(slack.calls) == 1


# Against a Slack.


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    """A local Slack that counts calls, and ten people in both groups."""
    running = LocalSlack(counts_calls=True, post_interval_seconds=0, manifest=yaml.safe_load(MANIFEST.read_text()))
    for number in range(7):
        name = f"sec{number}"
        running.world.put_user(User(f"U0SEC00000{number}", ACME, name, name.title(), f"{name}@acme.example", name))
    for group in ("support", "security"):
        running.admin.set_group_members(group, [OLIVIA, *LISTED] if group == "support" else LISTED)
    async with running:
        yield running


def identity_of(slack: LocalSlack, client: Any = None) -> Identity:
    groups = {
        "support": GroupSetting("support", "S0SUPPORT01", frozenset({OLIVIA, *LISTED})),
        "security": GroupSetting("security", "S0SECURITY1", frozenset(LISTED)),
    }
    real = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
    return Identity(client or real, Home(ACME), groups, time.monotonic)


def calls(slack: LocalSlack, method: str) -> int:
    return sum(call.method == method for call in slack.calls)


def click(user_id: str, team_id: str = ACME) -> dict[str, Any]:
    return {"user": {"id": user_id, "team_id": team_id}}


async def test_the_members_of_a_group_cost_one_call_for_each_list_and_one_for_each_person(slack: LocalSlack) -> None:
    people = await identity_of(slack).members("security")

    assert {person.key.user_id for person in people} == set(LISTED)
    assert all(person.groups == {"support", "security"} for person in people)
    assert (calls(slack, LISTS), calls(slack, ACCOUNTS), calls(slack, TEAMS)) == (2, 10, 0)


async def test_ten_clicks_at_once_are_ten_accounts_and_each_list_once(slack: LocalSlack) -> None:
    identity = identity_of(slack)

    people = await asyncio.gather(*(identity.clicker(click(user_id)) for user_id in LISTED))

    assert all("security" in person.groups for person in people)
    assert (calls(slack, LISTS), calls(slack, ACCOUNTS)) == (2, 10)


class Meeting:
    """The real client, except that an account and a list are each answered only once both have been asked for."""

    def __init__(self, real: AsyncWebClient) -> None:
        self._real = real
        self._both = asyncio.Barrier(2)

    async def users_info(self, **asked: Any) -> Any:
        await self._both.wait()
        return await self._real.users_info(**asked)

    async def usergroups_users_list(self, **asked: Any) -> Any:
        await self._both.wait()
        return await self._real.usergroups_users_list(**asked)


@pytest.mark.parametrize("way", ["clicker", "resolve"])
async def test_an_account_and_its_groups_are_asked_for_at_the_same_time(slack: LocalSlack, way: str) -> None:
    real = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
    identity = identity_of(slack, Meeting(real))

    if way == "clicker":
        person = await identity.clicker(click(OLIVIA))
    else:
        person = await identity.resolve(PersonKey(ACME, OLIVIA))

    assert person.groups == {"support"}


async def test_a_decision_asks_for_no_company_name_and_a_message_does(slack: LocalSlack) -> None:
    identity = identity_of(slack)

    outsider = await identity.clicker(click(MALLORY, "T0EXTERN001"))
    assert (calls(slack, TEAMS), outsider.company) == (0, "T0EXTERN001")

    author = await identity.author(MALLORY, "T0EXTERN001")
    again = await identity.clicker(click(MALLORY, "T0EXTERN001"))
    assert (author.company, again.company) == ("External Example", "External Example")
    assert calls(slack, TEAMS) == 1


async def test_the_name_of_an_enterprise_needs_no_further_question(slack: LocalSlack) -> None:
    greta = await identity_of(slack).author("U0GRETA0001", "E0GLOBEX001")

    assert greta.company == "Globex Corporation"
    assert calls(slack, TEAMS) == 0


@pytest.mark.parametrize("how", [{"status": 500}, {"error": "team_not_found"}, {"hang_seconds": 30}])
async def test_an_author_whose_companys_name_is_not_told_is_shown_with_its_id(
    slack: LocalSlack, how: dict[str, Any]
) -> None:
    slack.faults.fail_next(TEAMS, times=5, **how)

    author = await identity_of(slack).author(MALLORY, "T0EXTERN001")

    assert author.company == "T0EXTERN001"


@pytest.mark.parametrize("method", [ACCOUNTS, LISTS])
async def test_whoever_is_refused_because_slack_limits_us_is_told_that(slack: LocalSlack, method: str) -> None:
    slack.faults.fail_next(method, ratelimited=True)

    with pytest.raises(IdentityUnavailable) as refused:
        await identity_of(slack).clicker(click(SANA))

    assert refused.value.reply == LIMITED_BY_SLACK
    assert "Slack limits" in LIMITED_BY_SLACK
    assert "nothing was decided" in LIMITED_BY_SLACK


async def test_any_other_failure_is_not_blamed_on_a_limit(slack: LocalSlack) -> None:
    slack.faults.fail_next(LISTS, error="fatal_error")

    with pytest.raises(IdentityUnavailable) as refused:
        await identity_of(slack).clicker(click(SANA))

    assert refused.value.reply == NO_ANSWER_FROM_SLACK


# The whole desk under Slack's limits.


@pytest.fixture
async def desk(slack: LocalSlack, database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    listed = {
        "COUNTERSIGN_SUPPORT_MEMBERS": ",".join([OLIVIA, *LISTED]),
        "COUNTERSIGN_SECURITY_MEMBERS": ",".join(LISTED),
    }
    async with running_desk(
        database_url, tmp_path, slack=slack, environment=listed, live_group_lists_a_minute=LIVE_CALLS_A_MINUTE
    ) as desk:
        yield desk


def limited(slack: LocalSlack) -> list[str]:
    return [call.method for call in slack.calls if call.error == "ratelimited"]


async def test_a_proposal_with_ten_listed_people_and_two_passkeys_in_a_minute_is_run(desk: RunningDesk) -> None:
    await open_form(desk, "olivia", "user.suspend")
    await desk.slack.person("olivia").submit(values={"email": "erin@acme.example"})
    await desk.idle()
    assert len(await desk.value("select eligible from action_requests where action_id = 'user.suspend'")) == 10

    card = desk.card("approvals")["ts"]
    for who in ("sana", "victor"):
        await approve(desk, who, card)
    await desk.until(
        _is(desk, "select 1 from directory_people where email = 'erin@acme.example' and status = 'suspended'"),
        # Each press and each passkey is a live look at the groups: the run's may have to wait for its turn.
        seconds=100,
    )

    assert len(limited(desk.slack)) <= 1


async def test_more_clicks_than_the_minute_has_calls_for_are_answered_all_the_same(desk: RunningDesk) -> None:
    await open_form(desk, "olivia", "user.suspend")
    await desk.slack.person("olivia").submit(values={"email": "erin@acme.example"})
    await desk.idle()
    card = desk.card("approvals")["ts"]
    await give_passkey(desk, "sana")

    sana = desk.slack.person("sana")
    outcomes = [await sana.click("desk-approvals", card, action_id="request.approve") for _ in range(25)]

    assert all(outcome is not None and outcome.acked for outcome in outcomes)
    assert await desk.value("select count(*) from private_links") == 25
    assert limited(desk.slack) == []


async def test_one_accounts_presses_leave_enough_of_slacks_calls_for_everybody_elses(
    database_url: str, tmp_path: Path
) -> None:
    async with running_desk(database_url, tmp_path, presses_a_minute=3) as desk:
        await open_form(desk, "olivia", "user.suspend")
        await desk.slack.person("olivia").submit(values={"email": "erin@acme.example"})
        await desk.idle()
        card = desk.card("approvals")["ts"]
        bob, sana = desk.slack.person("bob"), desk.slack.person("sana")
        asked_before = calls(desk.slack, ACCOUNTS)

        for _ in range(8):
            await bob.click("desk-approvals", card, action_id="request.approve")

        assert calls(desk.slack, ACCOUNTS) <= asked_before + 3 + 2  # and two of the card's other people
        assert "more than 3 presses within a minute" in bob.ephemerals("desk-approvals")[-1]["text"]
        await sana.click("desk-approvals", card, action_id="request.approve")
        await desk.until(lambda: [one for one in sana.ephemerals("desk-approvals") if "passkey" in str(one)])


def test_an_accounts_share_comes_back_as_its_minute_passes() -> None:
    clock = Clock()
    limit = PressLimit(clock, a_minute=2)
    limit.count(BOB)
    clock.now += 30
    limit.count(BOB)
    with pytest.raises(IdentityRefused, match="more than 2 times"):
        limit.count(BOB)
    limit.count(SANA)

    clock.now += 31  # The first of the two is over a minute old, the second is not.
    limit.count(BOB)
    with pytest.raises(IdentityRefused):
        limit.count(BOB)


def _is(desk: RunningDesk, sql: str) -> Callable[[], Awaitable[Any]]:
    return lambda: desk.value(sql)
