"""Decides how a parcel travels and what happens when nobody acknowledges it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from local_slack.delivery.attempt import EVENTS, Outcome, Parcel, Transport
from local_slack.delivery.faults import Faults
from local_slack.delivery.signed_http import SignedHttp
from local_slack.delivery.socket_mode import SocketMode
from local_slack.records import AppInstall, Json

# How long a held event waits for a neighbour to swap with while `reorder` is on.
REORDER_HOLD_SECONDS = 0.3


class Dispatch:
    """Sends events with retries, and interactions once, over whichever transport the app uses."""

    def __init__(
        self,
        socket_mode: SocketMode,
        http: SignedHttp,
        faults: Faults,
        *,
        ack_seconds: float,
        retry_delays_seconds: Sequence[float],
    ) -> None:
        self._socket_mode = socket_mode
        self._http = http
        self._faults = faults
        self._ack_seconds = ack_seconds
        self._retry_delays = tuple(retry_delays_seconds)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._held: list[tuple[AppInstall, Json]] = []
        # Events nobody acknowledged yet, with the number of their next attempt, by event task.
        self._pending: dict[int, tuple[str, Json, int]] = {}
        self._next_key = 0

    def transport(self, app: AppInstall) -> Transport:
        return self._http if app.app_id in self._http.urls else self._socket_mode

    def event(self, app: AppInstall, envelope: Json) -> None:
        """Send an event and forget it; retries happen in the background."""
        if not self._faults.reorder:
            self._send_event(app, envelope)
            return
        self._held.append((app, envelope))
        if len(self._held) == 1:
            self.spawn(self._release_soon())
        else:
            self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for app, envelope in reversed(held):
            self._send_event(app, envelope)

    async def _release_soon(self) -> None:
        await asyncio.sleep(REORDER_HOLD_SECONDS)
        self._release()

    def _send_event(self, app: AppInstall, envelope: Json) -> None:
        for _ in range(2 if self._faults.duplicate else 1):
            self.spawn(self._deliver_event(app, envelope))

    async def _deliver_event(self, app: AppInstall, envelope: Json, first: int = 0) -> None:
        self._next_key = key = self._next_key + 1
        parcel = Parcel(EVENTS, envelope, retry_reason="timeout" if first else "")
        for retry, delay in list(enumerate((*self._retry_delays, None)))[first:]:
            self._pending[key] = (app.app_id, envelope, retry)
            outcome = await self.once(app, dataclasses.replace(parcel, retry=retry))
            if outcome.acked or outcome.wants_no_retry or delay is None:
                break
            self._pending[key] = (app.app_id, envelope, retry + 1)
            parcel = dataclasses.replace(parcel, retry_reason=outcome.reason)
            await asyncio.sleep(delay)
        # Not reached when `stop` cancels: what is still pending then is saved and resumed.
        del self._pending[key]

    def pending(self) -> list[list[Any]]:
        """The unacknowledged events as JSON, for the state file: app id, envelope, next attempt."""
        return [list(item) for item in self._pending.values()]

    def resume(self, saved: list[list[Any]], apps: Mapping[str, AppInstall]) -> None:
        """Go on delivering events that were pending at a stop."""
        for app_id, envelope, retry in saved:
            if app_id in apps:
                self.spawn(self._deliver_event(apps[app_id], envelope, retry))

    async def once(self, app: AppInstall, parcel: Parcel) -> Outcome:
        """One attempt, subject to the faults that are switched on."""
        if self._faults.delay_seconds:
            await asyncio.sleep(self._faults.delay_seconds)
        if self._faults.drop:
            await asyncio.sleep(self._ack_seconds)
            return Outcome(False, reason="timeout")
        return await self.transport(app).attempt(app, parcel, self._ack_seconds)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something in the background until `stop`."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
