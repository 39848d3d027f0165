"""The choice of who works on cases: a model when a key is set, the rules otherwise."""

from __future__ import annotations

from copilot.assistant_terms import Assistant, Budget
from copilot.lint_look import SecondLinter
from copilot.model_usage import Prices
from copilot.rules_assistant import RulesAssistant
from copilot.triage import DEFAULT_MODEL

REQUEST_SECONDS = 60.0
"""How long the service may be silent within one answer."""


def choose_assistant(
    api_key: str | None,
    prices: Prices,
    budget: Budget | None = None,
    model: str | None = None,
    base_url: str | None = None,
) -> Assistant:
    """An assistant for these settings. With a key this takes seconds, once: call it at start, never in a handler."""
    if not api_key:
        return RulesAssistant()
    # Imported only here: the SDK takes seconds to load, and a desk without a key never needs it.
    from copilot.assistant import ModelAssistant
    from copilot.model_client import make_client

    client = make_client(api_key, base_url, timeout_seconds=REQUEST_SECONDS)
    return ModelAssistant(client, model or DEFAULT_MODEL, prices, budget)


def choose_second_linter(
    api_key: str | None,
    prices: Prices,
    budget: Budget | None = None,
    model: str | None = None,
    base_url: str | None = None,
) -> SecondLinter | None:
    """What looks at drafts after the rules have, for these settings; None without a key: the rules stand alone."""
    if not api_key:
        return None
    # As above: only a desk with a key waits for the SDK.
    from copilot.model_client import make_client
    from copilot.model_linter import ModelLinter

    client = make_client(api_key, base_url, timeout_seconds=REQUEST_SECONDS)
    return ModelLinter(client, model or DEFAULT_MODEL, prices, budget)
