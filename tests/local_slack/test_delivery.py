"""Socket Mode and signed HTTP on the wire: acks, retries, faults, several connections."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from local_slack.server import LocalSlack
from tests.local_slack.conftest import Connect, quick_slack

Body = dict[str, Any]


class RawSocket:
    """A Socket Mode client that acknowledges only when told to."""

    def __init__(self, slack: LocalSlack, session: aiohttp.ClientSession) -> None:
        self.slack = slack
        self.session = session
        self.socket: Any = None

    async def open(self) -> Body:
        client = AsyncWebClient(base_url=self.slack.api_url)
        opened = await client.apps_connections_open(app_token=self.slack.app.app_token)
        self.socket = await self.session.ws_connect(str(opened["url"]))
        return await self.receive()

    async def receive(self, timeout: float = 2) -> Body:
        body: Body = json.loads((await self.socket.receive(timeout=timeout)).data)
        return body

    async def ack(self, envelope: Body, **more: Any) -> None:
        await self.socket.send_json({"envelope_id": envelope["envelope_id"], **more})

    async def is_quiet(self, seconds: float) -> bool:
        try:
            await self.socket.receive(timeout=seconds)
        except TimeoutError:
            return True
        return False


@pytest.fixture
async def raw(slack: LocalSlack) -> Any:
    async with aiohttp.ClientSession() as session:
        yield RawSocket(slack, session)


async def test_a_connection_says_hello_and_its_ticket_works_once(slack: LocalSlack, raw: RawSocket) -> None:
    client = AsyncWebClient(base_url=slack.api_url)
    url = str((await client.apps_connections_open(app_token=slack.app.app_token))["url"])
    first = await raw.session.ws_connect(url)

    hello = json.loads((await first.receive()).data)

    assert hello["type"] == "hello" and hello["num_connections"] == 1
    assert hello["connection_info"] == {"app_id": slack.app.app_id}
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await raw.session.ws_connect(url)


async def test_an_event_envelope_has_slacks_shape(slack: LocalSlack, raw: RawSocket) -> None:
    await raw.open()
    ts = await slack.person("mallory").post("ext-external", "help!")

    envelope = await raw.receive()
    await raw.ack(envelope)

    assert (envelope["type"], envelope["accepts_response_payload"]) == ("events_api", False)
    assert (envelope["retry_attempt"], envelope["retry_reason"]) == (0, "")
    body, event = envelope["payload"], envelope["payload"]["event"]
    assert body["type"] == "event_callback" and body["event_id"].startswith("Ev")
    assert body["api_app_id"] == slack.app.app_id and body["is_ext_shared_channel"] is True
    assert body["team_id"] == body["context_team_id"] == "T0ACME00001"
    assert body["authorizations"][0]["user_id"] == slack.app.bot_user_id
    assert (event["ts"], event["event_ts"], event["channel_type"]) == (ts, ts, "channel")
    assert event["user_team"] == event["source_team"] == event["team"] == "T0EXTERN001"


async def test_the_apps_own_posts_come_back_as_events(slack: LocalSlack, raw: RawSocket) -> None:
    await raw.open()
    client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
    ts = (await client.chat_postMessage(channel="C0HELP00001", text="mine"))["ts"]
    posted = await raw.receive()
    await raw.ack(posted)
    await client.chat_update(channel="C0HELP00001", ts=str(ts), text="changed")

    changed = (await raw.receive())["payload"]["event"]

    assert posted["payload"]["event"]["bot_id"] == slack.app.bot_id
    assert posted["payload"]["event"]["bot_profile"]["app_id"] == slack.app.app_id
    assert (changed["subtype"], changed["message"]["bot_id"]) == ("message_changed", slack.app.bot_id)


async def test_an_unacknowledged_event_comes_three_times_more(slack: LocalSlack, raw: RawSocket) -> None:
    await raw.open()
    await slack.person("bob").post("help", "hi")

    seen = [await raw.receive() for _ in range(4)]

    assert [e["retry_attempt"] for e in seen] == [0, 1, 2, 3]
    assert [e["retry_reason"] for e in seen] == ["", "timeout", "timeout", "timeout"]
    assert len({e["payload"]["event_id"] for e in seen}) == 1
    assert len({e["envelope_id"] for e in seen}) == 4
    assert await raw.is_quiet(0.8)


async def test_an_acknowledged_event_comes_once(slack: LocalSlack, raw: RawSocket) -> None:
    await raw.open()
    await slack.person("bob").post("help", "hi")

    await raw.ack(await raw.receive())

    assert await raw.is_quiet(0.8)


async def test_each_event_goes_to_one_of_several_connections(slack: LocalSlack, raw: RawSocket) -> None:
    other = RawSocket(slack, raw.session)
    await raw.open()
    hello = await other.open()
    for n in range(4):
        await slack.person("bob").post("help", str(n))

    texts = [[(await one.receive())["payload"]["event"]["text"] for _ in range(2)] for one in (raw, other)]

    assert hello["num_connections"] == 2
    assert sorted(texts[0] + texts[1]) == ["0", "1", "2", "3"]


async def test_the_eleventh_connection_is_refused(slack: LocalSlack, raw: RawSocket) -> None:
    lines = [RawSocket(slack, raw.session) for _ in range(10)]
    for line in lines:
        await line.open()

    refusal = await raw.open()

    assert refusal == {"type": "disconnect", "reason": "too_many_websockets"}


async def test_an_app_that_comes_late_still_gets_the_event_as_a_retry(slack: LocalSlack, raw: RawSocket) -> None:
    await slack.person("bob").post("help", "anybody there?")
    await asyncio.sleep(0.7)

    await raw.open()

    envelope = await raw.receive()
    assert envelope["retry_attempt"] >= 1


async def test_http_requests_are_signed_and_retried_with_a_reason(slack: LocalSlack) -> None:
    seen: list[tuple[dict[str, str], bytes]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((dict(request.headers), await request.read()))
        if len(seen) == 1:
            return web.Response(status=500)
        if len(seen) == 2:
            await asyncio.sleep(0.8)
        return web.Response(text="")

    async with serving(handle) as url:
        slack.http_app_url = url
        await slack.person("bob").post("help", "hi")
        await slack.wait_for(lambda: len(seen) == 3)

    verifier = SignatureVerifier(slack.app.signing_secret)
    assert all(verifier.is_valid_request(body, headers) for headers, body in seen)
    assert [h.get("X-Slack-Retry-Num") for h, _ in seen] == [None, "1", "2"]
    assert [h.get("X-Slack-Retry-Reason") for h, _ in seen] == [None, "http_error", "http_timeout"]


async def test_an_app_can_decline_retries(slack: LocalSlack) -> None:
    seen: list[bytes] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(await request.read())
        return web.Response(status=500, headers={"X-Slack-No-Retry": "1"})

    async with serving(handle) as url:
        slack.http_app_url = url
        await slack.person("bob").post("help", "hi")
        await slack.wait_for(lambda: seen)
        await asyncio.sleep(0.3)

    assert len(seen) == 1


class serving:
    """A bare HTTP app for one handler."""

    def __init__(self, handle: Any) -> None:
        app = web.Application()
        app.router.add_post("/", handle)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    async def __aenter__(self) -> str:
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self.runner.addresses[0][1]}/"

    async def __aexit__(self, *_: object) -> None:
        await self.runner.cleanup()


async def test_the_request_url_is_verified_with_a_challenge(
    slack: LocalSlack, app: AsyncApp, over_http: Connect
) -> None:
    await over_http(app)

    assert await slack.verify_url() is True


async def test_bolt_refuses_a_wrong_signature(slack: LocalSlack, app: AsyncApp, over_http: Connect) -> None:
    url = await over_http(app)

    async with aiohttp.ClientSession() as session:
        headers = {"X-Slack-Signature": "v0=00", "X-Slack-Request-Timestamp": "1"}
        async with session.post(url, json={"type": "event_callback"}, headers=headers) as answer:
            assert answer.status == 401


async def collected(app: AsyncApp, connect: Connect) -> list[Body]:
    seen: list[Body] = []

    @app.event("message")
    async def on_message(body: Body) -> None:
        seen.append(body)

    await connect(app)
    return seen


async def test_duplicates_carry_the_same_event_id(slack: LocalSlack, app: AsyncApp, connect: Connect) -> None:
    seen = await collected(app, connect)
    slack.faults.duplicate = True

    await slack.person("bob").post("help", "hi")

    await slack.wait_for(lambda: len(seen) == 2)
    assert seen[0]["event_id"] == seen[1]["event_id"]


async def test_reordered_events_swap_places_and_none_is_lost(
    slack: LocalSlack, app: AsyncApp, over_socket: Connect
) -> None:
    seen = await collected(app, over_socket)
    slack.faults.reorder = True

    for text in ("1", "2", "3"):
        await slack.person("bob").post("help", text)

    await slack.wait_for(lambda: len(seen) == 3)
    assert [b["event"]["text"] for b in seen] == ["2", "1", "3"]


async def test_dropped_events_come_again_when_the_network_is_back(
    slack: LocalSlack, app: AsyncApp, over_socket: Connect
) -> None:
    seen = await collected(app, over_socket)
    slack.faults.drop = True
    await slack.person("bob").post("help", "hi")
    await asyncio.sleep(0.2)
    assert seen == []

    slack.faults.drop = False

    await slack.wait_for(lambda: seen)


async def test_a_delay_holds_everything_back(slack: LocalSlack, app: AsyncApp, over_socket: Connect) -> None:
    seen = await collected(app, over_socket)
    slack.faults.delay_seconds = 0.3

    await slack.person("bob").post("help", "hi")

    await asyncio.sleep(0.15)
    assert seen == []
    await slack.wait_for(lambda: seen)


@pytest.mark.parametrize("abruptly", [False, True])
async def test_bolt_reconnects_after_a_disconnect_and_misses_nothing(
    slack: LocalSlack, app: AsyncApp, over_socket: Connect, abruptly: bool
) -> None:
    seen: list[str] = []

    @app.event("message")
    async def on_message(event: Body) -> None:
        seen.append(event["text"])

    handler: Any = await over_socket(app)
    handler.client.ping_interval = 0.2
    await slack.faults.disconnect(abruptly=abruptly)

    await slack.person("bob").post("help", "still there?")

    await slack.wait_for(lambda: seen, timeout=15)


async def test_a_forged_payload_goes_out_exactly_as_given(slack: LocalSlack, app: AsyncApp, connect: Connect) -> None:
    bodies: list[Body] = []

    @app.action("press")
    async def on_press(ack: Any, body: Body) -> None:
        await ack()
        bodies.append(body)

    await connect(app)
    client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
    press = {"type": "button", "action_id": "press", "value": "T-1", "text": {"type": "plain_text", "text": "Go"}}
    ts = (
        await client.chat_postMessage(
            channel="C0APPROVE01", text="x", blocks=[{"type": "actions", "elements": [press]}]
        )
    )["ts"]
    payload = slack.forge.click_payload("dana", "desk-approvals", str(ts), "press")
    payload["actions"][0]["value"] = "T-2"

    outcome = await slack.forge.send(payload)

    assert outcome.acked
    assert bodies[0]["user"]["id"] == "U0DANA00001"
    assert bodies[0]["actions"][0]["value"] == "T-2"


async def test_apps_that_need_no_events_get_none_and_a_manifest_restricts_them() -> None:
    manifest = {
        "features": {
            "bot_user": {"display_name": "Deskbot"},
            "slash_commands": [{"command": "/desk", "description": "d"}],
        },
        "oauth_config": {"scopes": {"bot": ["chat:write", "channels:history", "app_mentions:read"]}},
        "settings": {"event_subscriptions": {"bot_events": ["message.channels", "message.groups"]}},
    }
    async with quick_slack(manifest=manifest) as slack, aiohttp.ClientSession() as session:
        raw = RawSocket(slack, session)
        await raw.open()
        olivia = slack.person("olivia")

        await olivia.post("desk-triage", "needs groups:history, which the app has not")
        await olivia.post("help", f"<@{slack.app.bot_user_id}> no app_mention is subscribed to")
        envelope = await raw.receive()
        await raw.ack(envelope)

        assert envelope["payload"]["event"]["type"] == "message"
        assert envelope["payload"]["event"]["channel"] == "C0HELP00001"
        assert await raw.is_quiet(0.3)
        assert slack.app.name == "Deskbot"
        with pytest.raises(LookupError):
            await olivia.command("/other", channel="help")


async def test_an_app_token_is_needed_for_a_connection(slack: LocalSlack) -> None:
    with pytest.raises(SlackApiError) as refused:
        await AsyncWebClient(base_url=slack.api_url).apps_connections_open(app_token="xapp-wrong")

    assert refused.value.response["error"] == "invalid_auth"


async def test_two_hundred_events_a_second_are_no_effort(slack: LocalSlack, raw: RawSocket) -> None:
    await raw.open()
    acked = 0

    async def acknowledge() -> None:
        nonlocal acked
        async for message in raw.socket:
            await raw.ack(json.loads(message.data))
            acked += 1

    reader = asyncio.create_task(acknowledge())
    began = asyncio.get_running_loop().time()
    for n in range(400):
        await slack.person("bob").post("help", f"message {n}")
    await slack.wait_for(lambda: acked >= 400, timeout=20)
    seconds = asyncio.get_running_loop().time() - began
    reader.cancel()

    assert 400 / seconds > 200
