"""Clicks, modals, commands and shortcuts with a real Bolt app, over both transports."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from local_slack.server import LocalSlack
from tests.local_slack.conftest import Connect, actions, button, modal, quick_slack, section, text_input

Body = dict[str, Any]


async def post_card(client: AsyncWebClient, channel: str = "C0APPROVE01", *blocks: Body) -> str:
    posted = await client.chat_postMessage(channel=channel, text="card", blocks=list(blocks) or [actions(button())])
    return str(posted["ts"])


async def test_a_message_reaches_the_app_and_its_reply_reaches_the_thread(
    slack: LocalSlack, app: AsyncApp, connect: Connect
) -> None:
    @app.event("message")
    async def on_message(event: Body, client: AsyncWebClient) -> None:
        await client.chat_postMessage(channel=event["channel"], thread_ts=event["ts"], text="got it")

    await connect(app)

    ts = await slack.person("olivia").post("help", "my laptop is broken")

    thread = await slack.wait_for(lambda: slack.person("erin").history("help", ts)[1:])
    assert [m["text"] for m in thread] == ["got it"]
    assert thread[0]["author"]["name"] == "Countersign"


async def test_a_click_carries_the_stored_value_and_the_clicker(
    slack: LocalSlack, app: AsyncApp, client: AsyncWebClient, connect: Connect
) -> None:
    bodies: list[Body] = []

    @app.action("press")
    async def on_press(ack: Any, body: Body, respond: Any) -> None:
        await ack()
        bodies.append(body)
        await respond(text="done", replace_original=True)

    await connect(app)
    ts = await post_card(client)

    outcome = await slack.person("victor").click("desk-approvals", ts, "press")

    assert outcome is not None and outcome.acked
    assert bodies[0]["user"]["id"] == "U0VICTOR001"
    assert bodies[0]["actions"][0]["value"] == "v1"
    assert bodies[0]["container"] == {
        "type": "message",
        "message_ts": ts,
        "channel_id": "C0APPROVE01",
        "is_ephemeral": False,
    }
    await slack.wait_for(lambda: slack.person("victor").history("desk-approvals")[-1]["text"] == "done")
    assert "blocks" not in slack.person("victor").history("desk-approvals")[-1]


async def test_in_a_shared_channel_team_is_the_apps_and_user_team_the_clickers(
    slack: LocalSlack, app: AsyncApp, client: AsyncWebClient, connect: Connect
) -> None:
    bodies: list[Body] = []

    @app.action("press")
    async def on_press(ack: Any, body: Body) -> None:
        await ack()
        bodies.append(body)

    await connect(app)
    ts = await post_card(client, "C0EXTEXT001")

    await slack.person("mallory").click("ext-external", ts, "press")

    assert bodies[0]["team"]["id"] == "T0ACME00001"
    assert bodies[0]["user"]["team_id"] == "T0EXTERN001"


async def test_what_is_not_in_the_stored_message_cannot_be_clicked(slack: LocalSlack, client: AsyncWebClient) -> None:
    ts = await post_card(client)
    victor = slack.person("victor")

    with pytest.raises(LookupError):
        await victor.click("desk-approvals", ts, "other")
    with pytest.raises(LookupError):
        await victor.click("desk-approvals", ts, "press", value="forged")
    with pytest.raises(LookupError):
        await slack.person("erin").click("desk-approvals", ts, "press")


async def test_a_modal_goes_from_click_to_submission(
    slack: LocalSlack, app: AsyncApp, client: AsyncWebClient, connect: Connect
) -> None:
    submitted: list[Body] = []

    @app.action("press")
    async def on_press(ack: Any, body: Body, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal(private_metadata="x"))

    @app.view("ask")
    async def on_submit(ack: Any, body: Body) -> None:
        text = body["view"]["state"]["values"]["reason"]["text"]["value"]
        if text == "no":
            await ack(response_action="errors", errors={"reason": "Say more."})
            return
        submitted.append(body)
        await ack()

    await connect(app)
    ts = await post_card(client)
    victor = slack.person("victor")
    await victor.click("desk-approvals", ts, "press")

    assert (await victor.submit(values={}))["errors"] == {"reason": "Please complete this required field."}
    assert (await victor.submit(values={"reason": "no"}))["errors"] == {"reason": "Say more."}
    assert await victor.submit(values={"reason": "because"}) == {}

    assert victor.modals() == []
    assert submitted[0]["view"]["private_metadata"] == "x"
    assert submitted[0]["user"]["team_id"] == "T0ACME00001"


async def test_a_command_answers_in_its_ack(slack: LocalSlack, app: AsyncApp, connect: Connect) -> None:
    @app.command("/countersign")
    async def on_command(ack: Any, command: Body) -> None:
        await ack(f"you said {command['text']}")

    await connect(app)

    outcome = await slack.person("olivia").command("/countersign", "tickets", channel="help")

    assert outcome.acked
    assert [m["text"] for m in slack.person("olivia").ephemerals("help")] == ["you said tickets"]
    assert slack.person("sam").ephemerals("help") == []


async def test_a_trigger_works_once_and_for_three_seconds(
    slack: LocalSlack, app: AsyncApp, client: AsyncWebClient, over_socket: Connect
) -> None:
    triggers: list[str] = []

    @app.shortcut("new_ticket")
    async def on_shortcut(ack: Any, body: Body) -> None:
        await ack()
        triggers.append(body["trigger_id"])

    await over_socket(app)
    await slack.person("olivia").shortcut("new_ticket")

    await client.views_open(trigger_id=triggers[0], view=modal())

    with pytest.raises(SlackApiError) as used:
        await client.views_open(trigger_id=triggers[0], view=modal())
    assert used.value.response["error"] == "exchanged_trigger_id"
    with pytest.raises(SlackApiError) as unknown:
        await client.views_open(trigger_id="1.2.abc", view=modal())
    assert unknown.value.response["error"] == "invalid_trigger_id"


async def test_a_message_shortcut_carries_the_message(slack: LocalSlack, app: AsyncApp, connect: Connect) -> None:
    bodies: list[Body] = []

    @app.shortcut({"callback_id": "make_ticket", "type": "message_action"})
    async def on_shortcut(ack: Any, body: Body) -> None:
        await ack()
        bodies.append(body)

    await connect(app)
    ts = await slack.person("bob").post("general", "please look at this")

    await slack.person("olivia").shortcut("make_ticket", channel="general", ts=ts)

    assert bodies[0]["message"]["text"] == "please look at this"
    assert bodies[0]["message_ts"] == ts
    assert bodies[0]["user"]["id"] == "U0OLIVIA001"


async def test_opening_home_lets_the_app_publish(slack: LocalSlack, app: AsyncApp, connect: Connect) -> None:
    @app.event("app_home_opened")
    async def on_home(event: Body, client: AsyncWebClient) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [section("Your tickets")]})

    await connect(app)

    await slack.person("olivia").open_home()

    home = await slack.wait_for(lambda: slack.person("olivia").home())
    assert home["blocks"][0]["text"]["text"] == "Your tickets"
    assert slack.person("sam").home() is None


async def test_menus_in_a_message_keep_their_state_and_offer_only_their_options(
    slack: LocalSlack, app: AsyncApp, client: AsyncWebClient, over_socket: Connect
) -> None:
    bodies: list[Body] = []

    @app.action("pick")
    async def on_pick(ack: Any, body: Body) -> None:
        await ack()
        bodies.append(body)

    await over_socket(app)
    option = {"text": {"type": "plain_text", "text": "High"}, "value": "high"}
    menu = {"type": "static_select", "action_id": "pick", "options": [option]}
    ts = await post_card(client, "C0TRIAGE001", actions(menu))

    await slack.person("sam").click("desk-triage", ts, "pick", value="high")

    assert bodies[0]["actions"][0]["selected_option"]["value"] == "high"
    assert bodies[0]["state"]["values"]["b1"]["pick"]["selected_option"]["value"] == "high"
    with pytest.raises(LookupError):
        await slack.person("sam").click("desk-triage", ts, "pick", value="made-up")


async def test_external_selects_offer_what_the_app_suggests(
    slack: LocalSlack, app: AsyncApp, client: AsyncWebClient, connect: Connect
) -> None:
    @app.options("find")
    async def on_find(ack: Any, payload: Body) -> None:
        await ack(options=[{"text": {"type": "plain_text", "text": payload["value"]}, "value": "k1"}])

    @app.action("find")
    async def on_chosen(ack: Any) -> None:
        await ack()

    await connect(app)
    ts = await post_card(client, "C0TRIAGE001", actions({"type": "external_select", "action_id": "find"}))
    sam = slack.person("sam")

    with pytest.raises(LookupError):
        await sam.click("desk-triage", ts, "find", value="k1")
    assert (await sam.options("desk-triage", ts, "find", "key"))["options"][0]["text"]["text"] == "key"
    outcome = await sam.click("desk-triage", ts, "find", value="k1")

    assert outcome is not None and outcome.acked


async def test_views_can_be_pushed_updated_and_cleared(slack: LocalSlack, app: AsyncApp, over_socket: Connect) -> None:
    closed: list[Body] = []

    @app.shortcut("start")
    async def on_start(ack: Any, body: Body, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(
            trigger_id=body["trigger_id"], view=modal(text_input(), actions(button("more")), notify_on_close=True)
        )

    @app.action("more")
    async def on_more(ack: Any, body: Body, client: AsyncWebClient) -> None:
        await ack()
        await client.views_push(trigger_id=body["trigger_id"], view=modal(section("details"), callback_id="two"))

    @app.view("two")
    async def on_two(ack: Any) -> None:
        await ack(response_action="update", view=modal(section("changed"), callback_id="three"))

    @app.view("three")
    async def on_three(ack: Any) -> None:
        await ack()

    @app.view_closed("ask")
    async def on_closed(ack: Any, body: Body) -> None:
        await ack()
        closed.append(body)

    await over_socket(app)
    olivia = slack.person("olivia")
    await olivia.shortcut("start")
    await olivia.click_in_modal("more")

    assert [v["callback_id"] for v in olivia.modals()] == ["ask", "two"]
    assert olivia.modals()[1]["previous_view_id"] == olivia.modals()[0]["id"]
    assert await olivia.submit() == {"response_action": "update"}
    assert [v["callback_id"] for v in olivia.modals()] == ["ask", "three"]
    assert await olivia.submit() == {}
    await olivia.close()
    assert olivia.modals() == [] and closed[0]["is_cleared"] is False


async def test_views_update_notices_a_changed_hash(
    slack: LocalSlack, app: AsyncApp, client: AsyncWebClient, over_socket: Connect
) -> None:
    @app.shortcut("start")
    async def on_start(ack: Any, body: Body, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal())

    await over_socket(app)
    await slack.person("olivia").shortcut("start")
    opened = slack.person("olivia").modals()[0]
    await client.views_update(view_id=opened["id"], hash=opened["hash"], view=modal(section("two")))

    with pytest.raises(SlackApiError) as conflict:
        await client.views_update(view_id=opened["id"], hash=opened["hash"], view=modal(section("three")))

    assert conflict.value.response["error"] == "hash_conflict"


async def test_a_response_url_works_five_times(slack: LocalSlack, app: AsyncApp, over_socket: Connect) -> None:
    statuses: list[int] = []

    @app.command("/countersign")
    async def on_command(ack: Any, respond: Any) -> None:
        await ack()
        for number in range(6):
            statuses.append((await respond(f"answer {number}")).status_code)

    await over_socket(app)
    await slack.person("olivia").command("/countersign", "", channel="help")

    await slack.wait_for(lambda: len(statuses) == 6)
    assert statuses == [200] * 5 + [404]
    assert len(slack.person("olivia").ephemerals("help")) == 5


async def test_an_ephemeral_message_is_seen_by_one_person_and_gone_on_reload(
    slack: LocalSlack, app: AsyncApp, client: AsyncWebClient, over_socket: Connect
) -> None:
    bodies: list[Body] = []

    @app.action("press")
    async def on_press(ack: Any, body: Body, respond: Any) -> None:
        await ack()
        bodies.append(body)
        await respond(text="changed", replace_original=True)

    await over_socket(app)
    await client.chat_postEphemeral(channel="C0HELP00001", user="U0SAM000001", text="psst", blocks=[actions(button())])
    sam = slack.person("sam")
    ts = sam.ephemerals("help")[0]["ts"]

    with pytest.raises(LookupError):
        await slack.person("olivia").click("help", ts, "press")
    await sam.click("help", ts, "press")

    assert "message" not in bodies[0] and bodies[0]["container"]["is_ephemeral"] is True
    await slack.wait_for(lambda: sam.ephemerals("help")[0]["text"] == "changed")
    history = await client.conversations_history(channel="C0HELP00001")
    assert history["messages"] == []
    sam.reload()
    assert sam.ephemerals("help") == []


async def test_in_a_modal_even_team_is_the_outsiders_and_only_the_view_names_the_apps(
    slack: LocalSlack, app: AsyncApp, client: AsyncWebClient, over_socket: Connect
) -> None:
    bodies: list[Body] = []

    @app.action("press")
    async def on_press(ack: Any, body: Body, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal(section("sure?")))

    @app.view("ask")
    async def on_submit(ack: Any, body: Body) -> None:
        await ack()
        bodies.append(body)

    await over_socket(app)
    ts = await post_card(client, "C0EXTEXT001")
    mallory = slack.person("mallory")
    await mallory.click("ext-external", ts, "press")

    assert await mallory.submit() == {}

    assert bodies[0]["user"]["team_id"] == bodies[0]["team"]["id"] == "T0EXTERN001"
    assert bodies[0]["view"]["app_installed_team_id"] == "T0ACME00001"


async def test_buttons_in_attachments_can_be_clicked(
    slack: LocalSlack, app: AsyncApp, client: AsyncWebClient, over_socket: Connect
) -> None:
    pressed: list[str] = []

    @app.action("press")
    async def on_press(ack: Any, action: Body) -> None:
        await ack()
        pressed.append(action["value"])

    await over_socket(app)
    ts = (
        await client.chat_postMessage(
            channel="C0HELP00001",
            text="x",
            attachments=[{"color": "#f00", "blocks": [actions(button(value="inside"))]}],
        )
    )["ts"]

    await slack.person("sam").click("help", str(ts), "press")

    assert pressed == ["inside"]


async def test_an_app_that_does_not_answer_a_submission_leaves_the_modal_open(
    slack: LocalSlack, app: AsyncApp, over_socket: Connect
) -> None:
    @app.shortcut("start")
    async def on_start(ack: Any, body: Body, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal())

    await over_socket(app)
    olivia = slack.person("olivia")
    await olivia.shortcut("start")

    assert await olivia.submit(values={"text": "hello"}) == {"error": "operation_timeout"}

    assert len(olivia.modals()) == 1
    assert olivia.modals()[0]["state"]["values"]["reason"]["text"]["value"] == "hello"


async def test_inputs_are_checked_before_the_app_hears_of_them(
    slack: LocalSlack, app: AsyncApp, over_socket: Connect
) -> None:
    number = {
        "type": "input",
        "block_id": "n",
        "label": {"type": "plain_text", "text": "N"},
        "optional": True,
        "element": {"type": "number_input", "action_id": "n", "is_decimal_allowed": False, "max_value": "9"},
    }

    @app.shortcut("start")
    async def on_start(ack: Any, body: Body, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal(text_input(max_length=5), number))

    await over_socket(app)
    olivia = slack.person("olivia")
    await olivia.shortcut("start")

    result = await olivia.submit(values={"reason": "far too long", "n": "12"})

    assert set(result["errors"]) == {"reason", "n"}
    assert slack.calls[-1].method == "views.open"


async def test_triggers_and_response_urls_grow_old() -> None:
    now = [1_800_000_000.0]
    async with quick_slack(clock=lambda: now[0]) as slack, aiohttp.ClientSession() as session:
        client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
        ts = await post_card(client)
        payload = slack.forge.click_payload("victor", "desk-approvals", ts, "press")

        now[0] += 3.1
        with pytest.raises(SlackApiError) as expired:
            await client.views_open(trigger_id=payload["trigger_id"], view=modal())
        async with session.post(payload["response_url"], json={"text": "in time"}) as answer:
            in_time = answer.status
        now[0] += 30 * 60
        async with session.post(payload["response_url"], json={"text": "too late"}) as answer:
            late = (answer.status, await answer.json())

    assert expired.value.response["error"] == "expired_trigger_id"
    assert in_time == 200
    assert late == (404, {"ok": False, "error": "expired_url"})


async def test_a_response_url_can_post_replace_and_delete(slack: LocalSlack, client: AsyncWebClient) -> None:
    ts = await post_card(client)
    victor = slack.person("victor")
    url = slack.forge.click_payload("victor", "desk-approvals", ts, "press")["response_url"]
    async with aiohttp.ClientSession() as session:
        bodies = [
            {"text": "for all", "response_type": "in_channel"},
            {"text": "x", "replace_original": True, "blocks": [section("y" * 3001)]},
            {"delete_original": True},
        ]
        answers = []
        for body in bodies:
            async with session.post(url, json=body) as answer:
                answers.append((answer.status, await answer.text()))

    assert answers == [(200, "ok"), (400, "invalid_blocks"), (200, "ok")]
    assert [m["text"] for m in victor.history("desk-approvals")] == ["for all"]
