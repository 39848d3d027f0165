"""What the fault tests share: a local Slack without waiting times, and what must hold after every fault."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import yaml
from sqlalchemy import text

from bot.demo.local import MANIFEST
from local_slack.server import LocalSlack
from storage import verification
from storage.database import Database

INTAKE = ("C0HELP00001", "C0EXTEXT001", "C0EXTGLOB01", "C0INBOX0001")
OURS = (*INTAKE, "C0TRIAGE001", "C0APPROVE01")
PATIENCE_SECONDS = 120.0
"""For what comes by itself, also on a machine that is busy with something else. Only a failure takes that long."""


@asynccontextmanager
async def quick_slack(
    *, retry_delays_seconds: Sequence[float] = (0.0, 0.2, 0.4), ack_seconds: float = 3.0
) -> AsyncIterator[LocalSlack]:
    """A running local Slack with the project's manifest, no limit on posts, and retries that do not take minutes."""
    slack = LocalSlack(
        counts_calls=False,
        post_interval_seconds=0,
        retry_delays_seconds=retry_delays_seconds,
        ack_seconds=ack_seconds,
        manifest=yaml.safe_load(MANIFEST.read_text()),
    )
    async with slack:
        yield slack


async def rows(database: Database, sql: str, **params: Any) -> list[Any]:
    """Rows of a query."""
    async with database.transaction() as tx:
        return list((await tx.execute(text(sql), params)).all())


async def value(database: Database, sql: str, **params: Any) -> Any:
    """The one value of a query, or None."""
    found = await rows(database, sql, **params)
    return found[0][0] if found else None


def our_messages(slack: LocalSlack) -> list[dict[str, Any]]:
    """Every message of the bot in the channels of the desk."""
    return [
        message
        for channel in OURS
        if channel in slack.world.channels
        for message in slack.world.logs[channel].messages.values()
        if message.get("bot_id") == slack.app.bot_id
    ]


def posted_twice(slack: LocalSlack) -> list[str]:
    """The deliveries that stand in Slack more than once."""
    ids = Counter(message["metadata"]["event_payload"]["id"] for message in our_messages(slack))
    return [delivery_id for delivery_id, count in ids.items() if count > 1]


async def holds(slack: LocalSlack, database: Database) -> None:
    """What must be true after any fault: nothing twice in Slack, one effect for each run, an unbroken trail."""
    assert posted_twice(slack) == []
    acknowledged = await rows(
        database, "select ticket_id, count(*) from deliveries where kind = 'acknowledgement' group by 1"
    )
    assert all(count == 1 for _, count in acknowledged)
    doubled = "select r.id from action_requests r join effects e on e.idempotency_key like r.id || ':%' group by 1"
    assert await rows(database, doubled + " having count(*) > 1") == []
    async with database.transaction() as tx:
        assert (await verification.verify(tx)).first_break is None


async def eventually(condition: Any, *, seconds: float = PATIENCE_SECONDS, every: float = 0.05) -> Any:
    """Wait until the condition (a function, async or not) gives something true, and return that."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s"
        await asyncio.sleep(every)
