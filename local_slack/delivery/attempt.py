"""What one delivery attempt is and what came of it; shared by both transports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from local_slack.records import AppInstall, Json

EVENTS, INTERACTIVE, COMMANDS = "events_api", "interactive", "slash_commands"


@dataclass(frozen=True)
class Parcel:
    """A payload on its way to an app. `retry` is 0 on the first attempt."""

    kind: str
    payload: Json
    accepts_response: bool = False
    retry: int = 0
    retry_reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """Whether the app acknowledged in time, with the body of its acknowledgement if it had one."""

    acked: bool
    body: Json | None = None
    reason: str = ""
    wants_no_retry: bool = False


class Transport(Protocol):
    """Socket Mode or signed HTTP."""

    async def attempt(self, app: AppInstall, parcel: Parcel, timeout_seconds: float) -> Outcome:
        """Deliver once and wait for the ack. Never raises for what the app does wrong."""
        ...
