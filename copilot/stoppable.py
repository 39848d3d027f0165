"""Waiting for something that a person may stop, that may be late, and that may fail: none of which raises here."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

T = TypeVar("T")

GRACE_SECONDS = 1.0
"""How long what was cut off may take to stop before it is left behind."""


class How(StrEnum):
    """How the waiting ended."""

    DONE = "done"
    STOPPED = "stopped"
    LATE = "late"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What came of it."""

    how: How
    value: T | None = None
    error: BaseException | None = None


async def run_until(work: Coroutine[Any, Any, T], stop: asyncio.Event, seconds: float) -> Outcome[T]:
    """Run it until it is done, somebody stops it, or the time is up. What is done by then counts."""
    task = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, timeout=max(seconds, 0.0), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            return Outcome(How.STOPPED if stopped.done() else How.LATE)
    finally:
        await _end(task, stopped)
    if task.cancelled():
        return Outcome(How.FAILED)
    error = task.exception()
    return Outcome(How.FAILED, error=error) if error is not None else Outcome(How.DONE, task.result())


async def _end(*tasks: asyncio.Future[Any]) -> None:
    for one in tasks:
        one.cancel()
    await asyncio.wait(tasks, timeout=GRACE_SECONDS)
    for one in tasks:
        if one.done() and not one.cancelled():
            one.exception()  # What it fails with now is of no more interest, and would be logged as unseen.
