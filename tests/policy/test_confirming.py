"""The gate and passkeys: what confirms a vote, and that nothing else does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.settings import SettingsError, read_settings
from policy.confirming import MISSING, NO_SITE, UNKNOWN, UNSEALED
from policy.engine import PolicyEngine
from policy.errors import PolicyUnusable
from policy.gate import Gate
from policy.passkeys import Passkey, PasskeyState, Site, sealed
from policy.terms import Assertion, Choice, Risk, Ruling, Vote
from tests.passkeys import SITE, Authenticator, assertion_for
from tests.policy.builders import DIGEST, ENGINE, NOW, SIGNER, action, approved, edit, person, policy_copy, request

GATE = Gate(ENGINE, SIGNER, SITE)
ANN, BEN = person("U_ANN", "security"), person("U_BEN", "security")
DEVICES = {one.key: Authenticator() for one in (ANN, BEN)}
PASSKEYS = [
    sealed(
        Passkey(key.user_id, key, device.credential_id, device.public_key, PasskeyState.WAITING),
        SIGNER,
        approved_by="operator:test",
    )
    for key, device in DEVICES.items()
]
CRITICAL = action(risk=Risk.CRITICAL)
WAITING, APPROVED = request(CRITICAL, quorum=2), approved(CRITICAL, quorum=2)


def vote_of(who: Any, **changes: Any) -> Vote:
    """A vote on the critical request, confirmed and signed."""
    cast = Vote("request-1", who.key, Choice.APPROVE, DIGEST, NOW, "trigger-1")
    confirmed = replace(cast, assertion=assertion_for(cast, DEVICES[who.key]))
    return SIGNER.sign(replace(confirmed, **changes))


def run(votes: list[Vote], passkeys: list[Passkey] = PASSKEYS, gate: Gate = GATE) -> Ruling:
    people = {ANN.key: ANN, BEN.key: BEN}
    return gate.rule_on_run(APPROVED, votes, people, digest_now=DIGEST, now=NOW, passkeys=passkeys)


def cast(assertion: Assertion | None, passkeys: list[Passkey] = PASSKEYS, choice: Choice = Choice.APPROVE) -> Ruling:
    return GATE.rule_on_vote(WAITING, ANN, choice, shown_digest=DIGEST, now=NOW, assertion=assertion, passkeys=passkeys)


def test_two_confirmed_votes_run_and_one_that_is_not_stops_it() -> None:
    confirmed, bare = vote_of(BEN), SIGNER.sign(replace(vote_of(ANN), assertion=None))

    assert run([vote_of(ANN), confirmed]).is_allowed
    ruling = run([bare, confirmed])
    assert ruling.code == "core-no-unconfirmed-vote" and MISSING in ruling.reason
    assert ruling.details["voter"] == str(ANN.key)


def test_without_a_public_address_nothing_is_confirmed() -> None:
    ruling = run([vote_of(ANN), vote_of(BEN)], gate=Gate(ENGINE, SIGNER))

    assert ruling.code == "core-no-unconfirmed-vote" and NO_SITE in ruling.reason


def test_a_click_alone_votes_against_and_not_for() -> None:
    assert cast(None).code == "core-no-unconfirmed-vote"
    assert cast(None, choice=Choice.REJECT).is_allowed
    assert GATE.rule_on_click(WAITING, ANN, Choice.APPROVE, shown_digest=DIGEST, now=NOW).is_allowed


@pytest.mark.parametrize("state", [PasskeyState.WAITING, PasskeyState.REVOKED])
def test_only_a_passkey_that_counts_confirms(state: PasskeyState) -> None:
    mine, others = PASSKEYS
    about = vote_of(ANN).assertion

    assert cast(about).is_allowed
    assert cast(about, [replace(mine, state=state), others]).code == "core-no-unconfirmed-vote"
    assert UNSEALED in cast(about, [replace(mine, approved_by="T_HOME/U_EVE"), others]).reason
    assert UNKNOWN in cast(about, [replace(mine, owner=BEN.key), others]).reason
    assert UNKNOWN in cast(about, []).reason


@given(st.data())
def test_no_changed_bit_of_what_was_signed_is_good_for_anything(data: st.DataObject) -> None:
    good = vote_of(ANN).assertion
    assert good is not None
    name = data.draw(st.sampled_from(["credential_id", "client_data", "authenticator_data", "signature"]))
    value = bytearray(getattr(good, name))
    value[data.draw(st.integers(0, 9999)) % len(value)] ^= 1 << data.draw(st.integers(0, 7))

    assert cast(good).is_allowed
    assert not cast(replace(good, **{name: bytes(value)})).is_allowed
    assert not cast(replace(good, link=good.link[::-1] + "x")).is_allowed


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=80))
def test_whatever_bytes_come_they_are_answered_and_refused(client: bytes, authenticator: bytes, signed: bytes) -> None:
    made = Assertion("link", DEVICES[ANN.key].credential_id, client, authenticator, signed)

    assert cast(made).code == "core-no-unconfirmed-vote"


def test_a_person_who_claims_to_have_confirmed_has_not() -> None:
    claiming = replace(ANN, has_confirmed=True)

    ruling = GATE.rule_on_vote(WAITING, claiming, Choice.APPROVE, shown_digest=DIGEST, now=NOW)
    at_the_run = GATE.rule_on_run(
        APPROVED,
        [SIGNER.sign(replace(vote_of(ANN), assertion=None)), vote_of(BEN)],
        {ANN.key: claiming, BEN.key: BEN},
        digest_now=DIGEST,
        now=NOW,
        passkeys=PASSKEYS,
    )

    assert ruling.code == at_the_run.code == "core-no-unconfirmed-vote"


def test_step_up_is_a_setting_of_each_risk_and_never_less_for_more(tmp_path: Any) -> None:
    folder = policy_copy(tmp_path)
    assert [risk for risk in Risk if ENGINE.asks_for_passkey(risk)] == [Risk.CRITICAL]

    edit(folder / "settings.toml", 'step_up = "passkey"\n', "")
    assert PolicyEngine.load(folder).asks_for_passkey(Risk.CRITICAL), "left out, it is asked for"
    edit(folder / "settings.toml", "[risk.high]\n", '[risk.high]\nstep_up = "passkey"\n')
    assert PolicyEngine.load(folder).asks_for_passkey(Risk.HIGH)
    edit(folder / "settings.toml", "[risk.critical]\n", '[risk.critical]\nstep_up = "none"\n')
    with pytest.raises(PolicyUnusable, match="high risk asks for a passkey"):
        PolicyEngine.load(folder)
    edit(folder / "settings.toml", 'step_up = "none"', 'step_up = "sms"')
    with pytest.raises(PolicyUnusable, match="step_up"):
        PolicyEngine.load(folder)


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://desk.example.com", Site("https://desk.example.com", "desk.example.com")),
        ("https://Desk.example.com:443/", Site("https://desk.example.com", "desk.example.com")),
        ("https://desk.example.com:8443", Site("https://desk.example.com:8443", "desk.example.com")),
        ("http://localhost:8080", Site("http://localhost:8080", "localhost")),
        *((wrong, None) for wrong in (
            "http://desk.example.com", "https://10.0.0.1", "https://[::1]", "https://desk.example.com/x", "desk",
            "https://u:p@desk.example.com", "https://desk.example.com?x", "https://desk.example.com:x", "https://",
        )),
    ],
)  # fmt: skip
def test_the_public_address_is_one_that_browsers_allow_passkeys_on(url: str, site: Site | None) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"COUNTERSIGN_PUBLIC_URL": url})

    named = any(problem.startswith("COUNTERSIGN_PUBLIC_URL") for problem in caught.value.problems)
    assert named is (site is None)
