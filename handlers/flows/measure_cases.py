"""Measure the cases of a desk from their records, one at a time: how many there are does not decide the memory."""

from __future__ import annotations

import asyncio
from datetime import datetime

from copilot.measures import Measures, OneCase, gather, measure
from storage import cases
from storage.database import Database
from storage.told import TrailBroken


async def measure_cases(database: Database, *, since: datetime | None = None) -> Measures:
    """Of the cases opened since, or of all. A record that does not hold is counted as that and as nothing else."""
    async with database.transaction() as tx:
        wanted = [row.id for row in await cases.every_one(tx) if since is None or row.opened_at >= since]
    found: list[OneCase] = []
    broken: list[str] = []
    for case_id in wanted:
        try:
            async with database.transaction() as tx:
                story = await cases.story(tx, case_id)
        except TrailBroken:
            broken.append(str(case_id))
            continue
        # Not on the loop: a long case takes long enough to keep a click waiting.
        found.append(await asyncio.to_thread(measure, str(case_id), story))
    return gather(found, broken)
