"""Faults on demand: what can be made to go wrong between the local Slack and an app."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from local_slack.records import Json


@dataclass
class MethodFault:
    """How the next calls of one Web API method fail.

    With `after_effect` the call does its work first and only then answers with the failure: the caller cannot
    know whether it happened.
    """

    method: str
    error: str | None = None
    status: int | None = None
    ratelimited: bool = False
    retry_after_seconds: int = 1
    hang_seconds: float = 0.0
    after_effect: bool = False
    times: int = 1


class Faults:
    """Switches that stay on until turned off, and failures that are used up.

    duplicate: every event is delivered twice, with the same event_id.
    reorder: events swap places with their neighbours.
    drop: attempts made while this is on are lost on the way (events are retried as usual).
    delay_seconds: every delivery is held back this long.
    """

    def __init__(self, disconnect: Callable[[str, bool], asyncio.Task[None]]) -> None:
        self.duplicate = False
        self.reorder = False
        self.drop = False
        self.delay_seconds = 0.0
        self._disconnect = disconnect
        self._methods: list[MethodFault] = []

    def disconnect(self, reason: str = "refresh_requested", *, abruptly: bool = False) -> asyncio.Task[None]:
        """Close every Socket Mode connection: with a `disconnect` message first, or `abruptly` without.

        Works at once; the returned task may be awaited or ignored.
        """
        return self._disconnect(reason, abruptly)

    def fail_next(
        self,
        method: str,
        *,
        error: str | None = None,
        status: int | None = None,
        ratelimited: bool = False,
        retry_after_seconds: int = 1,
        hang_seconds: float = 0.0,
        after_effect: bool = False,
        times: int = 1,
    ) -> None:
        """Make the next `times` calls of a Web API method fail; `method` "*" is any.

        `error` answers ok:false, `status` an HTTP status, `ratelimited` a 429 with Retry-After; `hang_seconds`
        waits before that (alone: before the real answer).
        """
        self._methods.append(
            MethodFault(method, error, status, ratelimited, retry_after_seconds, hang_seconds, after_effect, times)
        )

    def take(self, method: str) -> MethodFault | None:
        """The fault planned for this call, used up once."""
        for fault in self._methods:
            if fault.method in (method, "*"):
                fault.times -= 1
                if fault.times <= 0:
                    self._methods.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        """Everything works again."""
        self.duplicate = self.reorder = self.drop = False
        self.delay_seconds = 0.0
        self._methods.clear()

    def switches(self) -> Json:
        return {
            "duplicate": self.duplicate,
            "reorder": self.reorder,
            "drop": self.drop,
            "delay_seconds": self.delay_seconds,
        }

    def set_switches(self, wanted: Json) -> None:
        """Set the switches named in `wanted`. Raises ValueError on an unknown name or a wrong type."""
        for name, value in wanted.items():
            if name in ("duplicate", "reorder", "drop") and isinstance(value, bool):
                setattr(self, name, value)
            elif name == "delay_seconds" and isinstance(value, (int, float)) and 0 <= value <= 600:
                self.delay_seconds = float(value)
            else:
                raise ValueError(f"no such switch, or not a value for it: {name}={value!r}")
