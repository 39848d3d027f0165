"""Threat 18, the other way round: what is meant for the requester goes where it was meant to go, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from handlers.delivery import Held, guard_audience, other_companies
from handlers.flows.open_letter import Letter, open_letter
from tests.running import RunningDesk
from tests.threats.cases import Case, card_of, change, json_text, message_at, open_case, open_form, paused, settled

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = "We have looked into it: the key is safe."
EXTERNAL, GLOBEX = "T0EXTERN001", "T0GLOBEX001"


@contextmanager
def shared(desk: RunningDesk, channel: str, team: str) -> Iterator[None]:
    desk.slack.admin.share_channel(channel, team)
    try:
        yield
    finally:
        desk.slack.admin.unshare_channel(channel, team)


async def reply_waits(desk: RunningDesk, case: Case) -> tuple[UUID, str]:
    """A reply that olivia proposed: the request, and where its card stands."""
    request_id = await open_form(desk, case, "ticket.reply_to_customer", {"text": WORDS})
    return request_id, await card_of(desk, request_id)


async def approve(desk: RunningDesk, card_ts: str) -> None:
    await desk.slack.person("sam").click("desk-approvals", card_ts, action_id="request.approve")
    await settled(desk)


async def held_reply(desk: RunningDesk, request_id: UUID) -> str:
    """Wait until the request's reply is held, and return why."""
    sql = "select error from deliveries where request_id = :id and kind = 'customer_reply' and state = 'held'"
    return str(await desk.until(lambda: desk.value(sql, id=request_id)))


async def due_now(desk: RunningDesk) -> None:
    await desk.idle()
    await change(desk, "update procrastinate_jobs set scheduled_at = now() where status = 'todo'")


def said_in(desk: RunningDesk, case: Case) -> list[str]:
    """What the bot has said in the case's thread."""
    log = desk.slack.world.logs[desk.slack.world.channel(case.channel).id]
    return [one["text"] for one in log.thread(case.ts) if one.get("bot_id") == desk.slack.app.bot_id]


async def test_threat_18_an_approved_reply_to_our_own_side_is_held_once_another_company_reads_the_channel(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk, who="erin", channel="help")
    request_id, card_ts = await reply_waits(desk, case)
    await desk.idle()
    before = said_in(desk, case)

    with shared(desk, "help", EXTERNAL):
        await approve(desk, card_ts)
        why = await held_reply(desk, request_id)
        await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
        await desk.until(lambda: _held_on_trail(desk, case, {"customer_reply", "outcome"}))
        await desk.idle()

        assert said_in(desk, case) == before
        assert "shared" in why
        triage = json_text(message_at(desk, "desk-triage", case.triage_ts))
        assert "The requester has not been told" in triage and "the approved reply, waiting" in triage

    await due_now(desk)
    await desk.until(lambda: len(said_in(desk, case)) == len(before) + 2)
    await desk.until(lambda: "not been told" not in json_text(message_at(desk, "desk-triage", case.triage_ts)))
    assert WORDS in said_in(desk, case)


async def _held_on_trail(desk: RunningDesk, case: Case, kinds: set[str]) -> bool:
    held = {event.payload["kind"] for event in await desk.trail(case.ticket_id) if event.name == "delivery_held"}
    return held >= kinds


async def test_threat_18_the_card_of_a_reply_names_its_thread_and_the_companies_that_read_it(desk: RunningDesk) -> None:
    case = await open_case(desk)
    request_id, card_ts = await reply_waits(desk, case)

    stored = json_text(await desk.value("select card from action_requests where id = :id", id=request_id))
    assert "Goes to" in stored and '"C0EXTEXT001"' in stored and "shared with other companies" in stored
    shown = json_text(message_at(desk, "desk-approvals", card_ts))
    assert f"#ext-external was shared with {EXTERNAL}." in shown

    await approve(desk, card_ts)
    await desk.until(lambda: WORDS in said_in(desk, case))


async def test_threat_18_a_reply_is_held_once_a_company_reads_it_that_its_approvers_were_not_shown(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk)
    request_id, card_ts = await reply_waits(desk, case)

    with shared(desk, "ext-external", GLOBEX):
        await approve(desk, card_ts)
        assert "than its approval card named" in await held_reply(desk, request_id)
        again, card_of_another = await reply_waits(desk, case)
        assert f"{EXTERNAL}, {GLOBEX}" in json_text(message_at(desk, "desk-approvals", card_of_another))
        assert WORDS not in said_in(desk, case)

        # Whoever approves it now has seen who reads it.
        await approve(desk, card_of_another)
        await desk.until(lambda: WORDS in said_in(desk, case))
        assert said_in(desk, case).count(WORDS) == 1

    await due_now(desk)
    await desk.until(lambda: said_in(desk, case).count(WORDS) == 2)
    assert again != request_id


