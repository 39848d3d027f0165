"""A policy group that is none in Slack, that nobody is in, or that everybody is in, is none to start with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from bot.cli import main
from bot.demo.local import MANIFEST, local_environment
from bot.settings import SettingsError
from handlers.desk import GroupSetting
from handlers.group_check import group_problems
from local_slack.records import Group
from local_slack.server import LocalSlack
from policy.errors import PolicyUnusable
from tests.keys import KEY_SETTINGS
from tests.policy.builders import edit, policy_copy
from tests.running import running_desk

EVERYBODY = ("olivia", "sam", "sana", "victor", "bob", "erin", "uma")
LEGAL = Group("S0LEGAL0001", "T0ACME00001", "legal", "Legal", ("U0ERIN00001", "U0UMA000001"))
OF_LEGAL = {"COUNTERSIGN_LEGAL_GROUP": "S0LEGAL0001", "COUNTERSIGN_LEGAL_MEMBERS": "U0ERIN00001"}


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    slack = LocalSlack(port=0, counts_calls=False, post_interval_seconds=0)
    slack.use_manifest(yaml.safe_load(MANIFEST.read_text()))
    await slack.start()
    yield slack
    await slack.stop()


async def refused(database_url: str, data: Path, slack: LocalSlack, **environment: str) -> list[str]:
    """What a bot says that does not start; nothing if it does."""
    try:
        async with running_desk(database_url, data, slack=slack, environment=environment):
            return []
    except SettingsError as error:
        return error.problems
    except PolicyUnusable as error:
        return list(error.problems)


async def test_a_group_that_slack_does_not_have_stops_the_start(
    database_url: str, tmp_path: Path, slack: LocalSlack
) -> None:
    assert await refused(database_url, tmp_path, slack, COUNTERSIGN_SECURITY_GROUP="S0GONE00001") == [
        "COUNTERSIGN_SECURITY_GROUP: this workspace has no user group S0GONE00001; copy the id in Slack, from the"
        " group's menu: Copy group ID"
    ]


async def test_a_disabled_group_stops_the_start(database_url: str, tmp_path: Path, slack: LocalSlack) -> None:
    support = Group("S0SUPPORT01", "T0ACME00001", "support", "Support", ("U0OLIVIA001", "U0SAM000001"))
    slack.admin.add_group(replace(support, is_disabled=True))

    assert await refused(database_url, tmp_path, slack) == [
        "COUNTERSIGN_SUPPORT_GROUP: the user group S0SUPPORT01 is disabled in Slack; enable it there, or name another"
        " one"
    ]


@pytest.mark.parametrize("members", [(), ("erin",)])
async def test_a_group_with_nobody_who_counts_is_a_deadlock_and_said_as_one(
    database_url: str, tmp_path: Path, slack: LocalSlack, members: tuple[str, ...]
) -> None:
    slack.admin.set_group_members("security", members)

    [problem] = await refused(database_url, tmp_path, slack)

    assert problem.startswith("COUNTERSIGN_SECURITY_MEMBERS: a deadlock: nobody whom it names is in Slack's user group")


async def test_threat_06_a_group_that_is_open_to_all_members_stops_the_start(
    database_url: str, tmp_path: Path, slack: LocalSlack
) -> None:
    slack.admin.set_group_members("security", EVERYBODY)
    assert await refused(database_url, tmp_path, slack) == [
        "COUNTERSIGN_SECURITY_GROUP: Slack's user group S0SECURITY1 holds every full member of the workspace, so it"
        " says nothing about who may decide; name one whose members were chosen"
    ]

    # One person left out is enough for it to have been chosen, wherever in the list they stand.
    for left_out in (EVERYBODY[0], EVERYBODY[-1]):
        slack.admin.set_group_members("security", [one for one in EVERYBODY if one != left_out])
        assert await refused(database_url, tmp_path, slack) == []


async def test_threat_06_a_group_without_a_list_of_its_own_in_the_settings_is_refused(slack: LocalSlack) -> None:
    from slack_sdk.web.async_client import AsyncWebClient

    from handlers.identity import Home

    client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
    group = GroupSetting("security", "S0SECURITY1", frozenset())

    [problem] = await group_problems(client, Home("T0ACME00001"), [group])

    assert problem.startswith("COUNTERSIGN_SECURITY_MEMBERS: names nobody")


async def test_threat_23_a_slack_that_does_not_say_who_is_in_them_stops_the_start(
    database_url: str, tmp_path: Path, slack: LocalSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.process.ASK_SLACK_AGAIN_SECONDS", 0.0)
    slack.faults.fail_next("users.list", times=3, error="fatal_error")

    [problem] = await refused(database_url, tmp_path, slack)
    assert "Slack does not say which user groups there are and who is in them (fatal_error)" in problem

    slack.faults.fail_next("usergroups.list", times=2, error="fatal_error")
    assert await refused(database_url, tmp_path, slack) == []


async def test_a_third_group_of_the_policy_needs_its_settings_and_is_asked_of_slack_too(
    database_url: str, tmp_path: Path, slack: LocalSlack
) -> None:
    folder = policy_copy(tmp_path)
    edit(folder / "settings.toml", '["support", "security"]', '["support", "security", "legal"]')
    environment: Mapping[str, str] = {"COUNTERSIGN_POLICY": str(folder)}

    [problem] = await refused(database_url, tmp_path, slack, **environment)
    assert problem.startswith(
        "settings.toml:4: groups: legal: no Slack user group stands for it; set COUNTERSIGN_LEGAL_"
    )

    [problem] = await refused(database_url, tmp_path, slack, **environment, **OF_LEGAL)
    assert problem.startswith("COUNTERSIGN_LEGAL_GROUP: this workspace has no user group S0LEGAL0001")

    slack.admin.add_group(LEGAL)
    assert await refused(database_url, tmp_path, slack, **environment, **OF_LEGAL) == []


async def test_the_check_asks_slack_too_where_it_is_told_to(
    tmp_path: Path, slack: LocalSlack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import asyncio

    settings = local_environment(slack.app, slack.api_url) | KEY_SETTINGS | {"COUNTERSIGN_DATA": str(tmp_path)}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert await asyncio.to_thread(main, ["policy", "check", "--slack"]) == 0
    assert "0 problems with the groups in Slack" in capsys.readouterr().out

    slack.admin.set_group_members("security", EVERYBODY)
    assert await asyncio.to_thread(main, ["policy", "check", "--slack"]) == 1
    assert "holds every full member of the workspace" in capsys.readouterr().err
