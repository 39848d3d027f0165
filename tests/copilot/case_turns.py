"""A case, its sources and an assistant, with defaults, so that each test names only what matters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from copilot.assistant import ModelAssistant
from copilot.assistant_budget import Limits
from copilot.assistant_terms import TOOL_OF, Budget, CaseTurn, Lookup, Progress, Tools, TurnResult
from copilot.model_client import make_client
from copilot.model_usage import Prices
from policy.case_terms import Evidence, EvidenceKind, Source
from tests.messages_api import KEY, MessagesApi
from tests.messages_stream import call
from tests.policy.case_builders import NOW, evidence, held

PRICES = Prices(Decimal(3), Decimal(15), Decimal("3.75"), Decimal("0.30"))
BOUNDARY = "case-0123456789abcdef"
LOG = TOOL_OF[Source.ACCESS_LOG]
DIRECTORY = TOOL_OF[Source.DIRECTORY]


def sessions(evidence_id: str = "N1", **other: Any) -> Evidence:
    """What the access log has, found anew."""
    facts = {"principal": "u-17", "action": "login", "at": NOW.isoformat(), **other.pop("facts", {})}
    return evidence(
        evidence_id, Source.ACCESS_LOG, minutes=5, query={"look": evidence_id}, facts=facts, sha256="a" * 64, **other
    )


def nothing(evidence_id: str = "N1", source: Source = Source.ACCESS_LOG, **other: Any) -> Evidence:
    """A source that was read whole and holds nothing."""
    return evidence(evidence_id, source, EvidenceKind.NOTHING, minutes=5, query={"look": evidence_id}, **other)


@dataclass
class Sources:
    """Sources that answer what they are given, and remember what they were asked."""

    answers: dict[Source, Sequence[Evidence]] = field(default_factory=dict)
    asked: list[tuple[Source, Lookup]] = field(default_factory=list)

    @property
    def tools(self) -> Tools:
        return {source: self._look(source) for source in Source}

    def _look(self, source: Source) -> Callable[[Lookup], Awaitable[Sequence[Evidence]]]:
        async def look(asked: Lookup) -> Sequence[Evidence]:
            self.asked.append((source, asked))
            return self.answers.get(source, [sessions()] if source is Source.ACCESS_LOG else [])

        return look


def case_turn(instruction: str = "What do the logs of u-17 show?", **other: Any) -> CaseTurn:
    """A turn on a case with one item of evidence about u-17."""
    given: dict[str, Any] = {"case_key": "9e1b7c1e", "held": held(), "goal": "Find out who saw what.", **other}
    return CaseTurn(instruction=instruction, **given)


def assistant(
    api: MessagesApi,
    budget: Budget | None = None,
    limits: Limits | None = None,
    timeout_seconds: float = 5,
    max_retries: int = 0,
) -> ModelAssistant:
    client = make_client(KEY, api.url, timeout_seconds=timeout_seconds, max_retries=max_retries)
    return ModelAssistant(client, "claude-asked-for", PRICES, budget, limits, make_boundary=lambda: BOUNDARY)


async def take(
    api: MessagesApi,
    turn: CaseTurn | None = None,
    sources: Sources | None = None,
    progress: Progress | None = None,
    stop: asyncio.Event | None = None,
    **limits: Any,
) -> TurnResult:
    """One turn with a model of its own."""
    model = assistant(api, **limits)
    try:
        tools = (sources or Sources()).tools
        return await model.take_turn(turn or case_turn(), tools, stop or asyncio.Event(), progress)
    finally:
        await model.aclose()


def look(name: str = LOG, **asked: Any) -> dict[str, Any]:
    """A call of a look, with every field that it has."""
    fields = {
        LOG: {"accounts": ["u-17"], "attachments": [], "since": "", "until": ""},
        TOOL_OF[Source.ATTACHMENT_TRAIL]: {"accounts": ["u-17"], "attachments": [], "since": "", "until": ""},
        DIRECTORY: {"accounts": ["u-17"]},
        TOOL_OF[Source.KNOWLEDGE_BASE]: {"words": "retention of attachments"},
        TOOL_OF[Source.TICKET]: {"accounts": [], "words": "", "since": "", "until": ""},
        TOOL_OF[Source.ESCALATION_QUEUE]: {"accounts": [], "words": "", "since": "", "until": ""},
    }
    return call(name, **{**fields[name], **asked})


def stated(text: str = "The access log records a session of the account.", **other: Any) -> dict[str, Any]:
    """A statement as a model puts it."""
    usual = {"kind": "fact", "claim": "event", "evidence": ["E1"], "owner_label": "", "due_at": ""}
    return {"text": text, **usual, **other}


def states(*statements: dict[str, Any]) -> dict[str, Any]:
    """A call that proposes statements."""
    return call("propose_statements", statements=list(statements or (stated(),)))


def drafts(kind: str = "internal_summary", *sentences: tuple[str, list[str]]) -> dict[str, Any]:
    """A call that proposes a draft."""
    return call("propose_draft", kind=kind, sentences=[{"text": text, "cites": cites} for text, cites in sentences])


def sent(api: MessagesApi, number: int = 0) -> dict[str, Any]:
    """The case as one request has it."""
    text = api.requests[number]["messages"][0]["content"][0]["text"]
    document: dict[str, Any] = json.loads(text.split(f"\n{BOUNDARY}\n")[1])
    return document


def result_of(api: MessagesApi, place: int = 0) -> dict[str, Any]:
    """A tool's result, as the last request has it."""
    results: dict[str, Any] = api.requests[-1]["messages"][-1]["content"][place]
    return results
