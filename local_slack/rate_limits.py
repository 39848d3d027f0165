"""About one post a second per channel: a token bucket for each app and channel."""

from __future__ import annotations

import math
from dataclasses import dataclass

from local_slack.errors import RateLimited
from local_slack.ids import Clock


@dataclass
class Bucket:
    tokens: float
    updated: float


class PostLimits:
    """Allows a post every `interval_seconds` in each channel, `burst` at once after a pause; 0 turns it off."""

    def __init__(self, clock: Clock, interval_seconds: float, burst: int) -> None:
        self._clock = clock
        self.interval_seconds = interval_seconds
        self._burst = burst
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def take(self, app_id: str, channel_id: str) -> None:
        """Count one post. Raises RateLimited, which says when to try again."""
        if self.interval_seconds <= 0:
            return
        now = self._clock()
        bucket = self._buckets.setdefault((app_id, channel_id), Bucket(float(self._burst), now))
        grown = bucket.tokens + (now - bucket.updated) / self.interval_seconds
        bucket.tokens, bucket.updated = min(float(self._burst), grown), now
        # A caller that waits exactly the time it was told must pass in spite of rounding.
        if bucket.tokens < 1 - 1e-6:
            raise RateLimited(max(1, math.ceil((1 - bucket.tokens) * self.interval_seconds)))
        bucket.tokens -= 1
