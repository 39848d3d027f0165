"""Signatures that hold for one exact vote, and a tally that counts people."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.errors import SigningKeyMissing
from policy.terms import Assertion, Choice, PersonKey, Tally, Vote
from policy.votes import VoteSigner, tally, vote_key_id
from tests.policy.builders import DIGEST, NOW, SIGNER, person, vote

CHANGES: dict[str, Any] = {
    "request_id": "request-2",
    "voter": PersonKey("T_HOME", "U_OTHER"),
    "choice": Choice.REJECT,
    "digest": "d2" * 32,
    "cast_at": NOW + timedelta(microseconds=1),
    "slack_request_id": "trigger-2",
    "reason": "because",
    "signature": "0" * 64,
    "key_id": "k2",
    "assertion": Assertion("link", b"credential", b"client", b"authenticator", b"signature"),
}


@pytest.mark.parametrize("name", [field.name for field in fields(Assertion)])
def test_what_a_passkey_signed_is_covered_by_the_votes_own_signature(name: str) -> None:
    confirmed = CHANGES["assertion"]
    signed = vote(person(), assertion=confirmed)
    other = replace(confirmed, **{name: "other" if name == "link" else b"other"})

    assert SIGNER.verify(signed)
    assert not SIGNER.verify(replace(signed, assertion=other))
    assert not SIGNER.verify(replace(signed, assertion=None))


def test_a_signed_vote_verifies() -> None:
    assert SIGNER.verify(vote(person()))


def test_a_signature_is_the_same_in_every_version_or_each_vote_that_waits_would_be_void() -> None:
    cast = Vote("request-1", PersonKey("T_HOME", "U_VOTER"), Choice.APPROVE, DIGEST, NOW, "trigger-1")

    signed = VoteSigner.of_secrets(b"\x02" * 32).sign(cast)

    assert signed.key_id == "b24c8a1a"
    assert signed.signature == "17d0fc53a871b4f7330d6fadb85aa589c7c9b2effcec0d3d75fc670ef81c5973"
    confirmed = VoteSigner.of_secrets(b"\x02" * 32).sign(replace(cast, assertion=CHANGES["assertion"]))
    assert confirmed.signature == "a2c8f5c38cc6fd94e551f40cac4b7df59e0f3c07e6e0dc56ed530f3a673a341f"


@pytest.mark.parametrize("name", [field.name for field in fields(Vote)])
def test_a_vote_changed_in_any_field_does_not_verify(name: str) -> None:
    both = VoteSigner({"k1": b"\x01" * 32, "k2": b"\x02" * 32}, "k1")
    changed = replace(vote(person(), signer=both), **{name: CHANGES[name]})

    assert not both.verify(changed)


def test_a_vote_read_back_in_another_time_zone_still_verifies() -> None:
    signed = vote(person())
    read_back = replace(signed, cast_at=signed.cast_at.astimezone(timezone(timedelta(hours=-7))))

    assert SIGNER.verify(read_back)


def test_an_old_key_verifies_what_it_signed_and_signs_nothing_new() -> None:
    old = VoteSigner({"2025": b"o" * 32}, "2025")
    rotated = VoteSigner({"2025": b"o" * 32, "2026": b"n" * 32}, "2026")
    signed_before = vote(person(), signer=old)

    assert rotated.verify(signed_before)
    assert vote(person(), signer=rotated).key_id == "2026"


def test_a_vote_under_a_key_that_was_taken_away_counts_no_more() -> None:
    old = VoteSigner({"2025": b"o" * 32}, "2025")
    rotated = VoteSigner({"2026": b"n" * 32}, "2026")

    assert not rotated.verify(vote(person(), signer=old))


def test_a_key_has_its_name_from_itself_and_gives_nothing_away_by_it() -> None:
    key, other = b"\x5a" * 32, b"\x5b" * 32

    assert vote(person(), signer=VoteSigner.of_secrets(key)).key_id == vote_key_id(key)
    assert vote_key_id(key) != vote_key_id(other)
    assert len(vote_key_id(key)) == 8 and vote_key_id(key) not in key.hex()


def test_keys_named_after_themselves_can_be_rotated() -> None:
    old, new = b"o" * 32, b"n" * 32
    rotated = VoteSigner.of_secrets(new, [old])

    assert rotated.verify(vote(person(), signer=VoteSigner.of_secrets(old)))
    assert vote(person(), signer=rotated).key_id == vote_key_id(new)
    assert not VoteSigner.of_secrets(new).verify(vote(person(), signer=VoteSigner.of_secrets(old)))


def test_a_vote_from_before_keys_had_names_verifies_with_whichever_known_key_signed_it() -> None:
    then, now = b"t" * 32, b"n" * 32
    signed_then = vote(person(), signer=VoteSigner({"v1": then}, "v1"))

    assert VoteSigner.of_secrets(then).verify(signed_then)
    assert VoteSigner.of_secrets(now, [b"o" * 32, then]).verify(signed_then)
    assert not VoteSigner.of_secrets(now).verify(signed_then)
    # Where a key does have this name, the vote is that key's or nobody's.
    assert not VoteSigner({"v1": now, "k2": then}, "k2").verify(signed_then)


@pytest.mark.parametrize("key_id", ["v1", "", "v2"])
def test_a_vote_of_a_known_key_under_a_name_it_was_not_signed_with_does_not_verify(key_id: str) -> None:
    signer = VoteSigner.of_secrets(b"n" * 32)

    assert not signer.verify(replace(vote(person(), signer=signer), key_id=key_id))


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": "ünïcode"},
        {"signature": ""},
        {"signature": "\ud800"},
        {"reason": "\ud800"},
        {"cast_at": datetime(2026, 1, 1)},
    ],
)
def test_a_vote_that_makes_no_sense_is_false_and_not_an_error(changes: dict[str, Any]) -> None:
    assert SIGNER.verify(replace(vote(person()), **changes)) is False


def test_it_says_which_names_of_keys_it_could_check() -> None:
    assert SIGNER.knows("k1") is True and SIGNER.knows("v1") is True
    assert SIGNER.knows("k2") is False and SIGNER.knows("") is False


def test_a_signer_without_its_current_key_is_refused() -> None:
    with pytest.raises(SigningKeyMissing, match="'k2'"):
        VoteSigner({"k1": b"\x01" * 32}, "k2")


def test_a_key_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(SigningKeyMissing, match="shorter than 32 bytes"):
        VoteSigner({"k1": b"secret"}, "k1")


def test_the_same_person_approving_twice_is_one_approval() -> None:
    sam = person("U_SAM")

    assert tally([vote(sam), vote(sam, slack_request_id="trigger-2")], 2) is Tally.PENDING


def test_one_rejection_is_final_however_many_approve() -> None:
    votes = [vote(person("U_A")), vote(person("U_B")), vote(person("U_C"), choice=Choice.REJECT)]

    assert tally(votes, 1) is Tally.REJECTED


def test_no_votes_are_never_enough() -> None:
    assert tally([], 1) is Tally.PENDING


def test_votes_are_not_added_up_for_a_request_that_needs_none() -> None:
    with pytest.raises(ValueError, match="needs some"):
        tally([], 0)


@given(st.lists(st.sampled_from("ABCD"), max_size=8), st.integers(1, 4))
def test_approvals_are_enough_exactly_when_enough_different_people_gave_one(who: list[str], quorum: int) -> None:
    outcome = tally([vote(person(name)) for name in who], quorum)

    assert outcome is (Tally.APPROVED if len(set(who)) >= quorum else Tally.PENDING)


def test_a_seal_holds_for_one_kind_of_thing_one_body_and_one_key() -> None:
    key_id, seal = SIGNER.seal(b"one.kind\n", b"body")

    assert key_id == "k1" and len(seal) == 64
    assert SIGNER.holds(b"one.kind\n", b"body", seal, key_id) is True
    for domain, body, text, name in [
        (b"other.kind\n", b"body", seal, key_id),
        (b"one.kind\n", b"another", seal, key_id),
        (b"one.kind\n", b"body", "0" * 64, key_id),
        (b"one.kind\n", b"body", seal, "k2"),
        (b"one.kind\n", b"body", "\ud800", key_id),
    ]:
        assert SIGNER.holds(domain, body, text, name) is False
