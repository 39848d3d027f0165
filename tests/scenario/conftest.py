"""A running desk, over each of the two ways in which Slack reaches it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.running import RunningDesk, running_desk


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    """A desk over Socket Mode."""
    async with running_desk(database_url, tmp_path) as desk:
        yield desk


@pytest.fixture(params=["socket mode", "signed http"])
async def desk_both_ways(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path
) -> AsyncIterator[RunningDesk]:
    """A desk over Socket Mode, and again over signed HTTP."""
    async with running_desk(database_url, tmp_path, http=request.param == "signed http") as desk:
        yield desk
