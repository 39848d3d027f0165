"""A web process and a worker process on one database do together what one process does."""

from __future__ import annotations

from pathlib import Path

from bot.process import running
from bot.wiring import build
from tests.running import demo_settings, running_desk
from tests.scenario.test_false_authority import mallory_asks


async def test_what_the_web_process_takes_the_worker_process_works_off(database_url: str, tmp_path: Path) -> None:
    async with running_desk(database_url, tmp_path) as desk:
        settings = demo_settings(desk.slack, tmp_path, http=False, COUNTERSIGN_ROLE="web")
        assert settings.role == "web"
        object.__setattr__(settings, "http_port", 0)  # any free one; a setting must name a real port
        web = await build(settings, database_url)

        async with running(web):
            await mallory_asks(desk)

            assert await desk.value("select count(*) from triages") == 1


async def test_a_web_process_alone_keeps_what_arrives_for_later(database_url: str, tmp_path: Path) -> None:
    async with running_desk(database_url, tmp_path, role="web") as desk:
        await desk.slack.person("mallory").post("ext-external", "The export fails.")
        await desk.until(lambda: desk.value("select count(*) from inbox"))

        assert await desk.value("select count(*) from tickets") == 0
        assert await desk.value("select count(*) from procrastinate_jobs where status = 'todo'") == 1
