"""A request that waits when the policy changes is kept only as it was shown, and only if the new one says yes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policy.engine import PolicyEngine
from policy.gate import Gate
from policy.terms import Agent, Choice, Person, Proposer, RequestFacts, RequestStatus, Ruling
from tests.policy.builders import DIGEST, NOW, PAT, SIGNER, approved, edit, note, person, policy_copy, request, vote

ANN = person("U_ANN", "security")
PATRICIA = person(PAT.user_id, "support")
HIGH = "[risk.high]\nquorum = 1\n"
KEEP = 'on_policy_change = "keep"\n'
BEFORE = {"policy_version": "the-version-before"}
NOT_FOR_SUPPORT = """
@id("support-proposes-no-revocation")
@reason("Planted: a new policy that takes proposing away.")
forbid (principal in Group::"support", action == Action::"propose", resource);
"""
NOT_FOR_ANN = """
@id("ann-decides-no-more")
@reason("Planted: a new policy that takes deciding away from one person.")
forbid (principal == Person::"T_HOME/U_ANN", action in Action::"decide", resource);
"""
NOT_UNATTENDED = """
@id("nothing-runs-unattended")
@reason("Planted: a new policy under which everything needs an approval.")
forbid (principal, action == Action::"runUnattended", resource);
"""


def gate_after(tmp_path: Path, *, settings: str = HIGH + KEEP, site: str = "", of_low_risk: str = "") -> Gate:
    folder = policy_copy(tmp_path)
    edit(folder / "settings.toml", HIGH, settings)
    edit(folder / "settings.toml", "[risk.medium]", f"{of_low_risk}[risk.medium]")
    (folder / "more.cedar").write_text(site)
    return Gate(PolicyEngine.load(folder), SIGNER)


def keeping(gate: Gate, about: RequestFacts, *people: Person, proposer: Proposer = PATRICIA, **changes: Any) -> Ruling:
    votes = [vote(one) for one in people]
    sight: dict[str, Any] = {"digest_now": DIGEST, "now": NOW} | changes
    return gate.rule_on_keeping(about, votes, {one.key: one for one in people}, proposer, **sight)


def kept(gate: Gate) -> dict[str, str]:
    """A request of the version before that this policy has kept."""
    return BEFORE | {"kept_under": gate.policy_version}


def may_vote(gate: Gate, about: RequestFacts, who: Person = ANN) -> Ruling:
    return gate.rule_on_vote(about, who, Choice.APPROVE, shown_digest=DIGEST, now=NOW)


def may_run(gate: Gate, about: RequestFacts, who: Person = ANN, proposer: Proposer | None = PATRICIA) -> Ruling:
    return gate.rule_on_run(about, [vote(who)], {who.key: who}, digest_now=DIGEST, now=NOW, proposer=proposer)


def test_what_the_settings_keep_is_voted_on_and_runs_as_it_was_shown(tmp_path: Path) -> None:
    gate = gate_after(tmp_path)

    assert keeping(gate, request(**BEFORE)).is_allowed
    assert may_vote(gate, request(**kept(gate))).is_allowed
    assert keeping(gate, approved(**BEFORE), ANN).is_allowed
    assert may_run(gate, approved(**kept(gate))).is_allowed


def test_threat_15_what_no_policy_has_kept_yet_is_decided_by_none_but_its_own(tmp_path: Path) -> None:
    gate = gate_after(tmp_path)

    others = ("another-version-still", BEFORE["policy_version"])
    for about in (BEFORE, *(BEFORE | {"kept_under": other} for other in others)):
        assert may_vote(gate, request(**about)).code == "core-no-other-policy"
        assert may_run(gate, approved(**about)).code == "core-no-other-policy"


@pytest.mark.parametrize("settings", [HIGH, HIGH + KEEP])
def test_threat_15_what_a_later_policy_kept_is_no_longer_decided_by_the_one_it_was_shown_under(
    tmp_path: Path, settings: str
) -> None:
    gate = gate_after(tmp_path, settings=settings)
    ours = {"policy_version": gate.policy_version}
    elsewhere = ours | {"kept_under": "the-version-after"}

    assert may_vote(gate, request(**ours)).is_allowed
    assert may_vote(gate, request(**elsewhere)).code == "core-no-other-policy"
    assert may_run(gate, approved(**elsewhere)).code == "core-no-other-policy"


def test_without_the_setting_nothing_outlives_its_policy_even_where_a_row_says_that_it_was_kept(tmp_path: Path) -> None:
    gate = gate_after(tmp_path, settings=HIGH)

    assert may_vote(gate, request(**kept(gate))).code == "core-no-other-policy"
    assert may_run(gate, approved(**kept(gate))).code == "core-no-other-policy"

    assert keeping(gate, request(**BEFORE)).code == "core-no-other-policy"
    assert may_vote(gate, request(**BEFORE)).code == "core-no-other-policy"
    assert may_run(gate, approved(**BEFORE)).code == "core-no-other-policy"


@pytest.mark.parametrize("settings", [HIGH.replace("1", "2") + KEEP, HIGH + KEEP + 'distinct_groups = ["security"]\n'])
def test_a_card_that_asks_for_less_than_the_new_policy_is_not_kept(tmp_path: Path, settings: str) -> None:
    gate = gate_after(tmp_path, settings=settings)

    assert keeping(gate, request(**BEFORE)).code == "more-is-asked-now"


@pytest.mark.parametrize(("site", "code"), [("", "permitted"), (NOT_UNATTENDED, "no-longer-unattended")])
def test_what_needed_nobodys_approval_is_kept_and_runs_only_if_it_still_needs_none(
    tmp_path: Path, site: str, code: str
) -> None:
    gate, triage = gate_after(tmp_path, site=site, of_low_risk=KEEP), Agent("triage")
    about = approved(note(), proposer=None, quorum=0, **BEFORE)

    assert keeping(gate, about, proposer=triage).is_allowed
    about = replace(about, kept_under=gate.policy_version)
    assert gate.rule_on_run(about, [], {}, digest_now=DIGEST, now=NOW, proposer=triage).code == code


def test_a_voter_whom_the_new_policy_does_not_let_decide_keeps_nothing_and_runs_nothing(tmp_path: Path) -> None:
    gate = gate_after(tmp_path, site=NOT_FOR_ANN)

    assert keeping(gate, request(**BEFORE)).is_allowed
    assert keeping(gate, request(**BEFORE), ANN).code == "ann-decides-no-more"
    assert may_vote(gate, request(**kept(gate))).code == "ann-decides-no-more"
    assert may_run(gate, approved(**kept(gate))).code == "ann-decides-no-more"


def test_what_could_no_longer_be_put_forward_is_not_kept_and_does_not_run(tmp_path: Path) -> None:
    gate = gate_after(tmp_path, site=NOT_FOR_SUPPORT)

    why = {"why": "Planted: a new policy that takes proposing away."}
    for ruling in (keeping(gate, request(**BEFORE)), may_run(gate, approved(**kept(gate)))):
        assert (ruling.code, ruling.details) == ("no-longer-proposable", why)


def test_a_proposer_who_is_not_the_one_or_is_not_there_keeps_nothing(tmp_path: Path) -> None:
    gate = gate_after(tmp_path)

    assert keeping(gate, request(**BEFORE), proposer=ANN).code == "proposer-unknown"
    assert keeping(gate, request(**BEFORE), proposer=Agent("triage")).code == "proposer-unknown"
    for proposed_by in (PAT, None):
        about = approved(proposer=proposed_by, **kept(gate))
        assert may_run(gate, about, proposer=None).code == "proposer-unknown"


def test_a_vote_that_does_not_verify_keeps_nothing(tmp_path: Path) -> None:
    gate = gate_after(tmp_path)
    forged = replace(vote(ANN), signature="0" * 64)

    ruling = gate.rule_on_keeping(request(**BEFORE), [forged], {ANN.key: ANN}, PATRICIA, digest_now=DIGEST, now=NOW)

    assert ruling.code == "vote-signature-broken"


def test_what_was_edited_or_has_lapsed_is_not_kept(tmp_path: Path) -> None:
    gate = gate_after(tmp_path)

    assert keeping(gate, request(**BEFORE), digest_now="another").code == "core-no-other-digest"
    assert keeping(gate, request(**BEFORE, expires_at=NOW)).code == "core-no-expired-request"
    assert keeping(gate, request(**BEFORE, status=RequestStatus.REJECTED)).code == "core-no-settled-request"


def test_a_moment_without_a_time_zone_keeps_nothing_and_says_why(tmp_path: Path) -> None:
    ruling = keeping(gate_after(tmp_path), request(**BEFORE), now=NOW.replace(tzinfo=None))

    assert (ruling.is_allowed, ruling.code) == (False, "gate-error")
    assert ruling.details == {"errors": ["can't compare offset-naive and offset-aware datetimes"]}
