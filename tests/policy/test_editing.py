"""Who may edit a waiting request: whoever could put it forward now, while it could still be decided."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.terms import Person, RequestFacts, RequestStatus, Ruling
from tests.policy.builders import DIGEST, GATE, MALLORY, NOW, action, person, request

SAM = person("U_SAM", "support")


def edit(facts: RequestFacts, editor: Person = SAM, **sight: Any) -> Ruling:
    return GATE.rule_on_edit(facts, editor, **{"digest_now": DIGEST, "now": NOW} | sight)


def test_whoever_may_propose_it_may_edit_it_also_who_proposed_it_and_who_asked() -> None:
    assert edit(request()).is_allowed
    assert edit(request(proposer=SAM.key)).is_allowed


@pytest.mark.parametrize("status", [one for one in RequestStatus if one is not RequestStatus.PENDING])
def test_only_what_waits_is_edited(status: RequestStatus) -> None:
    assert edit(request(status=status)).code == "core-no-settled-request"


@pytest.mark.parametrize(
    ("facts", "sight", "code"),
    [
        (request(), {"now": NOW + timedelta(hours=1)}, "core-no-expired-request"),
        (request(), {"digest_now": "e2" * 32}, "core-no-other-digest"),
        (request(digest=""), {"digest_now": ""}, "core-no-other-digest"),
        (request(policy_version="another"), {}, "core-no-other-policy"),
        (request(), {"now": NOW.replace(tzinfo=None)}, "gate-error"),
        (request(action(proposable_by=frozenset({"security"}))), {}, "core-no-unlisted-proposer"),
    ],
)
def test_what_could_not_be_decided_or_proposed_as_it_stands_is_not_edited(
    facts: RequestFacts, sight: dict[str, Any], code: str
) -> None:
    assert (edit(facts, **sight).is_allowed, edit(facts, **sight).code) == (False, code)


def test_an_edit_that_cannot_be_judged_is_refused_and_the_trail_has_why() -> None:
    ruling = edit(request(), now=NOW.replace(tzinfo=None))

    assert ruling.details == {"errors": ["can't compare offset-naive and offset-aware datetimes"]}


def test_who_is_in_no_group_may_not_edit_even_what_they_proposed() -> None:
    nobody = person("U_SAM")

    assert not edit(request(proposer=nobody.key), nobody).is_allowed


@given(
    st.sampled_from(RequestStatus),
    st.sampled_from(["is_home", "is_active", "is_full_member", "is_human", "is_email_confirmed", None]),
    st.sets(st.sampled_from(["support", "security"])),
    st.integers(-2, 2),
    st.booleans(),
)
def test_an_edit_is_let_through_only_where_everything_holds(
    status: RequestStatus, lacking: str | None, groups: set[str], hours: int, is_as_shown: bool
) -> None:
    editor = person("U_SAM", *groups, **({} if lacking is None else {lacking: False}))
    facts = request(status=status, expires_at=NOW + timedelta(hours=hours))

    ruling = edit(facts, editor, digest_now=DIGEST if is_as_shown else "e2" * 32)

    holds = status is RequestStatus.PENDING and lacking is None and bool(groups) and hours > 0 and is_as_shown
    assert ruling.is_allowed == holds


def test_an_outsider_learns_nothing_of_the_request() -> None:
    stranger = person(key=MALLORY, is_home=False)

    for status in RequestStatus:
        assert edit(request(status=status), stranger).code == "core-no-outsider"
