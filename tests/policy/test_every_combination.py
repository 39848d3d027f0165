"""The whole product of the facts that a decision on one request rests on, with nothing left out.

`test_laws` breaks each rule in one way and tries all sets of broken rules. Here each fact takes every value it can
have, among them the several ways in which one account can be the same person as another: by key, by user id under
another home, by e-mail address, as another account of the same human.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import combinations, product
from typing import Any

import pytest

from policy import entities, invariants
from policy.engine import Question
from policy.invariants import Sight, Step
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
_THAT_LET_RUN = (Step.APPROVE, Step.RUN)


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
    (Sight(digest, GATE.policy_version, now, asks), {code for code, on in rules if on})
    for digest, now, asks in product((DIGEST, "stale"), (IN_TIME, TOO_LATE), (False, True))
    for rules in [(("core-no-other-digest", digest != DIGEST), ("core-no-expired-request", now == TOO_LATE))]
]


def voter(account: str, *groups: str, has_confirmed: bool = False) -> Person:
    return person("U_VOTER", *groups, has_confirmed=has_confirmed, **TWO_ACCOUNTS | ACCOUNTS[account])


def broken_by_click(sight: Sight, step: Step, has_confirmed: bool) -> set[str]:
    """A click is no second factor, except to say no."""
    is_short = sight.asks_for_passkey and step is not Step.REJECT and not has_confirmed
    return {"core-no-unconfirmed-vote"} if is_short else set()


def broken_by_account(account: str) -> set[str]:
    return {ACCOUNT_RULES[account]} if account in ACCOUNT_RULES else set()


def broken_by_status(status: RequestStatus, step: Step) -> set[str]:
    if step is Step.RUN:
        return set() if status is RequestStatus.APPROVED else {"core-no-unapproved-run"}
    return set() if status is RequestStatus.PENDING else {"core-no-settled-request"}


def findings(
    who: Person, requests: list[RequestFacts], stored: list[Any], steps: Sequence[Step], sights: Any = SIGHTS
) -> Iterator[tuple[int, Step, set[str], Finding]]:
    """What both gates say of every request, step and sight: (request's index, step, broken by the sight, finding)."""
    asked = [(index, step, *seen) for index in range(len(requests)) for step in steps for seen in sights]
    contexts = {id(sight): _context(sight) for sight, _ in sights}
    actor, refs = entities.actor_ref(who), [entities.request_ref(one) for one in requests]
    questions = [Question(actor, step.value, refs[index], contexts[id(sight)]) for index, step, sight, _ in asked]
    answers = ENGINE.ask_many(questions, [entities.actor_entity(who), *stored])
    for (index, step, sight, broken), answer in zip(asked, answers, strict=True):
        broken = broken | broken_by_click(sight, step, who.has_confirmed)
        yield index, step, broken, weigh(answer, invariants.broken_by_decision(who, requests[index], sight, step))


def _context(sight: Sight) -> dict[str, Any]:
    return entities.decision_context(
        shown_digest=sight.shown_digest,
        policy_version=sight.policy_version,
        now=sight.now,
        asks_for_passkey=sight.asks_for_passkey,
    )


def stored_entities(requests: list[RequestFacts]) -> list[Any]:
    found = [entities.request_entities(one) for one in requests]
    return [found[0][0], *(entity for _, entity in found)]


def assert_is(finding: Finding, broken: set[str], *, is_in_group: bool, told: object) -> None:
    core = {code for code in finding.policy_ids if code.startswith("core-")}
    assert finding.is_allowed is (is_in_group and not broken), told
    assert core == broken and not finding.is_broken, told


def test_nothing_with_a_forbidden_fact_is_allowed_and_everything_without_one_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of the statuses, the two that let a step through; the others are in the next test, rejecting as well. Of
    passkeys, the two ways to pass: none is asked for, or one was used; the next test has those that are missing."""
    started, count, allowed = time.perf_counter(), 0, 0
    statuses = (RequestStatus.PENDING, RequestStatus.APPROVED)
    about = list(product(STAKES, statuses))
    requests = [stakes.request(f"request-{index}", status) for index, (stakes, status) in enumerate(about)]
    stored = stored_entities(requests)

    for account, groups, has_confirmed in product(ACCOUNTS, ((), ("security",)), (False, True)):
        who = voter(account, *groups, has_confirmed=has_confirmed)
        sights = [one for one in SIGHTS if one[0].asks_for_passkey is has_confirmed]
        for index, step, by_sight, finding in findings(who, requests, stored, _THAT_LET_RUN, sights):
            stakes, status = about[index]
            broken = broken_by_account(account) | stakes.broken(account) | by_sight | broken_by_status(status, step)
            told = (account, groups, has_confirmed, stakes, status, step, by_sight)
            assert_is(finding, broken, is_in_group=bool(groups), told=told)
            count, allowed = count + 1, allowed + finding.is_allowed

    with capsys.disabled():
        print(f"\n{count} decisions, {allowed} allowed, {time.perf_counter() - started:.1f} s")
    assert count == 8 * 2 * 2 * len(STAKES) * 2 * 2 * 4 and len(STAKES) == 4**3 * 7
    # At each of the two steps a full member of the group passes where it is done to nobody or to somebody else, and who
    # has no address only where none has to be compared. Who has one account passes wherever it is not theirs, which an
    # alias of somebody else's is not: as requester, proposer or editor (2 each), and among four of the subjects.
    # Twice: with a passkey as without one where none is asked for.
    assert allowed == 2 * 2 * (2 + 1 + 2**3 * 4)


def test_every_status_lets_through_one_step_or_none(capsys: pytest.CaptureFixture[str]) -> None:
    count = 0
    nobody = Stakes("somebody else", "somebody else", "somebody else", "somebody else")
    statuses = list(RequestStatus)
    requests = [nobody.request(f"request-{index}", status) for index, status in enumerate(statuses)]
    stored = stored_entities(requests)

    circles = ((), ("support",), ("security",), ("support", "security"))
    for account, groups, has_confirmed in product(ACCOUNTS, circles, (False, True)):
        who = voter(account, *groups, has_confirmed=has_confirmed)
        for index, step, by_sight, finding in findings(who, requests, stored, list(Step)):
            broken = broken_by_account(account) | nobody.broken(account) | by_sight
            broken |= broken_by_status(statuses[index], step)
            told = (account, groups, has_confirmed, statuses[index], step, by_sight)
            assert_is(finding, broken, is_in_group="security" in groups, told=told)
            count += 1

    with capsys.disabled():
        print(f"\n{count} decisions")
    assert count == 8 * 4 * 2 * len(RequestStatus) * 3 * 8


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
