"""What a turn may still use: of its case's budget, and of what any one turn may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from copilot.assistant_terms import Budget, Spent
from copilot.model_usage import Prices, Usage

LEAST_OUTPUT = 300
"""Tokens; an answer with less room is not worth asking for."""
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Limits:
    """What one turn may take, whatever its case still may."""

    requests: int = 12
    seconds: float = 180.0
    output_tokens: int = 4_000
    """Of one answer."""
    bad_calls: int = 4
    """Calls that are malformed or of no tool, before it is given up."""


class Purse:
    """What one turn has used and may still use."""

    def __init__(
        self, budget: Budget, spent: Spent, prices: Prices, limits: Limits, clock: Callable[[], float]
    ) -> None:
        self._budget = budget
        self._spent = spent
        self._prices = prices
        self._limits = limits
        self._clock = clock
        self._begun = clock()
        self.usage = Usage()

    @property
    def seconds(self) -> float:
        """How long the turn has taken."""
        return self._clock() - self._begun

    @property
    def cost_usd(self) -> Decimal:
        """What the turn has cost."""
        return self._prices.cost_usd(self.usage)

    @property
    def seconds_left(self) -> float:
        """Until the turn must be over."""
        return min(self._limits.seconds, self._budget.seconds - self._spent.seconds) - self.seconds

    @property
    def is_case_out_of_time(self) -> bool:
        """Whether it is the case that has no time left, and not this turn alone."""
        return self._spent.seconds + self.seconds >= self._budget.seconds

    def pay(self, usage: Usage) -> None:
        """Count what an answer used."""
        self.usage += usage

    def used_up(self, input_tokens: int) -> str:
        """What of the case's budget does not allow a request of this size any more; "" where all of it does."""
        if self._spent.turns >= self._budget.turns:
            return f"turns: {self._spent.turns} of {self._budget.turns}"
        if self.is_case_out_of_time:
            return f"time: {self._spent.seconds + self.seconds:.0f} of {self._budget.seconds:.0f} seconds"
        if self._tokens_left - input_tokens < LEAST_OUTPUT:
            return f"tokens: {self._spent.tokens + self.usage.tokens} of {self._budget.tokens}, too few left to go on"
        if self._affordable(input_tokens) < LEAST_OUTPUT:
            used = self._spent.usd + self.cost_usd
            return f"money: {used:.4f} of {self._budget.usd:.2f} US dollars, too little left to go on"
        return ""

    def output_tokens(self, input_tokens: int) -> int:
        """How long the next answer may be."""
        return min(self._limits.output_tokens, self._tokens_left - input_tokens, self._affordable(input_tokens))

    @property
    def _tokens_left(self) -> int:
        return self._budget.tokens - self._spent.tokens - self.usage.tokens

    def _affordable(self, input_tokens: int) -> int:
        """Tokens of output that the money left pays for, after an input of this size at its dearest."""
        dearest = max(self._prices.input_usd, self._prices.cache_write_usd)
        left = self._budget.usd - self._spent.usd - self.cost_usd - input_tokens * dearest / _MILLION
        if left <= 0:
            return 0
        return int(left * _MILLION / self._prices.output_usd) if self._prices.output_usd else self._budget.tokens
