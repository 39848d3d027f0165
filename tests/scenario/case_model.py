"""A model for a running desk: the shipped client asks the stand-in, which answers as a test has written it.

What an answer says may depend on what was asked, since values of the case reach the model under pseudonyms only.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from copilot.lint_prompt import SYSTEM
from tests.copilot.test_what_the_copilot_gets import strings
from tests.messages_api import KEY, MODEL, Answer, MessagesApi, fails, says
from tests.messages_stream import events, streams, words

Block = Mapping[str, Any]
Blocks = Callable[["Asked"], Sequence[Block]]


@dataclass(frozen=True)
class Asked:
    """One request of a turn, as the model reads it."""

    body: Mapping[str, Any]

    @property
    def opening(self) -> str:
        """The first message: the case as data, then what the lead wants."""
        return str(self.body["messages"][0]["content"][0]["text"])

    @property
    def boundary(self) -> str:
        """The line between which data stands."""
        return self.opening.partition("\n")[0].removeprefix("The line is ")

    @property
    def case(self) -> dict[str, Any]:
        """The case as it was sent."""
        document: dict[str, Any] = json.loads(self.opening.split(f"\n{self.boundary}\n")[1])
        return document

    @property
    def results(self) -> list[dict[str, Any]]:
        """The results of the tools that were called last."""
        last = self.body["messages"][-1]
        return [one for one in last["content"] if one["type"] == "tool_result"]

    @property
    def found(self) -> list[dict[str, Any]]:
        """The evidence in those results."""
        told = [one["content"] for one in self.results if not one.get("is_error")]
        parts = [one.split(self.boundary)[1] for one in told if self.boundary in one]
        return [item for part in parts for item in json.loads(part)["found"]]

    def evidence(self, source: str) -> list[str]:
        """Ids of what the case or the last results have of a source."""
        items = [*self.case["evidence"], *self.found]
        return [one["id"] for one in items if one["source"] == source and one["kind"] == "found"]

    def statements(self, *wanted: str, kind: str = "") -> list[str]:
        """Ids of the case's statements whose text has one of these words, or that are of a kind."""
        return [
            one["id"]
            for one in self.case["statements"]
            if (one["kind"] == kind or not kind) and (not wanted or any(word in one["text"] for word in wanted))
        ]

    def mark(self, field_name: str) -> str:
        """What stands for the value of a field of the evidence."""
        lines = [line for one in self.case["evidence"] for line in one["facts"]]
        return str(next(line for line in lines if line.startswith(f"{field_name}: ")).partition(": ")[2])


@dataclass(frozen=True)
class LookedAt:
    """One request for marks, as the model reads it."""

    body: Mapping[str, Any]

    @property
    def document(self) -> dict[str, Any]:
        """The draft and what it cites, as they were sent."""
        text = str(self.body["messages"][0]["content"])
        boundary = text.partition("\n")[0].removeprefix("The line is ")
        document: dict[str, Any] = json.loads(text.split(f"\n{boundary}\n")[1])
        return document


Marks = Callable[[LookedAt], Sequence[Mapping[str, Any]]]


@dataclass
class CaseModel:
    """What answers the turns of cases; triage has no answer, so that the rules do it."""

    api: MessagesApi
    script: deque[Answer] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    marks: deque[Answer | Marks] = field(default_factory=deque)
    looked: list[LookedAt] = field(default_factory=list)
    """The requests for marks of a draft; without another answer, it marks nothing."""

    def __post_init__(self) -> None:
        self.api.always = self._answer

    @property
    def settings(self) -> dict[str, str]:
        """The settings by which the desk asks it."""
        return {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": self.api.url, "COUNTERSIGN_MODEL": MODEL}

    def will(self, *answers: Answer | Block | Blocks) -> None:
        """Answer the coming requests of turns: with an answer, with words or a call, or with what follows from it."""
        for one in answers:
            self.script.append(_as_answer(one))

    def will_mark(self, *answers: Answer | Marks) -> None:
        """Answer the coming looks at drafts, each with an answer or with the marks that follow from it."""
        self.marks.extend(answers)

    def forget(self) -> None:
        """Whatever was asked, and was to be answered, is over."""
        self.script.clear()
        self.asked.clear()
        self.marks.clear()
        self.looked.clear()
        self.api.requests.clear()

    def leaked(self, *values: str) -> set[str]:
        """Those of the values that stand in any request."""
        everything = "\n".join(strings(self.api.requests))
        return {value for value in values if value in everything}

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if body.get("system") == SYSTEM:
            self.looked.append(look := LookedAt(body))
            marks = self.marks.popleft() if self.marks else says({"marks": []})
            return await (marks if _is_answer(marks) else says({"marks": [*marks(look)]}))(request)  # type: ignore[arg-type]  # told apart just now
        if not body.get("stream"):
            return await fails(400, "invalid_request_error")(request)
        self.asked.append(Asked(body))
        answer = self.script.popleft() if self.script else streams(words("There is nothing that I would add."))
        return await answer(request)


def drips(line: str) -> Answer:
    """Words for as long as the client listens, some each moment."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        first, *_ = told = events(words(line * 300))
        assert first["type"] == "message_start"
        for event in told:
            await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
            await asyncio.sleep(0.5)
        return response

    return answer


def after(happens: Callable[[], Awaitable[object]], then: Answer) -> Answer:
    """Answer once this has happened, while the bot waits for the model."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await happens()
        return await then(request)

    return answer


def _is_answer(one: Any) -> bool:
    return getattr(one, "__name__", "") == "answer"


def _as_answer(one: Any) -> Answer:
    if isinstance(one, Mapping):
        return streams(one)
    if _is_answer(one):
        return one  # type: ignore[no-any-return]  # one of the stand-in's own

    async def answer(request: web.Request) -> web.StreamResponse:
        return await streams(*one(Asked(await request.json())))(request)

    return answer
