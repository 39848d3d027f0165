"""Approvals from different groups: by different people, each group by one of its own, however many groups one is in."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.engine import PolicyEngine
from policy.errors import PolicyUnusable
from policy.gate import Gate
from policy.terms import Choice, Person, PersonKey, RequestFacts, RequestStatus, Risk, Ruling, Tally, Vote
from policy.votes import speak_for_all, tally
from tests.policy.builders import (
    CLICKS_SUFFICE,
    DIGEST,
    NOW,
    SIGNER,
    action,
    approved,
    edit,
    person,
    policy_copy,
    vote,
    without_step_up,
)

BOTH = ("support", "security")
CRITICAL = "[risk.critical]\nquorum = 2\n"
LETS_SUPPORT_IN = """
@id("support-decides-critical-risk-too")
@reason("Of critical risk one of support and one of security decide together.")
permit (principal in Group::"support", action in Action::"decide", resource) when { resource.risk == Risk::"critical" };
"""

SAM = person("U_SAM", "support")
SIA = person("U_SIA", "security")
SOL = person("U_SOL", "security")
DEB = person("U_DEB", *BOTH)


def of(*people: Person) -> dict[PersonKey, frozenset[str]]:
    return {one.key: one.groups for one in people}


def needing_both(tmp_path: Path) -> Gate:
    folder = policy_copy(tmp_path)
    edit(folder / "settings.toml", CRITICAL, f'{CRITICAL}distinct_groups = ["support", "security"]\n')
    (folder / "both.cedar").write_text(LETS_SUPPORT_IN)
    return Gate(without_step_up(PolicyEngine.load(folder)), SIGNER)


def critical(gate: Gate, status: RequestStatus = RequestStatus.APPROVED, **changes: object) -> RequestFacts:
    shown = {"quorum": 2, "distinct_groups": frozenset(BOTH), "policy_version": gate.policy_version, "status": status}
    return approved(action(risk=Risk.CRITICAL, subjects=frozenset()), **shown | changes)


def run(gate: Gate, about: RequestFacts, *people: Person) -> Ruling:
    votes = [vote(one) for one in people]
    return gate.rule_on_run(about, votes, {one.key: one for one in people}, digest_now=DIGEST, now=NOW)


@given(
    st.dictionaries(st.integers(0, 6), st.sets(st.sampled_from("abcd")), max_size=6), st.sets(st.sampled_from("abcd"))
)
def test_each_group_gets_somebody_of_its_own_exactly_where_some_way_of_sharing_out_exists(
    people: dict[int, set[str]], groups: set[str]
) -> None:
    groups_of = {PersonKey("T", f"U{number}"): held for number, held in people.items()}
    wanted = sorted(groups)
    ways = permutations(groups_of, len(wanted))

    exists = any(all(g in groups_of[who] for g, who in zip(wanted, way, strict=True)) for way in ways)

    assert speak_for_all(groups, {str(who): held for who, held in groups_of.items()}) is exists


def test_somebody_in_both_groups_speaks_for_one_of_them_only() -> None:
    assert tally([vote(DEB)], 1, BOTH, of(DEB)) is Tally.PENDING
    assert tally([vote(DEB), vote(DEB, slack_request_id="again")], 1, BOTH, of(DEB)) is Tally.PENDING


@pytest.mark.parametrize("other", [SAM, SIA])
def test_somebody_in_both_groups_speaks_for_whichever_the_other_does_not(other: Person) -> None:
    for votes in permutations([vote(DEB), vote(other)]):
        assert tally(list(votes), 2, BOTH, of(DEB, other)) is Tally.APPROVED


def test_two_of_one_group_are_not_one_of_each(tmp_path: Path) -> None:
    gate = needing_both(tmp_path)

    assert run(gate, critical(gate), SIA, SOL).code == "groups-not-met"
    assert run(gate, critical(gate), SIA).code == "quorum-not-met"
    assert run(gate, critical(gate), SIA, SAM).is_allowed


def test_the_last_vote_starts_no_run_that_the_gate_would_refuse(tmp_path: Path) -> None:
    gate = needing_both(tmp_path)
    everybody = [SAM, SIA, SOL, DEB]
    for size in range(1, 4):
        for people in permutations(everybody, size):
            votes = [vote(one) for one in people]
            starts = gate.tally(critical(gate), votes, of(*people), {}) is Tally.APPROVED
            assert starts is run(gate, critical(gate), *people).is_allowed, people


def test_a_voter_who_left_the_group_since_no_longer_speaks_for_it(tmp_path: Path) -> None:
    gate = needing_both(tmp_path)
    moved = person("U_SAM", "security")
    votes = [vote(SAM), vote(SIA)]

    assert gate.tally(critical(gate), votes, of(SAM, SIA), {}) is Tally.APPROVED
    ruling = gate.rule_on_run(critical(gate), votes, {SAM.key: moved, SIA.key: SIA}, digest_now=DIGEST, now=NOW)
    assert ruling.code == "groups-not-met"


def test_a_row_that_asks_for_fewer_groups_than_the_settings_is_not_believed(tmp_path: Path) -> None:
    gate = needing_both(tmp_path)

    assert run(gate, critical(gate, distinct_groups=frozenset()), SIA, SOL).code == "groups-not-met"


def test_a_row_that_asks_for_more_groups_than_the_settings_is_believed() -> None:
    gate = CLICKS_SUFFICE

    assert run(gate, critical(gate), SIA, SOL).code == "groups-not-met"


def test_two_accounts_of_one_human_speak_for_one_group_though_each_is_in_another(tmp_path: Path) -> None:
    gate = needing_both(tmp_path)
    votes, one_human = [vote(SAM), vote(SIA)], {SAM.key: "sam", SIA.key: "sam"}
    linked = replace(SAM, linked=frozenset({SIA.key}))

    assert gate.tally(critical(gate), votes, of(SAM, SIA), one_human) is Tally.PENDING
    assert run(gate, critical(gate), linked, SIA).code == "quorum-not-met"

    # Somebody else beside them speaks for one of the groups, and they for the other.
    votes.append(vote(SOL))
    assert gate.tally(critical(gate), votes, of(SAM, SIA, SOL), one_human) is Tally.APPROVED
    assert run(gate, critical(gate), linked, SIA, SOL).is_allowed


def test_one_rejection_is_final_here_too() -> None:
    votes: list[Vote] = [vote(SAM), vote(SIA), vote(SOL, choice=Choice.REJECT)]

    assert tally(votes, 2, BOTH, of(SAM, SIA, SOL)) is Tally.REJECTED


def test_a_proposal_says_of_which_groups_the_approvals_must_come(tmp_path: Path) -> None:
    gate = needing_both(tmp_path)

    judged = gate.judge_proposal(action(risk=Risk.CRITICAL), SAM)

    assert judged.distinct_groups == frozenset(BOTH)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('distinct_groups = ["legal", "support"]', r"settings.toml:\d+: risk.critical.distinct_groups: legal: no such"),
        (
            'distinct_groups = ["support", "support"]',
            r"settings.toml:\d+: risk.critical.distinct_groups: .*named twice",
        ),
        ('on_policy_change = "ask"', r"settings.toml:\d+: risk.critical.on_policy_change"),
        ('distinct_group = ["support"]', r"settings.toml:\d+: risk.critical.distinct_group"),
        ("quorum_ = = 2", r"settings.toml:\d+: "),
    ],
)
def test_a_setting_that_does_not_fit_is_named_with_its_file_line_and_key(
    tmp_path: Path, line: str, problem: str
) -> None:
    folder = policy_copy(tmp_path)
    edit(folder / "settings.toml", CRITICAL, f"{CRITICAL}{line}\n")
    number = (folder / "settings.toml").read_text().splitlines().index(line) + 1

    with pytest.raises(PolicyUnusable, match=problem) as caught:
        PolicyEngine.load(folder)

    assert f"settings.toml:{number}: " in str(caught.value)


def test_more_groups_than_people_contradict_each_other_and_the_cure_is_said(tmp_path: Path) -> None:
    folder = policy_copy(tmp_path)
    high = "[risk.high]\nquorum = 1\n"
    edit(folder / "settings.toml", high, f'{high}distinct_groups = ["support", "security"]\n')

    with pytest.raises(PolicyUnusable, match=r"risk.high.distinct_groups: 2 groups .* set `quorum = 2`"):
        PolicyEngine.load(folder)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('// A comment; with a semicolon.\n@id("site-a-b")\n@reason(";")\npermit (principal, action, resource\n', 4),
        ('@id("site-a-b")\n@reason("x")\npermit (principal, action, resource)\nwhen { resource.nope == "a;b" };\n', 3),
        ("permit (principal, action, resource);\n", 3),
    ],
)
def test_a_policy_that_does_not_load_is_named_with_its_file_and_line(tmp_path: Path, text: str, line: int) -> None:
    folder = policy_copy(tmp_path)
    good = '@id("site-good-one") @reason("x")\nforbid (principal, action == Action::"view", resource);\n'
    (folder / "more.cedar").write_text(good + text)

    with pytest.raises(PolicyUnusable) as caught:
        PolicyEngine.load(folder)

    assert {one.split(": ")[0] for one in caught.value.problems} == {f"more.cedar:{line}"}
