"""Fixtures that every test may use: a real PostgreSQL, migrated once, copied fresh for each test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from storage.database import Database
from storage.embedded import EmbeddedServer, start_embedded
from storage.migrate import migrate
from tests.keys import AUDIT_KEYS

REPOSITORY = Path(__file__).parent.parent
TEMPLATE = "countersign_template"
LONGEST = ("test_every_combination.py", "test_every_crash_point.py", "test_gate_machine.py", "test_gate_invariance.py",
           "test_policy_reload.py", "test_scenario_a.py", "test_kill.py", "test_stopping.py", "test_laws.py",
           "test_live_identity.py", "test_every_view.py")  # fmt: skip
"""Files of few tests that take long: begun first, so that no process works on one of them while the other is done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Iterator[None]:
    """A failure that quotes half a surrogate pair is reported; it would end the whole run where processes share it."""
    return encodable((yield))


def encodable(found: Any) -> Any:
    """The same, with every character that UTF-8 has no bytes for written out."""
    if isinstance(found, str):
        return found.encode("utf-8", "backslashreplace").decode()
    if isinstance(found, dict):
        return {encodable(key): encodable(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return type(found)(encodable(item) for item in found)
    return found


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer]:
    """A PostgreSQL server of this test process's own, in a folder that is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-test-"))
    server = start_embedded(folder / "postgres")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # The data is thrown away: no need to wait for the disk. Durability is tested with its own server.
        for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "max_connections = 200"):
            connection.execute(f"alter system set {setting}")  # type: ignore[call-overload]  # a literal of ours
        connection.execute("select pg_reload_conf()")
        connection.execute(f'create database "{TEMPLATE}"')
    migrate(server.get_uri(TEMPLATE))
    yield server
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(postgres: EmbeddedServer) -> Iterator[str]:
    """The URL of a fresh, migrated database."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
        connection.execute(f'create database "{name}" template "{TEMPLATE}" strategy file_copy')
    yield postgres.get_uri(name)
    with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)')


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh database, connected."""
    connected = Database(database_url, audit_keys=AUDIT_KEYS, pool_size=5)
    yield connected
    await connected.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of labelled data that may not be shipped; a skip where it is absent, a failure of that in CI."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("the labelled data is not beside the repository")
        pytest.skip("needs the labelled data beside the repository (../shared/data)")
    return folder
