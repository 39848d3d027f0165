"""Private channels that an app makes: names, who can be let in, what Slack refuses, and who sees them."""

from __future__ import annotations

from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from local_slack.server import LocalSlack
from tests.local_slack.conftest import Connect

OLIVIA, SANA, SAM = "U0OLIVIA001", "U0SANA00001", "U0SAM000001"


async def refusal(client: AsyncWebClient, method: str, **args: Any) -> dict[str, Any]:
    with pytest.raises(SlackApiError) as raised:
        await client.api_call(method, params=args)
    body: dict[str, Any] = raised.value.response.data
    return body


async def made(client: AsyncWebClient, name: str = "case-17") -> str:
    answer = await client.conversations_create(name=name, is_private=True)
    return str(answer["channel"]["id"])


async def test_a_private_channel_is_there_for_the_bot_and_whom_it_lets_in(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    created = (await client.conversations_create(name="case-17", is_private=True))["channel"]

    answer = await client.conversations_invite(channel=created["id"], users=[OLIVIA, SANA])
    await client.conversations_setTopic(channel=created["id"], topic="Ticket 17")

    assert (created["is_private"], created["is_group"], created["is_member"]) == (True, True, True)
    assert created["creator"] == slack.app.bot_user_id
    assert answer["channel"]["id"] == created["id"]
    everybody = ("olivia", "sana", "sam", "mallory")
    assert [who for who in everybody if "case-17" in slack.person(who).channels()] == ["olivia", "sana"]
    joined = [m for m in slack.person("olivia").history("case-17") if m.get("subtype") == "channel_join"]
    assert [(m["user"], m["inviter"]) for m in joined] == [
        (OLIVIA, slack.app.bot_user_id),
        (SANA, slack.app.bot_user_id),
    ]
    assert slack.person("olivia").history("case-17")[-1]["subtype"] == "group_topic"
    assert (await client.conversations_info(channel=created["id"]))["channel"]["topic"]["value"] == "Ticket 17"


async def test_joining_is_an_event_that_names_who_invited(slack: LocalSlack, app: AsyncApp, connect: Connect) -> None:
    heard: list[dict[str, Any]] = []

    @app.event("member_joined_channel")
    async def joined(event: dict[str, Any]) -> None:
        heard.append(event)

    await connect(app)
    channel = await made(app.client)
    await app.client.conversations_invite(channel=channel, users=SAM)

    await slack.wait_for(lambda: heard)
    assert (heard[0]["user"], heard[0]["channel"], heard[0]["channel_type"]) == (SAM, channel, "G")
    assert heard[0]["inviter"] == slack.app.bot_user_id


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", "invalid_arguments"),
        ("#", "invalid_name_required"),
        ("Case-17", "invalid_name_specials"),
        ("case 17", "invalid_name_specials"),
        ("fall-größe", "invalid_name_specials"),
        ("-_-", "invalid_name_punctuation"),
        ("c" * 81, "invalid_name_maxlength"),
        ("desk-triage", "name_taken"),
        ("help", "name_taken"),
    ],
)
async def test_names_that_are_refused(client: AsyncWebClient, name: str, error: str) -> None:
    assert (await refusal(client, "conversations.create", name=name, is_private="true"))["error"] == error


async def test_an_archived_channel_keeps_its_name(client: AsyncWebClient) -> None:
    channel = await made(client)
    await client.conversations_archive(channel=channel)

    assert (await refusal(client, "conversations.create", name="case-17", is_private="true"))["error"] == "name_taken"
    assert (await refusal(client, "conversations.invite", channel=channel, users=SAM))["error"] == "is_archived"


async def test_a_workspace_may_keep_apps_from_making_channels(slack: LocalSlack, client: AsyncWebClient) -> None:
    slack.admin.restrict_channel_creation()

    error = (await refusal(client, "conversations.create", name="case-17", is_private="true"))["error"]

    assert error == "restricted_action"
    slack.admin.restrict_channel_creation(is_on=False)
    assert await made(client)


@pytest.mark.parametrize(
    ("user", "error"),
    [
        ("U0CSBOT0001", "cant_invite_self"),
        ("U0NOBODY001", "user_not_found"),
        (OLIVIA, "already_in_channel"),
        ("U0GINA00001", "user_is_restricted"),
        ("U0GUS000001", "ura_max_channels"),
        ("U0DANA00001", "cant_invite"),
        ("U0IVAN00001", "cant_invite"),
        ("U0MALLORY01", "no_external_invite_permission"),
        ("", "invalid_arguments"),
        (",", "no_user"),
        (",".join(f"U{n}" for n in range(101)), "too_many_users"),
    ],
)
async def test_one_who_cannot_be_let_in_keeps_everybody_out(
    slack: LocalSlack, client: AsyncWebClient, user: str, error: str
) -> None:
    channel = await made(client)
    await client.conversations_invite(channel=channel, users=OLIVIA)

    assert (await refusal(client, "conversations.invite", channel=channel, users=user))["error"] == error

    if user.startswith("U") and "," not in user:
        both = await refusal(client, "conversations.invite", channel=channel, users=f"{SANA},{user}")
        assert both["errors"] == [{"user": user, "ok": False, "error": error}]
        assert SANA not in slack.world.channel("case-17").members
        forced = await client.conversations_invite(channel=channel, users=f"{SANA},{user}", force=True)
        assert forced["errors"][0]["user"] == user
        assert SANA in slack.world.channel("case-17").members


async def test_a_channel_the_bot_left_or_never_knew_cannot_be_changed(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    slack.admin.remove_bot("help")
    secret = slack.admin.create_channel("secret", ["sana"], is_private=True)

    answers = [
        (await refusal(client, "conversations.invite", channel=channel, users=SAM))["error"]
        for channel in ("C0HELP00001", secret)
    ]

    assert answers == ["not_in_channel", "channel_not_found"]


@pytest.mark.parametrize(
    ("scopes", "answers"),
    [
        (["groups:write"], ["ok", "ok", "ok", "missing_scope"]),
        (["channels:manage"], ["missing_scope", "missing_scope", "missing_scope", "ok"]),
        (["groups:write.invites", "groups:write.topic"], ["missing_scope", "ok", "ok", "missing_scope"]),
        (["chat:write"], ["missing_scope"] * 4),
    ],
)
async def test_each_change_needs_the_scope_of_its_kind_of_channel(
    slack: LocalSlack, client: AsyncWebClient, scopes: list[str], answers: list[str]
) -> None:
    channel = await made(client)
    slack.use_manifest({"oauth_config": {"scopes": {"bot": scopes}}})

    async def ask(method: str, **args: Any) -> str:
        try:
            await client.api_call(method, params=args)
        except SlackApiError as error:
            return str(error.response["error"])
        return "ok"

    assert answers == [
        await ask("conversations.create", name="case-18", is_private="true"),
        await ask("conversations.invite", channel=channel, users=SAM),
        await ask("conversations.setTopic", channel=channel, topic="x"),
        await ask("conversations.create", name="case-19"),
    ]


async def test_a_topic_has_its_longest(client: AsyncWebClient) -> None:
    channel = await made(client)

    assert (await refusal(client, "conversations.setTopic", channel=channel, topic="x" * 251))["error"] == "too_long"
