"""Kill switches, as the gate judges them: what a stop covers lets nothing through, by either gate."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.invariants import Sight, Step, broken_by_decision
from policy.stops import Stop, StopScope
from policy.terms import Agent, Choice, PersonKey, RequestStatus, Verdict
from tests.policy.builders import DIGEST, GATE, MALLORY, NOW, action, approved, note, person, request, vote

SAM, OLIVIA = person("U_SAM", "security"), person("U_OLIVIA", "support")
KEYS = [MALLORY, SAM.key, PersonKey("E_OTHER", "U_SAM"), OLIVIA.key]
STOPS = [
    Stop(StopScope.ALL),
    Stop(StopScope.ACTION, "api_key.revoke"),
    *(Stop(StopScope.PERSON, str(key)) for key in KEYS),
]


@pytest.mark.parametrize("is_stopped", [False, True])
@pytest.mark.parametrize("facts", [action(), note()])
@pytest.mark.parametrize("who", [SAM, OLIVIA, Agent("triage")])
def test_nothing_that_a_stop_covers_is_put_forward(facts: Any, who: Any, is_stopped: bool) -> None:
    judged = GATE.judge_proposal(replace(facts, is_stopped=is_stopped), who)

    assert (judged.verdict is Verdict.DENY) is is_stopped
    assert ("core-no-stopped" in judged.policy_ids) is is_stopped


@pytest.mark.parametrize(("choice", "is_stopped"), list(product(Choice, (False, True))))
def test_while_it_is_stopped_a_request_can_be_rejected_and_not_approved(choice: Choice, is_stopped: bool) -> None:
    about = request(action(is_stopped=is_stopped))

    ruling = GATE.rule_on_vote(about, SAM, choice, shown_digest=DIGEST, now=NOW)

    assert ruling.is_allowed is (choice is Choice.REJECT or not is_stopped)
    assert ruling.is_allowed or ruling.code == "core-no-stopped"


def test_while_it_is_stopped_its_proposer_withdraws_it() -> None:
    about = request(action(is_stopped=True), proposer=OLIVIA.key)

    assert GATE.rule_on_withdrawal(about, OLIVIA).is_allowed


def test_an_approved_request_does_not_run_while_it_is_stopped_nor_does_one_without_votes() -> None:
    with_votes = GATE.rule_on_run(
        approved(action(is_stopped=True)), [vote(SAM)], {SAM.key: SAM}, digest_now=DIGEST, now=NOW
    )
    without = GATE.rule_on_run(
        approved(note(is_stopped=True), quorum=0, proposer=SAM.key), [], {}, digest_now=DIGEST, now=NOW, proposer=SAM
    )

    assert with_votes.code == without.code == "core-no-stopped"


def test_every_step_and_status_with_and_without_a_stop() -> None:
    """The whole product: a stop adds one broken rule to approving and running, and takes none away."""
    count, sight = 0, Sight(DIGEST, GATE.policy_version, NOW, False)
    for step, status, who in product(Step, RequestStatus, (SAM, OLIVIA, Agent("triage"))):
        free = request(status=status)
        stopped = replace(free, action=replace(free.action, is_stopped=True))
        added = broken_by_decision(who, stopped, sight, step) - broken_by_decision(who, free, sight, step)
        assert added == (set() if step is Step.REJECT else {"core-no-stopped"})
        assert broken_by_decision(who, free, sight, step) <= broken_by_decision(who, stopped, sight, step)
        count += 1
    assert count == 3 * len(RequestStatus) * 3


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("groups", [(), ("support",), ("security",)])
@pytest.mark.parametrize("linked", [frozenset(), frozenset({MALLORY})])
def test_the_security_group_lifts_a_stop_that_is_about_somebody_else(
    stop: Stop, groups: tuple[str, ...], linked: frozenset[PersonKey]
) -> None:
    who = person("U_SAM", *groups, linked=linked)
    is_theirs = stop.about is not None and stop.about.user_id in {"U_SAM", *(key.user_id for key in linked)}

    ruling = GATE.rule_on_lift(stop, who)

    assert ruling.is_allowed is (groups == ("security",) and not is_theirs)
    assert is_theirs is ("core-no-lift-of-ones-own" in ruling.policy_ids)


@pytest.mark.parametrize("flag", ["is_home", "is_active", "is_full_member", "is_human", "is_email_confirmed"])
def test_threat_03_no_guest_stranger_bot_or_inactive_account_lifts_a_stop(flag: str) -> None:
    who = person("U_SAM", "security", **{flag: False})

    ruling = GATE.rule_on_lift(Stop(StopScope.ALL), who)

    assert not ruling.is_allowed and ruling.code.startswith("core-no-")


KEY = st.sampled_from(KEYS)


@given(
    stop=st.sampled_from(STOPS),
    action_id=st.sampled_from(["api_key.revoke", "ticket.close"]),
    people=st.frozensets(KEY),
    more=st.frozensets(KEY),
)
def test_who_has_a_further_part_in_it_never_takes_it_out_of_a_stop(
    stop: Stop, action_id: str, people: frozenset[PersonKey], more: frozenset[PersonKey]
) -> None:
    assert stop.covers(action_id, people | more) or not stop.covers(action_id, people)
    assert Stop(StopScope.ALL).covers(action_id, people)
