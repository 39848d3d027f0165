"""A case in a real database, written entry by entry as the flows would."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

from policy.case_entries import Closed, Entry, Opened
from storage import cases
from storage.database import Database
from storage.schema import CaseRow, Ticket


async def write_case(database: Database, entries: Sequence[Entry], case_id: UUID | None = None) -> tuple[UUID, int]:
    """Store a record and its ticket. Returns the case's id and the ticket's number."""
    opened = entries[0].body
    assert isinstance(opened, Opened)
    case_id = case_id or uuid4()
    async with database.transaction() as tx:
        ticket = Ticket(
            id=UUID(opened.ticket_id),
            subject=opened.title,
            channel_kind="slack",
            intake_source="slack",
            correlation_id=opened.ticket_id,
            requester_label="Dana at the customer",
            created_at=opened.intake_at,
            updated_at=opened.intake_at,
        )
        tx.add(ticket)
        await tx.flush()
        row = CaseRow(
            id=case_id, ticket_id=ticket.id, channel=opened.channel, thread_ts=None, lead=str(opened.lead),
            is_open=not isinstance(entries[-1].body, Closed), opened_at=entries[0].at, updated_at=entries[0].at,
        )  # fmt: skip
        tx.add(row)
        await tx.flush()
        await cases.lock(tx, case_id)
        for entry in entries:
            await cases.append(tx, row, [entry.body], actor=entry.actor, at=entry.at)
        return case_id, ticket.number
