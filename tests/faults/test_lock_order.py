"""Everything that changes a ticket locks it in one order, so that two at once are one after the other: no deadlock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from handlers.desk import Desk
from handlers.errors import Refused
from handlers.flows.cast_vote import Ballot, cast_vote
from handlers.flows.edit_request import edit_request
from handlers.flows.record_message import Change, record_change
from handlers.flows.run_action import run_action
from handlers.flows.wake_requests import wake_requests
from policy.terms import Choice, Person, PersonKey
from storage import requests, tickets, verification
from tests.running import RunningDesk, running_desk
from tests.threats.cases import Case, card_of, change, new_key, open_case, open_form, paused

HOME = "T0ACME00001"
SANA, VICTOR = PersonKey(HOME, "U0SANA00001"), PersonKey(HOME, "U0VICTOR001")
ROUNDS = 3


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    async with running_desk(database_url, tmp_path) as desk:
        yield desk


def parts_of(desk: RunningDesk) -> Desk:
    return desk.parts.reception.desk


async def person(desk: RunningDesk, key: PersonKey) -> Person:
    return await desk.parts.reception.identity.resolve(key)


async def vote(desk: RunningDesk, request_id: UUID, key: PersonKey, choice: Choice = Choice.APPROVE) -> None:
    ballot = Ballot(request_id, choice, f"{request_id}:{key}", reason="no" if choice is Choice.REJECT else "")
    await cast_vote(parts_of(desk), ballot, await person(desk, key))


async def is_due(desk: RunningDesk, *request_ids: UUID) -> None:
    """The requests' time is over, whatever the desk's clock says of it."""
    for request_id in request_ids:
        await change(
            desk,
            "update action_requests set wake_at = now() - interval '1 s', expires_at = now() where id = :id",
            id=request_id,
        )


async def _clicked(desk: RunningDesk, case: Case) -> Callable[[], Awaitable[Any]]:
    return lambda: vote(desk, case.request_id, SANA)


async def _expired(desk: RunningDesk, case: Case) -> Callable[[], Awaitable[Any]]:
    async def expire() -> None:
        await is_due(desk, case.request_id)
        await wake_requests(parts_of(desk))

    return expire


async def _run(desk: RunningDesk, case: Case) -> Callable[[], Awaitable[Any]]:
    await vote(desk, case.request_id, SANA)
    return lambda: run_action(parts_of(desk), case.request_id)


async def _replaced(desk: RunningDesk, case: Case) -> Callable[[], Awaitable[Any]]:
    values = {"keyId": await new_key(desk)}
    editor = await person(desk, SANA)
    return lambda: edit_request(parts_of(desk), case.request_id, values, editor)


@pytest.mark.parametrize(
    "prepare", [_clicked, _expired, _run, _replaced], ids=["a click", "an expiry", "a run", "an edit of the request"]
)
async def test_what_comes_while_a_message_is_edited_waits_and_neither_of_them_is_called_off(
    desk: RunningDesk, prepare: Callable[[RunningDesk, Case], Awaitable[Callable[[], Awaitable[Any]]]]
) -> None:
    case = await open_case(desk)
    async with paused(desk):
        come = await prepare(desk, case)
        async with desk.database.transaction() as tx:
            # As an edit does: the ticket, and when that is done its requests.
            await tickets.get(tx, case.ticket_id, lock=True)
            coming = asyncio.ensure_future(come())
            await desk.until(lambda: _somebody_waits(desk))
            assert len(await requests.open_of_ticket(tx, case.ticket_id)) == 1

        await coming


async def _somebody_waits(desk: RunningDesk) -> bool:
    sql = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    return bool(await desk.value(sql))


async def test_clicks_edits_runs_and_expiries_on_one_ticket_at_once_end_without_a_deadlock(desk: RunningDesk) -> None:
    for round_number in range(ROUNDS):
        case = await open_case(desk)
        ids = [case.request_id]
        for _ in range(3):
            ids.append(await open_form(desk, case, "api_key.revoke", {"keyId": await new_key(desk)}))
        for request_id in ids:
            await card_of(desk, request_id)
        async with paused(desk):
            await is_due(desk, ids[-1])

            at_once: list[Awaitable[Any]] = [
                vote(desk, request_id, key) for request_id in ids for key in (SANA, VICTOR)
            ]
            at_once += [vote(desk, ids[1], SANA, Choice.REJECT), wake_requests(parts_of(desk))]
            editor, values = await person(desk, VICTOR), {"keyId": await new_key(desk)}
            at_once += [edit_request(parts_of(desk), request_id, values, editor) for request_id in ids[1:]]
            at_once += [run_action(parts_of(desk), request_id) for request_id in ids]
            at_once += [_edit(desk, case, f"{round_number}.{number}") for number in range(3)]
            answers = await asyncio.gather(*at_once, return_exceptions=True)

            faults = [one for one in answers if isinstance(one, BaseException) and not isinstance(one, Refused)]
            assert faults == []
    async with desk.database.transaction() as tx:
        assert (await verification.verify(tx)).first_break is None


async def _edit(desk: RunningDesk, case: Case, version: str) -> None:
    async with desk.database.transaction() as tx:
        message = await tickets.message_at(tx, await _channel(desk, case), case.ts)
        assert message is not None
        edit = Change("", case.ts, "edited", f"words {version}", version, datetime.now(UTC))
        await record_change(tx, parts_of(desk), message, edit)


async def _channel(desk: RunningDesk, case: Case) -> str:
    return str(await desk.value("select slack_channel from tickets where id = :id", id=case.ticket_id))
