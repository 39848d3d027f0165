"""Requests that nobody could ever approve, found before anybody makes one.

For every action, kind of requester and kind of proposer, the gate is asked whether the people the desk has could
approve it all together. The people are made up: as many of each group as are known, or more than enough where that is
not known. Nobody who asks or whom it is done to is among them, so what is found here holds even on the best of days.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product

from policy.break_glass import BreakGlass
from policy.case_release import groups_needed
from policy.engine import PolicyEngine
from policy.entities import AGENTS
from policy.gate import Gate
from policy.one_person import humans
from policy.terms import (
    ActionFacts,
    Agent,
    Choice,
    Person,
    PersonKey,
    Proposer,
    Requester,
    RequesterKind,
    RequestFacts,
    RequestStatus,
    Risk,
    Severity,
    Tally,
    TicketStatus,
    Verdict,
    Vote,
)
from policy.votes import VoteSigner

_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
_HOME = "HOME"
PLENTY = 12
"""More people than any quorum asks for."""

REQUESTERS: Mapping[str, Requester] = {
    "a home employee": Requester(RequesterKind.SLACK_PERSON, PersonKey(_HOME, "UREQUESTER"), "", is_internal=True),
    "an external": Requester(RequesterKind.SLACK_PERSON, PersonKey("OTHER", "UREQUESTER"), ""),
    "an unknown human": Requester(RequesterKind.EMAIL, None, ""),
}


@dataclass(frozen=True)
class ActionShape:
    """What the catalogue says of an action, as far as an approval depends on it."""

    action_id: str
    risk: Risk
    proposable_by: frozenset[str]
    has_subject: bool


@dataclass(frozen=True)
class Deadlock:
    """A request that could never be approved, and why."""

    action_id: str
    risk: Risk
    requester: str
    proposer: str
    """'the bot', or the name of a group."""
    why: str
    is_break_glass: bool = False


def people_of(members: Mapping[str, Iterable[str]]) -> tuple[Person, ...]:
    """A made-up person for each member id, in all the groups that list it."""
    groups: dict[str, set[str]] = {}
    for group, ids in members.items():
        for user_id in ids:
            groups.setdefault(user_id, set()).add(group)
    return tuple(_person(user_id, frozenset(held)) for user_id, held in sorted(groups.items()))


def assumed(group: str) -> frozenset[str]:
    """Member ids for a group of which nothing is known: enough of them, and nobody in two groups."""
    return frozenset(f"U{group}{number}" for number in range(PLENTY))


def find_deadlocks(
    engine: PolicyEngine, actions: Iterable[ActionShape], members: Mapping[str, frozenset[str]]
) -> tuple[Deadlock, ...]:
    """Every combination that could be proposed and never approved. `members`: member ids by group."""
    return tuple(one for one in _ask_all(engine, actions, members) if one.why)


def find_hopeless(
    engine: PolicyEngine, actions: Iterable[ActionShape], members: Mapping[str, frozenset[str]]
) -> tuple[Deadlock, ...]:
    """The deadlocks of actions that could never be approved, whoever asks and whoever proposes."""
    asked = _ask_all(engine, actions, members)
    passing = {(one.action_id, one.is_break_glass) for one in asked if not one.why}
    return tuple(one for one in asked if (one.action_id, one.is_break_glass) not in passing)


def _ask_all(
    engine: PolicyEngine, actions: Iterable[ActionShape], members: Mapping[str, frozenset[str]]
) -> list[Deadlock]:
    """Every combination that needs an approval, those that could have one without a `why`."""
    # The key signs nothing here, and nothing is verified.
    gate, everybody = Gate(engine, VoteSigner({"none": bytes(32)}, "none")), people_of(members)
    glasses = (None,) if engine.settings.break_glass is None else (None, BreakGlass("an emergency"))
    found = []
    for action in actions:
        for requester in REQUESTERS:
            for (proposer, who), glass in product(_proposers(action, everybody), glasses):
                if glass is not None and isinstance(who, Agent):
                    continue
                facts = replace(_facts(action, REQUESTERS[requester]), break_glass=glass)
                judged = gate.judge_proposal(facts, who)
                if judged.verdict is not Verdict.NEEDS_APPROVAL:
                    continue
                request = replace(
                    _request(gate, facts, who), quorum=judged.quorum, distinct_groups=judged.distinct_groups
                )
                why = _missing(gate, request, everybody, members)
                found.append(
                    Deadlock(action.action_id, action.risk, requester, proposer, why, is_break_glass=glass is not None)
                )
    return found


def in_words(deadlocks: Iterable[Deadlock]) -> tuple[str, ...]:
    """One line for each thing that is missing, with all that it stops."""
    stopped: dict[tuple[str, str, str], tuple[set[str], set[str]]] = {}
    for one in deadlocks:
        level = f"{one.risk.value}, by break-glass" if one.is_break_glass else one.risk.value
        actions, requesters = stopped.setdefault((level, one.why, one.proposer), (set(), set()))
        actions.add(one.action_id)
        requesters.add(one.requester)
    return tuple(
        f"{level}: {why}, so a request proposed by {_by(proposer)} can never pass"
        f" ({', '.join(sorted(actions))}{_asked_by(requesters)})"
        for (level, why, proposer), (actions, requesters) in stopped.items()
    )


def _by(proposer: str) -> str:
    return proposer if proposer == "the bot" else f"one of {proposer}"


def _asked_by(requesters: set[str]) -> str:
    named = [one for one in REQUESTERS if one in requesters]
    return "" if len(named) == len(REQUESTERS) else f"; asked for by {' or '.join(named)}"


def _proposers(action: ActionShape, everybody: Iterable[Person]) -> Iterator[tuple[str, Proposer]]:
    """One of each kind; of a group, whoever is in fewest others, so that as few as can be are taken out of those."""
    if AGENTS in action.proposable_by:
        yield "the bot", Agent("triage")
    for group in sorted(action.proposable_by - {AGENTS}):
        members = sorted((one for one in everybody if group in one.groups), key=lambda one: (len(one.groups), one.key))
        if members:
            yield group, members[0]


def _missing(
    gate: Gate, request: RequestFacts, everybody: Iterable[Person], members: Mapping[str, frozenset[str]]
) -> str:
    """What a request lacks though everybody who may approves it; "" where it lacks nothing."""
    could = gate.eligible(request, everybody, now=_NOW)
    votes = [Vote(request.request_id, one.key, Choice.APPROVE, request.digest, _NOW, "") for one in could]
    if gate.tally(request, votes, {one.key: one.groups for one in could}, humans(could)) is Tally.APPROVED:
        return ""
    others = "other than requester, proposer and subject"
    may = _deciding_groups(gate, request, members)
    sizes = " and ".join(f"{group} has {len(members[group])} member{'s'[: len(members[group]) != 1]}" for group in may)
    if not may:
        return f"needs {_people(request.quorum)} {others}, and the policy lets nobody decide it"
    if len(could) < request.quorum:
        return f"needs {request.quorum} of {' or '.join(may)} {others}; {sizes}"
    each = " and ".join(f"one of {group}" for group in sorted(request.distinct_groups))
    lacking = sorted(request.distinct_groups - set().union(*(one.groups for one in could)))
    may_not = f"; the policy lets nobody of {' or '.join(lacking)} decide it" if lacking else f"; {sizes}"
    return f"needs {each}, different people, {others}{may_not}"


def _deciding_groups(gate: Gate, request: RequestFacts, members: Mapping[str, frozenset[str]]) -> list[str]:
    """The groups of which somebody with no part in the request could approve it."""
    return [
        group
        for group in sorted(members)
        if gate.eligible(request, [_person("UANYBODY", frozenset({group}))], now=_NOW)
    ]


def _people(count: int) -> str:
    return "one person" if count == 1 else f"{count} people"


def _person(user_id: str, groups: frozenset[str]) -> Person:
    return Person(
        key=PersonKey(_HOME, user_id),
        team_id=_HOME,
        name=user_id,
        company=_HOME,
        email=f"{user_id.lower()}@home.invalid",
        is_home=True,
        is_active=True,
        is_full_member=True,
        is_human=True,
        is_email_confirmed=True,
        groups=groups,
    )


def _facts(action: ActionShape, requester: Requester) -> ActionFacts:
    subjects = frozenset({PersonKey(_HOME, "USUBJECT")}) if action.has_subject else frozenset[PersonKey]()
    return ActionFacts(
        action_id=action.action_id,
        risk=action.risk,
        params={},
        ticket_id="ticket",
        ticket_status=TicketStatus.OPEN,
        ticket_category="other",
        ticket_severity=Severity.MEDIUM,
        channel_kind="slack_internal" if requester.is_internal else "slack_shared" if requester.key else "slack_email",
        requester=requester,
        subjects=subjects,
        proposable_by=action.proposable_by,
        is_stopped=False,
        held_back="",
        # The most that it can ask for, which is what it asks for once a security latch is set.
        also_needs=groups_needed(action.action_id, is_latched=True, is_requester_known=requester.key is not None),
    )


def _request(gate: Gate, facts: ActionFacts, proposer: Proposer) -> RequestFacts:
    return RequestFacts(
        request_id="request",
        action=facts,
        proposer=proposer.key if isinstance(proposer, Person) else None,
        editors=frozenset(),
        status=RequestStatus.PENDING,
        quorum=1,
        digest="made-up",
        policy_version=gate.policy_version,
        expires_at=_NOW + timedelta(hours=1),
        matches_trail=True,
        was_rejected_meanwhile=False,
    )
