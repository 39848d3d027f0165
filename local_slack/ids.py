"""Mints everything that must be unique: timestamps, ids, tokens. The clock and randomness come from outside."""

from __future__ import annotations

from collections.abc import Callable

Clock = Callable[[], float]
RandomHex = Callable[[int], str]


class Mint:
    """Hands out ids in Slack's forms; no two are the same within one local Slack."""

    def __init__(self, clock: Clock, random_hex: RandomHex) -> None:
        self.now = clock
        self._random_hex = random_hex
        self._last_microseconds = 0

    def ts(self) -> str:
        """A message timestamp, strictly later than every one before it: it is the id of a message."""
        self._last_microseconds = max(int(self.now() * 1_000_000), self._last_microseconds + 1)
        return f"{self._last_microseconds // 1_000_000}.{self._last_microseconds % 1_000_000:06d}"

    def seen_ts(self, ts: str) -> None:
        """Never mint a timestamp at or before `ts` (used after reading a state file)."""
        seconds, _, micros = ts.partition(".")
        self._last_microseconds = max(self._last_microseconds, int(seconds) * 1_000_000 + int(micros or 0))

    def entity(self, prefix: str) -> str:
        """An id such as `Ev08AB12CD34`: the prefix and ten upper-case hexadecimal digits."""
        return prefix + self._random_hex(5).upper()

    def secret(self, n_bytes: int = 16) -> str:
        return self._random_hex(n_bytes)

    def trigger(self) -> str:
        """A trigger id in Slack's three-part form."""
        return f"{int(self.now() * 1000)}.{int(self._random_hex(5), 16)}.{self._random_hex(16)}"

    def envelope(self) -> str:
        """A Socket Mode envelope id in UUID form."""
        raw = self._random_hex(16)
        return "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))
