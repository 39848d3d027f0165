"""Approval cycles a second below Slack: propose with two votes needed, two votes by different people, run.

One process and two on one database, one cycle at a time and eight; `bench.children.approver` does the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.durable import BareCommits
from bench.results import Row, Table, ratios
from bench.rig import Child, Rig, start_slack

BASELINE = "bare durable commits a second (one row, psycopg, autocommit) at the same concurrency"


@dataclass
class Arm:
    """So many processes, each with so many cycles at once."""

    processes: int
    concurrency: int
    rates: list[float] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.processes} process{'es' if self.processes > 1 else ''}, {self.concurrency} at once each"


async def measure(rig: Rig) -> Sequence[Table]:
    """One table."""
    slack = await start_slack(rig)
    url = rig.database()
    children = [await rig.child("approver", name, **slack.environment, DATABASE_URL=url) for name in ("a", "b")]
    arms = [Arm(processes, concurrency) for concurrency in (1, 8) for processes in (1, 2)]
    for _ in range(rig.take(1, 4)):
        for arm in arms:
            await _round(rig, children[: arm.processes], arm, url)
    await rig.stop(*children, slack.child)
    rows = [
        Row(arm.name, len(arm.seconds), arm.seconds, sum(arm.rates) / len(arm.rates), ratios(arm.rates, arm.commits))
        for arm in arms
    ]
    commits = ", ".join(f"{sum(arm.commits) / len(arm.commits):,.0f}" for arm in arms)
    notes = [
        "the times are of one cycle; the ratio is cycles to commits: more is better",
        f"commits a second, arm by arm: {commits}",
    ]
    return [Table("Approval cycles below Slack (propose, two votes, run)", BASELINE, rows, notes)]


async def _round(rig: Rig, children: Sequence[Child], arm: Arm, url: str) -> None:
    count = rig.take(16, 80 if arm.concurrency == 1 else 240)
    async with BareCommits(url, arm.processes * arm.concurrency) as commits:
        arm.commits.append(await commits.rate(rig.take(200, 2000)))
    rate, seconds = await cycles(children, count, arm.concurrency)
    arm.rates.append(rate)
    arm.seconds += seconds


async def cycles(children: Sequence[Child], count: int, concurrency: int) -> tuple[float, list[float]]:
    """Cycles a second over all `bench.children.approver` given, and how long each took."""
    await _all(children, do="prepare", count=count)
    proposed = await _all(children, do="propose", concurrency=concurrency)
    await _all(children, do="post")
    decided = await _all(children, do="decide", concurrency=concurrency)
    rate = count * len(children) / (_elapsed(proposed) + _elapsed(decided))
    seconds = [
        a + b
        for first, second in zip(proposed, decided, strict=True)
        for a, b in zip(first["seconds"], second["seconds"], strict=True)
    ]
    return rate, seconds


async def _all(children: Sequence[Child], **question: Any) -> list[dict[str, Any]]:
    return list(await asyncio.gather(*(child.ask(**question) for child in children)))


def _elapsed(answers: Sequence[dict[str, Any]]) -> float:
    """From the first one's start to the last one's end."""
    begin, end = min(one["begin"] for one in answers), max(one["end"] for one in answers)
    return float(end - begin)
