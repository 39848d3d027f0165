"""What our own tables and channels know: the directory's account, earlier tickets, the escalation queue.

This room knows neither the database nor Slack: whoever sets it up hands in how each is looked up. What comes back is
hashed as canonical JSON, which is how the rows leave their tables.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from pydantic import JsonValue

from actions.evidence.connector import Account, Question
from actions.evidence.notes import relevance, said_of_accounts
from actions.evidence.recording import Clock, Find, NewId, Recorder
from policy.case_terms import Evidence, Source
from policy.digest import canonical_json
from policy.terms import Audience


@dataclass(frozen=True)
class AccountState:
    """An account as the directory has it."""

    row_key: str
    """What names the row: the account's key, the person's address or the API key's id."""
    email: str
    key: str
    name: str
    status: str
    """The directory's own word: 'active', 'suspended', 'revoked', 'deprovisioned'."""
    deprovisioned_at: datetime | None = None
    """None where the account is active, or where the directory does not know since when it is not."""
    entitled: Sequence[str] | None = None
    """Ids of the only attachments that it may read; None where the directory does not say."""


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


Dated = TypeVar("Dated", TicketMessage, Escalation)


class NotAnswered(Exception):
    """A source that gives no answer. `what` goes on from its name, 'is not …', and is shown: it holds no secret."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what)
        self.what, self.why = what, why


Row = TypeVar("Row")


@dataclass(frozen=True)
class Rows(Generic[Row]):
    """What a source has."""

    rows: Sequence[Row]
    left_out: str = ""
    """What of the source was not read, going on from its name: 'has older entries that were not read'."""


FindAccounts = Callable[[Account], Awaitable[Sequence[AccountState]]]
"""All accounts of this address or key: of two that have the same address, neither hides the other."""
FindMessages = Callable[[Question], Awaitable[Rows[TicketMessage]]]
FindEscalations = Callable[[Question], Awaitable[Rows[Escalation]]]
"""These two may raise NotAnswered."""


@dataclass(frozen=True)
class DirectoryConnector:
    """The state of each account that is asked about."""

    find: FindAccounts
    clock: Clock
    new_id: NewId
    source: Source = Source.DIRECTORY
    deadline_seconds: float = 10.0

    async def look(self, question: Question) -> list[Evidence]:
        """One item for each account; and a GAP where it is closed and nobody wrote down when."""
        recorder = _recorder(self, question)
        if not question.accounts:
            return [recorder.gap("was not read: the question names no account", {"why": "not_asked"})]
        seen: set[str] = set()
        return [item for account in question.accounts for item in await self._look_at(account, recorder, seen)]

    async def _look_at(self, account: Account, recorder: Recorder, seen: set[str]) -> list[Evidence]:
        """`seen`: the rows that another of the names has led to already."""
        asked: dict[str, JsonValue] = {"email": account.email, "key": account.key}
        states = await self.find(account)
        if not states:
            return [recorder.nothing(asked)]
        new = [state for state in states if state.row_key not in seen]
        seen.update(state.row_key for state in new)
        return [item for state in new for item in _state(state, asked, recorder)]


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
        if not question.ticket_id:
            return [recorder.gap("was not read: the question names no ticket", {"why": "not_asked"})]
        return await _answer(self.find, question, recorder, lambda row: _message(row, question))


@dataclass(frozen=True)
class EscalationConnector:
    """What engineering and security already work on."""

    find: FindEscalations
    clock: Clock
    new_id: NewId
    source: Source = Source.ESCALATION_QUEUE
    deadline_seconds: float = 10.0

    async def look(self, question: Question) -> list[Evidence]:
        """The entries that are about it, within the window."""
        return await _answer(self.find, question, _recorder(self, question), lambda row: _escalation(row, question))


async def _answer(
    find: Callable[[Question], Awaitable[Rows[Dated]]],
    question: Question,
    recorder: Recorder,
    read: Callable[[Dated], Find | None],
) -> list[Evidence]:
    try:
        answer = await find(question)
    except NotAnswered as error:
        return [recorder.gap(error.what, {"why": error.why})]
    finds = [read(row) for row in answer.rows if question.window.holds(row.at)]
    items = [recorder.found(one) for one in finds if one is not None]
    if answer.left_out:
        items.append(recorder.gap(answer.left_out, {"why": "too_many"}))
    return items or [recorder.nothing({"read": len(answer.rows)})]


def _state(state: AccountState, asked: dict[str, JsonValue], recorder: Recorder) -> list[Evidence]:
    facts: dict[str, JsonValue] = {
        "account": state.key,
        "email": state.email,
        "name": state.name,
        "status": state.status,
        "deprovisioned_at": _utc(state.deprovisioned_at) if state.deprovisioned_at else None,
    }
    if state.entitled is not None:
        facts["entitled"] = list(state.entitled)
    since = f" since {facts['deprovisioned_at']}" if state.deprovisioned_at else ""
    excerpt = f"{state.name or 'No name'} ({state.email or state.key}): {state.status}{since}"
    found = [recorder.found(_find(state.row_key, excerpt, facts, state.deprovisioned_at))]
    if state.status != "active" and state.deprovisioned_at is None:
        what = f"does not say since when {state.row_key} is {state.status}"
        found.append(recorder.gap(what, {"why": "field_missing", **asked}, state.row_key))
    return found


def _message(row: TicketMessage, question: Question) -> Find:
    facts: dict[str, JsonValue] = {
        **said_of_accounts(row.text, question.accounts),
        "ticket_id": row.ticket_id,
        "message_id": row.message_id,
        "audience": row.audience.value,
        "author": row.author_label,
        "at": _utc(row.at),
        "text": row.text,
    }
    return _find(f"{row.ticket_id}/{row.message_id}", row.text, facts, row.at)


def _escalation(row: Escalation, question: Question) -> Find | None:
    share = relevance(f"{row.title}\n{row.text}", question)
    if not share:
        return None
    facts: dict[str, JsonValue] = {
        "escalation_id": row.escalation_id,
        "title": row.title,
        "status": row.status,
        "owner": row.owner_label,
        "at": _utc(row.at),
        "text": row.text,
    }
    return _find(row.escalation_id, f"{row.title} ({row.status}): {row.text}", facts, row.at, share)


def _find(place: str, excerpt: str, facts: dict[str, JsonValue], at: datetime | None, confidence: float = 1.0) -> Find:
    return Find(excerpt, place, canonical_json(facts), facts, observed_at=at, confidence=confidence)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _recorder(connector: DirectoryConnector | TicketConnector | EscalationConnector, question: Question) -> Recorder:
    return Recorder(connector.source, question.as_query(), question.asked_by, connector.clock, connector.new_id)
