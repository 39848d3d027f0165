"""Requests for the bench to decide: tickets, people to suspend, keys to revoke, and cards that count as posted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from bench.people import OLIVIA
from handlers.desk import Desk
from handlers.flows.open_ticket import NewTicket, open_ticket
from handlers.flows.proposals import Proposal
from handlers.flows.propose_action import propose_action
from policy.terms import PersonKey, Provenance, Requester, RequesterKind
from storage import directory
from storage.database import Transaction

TEXT = "Please lock this account, the laptop was stolen on the train yesterday evening and nobody has called it in."


@dataclass(frozen=True)
class BenchPerson:
    """A row of the directory, without an account in Slack."""

    email: str
    name: str
    slack_key: PersonKey | None = None


@dataclass(frozen=True)
class BenchKey:
    """A key of somebody's."""

    key_id: str
    owner_email: str
    label: str = "bench"


async def make_tickets(desk: Desk, count: int, prefix: str) -> list[UUID]:
    """Tickets as they come in over HTTP, each with a person and a key in the directory named like it."""
    async with desk.database.transaction() as tx:
        await directory.import_people(tx, [BenchPerson(email(prefix, n), f"Person {n}") for n in range(count)])
        await directory.import_keys(tx, [BenchKey(key(prefix, n), email(prefix, n)) for n in range(count)])
    found = []
    for number in range(count):
        new = NewTicket(
            channel_kind="http",
            intake_source="bench",
            correlation_id=f"{prefix}-{number}",
            requester=Requester(RequesterKind.HTTP, None, "A caller"),
            text=TEXT,
            posted_at=desk.clock(),
        )
        found.append((await open_ticket(desk, new))[0])
    return found


def email(prefix: str, number: int) -> str:
    """The person made for one ticket."""
    return f"{prefix}-{number}@acme.example"


def key(prefix: str, number: int) -> str:
    """The key made for one ticket."""
    return f"ak_bench_{prefix}_{number}"


async def propose_suspension(desk: Desk, ticket_id: UUID, address: str) -> UUID:
    """Two different people must approve it."""
    return await _propose(desk, ticket_id, "user.suspend", "email", address)


async def propose_revocation(desk: Desk, ticket_id: UUID, key_id: str) -> UUID:
    """One person must approve it."""
    return await _propose(desk, ticket_id, "api_key.revoke", "keyId", key_id)


async def _propose(desk: Desk, ticket_id: UUID, action_id: str, name: str, value: str) -> UUID:
    proposal = Proposal(ticket_id, action_id, {name: value}, {name: Provenance.OPERATOR})
    return (await propose_action(desk, proposal, OLIVIA)).request_id


async def pretend_posted(desk: Desk) -> None:
    """Every approval card stands in Slack, as far as our own rows say: a vote counts only on a card that does."""
    async with desk.database.transaction() as tx:
        await tx.execute(
            text(
                "update deliveries set state = 'posted', posted_at = now(),"
                " ts = '1700000000.' || lpad((hashtext(id::text) & 1048575)::text, 7, '0') || substr(id::text, 1, 8)"
                " where kind = 'approval_card' and state = 'waiting'"
            )
        )
        # Nobody works this queue off.
        await tx.execute(text("delete from procrastinate_jobs"))


async def cards(tx: Transaction, request_ids: Sequence[UUID]) -> list[tuple[UUID, str, str, str]]:
    """Where the card of each request stands and what it shows: (request, channel, ts, blocks as JSON)."""
    rows = await tx.execute(
        text(
            "select r.id, d.channel, d.ts, r.card from deliveries d join action_requests r on r.id = d.request_id"
            " where d.kind = 'approval_card' and r.id = any(:ids)"
        ),
        {"ids": list(request_ids)},
    )
    return [(row[0], row[1], row[2], json.dumps(row[3])) for row in rows]
