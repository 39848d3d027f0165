"""The sources of evidence of this process: what the settings name and what our own tables know, ready to be asked.

`actions` knows neither the database nor Slack, so how accounts, tickets and the escalation channel are looked up is
handed in here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from slack_sdk.web.async_client import AsyncWebClient

from actions.evidence.connector import Account, Connector, Gatherer, Question
from actions.evidence.duck import Limits
from actions.evidence.knowledge import KnowledgeConnector
from actions.evidence.logs import LogConnector
from actions.evidence.notes import name_is_in
from actions.evidence.records import (
    AccountState,
    DirectoryConnector,
    EscalationConnector,
    NotAnswered,
    Rows,
    TicketConnector,
    TicketMessage,
)
from bot.escalations import EscalationChannel
from bot.evidence_settings import EvidenceSettings
from policy.case_terms import Source
from policy.terms import Audience
from storage import directory, tickets
from storage.database import Database

MOST_MESSAGES = 200
MOST_EARLIER_TICKETS = 50


def make_gatherer(
    settings: EvidenceSettings,
    database: Database,
    client: AsyncWebClient,
    clock: Callable[[], datetime],
    new_id: Callable[[], UUID],
) -> Gatherer:
    """Everything that can be asked; a source that is not set up answers with a gap that says so."""
    limits, turn = Limits(settings.memory_mb), asyncio.Semaphore(1)
    tables = Tables(database)

    def fresh_id() -> str:
        return str(new_id())

    connectors: list[Connector] = [
        TicketConnector(tables.messages, clock, fresh_id),
        DirectoryConnector(tables.accounts, clock, fresh_id),
    ]
    for source, place, fields in (
        (Source.ACCESS_LOG, settings.access_log, settings.access_log_fields),
        (Source.ATTACHMENT_TRAIL, settings.attachment_trail, settings.attachment_trail_fields),
    ):
        if place is not None:
            connectors.append(LogConnector(source, place, fields, clock, fresh_id, limits=limits, turn=turn))
    if settings.knowledge_base is not None:
        connectors.append(KnowledgeConnector(settings.knowledge_base, clock, fresh_id))
    if settings.escalation_channel is not None:
        channel = EscalationChannel(client, settings.escalation_channel)
        connectors.append(EscalationConnector(channel.entries, clock, fresh_id))
    return Gatherer(connectors, tuple(Source), clock, fresh_id, known_names=tables.names)


@dataclass(frozen=True)
class Tables:
    """Our own tables, as evidence asks for them."""

    database: Database

    async def accounts(self, account: Account) -> Sequence[AccountState]:
        """As an identity provider has it; else as the directory that actions act on does, which knows no times."""
        async with self.database.transaction() as tx:
            rows = await directory.find_accounts(tx, email=account.email, account=account.key)
            if rows:
                return [
                    AccountState(
                        row.account, row.email, row.account, row.name, row.status, row.deprovisioned_at, row.entitled
                    )
                    for row in rows
                ]
            person = await directory.find_person(tx, account.email) if account.email.strip() else None
            key = await directory.find_key(tx, account.key.strip()) if account.key.strip() else None
        states = []
        if person is not None:
            states.append(AccountState(person.email, person.email, "", person.name, person.status))
        if key is not None:
            states.append(AccountState(key.key_id, "", key.key_id, key.label, key.status))
        return states

    async def names(self, account: Account) -> Sequence[Account]:
        """The provider's accounts of this address or key, each with both."""
        async with self.database.transaction() as tx:
            rows = await directory.find_accounts(tx, email=account.email, account=account.key)
        return [Account(row.email, row.account) for row in rows]

    async def messages(self, question: Question) -> Rows[TicketMessage]:
        """All of this ticket; of its requester's earlier ones what names an account that is asked about.

        Earlier ones only where the requester is a Slack account: what else a ticket says of who asked, anybody can say.
        """
        async with self.database.transaction() as tx:
            ticket = await tickets.get(tx, UUID(question.ticket_id))
            if ticket is None:
                raise NotAnswered("has no such ticket", "missing")
            earlier = await tickets.earlier_of(tx, ticket, limit=MOST_EARLIER_TICKETS + 1)
            found = await tickets.texts(tx, [ticket.id, *(one.id for one in earlier[:MOST_EARLIER_TICKETS])])
        number_of = {one.id: one.number for one in (ticket, *earlier)}
        rows = [
            TicketMessage(
                f"#{number_of[message.ticket_id]}",
                str(message.id),
                Audience(message.audience),
                message.author_label,
                message.created_at,
                text,
            )
            for message, text in found
            if message.ticket_id == ticket.id or _names_one(text, question.accounts)
        ]
        left_out = []
        if len(earlier) > MOST_EARLIER_TICKETS:
            left_out.append(f"is longer than the requester's {MOST_EARLIER_TICKETS} newest tickets, which were read")
        if len(rows) > MOST_MESSAGES:
            left_out.append(f"has {len(rows) - MOST_MESSAGES} older messages that are not shown")
        return Rows(rows[-MOST_MESSAGES:], "; and it ".join(left_out))


def _names_one(text: str, accounts: Sequence[Account]) -> bool:
    return not accounts or any(name_is_in(name, text) for one in accounts for name in one.names)
