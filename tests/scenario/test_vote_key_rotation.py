"""Another vote key while a request waits to run: with the old key beside it the votes hold, without it they do not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from bot.demo.local import MANIFEST
from local_slack.server import LocalSlack
from policy.votes import vote_key_id
from tests.keys import VOTE_KEY
from tests.running import running_desk
from tests.threats.cases import open_case, settled, status

NEW_KEY = "c3" * 32


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    """A Slack that outlives the desks that join it."""
    slack = LocalSlack(port=0, post_interval_seconds=0)
    slack.use_manifest(yaml.safe_load(MANIFEST.read_text()))
    await slack.start()
    yield slack
    await slack.stop()


@pytest.mark.parametrize(("old_keys", "becomes"), [(VOTE_KEY, "executed"), ("d4" * 32, "denied")])
async def test_votes_hold_for_as_long_as_their_key_is_known(
    slack: LocalSlack, database_url: str, tmp_path: Path, old_keys: str, becomes: str
) -> None:
    async with running_desk(database_url, tmp_path, slack=slack) as desk:
        case = await open_case(desk)
        await desk.parts.workers.stop()  # The desk ends between the approval and its run.
        await slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
        assert await status(desk, case) == "approved"
        assert await desk.value("select key_id from votes") == vote_key_id(bytes.fromhex(VOTE_KEY))

    environment = {"COUNTERSIGN_VOTE_KEY": NEW_KEY, "COUNTERSIGN_VOTE_KEYS_OLD": old_keys}
    async with running_desk(database_url, tmp_path, slack=slack, environment=environment) as desk:
        await settled(desk)

        assert await status(desk, case) == becomes
