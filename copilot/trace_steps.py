"""Each entry of a case's record in words, as one step of the collaboration: what a page and a terminal both show."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from copilot.draft_differences import Difference, differences
from copilot.trace_words import Names, actor, author, moment, who, words
from policy import case_entries as e
from policy.case_entries import Entry
from policy.case_story import CaseStory
from policy.case_terms import Author, Draft, DraftKind, Evidence, Sentence, Statement
from policy.latch import Fired


@dataclass(frozen=True)
class Said:
    """One thing by its name."""

    label: str
    text: str


@dataclass(frozen=True)
class Listed:
    """A table."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Changed:
    """What became of the sentences of a draft, or of a statement's words."""

    caption: str
    differences: tuple[Difference, ...]


Part = Said | Listed | Changed


@dataclass(frozen=True)
class Step:
    """One entry."""

    number: int
    at: datetime
    by: str
    sort: str
    """'people', 'evidence', 'statement', 'draft', 'gate', 'latch' or 'copilot': for the eye only."""
    title: str
    parts: tuple[Part, ...]


def steps(story: CaseStory, names: Names) -> tuple[Step, ...]:
    """Every entry of the record, in order."""
    return tuple(_step(entry, _Before(story, entry, names)) for entry in story.entries)


@dataclass(frozen=True)
class _Before:
    """What an entry is compared with."""

    story: CaseStory
    entry: Entry
    names: Names

    def statement(self, statement_id: str) -> Statement | None:
        """The statement as it was before this entry."""
        earlier = self.story.entries[: self.entry.seq - 1]
        found = (one.body.statement for one in reversed(earlier) if isinstance(one.body, e.StatementStep))
        return next((one for one in found if one.statement_id == statement_id), None)

    def draft(self, draft: Draft) -> Draft | None:
        """The revision before."""
        found = self.story.revision(draft.draft_id, draft.revision - 1)
        return None if found is None else found.draft

    def who(self, person: Any) -> str:
        """An account by its name."""
        return who(person, self.names)


_Said = tuple[str, str, list[Part]]
"""Sort, title and parts."""


def _step(entry: Entry, before: _Before) -> Step:
    sort, title, parts = _WORDS[type(entry.body)](entry.body, before)
    kept = tuple(one for one in parts if not isinstance(one, Said) or one.text.strip())
    return Step(entry.seq, entry.at, actor(entry.actor, before.names), sort, title, kept)


def evidence_rows(evidence: Sequence[Evidence], names: Names) -> Listed:
    """Items of evidence, with what it takes to find each of them again."""
    columns = ("evidence", "source", "what it says", "where", "times", "SHA-256")
    rows = tuple(
        (
            one.evidence_id,
            f"{words(one.source)} ({one.authority})\n{one.kind}",
            one.excerpt,
            f"{one.place}\nasked: {json.dumps(dict(one.query), ensure_ascii=False, default=str)}",
            f"observed {moment(one.observed_at)}\nretrieved {moment(one.retrieved_at)}\nfor {_asker(one, names)}",
            one.sha256 or "none: nothing was read",
        )
        for one in evidence
    )
    return Listed("Evidence", columns, rows)


def _asker(one: Evidence, names: Names) -> str:
    return "the rules" if one.asked_by is None else who(one.asked_by, names)


def _opened(body: e.Opened, before: _Before) -> _Said:
    parts: list[Part] = [
        Said("Title", body.title),
        Said("Accountable", before.who(body.lead)),
        Said("The ticket came in", moment(body.intake_at)),
        Said("Worked on in", f"{body.channel}, private" if body.is_private else body.channel),
    ]
    return "people", f"Case opened on ticket {body.ticket_number}", parts


def _framed(body: e.Framed, before: _Before) -> _Said:
    title = "The goal is another one" if body.is_redirection else "The case was framed"
    return "people", title, [Said("Goal", body.goal), Said("Stays with people", body.stays_human)]


