"""How well cases go, counted from their records alone.

How long until a customer has an approved update, how often a draft of the copilot needed a major correction and why,
whether every sentence that was sent can be traced, how complete handoffs are, and where turns led nowhere. Pure: one
case is measured by itself (`measure`), so that many need not be held at once, and then all are counted (`gather`).
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from types import MappingProxyType

from copilot.case_trace import everything_sent
from copilot.handoff import Part, Recipient, make_packet
from copilot.handoff_gaps import completeness
from copilot.handoff_record import record_of
from policy.case_entries import MAJOR_CAUSES, Entry, LatchMoved, Released
from policy.case_story import CaseStory, Revision, tell
from policy.case_terms import DraftKind
from policy.latching import LatchState

STALLED_TURNS = 3
"""So many turns in a row that improved nothing are a stall, which is escalated."""
CUSTOMER = "customer"


@dataclass(frozen=True)
class OneDraft:
    """A draft that the copilot wrote first."""

    kind: DraftKind
    major_causes: frozenset[str]
    """Why people had to correct it, of the major causes; empty where they had not."""


@dataclass(frozen=True)
class OneHandoff:
    """A packet that went out."""

    recipient: str
    missing: tuple[Part, ...]
    shortcomings: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing was missing and nothing lacked something."""
        return not self.missing and not self.shortcomings


@dataclass(frozen=True)
class OneCase:
    """What is counted of one case."""

    case_id: str
    is_open: bool
    seconds_to_update: float | None
    """From the ticket's arrival to the first approved update; None: there is none yet."""
    drafts: tuple[OneDraft, ...]
    traced: int
    courtesies: int
    untraced: tuple[str, ...]
    """Each sentence that was sent without a full trace, in words; names places only."""
    handoffs: tuple[OneHandoff, ...]
    owes_handoff: bool
    """The latch was set, and security has no packet."""
    turns: int
    idle_turns: int
    longest_stall: int


