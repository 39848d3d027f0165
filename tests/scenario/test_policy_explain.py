"""`countersign policy explain`: the same answer as a click would get, with its reasons, and nothing is written."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.commands.policy import _explain as run_explain
from bot.demo.local import local_environment
from handlers.errors import NotFound
from tests.keys import KEY_SETTINGS
from tests.running import RunningDesk, running_desk
from tests.threats.cases import BOB, OLIVIA, SANA, Case, open_case


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    async with running_desk(database_url, tmp_path) as desk:
        yield desk


def settings(desk: RunningDesk) -> dict[str, str]:
    return local_environment(desk.slack.app, desk.slack.api_url) | {
        "DATABASE_URL": desk.database.url,
        "COUNTERSIGN_DATA": str(desk.parts.settings.data_folder),
        **KEY_SETTINGS,
    }


async def fingerprint(desk: RunningDesk, case: Case) -> str:
    return str(await desk.value("select digest from action_requests where id = :id", id=case.request_id))[:12]


async def test_it_says_what_a_click_would_be_told_and_why(
    desk: RunningDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    case = await open_case(desk)
    await desk.idle()
    before = await desk.value("select count(*) from audit_events")

    async def explain(request: str, person: str) -> tuple[int, str]:
        code = await run_explain(request, person, settings(desk))
        return code, capsys.readouterr().out

    code, said = await explain(await fingerprint(desk, case), SANA.partition("/")[2])
    assert code == 0
    assert "approve: permitted\n  security-decides-high-risk: " in said
    assert "the policy files say yes by security-decides-high-risk" in said
    assert "the code says yes: no invariant is broken" in said

    code, said = await explain(str(case.request_id), BOB)
    assert code == 1
    assert "approve: refused (core-no-subject)" in said
    assert "the code says no: core-no-alias, core-no-subject" in said
    assert "it would be permitted if it were not done to them, nor to somebody who might be them" in said

    code, said = await explain(str(case.request_id), OLIVIA)
    assert code == 1
    assert "if they were in the group security and somebody else had proposed it" in said

    code, said = await explain(str(case.request_id), "T0EXTERN001/U0MALLORY01")
    assert code == 1
    assert "approve: refused (core-no-outsider)" in said and "not of the home company" in said

    for request, person in (("ffffffffffff", SANA), (str(case.request_id), "sana!"), ("x", SANA)):
        with pytest.raises((NotFound, ValueError)):
            await explain(request, person)
    assert await desk.value("select count(*) from audit_events") == before
    assert await desk.value("select count(*) from votes") == 0


async def test_a_wrong_call_is_told_from_a_refusal(desk: RunningDesk) -> None:
    """In a process of its own, as an operator calls it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.cli", "policy", "explain", "ffffffffffff", "U0SANA00001",
        env=os.environ | settings(desk), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()

    assert (process.returncode, out) == (2, b"")
    assert b"request not found" in err
