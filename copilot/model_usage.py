"""What a model's answers used, and what that costs. Exact: money is Decimal throughout."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Usage:
    """Tokens of one answer, or of several together. Each token read is in one of the three input counts only."""

    input_tokens: int = 0
    """Read for the first time, and not kept."""
    output_tokens: int = 0
    cache_write_tokens: int = 0
    """Read, and kept by the service for the next request."""
    cache_read_tokens: int = 0
    """Kept from an earlier request."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
        )

    @property
    def read_tokens(self) -> int:
        """Everything that went in."""
        return self.input_tokens + self.cache_write_tokens + self.cache_read_tokens

    @property
    def tokens(self) -> int:
        """Everything that went in or came out."""
        return self.read_tokens + self.output_tokens


@dataclass(frozen=True)
class Prices:
    """What a million tokens cost, in US dollars."""

    input_usd: Decimal
    output_usd: Decimal
    cache_write_usd: Decimal
    cache_read_usd: Decimal

    def cost_usd(self, usage: Usage) -> Decimal:
        """What this usage costs."""
        return (
            usage.input_tokens * self.input_usd
            + usage.output_tokens * self.output_usd
            + usage.cache_write_tokens * self.cache_write_usd
            + usage.cache_read_tokens * self.cache_read_usd
        ) / _MILLION
