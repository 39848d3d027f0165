"""Under which ids files are in Slack: written down before Slack shows them, so that they are found again."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from handlers.desk import Desk
from storage import delivery_files


async def note_upload(desk: Desk, delivery_id: UUID, slack_ids: Sequence[str]) -> None:
    """The files are about to be shown under these ids."""
    async with desk.database.transaction() as tx:
        await delivery_files.note_ids(tx, delivery_id, slack_ids, at=desk.clock())


async def forget_upload(desk: Desk, delivery_id: UUID) -> None:
    """Nothing stands in Slack under the ids of an earlier attempt."""
    async with desk.database.transaction() as tx:
        await delivery_files.forget_ids(tx, delivery_id)
