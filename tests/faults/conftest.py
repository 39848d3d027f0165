"""A PostgreSQL that keeps what it committed, of which a test may take the server away."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from storage.database import Database
from storage.migrate import migrate
from tests.faults.servers import BotProcess, OwnServer
from tests.keys import AUDIT_KEYS


@pytest.fixture(scope="session")
def own_server() -> Iterator[OwnServer]:
    """A server that keeps its promises: what it committed is there after it was killed."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-faults-"))
    server = OwnServer(folder / "postgres")
    yield server
    server.stop_for_good()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
async def no_bot_stays() -> AsyncIterator[None]:
    """What a test that failed left running is ended: it would slow down everything after it."""
    yield
    for bot in BotProcess.started:
        await bot.kill()
    BotProcess.started.clear()


@pytest.fixture
def durable_url(own_server: OwnServer) -> str:
    """A fresh database there, migrated."""
    name = f"faults_{uuid4().hex[:12]}"
    with psycopg.connect(own_server.uri(), autocommit=True) as connection:
        connection.execute(f'create database "{name}"')  # type: ignore[call-overload]  # a name of ours
    migrate(own_server.uri(name))
    return own_server.uri(name)


@pytest.fixture
async def durable_database(durable_url: str) -> AsyncIterator[Database]:
    """The same, connected."""
    connected = Database(durable_url, audit_keys=AUDIT_KEYS, pool_size=3)
    yield connected
    await connected.close()


def pytest_configure(config: pytest.Config) -> None:
    """`-m slow` runs what takes half a minute of waiting."""
    config.addinivalue_line("markers", "slow: waits for half a minute; run with -m slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow ones out unless they are asked for."""
    if "slow" not in (config.option.markexpr or ""):
        for item in items:
            if item.get_closest_marker("slow") is not None:
                item.add_marker(pytest.mark.skip(reason="waits for half a minute: run with -m slow"))
