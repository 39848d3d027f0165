"""A desk with a leads' channel posts the weekly picture there by itself, and one without posts nothing."""

from __future__ import annotations

from pathlib import Path

from handlers.flows.post_measures import ask_for_measures
from tests.copilot.case_stories import scenario_b
from tests.running import running_desk
from tests.scenario.test_weekly_measures import MONDAY
from tests.storage.case_rows import write_case


async def test_the_picture_stands_in_the_leads_channel_once(database_url: str, tmp_path: Path) -> None:
    async with running_desk(database_url, tmp_path, clock=lambda: MONDAY) as quiet:
        await write_case(quiet.database, scenario_b().entries)
        await ask_for_measures(quiet.parts.reception.desk)
        assert await quiet.value("select count(*) from procrastinate_jobs where task_name = 'post_measures'") == 0
        channel = quiet.parts.settings.desk.triage_channel

    environment = {"COUNTERSIGN_LEADS_CHANNEL": channel}
    async with running_desk(database_url, tmp_path, environment=environment, clock=lambda: MONDAY) as desk:
        await desk.until(lambda: desk.value("select 1 from deliveries where kind = 'case_files' and state = 'posted'"))
        await ask_for_measures(desk.parts.reception.desk)
        await desk.idle()
        shown = [one for one in desk.slack.person("olivia").history("desk-triage") if one.get("files")]

    assert [file["name"] for one in shown for file in one["files"]] == ["cases-2026-11-23.png"]