@dataclass(frozen=True)
class Corrections:
    """Drafts that the copilot wrote first, and how many of them needed a major correction."""

    drafts: int = 0
    corrected: int = 0
    by_cause: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """A draft counts under each of its causes."""

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where there was no draft."""
        return self.corrected / self.drafts if self.drafts else None


@dataclass(frozen=True)
class Measures:
    """What is counted of many cases."""

    cases: int = 0
    open_cases: int = 0
    broken: tuple[str, ...] = ()
    """Cases whose record does not hold: nothing of them is counted."""
    updated_cases: int = 0
    median_seconds: float | None = None
    p90_seconds: float | None = None
    customer_drafts: Corrections = Corrections()
    all_drafts: Corrections = Corrections()
    traced: int = 0
    courtesies: int = 0
    untraced: tuple[str, ...] = ()
    handoffs: int = 0
    complete_handoffs: int = 0
    missing_parts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    owed_handoffs: int = 0
    turns: int = 0
    idle_turns: int = 0
    longest_stall: int = 0
    stalled_cases: int = 0

    @property
    def alarms(self) -> tuple[str, ...]:
        """What must never be, in words; empty where all is well."""
        sent = (
            f"{len(self.untraced)} sent {'sentence has' if len(self.untraced) == 1 else 'sentences have'} no full trace"
        )
        records = f"{len(self.broken)} {'record does' if len(self.broken) == 1 else 'records do'} not hold"
        return tuple(text for text, there in ((sent, self.untraced), (records, self.broken)) if there)


def measure(case_id: str, story: CaseStory) -> OneCase:
    """Count what there is to count of one case."""
    sent = everything_sent(story)
    sentences = [one for each in sent for one in each.sentences]
    untraced = [
        f"case {case_id}, entry {each.entry.seq}: {why}"
        for each in sent
        for why in ([] if each.revision else ["the record has no such revision"])
    ]
    untraced += [
        f"case {case_id}, entry {each.entry.seq}, sentence {number}: {'; '.join(one.gaps)}"
        for each in sent
        for number, one in enumerate(each.sentences, start=1)
        if one.gaps
    ]
    updates = [entry.at for entry, body in story.releases if body.audience == CUSTOMER and body.approvers]
    idle, longest = _stalls(story)
    return OneCase(
        case_id,
        story.is_open,
        max(0.0, (min(updates) - story.opened.intake_at).total_seconds()) if updates else None,
        tuple(_drafts(story)),
        sum(not one.gaps and not one.is_courtesy for one in sentences),
        sum(not one.gaps and one.is_courtesy for one in sentences),
        tuple(untraced),
        tuple(_handoffs(case_id, story)),
        _owes_handoff(story),
        len(story.turns),
        idle,
        longest,
    )


def gather(cases: Iterable[OneCase], broken: Sequence[str] = ()) -> Measures:
    """Count all of them together."""
    every = list(cases)
    times = sorted(one.seconds_to_update for one in every if one.seconds_to_update is not None)
    drafts = [draft for one in every for draft in one.drafts]
    handoffs = [handoff for one in every for handoff in one.handoffs]
    missing = Counter(part.value for handoff in handoffs for part in handoff.missing)
    return Measures(
        cases=len(every),
        open_cases=sum(one.is_open for one in every),
        broken=tuple(broken),
        updated_cases=len(times),
        median_seconds=statistics.median(times) if times else None,
        p90_seconds=times[ceil(0.9 * len(times)) - 1] if times else None,
        customer_drafts=_corrections(one for one in drafts if one.kind is DraftKind.CUSTOMER_UPDATE),
        all_drafts=_corrections(drafts),
        traced=sum(one.traced for one in every),
        courtesies=sum(one.courtesies for one in every),
        untraced=tuple(words for one in every for words in one.untraced),
        handoffs=len(handoffs),
        complete_handoffs=sum(one.is_complete for one in handoffs),
        missing_parts=MappingProxyType(dict(sorted(missing.items()))),
        owed_handoffs=sum(one.owes_handoff for one in every),
        turns=sum(one.turns for one in every),
        idle_turns=sum(one.idle_turns for one in every),
        longest_stall=max((one.longest_stall for one in every), default=0),
        stalled_cases=sum(one.longest_stall >= STALLED_TURNS for one in every),
    )


def stalled_run(story: CaseStory) -> int:
    """How many turns in a row, up to now, improved nothing."""
    run = 0
    for _, turn in story.turns:
        run = 0 if turn.improved else run + 1
    return run


def _stalls(story: CaseStory) -> tuple[int, int]:
    longest = run = 0
    for _, turn in story.turns:
        run = 0 if turn.improved else run + 1
        longest = max(longest, run)
    return sum(not turn.improved for _, turn in story.turns), longest


def _drafts(story: CaseStory) -> Iterator[OneDraft]:
    for revisions in story.drafts.values():
        if revisions[0].written.author.person is None:
            yield OneDraft(revisions[0].draft.kind, _major(revisions))


def _major(revisions: Sequence[Revision]) -> frozenset[str]:
    return frozenset(one.written.cause for one in revisions) & MAJOR_CAUSES


def _corrections(drafts: Iterable[OneDraft]) -> Corrections:
    every = list(drafts)
    causes = Counter(cause for one in every for cause in one.major_causes)
    corrected = sum(bool(one.major_causes) for one in every)
    return Corrections(len(every), corrected, MappingProxyType(dict(sorted(causes.items()))))


def _handoffs(case_id: str, story: CaseStory) -> Iterator[OneHandoff]:
    """Each packet as the case was when it went out."""
    for entry, body in story.releases:
        if body.audience == CUSTOMER or not body.approvers:
            continue
        before = tell(story.entries[: entry.seq - 1])
        recipient = Recipient(body.audience)
        packet = make_packet(record_of(case_id, before), recipient, made_by=before.lead, made_at=entry.at)
        found = completeness(packet)
        yield OneHandoff(recipient, found.missing, found.shortcomings)


def _owes_handoff(story: CaseStory) -> bool:
    """Since the latch was last set anew, nothing went to security."""
    owed = False
    was_set = False
    for entry in story.entries:
        owed, was_set = _after(entry, owed, was_set)
    return owed


def _after(entry: Entry, owed: bool, was_set: bool) -> tuple[bool, bool]:
    match entry.body:
        case LatchMoved(latch):
            is_set = latch.state is LatchState.SET
            return owed or (is_set and not was_set), is_set
        case Released(audience="security"):
            return False, was_set
        case _:
            return owed, was_set
