"""A request that nobody could ever approve is found in the files, with who is missing, before anybody makes one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli import main
from policy.deadlocks import ActionShape, assumed, find_deadlocks, in_words
from policy.engine import PolicyEngine
from policy.terms import Risk
from tests.policy.builders import ENGINE, edit, policy_copy

SUSPEND = ActionShape("user.suspend", Risk.CRITICAL, frozenset({"support", "security"}), True)
REPLY = ActionShape("ticket.reply_to_customer", Risk.MEDIUM, frozenset({"support", "security"}), False)
ENOUGH = {"support": assumed("support"), "security": assumed("security")}


def lines(engine: PolicyEngine = ENGINE, *actions: ActionShape, **members: set[str]) -> tuple[str, ...]:
    everybody = ENOUGH | {group: frozenset(ids) for group, ids in members.items()}
    return in_words(find_deadlocks(engine, actions or (SUSPEND, REPLY), everybody))


def test_with_enough_people_the_shipped_policy_stops_nothing() -> None:
    assert lines() == ()


def test_a_group_too_small_for_its_own_proposals_is_named_with_what_it_stops() -> None:
    assert lines(security={"UA", "UB"}) == (
        "critical: needs 2 of security other than requester, proposer and subject; security has 2 members, so a "
        "request proposed by one of security can never pass (user.suspend)",
    )


def test_what_only_the_stricter_rule_for_unknown_humans_stops_says_so() -> None:
    found = lines(ENGINE, REPLY, security={"UA"})

    assert len(found) == 1
    assert "asked for by an unknown human" in found[0]


def test_somebody_in_both_groups_is_one_person() -> None:
    assert lines(ENGINE, REPLY, support={"UA"}, security={"UB"}) != ()
    assert lines(ENGINE, REPLY, support={"UA", "UB"}, security={"UA", "UB"}) == ()
    assert lines(ENGINE, REPLY, support={"UA"}, security={"UA"}) != ()


def test_distinct_groups_of_which_one_may_not_decide_are_a_deadlock(tmp_path: Path) -> None:
    folder = policy_copy(tmp_path)
    critical = "[risk.critical]\nquorum = 2\n"
    edit(folder / "settings.toml", critical, f'{critical}distinct_groups = ["support", "security"]\n')

    found = lines(PolicyEngine.load(folder), SUSPEND)

    assert found and all("the policy lets nobody of support decide it" in line for line in found)


def test_a_risk_that_no_permit_lets_anybody_decide_is_a_deadlock(tmp_path: Path) -> None:
    folder = policy_copy(tmp_path)
    edit(folder / "site.cedar", 'when { resource.risk == Risk::"critical" };', "when { false };")

    found = lines(PolicyEngine.load(folder), SUSPEND)

    assert found and all("the policy lets nobody decide it" in line for line in found)


def test_the_command_says_what_it_assumed_and_takes_the_settings_members(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COUNTERSIGN_SECURITY_MEMBERS", raising=False)
    monkeypatch.delenv("COUNTERSIGN_SUPPORT_MEMBERS", raising=False)
    assert main(["policy", "check"]) == 0
    assert "0 deadlocks (enough people assumed" in capsys.readouterr().out

    monkeypatch.setenv("COUNTERSIGN_SECURITY_MEMBERS", "U0SANA00001,U0VICTOR001")
    assert main(["policy", "check"]) == 1
    assert "security has 2 members" in capsys.readouterr().err
