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
from policy.terms import Agent, Assertion, Choice, RequestStatus, Risk, Ruling, Vote
from tests.passkeys import SITE, Authenticator, assertion_for
from tests.policy.builders import (
    DIGEST,
    ENGINE,
    MALLORY,
    NOW,
    SIGNER,
    action,
    approved,
    edit,
    person,
    policy_copy,
    request,
)

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
CONFIRMED_BY_ALL = """
@id("all-is-confirmed")
@reason("Planted: every approval is confirmed with a passkey, and so is every run.")
forbid (principal is Person, action in [Action::"approve", Action::"run"], resource) unless { principal.hasConfirmed };
"""
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


@pytest.mark.parametrize("choice", list(Choice))
@pytest.mark.parametrize("risk", [Risk.LOW, Risk.MEDIUM, Risk.HIGH, Risk.CRITICAL])
def test_what_is_handed_in_has_to_hold_whatever_the_risk_asks_for(risk: Risk, choice: Choice) -> None:
    waiting = request(action(risk=risk), quorum=2)
    bare = Vote("request-1", ANN.key, choice, DIGEST, NOW, "trigger-1")
    good = assertion_for(bare, DEVICES[ANN.key])

    def ruled(assertion: Assertion) -> Ruling:
        return GATE.rule_on_vote(
            waiting, ANN, choice, shown_digest=DIGEST, now=NOW, assertion=assertion, passkeys=PASSKEYS
        )

    assert ruled(good).is_allowed
    assert ruled(replace(good, signature=b"junk")).code == "core-no-unconfirmed-vote"


def test_both_gates_judge_what_is_handed_in_beside_whatever_else_is_wrong() -> None:
    mallory, lent = person("U_MALLORY", "security", key=MALLORY), vote_of(ANN).assertion

    for assertion, broken in ((None, ()), (lent, ("core-no-unconfirmed-vote",))):
        ruling = GATE.rule_on_vote(
            request(), mallory, Choice.APPROVE, shown_digest=DIGEST, now=NOW, assertion=assertion, passkeys=PASSKEYS
        )
        assert ruling.policy_ids == ("core-no-requester", *broken)


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


def test_a_vote_without_a_confirmation_is_not_made_good_by_another_of_the_same_person() -> None:
    bare = SIGNER.sign(replace(vote_of(ANN), assertion=None))

    for votes in ([bare, vote_of(ANN), vote_of(BEN)], [vote_of(ANN), bare, vote_of(BEN)]):
        ruling = run(votes)
        assert (ruling.code, ruling.details) == ("core-no-unconfirmed-vote", {"voter": str(ANN.key)})
        assert MISSING in ruling.reason


def test_what_a_passkey_signed_counts_once_when_the_vote_is_cast_and_still_counts_at_the_run() -> None:
    once = vote_of(ANN).assertion
    assert once is not None and once.sign_count > 0
    noted = [replace(PASSKEYS[0], sign_count=once.sign_count), PASSKEYS[1]]

    assert cast(once).is_allowed
    assert cast(once, noted).code == "core-no-unconfirmed-vote"
    assert run([vote_of(ANN, assertion=once), vote_of(BEN)], noted).is_allowed


def test_a_part_of_the_bot_is_refused_as_one_also_where_a_passkey_is_asked_for() -> None:
    ruling = GATE.rule_on_vote(WAITING, Agent("triage"), Choice.APPROVE, shown_digest=DIGEST, now=NOW)

    assert (ruling.is_allowed, ruling.code) == (False, "core-no-agent")


def test_who_could_approve_once_they_confirm_it_is_named_on_the_card() -> None:
    assert GATE.eligible(WAITING, [ANN, person("U_SUP", "support"), BEN], now=NOW) == (ANN, BEN)


def test_a_rule_of_the_sites_own_may_ask_for_a_confirmation_where_the_settings_do_not(tmp_path: Any) -> None:
    folder = policy_copy(tmp_path)
    (folder / "more.cedar").write_text(CONFIRMED_BY_ALL)
    gate = Gate(PolicyEngine.load(folder), SIGNER, SITE)
    waiting = request(policy_version=gate.policy_version)
    about = replace(waiting, status=RequestStatus.APPROVED)
    confirmed, claiming = vote_of(ANN), replace(ANN, has_confirmed=True)

    for assertion, code in ((confirmed.assertion, "permitted"), (None, "all-is-confirmed")):
        at_the_vote = gate.rule_on_vote(
            waiting, claiming, Choice.APPROVE, shown_digest=DIGEST, now=NOW, assertion=assertion, passkeys=PASSKEYS
        )
        votes = [SIGNER.sign(replace(confirmed, assertion=assertion))]
        at_the_run = gate.rule_on_run(about, votes, {ANN.key: claiming}, digest_now=DIGEST, now=NOW, passkeys=PASSKEYS)
        assert at_the_vote.code == at_the_run.code == code


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
