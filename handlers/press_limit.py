"""How often one account is looked up within a minute because it pressed, typed or submitted something.

Slack allows the whole app about a hundred `users.info` a minute. Without a share for each account, one member's script
could use them up, and nobody else's decision would be taken until the minute is over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from handlers.errors import IdentityRefused

PRESSES_A_MINUTE = 30
"""Far above what somebody presses who reads what they decide, far below what Slack allows us."""
_MINUTE = 60.0
_MOST_ACCOUNTS = 10_000


class PressLimit:
    """Counts per account; one process counts for itself."""

    def __init__(self, monotonic: Callable[[], float], *, a_minute: int = PRESSES_A_MINUTE) -> None:
        self._monotonic = monotonic
        self._a_minute = a_minute
        self._of: dict[str, deque[float]] = {}

    def count(self, user_id: str) -> None:
        """Count one press. Raises IdentityRefused where the account has had its share of this minute."""
        now = self._monotonic()
        if user_id not in self._of and len(self._of) >= _MOST_ACCOUNTS:
            self._of = {one: times for one, times in self._of.items() if times[-1] > now - _MINUTE}
        times = self._of.setdefault(user_id, deque(maxlen=self._a_minute))
        if len(times) == self._a_minute and times[0] > now - _MINUTE:
            raise IdentityRefused(
                f"{user_id} pressed more than {self._a_minute} times within a minute",
                code="too-many-presses",
                reply=f"That was more than {self._a_minute} presses within a minute, so this one did nothing. Wait a"
                " minute, then press again.",
            )
        times.append(now)
