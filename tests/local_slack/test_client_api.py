"""The HTTP API of people's clients, and the live socket of the page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from local_slack.server import LocalSlack
from tests.local_slack.conftest import Connect, actions, button, modal, quick_slack

Body = dict[str, Any]
OLIVIA, MALLORY = "U0OLIVIA001", "U0MALLORY01"


class Page:
    """What the page's script does."""

    def __init__(self, slack: LocalSlack, session: aiohttp.ClientSession) -> None:
        self.slack = slack
        self.session = session

    async def get(self, path: str, **params: str) -> Body:
        query = {"as" if name == "as_" else name: value for name, value in params.items()}
        async with self.session.get(f"{self.slack.url}/client/{path}", params=query) as answer:
            body: Body = await answer.json()
            return body

    async def post(self, path: str, as_: str = OLIVIA, **body: Any) -> Body:
        async with self.session.post(f"{self.slack.url}/client/{path}", json={"as": as_, **body}) as answer:
            result: Body = await answer.json()
            return result


@pytest.fixture
async def page(slack: LocalSlack) -> AsyncIterator[Page]:
    async with aiohttp.ClientSession() as session:
        yield Page(slack, session)


async def test_the_cast_is_complete(page: Page) -> None:
    cast = await page.get("cast")

    assert cast["ok"] is True
    assert {t["name"] for t in cast["teams"]} == {"Acme", "External Example", "Globex", "Globex Labs"}
    mallory = next(u for u in cast["users"] if u["handle"] == "mallory")
    assert (mallory["display_name"], mallory["title"]) == ("Security Team Lead", "Head of Security")
    assert next(u for u in cast["users"] if u["handle"] == "dana")["flags"] == ["deleted"]
    assert [a["name"] for a in cast["apps"]] == ["Countersign", "Deploybot"]


async def test_a_person_sees_their_channels(page: Page) -> None:
    state = await page.get("state", as_=MALLORY)

    assert state["self"]["handle"] == "mallory" and state["team"]["name"] == "External Example"
    assert [(c["name"], c["is_ext_shared"]) for c in state["channels"]] == [("ext-external", True)]
    assert (await page.get("state", as_="U0NOBODY"))["error"] == "user_not_found"


async def test_messages_are_written_read_changed_and_deleted(page: Page) -> None:
    sent = await page.post(
        "message",
        MALLORY,
        channel="C0EXTEXT001",
        text="hello",
        files=[{"name": "a.png", "mimetype": "image/png", "size": 3}],
    )

    await page.post("edit", MALLORY, channel="C0EXTEXT001", ts=sent["ts"], text="hello again")
    await page.post("react", OLIVIA, channel="C0EXTEXT001", ts=sent["ts"], name="wave")
    await page.post("message", OLIVIA, channel="C0EXTEXT001", text="a reply", thread_ts=sent["ts"])
    shown = (await page.get("history", as_=OLIVIA, channel="C0EXTEXT001"))["messages"]

    assert [m["text"] for m in shown] == ["hello again"]
    assert shown[0]["author"] | {} == shown[0]["author"]
    assert (shown[0]["author"]["team_name"], shown[0]["author"]["is_external"]) == ("External Example", True)
    assert (shown[0]["reply_count"], shown[0]["reactions"][0]["name"]) == (1, "wave")
    refused = await page.post("delete", OLIVIA, channel="C0EXTEXT001", ts=sent["ts"])
    assert refused["error"] == "cant_delete_message" and refused["message"]
    assert (await page.post("delete", MALLORY, channel="C0EXTEXT001", ts=sent["ts"]))["ok"] is True


async def test_wrong_requests_are_explained(page: Page) -> None:
    unknown_field = await page.post("message", channel="help", text="x", colour="red")
    hidden = await page.get("history", as_=MALLORY, channel="C0HELP00001")
    deactivated = await page.post("message", "U0DANA00001", channel="help", text="x")

    assert unknown_field["error"] == "invalid_arguments" and "colour" in unknown_field["message"]
    assert hidden["error"] == "channel_not_found"
    assert deactivated["error"] == "not_allowed"


async def test_a_click_a_modal_and_its_errors_go_through_http(
    slack: LocalSlack, page: Page, app: AsyncApp, client: AsyncWebClient, over_socket: Connect
) -> None:
    @app.action("press")
    async def on_press(ack: Any, body: Body, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal())

    @app.view("ask")
    async def on_submit(ack: Any, view: Body) -> None:
        if view["state"]["values"]["reason"]["text"]["value"] == "no":
            await ack(response_action="errors", errors={"reason": "Say more."})
            return
        await ack()

    await over_socket(app)
    ts = (await client.chat_postMessage(channel="C0TRIAGE001", text="x", blocks=[actions(button())]))["ts"]

    clicked = await page.post(
        "click", container={"type": "message", "channel": "C0TRIAGE001", "ts": ts}, block_id="b1", action_id="press"
    )
    views = (await page.get("views", as_=OLIVIA))["views"]
    wrong = await page.post("view/submit", view_id=views[0]["id"], values={"reason": {"text": "no"}})
    right = await page.post("view/submit", view_id=views[0]["id"], values={"reason": {"text": "yes"}})

    assert clicked == {"ok": True, "acked": True}
    assert (wrong["ok"], wrong["error"], wrong["errors"]) == (False, "view_errors", {"reason": "Say more."})
    assert right == {"ok": True}
    assert (await page.get("views", as_=OLIVIA))["views"] == []
    missing = await page.post(
        "click", container={"type": "message", "channel": "C0TRIAGE001", "ts": ts}, action_id="other"
    )
    assert missing["error"] == "no_such_element"


