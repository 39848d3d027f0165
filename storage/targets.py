"""The desk and the directory in our own database, in the part of remote systems that actions act on.

Unlike everything else in this room, these classes open their own transactions: the caller must see them as it would
see another company's API, and holds none of its own while it calls. Each change and the `effects` row that names
its idempotency key are one commit, so that asking about a key tells the whole truth. A refusal is remembered too:
the first answer under a key stays the answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from policy.terms import Audience, Severity, TicketStatus
from storage import tickets
from storage.database import Database, Transaction
from storage.schema import DirectoryKey, DirectoryPerson, Effect, Message, MessageVersion, Ticket


class Call(Protocol):
    """What a target is told about whoever calls; the run of an action has all of it."""

    @property
    def idempotency_key(self) -> str: ...

    @property
    def action_id(self) -> str: ...

    @property
    def ticket_id(self) -> str: ...

    @property
    def actor_label(self) -> str: ...

    @property
    def actor(self) -> str | None: ...

    @property
    def at(self) -> datetime: ...


@dataclass(frozen=True)
class TargetAnswer:
    """What was done under one idempotency key, or why nothing was."""

    is_done: bool
    code: str
    """'changed', 'unchanged', 'no_such_ticket', 'no_such_key', 'no_such_person', 'key_reused' or 'called_off'."""
    detail: Mapping[str, Any] = field(default_factory=dict)


CALLED_OFF = "called_off"
Change = Callable[[Transaction], Awaitable[TargetAnswer]]


class _Remembered:
    """What both targets share: each change happens once per idempotency key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, idempotency_key: str) -> TargetAnswer | None:
        """What was done under this key; None if nothing was. Waits for a change that is under way."""
        async with self._database.transaction() as tx:
            await _take_turn(tx, idempotency_key)
            effect = await tx.get(Effect, idempotency_key)
            return None if effect is None else _answer(effect)

    async def call_off(self, call: Call) -> TargetAnswer | None:
        """See to it that nothing is done under this key any more; what was done under it, if it is too late."""
        async with self._database.transaction() as tx:
            await _take_turn(tx, call.idempotency_key)
            effect = await tx.get(Effect, call.idempotency_key)
            if effect is None:
                result = {"thing": "", "isDone": False, "code": CALLED_OFF, "detail": {}}
                tx.add(
                    Effect(idempotency_key=call.idempotency_key, action_id=call.action_id, result=result, at=call.at)
                )
                return None
            answer = _answer(effect)
            return None if answer.code == CALLED_OFF else answer

    async def _once(self, call: Call, thing: str, change: Change) -> TargetAnswer:
        """Make `change` to the `thing` it names, unless something was done under the call's key before."""
        async with self._database.transaction() as tx:
            await _take_turn(tx, call.idempotency_key)
            claim = insert(Effect).values(
                idempotency_key=call.idempotency_key, action_id=call.action_id, result={}, at=call.at
            )
            is_first = await tx.scalar(claim.on_conflict_do_nothing().returning(Effect.idempotency_key))
            if is_first is None:
                effect = await tx.get_one(Effect, call.idempotency_key)
                known = _answer(effect)
                is_same = (effect.action_id, effect.result["thing"]) == (call.action_id, thing)
                return known if is_same or known.code == CALLED_OFF else TargetAnswer(False, "key_reused")
            answer = await change(tx)
            result = {"thing": thing, "isDone": answer.is_done, "code": answer.code, "detail": dict(answer.detail)}
            await tx.execute(update(Effect).where(Effect.idempotency_key == call.idempotency_key).values(result=result))
            return answer