def _lead(body: e.LeadChanged, before: _Before) -> _Said:
    return "people", "Somebody else is accountable", [Said("Now", before.who(body.lead)), Said("Why", body.reason)]


def _members(body: e.MembersChanged, before: _Before) -> _Said:
    people = "\n".join(map(before.who, body.members)) or "nobody but the lead"
    return "people", "Who works on it", [Said("Members", people)]


def _retrieved(body: e.Retrieved, before: _Before) -> _Said:
    count = len(body.evidence)
    title = f"Evidence was retrieved: {count} {'item' if count == 1 else 'items'}"
    return "evidence", title, [evidence_rows(body.evidence, before.names)]


def _statement(body: e.StatementStep, before: _Before) -> _Said:
    now = body.statement
    earlier = None if body.event is None else before.statement(now.statement_id)
    done = "new" if body.event is None else body.event.value
    text: Part = Said("Text", now.text)
    if earlier is not None and earlier.text != now.text:
        text = Changed("What changed", differences(_as_draft(earlier), _as_draft(now)))
    owners = [before.who(now.owner)] if now.owner is not None else []
    owner = ", for ".join([*owners, now.owner_label] if now.owner_label.strip() else owners)
    parts: list[Part] = [
        text,
        Said("Why", body.reason),
        Said("Resolution", now.resolution),
        Said("Written by", author(now.author, before.names)),
        Said("Rests on", ", ".join(now.evidence) or "no evidence"),
        Said("Owner", f"{owner}, by {moment(now.due_at)}" if owner else ""),
    ]
    title = f"Statement {now.statement_id}, {words(now.kind)}: {done} (revision {now.revision}, {now.state})"
    return "statement", title, parts


def _as_draft(one: Statement) -> Draft:
    return Draft("", DraftKind.INTERNAL_SUMMARY, one.revision, (Sentence(one.text, one.evidence, Author()),))


def _drafted(body: e.Drafted, before: _Before) -> _Said:
    draft, earlier = body.draft, before.draft(body.draft)
    rows = tuple((one.text, author(one.author, before.names), ", ".join(one.cites) or "—") for one in draft.sentences)
    parts: list[Part] = [
        Said("Written by", author(body.author, before.names)),
        Said("Why", body.reason),
        Said("Cause of the correction", words(body.cause)),
        Listed("Sentences", ("sentence", "author", "cites"), rows)
        if earlier is None
        else Changed(f"Against revision {earlier.revision}", differences(earlier, draft)),
    ]
    return "draft", f"Draft {draft.draft_id}, {words(draft.kind)}: revision {draft.revision}", parts


def _overridden(body: e.Overridden, before: _Before) -> _Said:
    parts: list[Part] = [Said("Sentence", body.sentence or "the draft as a whole"), Said("Why", body.reason)]
    title = f"Mark '{words(body.code)}' overridden in draft {body.draft_id}, revision {body.revision}"
    return "draft", title, parts


def _suggested(body: e.MarksSuggested, before: _Before) -> _Said:
    rows = tuple((str(one.sentence + 1), words(one.code), one.quote, one.words) for one in body.marks)
    parts: list[Part] = [
        Said("Looked at by", author(body.author, before.names)),
        *([Listed("Suggested marks", ("sentence", "mark", "quote", "why"), rows)] if rows else []),
        Said("Why not", body.why),
        Said("Used", _used(body)),
    ]
    many = "1 mark" if len(rows) == 1 else f"{len(rows)} marks"
    looked = f"suggested {many}" if body.ended == "done" else f"did not look ({body.ended})"
    return "copilot", f"A model {looked}: draft {body.draft_id}, revision {body.revision}", parts


def _used(body: e.Turn | e.MarksSuggested) -> str:
    return f"{body.input_tokens} tokens in, {body.output_tokens} out, {body.seconds:.1f} s, {body.cost_usd} USD"


