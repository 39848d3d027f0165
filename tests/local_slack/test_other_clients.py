"""Clients other than Bolt's asynchronous ones: the synchronous Bolt app and the built-in socket client."""

from __future__ import annotations

import asyncio
from typing import Any

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from local_slack.server import LocalSlack
from tests.local_slack.conftest import actions, button, modal


async def test_the_synchronous_bolt_app_runs_against_it_too(slack: LocalSlack) -> None:
    client = WebClient(token=slack.app.bot_token, base_url=slack.api_url)
    submitted: list[str] = []

    def build() -> tuple[App, SocketModeHandler]:
        app = App(client=client)
        app.event("message")(lambda event, say: say(text="card", blocks=[actions(button())], thread_ts=event["ts"]))

        @app.action("press")
        def on_press(ack: Any, body: dict[str, Any]) -> None:
            ack()
            client.views_open(trigger_id=body["trigger_id"], view=modal())

        @app.view("ask")
        def on_submit(ack: Any, view: dict[str, Any]) -> None:
            submitted.append(view["state"]["values"]["reason"]["text"]["value"])
            ack()

        handler = SocketModeHandler(app, slack.app.app_token)
        handler.connect()
        return app, handler

    _, handler = await asyncio.to_thread(build)
    try:
        await slack.wait_for(lambda: slack.socket_count == 1)
        sam = slack.person("sam")
        ts = await sam.post("help", "hello")
        card = (await slack.wait_for(lambda: sam.history("help", ts)[1:]))[0]

        await sam.click("help", card["ts"], "press")
        await slack.wait_for(sam.modals)
        assert await sam.submit(values={"reason": "from a thread"}) == {}

        assert submitted == ["from a thread"]
    finally:
        await asyncio.to_thread(handler.close)
