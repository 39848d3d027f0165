"""What the trail tells, and what became of a request's twin, in the decision: every combination."""

from __future__ import annotations

from itertools import product

import pytest

from policy.invariants import Step
from policy.terms import Choice, RequestStatus
from tests.policy.builders import DIGEST, GATE, NOW, approved, person, request, vote

ANN = person("U_ANN", "security")


@pytest.mark.parametrize(("matches", "is_rejected", "step"), list(product((True, False), (True, False), Step)))
def test_threat_21_a_contradicted_request_or_a_rejected_ones_twin_lets_nothing_happen(
    matches: bool, is_rejected: bool, step: Step
) -> None:
    about = {"matches_trail": matches, "was_rejected_meanwhile": is_rejected}
    expected = {
        (True, False): "permitted",
        (True, True): "permitted" if step is Step.REJECT else "core-no-rejected-twin",
    }.get((matches, is_rejected), "core-no-contradicted-request")

    if step is Step.RUN:
        ruling = GATE.rule_on_run(approved(**about), [vote(ANN)], {ANN.key: ANN}, digest_now=DIGEST, now=NOW)
    else:
        ruling = GATE.rule_on_vote(request(**about), ANN, Choice(step), shown_digest=DIGEST, now=NOW)

    assert ruling.is_allowed is (expected == "permitted")
    assert ruling.is_allowed or ruling.code == expected


def test_threat_21_a_contradicted_request_cannot_be_withdrawn_or_kept() -> None:
    forged = request(proposer=ANN.key, matches_trail=False)

    assert GATE.rule_on_withdrawal(forged, ANN).code == "core-no-contradicted-request"
    kept = GATE.rule_on_keeping(forged, [], {}, ANN, digest_now=DIGEST, now=NOW)
    assert kept.code == "core-no-contradicted-request"
    assert GATE.rule_on_withdrawal(request(proposer=ANN.key), ANN).is_allowed


@pytest.mark.parametrize("status", RequestStatus)
def test_threat_22_whatever_a_row_says_a_request_that_its_trail_contradicts_is_refused_first(
    status: RequestStatus,
) -> None:
    ruling = GATE.rule_on_vote(
        request(status=status, matches_trail=False), ANN, Choice.APPROVE, shown_digest=DIGEST, now=NOW
    )

    assert ruling.code == "core-no-contradicted-request"
