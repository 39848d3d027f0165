"""Who may let a new passkey count, and who may take one back: every combination of who they are and where it stands."""

from __future__ import annotations

from itertools import product

import pytest

from policy.passkeys import Passkey, PasskeyState
from policy.terms import PersonKey
from tests.policy.builders import BOB, GATE, MALLORY, person

IDENTITY = {
    "is_home": "core-no-outsider",
    "is_active": "core-no-inactive-account",
    "is_full_member": "core-no-guest",
    "is_human": "core-no-bot",
    "is_email_confirmed": "core-no-unconfirmed-email",
}
SAM = PersonKey("T_HOME", "U_SAM")
ANYWHERE = PersonKey("", "U_SAM")
"""An account whose company nobody knows: it may be Sam's own."""


def passkey(owner: PersonKey, state: PasskeyState) -> Passkey:
    return Passkey("passkey-1", owner, b"credential", b"key", state)


@pytest.mark.parametrize("state", PasskeyState)
@pytest.mark.parametrize(
    ("owner", "linked", "is_own"),
    [
        (BOB, frozenset(), False),
        (SAM, frozenset(), True),
        (ANYWHERE, frozenset(), True),
        (BOB, frozenset({MALLORY}), False),
        (BOB, frozenset({BOB}), True),
        (MALLORY, frozenset({BOB, MALLORY}), True),
    ],
)
def test_step_up_a_passkey_is_let_count_by_somebody_else_of_security_while_it_waits(
    state: PasskeyState, owner: PersonKey, linked: frozenset[PersonKey], is_own: bool
) -> None:
    for group, broken in product(((), ("support",), ("security",)), ({}, *({flag: False} for flag in IDENTITY))):
        ruling = GATE.rule_on_enrolment(passkey(owner, state), person("U_SAM", *group, linked=linked, **broken))

        expected = {IDENTITY[flag] for flag in broken}
        expected |= {"core-no-own-passkey"} if is_own else set()
        expected |= {"core-no-settled-passkey"} if state is not PasskeyState.WAITING else set()
        assert ruling.is_allowed is (group == ("security",) and not expected)
        assert {one for one in ruling.policy_ids if one.startswith("core-")} == expected
        assert ruling.reason and ruling.reply


@pytest.mark.parametrize("state", PasskeyState)
@pytest.mark.parametrize(("owner", "is_own"), [(SAM, True), (BOB, False), (ANYWHERE, False)])
def test_a_passkey_is_taken_back_by_its_owner_or_by_security_unless_it_was_before(
    state: PasskeyState, owner: PersonKey, is_own: bool
) -> None:
    for group, broken in product(((), ("support",), ("security",)), ({}, *({flag: False} for flag in IDENTITY))):
        ruling = GATE.rule_on_revocation(passkey(owner, state), person("U_SAM", *group, **broken))

        expected = {IDENTITY[flag] for flag in broken}
        expected |= {"core-no-settled-passkey"} if state is PasskeyState.REVOKED else set()
        assert ruling.is_allowed is ((group == ("security",) or is_own) and not expected)
        assert {one for one in ruling.policy_ids if one.startswith("core-")} == expected
