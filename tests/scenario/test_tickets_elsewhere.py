"""A ticket made of a message outside the intake channels is a ticket like any other: it hears replies and edits."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.running import RunningDesk
from tests.scenario.test_false_authority import buttons, olivia_confirms, text_of

HELP = "C0HELP00001"
ASKED = "My key ak_demo_bob_001 leaked, please revoke it."


async def versions(desk: RunningDesk, ts: str) -> list[tuple[str, str]]:
    found = await desk.rows(
        "select v.kind, v.text from message_versions v join messages m on m.id = v.message_id"
        " where m.slack_ts = :ts order by v.number",
        ts=ts,
    )
    return [(row[0], row[1]) for row in found]


async def ticket_of(desk: RunningDesk, channel: str, ts: str) -> None:
    await desk.slack.person("olivia").shortcut("make_ticket", channel=channel, ts=ts)
    await desk.the_ticket()
    await desk.idle()


async def handled(desk: RunningDesk, count: int) -> None:
    async def enough() -> bool:
        return bool(await desk.value("select count(*) >= :n from inbox where handled_at is not null", n=count))

    await desk.until(enough)
    await desk.idle()


async def send(desk: RunningDesk, channel: str, channel_id: str, **event: Any) -> None:
    body = {"type": "message", "channel": channel_id, "channel_type": "channel", **event}
    await desk.slack.forge.send(desk.slack.forge.event_envelope(body, channel))


async def test_an_edit_voids_what_was_shown_for_it(desk: RunningDesk) -> None:
    erin = desk.slack.person("erin")
    ts = await erin.post("general", ASKED)
    await ticket_of(desk, "general", ts)
    await olivia_confirms(desk)
    assert await desk.value("select status from action_requests where action_id = 'api_key.revoke'") == "pending"

    await erin.edit("general", ts, "Please leave my key alone.")
    await handled(desk, 1)

    assert [text for _, text in await versions(desk, ts)] == [ASKED, "Please leave my key alone."]
    assert await desk.value("select status from action_requests where action_id = 'api_key.revoke'") == "void"
    assert not buttons(desk.card("approvals"), "request.approve")


async def test_replies_and_deletions_are_heard_and_the_rest_of_the_channel_is_not(desk: RunningDesk) -> None:
    erin = desk.slack.person("erin")
    await erin.post("general", "Lunch?")
    ts = await erin.post("general", ASKED)
    await ticket_of(desk, "general", ts)

    reply = await erin.post("general", "It was in a public log.", thread_ts=ts)
    await erin.post("general", "Who is in the office?")
    await handled(desk, 1)
    await erin.delete("general", reply)
    await handled(desk, 2)

    assert await versions(desk, reply) == [("posted", "It was in a public log."), ("deleted", "")]
    assert await desk.value("select count(*) from inbox") == 2
    assert await desk.value("select count(*) from tickets") == 1


async def test_a_reply_becomes_a_ticket_in_its_thread_and_its_own_edit_is_heard(desk: RunningDesk) -> None:
    olivia, erin = desk.slack.person("olivia"), desk.slack.person("erin")
    root = await olivia.post("general", "How is everyone?")
    ts = await erin.post("general", ASKED, thread_ts=root)
    await ticket_of(desk, "general", ts)
    assert await desk.rows("select slack_ts, requester from tickets") == [(root, "T0ACME00001/U0ERIN00001")]
    assert any(m.get("bot_id") for m in erin.history("general", root)), "the acknowledgement stands in the thread"

    await erin.edit("general", ts, "Never mind.")
    await olivia.edit("general", root, "How is everybody?")
    await handled(desk, 2)

    assert [text for _, text in await versions(desk, ts)] == [ASKED, "Never mind."]
    assert await versions(desk, root) == [], "the thread's first message is not what was asked"


async def test_the_channel_says_who_reads_along_and_not_the_author(desk: RunningDesk) -> None:
    desk.slack.admin.share_channel("general", "T0EXTERN001")
    ts = await desk.slack.person("erin").post("general", ASKED)

    await ticket_of(desk, "general", ts)

    assert await desk.rows("select channel_kind, requester_is_internal from tickets") == [("slack_shared", True)]


async def test_where_the_bot_is_not_it_says_so_instead_of_being_deaf(desk: RunningDesk) -> None:
    olivia = desk.slack.person("olivia")
    ts = await desk.slack.person("erin").post("general", ASKED)
    desk.slack.admin.remove_bot("general")

    await olivia.shortcut("make_ticket", channel="general", ts=ts)

    async def refused() -> bool:
        return bool(await desk.value("select count(*) from audit_events where name = 'click_refused'"))

    await desk.until(refused)
    assert (
        await desk.value("select payload->>'rule' from audit_events where name = 'click_refused'") == "not-in-channel"
    )
    assert await desk.value("select count(*) from tickets") == 0
    await desk.until(lambda: "/invite" in text_of([*olivia.modals(), *olivia.ephemerals("general")]))


async def test_two_presses_at_once_make_one_ticket(desk: RunningDesk) -> None:
    ts = await desk.slack.person("erin").post("general", ASKED)

    await asyncio.gather(
        *(desk.slack.person(who).shortcut("make_ticket", channel="general", ts=ts) for who in ("olivia", "sam") * 3)
    )
    await desk.idle()

    assert await desk.value("select count(*) from tickets") == 1
    assert await desk.value("select count(*) from audit_events where name = 'click_refused'") == 0


async def test_two_edits_within_one_second_are_both_kept_and_the_last_counts(desk: RunningDesk) -> None:
    erin = desk.slack.person("erin")
    ts = await erin.post("help", ASKED)
    await desk.the_ticket()
    second = f"{int(time.time())}.000000"
    for n, words in enumerate(("Leave it.", "Revoke it.", "Leave it.")):
        message = {
            "type": "message",
            "user": erin.id,
            "ts": ts,
            "text": words,
            "edited": {"user": erin.id, "ts": second},
        }
        stamp = f"{int(time.time())}.00010{n}"
        await send(desk, "help", HELP, subtype="message_changed", ts=stamp, event_ts=stamp, message=message)
        await handled(desk, 2 + n)

    assert [text for _, text in await versions(desk, ts)] == [ASKED, "Leave it.", "Revoke it.", "Leave it."]


async def test_what_was_taken_back_before_we_heard_of_it_stays_unheard(desk: RunningDesk) -> None:
    erin = desk.slack.person("erin")
    before = {"type": "message", "user": erin.id, "ts": f"{int(time.time()) - 60}.000100", "text": "My password is x."}

    await send(
        desk,
        "help",
        HELP,
        subtype="message_deleted",
        ts="1900000001.0",
        deleted_ts=before["ts"],
        previous_message=before,
    )
    await handled(desk, 1)

    assert await desk.value("select count(*) from tickets") == 0
    assert "password" not in text_of(desk.slack.person("olivia").history("desk-triage"))


async def test_an_old_message_is_no_ticket_for_being_edited_or_answered(desk: RunningDesk) -> None:
    erin, old = desk.slack.person("erin"), f"{int(time.time()) - 3 * 3600}.000100"
    message = {
        "type": "message",
        "user": erin.id,
        "ts": old,
        "text": "From another time.",
        "edited": {"user": erin.id, "ts": f"{int(time.time())}.000000"},
    }

    await send(desk, "help", HELP, subtype="message_changed", ts="1900000001.0", message=message)
    await send(desk, "help", HELP, user=erin.id, ts=f"{int(time.time())}.000200", thread_ts=old, text="Still so.")
    await handled(desk, 2)

    assert await desk.value("select count(*) from tickets") == 0


async def test_whoever_posts_through_an_app_is_unknown_to_the_policy_and_still_the_requester(desk: RunningDesk) -> None:
    sana = desk.slack.person("sana")
    await send(
        desk,
        "help",
        HELP,
        user=sana.id,
        team="T0ACME00001",
        bot_id="B0OTHERAPP1",
        app_id="A0OTHERAPP1",
        ts=f"{int(time.time())}.000300",
        text=ASKED,
    )
    await desk.the_ticket()
    await desk.idle()
    assert await desk.rows("select requester_kind, requester, requester_is_internal from tickets") == [
        ("bot", "T0ACME00001/U0SANA00001", False)
    ]

    await olivia_confirms(desk)
    await sana.click("desk-approvals", desk.card("approvals")["ts"], action_id="request.approve")

    assert await desk.value("select count(*) from votes") == 0
    assert "requester" in str(await desk.value("select payload->>'rule' from audit_events where name = 'vote_refused'"))
