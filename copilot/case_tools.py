"""The tools a model has in a case, as it is told of them: looks at sources, two kinds of proposals, and a question.

There is no tool that writes, sends, runs or decides. The proposals are tools too, and not one structured answer at the
end, so that the model is told at once what the rules did not take and can put it better within the same turn.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from copilot.assistant_terms import TOOL_OF, Lookup
from policy.case_terms import Claim, DraftKind, Source, StatementKind

PROPOSE_STATEMENTS: Final = "propose_statements"
PROPOSE_DRAFT: Final = "propose_draft"
ASK_LEAD: Final = "ask_lead"
CACHED: Final[Mapping[str, Any]] = MappingProxyType({"type": "ephemeral"})


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LookShape(_Shape):
    """What is asked of a source, as a model puts it."""

    def lookup(self) -> Lookup:
        """The question it is. Raises ValueError for a time that is none."""
        given = self.model_dump()
        return Lookup(
            accounts=_named(given.get("accounts", [])),
            attachments=_named(given.get("attachments", [])),
            words=str(given.get("words", "")).strip()[:500],
            since=moment(given.get("since", "")),
            until=moment(given.get("until", "")),
        )


class _History(LookShape):
    accounts: list[str]
    words: str
    since: str
    until: str


class _Accounts(LookShape):
    accounts: list[str]


class _Log(LookShape):
    accounts: list[str]
    attachments: list[str]
    since: str
    until: str


class _Words(LookShape):
    words: str


class ProposedStatement(_Shape):
    """One statement, as a model puts it."""

    kind: StatementKind
    claim: Claim
    text: str
    evidence: list[str]
    owner_label: str
    due_at: str


class ProposedStatements(_Shape):
    """Several statements."""

    statements: list[ProposedStatement]


class ProposedSentence(_Shape):
    """One sentence of a draft, as a model puts it."""

    text: str
    cites: list[str]


class ProposedDraft(_Shape):
    """A draft, as a model puts it."""

    kind: DraftKind
    sentences: list[ProposedSentence]


class LeadQuestion(_Shape):
    """What the model wants to know of the lead."""

    question: str


_WINDOW = "since and until are ISO 8601 with a zone, or empty for no limit."
_NAMED = "accounts and attachments are marks or ids that the case already names; leave a list empty for none."
LOOKS: Mapping[Source, tuple[type[LookShape], str]] = MappingProxyType(
    {
        Source.TICKET: (_History, f"What was written on this ticket and earlier ones. {_NAMED} {_WINDOW}"),
        Source.DIRECTORY: (_Accounts, f"The state of accounts in the identity provider, and since when. {_NAMED}"),
        Source.ACCESS_LOG: (_Log, f"Sessions and access to the product. {_NAMED} {_WINDOW}"),
        Source.ATTACHMENT_TRAIL: (_Log, f"Downloads, previews and retention of attachments. {_NAMED} {_WINDOW}"),
        Source.KNOWLEDGE_BASE: (_Words, "Passages of our documents that have most of the words."),
        Source.ESCALATION_QUEUE: (_History, f"What engineering and security already work on. {_NAMED} {_WINDOW}"),
    }
)
_OTHERS: Mapping[str, tuple[type[_Shape], str]] = MappingProxyType(
    {
        PROPOSE_STATEMENTS: (
            ProposedStatements,
            "Propose statements for the lead to accept, edit or reject. evidence holds ids of evidence that the case "
            "has. owner_label and due_at (ISO 8601 with a zone) are for next steps; empty otherwise.",
        ),
        PROPOSE_DRAFT: (
            ProposedDraft,
            "Propose a draft, whole. Each sentence cites ids of statements; a greeting cites none. It is read by "
            "people and sent by nobody yet.",
        ),
        ASK_LEAD: (LeadQuestion, "Ask the lead one question and end the turn, when what was found is not enough."),
    }
)
SOURCE_OF: Mapping[str, Source] = MappingProxyType({name: source for source, name in TOOL_OF.items()})
SHAPE_OF: Mapping[str, type[_Shape]] = MappingProxyType(
    {TOOL_OF[source]: shape for source, (shape, _) in LOOKS.items()}
    | {name: shape for name, (shape, _) in _OTHERS.items()}
)


def tool_list(sources: Collection[Source], only: Collection[str] = ()) -> list[dict[str, Any]]:
    """The tools as the service is told of them, with looks at these sources; `only` of them where names are given."""
    told: list[tuple[str, type[_Shape], str]] = [(TOOL_OF[one], *LOOKS[one]) for one in Source if one in sources]
    told += [(name, *one) for name, one in _OTHERS.items()]
    tools: list[dict[str, Any]] = [
        {"name": name, "description": words, "strict": True, "input_schema": shape.model_json_schema()}
        for name, shape, words in told
        if not only or name in only
    ]
    # The service keeps everything up to a mark: the tools are the same in every turn of every case.
    tools[-1]["cache_control"] = dict(CACHED)
    return tools


def moment(text: str) -> datetime | None:
    """A time with a zone, in UTC; None for "". Raises ValueError for anything else."""
    if not text.strip():
        return None
    at = datetime.fromisoformat(text.strip())
    if at.tzinfo is None:
        raise ValueError("a time needs a zone")
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("no time of ours") from error


def _named(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.strip() for one in values if one.strip()))[:20]
