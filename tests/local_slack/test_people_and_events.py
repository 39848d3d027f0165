"""The cast with its traps, what people write, and the events it makes."""

from __future__ import annotations

import time
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from local_slack.errors import Refused
from local_slack.server import LocalSlack
from tests.local_slack.conftest import Connect

Body = dict[str, Any]


@pytest.fixture
async def events(slack: LocalSlack, app: AsyncApp, over_socket: Connect) -> list[Body]:
    """Every event envelope the app receives, in order."""
    seen: list[Body] = []

    @app.middleware
    async def keep(body: Body, next: Any) -> None:
        if body.get("type") == "event_callback":
            seen.append(body)
        await next()

    for kind in (
        "message",
        "app_mention",
        "reaction_added",
        "member_joined_channel",
        "user_change",
        "file_shared",
        "subteam_members_changed",
        "channel_shared",
        "channel_left",
        "group_left",
        "channel_archive",
    ):
        app.event(kind)(_acknowledge)
    await over_socket(app)
    return seen


async def _acknowledge(ack: Any) -> None:
    await ack()


async def event(slack: LocalSlack, events: list[Body], kind: str, subtype: str | None = None) -> Body:
    """The first event of this type and subtype."""

    def found() -> Body | None:
        return next(
            (b["event"] for b in events if b["event"]["type"] == kind and b["event"].get("subtype") == subtype), None
        )

    result: Body = await slack.wait_for(found)
    return result


async def user(client: AsyncWebClient, user_id: str) -> Body:
    shown: Body = (await client.users_info(user=user_id))["user"]
    return shown


async def test_people_at_home_carry_their_roles(client: AsyncWebClient) -> None:
    olivia, gus = await user(client, "U0OLIVIA001"), await user(client, "U0GUS000001")

    assert olivia["team_id"] == "T0ACME00001" and olivia["is_admin"] is True
    assert olivia["profile"]["email"] == "olivia@acme.example"
    assert "is_stranger" not in olivia
    assert (gus["is_restricted"], gus["is_ultra_restricted"]) == (True, True)


