"""Laws of the gate: every combination of the yes/no facts, and random ones beyond."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy import entities, invariants
from policy.engine import Question
from policy.invariants import ORDER, Sight, Step
from policy.terms import (
    Choice,
    Person,
    PersonKey,
    Requester,
    RequesterKind,
    RequestFacts,
    RequestStatus,
    Risk,
    Verdict,
    Vote,
)
from policy.weighing import weigh
from tests.policy.builders import CLICKS_SUFFICE, DIGEST, ENGINE, GATE, MALLORY, NOW, PAT, action, person, request, vote

VOTER = PersonKey("T_HOME", "U_VOTER")
SIGHT = Sight(DIGEST, GATE.policy_version, NOW, asks_for_passkey=False)

IDENTITY = {
    "is_home": "core-no-outsider",
    "is_human": "core-no-bot",
    "is_active": "core-no-inactive-account",
    "is_full_member": "core-no-guest",
    "is_email_confirmed": "core-no-unconfirmed-email",
}
STAKE_AND_STATE = (
    "core-no-requester",
    "core-no-proposer",
    "core-no-editor",
    "core-no-subject",
    "core-no-settled-request",
    "core-no-expired-request",
    "core-no-other-policy",
    "core-no-other-digest",
    "core-no-unconfirmed-parameters",
)


def voter_with(broken: set[str], *groups: str) -> Person:
    """The voter with these rules about who they are broken."""
    flags: dict[str, Any] = {name: code not in broken for name, code in IDENTITY.items()}
    return person("U_VOTER", *groups, **flags)


def request_with(broken: set[str], name: str = "request-1", **facts: Any) -> RequestFacts:
    """A request with these rules about it, or about the voter's part in it, broken."""
    requester = VOTER if "core-no-requester" in broken else MALLORY
    unconfirmed = {"key_id"} if "core-no-unconfirmed-parameters" in broken else set()
    about = {
        "requester": Requester(RequesterKind.SLACK_PERSON, requester, ""),
        "subjects": frozenset({VOTER} if "core-no-subject" in broken else set()),
        "unconfirmed_params": frozenset(unconfirmed),
    }
    return request(
        action(**about | facts),
        request_id=name,
        proposer=VOTER if "core-no-proposer" in broken else PAT,
        editors=frozenset({VOTER} if "core-no-editor" in broken else set()),
        status=RequestStatus.REJECTED if "core-no-settled-request" in broken else RequestStatus.PENDING,
        expires_at=NOW if "core-no-expired-request" in broken else NOW + timedelta(hours=1),
        policy_version="another" if "core-no-other-policy" in broken else GATE.policy_version,
        digest="another" if "core-no-other-digest" in broken else DIGEST,
    )


def subsets(codes: tuple[str, ...]) -> list[set[str]]:
    return [{code for code, on in zip(codes, bits, strict=True) if on} for bits in product((0, 1), repeat=len(codes))]


def test_every_combination_of_the_yes_and_no_facts_is_ruled_on_as_written_here(
    capsys: pytest.CaptureFixture[str],
) -> None:
    started, count, allowed = time.perf_counter(), 0, 0
    stakes = subsets(STAKE_AND_STATE)
    requests = [request_with(broken, f"request-{index}") for index, broken in enumerate(stakes)]
    stored = [entity for one in requests for entity in entities.request_entities(one)[1:]]
    ticket = entities.request_entities(requests[0])[0]
    context = entities.decision_context(
        shown_digest=DIGEST, policy_version=GATE.policy_version, now=NOW, zone=UTC, asks_for_passkey=False
    )

    for who in subsets(tuple(IDENTITY.values())):
        voter = voter_with(who, "security")
        asked = [(one, about, step) for one, about in zip(stakes, requests, strict=True) for step in _VOTES]
        questions = [
            Question(entities.actor_ref(voter), step.value, entities.request_ref(about), context)
            for _, about, step in asked
        ]
        answers = ENGINE.ask_many(questions, [entities.actor_entity(voter), ticket, *stored])
        for (stake, about, step), answer in zip(asked, answers, strict=True):
            finding = weigh(answer, invariants.broken_by_decision(voter, about, SIGHT, step))
            broken = who | stake
            assert finding.code == next((code for code in ORDER if code in broken), "permitted"), (broken, step)
            assert finding.is_allowed is (not broken)
            count, allowed = count + 1, allowed + finding.is_allowed

    with capsys.disabled():
        print(f"\n{count} combinations through the engine, {allowed} allowed, {time.perf_counter() - started:.1f} s")
    assert count == 2 ** len(IDENTITY) * 2 ** len(STAKE_AND_STATE) * len(_VOTES)
    assert allowed == len(_VOTES), "approving and rejecting with nothing broken"


