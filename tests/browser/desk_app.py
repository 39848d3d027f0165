"""A small real Bolt app that uses what the page has to show: cards, modals, a Home tab, a command, a shortcut."""

from __future__ import annotations

import logging
import re
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from local_slack.server import LocalSlack

MANIFEST: dict[str, Any] = {
    "display_information": {"name": "Countersign"},
    "features": {
        "bot_user": {"display_name": "Countersign"},
        "app_home": {"home_tab_enabled": True},
        "slash_commands": [{"command": "/desk", "description": "Look at tickets", "usage_hint": "[tickets]"}],
        "shortcuts": [{"name": "Make a ticket", "type": "message", "callback_id": "make_ticket", "description": "x"}],
    },
    "oauth_config": {
        "scopes": {
            "bot": [
                "channels:history",
                "groups:history",
                "chat:write",
                "commands",
                "users:read",
                "channels:read",
                "groups:read",
            ]
        }
    },
    "settings": {"event_subscriptions": {"bot_events": ["message.channels", "app_home_opened"]}},
}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


SEVERITIES = [{"text": plain(name.title()), "value": name} for name in ("low", "high")]

CARD: list[dict[str, Any]] = [
    {"type": "header", "block_id": "title", "text": plain("Ticket 17")},
    {"type": "section", "block_id": "facts", "fields": [mrkdwn("*Severity*\nhigh"), plain("*Requester*\nmallory")]},
    {
        "type": "actions",
        "block_id": "decide",
        "elements": [
            {
                "type": "button",
                "action_id": "confirm_key",
                "text": plain("Confirm key"),
                "style": "primary",
                "value": "17",
            },
            {
                "type": "button",
                "action_id": "reject",
                "text": plain("Reject"),
                "style": "danger",
                "value": "17",
                "confirm": {
                    "title": plain("Reject it?"),
                    "text": plain("Nobody can undo this."),
                    "confirm": plain("Reject"),
                    "deny": plain("Keep"),
                },
            },
            {"type": "static_select", "action_id": "severity", "placeholder": plain("Severity"), "options": SEVERITIES},
        ],
    },
]

KEY_MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "key",
    "title": plain("Confirm the key"),
    "submit": plain("Propose"),
    "close": plain("Not now"),
    "blocks": [
        {
            "type": "input",
            "block_id": "key",
            "label": plain("Key id"),
            "hint": plain("As its owner wrote it"),
            "element": {"type": "plain_text_input", "action_id": "key_id", "min_length": 3},
        },
        {
            "type": "input",
            "block_id": "severity",
            "label": plain("Severity"),
            "element": {"type": "static_select", "action_id": "severity", "options": SEVERITIES},
        },
        {
            "type": "actions",
            "block_id": "more",
            "elements": [{"type": "button", "action_id": "why", "text": plain("Why do you ask?")}],
        },
    ],
}

WHY_MODAL: dict[str, Any] = {
    "type": "modal",
    "title": plain("Why"),
    "blocks": [{"type": "section", "text": plain("It came from a stranger.")}],
}


def home_view(visits: int) -> dict[str, Any]:
    return {
        "type": "home",
        "blocks": [
            {"type": "section", "block_id": "count", "text": plain(f"Looked at {visits} times")},
            {
                "type": "actions",
                "block_id": "again",
                "elements": [{"type": "button", "action_id": "look_again", "text": plain("Look again")}],
            },
        ],
    }


def element(kind: str, **fields: Any) -> dict[str, Any]:
    """An interactive element whose action the app only writes down."""
    return {"type": kind, "action_id": f"probe_{kind}", **fields}


