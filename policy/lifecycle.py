"""THE table of moves of an action request. No other place decides where a request may go next."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from policy.errors import IllegalMove
from policy.terms import RequestStatus, Verdict


class RequestEvent(StrEnum):
    """What can happen to a request."""

    APPROVED = "approved"
    """The last vote that was needed has been cast."""
    REJECTED = "rejected"
    """One eligible person said no."""
    WITHDRAWN = "withdrawn"
    """Who proposed it takes it back while it waits for votes."""
    REPLACED = "replaced"
    """Somebody changed its values while it waits: another request takes its place."""
    LAPSED = "lapsed"
    """Its time is over before it ran."""
    OUTDATED = "outdated"
    """What was shown is no longer what would run: the ticket was edited, or the policy changed."""
    REFUSED = "refused"
    """The gate said no when it was asked again."""
    STARTED = "started"
    """A worker claimed the one run."""
    SUCCEEDED = "succeeded"
    """It is done, as the executor said or as the target answered when asked later."""
    FAILED = "failed"
    """It did not happen, as the executor said or as the target answered when asked later."""
    LOST = "lost"
    """Nobody knows whether it happened: the worker died, or the target gave no answer."""


_Moves = Mapping[RequestEvent, RequestStatus]

_BEFORE_RUNNING: _Moves = {
    RequestEvent.LAPSED: RequestStatus.EXPIRED,
    RequestEvent.OUTDATED: RequestStatus.VOID,
    RequestEvent.REFUSED: RequestStatus.DENIED,
}
_ENDED: _Moves = {}

MOVES: Mapping[RequestStatus, _Moves] = MappingProxyType(
    {
        RequestStatus.PENDING: {
            **_BEFORE_RUNNING,
            RequestEvent.APPROVED: RequestStatus.APPROVED,
            RequestEvent.REJECTED: RequestStatus.REJECTED,
            RequestEvent.WITHDRAWN: RequestStatus.WITHDRAWN,
            RequestEvent.REPLACED: RequestStatus.VOID,
        },
        RequestStatus.APPROVED: {**_BEFORE_RUNNING, RequestEvent.STARTED: RequestStatus.RUNNING},
        RequestStatus.RUNNING: {
            RequestEvent.SUCCEEDED: RequestStatus.EXECUTED,
            RequestEvent.FAILED: RequestStatus.FAILED,
            RequestEvent.LOST: RequestStatus.UNKNOWN,
        },
        # There is no way back to running: what may already have happened is looked up, never tried again.
        RequestStatus.UNKNOWN: {
            RequestEvent.SUCCEEDED: RequestStatus.EXECUTED,
            RequestEvent.FAILED: RequestStatus.FAILED,
        },
        RequestStatus.EXECUTED: _ENDED,
        RequestStatus.FAILED: _ENDED,
        RequestStatus.REJECTED: _ENDED,
        RequestStatus.EXPIRED: _ENDED,
        RequestStatus.DENIED: _ENDED,
        RequestStatus.WITHDRAWN: _ENDED,
        RequestStatus.VOID: _ENDED,
    }
)

TERMINAL: frozenset[RequestStatus] = frozenset(status for status, moves in MOVES.items() if not moves)

PROPOSABLE_AGAIN = frozenset(
    {
        RequestStatus.VOID,
        RequestStatus.EXPIRED,
        RequestStatus.FAILED,
        RequestStatus.DENIED,
        RequestStatus.WITHDRAWN,
    }
)
"""Ended without an approver's no and without effect: what was suggested may still be wanted."""

_FIRST: Mapping[Verdict, RequestStatus] = MappingProxyType(
    {
        Verdict.ALLOW: RequestStatus.APPROVED,
        Verdict.NEEDS_APPROVAL: RequestStatus.PENDING,
        Verdict.DENY: RequestStatus.DENIED,
    }
)


def first_status(verdict: Verdict) -> RequestStatus:
    """Where a request starts, given what the policy said of the proposal."""
    return _FIRST[verdict]


def move(status: RequestStatus, event: RequestEvent) -> RequestStatus:
    """Where `event` takes a request that is `status`. Raises IllegalMove; a request that has ended stays ended."""
    try:
        return MOVES[status][event]
    except KeyError as error:
        raise IllegalMove(status, event) from error
