"""Proposing by hand: choose an action, fill in its form, and what the policy makes of it."""

from __future__ import annotations

from tests.passkeys import approve
from tests.running import RunningDesk
from tests.scenario.test_false_authority import text_of


async def open_form(desk: RunningDesk, who: str, action_id: str) -> None:
    """A ticket of Mallory's, and the form of an action on it in front of `who`."""
    await desk.slack.person("mallory").post("ext-external", "The export fails since this morning.")
    ticket_id = str(await desk.the_ticket())
    await desk.idle()
    person = desk.slack.person(who)
    await person.click("desk-triage", desk.card("triage")["ts"], action_id="action.choose", value=ticket_id)
    await desk.until(lambda: person.modals())
    answer = await person.submit(values={"action": action_id})
    assert "errors" not in answer, answer
    await desk.until(lambda: "propose_action" in text_of(person.modals()))


async def test_a_person_of_the_desk_assigns_a_ticket_without_an_approval(desk: RunningDesk) -> None:
    await open_form(desk, "olivia", "ticket.assign")

    await desk.slack.person("olivia").submit(values={"assignee": "U0SAM000001"})
    await desk.idle()

    assert await desk.value("select assignee from tickets") == "U0SAM000001"


async def test_a_reply_reaches_the_customer_only_after_another_person_approved_its_exact_words(
    desk: RunningDesk,
) -> None:
    words = "We found the cause; the export works again. *Sorry* <@U0MALLORY01>."
    await open_form(desk, "olivia", "ticket.reply_to_customer")
    await desk.slack.person("olivia").submit(values={"text": words})
    await desk.idle()
    mallory = desk.slack.person("mallory")
    thread = str(await desk.value("select slack_ts from tickets"))
    assert len(mallory.history("ext-external", thread)) == 2

    await desk.slack.person("sam").click("desk-approvals", desk.card("approvals")["ts"], action_id="request.approve")

    await desk.until(lambda: len(mallory.history("ext-external", thread)) == 3)
    reply = mallory.history("ext-external", thread)[-1]
    assert words in text_of(reply["blocks"])
    assert "mrkdwn" not in text_of(reply["blocks"])
    assert await desk.value("select count(*) from messages where audience = 'customer' and author_side = 'internal'")


async def test_closing_tells_the_customer_and_reopening_undoes_it(desk: RunningDesk) -> None:
    await open_form(desk, "sam", "ticket.close")
    await desk.slack.person("sam").submit(values={"reason": "Solved."})
    await desk.idle()

    assert await desk.value("select status from tickets") == "closed"
    thread = str(await desk.value("select slack_ts from tickets"))
    assert "closed" in desk.slack.person("mallory").history("ext-external", thread)[-1]["text"]


async def test_two_of_security_are_needed_for_a_critical_action(desk: RunningDesk) -> None:
    await open_form(desk, "olivia", "user.suspend")
    await desk.slack.person("olivia").submit(values={"email": "erin@acme.example"})
    await desk.idle()
    card = desk.card("approvals")["ts"]
    status = "select status from directory_people where email = 'erin@acme.example'"

    await approve(desk, "sana", card)
    await desk.idle()
    assert await desk.value(status) == "active"
    assert "1 of 2" in text_of(desk.card("approvals"))

    await approve(desk, "bob", card)
    await desk.until(lambda: desk.value(f"{status} and status = 'suspended'"))


async def test_a_wrong_value_is_named_beside_its_field(desk: RunningDesk) -> None:
    await open_form(desk, "olivia", "api_key.revoke")

    unknown = await desk.slack.person("olivia").submit(values={"keyId": "ak_nobody_has_this"})
    malformed = await desk.slack.person("olivia").submit(values={"keyId": "not a key!"})

    assert "directory" in unknown["errors"]["keyId"]
    assert malformed["errors"]["keyId"]
    assert await desk.value("select count(*) from action_requests where action_id = 'api_key.revoke'") == 0


async def test_an_edit_of_the_requesters_message_voids_what_was_shown(desk: RunningDesk) -> None:
    await open_form(desk, "olivia", "api_key.revoke")
    await desk.slack.person("olivia").submit(values={"keyId": "ak_demo_bob_001"})
    await desk.idle()
    thread = str(await desk.value("select slack_ts from tickets"))

    await desk.slack.person("mallory").edit("ext-external", thread, "Never mind, it works.")

    await desk.until(lambda: desk.value("select 1 from action_requests where status = 'void'"))
    await desk.idle()
    assert "request.approve" not in text_of(desk.card("approvals"))
    assert [row[0] for row in await desk.rows("select kind from message_versions order by number, at")][-1] == "edited"
