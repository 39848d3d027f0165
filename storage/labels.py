"""What accounts were called where they took part. For display only: names are typed by their owners."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import text

from policy.terms import PersonKey
from storage.database import Transaction

_LABELS = text(
    "select key, label from ("
    " select voter as key, voter_label as label, cast_at as at from votes"
    " union all select proposer, proposer_label, created_at from action_requests where proposer is not null"
    " union all select author, author_label, created_at from messages where author is not null"
    " union all select slack_key, name, null from directory_people where slack_key is not null"
    ") as known where key = any(:keys) and label <> '' order by at nulls first"
)


async def labels(tx: Transaction, people: Collection[PersonKey]) -> dict[PersonKey, str]:
    """By account, the newest name it took part under, or the directory's; those without one are left out."""
    rows = await tx.execute(_LABELS, {"keys": sorted(map(str, people))})
    return {PersonKey.parse(key): label for key, label in rows}
