"""The calls of tools that a model makes in a turn: each is answered in our words or with data, and each is recorded."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue, ValidationError

from copilot.assistant_budget import Purse
from copilot.assistant_terms import SOURCE_WORDS, CaseTurn, Lookup, Tools
from copilot.case_looks import Refused, allowed, look_up, question_about
from copilot.case_prompt import look_result
from copilot.case_proposals import Proposals
from copilot.case_pseudonyms import CasePseudonyms
from copilot.case_tools import (
    ASK_LEAD,
    PROPOSE_DRAFT,
    PROPOSE_STATEMENTS,
    SHAPE_OF,
    SOURCE_OF,
    LeadQuestion,
    LookShape,
    ProposedDraft,
    ProposedStatements,
)
from copilot.stoppable import How
from policy.case_entries import ToolCall
from policy.case_terms import Source

NOT_A_TOOL = "There is no such tool. You can look things up, propose and ask; people do everything else."
BAD_INPUT = "The input does not have the form of this tool: send every field, and no other."
NOT_IN_TIME = "Not looked up: the turn was stopped, or its time is up."
_LONGEST_NAME, _LONGEST_ASKED = 64, 4_000
_MOST_STEP_WORDS = {PROPOSE_STATEMENTS: "Proposes statements", PROPOSE_DRAFT: "Proposes a draft", ASK_LEAD: "Asks"}


@dataclass(frozen=True)
class Answer:
    """What a call is told."""

    text: str
    is_error: bool = False


@dataclass
class Calls:
    """Answers calls, and remembers them."""

    turn: CaseTurn
    tools: Tools
    proposals: Proposals
    pseudonyms: CasePseudonyms
    boundary: str
    purse: Purse
    stop: asyncio.Event
    offered: frozenset[str]
    made: list[ToolCall] = field(default_factory=list)
    bad: int = 0
    question: str = ""
    _asked: set[str] = field(default_factory=set)

    async def answer(self, name: str, input_json: str) -> Answer:
        """Answer one call, and record it."""
        told = await self._answer(name, input_json)
        shown = name if name in self.offered else f"unknown: {self.pseudonyms.show(name)[:_LONGEST_NAME]}"
        self.made.append(ToolCall(shown, _as_asked(input_json), told.text, told.is_error))
        return told

    def propose_only(self, name: str, input_json: str) -> Answer | None:
        """Take a proposal of an answer that broke off; None for anything else, which is not done any more."""
        if name not in (PROPOSE_STATEMENTS, PROPOSE_DRAFT) or name not in self.offered:
            return None
        told = self._propose(name, input_json)
        self.made.append(ToolCall(name, _as_asked(input_json), told.text, told.is_error))
        return told

    def step(self, name: str) -> str:
        """What is being done, in words."""
        source = SOURCE_OF.get(name)
        return f"Looks in {SOURCE_WORDS[source]}" if source else _MOST_STEP_WORDS.get(name, "Goes on")

    async def _answer(self, name: str, input_json: str) -> Answer:
        if name not in self.offered:
            self.proposals.drop(f"a call of {self.pseudonyms.show(name)[:_LONGEST_NAME]!r}, which is no tool here")
            return self._bad(NOT_A_TOOL)
        source = SOURCE_OF.get(name)
        if source is None:
            return self._propose(name, input_json)
        try:
            shape = SHAPE_OF[name].model_validate_json(input_json)
            asked = shape.lookup() if isinstance(shape, LookShape) else Lookup()
        except ValueError:
            return self._bad(BAD_INPUT)
        return await self._look(source, asked)

    async def _look(self, source: Source, asked: Lookup) -> Answer:
        meant = allowed(asked, self.turn, self.proposals.held, self.pseudonyms)
        if isinstance(meant, Refused):
            self.proposals.drop(f"a look in {SOURCE_WORDS[source]}: {meant.why}")
            return self._bad(f"Not looked up: {meant.why}.")
        again = f"{source} {meant}"
        if again in self._asked:
            return self._bad("You have asked this in this turn already; the answer is above.")
        self._asked.add(again)
        before = self.proposals.held.evidence
        outcome = await look_up(self.tools[source], meant, self.stop, self.purse.seconds_left)
        if outcome.how in (How.STOPPED, How.LATE):
            return Answer(NOT_IN_TIME, is_error=True)
        found = self.proposals.take_evidence(outcome.value or ())
        self.pseudonyms.learn(found)
        self.question = self.question or question_about(source, found, before)
        if outcome.how is How.FAILED:
            # The name only: what an error says may hold a path or a secret.
            return Answer(f"Not looked up: it failed ({type(outcome.error).__name__}).", is_error=True)
        return Answer(look_result(found, self.pseudonyms, self.boundary))

    def _propose(self, name: str, input_json: str) -> Answer:
        try:
            shape: Any = SHAPE_OF[name].model_validate_json(input_json)
        except ValidationError:
            return self._bad(BAD_INPUT)
        if isinstance(shape, ProposedStatements):
            results = [self.proposals.take_statement(one) for one in shape.statements]
            words = "\n".join(words for _, words in results) or "nothing was proposed"
            return self._told(words, any(taken for taken, _ in results))
        if isinstance(shape, ProposedDraft):
            taken, words = self.proposals.take_draft(shape)
            return self._told(words, taken)
        if isinstance(shape, LeadQuestion) and shape.question.strip():
            self.question = self.question or self.pseudonyms.show(shape.question).strip()[:1_000]
            return Answer("The lead is asked.")
        return self._bad(BAD_INPUT)

    def _told(self, words: str, is_taken: bool) -> Answer:
        (hidden,) = self.pseudonyms.hide(words)
        return Answer(hidden, is_error=not is_taken)

    def _bad(self, words: str) -> Answer:
        self.bad += 1
        return Answer(words, is_error=True)


def _as_asked(input_json: str) -> dict[str, JsonValue]:
    try:
        asked = json.loads(input_json)
    except (ValueError, RecursionError):
        asked = None
    if isinstance(asked, dict) and len(input_json) <= _LONGEST_ASKED:
        return asked
    return {"as_sent": input_json[:_LONGEST_ASKED]}
