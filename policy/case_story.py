"""What a case holds at a moment, made of its record, entry by entry. Pure: the same entries give the same case."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from policy import case_entries as e
from policy.case_entries import Entry
from policy.case_fingerprints import fingerprint
from policy.case_rules import Held
from policy.case_terms import Draft, Evidence, StatementState
from policy.latching import Latch, is_of_security
from policy.terms import Person, PersonKey


@dataclass(frozen=True)
class Revision:
    """One revision of a draft, and what the case was like when it was written."""

    draft: Draft
    written: e.Drafted
    entry: Entry
    framing: int
    """The number of the framing it was written under, from 1."""


@dataclass(frozen=True)
class CaseStory:
    """A case as it is after the last of its entries."""

    opened: e.Opened
    opened_at: datetime
    opened_by: PersonKey
    lead: PersonKey
    members: tuple[PersonKey, ...] = ()
    frame: e.Framed | None = None
    framings: int = 0
    held: Held = field(default_factory=lambda: Held((), ()))
    drafts: Mapping[str, tuple[Revision, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """By draft id, every revision, oldest first."""
    overrides: tuple[tuple[Entry, e.Overridden], ...] = ()
    suggestions: tuple[tuple[Entry, e.MarksSuggested], ...] = ()
    """What a model said of revisions of drafts."""
    latch: Latch = field(default_factory=Latch)
    revealed: frozenset[str] = frozenset()
    """SHA-256, hex, of each value that the copilot may read."""
    stated_empty: tuple[tuple[Entry, e.StatedEmptyPart], ...] = ()
    releases: tuple[tuple[Entry, e.Released], ...] = ()
    turns: tuple[tuple[Entry, e.Turn], ...] = ()
    is_open: bool = True
    length: int = 0
    """How many entries there are."""
    evidence_seq: int = 0
    """The number of the last entry that brought evidence."""
    customer_seq: int = 0
    """The number of the last entry that says that the customer wrote."""
    entries: tuple[Entry, ...] = ()

    def newest(self, draft_id: str) -> Revision | None:
        """The last revision of a draft."""
        revisions = self.drafts.get(draft_id, ())
        return revisions[-1] if revisions else None

    def revision(self, draft_id: str, number: int) -> Revision | None:
        """One revision of a draft."""
        return next((one for one in self.drafts.get(draft_id, ()) if one.draft.revision == number), None)

    def works_on(self, person: PersonKey) -> bool:
        """Whether somebody is its lead or a member. That they are still who they were is asked elsewhere, live."""
        return person == self.lead or person in self.members

    def is_read_by(self, person: Person) -> bool:
        """Whether somebody of the desk, as they are now, reads it: where it has a private channel, those who work on
        it do, and security, who releases its latch."""
        return not self.opened.is_private or self.works_on(person.key) or is_of_security(person)


class NotACase(ValueError):
    """The entries do not make a case: the first does not open one, or one does not follow from those before."""


def tell(entries: Iterable[Entry]) -> CaseStory:
    """The case that these entries make. Raises NotACase."""
    following = iter(entries)
    first = next(following, None)
    if first is None:
        raise NotACase("there is no entry")
    if first.seq != 1 or not isinstance(first.body, e.Opened):
        raise NotACase(f"entry {first.seq} does not open a case")
    opened = CaseStory(first.body, first.at, PersonKey.parse(first.actor), first.body.lead)
    return go_on(replace(opened, entries=(first,), length=1), following)


def go_on(story: CaseStory, entries: Iterable[Entry]) -> CaseStory:
    """The case once these entries have followed. Raises NotACase."""
    told, holding = list(story.entries), _Holding(story.held)
    for entry in entries:
        if entry.seq != len(told) + 1 or isinstance(entry.body, e.Opened):
            raise NotACase(f"entry {entry.seq} does not follow from those before it")
        holding.take(entry)
        story = _STEPS[type(entry.body)](story, entry, entry.body)
        told.append(entry)
    return replace(story, held=holding.held, entries=tuple(told), length=len(told))


class _Holding:
    """What a case holds while entry follows entry: each statement and each item of evidence is touched once for each
    entry that is about it, however many others there are."""

    def __init__(self, held: Held) -> None:
        self._before = held
        self._statements = {one.statement_id: one for one in held.statements}
        self._evidence = list(held.evidence)
        self._evidence_ids = {one.evidence_id for one in held.evidence}
        self._rejected = set(held.rejected)
        self._is_changed = False

    @property
    def held(self) -> Held:
        """What the case holds by now; the very same as before where nothing was said of it."""
        if not self._is_changed:
            return self._before
        return Held(tuple(self._statements.values()), tuple(self._evidence), frozenset(self._rejected))

    def take(self, entry: Entry) -> None:
        """One more entry, which may be about something else. Raises NotACase."""
        match entry.body:
            case e.Retrieved(evidence):
                self._retrieve(evidence)
            case e.StatementStep() as step:
                self._move(entry.seq, step)
            case _:
                return
        self._is_changed = True

    def _retrieve(self, new: tuple[Evidence, ...]) -> None:
        if repeated := [one.evidence_id for one in new if one.evidence_id in self._evidence_ids]:
            raise NotACase(f"evidence {repeated[0]} is there already")
        self._evidence += new
        self._evidence_ids.update(one.evidence_id for one in new)

    def _move(self, seq: int, step: e.StatementStep) -> None:
        after, is_new = step.statement, step.event is None
        if is_new == (after.statement_id in self._statements):
            raise NotACase(f"entry {seq} is about a statement that is {'there already' if is_new else 'not there'}")
        self._statements[after.statement_id] = after  # One that is there keeps its place.
        if after.state is StatementState.REJECTED:
            self._rejected.add(fingerprint(after.text))


def _framed(story: CaseStory, entry: Entry, body: e.Framed) -> CaseStory:
    return replace(story, frame=body, framings=story.framings + (body.is_redirection or not story.framings))


def _lead(story: CaseStory, entry: Entry, body: e.LeadChanged) -> CaseStory:
    return replace(story, lead=body.lead)


def _members(story: CaseStory, entry: Entry, body: e.MembersChanged) -> CaseStory:
    return replace(story, members=body.members)


def _retrieved(story: CaseStory, entry: Entry, body: e.Retrieved) -> CaseStory:
    return replace(story, evidence_seq=entry.seq) if body.evidence else story


def _drafted(story: CaseStory, entry: Entry, body: e.Drafted) -> CaseStory:
    draft = body.draft
    earlier = story.drafts.get(draft.draft_id, ())
    if draft.revision != len(earlier) + 1:
        raise NotACase(f"entry {entry.seq} is not the next revision of draft {draft.draft_id}")
    revision = Revision(draft, body, entry, story.framings)
    return replace(story, drafts=MappingProxyType({**story.drafts, draft.draft_id: (*earlier, revision)}))


def _overridden(story: CaseStory, entry: Entry, body: e.Overridden) -> CaseStory:
    return replace(story, overrides=(*story.overrides, (entry, body)))


def _suggested(story: CaseStory, entry: Entry, body: e.MarksSuggested) -> CaseStory:
    return replace(story, suggestions=(*story.suggestions, (entry, body)))


def _latch(story: CaseStory, entry: Entry, body: e.LatchMoved) -> CaseStory:
    return replace(story, latch=body.latch)


def _revealed(story: CaseStory, entry: Entry, body: e.Revealed) -> CaseStory:
    return replace(story, revealed=story.revealed | {body.value_sha256})


def _turn(story: CaseStory, entry: Entry, body: e.Turn) -> CaseStory:
    return replace(story, turns=(*story.turns, (entry, body)))


def _stated_empty(story: CaseStory, entry: Entry, body: e.StatedEmptyPart) -> CaseStory:
    return replace(story, stated_empty=(*story.stated_empty, (entry, body)))


def _released(story: CaseStory, entry: Entry, body: e.Released) -> CaseStory:
    return replace(story, releases=(*story.releases, (entry, body)))


def _customer_wrote(story: CaseStory, entry: Entry, body: e.CustomerWrote) -> CaseStory:
    return replace(story, customer_seq=entry.seq)


def _closed(story: CaseStory, entry: Entry, body: e.Closed) -> CaseStory:
    return replace(story, is_open=False)


def _nothing(story: CaseStory, entry: Entry, body: object) -> CaseStory:
    return story


_STEPS: Mapping[type[Any], Callable[[CaseStory, Entry, Any], CaseStory]] = MappingProxyType(
    {
        e.Framed: _framed,
        e.LeadChanged: _lead,
        e.MembersChanged: _members,
        e.Retrieved: _retrieved,
        e.StatementStep: _nothing,
        e.Drafted: _drafted,
        e.Overridden: _overridden,
        e.MarksSuggested: _suggested,
        e.LatchMoved: _latch,
        e.Revealed: _revealed,
        e.Turn: _turn,
        e.StatedEmptyPart: _stated_empty,
        e.ReleaseAsked: _nothing,
        e.Released: _released,
        e.HeldBack: _nothing,
        e.CustomerWrote: _customer_wrote,
        e.Escalated: _nothing,
        e.Closed: _closed,
    }
)