class DeskInDatabase(_Remembered):
    """Tickets and their messages. `new_id` makes the ids of messages."""

    def __init__(self, database: Database, new_id: Callable[[], UUID]) -> None:
        super().__init__(database)
        self._new_id = new_id

    async def add_message(self, run: Call, audience: Audience, text: str) -> TargetAnswer:
        """Add a message to the ticket. Posting a CUSTOMER message where they can read it is up to the caller."""

        async def add(tx: Transaction) -> TargetAnswer:
            ticket = await _ticket(tx, run)
            if ticket is None:
                return TargetAnswer(False, "no_such_ticket")
            message = Message(
                id=self._new_id(),
                ticket_id=ticket.id,
                audience=audience,
                author_side="bot" if run.actor is None else "internal",
                author=run.actor,
                author_label=run.actor_label,
                created_at=run.at,
            )
            tx.add(message)
            await tx.flush()  # The version refers to it.
            tx.add(MessageVersion(message_id=message.id, number=1, kind="posted", text=text, at=run.at))
            return TargetAnswer(True, "changed", {"messageId": str(message.id)})

        return await self._once(run, run.ticket_id, add)

    async def set_severity(self, run: Call, severity: Severity) -> TargetAnswer:
        """Set how urgent the ticket counts as."""
        return await self._set(run, "severity", severity.value)

    async def set_category(self, run: Call, category: str) -> TargetAnswer:
        """Set what kind of request the ticket counts as."""
        return await self._set(run, "category", category)

    async def set_assignee(self, run: Call, assignee: str) -> TargetAnswer:
        """Make someone (a Slack user id) responsible for the ticket."""
        return await self._set(run, "assignee", assignee)

    async def set_status(self, run: Call, status: TicketStatus) -> TargetAnswer:
        """Close or reopen the ticket."""
        return await self._set(run, "status", status.value)

    async def _set(
        self, run: Call, column: Literal["severity", "category", "assignee", "status"], value: str
    ) -> TargetAnswer:
        async def change(tx: Transaction) -> TargetAnswer:
            ticket = await _ticket(tx, run)
            if ticket is None:
                return TargetAnswer(False, "no_such_ticket")
            answer = _replaced(ticket, column, value)
            if answer.code == "changed":
                # A late run must not make the ticket look older than it is.
                ticket.updated_at = max(ticket.updated_at, run.at)
            return answer

        return await self._once(run, run.ticket_id, change)


class DirectoryInDatabase(_Remembered):
    """People and API keys."""

    async def set_key_status(self, run: Call, key_id: str, status: Literal["active", "revoked"]) -> TargetAnswer:
        """Revoke a key or let it work again."""

        async def change(tx: Transaction) -> TargetAnswer:
            key = await tx.get(DirectoryKey, key_id, with_for_update=True)
            return TargetAnswer(False, "no_such_key") if key is None else _replaced(key, "status", status)

        return await self._once(run, key_id, change)

    async def set_person_status(self, run: Call, email: str, status: Literal["active", "suspended"]) -> TargetAnswer:
        """Suspend a person or give them their account back."""

        async def change(tx: Transaction) -> TargetAnswer:
            person = await tx.get(DirectoryPerson, email, with_for_update=True)
            return TargetAnswer(False, "no_such_person") if person is None else _replaced(person, "status", status)

        return await self._once(run, email, change)


async def _take_turn(tx: Transaction, idempotency_key: str) -> None:
    # Without it, `find` would not see a change that is written but not yet committed, and would deny it.
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(idempotency_key, 0))))


async def _ticket(tx: Transaction, call: Call) -> Ticket | None:
    try:
        ticket_id = UUID(call.ticket_id)
    except ValueError:
        return None
    return await tickets.get(tx, ticket_id, lock=True)


def _replaced(row: Ticket | DirectoryKey | DirectoryPerson, column: str, value: str) -> TargetAnswer:
    before: str | None = getattr(row, column)
    setattr(row, column, value)
    return TargetAnswer(True, "unchanged" if before == value else "changed", {"before": before, "after": value})


def _answer(effect: Effect) -> TargetAnswer:
    return TargetAnswer(effect.result["isDone"], effect.result["code"], effect.result["detail"])
