"""Messages: stored before they are acknowledged, and made into tickets by a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.reception import Reception
from handlers.slack_messages import Deleted, Edited, Nothing, Posted, read_message
from storage.inbox import Arrival


async def take_message(reception: Reception, body: Mapping[str, Any]) -> None:
    """Make a message event durable. Raises DatabaseUnavailable: then Slack is not told that we have it."""
    arrival = arrival_of(reception, body)
    if arrival is not None:
        await reception.inbox.store(arrival)


def arrival_of(reception: Reception, body: Mapping[str, Any]) -> Arrival | None:
    """The event as an inbox row; None for what is nobody's message or stands where we take no tickets."""
    event = body.get("event")
    if not isinstance(event, Mapping):
        return None
    said = read_message(event, own_bot_id=reception.bot_id, own_user_id=reception.bot_user_id)
    if isinstance(said, Nothing) or _channel(said) not in reception.desk.settings.intake_channels:
        return None
    return Arrival(
        kind="slack_event",
        dedup_key=_dedup_key(said),
        # Everything about one thread is handled in turn; threads do not wait for each other.
        lock=f"thread:{_channel(said)}:{_root(said)}",
        payload={
            "event": dict(event),
            "event_id": body.get("event_id"),
            "is_ext_shared_channel": body.get("is_ext_shared_channel"),
        },
    )


def _channel(said: Posted | Edited | Deleted) -> str:
    return said.after.channel if isinstance(said, Edited) else said.channel


def _root(said: Posted | Edited | Deleted) -> str:
    match said:
        case Posted():
            return said.root_ts
        case Edited(after):
            return after.root_ts
        case Deleted(ts=ts, before=before):
            return ts if before is None else before.root_ts


def _dedup_key(said: Posted | Edited | Deleted) -> str:
    # By place and version rather than by event id: a retry, a duplicate and a backfill from history are one row.
    match said:
        case Posted(channel=channel, ts=ts):
            return f"message:{channel}:{ts}"
        case Edited(after):
            return f"edit:{after.channel}:{after.ts}:{after.edited_ts}"
        case Deleted(channel=channel, ts=ts):
            return f"delete:{channel}:{ts}"
