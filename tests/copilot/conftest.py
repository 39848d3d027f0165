"""One offline triager for all tests: it holds no state."""

from __future__ import annotations

import pytest

from copilot.offline_triage import OfflineTriager
from copilot.triage import offline_triager


@pytest.fixture(scope="session")
def offline() -> OfflineTriager:
    return offline_triager()
