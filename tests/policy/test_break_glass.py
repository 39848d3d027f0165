"""Break-glass in the gate: every combination of the facts that it adds, and what it leaves as it is."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from datetime import UTC
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from policy import entities, invariants
from policy.break_glass import BreakGlass, is_said
from policy.deadlocks import ActionShape, assumed, find_deadlocks, find_hopeless, in_words
from policy.engine import PolicyEngine, Question
from policy.errors import PolicyUnusable
from policy.gate import Gate
from policy.invariants import Sight, Step
from policy.limits import Counted
from policy.loading import BreakGlassSettings, OnPolicyChange, read_policy_files
from policy.reviews import Review
from policy.terms import (
    Agent,
    Choice,
    PersonKey,
    Requester,
    RequesterKind,
    RequestStatus,
    Risk,
    Tally,
    Verdict,
)
from policy.weighing import weigh
from tests.policy.builders import (
    BOB,
    DIGEST,
    ENGINE,
    MALLORY,
    NOW,
    PAT,
    SIGNER,
    action,
    approved,
    edit,
    note,
    person,
    policy_copy,
    request,
    vote,
    without_step_up,
)

WHY = "It is being used right now."
GLASS = BreakGlassSettings(group="support", ttl_seconds=3600, review_within_seconds=86400)


def with_glass(engine: PolicyEngine = ENGINE, glass: BreakGlassSettings | None = GLASS, **risk: Any) -> PolicyEngine:
    changed = copy(without_step_up(engine))
    risks = {name: one.model_copy(update=risk) for name, one in changed.settings.risk.items()}
    changed.settings = changed.settings.model_copy(update={"break_glass": glass, "risk": risks})
    return changed


GATE = Gate(with_glass(), SIGNER)
SANA, OLIVIA, SAM = person("U_SANA", "security"), person("U_OLIVIA", "support"), person("U_SAM", "support")
URGENT = action(break_glass=BreakGlass(WHY))
VOTER = PersonKey("T_HOME", "U_VOTER")
ALIAS = PersonKey("T_HOME", "U_ALIAS")
PARTS = {
    "somebody else": PersonKey("T_HOME", "U_ELSE"),
    "by key": VOTER,
    "by user id": PersonKey("E_ENTERPRISE", "U_VOTER"),
    "an alias": ALIAS,
}
ADDRESSES = {
    "nobody": (),
    "somebody else": ("else@home.example",),
    "theirs": (" U_Voter@HOME.example",),
    "an alias's": ("alias@home.example",),
}
GROUPS: tuple[tuple[str, ...], ...] = ((), ("support",), ("security",), ("support", "security"))


def voter(*groups: str, has_alias: bool = True, **changes: Any) -> Any:
    ties: dict[str, Any] = {"linked": frozenset({ALIAS}), "linked_addresses": frozenset({"alias@home.example"})}
    return person("U_VOTER", *groups, **(ties if has_alias else {}), **changes)


def is_theirs(part: str, *, has_alias: bool) -> bool:
    return part in ("by key", "by user id", "theirs") or (has_alias and part.startswith("an alias"))


def test_both_gates_agree_on_every_combination_of_who_starts_an_emergency() -> None:
    count, allowed = 0, 0
    makings = product(PARTS, PARTS, PARTS, ADDRESSES, (True, False), GROUPS, (True, False))
    for requester, reporter, subject, address, has_alias, groups, has_address in makings:
        facts = action(
            requester=Requester(RequesterKind.SLACK_PERSON, PARTS[requester], ""),
            reporters=frozenset({PARTS[reporter]}),
            subjects=frozenset({PARTS[subject]}),
            subject_emails=frozenset(ADDRESSES[address]),
            break_glass=BreakGlass(WHY, "support"),
        )
        who = voter(*groups, has_alias=has_alias, **({} if has_address else {"email": None}))
        question = Question(entities.actor_ref(who), "propose", entities.PROPOSAL, {})
        answer = ENGINE.ask(question, [entities.actor_entity(who), *entities.proposal_entities(facts)])

        finding = weigh(answer, invariants.broken_by_proposal(who, facts, is_unattended=False))

        told = (requester, reporter, subject, address, has_alias, groups, has_address)
        hidden = not has_address and bool(ADDRESSES[address])
        parts = (requester, reporter, subject, *(() if address == "theirs" and not has_address else (address,)))
        has_part = hidden or any(is_theirs(one, has_alias=has_alias) for one in parts)
        assert not finding.is_broken, told
        assert ("core-no-break-glass-of-ones-own" in finding.policy_ids) is has_part, told
        assert finding.is_allowed is (bool(groups) and not has_part), told
        count, allowed = count + 1, allowed + finding.is_allowed
    assert count == 4**3 * 4 * 2 * 4 * 2 and allowed > 0


def test_both_gates_agree_on_every_combination_of_who_decides_an_emergency() -> None:
    reasons, named = (None, "", " \u200b ", WHY), (None, "support", "security")
    kinds = {
        "known": Requester(RequesterKind.SLACK_PERSON, MALLORY, ""),
        "unknown": Requester(RequesterKind.EMAIL, None, ""),
    }
    sight, count = Sight(DIGEST, request().policy_version, NOW, asks_for_passkey=False), 0
    for reason, group, groups, risk, kind, step in product(reasons, named, GROUPS, Risk, kinds, Step):
        glass = None if reason is None else BreakGlass(reason, group)
        facts = action(risk=risk, requester=kinds[kind], break_glass=glass, subjects=frozenset())
        about = request(facts, status=RequestStatus.APPROVED if step is Step.RUN else RequestStatus.PENDING)
        who = person("U_VOTER", *groups)
        context = entities.decision_context(
            shown_digest=DIGEST, policy_version=about.policy_version, now=NOW, zone=UTC, asks_for_passkey=False
        )
        question = Question(entities.actor_ref(who), step.value, entities.request_ref(about), context)
        answer = ENGINE.ask(question, [entities.actor_entity(who), *entities.request_entities(about)])

        finding = weigh(answer, invariants.broken_by_decision(who, about, sight, step))

        told = (reason, group, groups, risk, kind, step)
        usual = ("support" in groups and risk in (Risk.LOW, Risk.MEDIUM)) or "security" in groups
        is_known_enough = kind == "known" or "security" in groups
        if glass is None:
            expected = usual and is_known_enough
        elif step is Step.REJECT:
            expected = (usual or group in groups) and is_known_enough
        else:
            expected = reason == WHY and group in groups and is_known_enough
        assert finding.is_allowed is expected and not finding.is_broken, told
        count += 1
    assert count == 4 * 3 * 4 * 4 * 2 * 3


def test_both_gates_agree_on_every_combination_of_who_reviews_it() -> None:
    count = 0
    for part, groups, group, is_open, has_alias in product(
        PARTS, GROUPS, (None, "support"), (True, False), (True, False)
    ):
        gate = Gate(with_glass(glass=None if group is None else GLASS), SIGNER)
        # Whatever group it comes with, that of the settings counts.
        review = Review("request-1", frozenset({PARTS[part], BOB}), is_open, "security" if group else "support")

        ruling = gate.rule_on_review(review, voter(*groups, has_alias=has_alias))

        may = "security" in groups or group in groups
        told = (part, groups, group, is_open, has_alias)
        assert ruling.is_allowed is (may and is_open and not is_theirs(part, has_alias=has_alias)), told
        assert ruling.code not in ("gate-error", "gate-disagreement"), told
        count += 1
    assert count == 4 * 4 * 2 * 2 * 2


@pytest.mark.parametrize("account", ["is_home", "is_human", "is_active", "is_full_member", "is_email_confirmed"])
def test_threat_03_no_guest_stranger_bot_or_inactive_account_starts_approves_or_reviews_it(account: str) -> None:
    who = person("U_OLIVIA", "support", **{account: False})

    assert GATE.judge_proposal(URGENT, who).verdict is Verdict.DENY
    ruling = GATE.rule_on_vote(request(URGENT, quorum=2), who, Choice.APPROVE, shown_digest=DIGEST, now=NOW)
    assert not ruling.is_allowed
    assert not GATE.rule_on_review(Review("request-1", frozenset({PAT}), is_open=True), who).is_allowed


def test_an_emergency_asks_for_what_the_settings_say_of_it_and_not_of_its_risk() -> None:
    gate = Gate(with_glass(quorum=3, distinct_groups=("support", "security")), SIGNER)

    judged = gate.judge_proposal(URGENT, SANA)

    assert (judged.verdict, judged.quorum, judged.ttl_seconds) == (Verdict.NEEDS_APPROVAL, 2, 3600)
    assert judged.distinct_groups == frozenset() and "group support" in judged.reason
    usual = gate.judge_proposal(action(), SANA)
    assert (usual.quorum, usual.ttl_seconds) == (3, ENGINE.ttl_seconds(Risk.HIGH))
    assert usual.distinct_groups == {"support", "security"}


def test_the_limits_do_not_hold_an_emergency_up_and_hold_everything_else_up() -> None:
    full = Counted(5, 5)

    for changes in ({"of_requester": full}, {"on_target": full}):
        assert GATE.judge_proposal(replace(URGENT, **changes), SANA).verdict is Verdict.NEEDS_APPROVAL
        assert GATE.judge_proposal(action(**changes), SANA).policy_ids == ("core-no-more-than-the-limit",)


def test_threat_20_no_agent_starts_one_even_of_what_it_may_propose() -> None:
    judged = GATE.judge_proposal(URGENT, Agent("triage"))
    without_reason = GATE.judge_proposal(action(break_glass=BreakGlass("")), Agent("triage"))

    assert judged.policy_ids == ("core-no-agents-break-glass",)
    assert without_reason.policy_ids == ("core-no-agents-break-glass", "core-no-break-glass-without-reason")


def test_what_would_run_unattended_never_does_as_an_emergency() -> None:
    assert GATE.judge_proposal(note(), SANA).verdict is Verdict.ALLOW
    assert GATE.judge_proposal(note(break_glass=BreakGlass(WHY)), SANA).verdict is Verdict.NEEDS_APPROVAL


def test_where_the_settings_have_none_there_is_none_whatever_a_request_says() -> None:
    gate, mine = Gate(with_glass(glass=None), SIGNER), replace(URGENT, break_glass=BreakGlass(WHY, "support"))

    assert gate.judge_proposal(mine, SANA).policy_ids == ("core-no-break-glass-here",)
    about = approved(mine, quorum=2)
    votes = [vote(OLIVIA), vote(SAM)]
    ruling = gate.rule_on_run(about, votes, {OLIVIA.key: OLIVIA, SAM.key: SAM}, digest_now=DIGEST, now=NOW)
    assert ruling.code == "core-no-break-glass-here"


def test_an_emergency_that_waits_when_the_settings_lose_break_glass_gets_by_with_no_fewer_than_its_risk_asks() -> None:
    gate = Gate(with_glass(glass=None, quorum=3), SIGNER)
    votes = [vote(OLIVIA), vote(SAM)]

    assert gate.tally(request(URGENT, quorum=2), votes, {}, {}) is Tally.PENDING
    assert gate.tally(request(URGENT, quorum=2), [*votes, vote(SANA)], {}, {}) is Tally.APPROVED


def test_an_emergency_needs_no_approval_of_the_groups_that_its_risk_asks_for() -> None:
    gate = Gate(with_glass(distinct_groups=("support", "security")), SIGNER)
    votes, people = [vote(OLIVIA), vote(SAM)], {OLIVIA.key: OLIVIA, SAM.key: SAM}
    usual = {one.key: one for one in (person("U_OLIVIA", "security"), person("U_SAM", "security"))}

    run: dict[str, Any] = {"digest_now": DIGEST, "now": NOW}
    assert gate.rule_on_run(approved(URGENT, quorum=2), votes, people, **run).is_allowed
    assert gate.rule_on_run(approved(quorum=2), votes, usual, **run).code == "groups-not-met"


@pytest.mark.parametrize("quorum", [0, 1, 2])
def test_threat_21_two_people_of_the_group_are_needed_even_where_the_row_asks_for_fewer(quorum: int) -> None:
    about, people = approved(URGENT, quorum=quorum), {OLIVIA.key: OLIVIA, SAM.key: SAM}

    alone = GATE.rule_on_run(about, [vote(OLIVIA)], people, digest_now=DIGEST, now=NOW, proposer=SANA)
    both = GATE.rule_on_run(about, [vote(OLIVIA), vote(SAM)], people, digest_now=DIGEST, now=NOW, proposer=SANA)

    assert not alone.is_allowed
    assert both.is_allowed is (quorum > 0)


def test_an_approver_who_left_the_group_does_not_count_at_the_run() -> None:
    gone = person("U_SAM", "security")

    ruling = GATE.rule_on_run(
        approved(URGENT, quorum=2), [vote(OLIVIA), vote(gone)], {OLIVIA.key: OLIVIA, gone.key: gone},
        digest_now=DIGEST, now=NOW,
    )  # fmt: skip

    assert ruling.code == "core-no-break-glass-by-others"


def test_an_emergency_is_not_kept_under_another_policy_though_its_risk_is() -> None:
    gate = Gate(with_glass(on_policy_change=OnPolicyChange.KEEP), SIGNER)
    keeping: dict[str, Any] = {"digest_now": DIGEST, "now": NOW}
    usual = request(policy_version="earlier")
    urgent = request(URGENT, policy_version="earlier", quorum=2)
    proposer = person("U_PAT", "support")

    assert gate.rule_on_keeping(usual, [], {}, proposer, **keeping).is_allowed
    assert gate.rule_on_keeping(urgent, [], {}, proposer, **keeping).code == "core-no-other-policy"


def test_an_emergency_is_not_edited() -> None:
    assert GATE.rule_on_edit(request(), SANA, digest_now=DIGEST, now=NOW).is_allowed
    ruling = GATE.rule_on_edit(request(URGENT, quorum=2), SANA, digest_now=DIGEST, now=NOW)
    assert ruling.code == "break-glass-is-not-edited"


@pytest.mark.parametrize(
    ("text", "expected"), [("", False), (" \t\n", False), ("\u200b\u2060…!", False), ("é", True), ("1", True)]
)
def test_a_reason_holds_a_letter_or_a_digit(text: str, expected: bool) -> None:
    assert is_said(text) is expected


REVOKE = ActionShape("api_key.revoke", Risk.HIGH, frozenset({"support", "security"}), has_subject=True)


def test_an_emergency_that_too_few_could_approve_beside_its_starter_is_found() -> None:
    two = {"support": frozenset({"U1", "U2"}), "security": assumed("security")}

    [of_support] = {one.proposer: one for one in find_deadlocks(with_glass(), [REVOKE], two)}.values()

    assert of_support.is_break_glass and of_support.proposer == "support"
    assert "high, by break-glass: needs 2 of support" in in_words([of_support])[0]
    assert find_hopeless(with_glass(), [REVOKE], two) == ()
    one = two | {"support": frozenset({"U1"})}
    assert {found.is_break_glass for found in find_hopeless(with_glass(), [REVOKE], one)} == {True}
    assert find_deadlocks(with_glass(glass=None), [REVOKE], two) == ()


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (
            'group = "legal"\nttl_seconds = 3600\nreview_within_seconds = 3600',
            "break_glass.group: legal is not in groups",
        ),
        ('group = "support"\nquorum = 1\nttl_seconds = 3600\nreview_within_seconds = 3600', "must be 2 or more"),
        ('group = "support"\nttl_seconds = 3600', "review_within_seconds: is missing; add it"),
        ('group = "support"\nttl_seconds = 3600\nreview_within_seconds = 3600\nquroum = 2', "there is no such key"),
    ],
)
def test_settings_that_do_not_fit_are_refused_with_line_and_cure(tmp_path: Path, said: str, problem: str) -> None:
    folder = policy_copy(tmp_path)
    settings = folder / "settings.toml"
    settings.write_text(settings.read_text() + f"\n[break_glass]\n{said}\n")

    with pytest.raises(PolicyUnusable) as refused:
        read_policy_files(folder)

    [line] = refused.value.problems
    assert problem in line and line.startswith("settings.toml:")


def test_the_commented_example_of_the_shipped_settings_is_one_that_works(tmp_path: Path) -> None:
    folder = policy_copy(tmp_path)
    settings = folder / "settings.toml"
    text = settings.read_text()
    begin = text.index("# [break_glass]")
    settings.write_text(text[:begin] + text[begin:].replace("# ", ""))

    assert read_policy_files(folder).settings.break_glass == GLASS
    edit(folder / "site.cedar", "break-glass-group-decides", "break-glass-group-may-decide")
    assert Gate(PolicyEngine.load(folder), SIGNER).break_glass == GLASS
