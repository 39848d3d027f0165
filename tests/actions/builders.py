"""Runs, stored tickets and directory entries with defaults, so that each test names only what matters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from actions.executors import Run, built_in_executors
from actions.runner import Runner
from storage.database import Database
from storage.schema import DirectoryKey, DirectoryPerson, Ticket
from storage.targets import DeskInDatabase, DirectoryInDatabase

OPENED = datetime(2026, 3, 25, 13, 46, 11, tzinfo=UTC)
NOW = datetime(2026, 3, 25, 13, 46, 13, tzinfo=UTC)

OF_CASE: dict[str, Any] = {
    "caseId": "0d3e5a0a-7c64-4c1c-9d9a-0f1a2b3c4d5e",
    "draftId": "customer_update",
    "revision": 2,
    "basis": '{"entries":7}',
}
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "ticket.add_internal_note": {"note": "Customer mentioned an API key. Confirm keyId before running api_key.revoke."},
    "ticket.set_severity": {"severity": "high"},
    "ticket.set_category": {"category": "credentials"},
    "ticket.assign": {"assignee": "U024BE7LH"},
    "ticket.reply_to_customer": {"text": "We are looking into it."},
    "ticket.close": {"reason": "The key is revoked."},
    "ticket.reopen": {"reason": "The customer wrote again."},
    "api_key.revoke": {"keyId": "ak_demo_bob_001"},
    "api_key.restore": {"keyId": "ak_demo_bob_001"},
    "user.suspend": {"email": "bob@acme.example"},
    "user.restore": {"email": "bob@acme.example"},
    "case.send_customer_update": OF_CASE | {"text": "Confirmed: the session was closed."},
    "case.hand_off": OF_CASE | {"text": "Confirmed: the session was closed."},
}
"""Parameters in canonical form, one set for each action."""


def a_run(action_id: str, ticket_id: object = "", **changes: Any) -> Run:
    """A run of an action with its example's parameters."""
    values: dict[str, Any] = {
        "params": EXAMPLES.get(action_id, {}),
        "ticket_id": str(ticket_id),
        "request_id": "62663a43-799e-48b4-a41c-345f97eabb2c",
        "idempotency_key": uuid4().hex,
        "actor_label": "Dana",
        "at": NOW,
        "actor": "T0HOME/U0DANA",
    }
    return Run(action_id=action_id, **(values | changes))


def a_runner(database: Database, timeout_seconds: float = 10) -> Runner:
    """A runner over the real targets."""
    executors = built_in_executors(DeskInDatabase(database, uuid4), DirectoryInDatabase(database))
    return Runner(executors, timeout_seconds=timeout_seconds)


async def store_ticket(database: Database, **changes: Any) -> UUID:
    """An open ticket from mallory; gives its id."""
    ticket_id = uuid4()
    values: dict[str, Any] = {
        "id": ticket_id,
        "subject": "CRITICAL SECURITY INCIDENT",
        "channel_kind": "http",
        "intake_source": "email",
        "correlation_id": ticket_id.hex,
        "requester_label": "mallory@external.example",
        "created_at": OPENED,
        "updated_at": OPENED,
    }
    async with database.transaction() as tx:
        tx.add(Ticket(**(values | changes)))
    return ticket_id


async def store_bob(database: Database, *, status: str = "active", key_status: str = "active") -> None:
    """Bob and his API key in the directory."""
    async with database.transaction() as tx:
        tx.add(DirectoryPerson(email="bob@acme.example", name="Bob", slack_key="T0ACME/U0BOB", status=status))
        await tx.flush()
        tx.add(DirectoryKey(key_id="ak_demo_bob_001", owner_email="bob@acme.example", label="demo", status=key_status))
