"""Tickets a second, from the signed event to the triage card that stands in Slack: one bot process, and two on one
database. Offline triage; the local Slack is a process of its own, without its limit on posts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from slack_sdk.web.async_client import AsyncWebClient

from bench.load import Target
from bench.results import Row, Table, ratios
from bench.rig import Rig, SlackChild, start_bot, start_slack, until, until_idle

TEXTS = (
    "I cannot log in since this morning, the page says my password has expired but the reset mail never comes.",
    "Our API key ak_demo_erin_001 may have leaked in a public repository, please revoke it right now.",
    "The nightly export has been failing for three days and the dashboard shows last week's numbers.",
    "Could somebody tell me how to add a colleague to our workspace? We are two more since Monday.",
)
POSTS = 8
BASELINE = "the same two posts a ticket (acknowledgement and card) by one bare AsyncWebClient, eight at once"
_CARDS = "select count(*) from deliveries where kind = 'triage_card' and state = 'posted'"
_TIMES = (
    "select extract(epoch from d.posted_at - i.received_at) from deliveries d join tickets t on t.id = d.ticket_id"
    " join inbox i on i.dedup_key = 'message:' || t.slack_channel || ':' || t.slack_ts"
    " where d.kind = 'triage_card' and d.state = 'posted' order by d.posted_at desc limit %s"
)


@dataclass
class Desk:
    """So many bots on one database."""

    name: str
    targets: list[Target]
    database: psycopg.AsyncConnection[Any]
    rates: list[float] = field(default_factory=list)
    posted: int = 0


async def measure(rig: Rig) -> Sequence[Table]:
    """Two tables: the most tickets a second, and how long one takes when it is not crowded."""
    slack = await start_slack(rig)
    desks = [await _desk(rig, slack, processes) for processes in (1, 2)]
    bare: list[float] = []
    count = rig.take(24, 120)
    try:
        for desk in desks:
            await _burst(slack, desk, 8)  # to warm up
            desk.rates.clear()
        for _ in range(rig.take(1, 2)):
            bare.append(await _posts(slack, count))
            for desk in desks:
                await _burst(slack, desk, count)
        paced = [await _paced(slack, desk, rig.take(10, 40)) for desk in desks]
    finally:
        for desk in desks:
            await desk.database.close()
        await rig.stop(*reversed(rig.children))
    return [_most(desks, bare, count), _calm(desks, paced)]


async def _desk(rig: Rig, slack: SlackChild, processes: int) -> Desk:
    url = rig.database()
    bots = [await start_bot(rig, slack, url, "all") for _ in range(processes)]
    return Desk(
        f"{processes} bot process{'es' if processes > 1 else ''}",
        [Target(bot.ready["url"], slack.signing_secret) for bot in bots],
        await psycopg.AsyncConnection.connect(url, autocommit=True),
    )


async def _burst(slack: SlackChild, desk: Desk, count: int) -> None:
    """All events as fast as they are taken; the time ends with the last card."""
    events = await _events(slack, count)
    begin = time.perf_counter()
    await asyncio.gather(*(_send(target, events[n :: len(desk.targets)]) for n, target in enumerate(desk.targets)))
    await _until_posted(desk, count)
    desk.rates.append(count / (time.perf_counter() - begin))
    await until_idle(desk.database, seconds=60 + count)


async def _events(slack: SlackChild, count: int) -> list[dict[str, Any]]:
    found = []
    for number, text in enumerate(TEXTS):
        found += await slack.messages(len(range(number, count, len(TEXTS))), text)
    return found


async def _send(target: Target, events: Sequence[dict[str, Any]]) -> None:
    answers = await target.closed_loop([target.event(event) for event in events], 4)
    answers.check("throughput")
    await target.close()


async def _until_posted(desk: Desk, count: int) -> None:
    desk.posted += count

    async def all_posted() -> bool:
        row = await (await desk.database.execute(_CARDS)).fetchone()
        return row is not None and int(row[0]) >= desk.posted

    await until(all_posted, seconds=60 + count)


async def _paced(slack: SlackChild, desk: Desk, count: int) -> list[float]:
    """Five events a second, and how long each took from its arrival to its card."""
    target = desk.targets[0]
    answers = await target.open_loop([target.event(event) for event in await _events(slack, count)], 5)
    answers.check("paced tickets")
    await _until_posted(desk, count)
    await until_idle(desk.database, seconds=60 + count)
    await target.close()
    rows = await (await desk.database.execute(_TIMES, (count,))).fetchall()
    return [float(row[0]) for row in rows]


async def _posts(slack: SlackChild, count: int) -> float:
    """Tickets a second if posting were all there is to them."""
    environment = slack.environment
    client = AsyncWebClient(token=environment["SLACK_BOT_TOKEN"], base_url=environment["COUNTERSIGN_SLACK_API_URL"])
    events, waiting = await slack.messages(count, TEXTS[0]), asyncio.Semaphore(POSTS)
    card = [{"type": "section", "text": {"type": "plain_text", "text": TEXTS[0]}} for _ in range(8)]

    async def post(event: dict[str, Any]) -> None:
        async with waiting:
            where = event["event"]
            await client.chat_postMessage(channel=where["channel"], thread_ts=where["ts"], text="We have received it.")
            await client.chat_postMessage(
                channel=environment["COUNTERSIGN_TRIAGE_CHANNEL"], text="A new ticket", blocks=card
            )

    begin = time.perf_counter()
    await asyncio.gather(*(post(event) for event in events))
    return count / (time.perf_counter() - begin)


def _most(desks: Sequence[Desk], bare: Sequence[float], count: int) -> Table:
    rows = [Row("posts only (baseline)", count * len(bare), (), sum(bare) / len(bare), ratios(bare, bare))]
    rows += [
        Row(desk.name, count * len(desk.rates), (), sum(desk.rates) / len(desk.rates), ratios(desk.rates, bare))
        for desk in desks
    ]
    notes = [
        "the ratio is of the rates: more is better",
        f"two processes to one: {ratios(desks[1].rates, desks[0].rates)}",
    ]
    return Table(f"Tickets a second, event to posted triage card, {count} at once", BASELINE, rows, notes)


def _calm(desks: Sequence[Desk], paced: Sequence[Sequence[float]]) -> Table:
    rows = [Row(desk.name, len(times), times) for desk, times in zip(desks, paced, strict=True)]
    return Table("Event stored to triage card posted, five events a second", "none: times of their own", rows)
