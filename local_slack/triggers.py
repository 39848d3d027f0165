"""Trigger ids (one use, three seconds) and response URLs (five uses, thirty minutes)."""

from __future__ import annotations

from dataclasses import dataclass

from local_slack.errors import Missing, Refused
from local_slack.ids import Mint

TRIGGER_SECONDS = 3.0
RESPONSE_URL_USES = 5
RESPONSE_URL_SECONDS = 30 * 60.0


@dataclass
class Trigger:
    """Somebody's interaction, exchangeable once for a modal. `from_view` is set when it came out of a modal."""

    app_id: str
    user_id: str
    issued: float
    from_view: str | None = None
    is_used: bool = False


class Triggers:
    """Hands out trigger ids and exchanges each for its interaction once."""

    def __init__(self, mint: Mint, seconds: float = TRIGGER_SECONDS) -> None:
        self._mint = mint
        self._seconds = seconds
        self._issued: dict[str, Trigger] = {}

    def issue(self, app_id: str, user_id: str, from_view: str | None = None) -> str:
        if len(self._issued) > 5_000:
            self._forget_old()
        trigger_id = self._mint.trigger()
        self._issued[trigger_id] = Trigger(app_id, user_id, self._mint.now(), from_view)
        return trigger_id

    def exchange(self, app_id: str, trigger_id: str) -> Trigger:
        """The interaction behind a trigger. Raises Missing or Refused with Slack's three trigger errors."""
        trigger = self._issued.get(trigger_id)
        if trigger is None or trigger.app_id != app_id:
            raise Missing("invalid_trigger_id")
        if trigger.is_used:
            raise Refused("exchanged_trigger_id")
        if self._mint.now() - trigger.issued > self._seconds:
            raise Refused("expired_trigger_id")
        trigger.is_used = True
        return trigger

    def _forget_old(self) -> None:
        horizon = self._mint.now() - 600
        self._issued = {key: value for key, value in self._issued.items() if value.issued > horizon}


@dataclass
class ResponseUrl:
    """What a response URL may still be used for. `original_ts` is the message it came from, if any."""

    app_id: str
    user_id: str
    channel_id: str
    issued: float
    original_ts: str | None = None
    is_original_ephemeral: bool = False
    thread_ts: str | None = None
    uses: int = 0


class ResponseUrls:
    """Hands out response URLs and counts their uses."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._issued: dict[str, ResponseUrl] = {}

    def issue(self, url: ResponseUrl) -> str:
        """The path under which the URL can be used."""
        if len(self._issued) > 5_000:
            horizon = self._mint.now() - RESPONSE_URL_SECONDS
            self._issued = {key: value for key, value in self._issued.items() if value.issued > horizon}
        key = f"{url.app_id}/{self._mint.secret(8)}/{self._mint.secret(12)}"
        self._issued[key] = url
        return f"actions/{key}"

    def use(self, key: str) -> ResponseUrl:
        """Count one use. Raises Missing (`expired_url`, `used_url`)."""
        url = self._issued.get(key)
        if url is None or self._mint.now() - url.issued > RESPONSE_URL_SECONDS:
            raise Missing("expired_url")
        if url.uses >= RESPONSE_URL_USES:
            raise Missing("used_url")
        url.uses += 1
        return url
