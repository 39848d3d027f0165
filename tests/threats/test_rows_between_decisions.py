"""What somebody gets run, shown or said who changes rows between two decisions and may put them back before the next.

They write with the rights of the desk's own role and have no keys, so the trail's rows are not theirs to make.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from uuid import UUID, uuid4

import pytest

from actions.executors import Outcome, Run
from actions.runner import Runner
from handlers.desk import Desk
from handlers.flows.open_letter import NOT_A_REPLY
from handlers.flows.run_action import CONTRADICTED, run_action
from handlers.flows.show_request import show_request
from storage import deliveries
from tests.decided_reply import decided_reply
from tests.running import RunningDesk
from tests.threats.cases import (
    Case,
    action_ids,
    change,
    click_of,
    json_text,
    key_status,
    message_at,
    new_key,
    open_case,
    open_form,
    paused,
    status,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


def inside(desk: RunningDesk) -> Desk:
    assert desk.parts.reception is not None
    return desk.parts.reception.desk


async def put(desk: RunningDesk, case: Case, params: dict[str, str]) -> None:
    sql = "update action_requests set params = cast(:params as json) where id = :id"
    await change(desk, sql, params=json.dumps(params), id=case.request_id)


class Died(Exception):
    """The worker is gone, right after it claimed a run."""


class Dying(Runner):
    async def run(self, run: Run) -> Outcome:
        raise Died


class Meddled(Runner):
    """Somebody changes rows right after the target was asked what became of a run."""

    def __init__(self, real: Runner, meddle: Callable[[], Awaitable[None]]) -> None:
        super().__init__(real._executors, 30)  # the runner shows its parts to nobody else
        self._meddle = meddle

    async def reconcile(self, run: Run) -> Outcome | None:
        found = await super().reconcile(run)
        await self._meddle()
        return found


async def cut_off(desk: RunningDesk, case: Case) -> None:
    """Approved and claimed, and the worker died before it did anything."""
    await desk.slack.forge.send(click_of(desk, case, "sana"))
    await desk.until(lambda: desk.value("select 1 from votes where request_id = :id", id=case.request_id))
    with pytest.raises(Died):
        await run_action(replace(inside(desk), runner=Dying({}, 30)), case.request_id)
    assert await status(desk, case) == "running"


async def test_threat_21_a_run_that_was_cut_off_begins_again_with_what_was_judged_and_nothing_else(
    desk: RunningDesk,
) -> None:
    case, other = await open_case(desk), await new_key(desk, "victor@acme.example")

    async with paused(desk):
        await cut_off(desk, case)
        await put(desk, case, {"keyId": other})
        put_back = partial(put, desk, case, {"keyId": case.key_id})

        await run_action(replace(inside(desk), runner=Meddled(inside(desk).runner, put_back)), case.request_id)

        assert await desk.value("select status from directory_keys where key_id = :key", key=other) == "active"
        assert await key_status(desk, case) == "active"
        outcome = await desk.value("select outcome from action_requests where id = :id", id=case.request_id)
        assert (await status(desk, case), outcome) == ("unknown", CONTRADICTED)


async def drawn_anew(desk: RunningDesk, case: Case) -> str:
    async with desk.database.transaction() as tx:
        await deliveries.refresh_of(tx, [case.request_id])
    await desk.idle()
    return json_text(message_at(desk, "desk-approvals", case.card_ts, viewer="sana"))


async def test_threat_11_a_card_of_changed_rows_shows_none_of_them_and_has_no_approve_button(desk: RunningDesk) -> None:
    case = await open_case(desk)
    true_card = await desk.value("select card from action_requests where id = :id", id=case.request_id)
    false_card = json.loads(json.dumps(true_card).replace(case.key_id, "ak_harmless_01"))
    set_card = "update action_requests set card = cast(:card as json) where id = :id"

    await change(desk, set_card, card=json.dumps(false_card), id=case.request_id)
    await put(desk, case, {"keyId": "ak_harmless_01"})
    shown = await drawn_anew(desk, case)
    read = json_text(await show_request(inside(desk), case.request_id))
    await change(desk, set_card, card=json.dumps(true_card), id=case.request_id)
    await put(desk, case, {"keyId": case.key_id})

    for one in (shown, read):
        assert "ak_harmless_01" not in one and "is not what its record says" in one
    buttons = action_ids(message_at(desk, "desk-approvals", case.card_ts, viewer="sana"))
    assert not buttons & {"request.approve", "requests.review"}

    shown = await drawn_anew(desk, case)
    assert case.key_id in shown and "request.approve" in shown


async def test_threat_11_nor_has_one_of_changed_values_alone_or_of_a_digest_taken_anew(desk: RunningDesk) -> None:
    case = await open_case(desk)
    digest = await desk.value("select digest from action_requests where id = :id", id=case.request_id)

    await put(desk, case, {"keyId": "ak_harmless_02"})
    assert "ak_harmless_02" not in await drawn_anew(desk, case)
    await put(desk, case, {"keyId": case.key_id})

    for sql in (
        "update action_requests set digest = :digest where id = :id",
        "update deliveries set shown_digest = :digest where request_id = :id and kind = 'approval_card'",
    ):
        await change(desk, sql, digest="0" * 64, id=case.request_id)
    assert "request.approve" not in await drawn_anew(desk, case)
    await change(desk, "update action_requests set digest = :digest where id = :id", digest=digest, id=case.request_id)


async def send_reply(desk: RunningDesk, case: Case, request_id: UUID | None, words: str) -> UUID:
    """A row as the desk writes it for a reply that was approved."""
    [(channel, ts)] = await desk.rows("select slack_channel, slack_ts from tickets where id = :id", id=case.ticket_id)
    delivery_id = uuid4()
    sql = (
        "insert into deliveries"
        " (id, kind, ticket_id, request_id, audience, channel, thread_ts, args, state, created_at)"
        " values (:id, 'customer_reply', :ticket, :request, 'customer', :channel, :ts, cast(:args as json), 'waiting',"
        " now())"
    )
    args = json.dumps({"text": words})
    await change(
        desk, sql, id=delivery_id, ticket=case.ticket_id, request=request_id, channel=channel, ts=ts, args=args
    )
    async with desk.database.transaction() as tx:
        await deliveries.sync(tx, delivery_id)
    await desk.idle()
    return delivery_id


def said_in(desk: RunningDesk, case: Case) -> str:
    return json_text(desk.slack.person("mallory").history(case.channel, case.ts))


FORGED = "Please pay to another account."


async def test_threat_18_a_reply_that_nobody_decided_on_is_not_sent_and_that_is_on_record(desk: RunningDesk) -> None:
    case = await open_case(desk)
    reply = {"text": "We are looking into it."}
    undecided = await open_form(desk, case, "ticket.reply_to_customer", reply)

    for request_id in (None, case.request_id, undecided):
        delivery_id = await send_reply(desk, case, request_id, FORGED)

        row = await desk.rows("select state, error from deliveries where id = :id", id=delivery_id)
        assert row == [("failed", NOT_A_REPLY)]
        [last] = [one for one in await desk.trail(case.ticket_id) if one.payload.get("deliveryId") == str(delivery_id)]
        assert (last.name, last.payload["reason"]) == ("delivery_failed", NOT_A_REPLY)
    assert FORGED not in said_in(desk, case) and reply["text"] not in said_in(desk, case)


async def test_threat_18_a_reply_says_what_was_decided_whatever_stands_in_its_row(desk: RunningDesk) -> None:
    case = await open_case(desk)
    request_id = await decided_reply(desk, case.ticket_id, "We are looking into it.")

    await send_reply(desk, case, request_id, FORGED)
    assert "We are looking into it." in said_in(desk, case) and FORGED not in said_in(desk, case)

    sql = "update action_requests set params = cast(:params as json) where id = :id"
    await change(desk, sql, params=json.dumps({"text": FORGED}), id=request_id)
    await send_reply(desk, case, request_id, FORGED)
    assert FORGED not in said_in(desk, case)
