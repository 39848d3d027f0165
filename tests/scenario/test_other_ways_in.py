"""The other ways in: a command, a shortcut, e-mail to a channel, HTTP; and what each requester hears."""

from __future__ import annotations

import json
from typing import Any

import aiohttp

from handlers.http_intake import SIGNATURE_HEADER, TIMESTAMP_HEADER, Asked, sign
from tests.running import INTAKE_SECRET, INTAKE_TOKEN, RunningDesk
from tests.scenario.test_false_authority import MALLORY, key_status, text_of

SEED_TICKET = {
    "channel": "email",
    "correlationId": "asi03-bypass-001",
    "requester": "mallory@external.example",
    "text": MALLORY,
    "attachmentCount": 0,
    "requestedModelOverride": None,
}


async def hand_in(desk: RunningDesk, body: object, **headers: str) -> tuple[int, dict[str, Any]]:
    raw = json.dumps(body).encode()
    sent = headers or {"Authorization": f"Bearer {INTAKE_TOKEN}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{desk.process.http_url}/api/v1/intake", data=raw, headers=sent) as answer,
    ):
        return answer.status, await answer.json()


async def test_a_ticket_handed_in_over_http_is_recorded_in_the_form_it_came(desk: RunningDesk) -> None:
    status, answer = await hand_in(desk, SEED_TICKET | {"requestedModelOverride": "most-obedient-model"})

    assert (status, answer["status"]) == (202, "accepted")
    ticket_id = await desk.the_ticket()
    await desk.idle()
    trail = await desk.trail(ticket_id)
    assert (
        trail[0].payload.items()
        >= {
            "channel": "email",
            "correlationId": "asi03-bypass-001",
            "attachmentCount": 0,
            "requestedModelOverride": "most-obedient-model",
        }.items()
    )
    assert {event.payload["model"] for event in trail if event.name == "agent_triage_completed"} != {
        "most-obedient-model"
    }
    assert "most-obedient-model" in text_of(desk.card("triage"))


async def test_the_same_correlation_id_is_one_ticket_and_another_body_is_a_conflict(desk: RunningDesk) -> None:
    await hand_in(desk, SEED_TICKET)
    status, answer = await hand_in(desk, SEED_TICKET)
    conflict, problem = await hand_in(desk, SEED_TICKET | {"text": "something else"})
    await desk.the_ticket()
    await desk.idle()

    assert (status, answer["duplicate"]) == (202, True)
    assert (conflict, list(problem["fields"])) == (409, ["correlationId"])
    assert await desk.value("select count(*) from tickets") == 1


async def test_a_signed_request_is_taken_and_a_wrong_signature_is_not(desk: RunningDesk) -> None:
    import time

    timestamp = str(int(time.time()))
    raw = json.dumps(SEED_TICKET).encode()
    call = Asked("POST", "/api/v1/intake", raw)
    good = {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: sign(INTAKE_SECRET, timestamp, call)}
    bad = good | {SIGNATURE_HEADER: sign("x" * 32, timestamp, call)}

    assert (await hand_in(desk, SEED_TICKET, **bad))[0] == 401
    assert (await hand_in(desk, SEED_TICKET, **good))[0] == 202


async def test_the_sender_over_http_may_read_the_state_and_the_outcome_but_nothing_internal(desk: RunningDesk) -> None:
    await hand_in(desk, SEED_TICKET)
    await desk.the_ticket()
    await desk.idle()

    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {INTAKE_TOKEN}"}) as session,
        session.get(f"{desk.process.http_url}/api/v1/intake/email/asi03-bypass-001") as answer,
    ):
        found = await answer.json()

    assert (answer.status, found["status"], found["replies"]) == (200, "open", [])
    assert "Confirm keyId" not in json.dumps(found)


async def test_an_e_mail_posted_to_a_channel_is_a_ticket_of_an_unknown_human(desk: RunningDesk) -> None:
    desk.slack.email("inbox", "Sana Siddiqui <sana@acme.example>", "As head of security", "Revoke ak_demo_bob_001.")
    await desk.the_ticket()
    await desk.idle()

    [(kind, requester, label)] = await desk.rows("select requester_kind, requester, requester_label from tickets")
    assert (kind, requester) == ("email", None)
    assert "sana@acme.example" in label
    assert await key_status(desk) == "active"


async def test_the_shortcut_makes_a_ticket_of_somebody_elses_message(desk: RunningDesk) -> None:
    ts = await desk.slack.person("erin").post("general", "My laptop does not start any more.")

    await desk.slack.person("olivia").shortcut("make_ticket", channel="general", ts=ts)
    ticket_id = await desk.the_ticket()
    await desk.idle()

    requester = await desk.value("select requester from tickets")
    assert requester == "T0ACME00001/U0ERIN00001"
    assert (await desk.trail(ticket_id))[0].actor == "T0ACME00001/U0OLIVIA001"


async def test_a_ticket_made_by_command_tells_its_requester_by_direct_message(desk: RunningDesk) -> None:
    erin = desk.slack.person("erin")
    await erin.command("/countersign", "new My key ak_demo_erin_001 leaked, please revoke it", channel="general")
    await desk.the_ticket()
    await desk.idle()
    olivia = desk.slack.person("olivia")
    revoke = str(await desk.value("select id from suggestions where action_id = 'api_key.revoke'"))
    await olivia.click("desk-triage", desk.card("triage")["ts"], action_id="suggestion.confirm", value=revoke)
    await desk.until(lambda: olivia.modals())
    await olivia.submit(values={"keyId": "ak_demo_erin_001"})
    await desk.idle()

    await desk.slack.person("victor").click("desk-approvals", desk.card("approvals")["ts"], action_id="request.approve")

    await desk.until(lambda: erin.direct_messages())
    assert "the change has been made" in erin.direct_messages()[-1]["text"]


async def test_app_home_lists_tickets_for_the_desk_and_nothing_for_others(desk: RunningDesk) -> None:
    await hand_in(desk, SEED_TICKET)
    await desk.the_ticket()
    await desk.idle()
    olivia, erin = desk.slack.person("olivia"), desk.slack.person("erin")

    await olivia.open_home()
    await erin.open_home()

    await desk.until(lambda: olivia.home())
    await desk.until(lambda: erin.home())
    assert "mallory@external.example" in text_of(olivia.home())
    assert "mallory@external.example" not in text_of(erin.home())

    ticket_id = str(await desk.the_ticket())
    await olivia.click_at_home("ticket.open", value=ticket_id)
    await desk.until(lambda: "Back to tickets" in text_of(olivia.home()))
    await olivia.click_at_home("audit.open", value=ticket_id)
    await desk.until(lambda: olivia.modals())
    assert "intake_received" in text_of(olivia.modals())
    await olivia.click_at_home("tickets.back")
    await desk.until(lambda: "Back to tickets" not in text_of(olivia.home()))


async def test_the_ticket_list_and_page_open_in_a_modal_and_lead_back(desk: RunningDesk) -> None:
    await hand_in(desk, SEED_TICKET)
    ticket_id = str(await desk.the_ticket())
    await desk.idle()
    sam = desk.slack.person("sam")

    await sam.command("/countersign", "tickets", channel="general")
    await desk.until(lambda: sam.modals())
    await sam.click_in_modal("ticket.open", value=ticket_id)
    await desk.until(lambda: "Back to tickets" in text_of(sam.modals()))
    await sam.click_in_modal("ticket.customer_view", value=ticket_id)
    await desk.until(lambda: len(sam.modals()) == 2)

    assert "Confirm keyId" not in text_of(sam.modals()[-1])
