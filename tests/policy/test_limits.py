"""Limits on what adds up, as the gate judges them: both gates, each limit alone, and in words that say what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.errors import PolicyUnusable
from policy.limits import NOTHING_COUNTED, Counted, limit_words
from policy.loading import SETTINGS_FILE, read_policy_files
from policy.terms import Agent, Choice, Person, Risk, Verdict
from tests.policy.builders import DIGEST, GATE, NOW, action, edit, note, person, policy_copy, request

OLIVIA = person("U_OLIVIA", "support")
FULL, ROOM = Counted(5, 5, 86400, NOW), Counted(4, 5, 86400)


@pytest.mark.parametrize("facts", [action(), note()])
@pytest.mark.parametrize("who", [OLIVIA, Agent("triage")])
@pytest.mark.parametrize("of_requester", [NOTHING_COUNTED, ROOM, FULL])
@pytest.mark.parametrize("on_target", [NOTHING_COUNTED, ROOM, FULL])
def test_threat_17_a_full_limit_denies_whoever_proposes_and_whatever_runs_unattended(
    facts: Any, who: Any, of_requester: Counted, on_target: Counted
) -> None:
    judged = GATE.judge_proposal(replace(facts, of_requester=of_requester, on_target=on_target), who)

    is_full = FULL in (of_requester, on_target)
    assert (judged.verdict is Verdict.DENY) is is_full
    assert (judged.policy_ids == ("core-no-more-than-the-limit",)) is is_full


COUNTS = st.builds(Counted, st.integers(0, 6), st.none() | st.integers(1, 5), st.just(3600))


@given(of_requester=COUNTS, on_target=COUNTS, more=st.integers(0, 3))
def test_more_that_counts_never_lets_a_proposal_through(of_requester: Counted, on_target: Counted, more: int) -> None:
    def is_denied(counted: Counted) -> bool:
        judged = GATE.judge_proposal(action(of_requester=counted, on_target=on_target), OLIVIA)
        return judged.verdict is Verdict.DENY

    assert is_denied(replace(of_requester, so_far=of_requester.so_far + more)) or not is_denied(of_requester)
    assert is_denied(of_requester) is any(
        one.limit is not None and one.so_far >= one.limit for one in (of_requester, on_target)
    )


def test_what_was_counted_when_it_was_proposed_keeps_nobody_from_deciding_it() -> None:
    sam = person("U_SAM", "security")

    ruling = GATE.rule_on_vote(request(action(of_requester=FULL)), sam, Choice.APPROVE, shown_digest=DIGEST, now=NOW)

    assert ruling.is_allowed


def test_the_words_name_the_limit_when_there_is_room_and_what_to_do() -> None:
    judged = GATE.judge_proposal(action(of_requester=replace(FULL, frees_at=NOW + timedelta(hours=1))), OLIVIA)

    assert judged.reason == judged.reply
    assert judged.reply == (
        "The limit of 5 high-risk requests for one requester within 1 day is reached."
        " Propose it again from 2026-03-25 14:46:11 UTC on, or once one that waits was rejected or withdrawn;"
        " if the limit is too low, ask whoever keeps the policy."
    )
    both = limit_words("low", replace(FULL, frees_at=None), Counted(2, 2, 5400, NOW))
    assert "5 low-risk requests for one requester within 1 day and of 2 low-risk requests on one target" in both
    assert "within 90 minutes" in both and "as soon as one of those under way has ended" in both


def test_an_outsider_is_told_who_they_are_and_nothing_of_the_limit() -> None:
    eve: Person = person("U_EVE", "support", is_home=False)

    judged = GATE.judge_proposal(action(of_requester=FULL), eve)

    assert judged.policy_ids[0] == "core-no-outsider" and "limit" not in judged.reply


def test_the_shipped_settings_limit_every_risk_and_more_risk_never_has_more_room() -> None:
    asked = [GATE.asked_of(risk) for risk in Risk]

    for limits in ([one.requester_limit for one in asked], [one.target_limit for one in asked]):
        assert None not in limits and limits == sorted(limits, key=lambda one: -(one or 0))


@pytest.mark.parametrize("value", ["0", "-1", '"5"', "1.5", "true", "1000000"])
def test_a_limit_that_is_no_number_of_requests_is_refused_with_its_line(tmp_path: Path, value: str) -> None:
    folder = policy_copy(tmp_path)
    edit(folder / SETTINGS_FILE, "requester_limit = 50", f"requester_limit = {value}")

    with pytest.raises(PolicyUnusable, match=r"settings.toml:\d+: risk.high.requester_limit"):
        read_policy_files(folder)
