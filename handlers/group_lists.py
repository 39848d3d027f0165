"""Who Slack says is in each of its user groups, asked no more often than decisions need.

`usergroups.users.list` is of Slack's Tier 2: about 20 calls a minute for the whole app in a workspace. Three rules:

1. Live. A question is answered by a call that began after it was asked. Questions asked together share that call.
2. Once this process has made `LIVE_CALLS_A_MINUTE` of them within a minute (fewer where there are several groups), the
   answer of a call that began less than `FRESH_SECONDS` ago will do instead. Is there none, Slack is asked all the
   same. Never before a run: what was true at the last vote is what that look is there to doubt.
3. A call that fails, with a 429 or otherwise, answers nobody, and no earlier answer stands in for it.

Another process of the same app spends from the same tier and is not counted. Where the two together are too fast, Slack
says 429, and rule 3 holds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum, auto

LIVE_CALLS_A_MINUTE = 15
"""Of Slack's 20, with one group; what is left is for asking anew when no answer is fresh enough."""
FRESH_SECONDS = 10.0
REFRESHED_A_MINUTE = 5
"""How many calls each further group needs for that: one in ten seconds, but for the first of a minute."""
GATHER_SECONDS = 0.01
"""How long a call waits for others who ask the same."""
_MINUTE = 60.0


class Need(Enum):
    """What an answer is for."""

    LIVE = auto()
    """The look before a run, and the one after Slack told of a change: the second rule never holds."""
    DECISION = auto()
    """A vote, a proposal, a page: the second rule holds once the calls are spent."""
    DISPLAY = auto()
    """Nothing is decided: the second rule holds from the first call on."""


class _Call:
    """One call to Slack. Until it has begun, whoever asks may join it."""

    began: float | None = None
    task: asyncio.Task[frozenset[str]]

    @property
    def has_failed(self) -> bool:
        return self.task.done() and (self.task.cancelled() or self.task.exception() is not None)


class GroupLists:
    """The members of user groups, by the group's id. What `ask` raises reaches everybody who waits for that call."""

    def __init__(
        self,
        ask: Callable[[str], Awaitable[frozenset[str]]],
        monotonic: Callable[[], float],
        *,
        live_calls_a_minute: int = LIVE_CALLS_A_MINUTE,
    ) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._live_calls = live_calls_a_minute
        self._latest: dict[str, _Call] = {}
        self._begun: deque[float] = deque()

    async def members_of(self, usergroup_id: str, *, need: Need = Need.DECISION) -> frozenset[str]:
        """The accounts in a user group."""
        call = self._latest.get(usergroup_id)
        if call is None or not self._may_answer(call, need):
            call = self._latest[usergroup_id] = self._new_call(usergroup_id)
        # Shielded: somebody who stops waiting takes the answer from nobody else.
        return await asyncio.shield(call.task)

    def _may_answer(self, call: _Call, need: Need) -> bool:
        if call.has_failed:
            return False
        if call.began is None:
            return True
        now = self._monotonic()
        if need is Need.LIVE or now - call.began >= FRESH_SECONDS:
            return False
        return need is Need.DISPLAY or self._is_nearly_spent(now)

    def _is_nearly_spent(self, now: float) -> bool:
        while self._begun and now - self._begun[0] >= _MINUTE:
            self._begun.popleft()
        return len(self._begun) >= self._live_calls - REFRESHED_A_MINUTE * (len(self._latest) - 1)

    def _new_call(self, usergroup_id: str) -> _Call:
        call = _Call()
        call.task = asyncio.create_task(self._make(call, usergroup_id))
        # Whoever asked may have gone: the failure is looked at here, or asyncio complains that nobody did.
        call.task.add_done_callback(lambda _: call.has_failed)
        return call

    async def _make(self, call: _Call, usergroup_id: str) -> frozenset[str]:
        await asyncio.sleep(GATHER_SECONDS)
        call.began = self._monotonic()
        self._begun.append(call.began)
        return await self._ask(usergroup_id)
