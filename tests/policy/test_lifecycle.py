"""The table of moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.errors import IllegalMove
from policy.lifecycle import MOVES, PROPOSABLE_AGAIN, TERMINAL, RequestEvent, first_status, move
from policy.terms import RequestStatus, Verdict

ENDED = {
    RequestStatus.EXECUTED,
    RequestStatus.FAILED,
    RequestStatus.REJECTED,
    RequestStatus.EXPIRED,
    RequestStatus.DENIED,
    RequestStatus.WITHDRAWN,
    RequestStatus.VOID,
}


def walk(status: RequestStatus, events: list[RequestEvent]) -> list[RequestStatus]:
    """Where a request has been, ignoring what it refused."""
    path = [status]
    for event in events:
        try:
            path.append(move(path[-1], event))
        except IllegalMove:
            continue
    return path


EVENTS = st.lists(st.sampled_from(RequestEvent), max_size=12)


def test_every_status_has_its_row() -> None:
    assert set(MOVES) == set(RequestStatus)


def test_the_ended_states_are_the_ones_we_think() -> None:
    assert TERMINAL == ENDED


def test_after_neither_a_no_nor_an_effect_the_same_may_be_proposed_again() -> None:
    assert ENDED - {RequestStatus.REJECTED, RequestStatus.EXECUTED} == PROPOSABLE_AGAIN


@pytest.mark.parametrize("status", sorted(ENDED))
@pytest.mark.parametrize("event", RequestEvent)
def test_a_request_that_has_ended_stays_ended(status: RequestStatus, event: RequestEvent) -> None:
    with pytest.raises(IllegalMove, match=status.value):
        move(status, event)


@given(st.sampled_from(RequestStatus), EVENTS)
def test_whatever_happens_an_ended_request_moves_no_more(start: RequestStatus, events: list[RequestEvent]) -> None:
    path = walk(start, events)

    assert not any(status in ENDED for status in path[:-1])


@given(EVENTS)
def test_a_request_runs_at_most_once_whatever_happens(events: list[RequestEvent]) -> None:
    path = walk(RequestStatus.PENDING, events)

    assert path.count(RequestStatus.RUNNING) <= 1


@given(EVENTS)
def test_nothing_runs_that_was_not_approved_first(events: list[RequestEvent]) -> None:
    path = walk(RequestStatus.PENDING, events)

    if RequestStatus.RUNNING in path:
        assert path[path.index(RequestStatus.RUNNING) - 1] is RequestStatus.APPROVED


def test_a_running_request_can_no_longer_be_rejected_or_lapse() -> None:
    for event in (RequestEvent.REJECTED, RequestEvent.LAPSED, RequestEvent.OUTDATED, RequestEvent.STARTED):
        with pytest.raises(IllegalMove):
            move(RequestStatus.RUNNING, event)


def test_an_unknown_outcome_is_settled_by_what_the_target_says() -> None:
    assert move(RequestStatus.UNKNOWN, RequestEvent.SUCCEEDED) is RequestStatus.EXECUTED
    assert move(RequestStatus.UNKNOWN, RequestEvent.FAILED) is RequestStatus.FAILED


def test_only_an_allowed_proposal_starts_out_approved() -> None:
    assert {verdict: first_status(verdict) for verdict in Verdict} == {
        Verdict.ALLOW: RequestStatus.APPROVED,
        Verdict.NEEDS_APPROVAL: RequestStatus.PENDING,
        Verdict.DENY: RequestStatus.DENIED,
    }


def test_the_table_of_moves_is_exactly_this_one() -> None:
    """Written out a second time on purpose: what is missing from the table or too much in it shows here."""
    waiting = {"lapsed": "expired", "outdated": "void", "refused": "denied"}
    ended: dict[str, str] = {}

    assert {str(one): {str(event): str(to) for event, to in moves.items()} for one, moves in MOVES.items()} == {
        "pending": waiting
        | {"approved": "approved", "rejected": "rejected", "withdrawn": "withdrawn", "replaced": "void"},
        "approved": waiting | {"started": "running"},
        "running": {"succeeded": "executed", "failed": "failed", "lost": "unknown"},
        "unknown": {"succeeded": "executed", "failed": "failed"},
        **dict.fromkeys(("executed", "failed", "rejected", "expired", "denied", "withdrawn", "void"), ended),
    }