_VOTES = (Step.APPROVE, Step.REJECT)


@pytest.mark.parametrize("risk", Risk)
@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("groups", [(), ("support",), ("security",), ("support", "security")])
@pytest.mark.parametrize("choice", Choice)
def test_the_sites_table_of_who_decides_what(
    risk: Risk, is_known: bool, groups: tuple[str, ...], choice: Choice
) -> None:
    kind = RequesterKind.SLACK_PERSON if is_known else RequesterKind.WORKFLOW
    facts = action(risk=risk, requester=Requester(kind, MALLORY if is_known else None, ""))
    may_support = is_known and risk in (Risk.LOW, Risk.MEDIUM)

    ruling = CLICKS_SUFFICE.rule_on_vote(request(facts), person("U_X", *groups), choice, shown_digest=DIGEST, now=NOW)

    assert ruling.is_allowed is ("security" in groups or ("support" in groups and may_support))


BROKEN = st.sets(st.sampled_from((*IDENTITY.values(), *STAKE_AND_STATE)))
GROUPS = st.sets(st.sampled_from(["support", "security", "staff"]))


@given(BROKEN, GROUPS, st.sampled_from(Choice), st.sampled_from(Risk))
@settings(max_examples=150, deadline=None)
def test_at_the_gates_door_a_vote_counts_only_if_no_invariant_is_broken(
    broken: set[str], groups: set[str], choice: Choice, risk: Risk
) -> None:
    voter, about = voter_with(broken, *groups), request_with(broken, risk=risk)

    ruling = GATE.rule_on_vote(about, voter, choice, shown_digest=DIGEST, now=NOW)

    assert not (ruling.is_allowed and broken)
    if broken:
        assert ruling.code == next(code for code in ORDER if code in broken)
        assert set(ruling.policy_ids) >= broken


@given(BROKEN.filter(bool))
@settings(max_examples=100, deadline=None)
def test_a_signed_vote_of_somebody_for_whom_an_invariant_fails_never_lets_anything_run(broken: set[str]) -> None:
    voter = voter_with(broken, "security")
    about = replace(request_with(broken), status=RequestStatus.APPROVED)
    # A settled request is the one thing that is not about the voter or the request's facts once it is approved.
    broken -= {"core-no-settled-request"}

    ruling = GATE.rule_on_run(about, [vote(voter)], {voter.key: voter}, digest_now=DIGEST, now=NOW)

    assert ruling.is_allowed is (not broken)


@given(st.lists(st.sampled_from("ABC"), max_size=6), st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_a_run_is_allowed_exactly_when_enough_different_people_approved(who: list[str], quorum: int) -> None:
    people = {one.key: one for one in (person(f"U_{name}", "security") for name in who)}
    votes: list[Vote] = [vote(person(f"U_{name}"), slack_request_id=f"t{index}") for index, name in enumerate(who)]
    about = request(status=RequestStatus.APPROVED, quorum=quorum)

    ruling = GATE.rule_on_run(about, votes, people, digest_now=DIGEST, now=NOW)

    assert ruling.is_allowed is (len(set(who)) >= quorum)


@given(GROUPS, st.sets(st.sampled_from(["support", "security", "agent"])), st.sampled_from(Risk), st.booleans(), BROKEN)
@settings(max_examples=150, deadline=None)
def test_nothing_above_low_risk_and_nothing_unconfirmed_is_ever_allowed_without_an_approval(
    groups: set[str], listed: set[str], risk: Risk, is_confirmed: bool, broken: set[str]
) -> None:
    facts = action(
        action_id="ticket.add_internal_note",
        risk=risk,
        proposable_by=frozenset(listed),
        unconfirmed_params=frozenset() if is_confirmed else frozenset({"note"}),
    )
    proposer = voter_with(broken, *groups)

    judgement = GATE.judge_proposal(facts, proposer)

    if not is_confirmed or broken & set(IDENTITY.values()) or not groups & listed:
        assert judgement.verdict is Verdict.DENY
    if judgement.verdict is Verdict.ALLOW:
        assert risk is Risk.LOW
