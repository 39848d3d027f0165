"""A message that was not there before: its row, what it said at first, and the files that came with it."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.plain_input import storable
from storage.database import Transaction
from storage.schema import Attachment, Message, MessageVersion


def add_message(
    tx: Transaction,
    message: Message,
    *,
    text: str,
    source_version: str | None,
    attachments: Sequence[tuple[str, str]],
) -> None:
    """Add the message with its first version. `attachments` are (name, type); text is as its author typed it."""
    tx.add(message)
    tx.add(
        MessageVersion(
            message_id=message.id,
            number=1,
            kind="posted",
            text=storable(text),
            source_version=source_version,
            at=message.created_at,
        )
    )
    for position, (name, mimetype) in enumerate(attachments):
        tx.add(
            Attachment(
                message_id=message.id,
                position=position,
                name=storable(name, limit=300),
                mimetype=storable(mimetype, limit=200),
            )
        )
