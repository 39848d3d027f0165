"""Files: the three-step upload as the SDK does it, what Slack refuses, and who may reach a file."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient

from local_slack.server import LocalSlack
from tests.local_slack.conftest import Connect, section

HELP, TRIAGE, GENERAL = "C0HELP00001", "C0TRIAGE001", "C0GENERAL01"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


async def refused(client: AsyncWebClient, method: str, **args: Any) -> str:
    with pytest.raises(SlackApiError) as raised:
        await client.api_call(method, params=args)
    return str(raised.value.response["error"])


async def uploaded(client: AsyncWebClient, content: bytes = b"one line", name: str = "note.txt", **more: Any) -> str:
    """A file whose bytes are up and that nothing was made of yet: its id."""
    ticket = await client.files_getUploadURLExternal(filename=name, length=len(content), **more)
    async with aiohttp.ClientSession() as session, session.post(ticket["upload_url"], data=content) as answer:
        assert answer.status == 200
    return str(ticket["file_id"])


async def get(slack: LocalSlack, path: str) -> tuple[int, bytes, Any]:
    async with aiohttp.ClientSession() as session, session.get(slack.url + path) as answer:
        return answer.status, await answer.read(), answer.headers


async def test_the_sdks_upload_posts_several_files_as_one_message_in_a_thread(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    parent = await client.chat_postMessage(channel=TRIAGE, text="the case")

    answer = await client.files_upload_v2(
        channel=TRIAGE,
        thread_ts=parent["ts"],
        initial_comment="the packet",
        file_uploads=[
            {"content": "# Packet", "filename": "packet.md", "title": "Packet"},
            {"file": PNG, "filename": "chart.png", "alt_txt": "Updates approved per week"},
        ],
    )

    reply = slack.person("sana").history("desk-triage", parent["ts"])[-1]
    assert reply["text"] == "the packet"
    assert [(f["name"], f["title"], f["mimetype"], f["size"]) for f in reply["files"]] == [
        ("packet.md", "Packet", "text/markdown", 8),
        ("chart.png", "chart.png", "image/png", len(PNG)),
    ]
    assert reply["files"][1]["alt_txt"] == "Updates approved per week"
    assert [file["shares"] for file in answer["files"]] == [{}, {}]
    info = await client.files_info(file=answer["files"][0]["id"])
    assert info["file"]["shares"]["private"][TRIAGE][0]["ts"] == reply["ts"]
    assert info["file"]["shares"]["private"][TRIAGE][0]["thread_ts"] == parent["ts"]
    assert (info["file"]["groups"], info["file"]["channels"]) == ([TRIAGE], [])


async def test_a_file_that_was_shared_is_heard_by_other_apps(
    slack: LocalSlack, app: AsyncApp, connect: Connect
) -> None:
    heard: list[dict[str, Any]] = []

    @app.event("file_shared")
    async def shared(event: dict[str, Any]) -> None:
        heard.append(event)

    await connect(app)
    other = slack.install("Other App", channels=["help"])
    theirs = AsyncWebClient(token=other.bot_token, base_url=slack.api_url)
    answer = await theirs.files_upload_v2(channel=HELP, content="x", filename="x.txt")

    await slack.wait_for(lambda: heard)
    assert heard[0]["file_id"] == answer["file"]["id"]
    assert heard[0]["channel_id"] == HELP


async def test_blocks_stand_with_the_file_unless_there_is_a_comment(slack: LocalSlack, client: AsyncWebClient) -> None:
    for comment in ("", "words"):
        file_id = await uploaded(client)
        args = {"blocks": [section("*shown*")], "initial_comment": comment}
        await client.api_call(
            "files.completeUploadExternal", json={"files": [{"id": file_id}], "channel_id": HELP, **args}
        )

    first, second = slack.person("bob").history("help")[-2:]
    assert first["blocks"][0]["text"]["text"] == "*shown*"
    assert second["text"] == "words"
    assert "blocks" not in second


async def test_without_a_channel_a_file_stays_the_apps_own(slack: LocalSlack, client: AsyncWebClient) -> None:
    file_id = await uploaded(client)

    await client.files_completeUploadExternal(files=[{"id": file_id}])

    assert (await client.files_info(file=file_id))["file"]["shares"] == {}
    assert (await get(slack, f"/client/file?as=olivia&file={file_id}"))[0] == 404


async def test_a_description_of_what_is_no_picture_loses_the_share_in_silence(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    answer = await client.files_upload_v2(channel=HELP, content="x", filename="x.txt", alt_txt="a text")

    assert answer["ok"]
    assert slack.person("bob").history("help") == []
    assert (await client.files_info(file=answer["file"]["id"]))["file"]["shares"] == {}


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ({"filename": "a.txt"}, "invalid_arguments"),
        ({"length": 3}, "invalid_arguments"),
        ({"filename": "a.txt", "length": 0}, "missing_argument"),
        ({"filename": "a.txt", "length": -1}, "invalid_arguments"),
        ({"filename": "a.txt", "length": "three"}, "invalid_arguments"),
        ({"filename": "a.txt", "length": 1_000_000_001}, "file_upload_size_restricted"),
        ({"filename": "a.png", "length": 3, "alt_txt": "x" * 1001}, "alt_txt_too_large"),
        ({"filename": "a.py", "length": 3, "snippet_type": "klingon"}, "unknown_snippet_type"),
        ({"filename": "a.py", "length": 1_000_001, "snippet_type": "python"}, "snippet_too_large"),
    ],
)
async def test_a_refused_ticket_for_an_upload(client: AsyncWebClient, args: dict[str, Any], error: str) -> None:
    assert await refused(client, "files.getUploadURLExternal", **args) == error


@pytest.mark.parametrize("content", [b"", b"too short", b"longer than was said"])
async def test_bytes_of_another_length_are_not_taken(client: AsyncWebClient, content: bytes) -> None:
    ticket = await client.files_getUploadURLExternal(filename="a.txt", length=12)

    async with aiohttp.ClientSession() as session, session.post(ticket["upload_url"], data=content) as answer:
        assert answer.status == 400

    assert await refused(client, "files.completeUploadExternal", files=f'[{{"id": "{ticket["file_id"]}"}}]') == (
        "file_not_found"
    )


async def test_the_bytes_may_come_as_a_form(slack: LocalSlack, client: AsyncWebClient) -> None:
    ticket = await client.files_getUploadURLExternal(filename="a.txt", length=5)
    form = aiohttp.FormData()
    form.add_field("filename", b"12345", filename="a.txt")

    async with aiohttp.ClientSession() as session, session.post(ticket["upload_url"], data=form) as answer:
        assert (answer.status, await answer.text()) == (200, "OK - 5")

    await client.files_completeUploadExternal(files=[{"id": ticket["file_id"]}], channel_id=HELP)
    assert slack.person("bob").history("help")[-1]["files"][0]["size"] == 5


async def test_an_uploads_address_is_secret_and_dies_with_the_upload(client: AsyncWebClient) -> None:
    ticket = await client.files_getUploadURLExternal(filename="a.txt", length=5)
    guessed = ticket["upload_url"].rpartition("/")[0] + "/0"
    async with aiohttp.ClientSession() as session:
        async with session.post(guessed, data=b"12345") as answer:
            assert answer.status == 404
        async with session.post(ticket["upload_url"], data=b"12345") as answer:
            assert answer.status == 200
        await client.files_completeUploadExternal(files=[{"id": ticket["file_id"]}], channel_id=HELP)
        async with session.post(ticket["upload_url"], data=b"other") as answer:
            assert answer.status == 404


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ({"channel_id": "C0NOWHERE01"}, "channel_not_found"),
        ({"channel_id": "help"}, "channel_not_found"),
        ({"channel_id": HELP, "thread_ts": "1.000001"}, "thread_not_found"),
        ({"channels": f"{HELP},{TRIAGE}", "thread_ts": "1.000001"}, "invalid_arguments"),
        ({"channels": ",".join(["C"] * 101)}, "channels_limit_exceeded"),
        ({"channel_id": HELP, "blocks": '[{"type": "nothing"}]'}, "invalid_blocks"),
        ({"channel_id": HELP, "blocks": "no json"}, "invalid_blocks"),
    ],
)
async def test_a_refused_completion_shares_nothing_and_can_be_done_right_afterwards(
    slack: LocalSlack, client: AsyncWebClient, args: dict[str, Any], error: str
) -> None:
    file_id = await uploaded(client)

    assert await refused(client, "files.completeUploadExternal", files=f'[{{"id": "{file_id}"}}]', **args) == error

    assert await refused(client, "files.info", file=file_id) == "file_not_found"
    await client.files_completeUploadExternal(files=[{"id": file_id}], channel_id=HELP)
    assert len(slack.person("bob").history("help")) == 1


@pytest.mark.parametrize("files", ["", "[]", "{}", "no json", '["F1"]', '[{"title": "x"}]'])
async def test_a_completion_without_files_is_refused(client: AsyncWebClient, files: str) -> None:
    assert await refused(client, "files.completeUploadExternal", files=files, channel_id=HELP) == "invalid_arguments"


async def test_a_file_is_completed_once_and_by_its_app_only(slack: LocalSlack, client: AsyncWebClient) -> None:
    other = slack.install("Other App", channels=["help"])
    theirs = AsyncWebClient(token=other.bot_token, base_url=slack.api_url)
    file_id = await uploaded(client)
    files = f'[{{"id": "{file_id}"}}]'

    assert await refused(theirs, "files.completeUploadExternal", files=files, channel_id=HELP) == "file_not_found"
    await client.files_completeUploadExternal(files=[{"id": file_id}], channel_id=HELP)
    assert await refused(client, "files.completeUploadExternal", files=files, channel_id=HELP) == "file_not_found"


async def test_a_channel_the_bot_is_not_in_or_that_is_archived_gets_no_file(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    secret = slack.admin.create_channel("secret", ["sana"], is_private=True)
    slack.admin.remove_bot("help")
    slack.admin.archive_channel("general")
    file_id = await uploaded(client)

    async def share(channel: str) -> str:
        files = f'[{{"id": "{file_id}"}}]'
        return await refused(client, "files.completeUploadExternal", files=files, channel_id=channel)

    assert await share(secret) == "channel_not_found"
    assert await share(HELP) == "not_in_channel"
    assert await share(GENERAL) == "posting_to_channel_denied"


async def test_uploading_needs_its_scope(slack: LocalSlack, client: AsyncWebClient) -> None:
    slack.use_manifest({"oauth_config": {"scopes": {"bot": ["chat:write", "files:read"]}}})

    assert await refused(client, "files.getUploadURLExternal", filename="a", length=1) == "missing_scope"
    assert await refused(client, "files.completeUploadExternal", files="[]") == "missing_scope"
    with pytest.raises((SlackApiError, SlackRequestError)):
        await client.files_upload_v2(channel=HELP, content="x", filename="x.txt")


async def test_only_who_sees_the_channel_reaches_the_file(slack: LocalSlack, client: AsyncWebClient) -> None:
    answer = await client.files_upload_v2(channel=TRIAGE, content="internal words", filename="packet.md")
    file_id = answer["file"]["id"]

    async def reach(who: str) -> int:
        return (await get(slack, f"/client/file?as={who}&file={file_id}"))[0]

    assert [await reach(who) for who in ("sana", "countersign")] == [200, 200]
    assert [await reach(who) for who in ("erin", "gina", "mallory", "nobody")] == [404] * 4
    _status, content, headers = await get(slack, f"/client/file?as=sana&file={file_id}")
    assert content == b"internal words"
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''packet.md"
    assert headers["X-Content-Type-Options"] == "nosniff"
    slack.admin.remove_member("desk-triage", "sana")
    assert await reach("sana") == 404


async def test_a_deleted_message_takes_its_files_with_it(slack: LocalSlack, client: AsyncWebClient) -> None:
    answer = await client.files_upload_v2(channel=TRIAGE, content="x", filename="x.txt")
    ts = slack.person("sana").history("desk-triage")[-1]["ts"]

    await client.chat_delete(channel=TRIAGE, ts=ts)

    assert (await get(slack, f"/client/file?as=sana&file={answer['file']['id']}"))[0] == 404


async def test_another_app_reaches_a_file_only_where_its_bot_is(slack: LocalSlack, client: AsyncWebClient) -> None:
    other = slack.install("Other App", channels=["help"])
    theirs = AsyncWebClient(token=other.bot_token, base_url=slack.api_url)
    hidden = (await client.files_upload_v2(channel=TRIAGE, content="x", filename="x.txt"))["file"]
    shared = (await client.files_upload_v2(channel=HELP, content="x", filename="x.txt"))["file"]

    assert await refused(theirs, "files.info", file=hidden["id"]) == "file_not_found"
    assert (await theirs.files_info(file=shared["id"]))["ok"]
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {other.bot_token}"}) as session:
        async with session.get(hidden["url_private"]) as answer:
            assert answer.status == 404
        async with session.get(shared["url_private"]) as answer:
            assert answer.status == 200


async def test_what_could_hold_a_script_is_never_shown_but_downloaded(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    for name, content in (("a.svg", b"<svg onload='x()'/>"), ("a.html", b"<script>"), ("a.png", PNG)):
        await client.files_upload_v2(channel=HELP, file=content, filename=name)

    shown = [message["files"][0] for message in slack.person("bob").history("help")]
    kinds = [(await get(slack, file["client_url"]))[2] for file in shown]
    assert [one["Content-Type"] for one in kinds] == ["application/octet-stream"] * 2 + ["image/png"]
    assert ["Content-Disposition" in one for one in kinds] == [True, True, False]
    assert [file.get("is_picture", False) for file in shown] == [False, False, True]
