"""The model as a second linter: one request about one revision of a draft, and an answer that can only add marks.

What it says is from an untrusted source. Where it fails, is late, answers in another form, or the case's budget is used
up, it adds no mark, and what the rules mark stands alone. `look` does not raise. Importing this takes seconds, for the
SDK behind it: do it at start, not in a handler.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from copilot.assistant_budget import Limits, Purse
from copilot.assistant_terms import Budget, Ended
from copilot.case_pseudonyms import CasePseudonyms
from copilot.lint_look import LookedAt
from copilot.lint_prompt import PROMPT_VERSION, SYSTEM, look_message
from copilot.lint_suggestions import MOST_WORDS, kept
from copilot.model_client import (
    Client,
    Envelope,
    NoAnswer,
    answer_of,
    ask,
    is_uncounted,
    output_format,
    tokens_of,
    what_failed,
)
from copilot.model_usage import Prices, Usage
from copilot.quotes import legible
from copilot.rejected_content import says_rejected
from copilot.stoppable import How, Outcome, run_until
from policy.case_entries import MarksSuggested, SuggestedMark
from policy.case_terms import Author

LIMITS = Limits(requests=1, seconds=60.0, output_tokens=4_000)
_log = logging.getLogger(__name__)


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ProposedMark(_Form):
    """One mark as a model gives it."""

    code: str
    sentence: int
    quote: str
    words: str


class ProposedMarks(_Form):
    """The whole answer."""

    marks: list[ProposedMark]


class ModelLinter:
    """Looks at drafts with a model."""

    def __init__(
        self,
        client: Client,
        model: str,
        prices: Prices,
        budget: Budget | None = None,
        limits: Limits = LIMITS,
        clock: Callable[[], float] = time.monotonic,
        make_boundary: Callable[[], str] = lambda: f"case-{secrets.token_hex(16)}",
    ) -> None:
        self._client = client
        self._model = model
        self._prices = prices
        self._budget = budget or Budget()
        self._limits = limits
        self._clock = clock
        self._make_boundary = make_boundary

    async def look(self, at: LookedAt) -> MarksSuggested:
        """Ask the model once; what it marks of the draft as it is, or why it marks nothing."""
        purse = Purse(self._budget, at.spent, self._prices, self._limits, self._clock)
        pseudonyms = CasePseudonyms(at.case_key, at.revealed)
        # In a thread: a large case takes a second or two, and others are waiting.
        body = await asyncio.to_thread(self._body, at, pseudonyms)
        size = tokens_of(len(json.dumps(body)))
        if missing := purse.used_up(size):
            return self._said(at, purse, ended=Ended.BUDGET, why=f"this case's budget is used up ({missing})")
        request = body | {"max_tokens": purse.output_tokens(size)}
        outcome = await run_until(ask(self._client, request), asyncio.Event(), purse.seconds_left)
        purse.pay(_used(outcome, size))
        try:
            envelope = _whole(outcome, self._limits.seconds)
            model = legible(envelope.model)[:100] or self._model
            proposed = answer_of(envelope, ProposedMarks).marks
        except NoAnswer as problem:
            _log.warning("the model gave no marks for a draft: %s", problem)
            return self._said(at, purse, ended=Ended.FAILED, why=str(problem))
        # What is real first: of an answer of any length, the words of only so many marks are read.
        real = kept(at.draft, [_placed(one, pseudonyms) for one in proposed])
        marks = kept(at.draft, [_shown(one, at, pseudonyms) for one in real])
        return self._said(at, purse, model, marks, dropped=len(proposed) - len(marks))

    async def aclose(self) -> None:
        """Close the client's connections."""
        await self._client.close()

    def _body(self, at: LookedAt, pseudonyms: CasePseudonyms) -> dict[str, Any]:
        pseudonyms.learn(at.held.evidence)
        return {
            "model": self._model,
            "max_tokens": self._limits.output_tokens,
            "system": SYSTEM,
            "messages": [{"role": "user", "content": look_message(at, pseudonyms, self._make_boundary())}],
            "output_config": output_format(ProposedMarks),
        }

    def _said(
        self,
        at: LookedAt,
        purse: Purse,
        model: str = "",
        marks: Sequence[SuggestedMark] = (),
        *,
        ended: Ended = Ended.DONE,
        why: str = "",
        dropped: int = 0,
    ) -> MarksSuggested:
        return MarksSuggested(
            draft_id=at.draft.draft_id,
            revision=at.draft.revision,
            author=Author(model=model or self._model, prompt_version=PROMPT_VERSION),
            marks=tuple(marks),
            ended=ended.value,
            why=why,
            dropped=dropped,
            input_tokens=purse.usage.read_tokens,
            output_tokens=purse.usage.output_tokens,
            seconds=round(purse.seconds, 3),
            cost_usd=format(purse.cost_usd, "f"),
        )


def _whole(outcome: Outcome[Envelope], seconds: float) -> Envelope:
    if outcome.how is How.LATE:
        raise NoAnswer(f"nothing within {seconds:g} seconds")
    if outcome.value is None:
        raise NoAnswer(what_failed(outcome.error or ConnectionError()))
    return outcome.value


def _used(outcome: Outcome[Envelope], size: int) -> Usage:
    """By the service's count; where it may have read the request and gave none, by what was sent."""
    if outcome.value is not None:
        return outcome.value.used
    cause = outcome.error.__cause__ if isinstance(outcome.error, NoAnswer) else outcome.error
    return Usage(input_tokens=size) if is_uncounted(cause) else Usage()


def _placed(mark: ProposedMark, pseudonyms: CasePseudonyms) -> SuggestedMark:
    """A mark with its quote as the draft has it."""
    return SuggestedMark(mark.code, mark.sentence, pseudonyms.show(mark.quote), mark.words)


def _shown(mark: SuggestedMark, at: LookedAt, pseudonyms: CasePseudonyms) -> SuggestedMark:
    """A mark as people have it: its words with the values; those that repeat rejected content are left out."""
    words = pseudonyms.show(mark.words[: 2 * MOST_WORDS]).strip()[:MOST_WORDS]
    return replace(mark, words="" if says_rejected(words, at.held) else words)
