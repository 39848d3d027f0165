"""What our own tables and channels know: the directory's account, earlier tickets, the escalation queue.

This room knows neither the database nor Slack: whoever sets it up hands in how each is looked up. What comes back is
hashed as canonical JSON, which is how the rows leave their tables.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue

from actions.evidence.connector import Account, Question
from actions.evidence.recording import Clock, Find, NewId, Recorder
from policy.case_terms import Evidence, Source
from policy.digest import canonical_json
from policy.terms import Audience


@dataclass(frozen=True)
class AccountState:
    """An account as the directory has it."""

    row_key: str
    """What names the row: the person's address or the key's id."""
    email: str
    key: str
    name: str
    status: str
    """The directory's own word: 'active', 'suspended', 'revoked', 'deprovisioned'."""
    deprovisioned_at: datetime | None = None
    """None where the account is active, or where the directory does not know since when it is not."""


@dataclass(frozen=True)
class TicketMessage:
    """A message of an earlier ticket, or of this one."""

    ticket_id: str
    message_id: str
    audience: Audience
    author_label: str
    at: datetime
    text: str


@dataclass(frozen=True)
class Escalation:
    """One entry of the engineering and security escalation queue."""

    escalation_id: str
    title: str
    status: str
    owner_label: str
    at: datetime
    text: str


FindAccount = Callable[[Account], Awaitable[AccountState | None]]
FindMessages = Callable[[Question], Awaitable[Sequence[TicketMessage]]]
FindEscalations = Callable[[Question], Awaitable[Sequence[Escalation]]]


@dataclass(frozen=True)
class DirectoryConnector:
    """The state of each account that is asked about."""

    find: FindAccount
    clock: Clock
    new_id: NewId
    source: Source = Source.DIRECTORY
    deadline_seconds: float = 10.0

    async def look(self, question: Question) -> list[Evidence]:
        """One item for each account; and a GAP where it is closed and nobody wrote down when."""
        if not question.accounts:
            recorder = _recorder(self, question)
            return [recorder.gap("was not read: the question names no account", {"why": "not_asked"})]
        return [item for account in question.accounts for item in await self._look_at(account, question)]

    async def _look_at(self, account: Account, question: Question) -> list[Evidence]:
        recorder = _recorder(self, question)
        asked: dict[str, JsonValue] = {"email": account.email, "key": account.key}
        state = await self.find(account)
        if state is None:
            return [recorder.nothing(asked)]
        facts: dict[str, JsonValue] = {
            "email": state.email,
            "key": state.key,
            "name": state.name,
            "status": state.status,
            "deprovisioned_at": _utc(state.deprovisioned_at) if state.deprovisioned_at else None,
        }
        since = f" since {facts['deprovisioned_at']}" if state.deprovisioned_at else ""
        excerpt = f"{state.name} ({state.email or state.key}): {state.status}{since}"
        found = [recorder.found(_find(state.row_key, excerpt, facts, state.deprovisioned_at))]
        if state.status != "active" and state.deprovisioned_at is None:
            what = f"does not say since when {state.row_key} is {state.status}"
            found.append(recorder.gap(what, {"why": "field_missing", **asked}, state.row_key))
        return found


@dataclass(frozen=True)
class TicketConnector:
    """What was written on tickets."""

    find: FindMessages
    clock: Clock
    new_id: NewId
    source: Source = Source.TICKET
    deadline_seconds: float = 10.0

    async def look(self, question: Question) -> list[Evidence]:
        """The messages, within the window."""
        recorder = _recorder(self, question)
        rows = [row for row in await self.find(question) if question.window.holds(row.at)]
        return [recorder.found(_message(row)) for row in rows] or [recorder.nothing({})]


@dataclass(frozen=True)
class EscalationConnector:
    """What engineering and security already work on."""

    find: FindEscalations
    clock: Clock
    new_id: NewId
    source: Source = Source.ESCALATION_QUEUE
    deadline_seconds: float = 10.0

    async def look(self, question: Question) -> list[Evidence]:
        """The entries, within the window."""
        recorder = _recorder(self, question)
        rows = [row for row in await self.find(question) if question.window.holds(row.at)]
        return [recorder.found(_escalation(row)) for row in rows] or [recorder.nothing({})]


def _message(row: TicketMessage) -> Find:
    facts: dict[str, JsonValue] = {
        "ticket_id": row.ticket_id,
        "message_id": row.message_id,
        "audience": row.audience.value,
        "author": row.author_label,
        "at": _utc(row.at),
        "text": row.text,
    }
    return _find(f"{row.ticket_id}/{row.message_id}", row.text, facts, row.at)


def _escalation(row: Escalation) -> Find:
    facts: dict[str, JsonValue] = {
        "escalation_id": row.escalation_id,
        "title": row.title,
        "status": row.status,
        "owner": row.owner_label,
        "at": _utc(row.at),
        "text": row.text,
    }
    return _find(row.escalation_id, f"{row.title} ({row.status}): {row.text}", facts, row.at)


def _find(place: str, excerpt: str, facts: dict[str, JsonValue], at: datetime | None) -> Find:
    return Find(excerpt, place, canonical_json(facts), facts, observed_at=at)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _recorder(connector: DirectoryConnector | TicketConnector | EscalationConnector, question: Question) -> Recorder:
    return Recorder(connector.source, question.as_query(), question.asked_by, connector.clock, connector.new_id)
