"""Looks at the history of Slack's channels: which was the last that came to its end."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert

from storage.database import Transaction
from storage.schema import HistoryLook


async def last_look(tx: Transaction, channel: str) -> datetime | None:
    """When the last whole look at a channel began; None if there was none."""
    look = await tx.get(HistoryLook, channel)
    return None if look is None else look.began_at


async def note_look(tx: Transaction, channel: str, *, began_at: datetime) -> None:
    """A look at a channel came to its end."""
    values = insert(HistoryLook).values(channel=channel, began_at=began_at)
    await tx.execute(values.on_conflict_do_update(index_elements=["channel"], set_={"began_at": began_at}))
