"""What Slack has and we do not: messages, edits and replies that no event brought.

Events are lost when no socket is open for longer than Slack retries (a restart, a network fault). Everything found goes
through the same door as an event, and the inbox drops what is there already. How far to look back depends on the last
look that came to its end, and not on the newest message we have: the first event after a gap would hide everything that
fell into it, and so would the first page of a look that was cut short. Outside the intake channels only the threads of
tickets and of cases are read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from handlers.listeners.intake import take_message
from handlers.reception import Reception
from storage import cases, inbox, looks, tickets
from storage.database import Transaction

log = logging.getLogger(__name__)

PAGE_SIZE = 200
MOST_PAGES = 25
LOOK_BACK = timedelta(hours=24)
OVERLAP = timedelta(minutes=2)
"""What our clock and Slack's may differ by."""
MOST_THREADS = 25
"""Older tickets whose threads are looked at too, the most recently worked on first; and so many cases."""


async def backfill(reception: Reception, looked: dict[str, datetime]) -> int:
    """Store what was missed; returns how many messages were looked at. What was said before we took a channel is left.

    `looked`: when this process began its last whole look at each channel, kept here; threads that are silent since then
    are not read again. A channel whose look Slack cut short stays as it was.
    """
    seen = 0
    intake = reception.desk.settings.intake_channels
    async with reception.desk.database.transaction() as tx:
        elsewhere = await tickets.other_channels(tx, intake)
        of_cases = [channel for channel, _ in await cases.threads(tx, limit=MOST_THREADS)]
    for channel in dict.fromkeys([*sorted(intake), *elsewhere, *of_cases]):
        now = reception.desk.clock()
        span = await _span(reception, channel, looked.get(channel))
        try:
            if span is not None:
                seen += await _channel(reception, channel, span)
        except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("could not look for missed messages in %s, and will look again: %s", channel, error)
            continue
        looked[channel] = now
        if channel in intake:
            async with reception.desk.database.transaction() as tx:
                await looks.note_look(tx, channel, began_at=now)
    return seen


@dataclass(frozen=True)
class _Span:
    """How far to look in one channel."""

    oldest: str
    since: str | None
    threads: tuple[str, ...]
    only_threads: bool


async def _span(reception: Reception, channel: str, last_looked: datetime | None) -> _Span | None:
    since = None if last_looked is None else _ts(last_looked - OVERLAP)
    is_intake = channel in reception.desk.settings.intake_channels
    look_back = _ts(reception.desk.clock() - LOOK_BACK)
    async with reception.desk.database.transaction() as tx:
        known = await _known(tx, channel, is_first=since is None) if is_intake else (look_back, look_back)
        # Later only where an edit that went unheard would let people approve what is asked no longer.
        older = await tickets.threads_of(tx, channel, limit=MOST_THREADS, only_undecided=since is not None)
        of_cases = await cases.threads(tx, limit=MOST_THREADS) if since is None else []
    if known is None:
        return None
    # What was said before the channel was ours was nobody's ticket.
    threads = (*older, *(ts for where, ts in of_cases if where == channel))
    return _Span(max(known[0], min(known[1], look_back)), since, threads, only_threads=not is_intake)


async def _known(tx: Transaction, channel: str, *, is_first: bool) -> tuple[str, str] | None:
    """From when on a channel is ours, and up to when nothing of it can be missing; None if it is new to us."""
    known = await inbox.known_span(tx, channel)
    looked = await looks.last_look(tx, channel)
    if known is not None and looked is not None:
        known = known[0], _ts(looked - OVERLAP)
    taken = await inbox.taken(tx, channel, before_last_start=is_first)
    if taken.since is not None:
        # The very first message may be one of those that were missed.
        oldest, newest = known or (_ts(taken.since), _ts(taken.since))
        known = min(oldest, _ts(taken.since)), newest
    if known is not None and taken.not_before is not None:
        known = max(known[0], _ts(taken.not_before)), known[1]
    return known


async def _channel(reception: Reception, channel: str, span: _Span) -> int:
    if span.only_threads and not span.threads:
        return 0
    info = await _ask(reception.client.conversations_info, channel=channel)
    is_shared = (info.get("channel") or {}).get("is_ext_shared")
    seen = 0
    async for message in _messages(reception, channel, span):
        seen += 1
        event: dict[str, Any] = {**message, "channel": channel}
        await take_message(reception, {"event": event, "is_ext_shared_channel": is_shared})
        if message.get("edited"):
            # As the event would have brought it; an edit that is known already makes no second row.
            edit = {"type": "message", "subtype": "message_changed", "channel": channel, "message": message}
            await take_message(reception, {"event": edit, "is_ext_shared_channel": is_shared})
    return seen


async def _messages(reception: Reception, channel: str, span: _Span) -> AsyncIterator[dict[str, Any]]:
    client, threads = reception.client, dict.fromkeys(span.threads)
    if not span.only_threads:
        async for message in _pages(client.conversations_history, channel=channel, oldest=span.oldest):
            yield message
            latest = message.get("latest_reply")
            if latest is not None and (span.since is None or str(latest) >= span.since):
                threads[str(message["ts"])] = None
    for thread_ts in threads:
        try:
            async for message in _pages(
                client.conversations_replies, channel=channel, ts=thread_ts, oldest=span.oldest
            ):
                yield message
        except SlackApiError as error:
            if error.response.get("error") != "thread_not_found":  # The message that headed it was deleted.
                raise


async def _pages(method: Any, **arguments: Any) -> AsyncIterator[dict[str, Any]]:
    cursor = ""
    for _ in range(MOST_PAGES):
        answer = await _ask(method, limit=PAGE_SIZE, cursor=cursor or None, inclusive=True, **arguments)
        for message in answer.get("messages") or []:
            yield message
        cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            return
    log.warning("missed messages were looked for in %d pages only: %s", MOST_PAGES, arguments)


async def _ask(method: Any, **arguments: Any) -> Any:
    """What Slack answers. Where it asks to wait, the look waits: it may have more threads to read than Slack's minute
    allows, and holds up nothing else."""
    while True:
        try:
            return await method(**arguments)
        except SlackApiError as error:
            answer: Any = error.response
            if answer.get("error") != "ratelimited" and answer.status_code != 429:
                raise
            await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))


def _ts(moment: datetime) -> str:
    return f"{moment.timestamp():.6f}"
