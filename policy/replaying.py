"""A changed policy over what was asked and voted in the past: what would have come out otherwise.

Each request is judged as it was recorded, and only by what was recorded: the proposal if its proposer is known, each
vote by its voter's groups and flags at the time, and whoever could approve it then. The rule about addresses is left
out, because addresses are not kept with votes; it belongs to the core, which no policy changes. So is the question
whether a vote was confirmed with a passkey: nobody could confirm what was not asked of them. What was not recorded is
counted, and nothing is guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from policy.gate import Gate
from policy.one_person import Ties, humans
from policy.terms import Choice, Person, PersonKey, Proposer, RequestFacts, RequestStatus, Tally, Verdict, Vote
from policy.votes import NOBODY, by_human


@dataclass(frozen=True)
class PastVote:
    """A vote that counted."""

    voter: PersonKey
    choice: Choice
    at: datetime
    person: Person | None
    """As judged then; None where that was not recorded."""


@dataclass(frozen=True)
class PastRequest:
    """A request with what came of it."""

    facts: RequestFacts
    ticket_number: int
    verdict: Verdict
    proposer: Proposer | None
    """As judged then; None where that was not recorded."""
    created_at: datetime
    eligible: tuple[PersonKey, ...]
    """Who could approve it, as its card said."""
    people: tuple[Person, ...]
    """Everybody whose groups were recorded by then, each as last recorded."""
    votes: tuple[PastVote, ...] = ()

    @property
    def is_approved(self) -> bool:
        """Whether it had the approvals it needed, as it was shown."""
        approving = [vote.voter for vote in self.votes if vote.choice is Choice.APPROVE]
        people = [vote.person for vote in self.votes if vote.person is not None]
        approvers = by_human(approving, NOBODY, humans(people))
        is_rejected = any(vote.choice is Choice.REJECT for vote in self.votes)
        return not is_rejected and 0 < self.facts.quorum <= len(approvers)


class ChangeKind(StrEnum):
    """What would be different."""

    ALLOWED = "allowed"
    NEEDS_APPROVAL = "needs_approval"
    DENIED = "denied"
    VOTE_LOST = "vote_lost"
    APPROVAL_LOST = "approval_lost"
    APPROVERS_LOST = "approvers_lost"
    ALIAS_WON = "alias_won"
    """By an account that nobody knew to be the requester's when it was recorded, and that is known to be by now."""
    APPROVER_WON = "approver_won"


SUMMARY = {
    ChangeKind.VOTE_LOST: ("would no longer count", "would no longer count"),
    ChangeKind.ALLOWED: ("would have run with nobody's approval", "would have run with nobody's approval"),
    ChangeKind.NEEDS_APPROVAL: ("would have needed approval", "would have needed approval"),
    ChangeKind.DENIED: ("would have been denied", "would have been denied"),
    ChangeKind.APPROVAL_LOST: (
        "that was approved would not have been, by the same votes",
        "that were approved would not have been, by the same votes",
    ),
    ChangeKind.APPROVERS_LOST: ("loses its approvers", "lose their approvers"),
    ChangeKind.ALIAS_WON: (
        "becomes approvable by its requester's alias",
        "become approvable by their requesters' aliases",
    ),
    ChangeKind.APPROVER_WON: (
        "becomes approvable by somebody who could not approve it",
        "become approvable by somebody who could not approve them",
    ),
}
"""What is said of one, and of several: of votes first, then of requests, which are named so only once in a sentence."""


@dataclass(frozen=True)
class Change:
    """One thing that would be different."""

    kind: ChangeKind
    request_id: str
    ticket_number: int
    action_id: str
    what: str


@dataclass
class Replay:
    """What was found, and what could not be."""

    requests: int = 0
    votes: int = 0
    unknown_proposers: int = 0
    unknown_voters: int = 0
    unknown_approvers: int = 0
    changes: list[Change] = field(default_factory=list)

    def summary(self) -> Iterator[str]:
        """How much was replayed, what would change in one sentence, and a line for each thing that is not known."""
        yield f"{_count(self.requests, 'request')} and {_count(self.votes, 'vote')} replayed"
        yield ", ".join(self._counted()) or "nothing would change"
        for number, what, why in (
            (self.unknown_proposers, "proposal", "who proposed was not recorded with their groups"),
            (self.unknown_voters, "vote", "the voter's groups were not recorded"),
            (self.unknown_approvers, "request", "the groups of those who could approve were not all recorded"),
        ):
            if number:
                yield f"not judged: {_count(number, what)}, because {why}"

    def _counted(self) -> Iterator[str]:
        counted, is_named = Counter(one.kind for one in self.changes), False
        for kind, (singular, plural) in SUMMARY.items():
            if not (number := counted[kind]):
                continue
            is_of_votes = kind is ChangeKind.VOTE_LOST
            noun = "" if is_named else " vote" if is_of_votes else " request"
            is_named = is_named or not is_of_votes
            yield f"{number:,}{noun}{'s'[: bool(noun) and number != 1]} {singular if number == 1 else plural}"


