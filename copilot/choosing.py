"""The choice of who takes the turns on cases: a model when a key is set, the rules alone otherwise."""

from __future__ import annotations

from decimal import Decimal

from copilot.assistant_terms import Assistant, Budget
from copilot.model_usage import Prices
from copilot.rules_assistant import RulesAssistant
from copilot.triage import DEFAULT_MODEL

REQUEST_SECONDS = 120.0
PRICES = Prices(Decimal("3"), Decimal("15"), Decimal("3.75"), Decimal("0.30"))
"""What is counted where the site names no prices: those of Anthropic's middle models when this was written."""


def choose_assistant(
    api_key: str | None,
    model: str | None = None,
    base_url: str | None = None,
    prices: Prices | None = None,
    budget: Budget | None = None,
) -> tuple[Assistant, str]:
    """Who takes turns, and the model that it uses, "" for none. With a key this takes seconds: call it at start."""
    if not api_key:
        return RulesAssistant(), ""
    # Imported only here: the SDK takes seconds to load, and a desk without a key never needs it.
    from copilot.assistant import ModelAssistant
    from copilot.model_client import make_client

    name = model or DEFAULT_MODEL
    client = make_client(api_key, base_url, timeout_seconds=REQUEST_SECONDS)
    return ModelAssistant(client, name, prices or PRICES, budget), name