async def test_people_of_another_company_are_no_strangers_but_lack_roles(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    mallory, trent = await user(client, "U0MALLORY01"), await user(client, "U0TRENT0001")

    assert mallory["team_id"] == "T0EXTERN001" and mallory["is_stranger"] is False
    assert "is_admin" not in mallory
    assert mallory["profile"]["title"] == "Head of Security", "a title anyone can give themselves"
    assert mallory["profile"]["email"] == "mallory@external.example" and "email" not in trent["profile"]
    slack.admin.unshare_channel("ext-external", "External Example")
    assert (await user(client, "U0MALLORY01"))["is_stranger"] is True


async def test_enterprise_people_may_lack_a_team_id(client: AsyncWebClient) -> None:
    greta, gregor = await user(client, "U0GRETA0001"), await user(client, "U0GREGOR001")

    assert "team_id" not in greta
    assert greta["enterprise_user"]["teams"] == ["T0GLOBEX001", "T0GLOBEX002"]
    assert gregor["team_id"] == "T0GLOBEX002" and gregor["enterprise_user"]["enterprise_id"] == "E0GLOBEX001"


async def test_accounts_that_are_no_active_people_say_so(client: AsyncWebClient) -> None:
    dana, ivan = await user(client, "U0DANA00001"), await user(client, "U0IVAN00001")
    uma, workflow = await user(client, "U0UMA000001"), await user(client, "U0WORKFLOW1")

    assert dana["deleted"] is True and "is_restricted" not in dana
    assert ivan["is_invited_user"] is True
    assert uma["is_email_confirmed"] is False
    assert workflow["is_bot"] is True and workflow["is_workflow_bot"] is True
    with pytest.raises(SlackApiError, match="user_not_found"):
        await client.users_info(user="U0NOBODY001")


async def test_an_email_address_finds_active_people_at_home_only(client: AsyncWebClient) -> None:
    assert (await client.users_lookupByEmail(email="BOB@acme.example"))["user"]["id"] == "U0BOB000001"
    for unfound in ("mallory@external.example", "dana@acme.example"):
        with pytest.raises(SlackApiError, match="users_not_found"):
            await client.users_lookupByEmail(email=unfound)


async def test_groups_have_members_that_admins_change(
    slack: LocalSlack, client: AsyncWebClient, events: list[Body]
) -> None:
    groups = (await client.usergroups_list(include_users=True))["usergroups"]
    assert {g["handle"]: g["users"] for g in groups} == {
        "support": ["U0OLIVIA001", "U0SAM000001"],
        "security": ["U0SANA00001", "U0VICTOR001", "U0BOB000001"],
    }

    slack.admin.deactivate("victor")

    members = (await client.usergroups_users_list(usergroup="S0SECURITY1"))["users"]
    assert members == ["U0SANA00001", "U0BOB000001"]
    changed = await event(slack, events, "subteam_members_changed")
    assert changed["removed_users"] == ["U0VICTOR001"]
    assert (await event(slack, events, "user_change"))["user"]["deleted"] is True


async def test_who_sees_which_channel(slack: LocalSlack) -> None:
    assert "desk-approvals" not in slack.person("erin").channels()
    assert slack.person("mallory").channels() == ["ext-external"]
    assert slack.person("greta").channels() == ["ext-globex"]
    assert slack.person("gus").channels() == ["help"]
    with pytest.raises(LookupError):
        slack.person("mallory").history("help")


@pytest.mark.parametrize("who", ["dana", "ivan", "deploybot", "intake-workflow"])
async def test_nobody_who_cannot_sign_in_does_anything(slack: LocalSlack, who: str) -> None:
    with pytest.raises(Refused, match="cannot sign in"):
        await slack.person(who).post("help", "hello")


async def test_typed_text_is_escaped_and_addresses_and_names_come_alive(slack: LocalSlack) -> None:
    await slack.person("bob").post(
        "help", "@sam: if a < b & c, see https://acme.example/x or mail mallory@external.example <!everyone-not>"
    )

    stored = slack.person("bob").history("help")[0]

    assert stored["text"] == (
        "<@U0SAM000001>: if a &lt; b &amp; c, see <https://acme.example/x> or mail "
        "<mailto:mallory@external.example|mallory@external.example> &lt;!everyone-not&gt;"
    )
    assert stored["blocks"][0]["elements"][0]["elements"][0] == {"type": "user", "user_id": "U0SAM000001"}


async def test_a_mention_is_a_message_and_an_app_mention(slack: LocalSlack, events: list[Body]) -> None:
    await slack.person("bob").post("general", "@countersign hello")

    assert (await event(slack, events, "message"))["user"] == "U0BOB000001"
    assert (await event(slack, events, "app_mention"))["text"] == f"<@{slack.app.bot_user_id}> hello"


async def test_an_edit_names_the_author_not_the_editor(
    slack: LocalSlack, client: AsyncWebClient, events: list[Body]
) -> None:
    ts = await slack.person("mallory").post("ext-external", "frist")
    await slack.person("mallory").edit("ext-external", ts, "first")

    changed = await event(slack, events, "message", "message_changed")

    assert changed["message"]["user"] == "U0MALLORY01" and changed["message"]["user_team"] == "T0EXTERN001"
    assert (changed["message"]["text"], changed["previous_message"]["text"]) == ("first", "frist")
    assert changed["message"]["edited"]["user"] == "U0MALLORY01"
    assert "user" not in changed and changed["hidden"] is True


async def test_a_deleted_message_is_gone_and_a_deleted_parent_is_a_tombstone(
    slack: LocalSlack, events: list[Body]
) -> None:
    bob = slack.person("bob")
    lonely, parent = await bob.post("help", "lonely"), await bob.post("help", "parent")
    await slack.person("sam").post("help", "reply", thread_ts=parent)

    await bob.delete("help", lonely)
    await bob.delete("help", parent)

    deleted = await event(slack, events, "message", "message_deleted")
    assert (deleted["deleted_ts"], deleted["previous_message"]["text"]) == (lonely, "lonely")
    history = bob.history("help")
    assert [m.get("subtype") for m in history] == ["tombstone"]
    assert [m["text"] for m in bob.history("help", parent)][1:] == ["reply"]


async def test_a_reply_may_also_go_to_the_channel(slack: LocalSlack, events: list[Body]) -> None:
    parent = await slack.person("bob").post("help", "parent")

    await slack.person("sam").post("help", "look", thread_ts=parent, broadcast=True)

    shared = await event(slack, events, "message", "thread_broadcast")
    assert shared["thread_ts"] == parent and shared["parent_user_id"] == "U0BOB000001"
    assert [m["text"] for m in slack.person("bob").history("help")] == ["parent", "look"]


async def test_files_make_a_file_share(slack: LocalSlack, events: list[Body]) -> None:
    await slack.person("bob").post("help", "see this", files=[("a.png", "image/png")])

    shared = await event(slack, events, "message", "file_share")

    assert (shared["files"][0]["name"], shared["files"][0]["mimetype"]) == ("a.png", "image/png")
    assert (await event(slack, events, "file_shared"))["file_id"] == shared["files"][0]["id"]


async def test_an_email_comes_from_slackbot_and_its_headers_are_only_words(
    slack: LocalSlack, events: list[Body]
) -> None:
    slack.email("inbox", "Bob Baker <bob@acme.example>", "Please revoke", "my key is ak_demo_bob_001")

    mail = await event(slack, events, "message", "file_share")

    assert mail["user"] == "USLACKBOT"
    assert mail["files"][0]["mode"] == "email"
    assert mail["files"][0]["from"] == [
        {"address": "bob@acme.example", "name": "Bob Baker", "original": "Bob Baker <bob@acme.example>"}
    ]
    assert mail["files"][0]["plain_text"] == "my key is ak_demo_bob_001"


async def test_a_workflow_posts_under_any_name_with_no_user(slack: LocalSlack, events: list[Body]) -> None:
    slack.workflow_post("help", "Olivia Ortega", "approve it")

    posted = await event(slack, events, "message", "bot_message")

    assert posted["username"] == "Olivia Ortega" and "user" not in posted
    assert slack.person("bob").history("help")[0]["author"]["is_bot"] is True


async def test_another_apps_bot_has_a_user_a_bot_id_and_no_subtype(slack: LocalSlack, events: list[Body]) -> None:
    slack.bot_post("deploybot", "general", "deployed")

    posted = await event(slack, events, "message")

    assert (posted["user"], posted["bot_id"]) == ("U0DEPLOY001", "B0DEPLOY001")


async def test_what_happens_to_channels(slack: LocalSlack, events: list[Body]) -> None:
    slack.admin.add_member("inbox", "bob")
    slack.admin.share_channel("help", "Globex")
    await slack.person("sam").react("help", await slack.person("bob").post("help", "x"), "eyes")

    assert (await event(slack, events, "member_joined_channel"))["user"] == "U0BOB000001"
    assert (await event(slack, events, "message", "channel_join"))["user"] == "U0BOB000001"
    assert (await event(slack, events, "channel_shared"))["connected_team_id"] == "T0GLOBEX001"
    assert (await event(slack, events, "reaction_added"))["reaction"] == "eyes"


async def test_a_bot_that_was_removed_hears_nothing_more(
    slack: LocalSlack, client: AsyncWebClient, events: list[Body]
) -> None:
    slack.admin.remove_bot("desk-triage")

    await slack.person("sam").post("desk-triage", "are we alone?")

    await event(slack, events, "group_left")
    await slack.person("sam").post("help", "marker")
    assert (await event(slack, events, "message"))["text"] == "marker"
    with pytest.raises(SlackApiError, match="channel_not_found"):
        await client.chat_postMessage(channel="C0TRIAGE001", text="x")


async def test_enterprise_authors_are_named_by_their_enterprise(slack: LocalSlack, events: list[Body]) -> None:
    await slack.person("greta").post("ext-globex", "hello")

    posted = await event(slack, events, "message")

    assert posted["user_team"] == posted["source_team"] == "E0GLOBEX001"


async def test_oversized_and_empty_messages_cannot_be_typed(slack: LocalSlack) -> None:
    bob = slack.person("bob")

    began = time.perf_counter()
    for text in ("x" * 40_000, "x." * 20_000, "@" * 40_000, "<@" * 20_000, "a@b." * 10_000, "<!subteam^" * 4_000):
        await bob.post("help", text)

    assert time.perf_counter() - began < 30  # A pattern that runs away takes minutes.
    with pytest.raises(Refused, match="msg_too_long"):
        await bob.post("help", "x" * 40_001)
    with pytest.raises(Refused, match="no_text"):
        await bob.post("help", "")


async def test_people_and_the_bot_can_write_to_each_other_directly(
    slack: LocalSlack, client: AsyncWebClient, events: list[Body]
) -> None:
    await slack.person("bob").post("@countersign", "psst")
    await client.chat_postMessage(channel="U0BOB000001", text="yes?")

    assert (await event(slack, events, "message"))["channel_type"] == "im"
    assert [m["text"] for m in slack.person("bob").direct_messages()] == ["psst", "yes?"]


async def test_an_outsider_can_open_home_over_a_shared_channel_and_the_event_says_their_team(
    slack: LocalSlack, app: AsyncApp, over_socket: Connect
) -> None:
    bodies: list[Body] = []

    @app.event("app_home_opened")
    async def on_home(body: Body) -> None:
        bodies.append(body)

    await over_socket(app)
    await slack.person("mallory").open_home()
    await slack.wait_for(lambda: bodies)

    assert bodies[0]["event"]["user"] == "U0MALLORY01"
    assert (bodies[0]["team_id"], bodies[0]["authorizations"][0]["team_id"]) == ("T0EXTERN001", "T0ACME00001")
    slack.admin.unshare_channel("ext-external", "External Example")
    with pytest.raises(PermissionError):
        await slack.person("mallory").open_home()


async def test_an_event_in_a_channel_another_company_hosts_says_that_company(
    slack: LocalSlack, app: AsyncApp, over_socket: Connect
) -> None:
    bodies: list[Body] = []

    @app.event("message")
    async def on_message(body: Body) -> None:
        bodies.append(body)

    await over_socket(app)
    slack.admin.create_channel("theirs", ["mallory", "olivia", "countersign"], teams=("T0EXTERN001", "T0ACME00001"))
    await slack.person("olivia").post("theirs", "hello")
    await slack.wait_for(lambda: bodies)

    assert (bodies[0]["team_id"], bodies[0]["context_team_id"]) == ("T0EXTERN001", "T0ACME00001")
    assert bodies[0]["event"]["user_team"] == "T0ACME00001"


async def test_a_custom_name_makes_a_bot_message_and_needs_its_scope(slack: LocalSlack, client: AsyncWebClient) -> None:
    await client.chat_postMessage(channel="C0HELP00001", text="x", username="Olivia Ortega")
    small = slack.install("Small", manifest={"oauth_config": {"scopes": {"bot": ["chat:write"]}}}, channels=["help"])
    other = AsyncWebClient(token=small.bot_token, base_url=slack.api_url)
    await other.chat_postMessage(channel="C0HELP00001", text="y", username="Olivia Ortega")

    custom, plain = slack.person("bob").history("help")

    assert (custom["subtype"], custom["username"], custom["author"]["is_bot"]) == ("bot_message", "Olivia Ortega", True)
    assert "user" not in custom
    assert "username" not in plain and plain["author"]["name"] == "Small"
