"""Approval cycles below Slack, in a process of its own: propose with two votes needed, two votes, run.

The flows are called as the listeners and the worker call them: real PostgreSQL, real gate, signed votes, audit; the
people come from memory. Cards are marked as posted between proposing and voting, outside the time that counts.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from uuid import UUID

from bench.children.conversation import converse
from bench.people import SANA, VICTOR
from bench.proposals import email, make_tickets, pretend_posted, propose_suspension
from bench.rig import SlackChild, desk_below_slack
from handlers.desk import Desk
from handlers.flows.cast_vote import Ballot, cast_vote
from handlers.flows.run_action import run_action
from policy.terms import Choice


class _NoChild:
    """The environment is all that is needed of the local Slack."""

    def __init__(self) -> None:
        self.ready = {"environment": dict(os.environ)}


async def main(prefix: str) -> None:
    logging.basicConfig(level=logging.ERROR)
    slack = SlackChild(_NoChild())  # type: ignore[arg-type]  # it has what is asked of it: `ready`
    async with desk_below_slack(slack, os.environ["DATABASE_URL"]) as desk:
        cycles = Cycles(desk, prefix)
        await converse({"pid": os.getpid()}, cycles.answer)


class Cycles:
    """Answers the bench: prepare tickets, then each half of the cycles, at the concurrency asked for."""

    def __init__(self, desk: Desk, prefix: str) -> None:
        self._desk = desk
        self._prefix = prefix
        self._batch = 0
        self._tickets: list[tuple[UUID, str]] = []
        self._requests: list[UUID] = []

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        match question["do"]:
            case "prepare":
                self._batch += 1
                prefix = f"{self._prefix}{self._batch}"
                found = await make_tickets(self._desk, question["count"], prefix)
                self._tickets = [(ticket_id, email(prefix, n)) for n, ticket_id in enumerate(found)]
                self._requests = []
                return {}
            case "propose":
                return await _timed(self._tickets, self._propose, question["concurrency"])
            case "post":
                await pretend_posted(self._desk)
                return {}
            case "decide":
                return await _timed(self._requests, self._decide, question["concurrency"])
        raise ValueError(question["do"])

    async def _propose(self, ticket: tuple[UUID, str]) -> None:
        self._requests.append(await propose_suspension(self._desk, *ticket))

    async def _decide(self, request_id: UUID) -> None:
        for voter in (SANA, VICTOR):
            await cast_vote(self._desk, Ballot(request_id, Choice.APPROVE, f"trigger-{request_id}"), voter)
        await run_action(self._desk, request_id)


async def _timed(items: Iterable[Any], work: Callable[[Any], Awaitable[None]], concurrency: int) -> dict[str, Any]:
    seconds, waiting = [], iter(items)

    async def drain() -> None:
        for item in waiting:
            begin = time.perf_counter()
            await work(item)
            seconds.append(time.perf_counter() - begin)

    begin = time.time()
    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(drain())
    return {"seconds": seconds, "begin": begin, "end": time.time()}


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
