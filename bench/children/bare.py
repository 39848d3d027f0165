"""Baselines: Bolt apps that decide and keep nothing, behind the same aiohttp adapter and the same signature check.

`default` and `before` answer events with an empty listener: with Bolt's default settings, and with
`process_before_response=True`. `identity` answers clicks after asking Slack live who pressed, as the product must.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bench.children.conversation import converse

PATH = "/slack/events"


def empty_app(client: AsyncWebClient, *, process_before_response: bool) -> AsyncApp:
    """A Bolt app with one listener for messages, which does nothing."""
    app = AsyncApp(
        client=client,
        signing_secret=os.environ["SLACK_SIGNING_SECRET"],
        process_before_response=process_before_response,
    )

    @app.event("message")
    async def nothing() -> None:
        pass

    return app


def identity_app(client: AsyncWebClient) -> AsyncApp:
    """A Bolt app that resolves who clicked, tells them so, and decides nothing."""
    app = AsyncApp(client=client, signing_secret=os.environ["SLACK_SIGNING_SECRET"], process_before_response=True)
    group, telling = os.environ["COUNTERSIGN_SECURITY_GROUP"], set()

    @app.action("request.approve")
    async def approve(ack: Any, body: dict[str, Any]) -> None:
        user = body["user"]["id"]
        await client.users_info(user=user)
        await client.usergroups_users_list(usergroup=group, include_disabled=False)
        told = asyncio.create_task(
            client.chat_postEphemeral(channel=body["container"]["channel_id"], user=user, text="Noted.")
        )
        telling.add(told)
        told.add_done_callback(telling.discard)
        await ack()

    return app


async def main(kind: str) -> None:
    # Taken out of the environment: Bolt would warn that it was given the token twice.
    client = AsyncWebClient(token=os.environ.pop("SLACK_BOT_TOKEN"), base_url=os.environ["COUNTERSIGN_SLACK_API_URL"])
    bolt = identity_app(client) if kind == "identity" else empty_app(client, process_before_response=kind == "before")

    async def events(request: web.Request) -> web.Response:
        return await to_aiohttp_response(await bolt.async_dispatch(await to_bolt_request(request)))

    app = web.Application()
    app.router.add_post(PATH, events)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    await converse({"url": f"http://{host}:{port}{PATH}", "pid": os.getpid()})
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
