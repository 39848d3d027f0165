"""The runner: every run ends in an outcome, and only what is certain is called done or failed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from actions.catalogue import ACTIONS
from actions.errors import MissingExecutor
from actions.executors import DeskExecutor, DirectoryExecutor, Executor, Outcome, Run
from actions.runner import Runner
from tests.actions.builders import a_run

DONE = Outcome("done", "Did it.")


class Scripted:
    """An executor that does what the test says."""

    def __init__(self, act: Callable[[], Awaitable[Outcome | None]]) -> None:
        self._act = act

    async def execute(self, run: Run) -> Outcome:
        outcome = await self._act()
        assert outcome is not None
        return outcome

    async def reconcile(self, run: Run) -> Outcome | None:
        return await self._act()


async def succeed() -> Outcome:
    return DONE


async def hang() -> Outcome:
    await asyncio.sleep(60)
    return DONE


async def lose_the_connection() -> Outcome:
    raise ConnectionResetError("secret-host:5432 hung up")


async def time_out_by_itself() -> Outcome:
    raise TimeoutError


async def did_not_happen() -> None:
    return None


async def test_an_outcome_is_passed_on() -> None:
    runner = Runner({"ticket.": Scripted(succeed)}, timeout_seconds=30)

    assert await runner.run(a_run("ticket.close")) is DONE
    assert await runner.reconcile(a_run("ticket.close")) is DONE


async def test_a_target_that_does_not_answer_in_time_leaves_the_outcome_unknown() -> None:
    runner = Runner({"ticket.": Scripted(hang)}, timeout_seconds=0.01)

    outcome = await runner.run(a_run("ticket.close"))

    assert outcome.state == "unknown"
    assert outcome.customer_summary == ""
    assert "0.01 seconds" in outcome.summary


@pytest.mark.parametrize("act", [lose_the_connection, time_out_by_itself])
async def test_a_lost_connection_leaves_the_outcome_unknown_and_tells_nobody_its_cause(
    act: Callable[[], Awaitable[Outcome]], caplog: pytest.LogCaptureFixture
) -> None:
    runner = Runner({"ticket.": Scripted(act)}, timeout_seconds=30)

    with caplog.at_level(logging.WARNING):
        outcome = await runner.run(a_run("ticket.close"))

    assert outcome.state == "unknown"
    assert "secret-host" not in outcome.summary
    assert "ticket.close" in caplog.text


async def test_a_target_that_cannot_be_asked_does_not_count_as_one_that_says_no() -> None:
    runner = Runner({"ticket.": Scripted(lose_the_connection)}, timeout_seconds=30)

    outcome = await runner.reconcile(a_run("ticket.close"))

    assert outcome is not None
    assert outcome.state == "unknown"


async def test_a_target_that_says_it_did_not_happen_is_believed() -> None:
    runner = Runner({"ticket.": Scripted(did_not_happen)}, timeout_seconds=30)

    assert await runner.reconcile(a_run("ticket.close")) is None


async def test_an_action_without_an_executor_fails_for_certain() -> None:
    runner = Runner({}, timeout_seconds=30)

    outcome = await runner.run(a_run("ticket.close"))

    assert outcome.state == "failed"
    assert "Nothing was changed" in outcome.summary


@pytest.mark.parametrize("kind", [DeskExecutor, DirectoryExecutor])
async def test_an_action_that_its_executor_does_not_know_fails_for_certain(kind: Callable[[Any], Executor]) -> None:
    runner = Runner({"of.": kind(None)}, timeout_seconds=30)  # None: it must not be asked for anything

    outcome = await runner.run(replace(a_run("ticket.close"), action_id="of.another"))

    assert outcome.state == "failed"
    assert "of.another" in outcome.summary and "Nothing was changed" in outcome.summary


async def test_shutting_down_is_not_taken_for_an_outcome() -> None:
    runner = Runner({"ticket.": Scripted(hang)}, timeout_seconds=30)
    running = asyncio.create_task(runner.run(a_run("ticket.close")))
    await asyncio.sleep(0)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running


async def test_an_executor_of_one_action_goes_before_that_of_its_kind() -> None:
    runner = Runner({"ticket.": Scripted(lose_the_connection), "ticket.close": Scripted(succeed)}, timeout_seconds=30)

    assert (await runner.run(a_run("ticket.close"))).is_done
    assert (await runner.run(a_run("ticket.reopen"))).state == "unknown"


def test_actions_that_nobody_carries_out_are_found_at_start_up() -> None:
    runner = Runner({"ticket.": Scripted(succeed)}, timeout_seconds=30)

    with pytest.raises(
        MissingExecutor,
        match=r"api_key.restore, api_key.revoke, case.hand_off, case.send_customer_update, user.restore, user.suspend",
    ):
        runner.require(spec.action_id for spec in ACTIONS)


def test_a_run_needs_a_deadline() -> None:
    with pytest.raises(ValueError, match="positive"):
        Runner({}, timeout_seconds=0)
