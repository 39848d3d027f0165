"""Holding the reviews of break-glass requests against the trail: one that was taken away, moved or made up."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from policy.digest import utc_text
from storage.database import Transaction
from storage.schema import ReviewRow
from storage.told import Told


async def check_reviews(tx: Transaction, told: Mapping[str, Told]) -> list[str]:
    """Everything that does not hold, in words."""
    findings, known = [], set()
    for row in (await tx.scalars(select(ReviewRow).order_by(ReviewRow.due_at, ReviewRow.request_id))).all():
        request_id = str(row.request_id)
        known.add(request_id)
        findings += [f"the review of request {request_id} {why}" for why in _whys(row, told.get(request_id))]
        tx.expunge(row)
    return findings + [
        f"the review of request {request_id} is due on the trail and not in the table"
        for request_id, one in told.items()
        if one.review_due and request_id not in known
    ]


def _whys(row: ReviewRow, one: Told | None) -> list[str]:
    if one is None or not one.review_due:
        return ["is in the table and not on the trail"]
    whys = []
    if utc_text(row.due_at) != one.review_due:
        whys.append(f"is due at {utc_text(row.due_at)}, and the trail says {one.review_due}")
    stored = None if row.reviewed_by is None else (row.reviewed_by, row.words)
    if stored != one.review:
        said = {(False, True): "is missing, and the trail has it", (True, False): "is recorded, and not on the trail"}
        whys.append(
            said.get((stored is not None, one.review is not None), "has another author or other words than the trail")
        )
    return whys