def replay_one(new: Gate, in_force: Gate, past: PastRequest, found: Replay, ties: Ties) -> None:
    """Judge one past request again, and add what would change to what was found.

    `in_force` is asked beside it who could approve: whoever left a group since they were recorded could by either
    policy, and so is not mistaken for somebody whom the new one lets in. `ties`: which accounts are one human's by what
    is known today.
    """
    found.requests += 1
    found.votes += len(past.votes)
    about = (past.facts.request_id, past.ticket_number, past.facts.action.action_id)
    found.changes += [Change(kind, *about, what) for kind, what in _changes(new, in_force, past, found, ties)]


def _changes(
    gate: Gate, in_force: Gate, past: PastRequest, found: Replay, ties: Ties
) -> Iterator[tuple[ChangeKind, str]]:
    facts = replace(
        past.facts,
        action=replace(past.facts.action, subject_emails=frozenset()),
        policy_version=gate.policy_version,
        status=RequestStatus.PENDING,
        digest=past.facts.digest or "not-shown",
    )
    if past.proposer is None:
        found.unknown_proposers += 1
    else:
        judged = gate.judge_proposal(facts.action, past.proposer)
        if judged.verdict is not past.verdict:
            yield _VERDICTS[judged.verdict], f"was {_words(past.verdict)}; {judged.reason}"
        if judged.verdict is not Verdict.NEEDS_APPROVAL:
            return
        facts = replace(facts, quorum=max(facts.quorum, judged.quorum))
    if past.verdict is Verdict.NEEDS_APPROVAL:
        yield from _votes(gate, past, facts, found)
        yield from _approvers(gate, in_force, past, facts, found, ties)


def _votes(gate: Gate, past: PastRequest, facts: RequestFacts, found: Replay) -> Iterator[tuple[ChangeKind, str]]:
    counting: list[PastVote] = []
    for vote in past.votes:
        if vote.person is None:
            found.unknown_voters += 1
            continue
        ruling = gate.rule_on_click(facts, vote.person, vote.choice, shown_digest=facts.digest, now=vote.at)
        if ruling.is_allowed:
            counting.append(vote)
        else:
            yield ChangeKind.VOTE_LOST, f"the {vote.choice.value} of {vote.voter}: {ruling.code}"
    if past.is_approved and all(vote.person for vote in past.votes) and not _is_enough(gate, facts, counting):
        yield ChangeKind.APPROVAL_LOST, f"{_count(len({one.voter for one in counting}), 'vote')} left that would count"


def _is_enough(gate: Gate, facts: RequestFacts, votes: Sequence[PastVote]) -> bool:
    cast = [Vote(facts.request_id, one.voter, one.choice, facts.digest, one.at, "") for one in votes]
    people = [one.person for one in votes if one.person is not None]
    return gate.tally(facts, cast, {one.key: one.groups for one in people}, humans(people)) is Tally.APPROVED


def _approvers(
    gate: Gate, in_force: Gate, past: PastRequest, facts: RequestFacts, found: Replay, ties: Ties
) -> Iterator[tuple[ChangeKind, str]]:
    could = gate.eligible(facts, past.people, now=past.created_at)
    before, known = set(past.eligible), {person.key for person in past.people}
    now = replace(facts, policy_version=in_force.policy_version)
    others = [one for one in could if one.key not in before]
    could_already = {one.key for one in in_force.eligible(now, others, now=past.created_at)} if others else set()
    won = [one for one in others if one.key not in could_already]
    requester = facts.action.requester.key
    aliases = [one for one in won if requester is not None and ties.human(one.key) == ties.human(requester)]
    if aliases:
        words = ", ".join(str(one.key) for one in aliases)
        yield (
            ChangeKind.ALIAS_WON,
            f"by {words}, by now known to be its requester's: asked today, the gate would refuse",
        )
    if strangers := [one for one in won if one not in aliases]:
        yield ChangeKind.APPROVER_WON, f"by {', '.join(_named(one, past) for one in strangers)}"
    if not before <= known:
        found.unknown_approvers += 1
        return
    votes = [PastVote(one.key, Choice.APPROVE, past.created_at, one) for one in could]
    if before and not _is_enough(gate, facts, votes):
        lost = sorted(str(key) for key in before - {one.key for one in could})
        words = f"; no longer {', '.join(lost)}" if lost else ""
        yield ChangeKind.APPROVERS_LOST, f"{len(could)} left who could approve it, which is not enough{words}"


def _named(person: Person, past: PastRequest) -> str:
    """Somebody with what they are to the request."""
    action = past.facts.action
    parts = {
        "its requester": person.key.is_maybe(action.requester.key),
        "its proposer": person.key.is_maybe(past.facts.proposer),
        "whom it is done to": any(person.key.is_maybe(one) for one in action.subjects),
    }
    groups = f"of {' and '.join(sorted(person.groups)) or 'no group'}"
    what = [words for words, holds in parts.items() if holds] or [groups]
    return f"{person.key} ({', '.join(what)})"


_VERDICTS = {
    Verdict.ALLOW: ChangeKind.ALLOWED,
    Verdict.NEEDS_APPROVAL: ChangeKind.NEEDS_APPROVAL,
    Verdict.DENY: ChangeKind.DENIED,
}


def _words(verdict: Verdict) -> str:
    return {Verdict.ALLOW: "allowed", Verdict.NEEDS_APPROVAL: "for approval", Verdict.DENY: "denied"}[verdict]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s'[: number != 1]}"
