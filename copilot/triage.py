"""The choice of a triager: by a model when a key is set, offline otherwise.

Which model is the desk's setting alone. A model that a requester asks for is recorded elsewhere and never gets here.
"""

from __future__ import annotations

from copilot.classifier import load_classifier
from copilot.offline_triage import OfflineTriager
from copilot.suggestions import Triager

DEFAULT_MODEL = "claude-sonnet-5"


def offline_triager() -> OfflineTriager:
    """The triage that needs no key; it reads its weights from the package."""
    return OfflineTriager(load_classifier())


def choose_triager(
    api_key: str | None, model: str | None = None, base_url: str | None = None, deadline_seconds: float = 45.0
) -> Triager:
    """A triager for these settings. With a key this takes seconds, once: call it at start, never in a handler."""
    offline = offline_triager()
    if not api_key:
        return offline
    # Imported only here: the SDK takes seconds to load, and a desk without a key never needs it.
    from copilot.model_client import make_client
    from copilot.model_triage import ModelTriager

    client = make_client(api_key, base_url, timeout_seconds=deadline_seconds / 2)
    return ModelTriager(client, model or DEFAULT_MODEL, fallback=offline, deadline_seconds=deadline_seconds)
