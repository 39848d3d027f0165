"""The same cycle beside two other gates: propose, approve, run. One run, turn by turn, each in processes of its own.

Ours on PostgreSQL with two signed votes, people from memory at the seam where Slack's would be, and a chained trail;
`agentbarrier` and `air-gate` on SQLite as their documents set them up, with one approval: they know no quorum.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.approvals import cycles
from bench.results import Row, Table, ratios
from bench.rig import Child, Rig, start_slack

CONCURRENCY = 8
BASELINE = "agentbarrier in one process, cycles a second in the same round: more is better"


@dataclass
class Arm:
    """One gate in so many processes."""

    name: str
    children: Sequence[Child]
    is_ours: bool = False
    rates: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    async def take_turn(self, rig: Rig) -> None:
        """One round."""
        if self.is_ours:
            rate, seconds = await cycles(self.children, rig.take(16, 240), CONCURRENCY)
        else:
            rate, seconds = await _peer_cycles(self.children, rig.take(16, 400))
        self.rates.append(rate)
        self.seconds += seconds


async def measure(rig: Rig) -> Sequence[Table]:
    """One table."""
    slack, url = await start_slack(rig), rig.database()
    ours = [await rig.child("approver", name, **slack.environment, DATABASE_URL=url) for name in ("a", "b")]
    arms = [await _peer(rig, "agentbarrier", 1), await _peer(rig, "agentbarrier", 2), await _peer(rig, "air-gate", 1)]
    arms += [Arm("ours, 1 process", ours[:1], is_ours=True), Arm("ours, 2 processes", ours, is_ours=True)]
    for _ in range(rig.take(1, 5)):
        for arm in arms:
            await arm.take_turn(rig)
    await rig.stop(*ours, *(child for arm in arms if not arm.is_ours for child in arm.children), slack.child)
    rows = [
        Row(arm.name, len(arm.seconds), arm.seconds, sum(arm.rates) / len(arm.rates), ratios(arm.rates, arms[0].rates))
        for arm in arms
    ]
    notes = [
        f"ours: {CONCURRENCY} cycles at once in each process, two votes; the others: one after another, one approval",
        "the times are of one cycle",
    ]
    return [Table("Approval cycles beside other gates (propose, approve, run)", BASELINE, rows, notes)]


async def _peer(rig: Rig, name: str, processes: int) -> Arm:
    folder = rig.folder / f"{name}-{processes}"
    folder.mkdir()
    children = [await rig.child("peer", name, str(folder)) for _ in range(processes)]
    return Arm(f"{name}, {processes} process{'es' if processes > 1 else ''}", children)


async def _peer_cycles(children: Sequence[Child], count: int) -> tuple[float, list[float]]:
    answers = await asyncio.gather(*(child.ask(count=count) for child in children))
    elapsed = max(one["end"] for one in answers) - min(one["begin"] for one in answers)
    return count * len(children) / elapsed, [second for one in answers for second in one["seconds"]]
