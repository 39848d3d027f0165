"""The one door to the executors: picks one, sets a deadline, and never lets a run end without an outcome.

Only `handlers.flows.run_action` may import this module. It holds no transaction and decides nothing: whether an
action may run was settled before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Mapping
from typing import TypeVar

from actions.errors import MissingExecutor
from actions.executors import Executor, Outcome, Run

log = logging.getLogger(__name__)

Answered = TypeVar("Answered", bound=Outcome | None)


class Runner:
    """Carries out runs. `executors` is keyed by action id, or by a prefix that ends in a dot ('ticket.')."""

    def __init__(self, executors: Mapping[str, Executor], timeout_seconds: float) -> None:
        if timeout_seconds <= 0:
            raise ValueError("the time-out of a run must be positive")
        self._executors = dict(executors)
        self._timeout_seconds = timeout_seconds

    def require(self, action_ids: Iterable[str]) -> None:
        """Raises MissingExecutor if any of these actions has nobody to carry it out."""
        missing = [action_id for action_id in action_ids if self._executor(action_id) is None]
        if missing:
            raise MissingExecutor(missing)

    async def run(self, run: Run) -> Outcome:
        """Carry out a run. Never raises: what is not certain comes back as 'unknown'."""
        executor = self._executor(run.action_id)
        if executor is None:
            return _nobody_for(run)
        return await self._within_deadline(run, executor.execute(run), "run")

    async def reconcile(self, run: Run) -> Outcome | None:
        """Ask the target what came of an earlier attempt. None: it did not happen, so it may be run again.

        Never raises; 'unknown' means that the target could not be asked.
        """
        executor = self._executor(run.action_id)
        if executor is None:
            return Outcome("unknown", f"Nothing is set up to ask what came of {run.action_id}.")
        return await self._within_deadline(run, executor.reconcile(run), "reconcile")

    async def call_off(self, run: Run) -> Outcome | None:
        """See to it that an attempt nobody heard of comes to nothing. None: it did not happen, and will not.

        Never raises; 'unknown' means that the target could not be asked.
        """
        executor = self._executor(run.action_id)
        if executor is None:
            return Outcome("unknown", f"Nothing is set up to call off {run.action_id}.")
        return await self._within_deadline(run, executor.call_off(run), "call_off")

    def _executor(self, action_id: str) -> Executor | None:
        if action_id in self._executors:
            return self._executors[action_id]
        return self._executors.get(action_id.partition(".")[0] + ".")

    async def _within_deadline(self, run: Run, attempt: Awaitable[Answered], what: str) -> Answered | Outcome:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                outcome = await attempt
        except TimeoutError:
            log.warning("%s of %s (request %s) timed out", what, run.action_id, run.request_id)
            return Outcome(
                "unknown",
                f"No answer within {self._timeout_seconds:g} seconds; the change may or may not have been made.",
                detail={"cause": "timeout"},
            )
        except MissingExecutor:
            return _nobody_for(run)
        # Broad on purpose: any failure leaves open whether the world changed, and a crash would blindly run it again.
        except Exception as error:
            log.exception("%s of %s (request %s) broke off", what, run.action_id, run.request_id)
            return Outcome(
                "unknown",
                f"The attempt broke off ({type(error).__name__}); the change may or may not have been made.",
                detail={"cause": type(error).__name__},
            )
        state = "did not happen" if outcome is None else outcome.state
        log.info("%s of %s (request %s): %s", what, run.action_id, run.request_id, state)
        return outcome


def _nobody_for(run: Run) -> Outcome:
    # Certain: nobody was asked to do anything.
    return Outcome("failed", f"Nothing is set up to carry out {run.action_id}. Nothing was changed.")
