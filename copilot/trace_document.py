"""The trace of one case as a whole, and the words that every form of it has: text, page and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime

from pydantic import JsonValue

from copilot.case_trace import Cited, Edit, Sent, SentSentence, everything_sent
from copilot.trace_steps import Step, steps
from copilot.trace_words import Names, author, moment, who
from policy import case_entries
from policy.case_story import CaseStory
from policy.case_terms import Author, Evidence, Statement
from policy.digest import utc_text
from policy.terms import PersonKey


@dataclass(frozen=True)
class Record:
    """Whether a case's record holds, as whoever read it found."""

    checked_at: datetime
    entries: int = 0
    head: str = ""
    """Hex, the hash of the last entry, which covers all before it."""
    problem: str = ""
    """Why it does not hold; "" where it does."""

    @property
    def sentence(self) -> str:
        """What stands at the top of every trace."""
        if self.problem:
            return f"THE RECORD DOES NOT HOLD: {self.problem}"
        return (
            f"The record verifies: {self.entries} entries, each under the desk's audit key and following from the one"
            f" before, the last with the hash {self.head}. Checked {moment(self.checked_at)}."
        )


@dataclass(frozen=True)
class CaseTrace:
    """Everything that a trace shows."""

    case_id: str
    story: CaseStory
    record: Record
    names: Names
    sent: tuple[Sent, ...]
    steps: tuple[Step, ...]

    @property
    def is_traced(self) -> bool:
        """Whether every sentence that was sent has a full trace."""
        return all(one.is_traced for one in self.sent)


def make_trace(case_id: str, story: CaseStory, record: Record, names: Names) -> CaseTrace:
    """The trace of a case whose record holds."""
    return CaseTrace(case_id, story, record, names, everything_sent(story), steps(story, names))


def summary(trace: CaseTrace) -> tuple[tuple[str, str], ...]:
    """What somebody who never saw the case is told first: names and texts."""
    story, names = trace.story, trace.names
    full, need = sentence_counts(trace)
    return (
        ("Case", f"{trace.case_id}, {'open' if story.is_open else 'closed'}"),
        ("Ticket", f"number {story.opened.ticket_number}, {story.opened.ticket_id}"),
        ("Came in", moment(story.opened.intake_at)),
        ("Opened", f"{moment(story.opened_at)} by {who(story.opened_by, names)}"),
        ("Accountable", who(story.lead, names)),
        ("Works on it too", "\n".join(who(one, names) for one in story.members) or "nobody"),
        ("Goal", story.frame.goal if story.frame else "none was set"),
        ("Security latch", story.latch.state.value),
        ("Sent", f"{len(trace.sent)} times; {full} of {need} sentences that claim something have a full trace"),
    )


def sentence_counts(trace: CaseTrace) -> tuple[int, int]:
    """How many of the sent sentences that need a trace have a full one, and how many need one."""
    need = [one for sent in trace.sent for one in sent.sentences if not one.is_courtesy or one.gaps]
    return sum(not one.gaps for one in need), len(need)


def origin_words(one: SentSentence, names: Names) -> str:
    """Where a sentence came from."""
    revision = one.edits[0].revision if one.edits else 1
    return f"written first by {author(one.origin, names)}, in revision {revision}"


def trace_words(one: SentSentence) -> str:
    """Whether a sentence can be traced."""
    if one.gaps:
        return f"INCOMPLETE: {'; '.join(one.gaps)}"
    return "a courtesy, which claims nothing and rests on nothing" if one.is_courtesy else "full"


def trace_json(trace: CaseTrace) -> dict[str, JsonValue]:
    """The trace for a program: every entry as it is stored, and what was sent with all that is behind it."""
    return {
        "case": trace.case_id,
        "record": record_json(trace.record),
        "people": {str(person): name for person, name in sorted(trace.names.items(), key=lambda pair: str(pair[0]))},
        "isTraced": trace.is_traced,
        "sent": [_sent(one) for one in trace.sent],
        "entries": [
            {
                "seq": one.seq,
                "at": utc_text(one.at),
                "actor": one.actor,
                "name": case_entries.name_of(one.body),
                "body": case_entries.encode(one.body),
            }
            for one in trace.story.entries
        ],
    }


def record_json(record: Record) -> dict[str, JsonValue]:
    """Whether the record holds."""
    return {
        "holds": not record.problem,
        "problem": record.problem,
        "checkedAt": utc_text(record.checked_at),
        "entries": record.entries,
        "head": record.head,
    }


def _sent(one: Sent) -> JsonValue:
    out = one.released
    return {
        "at": utc_text(one.entry.at),
        "entry": one.entry.seq,
        "audience": out.audience,
        "draft": out.draft_id,
        "revision": out.revision,
        "request": out.request_id,
        "askedInEntry": None if one.asked is None else one.asked.seq,
        "textSha256": out.text_sha256,
        "approvers": [str(person) for person in out.approvers],
        "isTraced": one.is_traced,
        "overrides": [_override(entry.seq, mark.code, mark.reason) for entry, mark in one.overrides],
        "sentences": [_sentence(sentence) for sentence in one.sentences],
    }


def _sentence(one: SentSentence) -> JsonValue:
    return {
        "text": one.sentence.text,
        "origin": _author(one.origin),
        "edits": [_edit(edit) for edit in one.edits],
        "cites": [_cited(cited) for cited in one.cited],
        "overrides": [_override(entry.seq, mark.code, mark.reason) for entry, mark in one.overrides],
        "isCourtesy": one.is_courtesy,
        "gaps": [*one.gaps],
    }


def _edit(one: Edit) -> JsonValue:
    before, after = one.difference.before, one.difference.after
    return {
        "revision": one.revision,
        "at": utc_text(one.at),
        "by": _author(one.author),
        "cause": one.cause,
        "reason": one.reason,
        "before": None if before is None else before.text,
        "after": None if after is None else after.text,
    }


def _cited(one: Cited) -> JsonValue:
    return {
        "cite": one.cite,
        "statement": None if one.statement is None else _statement(one.statement),
        "evidence": [_evidence(item) for item in one.evidence],
        "missing": [*one.missing],
        "historyInEntries": [entry.seq for entry, _ in one.history],
    }


def _statement(one: Statement) -> JsonValue:
    return {
        "id": one.statement_id,
        "revision": one.revision,
        "kind": one.kind.value,
        "state": one.state.value,
        "text": one.text,
        "author": _author(one.author),
    }


def _evidence(one: Evidence) -> JsonValue:
    return {
        "id": one.evidence_id,
        "source": one.source.value,
        "authority": one.authority.value,
        "retrievedAt": utc_text(one.retrieved_at),
        "observedAt": None if one.observed_at is None else one.observed_at.isoformat(),
        "place": one.place,
        "sha256": one.sha256,
    }


def _author(one: Author) -> JsonValue:
    person = None if one.person is None else str(one.person)
    return {"person": person, "model": one.model, "promptVersion": one.prompt_version}


def _override(entry: int, code: str, reason: str) -> JsonValue:
    return {"entry": entry, "code": code, "reason": reason}


def people_of(story: CaseStory) -> frozenset[PersonKey]:
    """Every account that the record names as one."""
    named = {one.actor for one in story.entries} - {"bot", "agent:copilot"}
    return frozenset(_people(story.entries)) | {PersonKey.parse(one) for one in named}


def _people(value: object) -> Iterator[PersonKey]:
    if isinstance(value, PersonKey):
        yield value
    elif isinstance(value, (tuple, frozenset)):
        for one in value:
            yield from _people(one)
    elif is_dataclass(value):
        for one in fields(value):
            yield from _people(getattr(value, one.name))
