"""What a case sent, sentence by sentence: where each came from, who changed it, what it rests on, and who approved it.

Made of the case's record alone. A sentence is followed backwards through the revisions of its draft, by the same
comparison that people are shown (`copilot.draft_differences`). Whether its trace is full is judged by what the case
held when its revision was written, and again when it went out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from copilot.draft_differences import Change, Difference, differences
from copilot.lint_citations import citation_findings, rests_on_nothing
from copilot.lint_courtesy import is_courtesy
from copilot.lint_terms import Code
from copilot.quotes import fold
from policy.case_entries import Entry, Overridden, ReleaseAsked, Released, StatementStep
from policy.case_rules import Held
from policy.case_story import CaseStory, Revision, tell
from policy.case_terms import Author, Evidence, Sentence, Statement

_GAPS: Mapping[Code, str] = MappingProxyType(
    {
        Code.NO_CITATION: "it cites no statement",
        Code.UNKNOWN_CITATION: "it cites a statement that the case did not have",
        Code.REJECTED_CITATION: "it says, or cites, what was rejected",
        Code.SUPERSEDED_CITATION: "it cites a statement that had changed",
        Code.INVENTED_EVIDENCE: "it rests on evidence that was never retrieved",
    }
)


@dataclass(frozen=True)
class Edit:
    """A revision in which a sentence became another one, or was written."""

    revision: int
    at: datetime
    author: Author
    """Who wrote that revision."""
    reason: str
    cause: str
    difference: Difference


@dataclass(frozen=True)
class Cited:
    """A statement that a sentence cites, as the case held it when the sentence was written."""

    cite: str
    statement: Statement | None
    """None: the case had none of this name."""
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...]
    """Ids of evidence that it names and that nobody retrieved."""
    history: tuple[tuple[Entry, StatementStep], ...]
    """Every step of it until the sentence went out."""


@dataclass(frozen=True)
class SentSentence:
    """One sentence of what went out."""

    sentence: Sentence
    origin: Author
    """Who wrote it first."""
    edits: tuple[Edit, ...]
    """From the revision in which it was written to what was sent; those that left it alone are left out."""
    cited: tuple[Cited, ...]
    overrides: tuple[tuple[Entry, Overridden], ...]
    """Marks of the linter on these words for which somebody took responsibility."""
    is_courtesy: bool
    """It claims nothing, so it needs nothing to rest on."""
    gaps: tuple[str, ...]
    """What its trace lacks, in words; empty where it is full."""


@dataclass(frozen=True)
class Sent:
    """What went out at one time to one audience."""

    entry: Entry
    released: Released
    asked: Entry | None
    """The entry by which it was put before the gate."""
    revision: Revision | None
    """None: the record has no such revision."""
    sentences: tuple[SentSentence, ...]
    overrides: tuple[tuple[Entry, Overridden], ...]
    """On the draft as a whole."""

    @property
    def is_traced(self) -> bool:
        """Whether every sentence has a full trace."""
        return self.revision is not None and not any(one.gaps for one in self.sentences)


def everything_sent(story: CaseStory) -> tuple[Sent, ...]:
    """Everything that the case sent, in order."""
    return tuple(_sent(story, entry, released) for entry, released in story.releases)


def _sent(story: CaseStory, entry: Entry, released: Released) -> Sent:
    revision = story.revision(released.draft_id, released.revision)
    asked = [one for one in story.entries if isinstance(one.body, ReleaseAsked)]
    of_request = [one for one in asked if one.body.request_id == released.request_id and one.seq < entry.seq]  # type: ignore[union-attr]  # filtered above
    overrides = _overrides(story, released, entry)
    sentences: tuple[SentSentence, ...] = ()
    if revision is not None:
        moments = (_held_at(story, revision.entry.seq), _held_at(story, entry.seq))
        sentences = tuple(
            _sentence(story, one, revision, entry, released, moments, overrides) for one in revision.draft.sentences
        )
    whole = tuple(pair for pair in overrides if not pair[1].sentence)
    return Sent(entry, released, of_request[-1] if of_request else None, revision, sentences, whole)


def _held_at(story: CaseStory, seq: int) -> Held:
    return tell(story.entries[:seq]).held


def _overrides(story: CaseStory, released: Released, sent: Entry) -> tuple[tuple[Entry, Overridden], ...]:
    """Of this draft, until it went out: the words decide, since an override never reaches another wording."""
    return tuple(
        (entry, one)
        for entry, one in story.overrides
        if one.draft_id == released.draft_id and one.revision <= released.revision and entry.seq < sent.seq
    )


def _sentence(
    story: CaseStory,
    sentence: Sentence,
    revision: Revision,
    sent: Entry,
    released: Released,
    moments: Sequence[Held],
    overrides: Sequence[tuple[Entry, Overridden]],
) -> SentSentence:
    edits = tuple(reversed(list(_edits(story, sentence, revision))))
    first = edits[0].difference.after if edits else None
    polite = not sentence.cites and is_courtesy(fold(sentence.text).text)
    return SentSentence(
        sentence,
        first.author if first is not None else sentence.author,
        edits,
        tuple(_cited(story, cite, moments[0], sent) for cite in sentence.cites),
        tuple(pair for pair in overrides if pair[1].sentence == sentence.text),
        polite,
        tuple(dict.fromkeys(_gaps(sentence, moments, released))),
    )


def _edits(story: CaseStory, sentence: Sentence, last: Revision) -> Iterator[Edit]:
    """Backwards from the revision that was sent; the last of them is the one that brought the sentence in."""
    now: Sentence | None = sentence
    for revision in reversed(story.drafts[last.draft.draft_id][: last.draft.revision]):
        if now is None:
            return
        found = _became(story, now, revision)
        if found.change is not Change.SAME:
            written = revision.written
            yield Edit(revision.draft.revision, revision.entry.at, written.author, written.reason, written.cause, found)
        now = found.before


def _became(story: CaseStory, sentence: Sentence, revision: Revision) -> Difference:
    """What the sentence was in the revision before."""
    before = story.revision(revision.draft.draft_id, revision.draft.revision - 1)
    if before is None:
        return Difference(Change.ADDED, None, sentence)
    # By identity: a draft may say the same twice.
    return next(one for one in differences(before.draft, revision.draft) if one.after is sentence)


def _cited(story: CaseStory, cite: str, held: Held, sent: Entry) -> Cited:
    name = cite.partition("@")[0]
    statement = next((one for one in held.statements if one.statement_id == name), None)
    wanted = () if statement is None else statement.evidence
    by_id = {one.evidence_id: one for one in held.evidence}
    history = tuple(
        (entry, entry.body)
        for entry in story.entries[: sent.seq]
        if isinstance(entry.body, StatementStep) and entry.body.statement.statement_id == name
    )
    found = tuple(by_id[one] for one in wanted if one in by_id)
    return Cited(cite, statement, found, tuple(one for one in wanted if one not in by_id), history)


def _gaps(sentence: Sentence, moments: Sequence[Held], released: Released) -> Iterator[str]:
    if not released.approvers:
        yield "nobody is known to have approved it"
    for held in moments:
        yield from (_GAPS[code] for code, *_ in citation_findings(sentence, held) if code in _GAPS)
        cited = {cite.partition("@")[0] for cite in sentence.cites}
        for one in held.statements:
            if one.statement_id in cited and rests_on_nothing(one):
                yield f"statement {one.statement_id} rests on no evidence"
