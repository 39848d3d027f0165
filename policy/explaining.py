"""Why somebody may or may not decide a request, and what would have to be different: for an operator who asks.

What would have to be different is found by trying: each circumstance that stands in the way is imagined away, alone and
then together with others, and the gate is asked again. Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations

from policy.gate import Gate, Views
from policy.terms import (
    Choice,
    Person,
    PersonKey,
    Requester,
    RequesterKind,
    RequestFacts,
    RequestStatus,
    folded_address,
)

_NOBODY = PersonKey("NOBODY", "NOBODY")
_TOGETHER = 4


@dataclass(frozen=True)
class Situation:
    """Who wants to say what, about which request, on which card, when."""

    request: RequestFacts
    person: Person
    choice: Choice
    shown_digest: str
    now: datetime


@dataclass(frozen=True)
class Explanation:
    """The answer to one choice."""

    choice: Choice
    views: Views
    differently: tuple[tuple[str, ...], ...]
    """Each of these together would make it a yes; empty where it is one, or where nothing that can be named would."""


def explain(gate: Gate, situation: Situation) -> Explanation:
    """Ask the gate, and find out what would have to be different."""
    views = _ask(gate, situation)
    return Explanation(situation.choice, views, () if views.ruling.is_allowed else _differently(gate, situation))


def _ask(gate: Gate, one: Situation) -> Views:
    return gate.views_on_vote(one.request, one.person, one.choice, shown_digest=one.shown_digest, now=one.now)


_Change = tuple[str, Callable[[Situation], Situation]]


def _differently(gate: Gate, situation: Situation) -> tuple[tuple[str, ...], ...]:
    """The smallest sets of changes after which the gate says yes, all of that size."""
    changes = [one for one in _changes(gate, situation) if one[1](situation) != situation]
    for size in range(1, _TOGETHER + 1):
        found = []
        for together in combinations(changes, size):
            changed = situation
            for _, change in together:
                changed = change(changed)
            if _ask(gate, changed).ruling.is_allowed:
                found.append(tuple(words for words, _ in together))
        if found:
            return tuple(found)
    return ()


def _changes(gate: Gate, situation: Situation) -> Iterator[_Change]:
    """Everything that could be otherwise, in words that follow 'if'."""
    yield "their account were of the company that runs the desk", lambda s: _person(s, is_home=True)
    yield "their account were active", lambda s: _person(s, is_active=True)
    yield "their account were a full member's, not a guest's", lambda s: _person(s, is_full_member=True)
    yield "their account were a human's", lambda s: _person(s, is_human=True)
    yield "their e-mail address were confirmed", lambda s: _person(s, is_email_confirmed=True)
    for group in sorted(gate.groups):
        yield f"they were in the group {group}", _joining(group)
    yield "somebody else had asked for it", _not_requester
    yield "somebody else had proposed it", lambda s: _request(s, proposer=_other(s, s.request.proposer))
    yield (
        "they had not changed it, nor made its ticket of somebody else's message",
        lambda s: _request(s, editors=frozenset(one for one in s.request.editors if not s.person.key.is_maybe(one))),
    )
    yield "it were not done to them, nor to somebody who might be them", _not_subject
    yield (
        "no other account of theirs had a part in it",
        lambda s: _person(s, linked=frozenset(), linked_addresses=frozenset()),
    )
    yield "it still waited for a decision", lambda s: _request(s, status=RequestStatus.PENDING)
    yield "its time were not over", _in_time
    yield "no stop covered it", lambda s: _action(s, is_stopped=False)
    yield "its case did not keep it back", lambda s: _action(s, held_back="")
    yield "the card showed exactly what would run", lambda s: replace(s, shown_digest=s.request.digest)
    yield (
        "it had been made under the policy in force",
        lambda s: _request(s, policy_version=gate.policy_version),
    )
    yield "its rows said what its trail tells", lambda s: _request(s, matches_trail=True)
    yield "the same had not been rejected meanwhile", lambda s: _request(s, was_rejected_meanwhile=False)
    yield "its values were confirmed by one of our people", lambda s: _action(s, unconfirmed_params=frozenset())
    yield "it were known which human asked for it", _known_requester


def _joining(group: str) -> Callable[[Situation], Situation]:
    return lambda s: _person(s, groups=s.person.groups | {group})


def _person(situation: Situation, **changes: object) -> Situation:
    return replace(situation, person=replace(situation.person, **changes))  # type: ignore[arg-type]  # fields of Person


def _request(situation: Situation, **changes: object) -> Situation:
    return replace(situation, request=replace(situation.request, **changes))  # type: ignore[arg-type]  # its fields


def _action(situation: Situation, **changes: object) -> Situation:
    return _request(situation, action=replace(situation.request.action, **changes))  # type: ignore[arg-type]  # its fields


def _other(situation: Situation, key: PersonKey | None) -> PersonKey | None:
    return _NOBODY if situation.person.key.is_maybe(key) else key


def _not_requester(situation: Situation) -> Situation:
    requester = situation.request.action.requester
    return _action(situation, requester=replace(requester, key=_other(situation, requester.key)))


def _not_subject(situation: Situation) -> Situation:
    action = situation.request.action
    address = folded_address(situation.person.email)
    others = {one for one in action.subject_emails if address and folded_address(one) != address}
    keys = frozenset(one for one in action.subjects if not situation.person.key.is_maybe(one))
    return _action(situation, subjects=keys, subject_emails=frozenset(others))


def _in_time(situation: Situation) -> Situation:
    return replace(situation, now=min(situation.now, situation.request.expires_at - timedelta(seconds=1)))


def _known_requester(situation: Situation) -> Situation:
    requester = situation.request.action.requester
    known = Requester(RequesterKind.SLACK_PERSON, requester.key or _NOBODY, requester.label)
    return situation if requester.kind is RequesterKind.SLACK_PERSON else _action(situation, requester=known)