async def test_threat_18_a_reply_goes_nowhere_but_to_the_thread_that_its_card_named(desk: RunningDesk) -> None:
    case, other = await open_case(desk), await open_case(desk, who="greta", channel="ext-globex")
    request_id, card_ts = await reply_waits(desk, case)

    # As somebody with the database's password would: the ticket's place in Slack is no part of what was approved.
    await change(desk, "update tickets set slack_ts = '1.000001' where id = :id", id=other.ticket_id)
    await change(
        desk,
        "update tickets set slack_channel = 'C0EXTGLOB01', slack_ts = :ts where id = :id",
        ts=other.ts,
        id=case.ticket_id,
    )
    await approve(desk, card_ts)

    assert "elsewhere than its approval card said" in await held_reply(desk, request_id)
    assert WORDS not in said_in(desk, other)


class Channel:
    """The one method of Slack's client that the guard calls."""

    def __init__(self, **answer: Any) -> None:
        self._answer = {"is_channel": True, "context_team_id": "T0ACME00001"} | answer

    async def conversations_info(self, **_: Any) -> dict[str, Any]:
        return {"channel": self._answer}


async def _unsent_letter(desk: RunningDesk, case: Case) -> Letter:
    """The case's acknowledgement, as if it had not been posted yet."""
    sql = "select id from deliveries where ticket_id = :id and kind = 'acknowledgement'"
    delivery_id = await desk.value(sql, id=case.ticket_id)
    async with paused(desk):
        await change(desk, "update deliveries set state = 'waiting', ts = null where id = :id", id=delivery_id)
        letter = await open_letter(desk.parts.reception.desk, delivery_id)
        await change(desk, "update deliveries set state = 'posted' where id = :id", id=delivery_id)
    assert letter is not None
    return letter


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"is_ext_shared": None},
        {"is_ext_shared": True},
        {"is_ext_shared": False, "is_pending_ext_shared": True},
        {"is_ext_shared": "false"},
    ],
)
async def test_threat_18_words_for_our_own_side_need_slack_to_say_that_only_we_read_them(
    desk: RunningDesk, answer: dict[str, Any]
) -> None:
    letter = await _unsent_letter(desk, await open_case(desk, who="erin", channel="help"))

    await guard_audience(Channel(is_ext_shared=False), letter)  # type: ignore[arg-type]  # see Channel
    for kind in ("slack_internal", "slack_email", "http", "a kind to come"):
        with pytest.raises(Held):
            slack: Any = Channel(**answer)
            await guard_audience(slack, replace(letter, channel_kind=kind))


@pytest.mark.parametrize(
    ("answer", "companies"),
    [
        ({"is_ext_shared": False, "shared_team_ids": ["T0ACME00001"]}, set()),
        ({"is_ext_shared": True, "shared_team_ids": ["T0ACME00001", EXTERNAL]}, {EXTERNAL}),
        ({"is_ext_shared": True, "connected_team_ids": [EXTERNAL, GLOBEX]}, {EXTERNAL, GLOBEX}),
        (
            {"is_ext_shared": True, "shared_team_ids": [EXTERNAL, "T0ACME00002"], "internal_team_ids": ["T0ACME00002"]},
            {EXTERNAL},
        ),
        (
            {"is_ext_shared": True, "is_pending_ext_shared": True, "connected_team_ids": [EXTERNAL]},
            {EXTERNAL, "a company that was invited and has not joined yet"},
        ),
    ],
)
async def test_threat_18_every_company_that_reads_or_is_invited_counts(
    answer: dict[str, Any], companies: set[str]
) -> None:
    assert other_companies({"context_team_id": "T0ACME00001"} | answer) == companies


@pytest.mark.parametrize("answer", [{}, {"is_ext_shared": True}, {"is_ext_shared": True, "shared_team_ids": None}])
async def test_threat_18_readers_that_slack_does_not_name_are_nobody_s_to_approve(answer: dict[str, Any]) -> None:
    with pytest.raises(Held):
        other_companies(answer)
