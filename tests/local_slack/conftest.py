"""A running local Slack, and real Bolt apps connected to it over either transport."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from local_slack.server import LocalSlack

Connect = Callable[[AsyncApp], Awaitable[Any]]


def quick_slack(**options: Any) -> LocalSlack:
    """A local Slack without rate limits and with short retry delays, unless a test says otherwise."""
    defaults: dict[str, Any] = {
        "counts_calls": False,
        "post_interval_seconds": 0,
        "post_burst": 1,
        "ack_seconds": 0.5,
        "retry_delays_seconds": (0.05, 0.05, 0.05),
    }
    return LocalSlack(**{**defaults, **options})


def bolt_app(slack: LocalSlack) -> AsyncApp:
    """A real Bolt app with the local Slack's credentials; it acknowledges whatever it has no listener for."""
    logging.getLogger("slack_bolt").setLevel(logging.ERROR)
    client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
    return AsyncApp(client=client, signing_secret=slack.app.signing_secret, process_before_response=True)


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with quick_slack() as running:
        yield running


@pytest.fixture
def client(slack: LocalSlack) -> AsyncWebClient:
    return AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)


@pytest.fixture
def app(slack: LocalSlack) -> AsyncApp:
    return bolt_app(slack)


@pytest.fixture
async def over_socket(slack: LocalSlack) -> AsyncIterator[Connect]:
    """Connect Bolt apps by Socket Mode, closed again afterwards."""
    handlers: list[AsyncSocketModeHandler] = []

    async def connect(app: AsyncApp) -> AsyncSocketModeHandler:
        handler = AsyncSocketModeHandler(app, slack.app.app_token)
        handlers.append(handler)
        before = slack.socket_count
        await handler.connect_async()
        await slack.wait_for(lambda: slack.socket_count > before)
        return handler

    yield connect
    for handler in handlers:
        await handler.close_async()


@pytest.fixture
async def over_http(slack: LocalSlack) -> AsyncIterator[Connect]:
    """Serve Bolt apps at a request URL, signature checks included."""
    runners: list[web.AppRunner] = []

    async def connect(app: AsyncApp) -> str:
        async def handle(request: web.Request) -> web.Response:
            bolt_response = await app.async_dispatch(await to_bolt_request(request))
            return await to_aiohttp_response(bolt_response)

        site = web.Application()
        site.router.add_post("/slack/events", handle)
        runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.5)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        slack.http_app_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
        return slack.http_app_url

    yield connect
    for runner in runners:
        await runner.cleanup()


@pytest.fixture(params=["socket", "http"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Either transport: a test that takes this runs over both."""
    fixture: Connect = request.getfixturevalue(f"over_{request.param}")
    return fixture


def button(action_id: str = "press", value: str = "v1", text: str = "Press") -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "value": value, "text": {"type": "plain_text", "text": text}}


def actions(*elements: dict[str, Any], block_id: str = "b1") -> dict[str, Any]:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def section(text: str = "hello", **fields: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **fields}


def text_input(block_id: str = "reason", action_id: str = "text", **fields: Any) -> dict[str, Any]:
    return {
        "type": "input",
        "block_id": block_id,
        "label": {"type": "plain_text", "text": "Reason"},
        "element": {"type": "plain_text_input", "action_id": action_id, **fields},
    }


def modal(*blocks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": "ask",
        "title": {"type": "plain_text", "text": "Ask"},
        "submit": {"type": "plain_text", "text": "Send"},
        "blocks": list(blocks or (text_input(),)),
        **fields,
    }
