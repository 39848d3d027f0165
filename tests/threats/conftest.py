"""One running desk for each module of this folder, and one request that waits through the whole of it.

Attempts that must be refused leave no trace on a request, so they can share one; whoever changes the world for good
opens a case, or starts a desk, of their own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
import pytest_asyncio

from storage.embedded import EmbeddedServer
from tests.conftest import TEMPLATE
from tests.running import RunningDesk, running_desk
from tests.threats.cases import Case, open_case


@contextmanager
def fresh_database(postgres: EmbeddedServer) -> Iterator[str]:
    """The URL of a migrated database that is gone afterwards."""
    name = f"threats_{uuid4().hex[:12]}"
    with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
        connection.execute(f'create database "{name}" template "{TEMPLATE}" strategy file_copy')
    try:
        yield postgres.get_uri(name)
    finally:
        with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
            connection.execute(f'drop database "{name}" with (force)')


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningDesk]:
    """A desk over Socket Mode, shared by the tests of one module."""
    with fresh_database(postgres) as url:
        async with running_desk(url, tmp_path_factory.mktemp("desk")) as running:
            yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http_desk(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningDesk]:
    """The same over signed HTTP."""
    with fresh_database(postgres) as url:
        async with running_desk(url, tmp_path_factory.mktemp("desk"), http=True) as running:
            yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def waiting(desk: RunningDesk) -> Case:
    """A revocation that mallory asked for, olivia proposed and bob would suffer; nobody decides it."""
    return await open_case(desk)
