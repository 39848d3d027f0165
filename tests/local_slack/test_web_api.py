"""The Web API answers as Slack does: tokens, scopes, arguments, limits and errors."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from local_slack.server import LocalSlack
from local_slack.web_api.methods import METHODS
from tests.local_slack.conftest import actions, button, modal, quick_slack, section


async def error_of(client: AsyncWebClient, method: str, **args: Any) -> dict[str, Any]:
    with pytest.raises(SlackApiError) as raised:
        await client.api_call(method, json=args)
    body: dict[str, Any] = raised.value.response.data
    return body


@pytest.mark.parametrize("way", ["query", "form", "json", "multipart"])
async def test_arguments_arrive_however_they_are_sent(slack: LocalSlack, way: str) -> None:
    args = {"channel": "C0HELP00001", "text": "hi", "blocks": json.dumps([section("x")])}
    headers = {"Authorization": f"Bearer {slack.app.bot_token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        url = slack.api_url + "chat.postMessage"
        multipart = aiohttp.FormData(args, default_to_multipart=True)
        request = {
            "query": session.get(url, params=args),
            "form": session.post(url, data=args),
            "json": session.post(url, json=args),
            "multipart": session.post(url, data=multipart),
        }
        async with request.pop(way) as answer:
            body = await answer.json()
        for unused in request.values():
            unused.close()

    assert body["ok"] is True
    assert body["message"]["blocks"][0]["text"]["text"] == "x"


async def test_a_token_may_come_in_a_form_but_not_in_a_json_body(slack: LocalSlack) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.post(slack.api_url + "auth.test", data={"token": slack.app.bot_token}) as answer:
            assert (await answer.json())["user_id"] == slack.app.bot_user_id
        async with session.post(slack.api_url + "auth.test", json={"token": slack.app.bot_token}) as answer:
            assert (await answer.json())["error"] == "not_authed"
        async with session.post(
            slack.api_url + "auth.test", data="{", headers={"Content-Type": "application/json"}
        ) as answer:
            assert (await answer.json())["error"] == "invalid_json"


async def test_tokens_are_checked(slack: LocalSlack, client: AsyncWebClient) -> None:
    stranger = AsyncWebClient(token="xoxb-made-up", base_url=slack.api_url)
    nobody = AsyncWebClient(base_url=slack.api_url)
    app_level = AsyncWebClient(token=slack.app.app_token, base_url=slack.api_url)

    assert (await error_of(stranger, "auth.test"))["error"] == "invalid_auth"
    assert (await error_of(nobody, "auth.test"))["error"] == "not_authed"
    assert (await error_of(app_level, "auth.test"))["error"] == "not_allowed_token_type"
    assert (await error_of(client, "apps.connections.open"))["error"] == "not_allowed_token_type"
    slack.admin.revoke_tokens()
    assert (await error_of(client, "auth.test"))["error"] == "token_revoked"


async def test_an_unknown_method_is_named(client: AsyncWebClient) -> None:
    answer = await error_of(client, "chat.shout")

    assert answer["error"] == "unknown_method" and answer["req_method"] == "chat.shout"


async def test_scopes_come_from_the_manifest_and_a_missing_one_is_named(slack: LocalSlack) -> None:
    manifest = {
        "oauth_config": {"scopes": {"bot": ["chat:write", "channels:history"]}},
        "settings": {"event_subscriptions": {"bot_events": []}},
    }
    small = slack.install("Small App", manifest=manifest, channels=["help", "desk-triage"])
    client = AsyncWebClient(token=small.bot_token, base_url=slack.api_url)

    answer = await error_of(client, "users.info", user="U0BOB000001")
    private = await error_of(client, "conversations.history", channel="C0TRIAGE001")

    assert (answer["error"], answer["needed"]) == ("missing_scope", "users:read")
    assert answer["provided"] == "channels:history,chat:write"
    assert (private["error"], private["needed"]) == ("missing_scope", "groups:history")
    assert (await client.conversations_history(channel="C0HELP00001"))["ok"]


async def test_missing_arguments_are_named(client: AsyncWebClient) -> None:
    answer = await error_of(client, "chat.postMessage", text="where to?")

    assert answer["error"] == "invalid_arguments"
    assert answer["response_metadata"]["messages"] == ["[ERROR] missing required field: channel"]


async def test_where_a_bot_may_post(slack: LocalSlack, client: AsyncWebClient) -> None:
    deploybot = AsyncWebClient(
        token=next(a.bot_token for a in slack.world.apps.values() if a.name == "Deploybot"), base_url=slack.api_url
    )
    slack.admin.archive_channel("inbox")

    assert (await error_of(deploybot, "chat.postMessage", channel="help", text="x"))["error"] == "not_in_channel"
    assert (await error_of(deploybot, "chat.postMessage", channel="desk-triage", text="x"))["error"] == (
        "channel_not_found"
    )
    assert (await error_of(client, "chat.postMessage", channel="nowhere", text="x"))["error"] == "channel_not_found"
    assert (await error_of(client, "chat.postMessage", channel="C0INBOX0001", text="x"))["error"] == "is_archived"
    assert (await error_of(client, "chat.postMessage", channel="C0HELP00001"))["error"] == "no_text"
    assert (await client.chat_postMessage(channel="#help", text="by name"))["channel"] == "C0HELP00001"
    assert (await client.chat_postMessage(channel="U0BOB000001", text="psst"))["channel"].startswith("D")


async def test_only_own_messages_can_be_changed_or_deleted(slack: LocalSlack, client: AsyncWebClient) -> None:
    theirs = await slack.person("bob").post("help", "mine")
    own = (await client.chat_postMessage(channel="C0HELP00001", text="one", blocks=[section("one")]))["ts"]

    for method, error in (("chat.update", "cant_update_message"), ("chat.delete", "cant_delete_message")):
        answer = await error_of(client, method, channel="C0HELP00001", ts=theirs, text="x")
        assert answer["error"] == error
        answer = await error_of(client, method, channel="C0HELP00001", ts="1.000001", text="x")
        assert answer["error"] == "message_not_found"
    updated = await client.chat_update(channel="C0HELP00001", ts=own, text="two")
    assert updated["message"]["blocks"][0]["text"]["text"] == "one", "blocks that are left out stay"
    await client.chat_update(channel="C0HELP00001", ts=own, text="three", blocks=[])
    assert "blocks" not in slack.person("bob").history("help")[-1]
    await client.chat_delete(channel="C0HELP00001", ts=own)
    assert [m["ts"] for m in slack.person("bob").history("help")] == [theirs]


async def test_texts_that_are_too_long_are_refused(client: AsyncWebClient) -> None:
    ts = (await client.chat_postMessage(channel="C0HELP00001", text="x" * 40_000))["ts"]

    too_long = await error_of(client, "chat.postMessage", channel="C0HELP00001", text="x" * 40_001)
    update = await error_of(client, "chat.update", channel="C0HELP00001", ts=ts, text="x" * 4_001)
    blocks = await error_of(
        client, "chat.postMessage", channel="C0HELP00001", text="x", blocks=[section("y" * 2900) for _ in range(5)]
    )

    assert (too_long["error"], update["error"], blocks["error"]) == (
        "msg_too_long",
        "msg_too_long",
        "msg_blocks_too_long",
    )


async def test_wrong_blocks_are_pointed_at(client: AsyncWebClient) -> None:
    answer = await error_of(
        client,
        "chat.postMessage",
        channel="C0HELP00001",
        text="x",
        blocks=[section("ok"), actions(*[button(f"a{n}") for n in range(26)])],
    )

    assert answer["error"] == "invalid_blocks"
    assert answer["errors"] == ["no more than 25 items allowed [json-pointer:/blocks/1/elements]"]
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] no more than 25 items allowed [json-pointer:/blocks/1/elements]"
    ]


async def test_metadata_is_shown_only_to_those_who_ask(client: AsyncWebClient) -> None:
    metadata = {"event_type": "ticket", "event_payload": {"id": "T-1"}}
    await client.chat_postMessage(channel="C0HELP00001", text="x", metadata=metadata)

    plain = await client.conversations_history(channel="C0HELP00001")
    full = await client.conversations_history(channel="C0HELP00001", include_all_metadata=True)

    assert "metadata" not in plain["messages"][0]
    assert full["messages"][0]["metadata"] == metadata


async def test_history_pages_newest_first_and_a_thread_oldest_first(slack: LocalSlack, client: AsyncWebClient) -> None:
    olivia = slack.person("olivia")
    tops = [await olivia.post("help", f"message {n}") for n in range(5)]
    for n in range(3):
        await olivia.post("help", f"reply {n}", thread_ts=tops[0])

    first = await client.conversations_history(channel="C0HELP00001", limit=2)
    paged = [m["ts"] async for page in first for m in page["messages"]]
    after = await client.conversations_history(channel="C0HELP00001", oldest=tops[2])
    thread = await client.conversations_replies(channel="C0HELP00001", ts=tops[0])

    assert paged == tops[::-1]
    assert [m["ts"] for m in after["messages"]] == [tops[4], tops[3]]
    assert [m["text"] for m in thread["messages"]] == ["message 0", "reply 0", "reply 1", "reply 2"]
    assert thread["messages"][0]["reply_count"] == 3
    assert (await error_of(client, "conversations.history", channel="C0HELP00001", cursor="zzz"))["error"] == (
        "invalid_cursor"
    )
    assert (await error_of(client, "conversations.replies", channel="C0HELP00001", ts="1.0"))["error"] == (
        "thread_not_found"
    )


async def test_one_post_a_second_and_channel(slack: LocalSlack) -> None:
    now = [1_800_000_000.0]
    async with quick_slack(post_interval_seconds=1.0, clock=lambda: now[0]) as strict:
        client = AsyncWebClient(token=strict.app.bot_token, base_url=strict.api_url)
        await client.chat_postMessage(channel="C0HELP00001", text="1")
        await client.chat_postMessage(channel="C0INBOX0001", text="another channel")

        with pytest.raises(SlackApiError) as limited:
            await client.chat_postMessage(channel="C0HELP00001", text="2")
        now[0] += 1.0
        await client.chat_postMessage(channel="C0HELP00001", text="2")

        assert limited.value.response.status_code == 429
        assert limited.value.response.headers["Retry-After"] == "1"
        assert limited.value.response.data == {"ok": False, "error": "ratelimited"}


async def test_the_sdks_rate_limit_handler_gets_through() -> None:
    async with quick_slack(post_interval_seconds=0.3) as strict:
        client = AsyncWebClient(
            token=strict.app.bot_token,
            base_url=strict.api_url,
            retry_handlers=[AsyncRateLimitErrorRetryHandler(max_retry_count=2)],
        )

        for text in ("1", "2"):
            await client.chat_postMessage(channel="C0HELP00001", text=text)

        assert [call.error for call in strict.calls] == [None, "ratelimited", None]


async def test_failures_on_demand(slack: LocalSlack, client: AsyncWebClient) -> None:
    slack.faults.fail_next("chat.postMessage", error="fatal_error")
    slack.faults.fail_next("chat.postMessage", status=500)
    slack.faults.fail_next("chat.postMessage", ratelimited=True, retry_after_seconds=7)
    slack.faults.fail_next("chat.postMessage", error="internal_error", after_effect=True)
    slack.faults.fail_next("chat.postMessage", hang_seconds=0.05)

    outcomes = []
    for n in range(6):
        try:
            await client.chat_postMessage(channel="C0HELP00001", text=str(n))
            outcomes.append("ok")
        except SlackApiError as failed:
            outcomes.append(failed.response.headers.get("Retry-After") or str(failed.response.get("error")))
        except aiohttp.ClientError as failed:
            outcomes.append(type(failed).__name__)

    assert outcomes == ["fatal_error", "None", "7", "internal_error", "ok", "ok"]
    assert [m["text"] for m in slack.person("bob").history("help")] == ["3", "4", "5"]


async def test_a_hanging_method_times_out_at_the_caller(slack: LocalSlack) -> None:
    impatient = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url, timeout=1, retry_handlers=[])
    slack.faults.fail_next("auth.test", hang_seconds=1.5)

    with pytest.raises(TimeoutError):
        await impatient.auth_test()


async def test_files_go_up_in_three_steps(slack: LocalSlack, client: AsyncWebClient) -> None:
    await client.files_upload_v2(
        channel="C0HELP00001", content="report text", filename="report.txt", initial_comment="the report"
    )

    shared = slack.person("bob").history("help")[0]
    assert shared["text"] == "the report"
    assert (shared["files"][0]["name"], shared["files"][0]["size"]) == ("report.txt", 11)
    info = await client.files_info(file=shared["files"][0]["id"])
    assert "upload_key" not in info["file"]
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {slack.app.bot_token}"}
        async with session.get(shared["files"][0]["url_private"], headers=headers) as answer:
            assert await answer.text() == "report text"
        async with session.get(shared["files"][0]["url_private"]) as answer:
            assert answer.status == 403


async def test_channels_are_listed_by_kind_and_membership(slack: LocalSlack, client: AsyncWebClient) -> None:
    secret = slack.admin.create_channel("secret", ["sana"], is_private=True)

    public = await client.conversations_list()
    private = await client.conversations_list(types="private_channel")
    members = await client.conversations_members(channel="C0INBOX0001")

    assert "help" in [c["name"] for c in public["channels"]]
    assert [c["name"] for c in private["channels"]] == ["desk-triage", "desk-approvals", "escalations"]
    assert members["members"] == ["U0OLIVIA001", "U0SAM000001", slack.app.bot_user_id]
    assert (await error_of(client, "conversations.info", channel=secret))["error"] == "channel_not_found"
    shared = await client.conversations_info(channel="C0EXTEXT001", include_num_members=True)
    assert shared["channel"]["is_ext_shared"] is True and shared["channel"]["num_members"] == 6


async def test_channels_can_be_made_and_changed(client: AsyncWebClient) -> None:
    made = await client.conversations_create(name="case-1", is_private=True)
    channel = made["channel"]["id"]

    await client.conversations_invite(channel=channel, users="U0SANA00001,U0BOB000001")
    await client.conversations_kick(channel=channel, user="U0BOB000001")
    await client.conversations_setTopic(channel=channel, topic="the case")
    await client.conversations_archive(channel=channel)

    info = await client.conversations_info(channel=channel)
    assert info["channel"]["is_archived"] is True and info["channel"]["topic"]["value"] == "the case"
    assert (await error_of(client, "conversations.create", name="case-1"))["error"] == "name_taken"
    assert (await error_of(client, "conversations.create", name="Case 1"))["error"] == "invalid_name_specials"


async def test_views_are_checked(client: AsyncWebClient) -> None:
    no_submit = modal()
    del no_submit["submit"]

    answer = await error_of(client, "views.open", trigger_id="1.2.c", view=no_submit)
    long_title = await error_of(
        client, "views.open", trigger_id="1.2.c", view=modal(title={"type": "plain_text", "text": "t" * 25})
    )
    wrong_kind = await error_of(client, "views.publish", user_id="U0BOB000001", view=modal())
    unknown = await error_of(client, "views.publish", user_id="U0NOBODY", view={"type": "home", "blocks": []})

    assert answer["error"] == "invalid_arguments"
    assert "`submit` is required" in answer["response_metadata"]["messages"][1]
    assert long_title["response_metadata"]["messages"][1] == (
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
    )
    assert wrong_kind["error"] == "invalid_arguments"
    assert unknown["error"] == "user_not_found"


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "text",
                    "blocks",
                    "elements",
                    "action_id",
                    "block_id",
                    "options",
                    "id",
                    "title",
                    "element",
                    "fields",
                    "accessory",
                    "initial_option",
                    "option_groups",
                    "value",
                ]
            ),
            inner
            | st.sampled_from(
                [
                    "modal",
                    "home",
                    "section",
                    "actions",
                    "input",
                    "button",
                    "static_select",
                    "plain_text",
                    "mrkdwn",
                    "rich_text",
                    "table",
                    "context",
                ]
            ),
            max_size=5,
        )
    ),
    max_leaves=12,
)
_ARGUMENTS = (
    "channel",
    "text",
    "blocks",
    "attachments",
    "view",
    "metadata",
    "ts",
    "user",
    "users",
    "limit",
    "types",
    "trigger_id",
    "view_id",
    "files",
    "name",
    "thread_ts",
    "user_id",
    "filename",
    "length",
    "timestamp",
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(sorted(METHODS)),
    args=st.dictionaries(
        st.sampled_from(_ARGUMENTS), _JUNK | st.sampled_from(["C0HELP00001", "U0BOB000001", "hello", "1.2"]), max_size=8
    ),
)
async def test_no_argument_breaks_a_method(method: str, args: dict[str, Any]) -> None:
    async with quick_slack() as slack, aiohttp.ClientSession() as session:
        token = slack.app.app_token if method == "apps.connections.open" else slack.app.bot_token

        async with session.post(
            slack.api_url + method, json=args, headers={"Authorization": f"Bearer {token}"}
        ) as answer:
            body = await answer.json()

        assert answer.status == 200
        assert body["ok"] is True or isinstance(body["error"], str)


async def test_odd_characters_survive_or_are_made_whole(slack: LocalSlack, client: AsyncWebClient) -> None:
    odd = "nul \x00, bell \x07, right-to-left \u202e, zero width \u200b, emoji 😀"
    await client.chat_postMessage(channel="C0HELP00001", text=odd)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {slack.app.bot_token}"}) as session:
        half = '{"channel": "C0HELP00001", "text": "half \\ud83d", "blocks": [{"type": "markdown", "text": "\\ud83d"}]}'
        headers = {"Content-Type": "application/json; charset=utf-8"}
        async with session.post(slack.api_url + "chat.postMessage", data=half, headers=headers) as answer:
            body = await answer.json()
        deep = '{"view": ' + "[" * 5000 + "]" * 5000 + "}"
        async with session.post(slack.api_url + "views.open", data=deep, headers=headers) as answer:
            assert (await answer.json())["error"] == "invalid_json"

    assert slack.person("bob").history("help")[0]["text"] == odd
    assert (body["message"]["text"], body["message"]["blocks"][0]["text"]) == ("half \ufffd", "\ufffd")


async def test_a_token_in_a_query_string_is_not_taken(slack: LocalSlack) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(slack.api_url + "auth.test", params={"token": slack.app.bot_token}) as answer,
    ):
        assert (await answer.json())["error"] == "not_authed"