async def test_the_live_socket_shows_only_what_its_person_may_see(
    slack: LocalSlack, page: Page, client: AsyncWebClient
) -> None:
    async with page.session.ws_connect(f"{slack.url}/client/live?as=U0SAM000001") as live:
        await client.chat_postEphemeral(channel="C0HELP00001", user=OLIVIA, text="for olivia")
        await slack.person("sana").post("general", "for all")
        await client.chat_postEphemeral(channel="C0HELP00001", user="U0SAM000001", text="for sam")
        await slack.person("mallory").post("ext-external", "from outside")
        pushed = [json.loads((await live.receive(timeout=30)).data) for _ in range(3)]

    assert [(p["type"], p["message"]["text"]) for p in pushed] == [
        ("message", "for all"),
        ("ephemeral", "for sam"),
        ("message", "from outside"),
    ]
    assert pushed[2]["message"]["author"]["is_external"] is True


async def test_the_live_socket_tells_of_views_and_time_outs(
    slack: LocalSlack, page: Page, client: AsyncWebClient
) -> None:
    async with page.session.ws_connect(f"{slack.url}/client/live?as={OLIVIA}") as live:
        await client.views_publish(user_id=OLIVIA, view={"type": "home", "blocks": []})
        await page.post("command", channel="help", command="/countersign", text="x")
        pushed = [json.loads((await live.receive(timeout=30)).data) for _ in range(2)]

    assert pushed[0]["type"] == "home_published"
    assert pushed[1] == {"type": "toast", "text": '/countersign failed with the error "operation_timeout"'}


async def test_faults_are_switched_over_http(slack: LocalSlack, page: Page) -> None:
    assert (await page.get("faults")) == {
        "ok": True,
        "duplicate": False,
        "reorder": False,
        "drop": False,
        "delay_seconds": 0.0,
    }

    await page.post("faults", duplicate=True, delay_seconds=1)

    assert slack.faults.duplicate is True and slack.faults.delay_seconds == 1.0
    assert (await page.post("faults", duplicate="yes"))["error"] == "invalid_arguments"
    assert (await page.post("faults/disconnect"))["ok"] is True


async def test_email_and_workflow_posts_come_in_over_http(slack: LocalSlack, page: Page) -> None:
    await page.post("email", to_channel="inbox", **{"from": "mallory@external.example"}, subject="Hi", text="x")
    await page.post("workflow_post", channel="help", username="Intake", text="new request")

    assert slack.person("olivia").history("inbox")[0]["files"][0]["subject"] == "Hi"
    assert slack.person("olivia").history("help")[0]["username"] == "Intake"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:80"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 200),
    ],
)
async def test_other_sites_are_kept_out(slack: LocalSlack, page: Page, headers: dict[str, str], status: int) -> None:
    for path in ("/client/cast", "/api/api.test"):
        async with page.session.get(slack.url + path, headers=headers) as answer:
            assert answer.status == status


async def test_the_page_is_served_with_a_strict_policy_and_nothing_beside_it(slack: LocalSlack, page: Page) -> None:
    async with page.session.get(slack.url + "/") as answer:
        assert answer.status in (200, 404)
        if answer.status == 200:
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    async with page.session.get(f"{slack.url}/page/..%2fserver.py") as answer:
        assert answer.status == 404


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_ELEMENTS: list[Body] = [
    {"type": "datepicker"},
    {"type": "timepicker"},
    {"type": "datetimepicker"},
    {"type": "users_select"},
    {"type": "multi_users_select"},
    {"type": "conversations_select"},
    {"type": "multi_channels_select"},
    {"type": "plain_text_input"},
    {"type": "email_text_input"},
    {"type": "url_text_input"},
    {"type": "number_input", "is_decimal_allowed": True, "min_value": "1", "max_value": "2.5"},
    {"type": "rich_text_input"},
    {"type": "file_input"},
    {"type": "external_select"},
    {"type": "checkboxes", "options": [{"text": {"type": "plain_text", "text": "a"}, "value": "a"}]},
]


@settings(max_examples=60, deadline=None)
@given(st.lists(_JUNK, min_size=len(_ELEMENTS), max_size=len(_ELEMENTS)))
async def test_no_value_breaks_an_input(values: list[Any]) -> None:
    async with quick_slack(ack_seconds=0.01) as slack, aiohttp.ClientSession() as session:
        page = Page(slack, session)
        blocks = [
            {
                "type": "input",
                "block_id": f"b{n}",
                "label": {"type": "plain_text", "text": "L"},
                "element": {**element, "action_id": "a"},
            }
            for n, element in enumerate(_ELEMENTS)
        ]
        client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
        ts = (await client.chat_postMessage(channel="C0TRIAGE001", text="x", blocks=[actions(button())]))["ts"]
        trigger = slack.forge.click_payload("olivia", "desk-triage", str(ts), "press")["trigger_id"]
        opened = await client.views_open(trigger_id=trigger, view=modal(*blocks))

        for n, value in enumerate(values):
            answer = await page.post("view/submit", view_id=opened["view"]["id"], values={f"b{n}": {"a": value}})
            assert answer["ok"] is False and answer["message"]
            container = {"type": "view", "view_id": opened["view"]["id"]}
            assert "ok" in await page.post("click", container=container, action_id="a", block_id=f"b{n}", value=value)
