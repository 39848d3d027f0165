"""A policy of the site may look at the hour and the weekday, in the time zone that its settings name."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from policy.cases import run_cases
from policy.engine import PolicyEngine
from policy.entities import decision_context
from policy.errors import PolicyUnusable
from policy.gate import Gate
from policy.loading import SETTINGS_FILE
from policy.terms import Choice, Ruling
from tests.policy.builders import DIGEST, SIGNER, approved, edit, person, policy_copy, request, vote

ANN = person("U_ANN", "security")
OFFICE_HOURS = """
// Harm: somebody who is not at work approves what they are woken for without reading it.
@id("approvals-in-office-hours")
@reason("High risk is approved on weekdays from seven to six.")
forbid (principal, action == Action::"approve", resource)
when { resource.risk == Risk::"high" }
unless { context.weekday <= 5 && context.hour >= 7 && context.hour < 18 };
"""
CASE = {
    "shows": "approvals-in-office-hours",
    "why": "Nobody approves at six in the evening.",
    "do": "approve",
    "by": {"groups": ["security"]},
    "hour": 18,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped policy, with office hours in Berlin."""
    copy = policy_copy(tmp_path)
    (copy / "hours.cedar").write_text(OFFICE_HOURS)
    (copy / "cases" / "DENY" / "nobody-approves-in-the-evening.json").write_text(json.dumps(CASE))
    edit(copy / SETTINGS_FILE, 'time_zone = "UTC"', 'time_zone = "Europe/Berlin"')
    return copy


def approving(gate: Gate, now: datetime, choice: Choice = Choice.APPROVE) -> Ruling:
    about = request(policy_version=gate.policy_version, expires_at=now + timedelta(hours=1))
    return gate.rule_on_vote(about, ANN, choice, shown_digest=DIGEST, now=now)


@pytest.mark.parametrize(
    ("now", "is_allowed"),
    [
        # Wednesday in winter, when Berlin is one hour ahead of UTC
        (datetime(2026, 1, 14, 5, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 1, 14, 6, 0, tzinfo=UTC), True),
        (datetime(2026, 1, 14, 16, 59, 59, 999999, tzinfo=UTC), True),
        (datetime(2026, 1, 14, 17, 0, tzinfo=UTC), False),
        # and in summer, when it is two
        (datetime(2026, 7, 15, 5, 0, tzinfo=UTC), True),
        (datetime(2026, 7, 15, 16, 0, tzinfo=UTC), False),
        # a moment that is Friday in UTC and Saturday in Berlin, and one the other way round
        (datetime(2026, 7, 17, 22, 30, tzinfo=UTC), False),
        (datetime(2026, 7, 18, 12, 0, tzinfo=UTC), False),
        # the same moment, given in another zone
        (datetime(2026, 1, 14, 6, 0, tzinfo=UTC).astimezone(ZoneInfo("Asia/Tokyo")), True),
    ],
)
def test_an_approval_counts_in_the_sites_own_hours(folder: Path, now: datetime, is_allowed: bool) -> None:
    gate = Gate(PolicyEngine.load(folder), SIGNER)

    ruling = approving(gate, now)

    assert ruling.is_allowed is is_allowed
    assert is_allowed or ruling.code == "approvals-in-office-hours"
    assert approving(gate, now, Choice.REJECT).is_allowed


def test_what_was_approved_in_time_runs_when_its_turn_comes(folder: Path) -> None:
    gate, evening = Gate(PolicyEngine.load(folder), SIGNER), datetime(2026, 1, 14, 17, 0, 1, tzinfo=UTC)
    about = approved(policy_version=gate.policy_version, expires_at=evening + timedelta(hours=1))

    ruling = gate.rule_on_run(about, [vote(ANN)], {ANN.key: ANN}, digest_now=DIGEST, now=evening)

    assert ruling.is_allowed


def test_a_case_says_the_hour_and_the_weekday(folder: Path) -> None:
    assert run_cases(PolicyEngine.load(folder), folder) == ()

    edit(folder / "hours.cedar", "context.hour < 18", "context.hour < 19")

    assert any("nobody-approves-in-the-evening" in one for one in run_cases(PolicyEngine.load(folder), folder))


@pytest.mark.parametrize("name", ["Berlin", "Europe", "", "../UTC", "/etc/localtime", "Europe/Berlin\x00"])
def test_a_time_zone_that_is_none_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    folder = policy_copy(tmp_path)
    edit(folder / SETTINGS_FILE, 'time_zone = "UTC"', f"time_zone = {json.dumps(name)}")

    with pytest.raises(PolicyUnusable, match=r"settings\.toml:\d+: time_zone: .*no time zone here; write a name as"):
        PolicyEngine.load(folder)


def test_a_moment_without_a_time_zone_has_no_hour() -> None:
    with pytest.raises(TypeError):
        decision_context(
            shown_digest=DIGEST, policy_version="1", now=datetime(2026, 1, 14), zone=UTC, asks_for_passkey=False
        )
