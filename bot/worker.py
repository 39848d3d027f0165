"""The worker: Procrastinate runs the jobs, `handlers.jobs` says which flow each is.

A job that raises TryLater is put back for as long as it says; any other failure is tried again with growing pauses and
then kept as failed in the queue's own table. It is tried once more at each start: a new version may do better.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import procrastinate
from procrastinate import JobContext, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy
from procrastinate.worker import Worker

from handlers.errors import TryLater
from storage.database import DatabaseUnavailable
from storage.job_queue import QUEUES, try_given_up

log = logging.getLogger(__name__)

JobFunction = Callable[..., Awaitable[None]]

HEARTBEAT_SECONDS = 1.0
STALLED_AFTER_SECONDS = 6.0
"""A worker that has not been heard of for this long is dead; its jobs are handed out again."""
RESCUE_EVERY_SECONDS = 1.0
SLOW_SECONDS = 2.0
"""A database that answers later than this was away: nobody could be heard of."""
FORGET_AFTER_SECONDS = 3600.0
"""When a dead worker's row is removed. Not sooner, for it takes its jobs with it: after an outage the row of a worker
that lives is as old as one of the dead until it is heard of again."""
POLL_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300
GIVE_UP_AFTER = 12
GRACE_SECONDS = 4.0
"""How long a stop waits for running jobs; what is cut off then is put back on the queue."""


class Patience(BaseRetryStrategy):
    """How long a failed job waits before its next try."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Never gives up on what says it will pass; gives up on anything else after some tries."""
        if isinstance(exception, TryLater):
            return RetryDecision(retry_at=_after(exception.seconds))
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision(retry_at=_after(0))  # Cut off because the process stops: the next one does it.
        if isinstance(exception, DatabaseUnavailable | ConnectorException | OSError):
            return RetryDecision(retry_at=_after(min(2.0 * (job.attempts + 1), 30)))
        if job.attempts + 1 >= GIVE_UP_AFTER:
            log.critical(
                "%s %s is given up after %d tries: %r", job.task_name, job.task_kwargs, GIVE_UP_AFTER, exception
            )
            return None
        return RetryDecision(retry_at=_after(min(2 ** min(job.attempts, 9), LONGEST_PAUSE_SECONDS)))


def _after(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


class Workers:
    """The running workers of one process: one for each queue, and one that finds dead ones' jobs."""

    def __init__(self, app: procrastinate.App, jobs: Mapping[str, JobFunction], *, concurrency: int) -> None:
        self._app = app
        self._concurrency = concurrency
        self._tasks: list[asyncio.Task[None]] = []
        self._running: set[int | None] = set()
        self._workers: set[Worker] = set()
        self._is_stopping = False
        for name, function in jobs.items():
            self._register(name, function)

    def _register(self, name: str, function: JobFunction) -> None:
        async def task(context: JobContext, /, **args: Any) -> None:
            self._running.add(context.job.id)
            try:
                await function(**args)
            except TryLater as later:
                log.info("%s %s: again in %.1f s: %s", name, args, later.seconds, later)
                raise
            except DatabaseUnavailable as error:
                log.warning("%s %s: the database did not answer: %s", name, args, error)
                raise
            except Exception as error:  # kept by the queue, tried again, and in the log whole
                log.error("%s %s failed: %r", name, args, error, exc_info=error)
                raise
            finally:
                self._running.discard(context.job.id)

        self._app.task(name=name, pass_context=True, retry=Patience())(task)

    async def start(self) -> None:
        """Start working. Jobs of workers that died before are handed out again in some seconds."""
        self._is_stopping = False
        await try_given_up(self._app)
        for queue in QUEUES:
            self._tasks.append(asyncio.create_task(self._keep_working(queue), name=f"worker {queue}"))
        self._tasks.append(asyncio.create_task(self._keep_rescuing(), name="rescuer"))

    async def stop(self, *, within_seconds: float = 10.0) -> None:
        """Take no new job, let the running ones end, then stop."""
        self._is_stopping = True
        for worker in self._workers:
            # Asked rather than cancelled: psycopg may swallow a cancellation while it waits for a connection, and the
            # worker would go on.
            worker.stop()  # type: ignore[no-untyped-call]  # procrastinate leaves it unannotated
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within_seconds)
            for task in late:
                task.cancel()
        self._tasks.clear()

    async def _keep_working(self, queue: str) -> None:
        """Work, and begin again where the database went away under the worker."""
        while not self._is_stopping:
            worker = self._worker(queue)
            self._workers.add(worker)
            try:
                await worker.run()  # type: ignore[no-untyped-call]  # procrastinate leaves it unannotated
            except Exception as error:  # the worker must outlive a database restart
                log.error("the worker of %s stopped: %r; starting it again", queue, error)
                await self._pause(1.0)
            finally:
                self._workers.discard(worker)

    def _worker(self, queue: str) -> Worker:
        return Worker(
            self._app,
            queues=[queue],
            name=queue,
            concurrency=self._concurrency,
            install_signal_handlers=False,
            fetch_job_polling_interval=POLL_SECONDS,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=FORGET_AFTER_SECONDS,
            shutdown_graceful_timeout=GRACE_SECONDS,
            delete_jobs="successful",
        )

    async def _pause(self, seconds: float) -> None:
        for _ in range(int(seconds / 0.1)):
            if self._is_stopping:
                return
            await asyncio.sleep(0.1)

    async def _keep_rescuing(self) -> None:
        now = asyncio.get_running_loop().time
        # The database may have been away until a moment ago, for everyone: first, others get time to say they live.
        quiet_until = now() + STALLED_AFTER_SECONDS
        while True:
            await self._pause(RESCUE_EVERY_SECONDS)
            if self._is_stopping:
                return
            before = now()
            try:
                stalled = await self._stalled()
                was_away = now() - before > SLOW_SECONDS
                if not was_away and now() >= quiet_until:
                    await self._hand_out(stalled)
            except ConnectorException as error:
                log.warning("could not look for jobs of dead workers: %s", error)
                was_away = True
            if was_away:
                # While the database was away nobody could be heard of: first everyone gets time to say they live.
                quiet_until = now() + STALLED_AFTER_SECONDS

    async def _stalled(self) -> list[Job]:
        found = await self._app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_SECONDS)
        return [job for job in found if job.id not in self._running]

    async def _hand_out(self, stalled: Iterable[Job]) -> None:
        for job in stalled:
            log.warning("job %s %s was left by a dead worker; handing it out again", job.id, job.task_name)
            if job.id is not None:
                await self._app.job_manager.retry_job_by_id_async(job.id, datetime.now(UTC))
