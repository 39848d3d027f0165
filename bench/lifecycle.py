"""From the Approve click to the effect; from the start of the process to the line that says it is ready; its memory."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from bench.clicks import click
from bench.durable import BareCommits
from bench.load import Target
from bench.proposals import cards, key, make_tickets, propose_revocation
from bench.results import Row, Table, p50, ratios
from bench.rig import REPOSITORY, Rig, desk_below_slack, start_bot, start_slack, until, until_idle
from tests.ports import free_port

IDLE_SECONDS = 10.0
_TELL = (
    "create function bench_tell() returns trigger language plpgsql as"
    " $$ begin perform pg_notify('bench_effects', new.idempotency_key); return null; end $$;"
    " create trigger bench_tell after insert on effects for each row when (new.action_id = 'api_key.revoke')"
    " execute function bench_tell()"
)
_POSTED = "select count(*) from deliveries where kind = 'approval_card' and state = 'posted'"


async def click_to_executed(rig: Rig) -> Sequence[Table]:
    """One click at a time on a bot as it is shipped, until the effect is committed (heard of by NOTIFY)."""
    slack, url = await start_slack(rig), rig.database()
    count = rig.take(8, 150)
    bot = await start_bot(rig, slack, url, "all")
    target = Target(bot.ready["url"], slack.signing_secret)
    heard = await psycopg.AsyncConnection.connect(url, autocommit=True)
    await heard.execute(_TELL)
    await heard.execute("listen bench_effects")
    async with desk_below_slack(slack, url) as desk, BareCommits(url, 1) as commits:
        tickets = await make_tickets(desk, count, "x")
        requests = [await propose_revocation(desk, one, key("x", n)) for n, one in enumerate(tickets)]
        await until(lambda: _are_posted(heard, count), seconds=60 + count)
        await until_idle(heard, seconds=60 + count)
        async with desk.database.transaction() as tx:
            payloads = [click(slack, *card) for card in await cards(tx, requests)]
        times, acks, floor = [], [], []
        for payload in payloads:
            floor += await commits.seconds(3)
            executed, acked = await _press(target, heard, payload)
            times.append(executed)
            acks.append(acked)
            await until_idle(heard, seconds=30)
    await heard.close()
    await target.close()
    await rig.stop(bot, slack.child)
    rows = [
        Row("bare durable commit (baseline)", len(floor), floor, ratio="1"),
        Row("click to its answer", len(acks), acks, ratio=f"{p50(acks) / p50(floor):.1f}"),
        Row("click to the effect, committed", len(times), times, ratio=f"{p50(times) / p50(floor):.1f}"),
    ]
    baseline = "p50 of one bare durable commit, three before each click"
    return [Table("Approve click to executed, one at a time, bot as shipped", baseline, rows)]


async def _are_posted(connection: psycopg.AsyncConnection[Any], count: int) -> bool:
    row = await (await connection.execute(_POSTED)).fetchone()
    return row is not None and int(row[0]) >= count


async def _press(target: Target, heard: psycopg.AsyncConnection[Any], payload: dict[str, Any]) -> tuple[float, float]:
    """Seconds from the click to the effect, and to its answer."""
    request = target.interaction(payload)
    begin = time.perf_counter()
    answering = asyncio.create_task(target.closed_loop([request], 1))
    async for _ in heard.notifies(timeout=30, stop_after=1):
        executed = time.perf_counter() - begin
        answers = await answering
        answers.check("click")
        return executed, answers.seconds[0]
    raise TimeoutError("no effect within 30 s of a click")


async def start_and_memory(rig: Rig) -> Sequence[Table]:
    """`countersign run` with everything around it, and the bot alone beside a bare Bolt app."""
    whole: dict[str, list[float]] = {"first start": [], "next start": []}
    memory = 0.0
    for turn in range(rig.take(1, 3)):
        folder = rig.folder / f"run-{turn}"
        for name, times in whole.items():
            is_last = name == "next start" and turn == rig.take(1, 3) - 1
            seconds, resident = await _run_once(folder, idle_seconds=IDLE_SECONDS if is_last else 0)
            times.append(seconds)
            memory = resident or memory
    slack, bare, bots = await start_slack(rig), [], []
    sizes = {"bare": 0.0, "bot": 0.0}
    for _ in range(rig.take(1, 3)):
        begin = time.perf_counter()
        small = await rig.child("bare", "default", **slack.environment)
        bare.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        bot = await start_bot(rig, slack, rig.database(), "all")
        bots.append(time.perf_counter() - begin)
        await asyncio.sleep(IDLE_SECONDS)
        sizes = {"bare": resident_megabytes(small.pid), "bot": resident_megabytes(bot.pid)}
        await rig.stop(small, bot)
    await rig.stop(slack.child)
    rows = [
        Row("bare Bolt app, start to listening (baseline)", len(bare), bare, ratio=ratios(bare, bare)),
        Row("bot, start to serving (database and Slack are there)", len(bots), bots, ratio=ratios(bots, bare)),
        *(
            Row(
                f"countersign run, {name} (database, local Slack and bot)", len(times), times, None, ratios(times, bare)
            )
            for name, times in whole.items()
        ),
    ]
    notes = [
        f"memory (RSS) after {IDLE_SECONDS:g} s idle: bare Bolt app {sizes['bare']:.0f} MB, bot {sizes['bot']:.0f} MB"
        f" ({sizes['bot'] / sizes['bare']:.2f}), countersign run with the local Slack in its process {memory:.0f} MB"
    ]
    return [Table("Start to ready, and memory at rest", "a bare Bolt AsyncApp in its own process", rows, notes)]


async def _run_once(folder: Path, *, idle_seconds: float) -> tuple[float, float]:
    """Start `countersign run` with nothing set, wait for its 'ready', stop it. Returns seconds and MB."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLACK_", "COUNTERSIGN_"))}
    environment |= {
        "COUNTERSIGN_DATA": str(folder),
        "COUNTERSIGN_HTTP_PORT": str(free_port()),
        "COUNTERSIGN_LOCAL_SLACK_PORT": str(free_port()),
    }
    environment.pop("DATABASE_URL", None)
    begin = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.cli", "run",
        cwd=REPOSITORY, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    resident = 0.0
    try:
        async with asyncio.timeout(120):
            while b"ready" not in (line := await process.stdout.readline()):
                if not line:
                    raise RuntimeError(f"countersign run ended with code {await process.wait()}")
        seconds = time.perf_counter() - begin
        if idle_seconds:
            await asyncio.sleep(idle_seconds)
            resident = resident_megabytes(process.pid)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.stdout.read()
        await process.wait()
    return seconds, resident


def resident_megabytes(pid: int) -> float:
    """The resident set of one process. Raises OSError where there is no /proc."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"process {pid} has no VmRSS")
