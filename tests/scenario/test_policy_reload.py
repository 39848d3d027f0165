"""Policy files that change under a running bot: a good version comes into force, a bad one is not taken and said."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.wiring import Parts, build
from handlers.errors import Refused
from handlers.flows.cast_vote import Ballot, cast_vote
from policy.errors import PolicyUnusable
from policy.loading import DEFAULT_FOLDER
from policy.terms import Choice, PersonKey
from tests.policy.builders import edit
from tests.running import RunningDesk, demo_settings, running_desk
from tests.threats.cases import SANA, Case, open_case, settled
from tests.threats.planted import with_parts

HIGH = "[risk.high]\nquorum = 1\n"
KEEP = HIGH + 'on_policy_change = "keep"\n'
LATER = "ttl_seconds = 14400   # four hours"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_FOLDER, tmp_path / "policy"))


@asynccontextmanager
async def desk_on(database_url: str, tmp_path: Path, folder: Path) -> AsyncIterator[RunningDesk]:
    environment = {"COUNTERSIGN_POLICY": str(folder)}
    async with running_desk(database_url, tmp_path / "data", environment=environment) as desk:
        yield desk


def version(parts: Parts) -> str:
    return parts.reception.desk.gate.policy_version


async def reloaded(desk: RunningDesk, parts: Parts | None = None) -> tuple[str, str]:
    """The version before and after the change that is on its way."""
    found = desk.parts if parts is None else parts
    before = version(found)
    found.policy_watch.ask()
    await desk.until(lambda: version(found) != before)
    return before, version(found)


async def news(desk: RunningDesk) -> list[dict[str, Any]]:
    """What was announced in the approvals channel, in its order."""
    rows = await desk.rows("select args from deliveries where kind = 'policy_news' order by created_at")
    return [row[0] for row in rows]


async def on_record(desk: RunningDesk, name: str) -> list[dict[str, Any]]:
    sql = "select payload from audit_events where chain = 'system' and name = :name order by seq"
    return [row[0] for row in await desk.rows(sql, name=name)]


async def approve(desk: RunningDesk, case: Case, who: str = "sana") -> None:
    await desk.slack.person(who).click("desk-approvals", case.card_ts, action_id="request.approve")
    await settled(desk)


async def test_a_changed_file_is_noticed_and_comes_into_force_by_itself(
    database_url: str, tmp_path: Path, folder: Path
) -> None:
    async with desk_on(database_url, tmp_path, folder) as desk:
        case, before = await open_case(desk), version(desk.parts)

        edit(folder / "settings.toml", HIGH, HIGH.replace("1", "2"))
        await desk.until(lambda: version(desk.parts) != before, seconds=20)
        await desk.until(lambda: _is_void(desk, case))

        after = version(desk.parts)
        assert await on_record(desk, "policy_changed") == [{"old": before, "new": after}]
        assert [(one["other"], one["inForce"]) for one in await news(desk)] == [(before, after)]
        again = await open_case(desk)
        await approve(desk, again)
        assert await status_of(desk, again) == "pending", "two are asked for now"
        await desk.idle()
        assert any(f"version {after[:12]}" in str(one) for one in desk.slack.person("sana").history("desk-approvals"))


async def status_of(desk: RunningDesk, case: Case) -> str:
    return str(await desk.value("select status from action_requests where id = :id", id=case.request_id))


async def _is_void(desk: RunningDesk, case: Case) -> bool:
    return await status_of(desk, case) == "void"


async def test_what_the_new_version_keeps_is_decided_under_it(database_url: str, tmp_path: Path, folder: Path) -> None:
    async with desk_on(database_url, tmp_path, folder) as desk:
        case = await open_case(desk)
        edit(folder / "settings.toml", HIGH, KEEP)
        await reloaded(desk)

        async def is_kept() -> bool:
            return "request_kept" in [event.name for event in await desk.trail(case.ticket_id)]

        await desk.until(is_kept)
        await approve(desk, case)

        assert await status_of(desk, case) == "executed"


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("settings.toml", HIGH, "[risk.high]\nquorum = many\n", r"settings\.toml:\d+: this is no TOML"),
        ("settings.toml", "quorum = 2\n", "quorum = 4\n", r"settings\.toml:\d+: risk\.critical: needs 4 of security"),
        ("settings.toml", '["support", "security"]', '["support", "security", "legal"]', "COUNTERSIGN_LEGAL_GROUP"),
        ("site.cedar", 'when { resource.risk == Risk::"critical" };', "when { resource.rsik };", "site.cedar:"),
        ("site.cedar", 'when { resource.risk == Risk::"critical" };', "when { false };", "cases/ALLOW/"),
        ("core.cedar", '@id("core-no-requester")', '@id("core-no-asker")', "core.cedar: core-no-requester is missing"),
    ],
)
async def test_threat_15_a_version_that_is_not_good_is_not_taken_and_the_channel_is_told_once(
    database_url: str, tmp_path: Path, folder: Path, name: str, old: str, new: str, said: str
) -> None:
    async with desk_on(database_url, tmp_path, folder) as desk:
        case, before = await open_case(desk), version(desk.parts)
        good = (folder / name).read_text()
        edit(folder / name, old, new)
        desk.parts.policy_watch.ask()
        [told] = await desk.until(lambda: news(desk))

        assert any(re.search(said, line) for line in told["problems"]), told["problems"]
        assert told["inForce"] == version(desk.parts) == before
        [refused] = await on_record(desk, "policy_refused")
        assert (refused["inForce"], refused["problems"]) == (before, told["problems"])

        # The same bad files, touched: nothing is said again. The last good version decides meanwhile.
        (folder / name).touch()
        await desk.parts.policy_watch.look(is_written=True)
        assert len(await news(desk)) == 1
        await approve(desk, case)
        assert await status_of(desk, case) == "executed"

        (folder / name).write_text(good)
        desk.parts.policy_watch.ask()
        _, again = await desk.until(lambda: _two(desk))
        assert again == {"inForce": before, "other": before, "problems": []}
        await desk.idle()
        assert "good again" in str(desk.card("approvals", viewer="sana"))


async def _two(desk: RunningDesk) -> list[dict[str, Any]]:
    found = await news(desk)
    return found if len(found) == 2 else []


async def test_a_bot_does_not_start_on_files_that_a_running_one_does_not_take(
    database_url: str, tmp_path: Path, folder: Path
) -> None:
    edit(folder / "site.cedar", 'when { resource.risk == Risk::"critical" };', "when { false };")

    with pytest.raises(PolicyUnusable, match="cases/ALLOW/"):
        async with desk_on(database_url, tmp_path, folder):
            pass


async def ruling(parts: Parts, case: Case, who: str = SANA) -> str:
    """What one process says of a vote on a case: 'counted', or the rule that refuses it."""
    desk = parts.reception.desk
    ballot = Ballot(case.request_id, Choice.APPROVE, "trigger", "C0APPROVE01", case.card_ts)
    try:
        await cast_vote(desk, ballot, await desk.people.resolve(PersonKey.parse(who)))
    except Refused as refused:
        return refused.code
    return "counted"


@pytest.mark.parametrize("setting", [HIGH, KEEP])
async def test_threat_15_while_two_processes_have_two_versions_each_refuses_what_the_other_brought_or_kept(
    database_url: str, tmp_path: Path, folder: Path, setting: str
) -> None:
    edit(folder / "settings.toml", HIGH, setting)
    late = Path(shutil.copytree(folder, tmp_path / "late"))
    async with desk_on(database_url, tmp_path, folder) as desk:
        settings = demo_settings(desk.slack, tmp_path, http=False, COUNTERSIGN_POLICY=str(late))
        behind = await build(settings, database_url, live_group_lists_a_minute=100_000)
        try:
            waiting = await open_case(desk)
            _comment(folder)
            await reloaded(desk)
            await desk.until(lambda: _is_void_or_kept(desk, waiting, setting))
            brought = await open_case(desk)

            # Shown under the earlier version: void for both, or kept by the newer one, which alone may decide it now.
            is_kept = setting == KEEP
            assert await ruling(behind, waiting) == ("core-no-other-policy" if is_kept else "core-no-settled-request")
            assert await ruling(behind, brought) == "core-no-other-policy"

            _comment(late)
            await behind.policy_watch.look(is_written=True)
            assert version(behind) == version(desk.parts)
            assert await ruling(behind, brought) == "counted"
            assert await ruling(behind, waiting) == ("counted" if is_kept else "core-no-settled-request")
            assert len(await on_record(desk, "policy_changed")) == 2 and len(await news(desk)) == 1
        finally:
            await behind.database.close()


async def test_a_request_that_a_process_with_the_older_files_makes_afterwards_is_void_as_well(
    database_url: str, tmp_path: Path, folder: Path
) -> None:
    async with desk_on(database_url, tmp_path, folder) as desk:
        await open_case(desk)
        older = desk.parts.reception.desk
        _comment(folder)
        await reloaded(desk)

        # What a decision under way, or a process that has not read the files yet, still brings.
        with with_parts(desk, gate=older.gate):
            case = await open_case(desk)

        await desk.until(lambda: _is_void(desk, case))


async def test_a_version_that_comes_back_decides_again_what_it_was_shown_for(
    database_url: str, tmp_path: Path, folder: Path
) -> None:
    edit(folder / "settings.toml", HIGH, KEEP)
    first = (folder / "site.cedar").read_text()
    async with desk_on(database_url, tmp_path, folder) as desk:
        case, before = await open_case(desk), version(desk.parts)
        _comment(folder)
        await reloaded(desk)
        await desk.until(lambda: _is_void_or_kept(desk, case, KEEP))
        (folder / "site.cedar").write_text(first)
        await reloaded(desk)
        assert version(desk.parts) == before

        async def is_kept_twice() -> bool:
            return [event.name for event in await desk.trail(case.ticket_id)].count("request_kept") == 2

        await desk.until(is_kept_twice)
        await approve(desk, case)
        assert await status_of(desk, case) == "executed"


def _comment(folder: Path) -> None:
    with (folder / "site.cedar").open("a") as file:
        file.write("// A changed comment is a new version.\n")


async def _is_void_or_kept(desk: RunningDesk, case: Case, setting: str) -> bool:
    if setting == HIGH:
        return await _is_void(desk, case)
    return "request_kept" in [event.name for event in await desk.trail(case.ticket_id)]