PROBES: list[dict[str, Any]] = [
    {
        "type": "actions",
        "block_id": "menus",
        "elements": [
            element("multi_static_select", placeholder=plain("Several"), options=SEVERITIES),
            element("external_select", placeholder=plain("Find a key"), min_query_length=2),
            element("users_select", placeholder=plain("Who")),
            element("channels_select", placeholder=plain("Where")),
            element("overflow", options=SEVERITIES),
        ],
    },
    {
        "type": "actions",
        "block_id": "times",
        "elements": [
            element("datepicker"),
            element("timepicker"),
            element("datetimepicker"),
        ],
    },
    {
        "type": "actions",
        "block_id": "boxes",
        "elements": [
            element("radio_buttons", options=SEVERITIES),
            element("checkboxes", options=SEVERITIES),
        ],
    },
    {
        "type": "section",
        "block_id": "docs",
        "text": mrkdwn("Documents"),
        "accessory": element("button", text=plain("Read"), url="https://docs.example/page"),
    },
]


def desk_app(slack: LocalSlack, actions: list[dict[str, Any]]) -> AsyncApp:
    """The app, with the local Slack's credentials; every block action's payload is also put in `actions`."""
    logging.getLogger("slack_bolt").setLevel(logging.ERROR)
    client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
    app = AsyncApp(client=client, signing_secret=slack.app.signing_secret)
    visits = {"count": 0}

    @app.event("message")
    async def on_message(event: dict[str, Any], client: AsyncWebClient) -> None:
        if event.get("text") == "card please":
            await client.chat_postMessage(channel=event["channel"], text="Ticket 17", blocks=CARD)

    @app.action(re.compile("^probe_"))
    async def on_probe(ack: Any, body: dict[str, Any]) -> None:
        actions.append(body)
        await ack()

    @app.options("probe_external_select")
    async def on_options(ack: Any, body: dict[str, Any]) -> None:
        await ack(options=[{"text": plain(f"{body['value']}_{n}"), "value": f"key-{n}"} for n in (1, 2)])

    @app.action("confirm_key")
    async def on_confirm(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=KEY_MODAL)

    @app.action("why")
    async def on_why(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        actions.append(body)
        await ack()
        await client.views_push(trigger_id=body["trigger_id"], view=WHY_MODAL)

    @app.action("reject")
    async def on_reject(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.chat_postEphemeral(
            channel=body["channel"]["id"], user=body["user"]["id"], text="You may not reject: you asked for it."
        )

    @app.action("severity")
    async def on_severity(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        chosen = body["actions"][0]["selected_option"]["value"]
        text = f"Severity is now {chosen}"
        blocks = [{"type": "section", "block_id": "facts", "text": plain(text)}]
        await client.chat_update(channel=body["channel"]["id"], ts=body["message"]["ts"], text=text, blocks=blocks)

    @app.view("key")
    async def on_key(ack: Any, body: dict[str, Any], view: dict[str, Any], client: AsyncWebClient) -> None:
        values = view["state"]["values"]
        key_id = values["key"]["key_id"]["value"]
        if not key_id.startswith("ak_"):
            await ack(response_action="errors", errors={"key": f"{key_id} is no key id."})
            return
        await ack()
        severity = values["severity"]["severity"]["selected_option"]["value"]
        await client.chat_postMessage(channel="C0HELP00001", text=f"Proposed for {key_id}, severity {severity}")

    @app.event("app_home_opened")
    async def on_home(event: dict[str, Any], client: AsyncWebClient) -> None:
        visits["count"] += 1
        await client.views_publish(user_id=event["user"], view=home_view(visits["count"]))

    @app.action("look_again")
    async def on_look_again(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        visits["count"] += 1
        await client.views_publish(user_id=body["user"]["id"], view=home_view(visits["count"]))

    @app.shortcut("make_ticket")
    async def on_shortcut(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.chat_postMessage(
            channel=body["channel"]["id"], thread_ts=body["message"]["ts"], text="A ticket was made"
        )

    @app.command("/desk")
    async def on_command(ack: Any, command: dict[str, Any]) -> None:
        await ack(text=f"No tickets match {command['text']}")

    return app
