"""Slack is not a second factor: what approves the worst is a passkey over exactly that, checked at the vote and the run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from storage.embedded import EmbeddedServer
from tests.passkeys import (
    Authenticator,
    approve,
    ask,
    b64url,
    give_passkey,
    key_of,
    open_page,
    send,
)
from tests.running import RunningDesk, running_desk
from tests.threats.cases import Case, assert_vouched_for, card_of, change, open_case, open_form, settled
from tests.threats.conftest import fresh_database
from tests.threats.planted import with_parts

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUSPEND = {"email": "erin@acme.example"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningDesk]:
    with fresh_database(postgres) as url:
        async with running_desk(url, tmp_path_factory.mktemp("desk")) as running:
            yield running


@pytest_asyncio.fixture(loop_scope="module")
async def critical(desk: RunningDesk) -> tuple[UUID, str]:
    """A suspension that waits for two people with passkeys: its id, and where its card stands."""
    parent = await open_case(desk)
    request_id = await open_form(desk, parent, "user.suspend", SUSPEND)
    return request_id, await card_of(desk, request_id)


async def status_of(desk: RunningDesk, request_id: UUID) -> str:
    return str(await desk.value("select status from action_requests where id = :id", id=request_id))


async def votes_on(desk: RunningDesk, request_id: UUID) -> int:
    return int(await desk.value("select count(*) from votes where request_id = :id", id=request_id))


async def test_threat_20_a_press_alone_approves_nothing_critical_and_a_passkey_does(
    desk: RunningDesk, critical: tuple[UUID, str]
) -> None:
    request_id, ts = critical
    sana, victor = await give_passkey(desk, "sana"), await give_passkey(desk, "victor")

    url = await ask(desk, "sana", ts)
    assert await votes_on(desk, request_id) == 0
    page = await open_page(desk, url)
    assert await votes_on(desk, request_id) == 0
    status, words = await send(desk, page.path, sana.get(page.challenge))
    await approve(desk, "victor", ts, victor)

    assert (status, page.status) == (200, 200), words
    await desk.until(lambda: _is(desk, request_id, "executed"))
    assert await desk.value("select count(*) from votes where request_id = :id and assertion is null", id=request_id) == 0


async def _is(desk: RunningDesk, request_id: UUID, status: str) -> bool:
    return await status_of(desk, request_id) == status
