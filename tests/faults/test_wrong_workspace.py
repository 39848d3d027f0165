"""A database belongs to one company: with another one's tokens, or with the demo's, the bot does not start on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from bot.settings import SettingsError
from storage.database import Database
from tests.running import running_desk


async def test_a_database_of_another_workspace_is_left_alone(database_url: str, tmp_path: Path) -> None:
    async with running_desk(database_url, tmp_path) as desk:
        assert await desk.value("select payload->>'home' from audit_events where name = 'started'") == "T0ACME00001"
    await _now_of(database_url, "T0REALCORP1")

    with pytest.raises(SettingsError, match=r"T0REALCORP1.*T0ACME00001.*DATABASE_URL"):
        async with running_desk(database_url, tmp_path):
            raise AssertionError("it started")


async def test_the_same_workspace_starts_again(database_url: str, tmp_path: Path) -> None:
    for _ in range(2):
        async with running_desk(database_url, tmp_path):
            pass


async def _now_of(database_url: str, home: str) -> None:
    """As if a desk of another company had started there."""
    database = Database(database_url)
    async with database.transaction() as tx:
        for statement in ("disable trigger all", "enable trigger all"):
            await tx.execute(text(f"alter table audit_events {statement}"))
            if statement.startswith("disable"):
                changed = "update audit_events set payload = json_build_object('home', cast(:home as text))"
                await tx.execute(text(changed + " where name = 'started'"), {"home": home})
    await database.close()
