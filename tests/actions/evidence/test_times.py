"""Moments in all the forms that logs write: understood alike, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.evidence.times import Moment, understand

AT = datetime(2026, 3, 25, 13, 46, 11, tzinfo=UTC)
moments = st.datetimes(datetime(1974, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-25T13:46:11Z",
        "2026-03-25t13:46:11z",
        " 2026-03-25 14:46:11+01:00 ",
        "2026-03-25 13:46:11+00",
        "20260325T094611-0400",
        "2026-03-25T13:46:11.000000000Z",
        1774446371,
        1774446371.0,
        "1774446371",
        "1774446371.0",
        1774446371000,
        "1.774446371e12",
    ],
)
def test_one_moment_in_many_forms(value: str | float) -> None:
    assert understand(value) == Moment(AT)


def test_a_time_without_a_zone_is_utc_and_says_so() -> None:
    assert understand("2026-03-25T13:46:11") == Moment(AT, is_zone_assumed=True)


@pytest.mark.parametrize(
    "value",
    [
        None, True, "", "yesterday", "2026-03-25", "20260325", "13:46", "2026-02-30T00:00:00Z", "2026-03-25T13:46:60Z",
        "0001-01-01T00:00:00+14:00", "25/03/2026 13:46", 0, 5, -1774446371, 1774446371000000, 10**400,
        float("nan"), float("inf"), "９" * 10, [1774446371], {"at": 1774446371}, "1e99", "1" * 21,
    ],
)  # fmt: skip
def test_what_means_no_moment_is_not_guessed_at(value: object) -> None:
    assert understand(value) is None  # type: ignore[arg-type]  # anything at all is handed in


@given(moments, offsets)
def test_an_offset_never_moves_the_moment(at: datetime, offset: timezone) -> None:
    assert understand(at.astimezone(offset).isoformat()) == Moment(at)


@given(st.integers(10**8, 10**11 - 1))
def test_seconds_and_milliseconds_are_one(seconds: int) -> None:
    assert understand(seconds) == understand(str(seconds)) == understand(seconds * 1000)


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_whatever_is_written_never_raises(value: object) -> None:
    moment = understand(value)  # type: ignore[arg-type]  # anything at all is handed in

    assert moment is None or moment.at.utcoffset() == timedelta(0)
