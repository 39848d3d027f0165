"""Who may take a waiting request back: its proposer, as they are at the click."""

from __future__ import annotations

from typing import Any

import pytest

from policy.terms import PersonKey, RequestStatus
from tests.policy.builders import BOB, GATE, MALLORY, PAT, person, request

PROPOSER = person(PAT.user_id)


def test_its_proposer_may_whatever_groups_they_are_in_by_now() -> None:
    assert GATE.rule_on_withdrawal(request(), PROPOSER).is_allowed


@pytest.mark.parametrize("status", [one for one in RequestStatus if one is not RequestStatus.PENDING])
def test_only_a_waiting_request_is_withdrawn(status: RequestStatus) -> None:
    ruling = GATE.rule_on_withdrawal(request(status=status), PROPOSER)

    assert (ruling.is_allowed, ruling.code) == (False, "core-no-settled-request")


@pytest.mark.parametrize(
    "key",
    [MALLORY, BOB, PersonKey("T_HOME", "U_SEC"), PersonKey("E_HOME", PAT.user_id), PersonKey("T_HOME", "u_pat")],
    ids=str,
)
def test_anybody_else_is_not_the_proposer_however_alike_the_key_is(key: PersonKey) -> None:
    ruling = GATE.rule_on_withdrawal(request(), person(key=key))

    assert (ruling.is_allowed, ruling.code) == (False, "not-the-proposer")
    assert "withdraw" in ruling.reply


def test_what_the_bot_proposed_is_nobodys_to_withdraw() -> None:
    assert GATE.rule_on_withdrawal(request(proposer=None), PROPOSER).code == "not-the-proposer"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"is_home": False}, "core-no-outsider"),
        ({"is_active": False}, "core-no-inactive-account"),
        ({"is_full_member": False}, "core-no-guest"),
        ({"is_human": False}, "core-no-bot"),
        ({"is_email_confirmed": False}, "core-no-unconfirmed-email"),
    ],
)
def test_a_proposer_who_may_do_nothing_here_any_more_may_not_do_this_either(changes: dict[str, Any], code: str) -> None:
    ruling = GATE.rule_on_withdrawal(request(), person(PAT.user_id, **changes))

    assert (ruling.is_allowed, ruling.code) == (False, code)


def test_an_outsider_learns_nothing_of_the_request() -> None:
    stranger = person(key=MALLORY, is_home=False)

    for status in RequestStatus:
        assert GATE.rule_on_withdrawal(request(status=status), stranger).code == "core-no-outsider"
