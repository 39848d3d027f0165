"""Files on their way to Slack: queued with the delivery that posts them, gone from here once they stand there.

A delivery's args hold what each file is called and its SHA-256; the rows hold the content. The trail keeps that too,
and where they go and what is said beside them; what is sent is held against it, so a row alone posts nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text, update

from policy.terms import Audience
from storage import audit, deliveries, system_steps, told
from storage.audit import Step, StoredEvent, ticket_chain
from storage.database import Transaction
from storage.deliveries import NewDelivery
from storage.schema import Delivery, DeliveryFile
from storage.told import TrailBroken

CASE_FILES = "case_files"
"""The kind of delivery that posts files."""
MAX_FILES, MAX_BYTES = 10, 20_000_000
"""Of one delivery, and of all its files together."""
COMMENT_LENGTH, DESCRIPTION_LENGTH = 500, 1000
_OF_THE_SYSTEM = text(
    "select chain, seq, at, name, actor, payload::text, prev_hash, hash, key_id from audit_events"
    " where chain = 'system' and name = 'files_queued' and payload->>'deliveryId' = :id order by seq"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MIME = re.compile(r"[a-z]+/[a-z0-9.+-]+")


@dataclass(frozen=True)
class NewFile:
    """A file about to be posted. `description` is for who cannot see it; pictures must have one, others have none."""

    name: str
    mime: str
    content: bytes
    description: str = ""

    @property
    def is_picture(self) -> bool:
        return self.mime.startswith("image/")


async def post(
    tx: Transaction,
    channel: str,
    files: Sequence[NewFile],
    *,
    comment: str,
    delivery_id: UUID,
    at: datetime,
    thread_ts: str | None = None,
    ticket_id: UUID | None = None,
    request_id: UUID | None = None,
) -> Delivery:
    """Write down files to be posted to an internal channel or thread as one message, with the job that does it.

    `comment` is shown as plain words. Raises ValueError for what Slack would not take.
    """
    check(files, comment)
    listed = [
        {
            "name": file.name,
            "mime": file.mime,
            "sha256": hashlib.sha256(file.content).hexdigest(),
            "size": len(file.content),
            "description": file.description,
        }
        for file in files
    ]
    new = NewDelivery(
        CASE_FILES,
        Audience.INTERNAL,
        channel,
        ticket_id=ticket_id,
        request_id=request_id,
        thread_ts=thread_ts,
        args={"comment": comment, "files": listed},
    )
    delivery = await deliveries.post(tx, new, delivery_id=delivery_id, at=at)
    await audit.record(tx, ticket_id, Step.FILES_QUEUED, "bot", _told(delivery), at=at)
    await tx.flush()
    for position, file in enumerate(files):
        tx.add(DeliveryFile(delivery_id=delivery_id, position=position, content=file.content))
    return delivery


def check(files: Sequence[NewFile], comment: str) -> None:
    """Raise ValueError for files that cannot be posted together."""
    if not 1 <= len(files) <= MAX_FILES:
        raise ValueError(f"{len(files)} files; 1 to {MAX_FILES} go in one message")
    if not comment.strip() or len(comment) > COMMENT_LENGTH:
        raise ValueError(f"the comment has {len(comment)} characters; 1 to {COMMENT_LENGTH} are taken")
    if sum(len(file.content) for file in files) > MAX_BYTES:
        raise ValueError(f"the files have more than {MAX_BYTES} bytes together")
    for file in files:
        if not _NAME.fullmatch(file.name) or not _MIME.fullmatch(file.mime) or not file.content:
            raise ValueError(f"{file.name!r} of type {file.mime!r} is no name, is no type or is empty")
        # Slack loses a file that has a description and is no picture (python-slack-sdk issue 1818).
        if bool(file.description) != file.is_picture or len(file.description) > DESCRIPTION_LENGTH:
            raise ValueError(f"{file.name}: a picture has a description of up to {DESCRIPTION_LENGTH}, no other file")


async def of_delivery(tx: Transaction, delivery_id: UUID) -> Sequence[DeliveryFile]:
    """The contents of a delivery's files, in order."""
    query = select(DeliveryFile).where(DeliveryFile.delivery_id == delivery_id).order_by(DeliveryFile.position)
    return (await tx.scalars(query)).all()


async def are_as_told(tx: Transaction, delivery: Delivery) -> bool:
    """Whether the delivery and its contents are what the trail says was queued: rows may say anything."""
    hashes = [one["sha256"] for one in delivery.args.get("files", ())]
    if hashes != [hashlib.sha256(row.content).hexdigest() for row in await of_delivery(tx, delivery.id)]:
        return False
    return _told(delivery) in [event.payload for event in await _queued(tx, delivery)]


def _told(delivery: Delivery) -> dict[str, Any]:
    """What the trail keeps of files on their way."""
    return {
        "deliveryId": str(delivery.id),
        "channel": delivery.channel,
        "threadTs": delivery.thread_ts,
        "actionRequestId": None if delivery.request_id is None else str(delivery.request_id),
        "comment": delivery.args.get("comment"),
        "files": delivery.args.get("files"),
    }


async def _queued(tx: Transaction, delivery: Delivery) -> list[StoredEvent]:
    """The steps about it that this desk wrote."""
    if delivery.ticket_id is None:
        found = await system_steps.read(tx, _OF_THE_SYSTEM.bindparams(id=str(delivery.id)))
        return [one.event for one in found if one.is_genuine]
    try:
        events = await told.verified(tx, ticket_chain(delivery.ticket_id))
    except TrailBroken:
        return []
    return [one for one in events if one.name == Step.FILES_QUEUED and one.key_id is not None]


async def note_ids(tx: Transaction, delivery_id: UUID, slack_ids: Sequence[str], *, at: datetime) -> None:
    """Remember under which ids Slack is about to be asked to show the files."""
    for position, slack_id in enumerate(slack_ids):
        await _set(tx, delivery_id, position=position, values={"slack_id": slack_id, "handed_in_at": at})


async def forget_ids(tx: Transaction, delivery_id: UUID) -> None:
    """Slack shows nothing under the ids: the files are to be handed in anew."""
    await _set(tx, delivery_id, position=None, values={"slack_id": None, "handed_in_at": None})


async def _set(tx: Transaction, delivery_id: UUID, *, position: int | None, values: dict[str, Any]) -> None:
    change = update(DeliveryFile).where(DeliveryFile.delivery_id == delivery_id).values(**values)
    await tx.execute(change if position is None else change.where(DeliveryFile.position == position))


async def drop(tx: Transaction, delivery_id: UUID) -> None:
    """The files stand in Slack: their content need not be kept here."""
    await tx.execute(delete(DeliveryFile).where(DeliveryFile.delivery_id == delivery_id))
