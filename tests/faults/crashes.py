"""A process that dies at one exact point, played in-process, and the job queue's part: what was cut off runs again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from sqlalchemy import text

from actions.executors import Executor, Outcome, Run
from actions.runner import Runner
from handlers.errors import TryLater
from handlers.jobs import job_table
from handlers.reception import Reception
from storage.database import Database, Transaction


class Killed(BaseException):
    """Stands for kill -9: nothing in the product may catch it."""


@dataclass
class Fuse:
    """Counts what passes it; the process dies right before number `at`, and its successor right after the next one."""

    at: int
    passed: int = 0

    @contextmanager
    def around(self) -> Iterator[None]:
        """Around one step of the process: raises Killed before it was made, or after."""
        self.passed += 1
        number = self.passed
        if number == self.at:
            raise Killed
        yield
        if number == self.at + 1:
            raise Killed

    @property
    def went_off(self) -> bool:
        return self.at <= self.passed


class CrashingDatabase(Database):
    """Dies around a commit."""

    def __init__(self, real: Database, fuse: Fuse) -> None:
        # The pool of the real one: only the moment of dying is added.
        self.__dict__.update(real.__dict__)
        self._fuse = fuse

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with AsyncExitStack() as commit:
            tx = await commit.enter_async_context(super().transaction())
            yield tx
            with self._fuse.around():
                # Before: the transaction is rolled back by the exception. After: it stands.
                await commit.aclose()


class CrashingClient(AsyncWebClient):
    """Dies around a call that writes to Slack."""

    def __init__(self, real: AsyncWebClient, fuse: Fuse) -> None:
        super().__init__(token=real.token, base_url=real.base_url, timeout=5)
        self.retry_handlers = real.retry_handlers
        self._fuse = fuse

    async def api_call(self, api_method: str, **arguments: Any) -> AsyncSlackResponse:  # type: ignore[override]  # passed on
        if not api_method.startswith("chat."):
            return await super().api_call(api_method, **arguments)
        with self._fuse.around():
            return await super().api_call(api_method, **arguments)


@dataclass
class CrashingExecutor:
    """Dies around an effect."""

    real: Executor
    fuse: Fuse

    async def execute(self, run: Run) -> Outcome:
        with self.fuse.around():
            return await self.real.execute(run)

    async def reconcile(self, run: Run) -> Outcome | None:
        return await self.real.reconcile(run)


def dying_at_a_commit(reception: Reception, fuse: Fuse) -> Reception:
    desk = reception.desk
    return replace(reception, desk=replace(desk, database=CrashingDatabase(desk.database, fuse)))


def dying_at_a_post(reception: Reception, fuse: Fuse) -> Reception:
    return replace(reception, client=CrashingClient(reception.client, fuse))


def dying_at_an_effect(reception: Reception, fuse: Fuse) -> Reception:
    executors = {
        prefix: CrashingExecutor(executor, fuse)
        for prefix, executor in reception.desk.runner._executors.items()  # the runner shows its parts to nobody else
    }
    return replace(reception, desk=replace(reception.desk, runner=Runner(executors, 30)))


async def work_off(database: Database, reception: Reception) -> None:
    """Run every job in order, whatever its time, as the queue would; a job that dies stays and Killed goes on up."""
    jobs = job_table(reception)
    for _ in range(200):
        async with database.transaction() as tx:
            row = (
                await tx.execute(
                    text(
                        "select id, task_name, args from procrastinate_jobs where status = 'todo'"
                        " order by attempts, priority desc, id limit 1"
                    )
                )
            ).first()
        if row is None:
            return
        arguments = row.args if isinstance(row.args, dict) else json.loads(row.args)
        try:
            await jobs[row.task_name](**arguments)
        except TryLater:
            async with database.transaction() as tx:
                await tx.execute(
                    text("update procrastinate_jobs set attempts = attempts + 1 where id = :id"), {"id": row.id}
                )
            continue
        async with database.transaction() as tx:
            await tx.execute(text("delete from procrastinate_jobs where id = :id"), {"id": row.id})
    raise AssertionError("the jobs never come to an end")