def _latch(body: e.LatchMoved, before: _Before) -> _Said:
    latch = body.latch
    parts: list[Part] = []
    if latch.reasons:
        parts.append(_fired("What set it", latch.reasons))
    for one in latch.releases:
        parts += [Said("Released by", f"{before.who(one.by)}, {moment(one.at)}"), Said("Why", one.reason)]
        parts.append(_fired("Released from", one.reasons))
    return "latch", f"The security latch is {latch.state}", parts


def _fired(caption: str, reasons: Sequence[Fired]) -> Listed:
    rows = tuple((words(one.rule), one.sentence, ", ".join(one.evidence)) for one in reasons)
    return Listed(caption, ("rule", "what was found", "evidence"), rows)


def _revealed(body: e.Revealed, before: _Before) -> _Said:
    parts: list[Part] = [Said("Why", body.reason), Said("SHA-256 of the value", body.value_sha256)]
    return "copilot", f"A value was revealed to the copilot: {words(body.kind)}", parts


def _turn(body: e.Turn, before: _Before) -> _Said:
    calls = tuple(
        (
            one.name,
            json.dumps(dict(one.asked), ensure_ascii=False, default=str),
            one.answer,
            "error" if one.is_error else "ok",
        )
        for one in body.calls
    )
    parts: list[Part] = [
        Said("Asked by", before.who(body.asked_by)),
        Said("Asked", body.instruction),
        *([Listed("What it looked up", ("tool", "asked", "was told", ""), calls)] if calls else []),
        Said("Answer", body.answer),
        Said("Written by", author(body.author, before.names)),
        Said("Used", _used(body)),
        Said("Outcome", "the case holds more than before" if body.improved else "nothing was added to the case"),
    ]
    return "copilot", f"Turn of the copilot: {body.ended}", parts


def _stated(body: e.StatedEmptyPart, before: _Before) -> _Said:
    return "people", f"Stated: nothing under {words(body.part)}", [Said("In words", body.words)]


def _asked(body: e.ReleaseAsked, before: _Before) -> _Said:
    title = f"Release asked for: draft {body.draft_id}, revision {body.revision}"
    return "gate", title, [Said("Request", body.request_id)]


def _released(body: e.Released, before: _Before) -> _Said:
    parts: list[Part] = [
        Said("Approved by", "\n".join(map(before.who, body.approvers)) or "nobody known"),
        Said("Request", body.request_id),
        Said("SHA-256 of the text", body.text_sha256),
    ]
    return "gate", f"Sent to {body.audience}: draft {body.draft_id}, revision {body.revision}", parts


def _held(body: e.HeldBack, before: _Before) -> _Said:
    return "gate", "Held back", [Said("Why", body.why), Said("Request", body.request_id)]


def _customer(body: e.CustomerWrote, before: _Before) -> _Said:
    return "people", "The customer's side wrote", [Said("Message", body.message_id)]


def _escalated(body: e.Escalated, before: _Before) -> _Said:
    return "people", "Escalated beyond the case", [Said("Why", body.why)]


def _closed(body: e.Closed, before: _Before) -> _Said:
    return "people", "The case was closed", [Said("Why", body.reason)]


_WORDS: Mapping[type[Any], Callable[[Any, _Before], _Said]] = MappingProxyType(
    {
        e.Opened: _opened,
        e.Framed: _framed,
        e.LeadChanged: _lead,
        e.MembersChanged: _members,
        e.Retrieved: _retrieved,
        e.StatementStep: _statement,
        e.Drafted: _drafted,
        e.Overridden: _overridden,
        e.MarksSuggested: _suggested,
        e.LatchMoved: _latch,
        e.Revealed: _revealed,
        e.Turn: _turn,
        e.StatedEmptyPart: _stated,
        e.ReleaseAsked: _asked,
        e.Released: _released,
        e.HeldBack: _held,
        e.CustomerWrote: _customer,
        e.Escalated: _escalated,
        e.Closed: _closed,
    }
)
