"""How often an app may call: each method's tier per minute, and about one post a second per channel. Token buckets.

Slack counts per method, workspace and app, and says "at least" so many a minute with bursts beyond, not how large they
may be (https://docs.slack.dev/apis/web-api/rate-limits). Here a minute's worth may be used at once, and comes back
evenly. Tier 1 is the exception: its one method here, apps.connections.open, is hardly ever limited at Slack, and an
app whose sockets are closed a few times must come back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from local_slack.errors import RateLimited
from local_slack.ids import Clock
from local_slack.records import AppInstall


class Tier(Enum):
    """What Slack calls a method's tier: calls a minute, and how many of them at once after a pause."""

    ONE = (1, 20)
    TWO = (20, 20)
    THREE = (50, 50)
    FOUR = (100, 100)
    # "Several hundred a minute" in the whole workspace, and "hundreds a minute": no tier of Slack's, but a limit.
    POSTS = (300, 300)
    HUNDREDS = (600, 600)

    @property
    def interval_seconds(self) -> float:
        return 60 / self.value[0]

    @property
    def burst(self) -> int:
        return self.value[1]


@dataclass
class Bucket:
    tokens: float
    updated: float


class RateLimits:
    """Counts calls and posts. `counts_calls` off: no tiers. `post_interval_seconds` 0: no limit for each channel."""

    def __init__(self, clock: Clock, *, counts_calls: bool, post_interval_seconds: float, post_burst: int) -> None:
        self._clock = clock
        self._counts_calls = counts_calls
        self._post_interval = post_interval_seconds
        self._post_burst = post_burst
        self._buckets: dict[tuple[str, ...], Bucket] = {}

    def take_call(self, app: AppInstall, method: str, tier: Tier) -> None:
        """Count one call. Raises RateLimited, which says when to try again."""
        if self._counts_calls:
            self._take((app.team_id, app.app_id, method), tier.interval_seconds, tier.burst)

    def take_post(self, app: AppInstall, channel_id: str) -> None:
        """Count one post in a channel. Raises RateLimited, which says when to try again."""
        if self._post_interval > 0:
            self._take((app.team_id, app.app_id, "post", channel_id), self._post_interval, self._post_burst)

    def _take(self, key: tuple[str, ...], interval_seconds: float, burst: int) -> None:
        now = self._clock()
        bucket = self._buckets.setdefault(key, Bucket(float(burst), now))
        grown = bucket.tokens + (now - bucket.updated) / interval_seconds
        bucket.tokens, bucket.updated = min(float(burst), grown), now
        # A caller that waits exactly the time it was told must pass in spite of rounding.
        if bucket.tokens < 1 - 1e-6:
            raise RateLimited(max(1, math.ceil((1 - bucket.tokens) * interval_seconds)))
        bucket.tokens -= 1
