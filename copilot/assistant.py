"""The copilot with a model: a bounded loop of looks and proposals over one case.

What a model says is from an untrusted source, and what it reads was mostly written by others. Here, in this order:

1. what the case has used is held against its budget before every request, and the request is cut to what is left;
2. everything that is sent has pseudonyms, stands between lines nobody can guess, and holds nothing that was rejected;
3. an answer is read as it comes; what was complete is kept when it breaks off, and what it used is counted;
4. a tool that is not in the table, or an input of another form, is an error that is told and recorded, a few times;
5. looks are about what the case names; where one is empty or unsure the turn pauses and asks the lead;
6. proposals are held to the rules of the case, which is all that they can come to.

Nothing a model, a service or a source does makes `take_turn` raise. Importing this takes seconds, for the SDK behind
it: do it at start, not in a handler.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

from copilot.assistant_budget import Limits, Purse
from copilot.assistant_terms import Budget, CaseTurn, Ended, Progress, Tools, TurnResult
from copilot.case_calls import Answer, Calls
from copilot.case_echo import called, echo, text_block, tool_uses
from copilot.case_looks import brings_news
from copilot.case_prompt import PROMPT_VERSION, SYSTEM, first_message
from copilot.case_proposals import Proposals
from copilot.case_pseudonyms import CasePseudonyms, Restorer
from copilot.case_tools import ASK_LEAD, CACHED, PROPOSE_DRAFT, tool_list
from copilot.model_client import Client, Reply, is_uncounted, stream, tokens_of, what_failed
from copilot.model_usage import Prices, Usage
from copilot.quotes import legible
from copilot.rejected_content import says_rejected
from copilot.stoppable import How, Outcome, run_until
from policy.case_terms import Author

LONGEST_ANSWER = 8_000
_STOPPED = "A person stopped this turn; what there was by then is kept."
_MANY_BAD_CALLS = "the model kept calling what there is not, or in no form of ours"
_log = logging.getLogger(__name__)


class ModelAssistant:
    """Takes turns with a model."""

    def __init__(
        self,
        client: Client,
        model: str,
        prices: Prices,
        budget: Budget | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        make_boundary: Callable[[], str] = lambda: f"case-{secrets.token_hex(16)}",
    ) -> None:
        self._client = client
        self._model = model
        self._prices = prices
        self._budget = budget or Budget()
        self._limits = limits or Limits()
        self._clock = clock
        self._make_boundary = make_boundary

    async def take_turn(
        self, turn: CaseTurn, tools: Tools, stop: asyncio.Event, progress: Progress | None = None
    ) -> TurnResult:
        """Ask the model until it is done, is stopped, has nothing left to spend, must ask, or fails."""
        purse = Purse(self._budget, turn.spent, self._prices, self._limits, self._clock)
        running = _Turn(self._client, self._model, turn, tools, stop, progress or Progress(), purse, self._limits)
        ended, words = await running.go(self._make_boundary())
        result = running.result(ended, words)
        _log.info(
            "a turn of %s ended %s after %.1f seconds: %d tokens in, %d out",
            self._model,
            ended.value,
            result.seconds,
            result.usage.read_tokens,
            result.usage.output_tokens,
        )
        return result

    async def aclose(self) -> None:
        """Close the client's connections."""
        await self._client.close()


_Over = tuple[Ended, str]


