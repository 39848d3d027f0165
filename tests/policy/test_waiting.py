"""When somebody is told that a request still waits."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.engine import PolicyEngine
from policy.errors import PolicyUnusable
from policy.loading import RiskSettings
from policy.waiting import Nudge, Waiting, due_nudge, next_look
from tests.policy.builders import NOW, policy_copy

ASKED = RiskSettings(
    quorum=1, ttl_seconds=400, remind_after_seconds=100, escalate_after_seconds=200, escalate_to="security"
)
SILENT = RiskSettings(quorum=1, ttl_seconds=400)
NEW = Waiting(NOW, NOW + timedelta(seconds=400))


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "nudge"),
    [(99, None), (100, Nudge.REMINDER), (199, Nudge.REMINDER), (200, Nudge.ESCALATION), (5000, Nudge.ESCALATION)],
)
def test_what_is_due_is_the_latest_of_what_has_not_been_done(seconds: int, nudge: Nudge | None) -> None:
    assert due_nudge(NEW, ASKED, NOW + after(seconds)) is nudge


def test_a_site_that_asks_for_nothing_has_its_requests_looked_at_when_they_expire() -> None:
    assert next_look(NEW, SILENT) == NEW.expires_at
    assert due_nudge(NEW, SILENT, NOW + after(5000)) is None


def test_a_reminder_that_an_escalation_overtook_does_not_come_after_it() -> None:
    escalated = Waiting(NEW.created_at, NEW.expires_at, escalated_at=NOW + after(250))

    assert due_nudge(escalated, ASKED, NOW + after(300)) is None
    assert next_look(escalated, ASKED) == NEW.expires_at


@given(st.lists(st.integers(0, 600), max_size=30).map(sorted))
def test_each_is_done_once_at_most_whenever_somebody_looks(looks: list[int]) -> None:
    waiting, done = NEW, []
    for seconds in looks:
        now = NOW + after(seconds)
        nudge = due_nudge(waiting, ASKED, now)
        if nudge is not None:
            done.append(nudge)
            reminded = now if nudge is Nudge.REMINDER else waiting.reminded_at
            escalated = now if nudge is Nudge.ESCALATION else waiting.escalated_at
            waiting = Waiting(waiting.created_at, waiting.expires_at, reminded, escalated)
        assert next_look(waiting, ASKED) > now or now >= NEW.expires_at

    assert done in ([], [Nudge.REMINDER], [Nudge.ESCALATION], [Nudge.REMINDER, Nudge.ESCALATION])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("remind_after_seconds = 3600", "remind_after_seconds = 7200", "remind_after_seconds would never come"),
        ("escalate_after_seconds = 7200", "escalate_after_seconds = 14400", "make it less than ttl_seconds"),
        ("escalate_after_seconds = 7200", "", "go together"),
        ("remind_after_seconds = 3600", "remind_after_seconds = 1", "must be 60 or more"),
        ("remind_after_seconds = 3600", "reminder = 3600", "reminder"),
        ('escalate_to = "security"', 'escalate_to = "nobody"', "not in groups"),
    ],
)
def test_settings_that_could_never_come_true_are_refused_in_words(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    settings = policy_copy(tmp_path) / "settings.toml"
    assert old in settings.read_text()
    settings.write_text(settings.read_text().replace(old, new))

    with pytest.raises(PolicyUnusable) as refused:
        PolicyEngine.load(settings.parent)

    assert any(says in problem and problem.startswith("settings.toml") for problem in refused.value.problems)
