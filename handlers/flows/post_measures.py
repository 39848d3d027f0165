"""Once a week the leads see how cases go: a picture with its words, in their channel.

It is due from Monday, 08:00 UTC, and is made by whichever process looks first after that, however late. That it was
posted is on the system's chain, in the transaction that queues it, so no week has two. Nothing is posted while there
is no case to speak of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from copilot.measures import Measures
from copilot.measures_picture import measures_alt_text, measures_picture
from copilot.measures_words import span
from handlers.desk import Desk
from handlers.flows.measure_cases import measure_cases
from policy.digest import utc_text
from storage import audit, delivery_files, job_queue
from storage.audit import Step
from storage.database import Transaction
from storage.delivery_files import NewFile

OPENED_WITHIN = timedelta(days=30)
"""Which cases the picture is about: a week has too few for a median."""
_JOB = "post_measures"
DUE_AT = timedelta(hours=8)
"""After the beginning of Monday, in UTC."""


@dataclass(frozen=True)
class WeeklyPost:
    """What goes to the leads."""

    file_name: str
    picture: bytes
    """A PNG."""
    alt_text: str
    """What it says, for whoever does not see it."""
    comment: str
    """The words above it, plain."""


Post = Callable[[Transaction, WeeklyPost], Awaitable[None]]
"""Queues it for the leads' channel, in the transaction that it is given."""


def to_leads(desk: Desk, channel: str) -> Post:
    """As a file in a channel of our own people."""

    async def post(tx: Transaction, made: WeeklyPost) -> None:
        picture = NewFile(made.file_name, "image/png", made.picture, made.alt_text)
        await delivery_files.post(
            tx, channel, [picture], comment=made.comment, delivery_id=desk.new_id(), at=desk.clock()
        )

    return post


async def ask_for_measures(desk: Desk) -> None:
    """Have this week's measures posted by a job, if that is due. Raises DatabaseUnavailable."""
    async with desk.database.transaction() as tx:
        if desk.settings.leads_channel is not None and await _is_due(tx, desk.clock()):
            await job_queue.defer(tx, _JOB, lock=_JOB, queueing_lock=_JOB)


async def post_measures(desk: Desk, post: Post) -> bool:
    """Post this week's measures if that is due, and say whether it was. Raises DatabaseUnavailable."""
    now = desk.clock()
    if not await is_due(desk, now):
        return False
    measures = await measure_cases(desk.database, since=now - OPENED_WITHIN)
    if not measures.cases and not measures.broken:
        return False
    made = await asyncio.to_thread(weekly_post, measures, now)
    async with desk.database.transaction() as tx:
        await audit.take_turn(tx, Step.MEASURES_POSTED)
        if not await _is_due(tx, now):
            return False  # Another process was quicker.
        await post(tx, made)
        payload = {"since": utc_text(now - OPENED_WITHIN), "cases": measures.cases, "alarms": [*measures.alarms]}
        await audit.record(tx, None, Step.MEASURES_POSTED, "bot", payload, at=now)
    return True


async def is_due(desk: Desk, now: datetime) -> bool:
    """Whether this week's post is still to be made."""
    async with desk.database.transaction() as tx:
        return await _is_due(tx, now)


async def _is_due(tx: Transaction, now: datetime) -> bool:
    last = await audit.latest(tx, Step.MEASURES_POSTED)
    return last is None or last.at < due_since(now)


def due_since(now: datetime) -> datetime:
    """The last Monday, 08:00 UTC, that is not after `now`, which is in UTC."""
    monday = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=now.weekday())
    due = monday + DUE_AT
    return due if due <= now else due - timedelta(days=7)


def weekly_post(measures: Measures, now: datetime) -> WeeklyPost:
    """The post as it is made at this moment."""
    period = f"the {OPENED_WITHIN.days} days to {now.day} {now:%B %Y}"
    alarms = "".join(f"ALARM: {one}. " for one in measures.alarms)
    share = measures.customer_drafts.share
    corrected = "" if share is None else f" {share:.0%} of the copilot's customer updates needed a major correction."
    comment = (
        f"How cases went, {period}: {alarms}Median time to the first approved update:"
        f" {span(measures.median_seconds)}.{corrected}"
    )
    words, picture = measures_alt_text(measures, period), measures_picture(measures, period)
    return WeeklyPost(f"cases-{now:%Y-%m-%d}.png", picture, words, comment)
