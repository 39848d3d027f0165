"""How long Slack waits for the answer to an event: open loop at 50 and 200 a second, and the most that is answered.

The bot's event is durable before it is answered (fsync on), the baseline keeps nothing. `bot, web side`: nobody works
off the queue in that process, the jobs stay. `bot, whole`: as shipped, the same process makes tickets, triages them and
posts cards meanwhile, and its backlog is worked off before the next round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from bench.load import Answers, Target
from bench.results import Row, Table, flat, p50, quantile, ratios
from bench.rig import Rig, SlackChild, start_bot, start_slack, until_idle

RATES = (50, 200)
CEILING_CONCURRENCY = 16
TEXT = "The export has been failing since this morning, could somebody have a look at the nightly job please?"
BASELINE = "bare Bolt AsyncApp, default settings, empty listener, same adapter, nothing kept"


@dataclass
class Arm:
    """One server under load, and what it answered in each round."""

    name: str
    target: Target
    queue: psycopg.AsyncConnection[Any] | None = None
    """Where its backlog stands, if it works one off."""
    rounds: list[Answers] = field(default_factory=list)

    def row(self, baseline: Arm, *, by_rate: bool = False) -> Row:
        """Its line; the ratio is of the medians, or of the rates where those are the question."""
        times = [one.seconds for one in self.rounds]
        mine = [one.rate if by_rate else p50(one.seconds) for one in self.rounds]
        theirs = [one.rate if by_rate else p50(one.seconds) for one in baseline.rounds[: len(self.rounds)]]
        count = sum(len(one) for one in times)
        elapsed = sum(one.elapsed for one in self.rounds)
        return Row(self.name, count, flat(times), count / elapsed, ratios(mine, theirs))


async def measure(rig: Rig) -> Sequence[Table]:
    """The tables for both rates and the ceiling."""
    slack = await start_slack(rig)
    arms = await _arms(rig, slack)
    tables = []
    try:
        for arm in arms:
            await _load(slack, arm, rate=50, count=50)  # to warm up
        for rate in RATES:
            tables.append(await _at_rate(rig, slack, arms, rate))
        tables.append(await _ceiling(rig, slack, [arm for arm in arms if arm.queue is None]))
    finally:
        for arm in arms:
            await arm.target.close()
            if arm.queue is not None:
                await arm.queue.close()
        await rig.stop(*reversed(rig.children))
    return tables


async def _arms(rig: Rig, slack: SlackChild) -> list[Arm]:
    whole_database = rig.database()
    children = {
        "bare Bolt, default (baseline)": await rig.child("bare", "default", **slack.environment),
        "bare Bolt, process_before_response": await rig.child("bare", "before", **slack.environment),
        "bot, web side": await start_bot(rig, slack, rig.database(), "web"),
        "bot, whole": await start_bot(rig, slack, whole_database, "all"),
    }
    queue = await psycopg.AsyncConnection.connect(whole_database, autocommit=True)
    return [
        Arm(name, Target(child.ready["url"], slack.signing_secret), queue if name == "bot, whole" else None)
        for name, child in children.items()
    ]


async def _at_rate(rig: Rig, slack: SlackChild, arms: Sequence[Arm], rate: int) -> Table:
    for arm in arms:
        arm.rounds.clear()
    for turn in range(rig.take(1, 3)):
        for arm in arms if turn % 2 == 0 else reversed(arms):
            if arm.queue is None:
                arm.rounds.append(await _load(slack, arm, rate=rate, count=rate * rig.take(1, 3)))
            elif turn == 0:
                # Each event of the whole bot is a ticket, and is worked off before anything else: one second of them.
                arm.rounds.append(await _load(slack, arm, rate=rate, count=rate))
    late = max(quantile(one.lateness, 0.99) for arm in arms for one in arm.rounds)
    rows = [arm.row(arms[0]) for arm in arms]
    notes = [f"requests were sent at most {late * 1000:.1f} ms late (p99 of the worst round)"]
    return Table(f"Ack of a message event, {rate} events a second", BASELINE, rows, notes)


async def _load(slack: SlackChild, arm: Arm, *, rate: int, count: int) -> Answers:
    requests = [arm.target.event(event) for event in await slack.messages(count, TEXT)]
    answers = await arm.target.open_loop(requests, rate)
    answers.check(arm.name)
    if arm.queue is not None:
        await until_idle(arm.queue, seconds=30 + count)
    return answers


async def _ceiling(rig: Rig, slack: SlackChild, arms: Sequence[Arm]) -> Table:
    for arm in arms:
        arm.rounds.clear()
    for _ in range(rig.take(1, 2)):
        for arm in arms:
            events = await slack.messages(rig.take(300, 1500), TEXT)
            requests = [arm.target.event(event) for event in events]
            answers = await arm.target.closed_loop(requests, CEILING_CONCURRENCY)
            answers.check(arm.name)
            arm.rounds.append(answers)
    rows = [arm.row(arms[0], by_rate=True) for arm in arms]
    title = f"Events answered a second, {CEILING_CONCURRENCY} at once (the ceiling)"
    notes = ["the ratio is of the rates: more is better", "load, server and database share the machine's cores"]
    return Table(title, BASELINE, rows, notes)