class _Turn:
    """One turn while it runs."""

    def __init__(
        self,
        client: Client,
        model: str,
        turn: CaseTurn,
        tools: Tools,
        stop: asyncio.Event,
        progress: Progress,
        purse: Purse,
        limits: Limits,
    ) -> None:
        self._client, self._turn, self._model = client, turn, model
        self._stop, self._progress, self._purse, self._limits = stop, progress, purse, limits
        self._tools = tool_list(tools, only=(PROPOSE_DRAFT, ASK_LEAD) if turn.tone_of else ())
        self._pseudonyms = CasePseudonyms(turn.case_key, turn.revealed)
        author = Author(model=model, prompt_version=PROMPT_VERSION)
        self._proposals = Proposals(turn, self._pseudonyms, author, turn.held)
        offered = frozenset(one["name"] for one in self._tools)
        self._calls = Calls(turn, tools, self._proposals, self._pseudonyms, "", purse, stop, offered)
        self._said: list[str] = []

    async def go(self, boundary: str) -> _Over:
        """Request after request; how it ended and our words for it."""
        self._calls.boundary = boundary
        self._progress.on_step("Reads the case")
        # In a thread: a large case takes a second or two, and others are waiting.
        opening = await asyncio.to_thread(self._opening, boundary)
        messages: list[dict[str, Any]] = [{"role": "user", "content": [text_block(opening)]}]
        for _ in range(self._limits.requests):
            if self._stop.is_set():
                return Ended.STOPPED, _STOPPED
            body = self._body(messages)
            size = tokens_of(len(json.dumps(body)))
            if missing := self._purse.used_up(size):
                return Ended.BUDGET, f"This case's budget for the model is used up ({missing})."
            reply = Reply()
            outcome = await self._ask(body | {"max_tokens": self._purse.output_tokens(size)}, reply, size)
            over = self._broken_off(outcome, reply)
            if over is not None:
                return over
            results = await self._answers(reply)
            over = self._over(reply, bool(results))
            if over is not None:
                return over
            messages += [
                {"role": "assistant", "content": echo(reply, self._turn.held, self._pseudonyms)},
                {"role": "user", "content": results},
            ]
        return Ended.BUDGET, f"This turn used all {self._limits.requests} requests to the model that a turn has."

    def _opening(self, boundary: str) -> str:
        self._pseudonyms.learn(self._turn.held.evidence)
        return first_message(self._turn, self._pseudonyms, boundary)

    def result(self, ended: Ended, words: str) -> TurnResult:
        """What came of it."""
        proposals, question = self._proposals, self._calls.question if ended is Ended.PAUSED else ""
        said = "\n\n".join(self._said)[:LONGEST_ANSWER]
        if not said and ended is Ended.DONE:
            counts = f"{len(proposals.statements)} statements and {len(proposals.drafts)} drafts"
            words = f"The model said nothing; it proposed {counts}."
        return TurnResult(
            author=proposals.author,
            ended=ended,
            answer="\n\n".join(one for one in (said, words, question) if one),
            question=question,
            statements=tuple(proposals.statements),
            drafts=tuple(proposals.drafts.values()),
            evidence=tuple(proposals.evidence),
            calls=tuple(self._calls.made),
            dropped=tuple(proposals.dropped),
            usage=self._purse.usage,
            seconds=self._purse.seconds,
            cost_usd=self._purse.cost_usd,
            improved=bool(proposals.statements or proposals.drafts)
            or brings_news(proposals.evidence, self._turn.held.evidence),
        )

    def _body(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        # What stays the same is marked as such: tools, task, and all that was said so far.
        *before, last = messages
        *blocks, newest = last["content"]
        marked = {**last, "content": [*blocks, {**newest, "cache_control": dict(CACHED)}]}
        return {
            "model": self._model,
            "max_tokens": self._limits.output_tokens,
            "system": [{**text_block(SYSTEM), "cache_control": dict(CACHED)}],
            "tools": self._tools,
            "messages": [*before, marked],
        }

    async def _ask(self, body: dict[str, Any], reply: Reply, size: int) -> Outcome[None]:
        restorer = Restorer(self._pseudonyms)

        def show(text: str) -> None:
            if shown := restorer.feed(text):
                self._progress.on_text(shown)

        outcome = await run_until(stream(self._client, body, reply, show), self._stop, self._purse.seconds_left)
        if rest := restorer.rest():
            self._progress.on_text(rest)
        usage = reply.usage
        if not reply.is_begun and outcome.how is not How.DONE and is_uncounted(outcome.error):
            usage = Usage(input_tokens=size)
        self._purse.pay(usage)
        return outcome

    def _broken_off(self, outcome: Outcome[None], reply: Reply) -> _Over | None:
        """How the turn ended where there is no whole answer; what was complete in it is kept."""
        refused = reply.stop_reason == "refusal"
        is_whole = outcome.how is How.DONE and not reply.is_cut_short and not refused
        if not refused:
            self._hear(reply)
        if is_whole:
            return None
        if not refused:
            for block in tool_uses(reply):
                self._calls.propose_only(*called(block))
        if outcome.how is How.STOPPED:
            return Ended.STOPPED, _STOPPED
        if outcome.how is How.LATE and self._purse.is_case_out_of_time:
            return Ended.BUDGET, "This case's budget for the model is used up (time)."
        return Ended.FAILED, f"The model gave no whole answer: {_why(outcome, reply, self._limits.seconds)}."

    def _hear(self, reply: Reply) -> None:
        if reply.model:
            author = Author(model=legible(reply.model)[:100], prompt_version=PROMPT_VERSION)
            self._proposals.author = author
        text = "".join(block.text for block in reply.blocks.values() if block.kind == "text")
        shown = self._pseudonyms.show(text).strip()
        if shown and not says_rejected(shown, self._turn.held):
            self._said.append(shown)

    async def _answers(self, reply: Reply) -> list[dict[str, Any]]:
        """The answers to all the tools it calls, in order."""
        results = []
        for block in tool_uses(reply):
            name, input_json = called(block)
            self._progress.on_step(self._calls.step(name))
            told = await self._calls.answer(name, input_json)
            results.append(_result(str(block.given.get("id", "")), told))
        return results

    def _over(self, reply: Reply, has_results: bool) -> _Over | None:
        if self._stop.is_set():
            return Ended.STOPPED, _STOPPED
        if self._calls.question:
            return Ended.PAUSED, ""
        if self._calls.bad >= self._limits.bad_calls:
            return Ended.FAILED, f"The turn was ended: {_MANY_BAD_CALLS}."
        if reply.stop_reason in ("end_turn", "stop_sequence"):
            return Ended.DONE, ""
        if reply.stop_reason != "tool_use" or not has_results:
            return Ended.FAILED, "The model gave no whole answer: it stopped for a reason that is not known."
        return None


def _result(call_id: str, told: Answer) -> dict[str, Any]:
    result = {"type": "tool_result", "tool_use_id": call_id, "content": told.text}
    return {**result, "is_error": True} if told.is_error else result


def _why(outcome: Outcome[None], reply: Reply, seconds: float) -> str:
    if outcome.how is How.LATE:
        return f"nothing within {seconds:g} seconds"
    if reply.stop_reason == "refusal":
        return "the model declined to answer"
    if reply.is_cut_short:
        return "the answer was cut short"
    return what_failed(outcome.error or ConnectionError())
