"""The local Slack counts calls as Slack does: by method, workspace and app, in tiers, with a 429 past them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from local_slack.server import LocalSlack
from tests.local_slack.conftest import quick_slack

START = 1_800_000_000.0


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def strict(clock: Clock) -> AsyncIterator[LocalSlack]:
    async with quick_slack(counts_calls=True, clock=clock) as running:
        yield running


def client_of(slack: LocalSlack, token: str | None = None) -> AsyncWebClient:
    return AsyncWebClient(token=token or slack.app.bot_token, base_url=slack.api_url)


async def passed(client: AsyncWebClient, method: str, most: int, **args: Any) -> int:
    """How many calls one after the other are answered before a 429, `most` at the most."""
    for count in range(most):
        try:
            await client.api_call(method, params=args)
        except SlackApiError as error:
            assert error.response.status_code == 429, error
            return count
    return most


@pytest.mark.parametrize(
    ("method", "args", "a_minute"),
    [
        ("usergroups.users.list", {"usergroup": "S0SECURITY1"}, 20),
        ("users.list", {}, 20),
        ("conversations.info", {"channel": "C0HELP00001"}, 50),
        ("team.info", {}, 50),
        ("users.info", {"user": "U0BOB000001"}, 100),
    ],
)
async def test_a_method_takes_its_tiers_calls_at_once_and_as_many_again_in_a_minute(
    strict: LocalSlack, clock: Clock, method: str, args: dict[str, Any], a_minute: int
) -> None:
    client = client_of(strict)

    at_once = await passed(client, method, a_minute + 5, **args)
    clock.now += 30
    after_half_a_minute = await passed(client, method, a_minute + 5, **args)

    assert (at_once, after_half_a_minute) == (a_minute, a_minute // 2)


async def test_a_429_says_when_to_come_back_and_whoever_waits_that_long_gets_through(
    strict: LocalSlack, clock: Clock
) -> None:
    client = client_of(strict)
    await passed(client, "usergroups.users.list", 25, usergroup="S0SECURITY1")

    with pytest.raises(SlackApiError) as limited:
        await client.usergroups_users_list(usergroup="S0SECURITY1")
    wait = int(limited.value.response.headers["Retry-After"])
    clock.now += wait
    answer = await client.usergroups_users_list(usergroup="S0SECURITY1")

    assert limited.value.response.data == {"ok": False, "error": "ratelimited"}
    assert wait == 3, "20 a minute are one in three seconds"
    assert answer["ok"]
    assert [call.error for call in strict.calls][-2:] == ["ratelimited", None]


async def test_other_methods_and_other_apps_are_counted_apart(strict: LocalSlack) -> None:
    client = client_of(strict)
    other = client_of(strict, strict.install("Another App").bot_token)

    assert await passed(client, "usergroups.users.list", 25, usergroup="S0SECURITY1") == 20

    assert await passed(client, "usergroups.list", 25) == 20
    assert await passed(other, "usergroups.users.list", 25, usergroup="S0SECURITY1") == 20


async def test_a_call_that_fails_counts_as_well(strict: LocalSlack) -> None:
    client = client_of(strict)
    for _ in range(20):
        with pytest.raises(SlackApiError, match="no_such_subteam"):
            await client.usergroups_users_list(usergroup="S0NOBODY001")

    assert await passed(client, "usergroups.users.list", 1, usergroup="S0SECURITY1") == 0


async def test_tier_one_lets_an_app_start_and_start_again(strict: LocalSlack) -> None:
    client = client_of(strict, strict.app.app_token)

    assert await passed(client, "apps.connections.open", 30) == 20


async def test_a_short_burst_of_posts_passes_and_then_one_a_second(clock: Clock) -> None:
    async with quick_slack(post_interval_seconds=1.0, post_burst=3, clock=clock) as strict:
        client = client_of(strict)

        at_once = await passed(client, "chat.postMessage", 10, channel="C0HELP00001", text="hello")
        clock.now += 1
        a_second_later = await passed(client, "chat.postMessage", 10, channel="C0HELP00001", text="hello")

    assert (at_once, a_second_later) == (3, 1)


async def test_a_local_slack_is_strict_unless_it_is_told_otherwise(clock: Clock) -> None:
    async with LocalSlack(clock=clock) as as_made, quick_slack(clock=clock) as told:
        assert await passed(client_of(as_made), "usergroups.list", 25) == 20
        assert await passed(client_of(told), "usergroups.list", 25) == 25
