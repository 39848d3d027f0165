"""A private channel for a case: who is in it, what becomes of taken names, and what Slack's refusals come to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import yaml
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.local import MANIFEST
from handlers.case_channel import NAMES_TRIED, CaseChannels, channel_name
from handlers.errors import Refused, TryLater
from local_slack.server import LocalSlack

OLIVIA, SANA, GINA, MALLORY = "U0OLIVIA001", "U0SANA00001", "U0GINA00001", "U0MALLORY01"


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    manifest = yaml.safe_load(MANIFEST.read_text())
    async with LocalSlack(counts_calls=False, post_interval_seconds=0, manifest=manifest) as slack:
        yield slack


@pytest.fixture
def channels(slack: LocalSlack) -> CaseChannels:
    return CaseChannels(AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url))


async def test_the_channel_is_private_and_holds_the_bot_and_its_people_only(
    slack: LocalSlack, channels: CaseChannels
) -> None:
    made = await channels.make("Case 17", "Ticket 17", [OLIVIA, SANA, OLIVIA])

    channel = slack.world.channels[made.channel_id]
    assert (made.name, made.left_out) == ("case-17", ())
    assert (channel.is_private, channel.topic) == (True, "Ticket 17")
    assert channel.members == (slack.app.bot_user_id, OLIVIA, SANA)
    assert "case-17" not in slack.person("sam").channels()


async def test_whom_slack_does_not_let_in_keeps_nobody_else_out(slack: LocalSlack, channels: CaseChannels) -> None:
    made = await channels.make("case-17", "", [GINA, OLIVIA, MALLORY, "U0DANA00001", slack.app.bot_user_id])

    assert slack.world.channels[made.channel_id].members == (slack.app.bot_user_id, OLIVIA)
    assert made.left_out == (
        (GINA, "a guest cannot be invited by the bot"),
        (MALLORY, "the account belongs to another company"),
        ("U0DANA00001", "the account is deactivated or has not joined yet"),
        (slack.app.bot_user_id, "Slack does not let them in: cant_invite_self"),
    )


async def test_a_name_that_is_taken_gets_a_number(slack: LocalSlack, channels: CaseChannels) -> None:
    names = [(await channels.make("case-17", "t", [])).name for _ in range(3)]
    for _ in range(NAMES_TRIED - 3):
        await channels.make("case-17", "t", [])

    assert names == ["case-17", "case-17-2", "case-17-3"]
    with pytest.raises(Refused, match="are named case-17 already"):
        await channels.make("case-17", "t", [])


async def test_a_channel_is_put_away(slack: LocalSlack, channels: CaseChannels) -> None:
    made = await channels.make("case-17", "t", [OLIVIA])

    await channels.put_away(made.channel_id)
    await channels.put_away(made.channel_id)
    await channels.put_away("C0NOWHERE01")

    assert slack.world.channels[made.channel_id].is_archived


async def test_a_workspace_that_allows_no_channels_is_told_of_in_words(
    slack: LocalSlack, channels: CaseChannels
) -> None:
    slack.admin.restrict_channel_creation()

    with pytest.raises(Refused) as refused:
        await channels.make("case-17", "t", [OLIVIA])

    assert "does not let apps make channels" in refused.value.reply
    assert "thread of the triage channel" in refused.value.reply


@pytest.mark.parametrize(
    ("fault", "seconds"), [({"ratelimited": True, "retry_after_seconds": 9}, 9), ({"error": "internal_error"}, 5)]
)
async def test_a_passing_fault_is_for_later(
    slack: LocalSlack, channels: CaseChannels, fault: dict[str, object], seconds: float
) -> None:
    slack.faults.fail_next("conversations.create", **fault)  # type: ignore[arg-type]  # as its names say

    with pytest.raises(TryLater) as later:
        await channels.make("case-17", "t", [OLIVIA])

    assert later.value.seconds == seconds


async def test_slack_not_answering_an_invitation_or_a_topic_loses_no_channel(
    slack: LocalSlack, channels: CaseChannels
) -> None:
    slack.faults.fail_next("conversations.invite", status=503)
    slack.faults.fail_next("conversations.setTopic", error="internal_error")

    made = await channels.make("case-17", "t", [OLIVIA, SANA])

    assert [user for user, _ in made.left_out] == [OLIVIA]
    assert slack.world.channels[made.channel_id].members == (slack.app.bot_user_id, SANA)


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("Case 17", "case-17"),
        ("--case__17--", "case-17"),
        ("case " + "x" * 100, "case-" + "x" * 71),
        ("Fall <!channel> 3", "fall-channel-3"),
    ],
)
def test_names_are_made_fit_for_slack(wanted: str, name: str) -> None:
    assert channel_name(wanted) == name


def test_a_name_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no letter or digit"):
        channel_name("—")
