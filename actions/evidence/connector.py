"""One protocol for every source of evidence, and the gatherer that asks several at once.

    question ──> each connector, side by side, until its own deadline ──> evidence, or a GAP that says what is missing

A connector that fails, is late, is not set up or has no word to say gives a GAP; the others' answers stand beside it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from pydantic import JsonValue

from actions.evidence.recording import Clock, NewId, Recorder
from policy.case_foundations import LOW_CONFIDENCE as LOW_CONFIDENCE
from policy.case_foundations import in_doubt as in_doubt
from policy.case_terms import Evidence, Source
from policy.terms import PersonKey, folded_address

log = logging.getLogger(__name__)

NAMES_SECONDS = 5.0
GRACE_SECONDS = 1.0
"""How long a connector may take to stop after its deadline before it is left behind."""


@dataclass(frozen=True)
class Account:
    """One account, by the address or the key under which the systems know it; both where both are known."""

    email: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("an account needs an e-mail address or a key")

    @property
    def names(self) -> tuple[str, ...]:
        """What a log may write for it, without blanks around it."""
        return tuple(name for name in (self.email.strip(), self.key.strip()) if name)

    @property
    def folded(self) -> frozenset[str]:
        """The names as they are compared."""
        return frozenset(folded_address(name) for name in self.names)


@dataclass(frozen=True)
class Attachment:
    """One attachment, by its id or its file's name; both where both are known."""

    attachment_id: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("an attachment needs an id or a name")

    @property
    def names(self) -> tuple[str, ...]:
        """What a log may write for it, without blanks around it."""
        return tuple(name for name in (self.attachment_id.strip(), self.name.strip()) if name)


@dataclass(frozen=True)
class Window:
    """From `since` up to but not including `until`; None leaves that end open."""

    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        for end in (self.since, self.until):
            if end is not None and end.tzinfo is None:
                raise ValueError("the ends of a window need a time zone")

    def holds(self, at: datetime) -> bool:
        """Whether the moment lies within."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


@dataclass(frozen=True)
class Question:
    """What is asked of all sources at once; each takes the parts that it understands."""

    asked_by: PersonKey | None
    """None for the bot's own look."""
    accounts: tuple[Account, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    window: Window = Window()
    words: str = ""
    """Free words, for the knowledge base."""
    ticket_id: str = ""

    def as_query(self) -> dict[str, JsonValue]:
        """Enough to ask it again."""
        parts: dict[str, JsonValue] = {
            "accounts": [{"email": one.email, "key": one.key} for one in self.accounts],
            "attachments": [{"attachment_id": one.attachment_id, "name": one.name} for one in self.attachments],
            "since": self.window.since.isoformat() if self.window.since else None,
            "until": self.window.until.isoformat() if self.window.until else None,
            "words": self.words,
            "ticket_id": self.ticket_id,
        }
        return {name: part for name, part in parts.items() if part}


class Connector(Protocol):
    """A source that can be asked."""

    @property
    def source(self) -> Source: ...

    @property
    def deadline_seconds(self) -> float:
        """After so long its answer is given up and a GAP stands for it."""

    async def look(self, question: Question) -> list[Evidence]:
        """What the source has on the question; a NOTHING or a GAP where it has none, never an empty list."""


KnownNames = Callable[[Account], Awaitable[Sequence[Account]]]
"""The accounts of a directory that have this address or key, each with all its names."""


@dataclass(frozen=True)
class Gatherer:
    """Asks every connector side by side. `expected`: the sources without which a case is not complete.

    With `known_names` an account that is asked about by one of its names is looked for under all of them: a log that
    writes the other one would otherwise seem to hold nothing of it.
    """

    connectors: Sequence[Connector]
    expected: Collection[Source]
    clock: Clock
    new_id: NewId
    known_names: KnownNames | None = None

    def only(self, sources: Collection[Source]) -> Gatherer:
        """The same, for these sources alone."""
        asked = [one for one in self.connectors if one.source in sources]
        return replace(self, connectors=asked, expected=frozenset(self.expected) & frozenset(sources))

    async def gather(self, question: Question) -> list[Evidence]:
        """All answers, in the order of the connectors, then a GAP for each expected source that nobody answers for."""
        question = await self._with_all_names(question)
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._ask(connector, question)) for connector in self.connectors]
        answers = [item for task in asked for item in task.result()]
        known = {connector.source for connector in self.connectors}
        missing = [source for source in Source if source in self.expected and source not in known]
        return answers + [
            self._recorder(source, question).gap("is not set up here", {"why": "missing"}) for source in missing
        ]

    async def _with_all_names(self, question: Question) -> Question:
        if self.known_names is None:
            return question
        accounts: list[Account] = []
        try:
            async with asyncio.timeout(NAMES_SECONDS):
                for account in question.accounts:
                    known = await self.known_names(account)
                    is_covered = account.folded <= {name for one in known for name in one.folded}
                    accounts += known if is_covered else [account, *known]
        except Exception as error:  # the connectors are asked all the same, and the directory's own answer is a GAP
            log.warning("the names of the accounts that are asked about are not known: %s", type(error).__name__)
            return question
        return replace(question, accounts=tuple(dict.fromkeys(accounts)))

    async def _ask(self, connector: Connector, question: Question) -> list[Evidence]:
        recorder = self._recorder(connector.source, question)
        look = asyncio.ensure_future(connector.look(question))
        try:
            await asyncio.wait({look}, timeout=connector.deadline_seconds)
        except asyncio.CancelledError:
            await _end(look)
            raise
        if not look.done():
            await _end(look)
            took = f"had not answered after {connector.deadline_seconds:g} seconds"
            return [recorder.gap(took, {"why": "late", "deadline_seconds": connector.deadline_seconds})]
        if look.cancelled():
            return [recorder.gap("broke off", {"why": "failed"})]
        if (error := look.exception()) is not None:
            # The name only: what an error says may hold a path or a secret, and this is shown.
            name = type(error).__name__
            return [recorder.gap(f"could not be asked ({name})", {"why": "failed", "error": name})]
        return look.result() or [recorder.gap("gave no answer", {"why": "silent"})]

    def _recorder(self, source: Source, question: Question) -> Recorder:
        return Recorder(source, question.as_query(), question.asked_by, self.clock, self.new_id)


async def _end(look: asyncio.Future[list[Evidence]]) -> None:
    """Cancel it, and wait for it to end, though not for long."""
    look.cancel()
    await asyncio.wait({look}, timeout=GRACE_SECONDS)
    if look.done() and not look.cancelled():
        look.exception()  # What it fails with now is of no more interest, and would be logged as unseen.
