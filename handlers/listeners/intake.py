"""Messages: stored before they are acknowledged, and made into tickets by a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.reception import Reception
from handlers.slack_messages import Deleted, Edited, Nothing, Posted, is_timestamp, read_message
from storage.inbox import Arrival, KnownPlace


async def take_message(reception: Reception, body: Mapping[str, Any]) -> None:
    """Make a message event durable. Raises DatabaseUnavailable: then Slack is not told that we have it."""
    arrival = arrival_of(reception, body)
    if arrival is not None:
        await reception.inbox.store(arrival)


def arrival_of(reception: Reception, body: Mapping[str, Any]) -> Arrival | None:
    """The event as an inbox row; None for what is nobody's message.

    Outside the intake channels only what belongs to a ticket is taken: somebody made one of a message there, and an
    edit of it must be heard; and what is said in the thread of a case.
    """
    event = body.get("event")
    if not isinstance(event, Mapping):
        return None
    said = read_message(event, own_bot_id=reception.bot_id, own_user_id=reception.bot_user_id)
    if isinstance(said, Nothing):
        return None
    channel = _channel(said)
    takes_all = channel in reception.desk.settings.intake_channels
    return Arrival(
        kind="slack_event",
        dedup_key=_dedup_key(said, event),
        # Everything about one thread is handled in turn; threads do not wait for each other.
        lock=thread_lock(channel, _root(said)),
        payload={
            "event": dict(event),
            "event_id": body.get("event_id"),
            "is_ext_shared_channel": body.get("is_ext_shared_channel"),
        },
        only_about=None if takes_all else KnownPlace(channel, tuple({_root(said), _ts(said)})),
    )


def thread_lock(channel: str, root_ts: str) -> str:
    """The lock that keeps the arrivals of a thread in order."""
    return f"thread:{channel}:{root_ts}"


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


def _ts(said: Posted | Edited | Deleted) -> str:
    return said.after.ts if isinstance(said, Edited) else said.ts


def _dedup_key(said: Posted | Edited | Deleted, event: Mapping[str, Any]) -> str:
    # By place and version rather than by event id: a retry, a duplicate and a backfill from history are one row.
    match said:
        case Posted(channel=channel, ts=ts):
            return f"message:{channel}:{ts}"
        case Edited(after):
            # Slack's edit time has whole seconds; two edits within one differ in the event's own time.
            sent = event.get("event_ts")
            return f"edit:{after.channel}:{after.ts}:{after.edited_ts}:{sent if is_timestamp(sent) else ''}"
        case Deleted(channel=channel, ts=ts):
            return f"delete:{channel}:{ts}"
