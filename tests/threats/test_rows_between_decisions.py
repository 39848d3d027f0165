"""What somebody gets run, shown or said who changes rows between two decisions and may put them back before the next.

They write with the rights of the desk's own role and have no keys, so the trail's rows are not theirs to make.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import pytest

from actions.executors import Outcome, Run
from actions.runner import Runner
from handlers.desk import Desk
from handlers.flows.run_action import CONTRADICTED, run_action
from tests.running import RunningDesk
from tests.threats.cases import (
    Case,
    change,
    click_of,
    key_status,
    new_key,
    open_case,
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
