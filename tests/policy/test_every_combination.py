"""Every combination of the facts that a decision on one request rests on, with nothing left out.

`test_laws` breaks each rule in one way and tries all sets of broken rules. Here each fact takes every value it can
have, among them the several ways in which one account can be the same person as another: by key, by user id under
another home, by e-mail address, as another account of the same human.

The facts are of two kinds: who decides and what part they have in it, and what is decided and when. The first test
shows that no rule looks at both: from the text of each policy, and by watching what each rule in code reads. So what a
combination breaks is what its two halves break, and it is enough to ask about every half, and about every pair of what
two halves can come to. `WHAT` is where a further fact of the second kind goes, in one line.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import combinations, product
from typing import Any

import cedarpy
import pytest

from policy import entities, invariants
from policy.break_glass import BreakGlass
from policy.engine import Question
from policy.invariants import Sight, Step
from policy.loading import DEFAULT_FOLDER
from policy.terms import Choice, Person, PersonKey, Requester, RequesterKind, RequestFacts, RequestStatus, Vote
from policy.weighing import Finding, weigh
from tests.policy.builders import DIGEST, ENGINE, GATE, NOW, action, person, request, vote

VOTER = PersonKey("T_HOME", "U_VOTER")
ALIAS = PersonKey("T_HOME", "U_ALIAS")
SAME: dict[str, PersonKey] = {
    "somebody else": PersonKey("T_HOME", "U_ELSE"),
    "the voter by key": VOTER,
    "the voter by user id": PersonKey("E_ENTERPRISE", "U_VOTER"),
    "an alias": ALIAS,
}
SUBJECTS: dict[str, tuple[set[PersonKey], set[str]]] = {
    "nobody": (set(), set()),
    "somebody else": ({SAME["somebody else"]}, {"else@home.example"}),
    "the voter by key": ({VOTER}, set()),
    "the voter by user id": ({SAME["the voter by user id"]}, set()),
    "the voter by address": (set(), {" U_Voter@HOME.example"}),
    "an alias": ({ALIAS}, set()),
    "an alias by address": (set(), {" Alias@HOME.example"}),
}
ACCOUNTS: dict[str, dict[str, Any]] = {
    "a full member": {},
    "an outsider": {"is_home": False},
    "a bot": {"is_human": False},
    "inactive": {"is_active": False},
    "a guest": {"is_full_member": False},
    "unconfirmed": {"is_email_confirmed": False},
    "without an address": {"email": None},
    "with one account only": {"linked": frozenset(), "linked_addresses": frozenset()},
}
ACCOUNT_RULES = {
    "an outsider": "core-no-outsider",
    "a bot": "core-no-bot",
    "inactive": "core-no-inactive-account",
    "a guest": "core-no-guest",
    "unconfirmed": "core-no-unconfirmed-email",
}
TWO_ACCOUNTS: dict[str, Any] = {
    # Under another home than the part it has: a link is between user ids.
    "linked": frozenset({PersonKey("E_ENTERPRISE", "U_ALIAS")}),
    "linked_addresses": frozenset({"alias@home.example"}),
}
PARTS = ("requester", "proposer", "editor")
SECOND = person("U_SECOND", "security")
IN_TIME, TOO_LATE = NOW, NOW + timedelta(hours=1)
EXPIRES_AT = TOO_LATE


@dataclass(frozen=True)
class Stakes:
    """Who has a part in the request."""

    requester: str
    proposer: str
    editor: str
    subject: str

    def request(self, name: str, status: RequestStatus) -> RequestFacts:
        subjects, emails = SUBJECTS[self.subject]
        facts = action(
            requester=Requester(RequesterKind.SLACK_PERSON, SAME[self.requester], ""),
            subjects=frozenset(subjects),
            subject_emails=frozenset(emails),
        )
        return request(
            facts,
            request_id=name,
            proposer=SAME[self.proposer],
            editors=frozenset({SAME[self.editor]}),
            status=status,
            expires_at=EXPIRES_AT,
        )

    def broken(self, account: str) -> set[str]:
        parts = {
            "core-no-requester": self.requester,
            "core-no-proposer": self.proposer,
            "core-no-editor": self.editor,
            "core-no-subject": self.subject,
        }
        broken = {code for code, who in parts.items() if who.startswith("the voter")}
        if account != "with one account only" and any(who.startswith("an alias") for who in parts.values()):
            broken.add("core-no-alias")
        if account == "without an address" and SUBJECTS[self.subject][1]:
            broken.add("core-no-subject")
        return broken


STAKES = [Stakes(*one) for one in product(SAME, SAME, SAME, SUBJECTS)]
SIGHTS = [
    (Sight(digest, GATE.policy_version, now, asks_for_passkey=False), {code for code, on in rules if on})
    for digest, now in product((DIGEST, "stale"), (IN_TIME, TOO_LATE))
    for rules in [(("core-no-other-digest", digest != DIGEST), ("core-no-expired-request", now == TOO_LATE))]
]


def voter(account: str, *groups: str, **changes: Any) -> Person:
    return person("U_VOTER", *groups, **TWO_ACCOUNTS | ACCOUNTS[account] | changes)


def broken_by_account(account: str) -> set[str]:
    return {ACCOUNT_RULES[account]} if account in ACCOUNT_RULES else set()


def broken_by_status(status: RequestStatus, step: Step) -> set[str]:
    if step is Step.RUN:
        return set() if status is RequestStatus.APPROVED else {"core-no-unapproved-run"}
    return set() if status is RequestStatus.PENDING else {"core-no-settled-request"}


def findings(
    who: Person, requests: list[RequestFacts], stored: list[Any], steps: Sequence[Step]
) -> Iterator[tuple[int, Step, set[str], Finding]]:
    """What both gates say of every request, step and sight: (request's index, step, broken by the sight, finding)."""
    asked = [(index, step, *seen) for index in range(len(requests)) for step in steps for seen in SIGHTS]
    contexts = {id(sight): _context(sight) for sight, _ in SIGHTS}
    actor, refs = entities.actor_ref(who), [entities.request_ref(one) for one in requests]
    questions = [Question(actor, step.value, refs[index], contexts[id(sight)]) for index, step, sight, _ in asked]
    answers = ENGINE.ask_many(questions, [entities.actor_entity(who), *stored])
    for (index, step, sight, broken), answer in zip(asked, answers, strict=True):
        yield index, step, broken, weigh(answer, invariants.broken_by_decision(who, requests[index], sight, step))


def _context(sight: Sight) -> dict[str, Any]:
    return entities.decision_context(
        shown_digest=sight.shown_digest,
        policy_version=sight.policy_version,
        now=sight.now,
        zone=UTC,
        asks_for_passkey=sight.asks_for_passkey,
    )


def stored_entities(requests: list[RequestFacts]) -> list[Any]:
    found = [entities.request_entities(one) for one in requests]
    return [found[0][0], *(entity for _, entity in found)]


def assert_is(finding: Finding, broken: set[str], *, is_in_group: bool, told: object) -> None:
    core = {code for code in finding.policy_ids if code.startswith("core-")}
    assert finding.is_allowed is (is_in_group and not broken), told
    assert core == broken and not finding.is_broken, told


@dataclass(frozen=True)
class Value:
    """One value of a fact of `WHAT`: what it changes, and the rule it breaks."""

    request: Mapping[str, Any] = field(default_factory=dict)
    action: Mapping[str, Any] = field(default_factory=dict)
    sight: Mapping[str, Any] = field(default_factory=dict)
    person: Mapping[str, Any] = field(default_factory=dict)
    """What the gate says of the person for this one decision; nothing of who they are."""
    breaks: Callable[[Step], set[str]] = lambda _: set()


def breaking(code: str, **changes: Mapping[str, Any]) -> Value:
    return Value(**changes, breaks=lambda _: {code})


def keeping_from(code: str, **changes: Mapping[str, Any]) -> Value:
    """What keeps something from happening; saying no stays possible."""
    return Value(**changes, breaks=lambda step: set() if step is Step.REJECT else {code})


def broken_without_glass(step: Step) -> set[str]:
    return set() if step is Step.REJECT else {"core-no-break-glass-here", "core-no-break-glass-by-others"}


FREE = Value()
WHAT: dict[str, list[Value]] = {
    "status": [Value({"status": one}, breaks=partial(broken_by_status, one)) for one in RequestStatus],
    "digest": [FREE, breaking("core-no-other-digest", sight={"shown_digest": "stale"})],
    "time": [FREE, breaking("core-no-expired-request", sight={"now": TOO_LATE})],
    "policy": [FREE, breaking("core-no-other-policy", request={"policy_version": "another"})],
    "parameters": [
        FREE, breaking("core-no-unconfirmed-parameters", action={"unconfirmed_params": frozenset({"key_id"})}),
    ],
    "trail": [FREE, breaking("core-no-contradicted-request", request={"matches_trail": False})],
    "twin": [FREE, keeping_from("core-no-rejected-twin", request={"was_rejected_meanwhile": True})],
    "stop": [FREE, keeping_from("core-no-stopped", action={"is_stopped": True})],
    "case": [FREE, keeping_from("core-no-held-back", action={"held_back": "The customer wrote since."})],
    "passkey": [
        FREE,
        Value(person={"has_confirmed": True}),
        Value(person={"has_confirmed": True}, sight={"asks_for_passkey": True}),
        keeping_from("core-no-unconfirmed-vote", sight={"asks_for_passkey": True}),
    ],
    # Where there is none. Who approves where there is one is a matter of both halves: test_break_glass has every pair.
    "break-glass": [FREE, Value(action={"break_glass": BreakGlass("why")}, breaks=broken_without_glass)],
}  # fmt: skip
_ALL = [value for values in WHAT.values() for value in values]
WHAT_FIELDS = {
    *(f"request.{name}" for value in _ALL for name in value.request),
    *(f"action.{name}" for value in _ALL for name in value.action),
    *(f"sight.{name}" for value in _ALL for name in value.sight),
    *(f"person.{name}" for value in _ALL for name in value.person),
}
WHO_FIELDS = {"request.proposer", "request.editors", "action.requester", "action.subjects", "action.subject_emails"}
IN_CEDAR = {
    "request.status": {"resource.status"},
    "request.policy_version": {"resource.policyVersion"},
    "action.unconfirmed_params": {"resource.hasUnconfirmedParams"},
    "sight.shown_digest": {"context.shownDigest"},
    "sight.now": {"context.nowMicros", "context.hour", "context.weekday"},
    "sight.asks_for_passkey": {"context.asksForPasskey"},
    "person.has_confirmed": {"principal.hasConfirmed"},
    "request.matches_trail": {"resource.matchesTrail"},
    "request.was_rejected_meanwhile": {"resource.wasRejectedMeanwhile"},
    "action.is_stopped": {"resource.isStopped"},
    "action.held_back": {"resource.isHeldBack"},
    "action.break_glass": {"resource.isBreakGlass", "resource.hasBreakGlassReason", "resource.breakGlassGroup"},
    "request.proposer": {"resource.proposer", "resource.proposerUserId"},
    "request.editors": {"resource.editors", "resource.editorUserIds"},
    "action.requester": {"resource.requester", "resource.requesterUserId"},
    "action.subjects": {"resource.subjects", "resource.subjectUserIds"},
    "action.subject_emails": {"resource.subjectAddresses"},
}
"""What a field is called in the policies. What is written there and not here is the same in every combination."""


@dataclass(frozen=True)
class What:
    """One combination of the facts of `WHAT`, at one step."""

    step: Step
    values: tuple[Value, ...]

    def on(self, request: RequestFacts) -> RequestFacts:
        changes = {name: one for value in self.values for name, one in value.request.items()}
        inside = {name: one for value in self.values for name, one in value.action.items()}
        return replace(request, action=replace(request.action, **inside), **changes)

    def sight(self) -> Sight:
        seen = Sight(DIGEST, GATE.policy_version, IN_TIME, asks_for_passkey=False)
        return replace(seen, **{name: one for value in self.values for name, one in value.sight.items()})

    def of_person(self) -> dict[str, Any]:
        return {name: one for value in self.values for name, one in value.person.items()}

    def broken(self) -> frozenset[str]:
        return frozenset(code for value in self.values for code in value.breaks(self.step))


@dataclass(frozen=True)
class Who:
    """One combination of the others."""

    account: str
    groups: tuple[str, ...]
    stakes: Stakes

    def broken(self) -> frozenset[str]:
        return frozenset(broken_by_account(self.account) | self.stakes.broken(self.account))


WHATS = [What(step, values) for step, values in product(Step, product(*WHAT.values()))]
GROUPS: tuple[tuple[str, ...], ...] = ((), ("security",))
WHOS = [Who(*one) for one in product(ACCOUNTS, GROUPS, STAKES)]
NOBODY = Stakes("somebody else", "somebody else", "somebody else", "somebody else")
A_FREE_WHAT = next(one for one in WHATS if one.step is Step.APPROVE and not one.broken())


@cache
def _watched_class(of: type) -> type:
    class Watched(of):  # type: ignore[valid-type, misc]  # whichever of the terms it is
        def __getattribute__(self, name: str) -> Any:
            found = super().__getattribute__(name)
            if name.startswith("__"):
                return found
            kind, reads = self.__dict__["__watch"]
            reads.add(f"{kind}.{name}")
            return watched("action", found, reads) if name == "action" else found

    return Watched


def watched(kind: str, value: Any, reads: set[str]) -> Any:
    """The same value, which notes what is read of it, and of the action in it."""
    made = object.__new__(_watched_class(type(value)))
    made.__dict__.update(value.__dict__, __watch=(kind, reads))
    return made


def mentioned(part: Any) -> set[str]:
    """The facts that a part of a policy's text mentions."""
    if isinstance(part, list):
        return {name for one in part for name in mentioned(one)}
    if not isinstance(part, dict):
        return set()
    found = {name for one in part.values() for name in mentioned(one)}
    for operator in (".", "has"):
        of = part.get(operator)
        if isinstance(of, dict) and "Var" in of.get("left", {}):
            found.add(f"{of['left']['Var']}.{of['attr']}")
    return found | ({"context" if part["Var"] == "context" else ""} - {""} if "Var" in part else set())


def test_no_rule_looks_at_both_who_decides_and_what_is_decided() -> None:
    """Then what a combination breaks is what its halves break: a rule cannot see the other half change."""
    in_cedar = {half: {n for one in fields for n in IN_CEDAR[one]} for half, fields in _HALVES.items()}
    text = "".join((DEFAULT_FOLDER / name).read_text() for name in ("core.cedar", "site.cedar"))
    policies = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"].values()
    for policy in policies:
        name, facts = policy["annotations"]["id"], mentioned(policy["conditions"])
        of_person = {fact for fact in facts if fact.startswith("principal")} - in_cedar["what"]
        # That it is a person is the same in every combination.
        looks_at_who = not (policy["principal"]["op"] == "All" or _is_any_person(policy["principal"])) or bool(
            of_person
        )
        looks_at_who |= bool(facts & in_cedar["who"])
        looks_at_what = bool(facts & in_cedar["what"]) or any(fact.startswith("context.") for fact in facts)
        # The step belongs to what is decided. Who may not decide may take none of the three.
        scope = policy["action"]
        looks_at_what |= scope["op"] != "All" and scope.get("entity") != {"type": "Action", "id": "decide"}
        if set(json.dumps(scope).split('"')) & {"decide", "approve", "reject", "run"} or scope["op"] == "All":
            assert not (looks_at_who and looks_at_what), name

    for who in WHOS:
        reads: set[str] = set()
        person_seen = watched("person", voter(who.account, *who.groups), reads)
        request_seen = watched("request", who.stakes.request("request-1", RequestStatus.PENDING), reads)
        for _, has_stake in invariants._STAKE:
            has_stake(person_seen, request_seen)
        assert not reads & WHAT_FIELDS, (who, reads & WHAT_FIELDS)
    for what in WHATS:
        reads = set()
        request_seen = watched("request", what.on(NOBODY.request("request-1", RequestStatus.PENDING)), reads)
        invariants.broken_by_state(request_seen, watched("sight", what.sight(), reads), what.step)
        assert not reads & WHO_FIELDS, (what, reads & WHO_FIELDS)


def _is_any_person(principal: dict[str, Any]) -> bool:
    return principal == {"op": "is", "entity_type": "Person"}


_HALVES = {"who": WHO_FIELDS, "what": WHAT_FIELDS}


def ask(pairs: Sequence[tuple[Who, What]]) -> Iterator[tuple[Who, What, Finding]]:
    """What both gates say, with the entities of each account built once."""
    for account, groups, has_confirmed in product(ACCOUNTS, GROUPS, (False, True)):
        changes = {"has_confirmed": True} if has_confirmed else {}
        mine = [
            pair
            for pair in pairs
            if (pair[0].account, pair[0].groups) == (account, groups) and pair[1].of_person() == changes
        ]
        if not mine:
            continue
        who = voter(account, *groups, **changes)
        requests: dict[Any, RequestFacts] = {}
        asked = []
        for one, what in mine:
            key = one.stakes, *(id(value) for value in what.values)
            if key not in requests:
                requests[key] = what.on(one.stakes.request(f"request-{len(requests)}", RequestStatus.PENDING))
            asked.append((one, what, requests[key]))
        actor = entities.actor_ref(who)
        questions = [
            Question(actor, what.step.value, entities.request_ref(about), _context(what.sight()))
            for _, what, about in asked
        ]
        answers = ENGINE.ask_many(questions, [entities.actor_entity(who), *stored_entities([*requests.values()])])
        for (one, what, about), answer in zip(asked, answers, strict=True):
            broken = invariants.broken_by_decision(who, about, what.sight(), what.step)
            yield one, what, weigh(answer, broken)


def test_nothing_with_a_forbidden_fact_is_allowed_and_everything_without_one_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    started, asked, allowed = time.perf_counter(), 0, 0
    free_who = Who("a full member", ("security",), NOBODY)
    # Every half, beside one that breaks nothing; and one of each kind of half beside one of each kind of the other. The
    # latter, since no rule sees both halves, where few rules are broken: two of both gates, three of the code alone.
    kinds_of_who = {(one.broken(), one.groups): one for one in reversed(WHOS)}
    kinds_of_what = {(one.broken(), one.step): one for one in reversed(WHATS)}
    beside = [
        (len(by_who | by_what), who, what)
        for ((by_who, _), who), ((by_what, _), what) in product(kinds_of_who.items(), kinds_of_what.items())
        if len(by_who | by_what) <= 3
    ]
    pairs = [(one, A_FREE_WHAT) for one in WHOS] + [(free_who, one) for one in WHATS]
    pairs += [(who, what) for rules, who, what in beside if rules <= 2]
    for who, what, finding in ask(pairs):
        told = (who, what.step, what.broken())
        assert_is(finding, {*who.broken(), *what.broken()}, is_in_group=bool(who.groups), told=told)
        asked, allowed = asked + 1, allowed + finding.is_allowed

    for _, one, what in beside:
        about = what.on(one.stakes.request("request-1", RequestStatus.PENDING))
        who = voter(one.account, *one.groups, **what.of_person())
        broken = invariants.broken_by_decision(who, about, what.sight(), what.step)
        assert broken == one.broken() | what.broken(), (one, what.step)

    free = sum(not one.broken() and bool(one.groups) for one in WHOS) * sum(not one.broken() for one in WHATS)
    with capsys.disabled():
        print(
            f"\n{len(WHOS) * len(WHATS)} decisions, {free} allowed; of both gates asked {asked}, and of the code alone"
            f" {len(beside)}; {time.perf_counter() - started:.1f} s"
        )
    assert len(WHOS) == 8 * 2 * 4**3 * 7 and len(WHATS) == 3 * len(RequestStatus) * 2**9 * 4
    # A full member of the group passes where it is done to nobody or to somebody else, and who has no address only
    # where none has to be compared. Who has one account passes wherever it is not theirs, which an alias of somebody
    # else's is not: as requester, proposer or editor (2 each), and among four of the subjects.
    # And of what is decided: approving and running with a passkey or where none is asked for; rejecting besides with
    # none, stopped or not, twin or not, kept back by its case or not, by break-glass or not.
    free_whos, free_whats = 2 + 1 + 2**3 * 4, 2 * 3 + 2**4 * 4
    assert free == free_whos * free_whats and allowed >= free_whos + free_whats - 1


def test_every_status_lets_through_one_step_or_none(capsys: pytest.CaptureFixture[str]) -> None:
    count = 0
    nobody = Stakes("somebody else", "somebody else", "somebody else", "somebody else")
    statuses = list(RequestStatus)
    requests = [nobody.request(f"request-{index}", status) for index, status in enumerate(statuses)]
    stored = stored_entities(requests)

    for account, groups in product(ACCOUNTS, ((), ("support",), ("security",), ("support", "security"))):
        for index, step, by_sight, finding in findings(voter(account, *groups), requests, stored, list(Step)):
            broken = broken_by_account(account) | nobody.broken(account) | by_sight
            broken |= broken_by_status(statuses[index], step)
            told = (account, groups, statuses[index], step, by_sight)
            assert_is(finding, broken, is_in_group="security" in groups, told=told)
            count += 1

    with capsys.disabled():
        print(f"\n{count} decisions")
    assert count == 8 * 4 * len(RequestStatus) * 3 * 4


def test_those_a_card_names_as_eligible_are_those_whose_vote_would_count(capsys: pytest.CaptureFixture[str]) -> None:
    count = 0
    for account, groups, stakes in product(ACCOUNTS, ((), ("security",)), STAKES):
        about, who = stakes.request("request-1", RequestStatus.PENDING), voter(account, *groups)

        named = GATE.eligible(replace(about, digest=""), [who], now=NOW)

        is_free = not broken_by_account(account) | stakes.broken(account)
        assert named == ((who,) if groups and is_free else ()), (account, groups, stakes)
        count += 1

    with capsys.disabled():
        print(f"\n{count} cards")
    assert count == 8 * 2 * len(STAKES)


@dataclass(frozen=True)
class Run:
    """One attempt to run: a voter with or without one forbidden fact, and how often who approved."""

    account: str = "a full member"
    groups: tuple[str, ...] = ("security",)
    stakes: Stakes = Stakes("somebody else", "somebody else", "somebody else", "somebody else")
    status: RequestStatus = RequestStatus.APPROVED
    digest_now: str = DIGEST
    now: datetime = IN_TIME

    def is_free(self) -> bool:
        broken = broken_by_account(self.account) | self.stakes.broken(self.account)
        is_fresh = self.digest_now == DIGEST and self.now == IN_TIME
        return "security" in self.groups and not broken and is_fresh and self.status is RequestStatus.APPROVED


def runs() -> list[Run]:
    """Every value of every fact once, the others being as they should be."""
    free = Run()
    return [
        free,
        *(replace(free, account=one) for one in ACCOUNTS),
        replace(free, groups=()),
        replace(free, groups=("support",)),
        *(replace(free, stakes=replace(free.stakes, **{part: who})) for part in PARTS for who in SAME),
        *(replace(free, stakes=replace(free.stakes, subject=who)) for who in SUBJECTS),
        *(replace(free, status=one) for one in RequestStatus),
        replace(free, digest_now="stale"),
        replace(free, now=TOO_LATE),
    ]


def test_a_repeated_vote_is_one_vote_and_a_rejection_is_final_whatever_else_holds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    count, allowed = 0, 0
    voices = list(product((1, 2), (0, 1, 2), (None, Choice.REJECT), (1, 2)))
    for one, (times, others, last, quorum) in product(runs(), voices):
        who = voter(one.account, *one.groups)
        votes = [_vote(who, turn) for turn in range(times)] + [_vote(SECOND, turn) for turn in range(others)]
        votes += [] if last is None else [_vote(SECOND, 9, last)]
        about = replace(one.stakes.request("request-1", one.status), quorum=quorum)

        ruling = GATE.rule_on_run(
            about, votes, {who.key: who, SECOND.key: SECOND}, digest_now=one.digest_now, now=one.now
        )

        enough = 1 + bool(others) >= quorum
        assert ruling.is_allowed is (one.is_free() and enough and last is None), (one, times, others, last, quorum)
        count, allowed = count + 1, allowed + ruling.is_allowed

    with capsys.disabled():
        print(f"\n{count} runs, {allowed} allowed")
    assert count == len(runs()) * len(voices)


def _vote(who: Person, turn: int, choice: Choice = Choice.APPROVE) -> Vote:
    return vote(who, choice=choice, slack_request_id=f"trigger-{turn}")


def test_two_accounts_of_one_human_are_one_approval_whichever_of_them_knows_of_the_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    count, names = 0, ("U_ONE", "U_TWO", "U_THREE")
    pairs = [(one, other) for one in names for other in names if one != other]
    for size in range(len(pairs) + 1):
        for known in combinations(pairs, size):
            people = [
                person(one, "security", linked=frozenset(PersonKey("T_HOME", b) for a, b in known if a == one))
                for one in names
            ]
            ruling_of = partial(_run_of, people)
            circles = _circles(names, known)
            for quorum in (1, 2, 3):
                assert ruling_of(quorum) is (circles >= quorum), (known, quorum)
                count += 1

    with capsys.disabled():
        print(f"\n{count} runs with links")
    assert count == 2 ** len(pairs) * 3


def _run_of(people: list[Person], quorum: int) -> bool:
    nobody = Stakes("somebody else", "somebody else", "somebody else", "somebody else")
    about = replace(nobody.request("request-1", RequestStatus.APPROVED), quorum=quorum)
    votes = [_vote(one, 0) for one in people]
    return GATE.rule_on_run(about, votes, {one.key: one for one in people}, digest_now=DIGEST, now=IN_TIME).is_allowed


def _circles(names: Sequence[str], known: Sequence[tuple[str, str]]) -> int:
    """How many humans there are, found by joining sets rather than as the gate does it."""
    sets = [{name} for name in names]
    for pair in known:
        joined = [one for one in sets if one & set(pair)]
        sets = [one for one in sets if not one & set(pair)] + [set().union(*joined)]
    return len(sets)
