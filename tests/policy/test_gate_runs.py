"""A run is ruled on from the evidence: signed votes, people as they are now, what would run now."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policy.gate import Gate
from policy.terms import (
    ActionFacts,
    Agent,
    Choice,
    Person,
    Proposer,
    RequestFacts,
    RequestStatus,
    Risk,
    Ruling,
    Verdict,
    Vote,
)
from policy.votes import VoteSigner
from tests.policy.builders import CLICKS_SUFFICE, DIGEST, ENGINE, GATE, NOW, action, approved, note, person, vote

ANN = person("U_ANN", "security")
BEN = person("U_BEN", "security")
TRIAGE = Agent("triage")


def run(about: RequestFacts, votes: list[Vote], people: list[Person], *, gate: Gate = GATE, **changes: Any) -> Ruling:
    voters = {one.key: one for one in people}
    sight: dict[str, Any] = {"digest_now": DIGEST, "now": NOW} | changes
    return gate.rule_on_run(about, votes, voters, **sight)


def unattended(**changes: Any) -> RequestFacts:
    return approved(note(), **{"quorum": 0, "proposer": None} | changes)


def test_a_request_with_enough_signed_votes_of_eligible_people_runs() -> None:
    ruling = run(approved(), [vote(ANN)], [ANN])

    assert ruling.is_allowed
    assert ruling.policy_ids == ("security-decides-high-risk",)
    assert ruling.details == {"voters": ["T_HOME/U_ANN"]}


def test_a_critical_request_needs_two_different_people() -> None:
    critical = approved(action(risk=Risk.CRITICAL), quorum=2)

    gate = CLICKS_SUFFICE

    assert run(critical, [vote(ANN), vote(BEN)], [ANN, BEN], gate=gate).is_allowed
    assert run(critical, [vote(ANN)], [ANN], gate=gate).code == "quorum-not-met"
    twice = [vote(ANN), vote(ANN, slack_request_id="trigger-2")]
    assert run(critical, twice, [ANN], gate=gate).code == "quorum-not-met"


@pytest.mark.parametrize("status", [status for status in RequestStatus if status is not RequestStatus.APPROVED])
def test_only_an_approved_request_runs(status: RequestStatus) -> None:
    assert run(approved(status=status), [vote(ANN)], [ANN]).code == "core-no-unapproved-run"


def test_any_rejection_forbids_the_run_signed_or_not() -> None:
    signed = vote(BEN, choice=Choice.REJECT)

    assert run(approved(), [vote(ANN), signed], [ANN, BEN]).code == "rejected"
    assert run(approved(), [vote(ANN), replace(signed, signature="")], [ANN, BEN]).code == "rejected"


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [
        (vote(ANN, request_id="request-2"), "vote-of-another-request"),
        (vote(ANN, digest="d2" * 32), "vote-of-another-digest"),
        (replace(vote(ANN), signature=""), "vote-signature-broken"),
        (replace(vote(ANN), key_id="k2"), "vote-signature-broken"),
        (replace(vote(BEN), voter=ANN.key), "vote-signature-broken"),
        (replace(vote(ANN, choice=Choice.REJECT), choice=Choice.APPROVE), "vote-signature-broken"),
    ],
)
def test_one_vote_that_does_not_hold_stops_the_run(spoilt: Vote, code: str) -> None:
    ruling = run(approved(), [vote(BEN), spoilt], [ANN, BEN])

    assert (ruling.is_allowed, ruling.code) == (False, code)
    assert ruling.details == {"voter": "T_HOME/U_ANN"}


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (person("U_ANN"), "not-permitted"),
        (person("U_ANN", "security", is_active=False), "core-no-inactive-account"),
        (person("U_ANN", "security", is_full_member=False), "core-no-guest"),
        (person("U_ANN", "security", is_home=False), "core-no-outsider"),
    ],
)
def test_a_voter_who_is_no_longer_eligible_does_not_count(now: Person, code: str) -> None:
    assert run(approved(), [vote(ANN)], [now]).code == code


def test_a_voter_who_cannot_be_looked_up_stops_the_run() -> None:
    assert run(approved(), [vote(ANN)], []).code == "voter-unknown"


def test_a_voter_looked_up_as_somebody_else_stops_the_run() -> None:
    ruling = GATE.rule_on_run(approved(), [vote(ANN)], {ANN.key: BEN}, digest_now=DIGEST, now=NOW)

    assert ruling.code == "voter-unknown"


@pytest.mark.parametrize(
    ("about", "code"),
    [
        (approved(policy_version="another"), "core-no-other-policy"),
        (approved(expires_at=NOW), "core-no-expired-request"),
        (approved(digest=""), "core-no-other-digest"),
        (approved(action(unconfirmed_params=frozenset({"key_id"}))), "core-no-unconfirmed-parameters"),
    ],
)
def test_a_request_that_no_longer_stands_does_not_run(about: RequestFacts, code: str) -> None:
    assert run(about, [vote(ANN)], [ANN]).code == code


def test_a_run_without_votes_is_not_approved_by_silence() -> None:
    assert run(approved(), [], []).code == "quorum-not-met"


def test_a_run_that_lacks_approvals_is_refused_with_what_is_asked_and_what_there_is() -> None:
    critical = approved(action(risk=Risk.CRITICAL), quorum=3)
    of_both = approved(quorum=2, distinct_groups=frozenset({"support", "security"}))
    votes, accounts = [vote(ANN), vote(BEN)], ["T_HOME/U_ANN", "T_HOME/U_BEN"]

    too_few = run(critical, votes, [ANN, BEN], gate=CLICKS_SUFFICE)
    of_one_group = run(of_both, votes, [ANN, BEN])
    unknown = run(of_both, votes, [BEN])

    assert (too_few.code, too_few.details) == ("quorum-not-met", {"needed": 3, "approved": 2})
    assert of_one_group.code == "groups-not-met"
    assert of_one_group.details == {"groups": ["security", "support"], "approved": accounts}
    assert (unknown.code, unknown.details) == ("voter-unknown", {"voters": accounts})


def test_a_clock_without_a_time_zone_stops_the_run_and_the_trail_has_why() -> None:
    ruling = run(approved(), [vote(ANN)], [ANN], now=NOW.replace(tzinfo=None))

    assert (ruling.is_allowed, ruling.code) == (False, "gate-error")
    assert ruling.details == {"errors": ["can't compare offset-naive and offset-aware datetimes"]}


def test_votes_of_before_a_key_rotation_still_let_it_run() -> None:
    rotated = VoteSigner({"k1": b"\x01" * 32, "k2": b"\x02" * 32}, "k2")

    assert run(approved(), [vote(ANN)], [ANN], gate=Gate(ENGINE, rotated)).is_allowed


# --- what the policy allowed without an approval ---------------------------------------------------------------


def test_what_the_policy_allows_runs_without_votes_when_it_would_still_be_allowed() -> None:
    ruling = run(unattended(), [], [], proposer=TRIAGE)

    assert ruling.is_allowed
    assert ruling.policy_ids == ("triage-may-keep-tickets-tidy",)


@pytest.mark.parametrize(
    ("about", "proposer", "code"),
    [
        (unattended(), None, "proposer-unknown"),
        (unattended(), ANN, "proposer-unknown"),
        (unattended(proposer=ANN.key), TRIAGE, "proposer-unknown"),
        (unattended(proposer=ANN.key), BEN, "proposer-unknown"),
        (unattended(), Agent("copilot"), "no-longer-unattended"),
        (unattended(proposer=ANN.key), person("U_ANN"), "no-longer-unattended"),
        (unattended(proposer=ANN.key), person("U_ANN", "support", is_active=False), "no-longer-unattended"),
        (unattended(action=action()), TRIAGE, "no-longer-unattended"),
        (unattended(status=RequestStatus.PENDING), TRIAGE, "core-no-unapproved-run"),
        (unattended(expires_at=NOW), TRIAGE, "core-no-expired-request"),
        (unattended(policy_version="another"), TRIAGE, "core-no-other-policy"),
        (unattended(digest="another"), TRIAGE, "core-no-other-digest"),
    ],
)
def test_what_the_policy_would_no_longer_allow_does_not_run(
    about: RequestFacts, proposer: Proposer | None, code: str
) -> None:
    assert run(about, [], [], proposer=proposer).code == code


@pytest.mark.parametrize(
    ("facts", "proposer", "verdict"),
    [
        (note(), Agent("copilot"), Verdict.NEEDS_APPROVAL),
        (note(proposable_by=frozenset({"support"})), TRIAGE, Verdict.DENY),
    ],
)
def test_what_is_no_longer_unattended_is_refused_with_what_the_policy_says_now(
    facts: ActionFacts, proposer: Proposer, verdict: Verdict
) -> None:
    ruling = run(unattended(action=facts), [], [], proposer=proposer)

    now = GATE.judge_proposal(facts, proposer)
    assert (ruling.code, now.verdict) == ("no-longer-unattended", verdict)
    assert ruling.details == {"verdict": verdict.value, "why": now.reason}


def test_a_rejection_forbids_an_unattended_run_too() -> None:
    assert run(unattended(), [vote(ANN, choice=Choice.REJECT)], [ANN], proposer=TRIAGE).code == "rejected"
