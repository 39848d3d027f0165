"""How an action is carried out: a run goes in, an outcome in words comes out.

Executors reach the world through the two ports drawn here. Whoever implements a port keeps its own memory of what
was done under which idempotency key: calling it again with the same key changes nothing and gives the first
answer. An executor says 'failed' only for what the target itself refused; what it cannot know it lets rise, and
the runner calls it 'unknown'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from pydantic import JsonValue

from actions.errors import MissingExecutor
from actions.outcome_words import Words, words_for
from policy.terms import Audience, CanonicalParams, Severity, TicketStatus

State = Literal["done", "failed", "unknown"]


@dataclass(frozen=True)
class Run:
    """One action about to be carried out for one request."""

    action_id: str
    params: CanonicalParams
    ticket_id: str
    request_id: str
    idempotency_key: str
    """Names this run to the target; the same for every attempt at it."""
    actor_label: str
    """Whoever proposed it, for the record: a person's name or 'Countersign'."""
    at: datetime
    actor: str | None = None
    """PersonKey text of the proposer; None where the bot proposed."""

    def text(self, name: str) -> str:
        """A parameter that the catalogue has made sure is text."""
        value = self.params[name]
        if not isinstance(value, str):
            raise TypeError(f"{self.action_id}: parameter {name} is not text")
        return value


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    state: State
    summary: str
    """For operators and the audit trail."""
    customer_summary: str = ""
    """Fit for the requester's thread: no names, ids or causes. '' when they need not hear."""
    detail: Mapping[str, JsonValue] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        return self.state == "done"


class Answer(Protocol):
    """What a target said it did under one idempotency key."""

    @property
    def is_done(self) -> bool:
        """False: it refused, and changed nothing."""

    @property
    def code(self) -> str:
        """'changed', 'unchanged', or why it refused: 'no_such_ticket', 'no_such_key', 'no_such_person',
        'key_reused', 'called_off'."""

    @property
    def detail(self) -> Mapping[str, JsonValue]:
        """What changed: 'before' and 'after', or 'messageId'."""


class Memory(Protocol):
    """A target remembers what it did."""

    async def find(self, idempotency_key: str) -> Answer | None:
        """What was done under the key; None if nothing was."""

    async def call_off(self, run: Run) -> Answer | None:
        """Let nothing be done under the run's key from now on; what was done under it before, if anything was."""


class DeskTarget(Memory, Protocol):
    """Where tickets live. Raises whatever it likes when it does not know whether a change was made."""

    async def add_message(self, run: Run, audience: Audience, text: str) -> Answer: ...

    async def set_severity(self, run: Run, severity: Severity) -> Answer: ...

    async def set_category(self, run: Run, category: str) -> Answer: ...

    async def set_assignee(self, run: Run, assignee: str) -> Answer: ...

    async def set_status(self, run: Run, status: TicketStatus) -> Answer: ...


class DirectoryTarget(Memory, Protocol):
    """Where people and keys live."""

    async def set_key_status(self, run: Run, key_id: str, status: Literal["active", "revoked"]) -> Answer: ...

    async def set_person_status(self, run: Run, email: str, status: Literal["active", "suspended"]) -> Answer: ...


class Executor(Protocol):
    """Carries out some actions."""

    async def execute(self, run: Run) -> Outcome:
        """Carry it out, at most once per idempotency key. Raises when it cannot know what happened."""

    async def reconcile(self, run: Run) -> Outcome | None:
        """What came of an earlier attempt, as the target tells; None: it did not happen."""

    async def call_off(self, run: Run) -> Outcome | None:
        """See to it that an attempt still under way comes to nothing; what came of it, if it was quicker."""


class DeskExecutor:
    """The actions on tickets, and what a ticket's case lets out."""

    def __init__(self, desk: DeskTarget) -> None:
        self._desk = desk

    async def execute(self, run: Run) -> Outcome:
        return _outcome(run, await self._carry_out(run))

    async def reconcile(self, run: Run) -> Outcome | None:
        answer = await self._desk.find(run.idempotency_key)
        return None if answer is None else _outcome(run, answer)

    async def call_off(self, run: Run) -> Outcome | None:
        answer = await self._desk.call_off(run)
        return None if answer is None else _outcome(run, answer)

    async def _carry_out(self, run: Run) -> Answer:
        match run.action_id:
            case "ticket.add_internal_note":
                return await self._desk.add_message(run, Audience.INTERNAL, run.text("note"))
            case "ticket.reply_to_customer" | "case.send_customer_update":
                return await self._desk.add_message(run, Audience.CUSTOMER, run.text("text"))
            case "case.hand_off":
                return await self._desk.add_message(run, Audience.INTERNAL, run.text("text"))
            case "ticket.set_severity":
                return await self._desk.set_severity(run, Severity(run.text("severity")))
            case "ticket.set_category":
                return await self._desk.set_category(run, run.text("category"))
            case "ticket.assign":
                return await self._desk.set_assignee(run, run.text("assignee"))
            case "ticket.close":
                return await self._desk.set_status(run, TicketStatus.CLOSED)
            case "ticket.reopen":
                return await self._desk.set_status(run, TicketStatus.OPEN)
        raise MissingExecutor([run.action_id])


class DirectoryExecutor:
    """The actions on people and keys."""

    def __init__(self, directory: DirectoryTarget) -> None:
        self._directory = directory

    async def execute(self, run: Run) -> Outcome:
        return _outcome(run, await self._carry_out(run))

    async def reconcile(self, run: Run) -> Outcome | None:
        answer = await self._directory.find(run.idempotency_key)
        return None if answer is None else _outcome(run, answer)

    async def call_off(self, run: Run) -> Outcome | None:
        answer = await self._directory.call_off(run)
        return None if answer is None else _outcome(run, answer)

    async def _carry_out(self, run: Run) -> Answer:
        match run.action_id:
            case "api_key.revoke":
                return await self._directory.set_key_status(run, run.text("keyId"), "revoked")
            case "api_key.restore":
                return await self._directory.set_key_status(run, run.text("keyId"), "active")
            case "user.suspend":
                return await self._directory.set_person_status(run, run.text("email"), "suspended")
            case "user.restore":
                return await self._directory.set_person_status(run, run.text("email"), "active")
        raise MissingExecutor([run.action_id])


def built_in_executors(desk: DeskTarget, directory: DirectoryTarget) -> dict[str, Executor]:
    """The executors of the whole catalogue, by the prefix of the action ids they carry out."""
    people_and_keys, tickets = DirectoryExecutor(directory), DeskExecutor(desk)
    return {"ticket.": tickets, "case.": tickets, "api_key.": people_and_keys, "user.": people_and_keys}


def _outcome(run: Run, answer: Answer) -> Outcome:
    words: Words = words_for(run.action_id, run.params, answer.code)
    state: State = "done" if answer.is_done else "failed"
    return Outcome(state, words.summary, words.customer_summary, {"code": answer.code, **answer.detail})
