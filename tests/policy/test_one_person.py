"""Ties between accounts and addresses: whoever is tied to somebody is tied to everybody they are tied to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.one_person import Mark, Ties, humans, own_address
from policy.terms import PersonKey
from tests.policy.builders import person

ANN, BEN, CEM = (PersonKey("T_HOME", f"U_{name}") for name in ("ANN", "BEN", "CEM"))
ANN_ELSEWHERE = PersonKey("E_GRID", "U_ANN")
MARKS: tuple[Mark, ...] = (
    ANN,
    BEN,
    CEM,
    PersonKey("T_HOME", "U_DIA"),
    "a@x.example",
    "b@x.example",
    "c@elsewhere.example",
)

ties = st.lists(st.tuples(st.sampled_from(MARKS), st.sampled_from(MARKS)), max_size=8)


def test_an_address_speaks_for_who_lives_at_it_alone() -> None:
    ann = person("U_ANN", email=" Ann@Home.EXAMPLE")

    assert own_address(ann) == "ann@home.example"
    for flag in ("is_home", "is_active", "is_human", "is_email_confirmed"):
        assert own_address(replace(ann, **{flag: False})) == "", flag
    assert own_address(replace(ann, email=None)) == ""
    # A guest of ours is no full member, and still who they are.
    assert own_address(replace(ann, is_full_member=False)) == "ann@home.example"


def test_two_accounts_at_one_address_are_each_others() -> None:
    found = Ties([(ANN, "a@x.example"), (BEN, "a@x.example"), (CEM, "c@elsewhere.example")])

    assert found.accounts == {ANN, BEN, CEM}
    assert found.accounts_of(ANN) == {BEN} and found.accounts_of(BEN) == {ANN} and found.accounts_of(CEM) == set()
    assert found.addresses_of(BEN) == {"a@x.example"} and found.addresses_of(CEM) == {"c@elsewhere.example"}
    assert found.human(ANN) == found.human("a@x.example") == found.human(BEN) != found.human(CEM)


def test_an_account_is_told_apart_by_its_user_id_alone() -> None:
    found = Ties([(ANN_ELSEWHERE, BEN)])

    assert found.human(ANN) == found.human(BEN)
    assert found.accounts_of(ANN) == {BEN}
    assert found.accounts_of(BEN) == {ANN_ELSEWHERE}


def test_an_address_that_is_empty_ties_nobody() -> None:
    found = Ties([(ANN, ""), ("", BEN)])

    assert found.human(ANN) != found.human(BEN)
    assert found.accounts_of(ANN) == found.addresses_of(ANN) == set()


def test_somebody_nothing_is_known_of_is_one_human() -> None:
    found = Ties()

    assert found.accounts == set() and found.accounts_of(ANN) == set() and found.addresses_of(ANN) == set()
    assert found.human(ANN) == found.human(ANN_ELSEWHERE) != found.human(BEN)


@given(ties)
def test_the_ties_are_those_that_joining_sets_gives(given_ties: list[tuple[Mark, Mark]]) -> None:
    found, sets = Ties(given_ties), [{mark} for mark in MARKS]
    for pair in given_ties:
        joined = [one for one in sets if one & set(pair)]
        sets = [one for one in sets if not one & set(pair)] + [set().union(*joined)]
    known = {mark for pair in given_ties for mark in pair}

    for one in sets:
        accounts = {mark for mark in one & known if isinstance(mark, PersonKey)}
        addresses = {mark for mark in one & known if isinstance(mark, str)}
        for mark in one:
            assert {other for other in MARKS if found.human(other) == found.human(mark)} == one
            if isinstance(mark, PersonKey):
                assert found.accounts_of(mark) == accounts - {mark}
                assert found.addresses_of(mark) == addresses


@pytest.mark.parametrize("by", ["account", "address"])
def test_accounts_are_one_human_whichever_of_them_knows_of_the_other(by: str) -> None:
    knows = {"linked": frozenset({BEN})} if by == "account" else {"linked_addresses": frozenset({" SHARED@x.example "})}
    ben = person("U_BEN", linked_addresses=frozenset({"shared@x.example"} if by == "address" else ()))

    found = humans([person("U_ANN", **knows), ben, person("U_CEM")])

    assert set(found) == {ANN, BEN, CEM}
    assert found[ANN] == found[BEN] != found[CEM]
