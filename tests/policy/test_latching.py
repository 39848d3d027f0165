"""Where the latch stands: what sets it, who lets go of it, and what it holds back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.case_terms import Evidence
from policy.errors import LatchHolds
from policy.latch import assess
from policy.latching import MOVES, HeldBack, Latch, LatchEvent, LatchState, may_update_customer, move, release, weigh
from policy.terms import Person, PersonKey
from tests.policy.case_evidence import entry, read, row

NOW = datetime(2026, 3, 25, 14, 0, tzinfo=UTC)
ERIN = Person(
    PersonKey("T1", "U-ERIN"),
    "T1",
    "Erin",
    "Corp",
    "erin@corp.example",
    is_home=True,
    is_active=True,
    is_full_member=True,
    is_human=True,
    is_email_confirmed=True,
    groups=frozenset({"security"}),
)
CARLA = replace(ERIN, key=PersonKey("T1", "U-CARLA"), email="carla@corp.example")


def latch(*evidence: Evidence, before: Latch | None = None) -> Latch:
    return weigh(before or Latch(), assess(evidence))


def let_go(held: Latch, by: Person = ERIN, reason: str = "The clock of the proxy was wrong.") -> Latch:
    return release(held, by, reason, NOW, held.marks)


SET = latch(entry(), row())


def test_the_table_of_moves_is_exactly_this_one() -> None:
    assert {str(one): {str(event): str(to) for event, to in moves.items()} for one, moves in MOVES.items()} == {
        "clear": {"fired": "set"},
        "set": {"fired": "set", "released": "released"},
        "released": {"fired": "set"},
    }


@pytest.mark.parametrize("state", [LatchState.CLEAR, LatchState.RELEASED])
def test_what_is_not_set_cannot_be_released(state: LatchState) -> None:
    with pytest.raises(LatchHolds, match=state.value):
        move(state, LatchEvent.RELEASED)
    with pytest.raises(LatchHolds):
        let_go(Latch(state))


def test_a_latch_without_a_reason_holds_nothing_back() -> None:
    assert latch(entry()) == Latch()
    assert not Latch().holds_back
    assert not Latch().handoff_due


def test_a_set_latch_holds_back_and_a_handoff_is_due() -> None:
    assert SET.state is LatchState.SET
    assert SET.holds_back == set(HeldBack)
    assert SET.handoff_due


def test_a_set_latch_stays_set_whatever_comes_later() -> None:
    cleared = latch(entry(status="active", deprovisioned_at=None), row(), before=SET)

    assert cleared == SET
    assert weigh(SET, assess([])) == SET


def test_a_reason_that_grows_takes_the_place_of_the_smaller_one() -> None:
    grown = latch(entry(), row(), row("r2", principal="carla@corp.example"), before=SET)

    assert [one.evidence for one in grown.reasons] == [("d1", "r1", "r2")]


def test_a_release_keeps_who_when_why_and_of_what() -> None:
    released = let_go(SET)

    assert released.state is LatchState.RELEASED
    assert not released.holds_back
    [kept] = released.releases
    assert (kept.by, kept.at, kept.reason, kept.reasons) == (
        ERIN.key,
        NOW,
        "The clock of the proxy was wrong.",
        SET.reasons,
    )


def test_the_same_evidence_does_not_set_a_released_latch_again_even_if_it_is_retrieved_again() -> None:
    released = let_go(SET)

    assert latch(entry(), row(), before=released) == released
    assert latch(entry("d9", entitled=True), row("r9"), before=released) == released


@pytest.mark.parametrize(
    "more", [row("r2", at="2026-03-02T00:00:00Z"), read("a1"), row("r2", object="case/10"), entry("d2", entitled=None)]
)
def test_new_evidence_sets_a_released_latch_again(more: Evidence) -> None:
    again = latch(entry(), row(), more, before=let_go(SET))

    assert again.state is LatchState.SET
    assert len(again.releases) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"groups": frozenset()},
        {"groups": frozenset({"support"})},
        {"is_home": False},
        {"is_active": False},
        {"is_full_member": False},
        {"is_human": False},
    ],
)
def test_threat_only_a_person_of_security_releases_it(other: dict[str, Any]) -> None:
    with pytest.raises(LatchHolds, match="not of security"):
        let_go(SET, replace(ERIN, **other))
    assert not may_update_customer(SET, [replace(ERIN, **other)])


@pytest.mark.parametrize(
    "one",
    [
        CARLA,
        replace(ERIN, linked_addresses=frozenset({"carla@corp.example"})),
        replace(ERIN, email=" CARLA@corp.example"),
        replace(ERIN, key=PersonKey("T1", "CON-7")),
        replace(ERIN, linked=frozenset({PersonKey("T2", "con-7")})),
    ],
)
def test_threat_nobody_releases_a_latch_that_is_about_them(one: Person) -> None:
    with pytest.raises(LatchHolds, match="about"):
        let_go(SET, one)
    assert not may_update_customer(SET, [one])


@pytest.mark.parametrize("reason", ["", "  \n\t"])
def test_a_release_needs_a_reason(reason: str) -> None:
    with pytest.raises(LatchHolds, match="reason"):
        let_go(SET, reason=reason)


def test_threat_a_reason_that_came_meanwhile_is_not_released_unread() -> None:
    grown = latch(entry(), row(), row("r2", object="case/10"), before=SET)

    with pytest.raises(LatchHolds, match="seen"):
        release(grown, ERIN, "seen it", NOW, SET.marks)


def test_a_customer_update_needs_security_while_it_is_set_and_only_then() -> None:
    support = replace(ERIN, groups=frozenset({"support"}))

    assert may_update_customer(SET, [support, ERIN])
    assert not may_update_customer(SET, [support])
    assert not may_update_customer(SET, [])
    assert may_update_customer(Latch(), [])
    assert may_update_customer(let_go(SET), [support])


PIECES = st.lists(
    st.sampled_from(
        [
            entry(),
            entry("d2", deprovisioned_at=None),
            entry("d3", status="active", deprovisioned_at=None),
            row(),
            row("r2", at="2026-01-01T00:00:00Z"),
            row("r3", at=None),
            read(),
            read("a2", action="retention"),
        ]
    ),
    max_size=6,
)
STEPS = st.lists(PIECES | st.sampled_from(["release", "no reason", "outsider"]), max_size=8)


@settings(max_examples=300)
@given(STEPS)
def test_nothing_but_a_full_release_ever_lets_go(steps: list[list[Evidence] | str]) -> None:
    held, evidence = Latch(), list[Evidence]()
    for step in steps:
        before = held
        if isinstance(step, list):
            evidence += step
            held = latch(*evidence, before=held)
            assert before.marks <= held.marks
        else:
            who = replace(ERIN, is_home=False) if step == "outsider" else ERIN
            try:
                held = let_go(held, who, "" if step == "no reason" else "looked at")
            except LatchHolds:
                continue
            assert (step, before.state) == ("release", LatchState.SET)
        if before.state is LatchState.SET and step != "release":
            assert held.state is LatchState.SET
        assert latch(*evidence, before=held) == held
