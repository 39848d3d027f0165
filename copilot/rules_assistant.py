"""The copilot without a model: it looks where the instruction points, states what the rules see, fills templates.

The same case, instruction and sources give the same turn. It understands no sentences: it takes the addresses, keys and
files that the lead or the case names, and a few words that say which draft is wanted.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from pydantic import JsonValue

from copilot.assistant_terms import (
    SOURCE_WORDS,
    TOOL_OF,
    CaseTurn,
    DraftProposal,
    Ended,
    Lookup,
    Progress,
    Tools,
    TurnResult,
)
from copilot.case_looks import brings_news, look_up, question_about
from copilot.case_pseudonyms import flat
from copilot.drafting import compose
from copilot.entities import key_id_places
from copilot.personal_formats import email_addresses, file_names
from copilot.rejected_content import usable_sentences
from copilot.statements import RULES, statements_from
from copilot.stoppable import How
from policy.case_entries import ToolCall
from policy.case_moves import Refusal
from policy.case_rules import Held, add
from policy.case_terms import DraftKind, Evidence, Source, Statement

NO_MODEL = "No model is in use: this is what the rules found."
NO_TONE = "No model is in use, and only a model can change a draft's tone: edit the draft, or set up a model."
_STOPPED = "A person stopped this turn; what there was by then is kept."
_SECONDS = 60.0
_MOST_NAMED = 20
_DRAFTS: Mapping[DraftKind, re.Pattern[str]] = MappingProxyType(
    {
        DraftKind.CUSTOMER_UPDATE: re.compile(r"\bcustomer\b", re.IGNORECASE),
        DraftKind.INTERNAL_SUMMARY: re.compile(r"\b(?:internal|summary|summarise|summarize)\b", re.IGNORECASE),
        DraftKind.ENGINEERING_HANDOFF: re.compile(r"\bengineering\b", re.IGNORECASE),
        DraftKind.SECURITY_HANDOFF: re.compile(r"\bsecurity\b", re.IGNORECASE),
    }
)
_WANTS_DRAFT = re.compile(r"\b(?:draft|write|update|summary|summarise|summarize|hand-?off|hand over)\b", re.IGNORECASE)


class RulesAssistant:
    """Takes turns by rules."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, seconds: float = _SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds

    async def take_turn(
        self, turn: CaseTurn, tools: Tools, stop: asyncio.Event, progress: Progress | None = None
    ) -> TurnResult:
        """Look everywhere once, then say what follows."""
        begun, watched = self._clock(), progress or Progress()
        if turn.tone_of:
            return TurnResult(author=RULES, ended=Ended.DONE, answer=NO_TONE)
        held, calls, questions = turn.held, [], []
        for source, asked in _looks(turn, tools):
            if stop.is_set():
                break
            watched.on_step(f"Looks in {SOURCE_WORDS[source]}")
            left = self._seconds - (self._clock() - begun)
            outcome = await look_up(tools[source], asked, stop, left)
            if outcome.how in (How.STOPPED, How.LATE):
                calls.append(_call(source, asked, "It was stopped, or the time was up.", is_error=True))
                continue
            found = _new(outcome.value or (), held)
            questions.append(question_about(source, found, held.evidence))
            held = replace(held, evidence=(*held.evidence, *found))
            failed = outcome.how is How.FAILED
            told = f"failed ({type(outcome.error).__name__})" if failed else _told(found)
            calls.append(_call(source, asked, told, is_error=failed))
        held, statements = _stated(held)
        drafts = tuple(_drafts(turn, held))
        result = TurnResult(
            author=RULES,
            ended=Ended.DONE,
            answer="",
            statements=statements,
            drafts=drafts,
            evidence=held.evidence[len(turn.held.evidence) :],
            improved=bool(statements or drafts) or brings_news(held.evidence, turn.held.evidence),
            calls=tuple(calls),
            seconds=self._clock() - begun,
        )
        return _answered(result, list(dict.fromkeys(filter(None, questions))), stop.is_set())

    async def aclose(self) -> None:
        """Nothing is held open."""


def _looks(turn: CaseTurn, tools: Tools) -> Iterator[tuple[Source, Lookup]]:
    """What each source is asked; a source that the instruction and the case give no word for is not asked."""
    texts = [turn.instruction, turn.goal, *_ticket_texts(turn.held.evidence)]
    accounts = _named(texts, email_addresses, key_id_places)
    attachments = _named(texts, lambda text: file_names(text, ()))
    for source in Source:
        if source not in tools:
            continue
        if source is Source.DIRECTORY and accounts:
            yield source, Lookup(accounts=accounts)
        elif source in (Source.ACCESS_LOG, Source.ATTACHMENT_TRAIL) and (accounts or attachments):
            yield source, Lookup(accounts=accounts, attachments=attachments)
        elif source is Source.KNOWLEDGE_BASE and turn.instruction.strip():
            yield source, Lookup(words=turn.instruction)
        elif source in (Source.TICKET, Source.ESCALATION_QUEUE):
            yield source, Lookup(accounts=accounts, words=turn.instruction)


def _ticket_texts(evidence: Iterable[Evidence]) -> Iterator[str]:
    for one in evidence:
        if one.source is Source.TICKET:
            yield one.excerpt
        yield from (value for path, value in flat(one.query) if path.startswith(("accounts", "attachments")))


def _named(texts: Iterable[str], *finders: Callable[[str], Iterable[tuple[int, int]]]) -> tuple[str, ...]:
    named = (text[start:end] for text in texts for find in finders for start, end in find(text))
    return tuple(dict.fromkeys(named))[:_MOST_NAMED]


def _new(found: Sequence[Evidence], held: Held) -> list[Evidence]:
    known = {one.evidence_id for one in held.evidence}
    return list({one.evidence_id: one for one in found if one.evidence_id not in known}.values())


def _stated(held: Held) -> tuple[Held, tuple[Statement, ...]]:
    taken: list[Statement] = []
    for one in statements_from(held.evidence):
        after = add(held, one)
        if not isinstance(after, Refusal):
            held = replace(held, statements=(*held.statements, after))
            taken.append(after)
    return held, tuple(taken)


def _drafts(turn: CaseTurn, held: Held) -> Iterator[DraftProposal]:
    if not _WANTS_DRAFT.search(turn.instruction):
        return
    for kind, words in _DRAFTS.items():
        if words.search(turn.instruction):
            yield DraftProposal(kind, usable_sentences(compose("proposed", kind, held), held))


def _told(found: Sequence[Evidence]) -> str:
    ids = ", ".join(one.evidence_id for one in found)
    return f"{len(found)} items: {ids}" if found else "nothing new"


def _call(source: Source, asked: Lookup, told: str, is_error: bool) -> ToolCall:
    named: dict[str, JsonValue] = {
        "accounts": list(asked.accounts),
        "attachments": list(asked.attachments),
        "words": asked.words,
    }
    return ToolCall(TOOL_OF[source], {name: value for name, value in named.items() if value}, told, is_error)


def _answered(result: TurnResult, questions: Sequence[str], is_stopped: bool) -> TurnResult:
    """With its words, and how it ended."""
    found = (
        f"{len(result.evidence)} new items of evidence, {len(result.statements)} new statements, "
        f"{len(result.drafts)} drafts."
    )
    words = [NO_MODEL, found]
    if is_stopped:
        return replace(result, ended=Ended.STOPPED, answer=" ".join([*words, _STOPPED]))
    if questions:
        question = "\n".join(questions)
        return replace(result, ended=Ended.PAUSED, question=question, answer=" ".join(words) + "\n" + question)
    return replace(result, answer=" ".join(words))
