"""The process from outside: it stops in order, is there once, and says in one line what is missing."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import bot.socket_mode
from bot.demo.local import MANIFEST
from bot.socket_mode import Socket
from handlers.listeners.intake import take_message
from local_slack.server import LocalSlack
from storage.database import Database
from tests.faults.rig import PATIENCE_SECONDS, eventually, holds, quick_slack, value
from tests.faults.servers import BotProcess, bot_environment
from tests.policy.builders import edit, policy_copy
from tests.running import running_desk


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with quick_slack() as running:
        yield running


async def test_a_signal_stops_it_in_order_and_a_second_one_beside_it_is_told(
    slack: LocalSlack, database_url: str, database: Database, tmp_path: Path
) -> None:
    environ = bot_environment(slack, database_url, tmp_path)
    bot = BotProcess(environ, tmp_path / "bot.log")
    second = BotProcess(environ | {"COUNTERSIGN_HTTP_PORT": "1"}, tmp_path / "second.log")
    await bot.start()

    await second.start(wait=False)
    assert await second.ended() == 1
    assert "running already" in second.said and str(tmp_path) in second.said
    assert "COUNTERSIGN_DATA" in second.said and "Traceback" not in second.said

    # In the middle of work: one post hangs for longer than anybody here waits, others wait.
    slack.faults.fail_next("chat.postMessage", hang_seconds=5 * PATIENCE_SECONDS, status=500)
    for n in range(3):
        await slack.person("erin").post("help", f"Message {n}")
    await eventually(lambda: value(database, "select 1 from deliveries where state = 'posting'"))
    assert await bot.end(signal.SIGINT) == 0
    assert "Nothing was lost" in bot.said and "Traceback" not in bot.said

    # What was cut off is finished by the next one, and nobody has to be declared dead for it.
    assert await value(database, "select count(*) from procrastinate_jobs where status = 'doing'") == 0
    slack.faults.clear()
    await bot.start()
    await eventually(lambda: _is_done(database))
    assert await bot.end(signal.SIGTERM) == 0
    await holds(slack, database)


class Slow:
    """Storing of messages that waits until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self.goes_on = asyncio.Event()
        monkeypatch.setattr(bot.socket_mode, "take_message", self._take)

    async def _take(self, *args: Any) -> None:
        self.begun += 1
        await self.goes_on.wait()
        await take_message(*args)


async def test_what_came_in_before_the_stop_is_answered_and_what_comes_later_is_left_to_slack(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.socket_mode, "LAST_ANSWERS_SECONDS", PATIENCE_SECONDS)
    slow, stopping, closing, close = Slow(monkeypatch), asyncio.Event(), asyncio.Event(), Socket.close_async

    async def closes(socket: Socket) -> None:
        closing.set()
        await close(socket)

    monkeypatch.setattr(Socket, "close_async", closes)
    state, manifest = tmp_path / "slack.json", yaml.safe_load(MANIFEST.read_text())
    async with LocalSlack(state_file=state, manifest=manifest, ack_seconds=PATIENCE_SECONDS) as slack:

        async def run() -> None:
            async with running_desk(database_url, tmp_path, slack=slack):
                await slack.person("erin").post("help", "Before it stops")
                await stopping.wait()

        bot_runs = asyncio.create_task(run())
        await slack.wait_for(lambda: slow.begun == 1, timeout=PATIENCE_SECONDS)
        stopping.set()
        await closing.wait()
        for n in range(4):  # More than there are connections: one of them is closed already, one waits.
            await slack.person("erin").post("help", f"While it stops, {n}")
        await asyncio.sleep(0.2)  # Time in which it would be taken, were it not left.
        slow.goes_on.set()
        await bot_runs
        # An acknowledgement is on its way for a moment.
        await asyncio.sleep(0.2)

    assert slow.begun == 1
    waiting = {envelope["event"].get("text") for _, envelope, _ in json.loads(state.read_text())["pending_events"]}
    assert waiting >= {f"While it stops, {n}" for n in range(4)} and "Before it stops" not in waiting


async def test_an_answer_that_cannot_be_sent_is_one_line_in_the_log(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Slow(monkeypatch)
    async with quick_slack() as slack, running_desk(database_url, tmp_path, slack=slack) as desk:
        await slack.person("erin").post("help", "The line breaks before this is answered")
        await desk.until(lambda: slow.begun == 1)
        await slack.faults.disconnect(abruptly=True)
        slow.goes_on.set()

        await desk.until(lambda: "an answer did not reach Slack" in caplog.text)
        await desk.the_ticket()
    assert "Failed to run" not in caplog.text  # As the SDK says of what we raise, with a traceback.


async def _is_done(database: Database) -> bool:
    return bool(
        await value(database, "select count(*) = 6 from deliveries where state = 'posted'")
        and await value(database, "select count(*) = 0 from procrastinate_jobs")
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"SLACK_APP_TOKEN": "xapp-nobody-knows-this-one"}, "SLACK_APP_TOKEN"),
        ({"SLACK_BOT_TOKEN": "xoxb-nobody-knows-this-one"}, "SLACK_BOT_TOKEN"),
        ({"COUNTERSIGN_SLACK_API_URL": "http://127.0.0.1:9/api/"}, "Slack cannot be reached"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:9/none"}, "DATABASE_URL"),
    ],
    ids=["app token", "bot token", "no Slack", "no database"],
)
async def test_what_is_refused_at_the_start_is_one_readable_line(
    slack: LocalSlack, database_url: str, tmp_path: Path, change: dict[str, str], says: str
) -> None:
    bot = BotProcess(bot_environment(slack, database_url, tmp_path) | change, tmp_path / "bot.log")

    await bot.start(wait=False)
    code = await bot.ended()

    lines = [line for line in bot.said.splitlines() if says in line]
    assert code == 1
    assert len(lines) == 1, bot.said
    assert "Traceback" not in bot.said
    assert "nobody-knows" not in bot.said


async def test_a_port_that_is_taken_is_named(slack: LocalSlack, database_url: str, tmp_path: Path) -> None:
    taken = slack.url.rpartition(":")[2]
    environ = bot_environment(slack, database_url, tmp_path) | {"COUNTERSIGN_HTTP_PORT": taken}
    bot = BotProcess(environ, tmp_path / "bot.log")

    await bot.start(wait=False)

    assert await bot.ended() == 1
    assert "COUNTERSIGN_HTTP_PORT" in bot.said and "Traceback" not in bot.said


async def test_all_that_is_missing_is_said_at_once(slack: LocalSlack, database_url: str, tmp_path: Path) -> None:
    environ = bot_environment(slack, database_url, tmp_path)
    kept = {name: text for name, text in environ.items() if not name.startswith(("COUNTERSIGN_", "SLACK_APP"))}
    bot = BotProcess(kept | {"COUNTERSIGN_DATA": str(tmp_path), "COUNTERSIGN_HTTP_PORT": "x"}, tmp_path / "bot.log")

    await bot.start(wait=False)

    assert await bot.ended() == 1
    for name in ("SLACK_APP_TOKEN", "COUNTERSIGN_TRIAGE_CHANNEL", "COUNTERSIGN_INTAKE_CHANNELS",
                 "COUNTERSIGN_SECURITY_MEMBERS", "COUNTERSIGN_HTTP_PORT"):  # fmt: skip
        assert [line for line in bot.said.splitlines() if line.startswith(f"{name}: ")], bot.said


async def test_sighup_has_the_policy_files_read_at_once_and_bad_ones_stop_the_next_start(
    slack: LocalSlack, database_url: str, database: Database, tmp_path: Path
) -> None:
    folder = policy_copy(tmp_path)
    environ = bot_environment(slack, database_url, tmp_path) | {"COUNTERSIGN_POLICY": str(folder)}
    bot = BotProcess(environ, tmp_path / "bot.log")
    await bot.start()
    with (folder / "site.cedar").open("a") as file:
        file.write("// A changed comment is a new version.\n")
    bot.process.send_signal(signal.SIGHUP)
    await eventually(lambda: value(database, "select 1 from audit_events where name = 'policy_changed'"))

    edit(folder / "settings.toml", "[risk.high]\nquorum = 1\n", "[risk.high]\nquorum = 0\n")
    bot.process.send_signal(signal.SIGHUP)
    await eventually(lambda: value(database, "select 1 from audit_events where name = 'policy_refused'"))
    assert await bot.end(signal.SIGTERM) == 0

    again = BotProcess(environ, tmp_path / "again.log")
    await again.start(wait=False)
    assert await again.ended() == 1
    assert re.search(r"settings\.toml:\d+: risk\.high\.quorum: must be 1 or more$", again.said.strip())
    assert "Traceback" not in again.said
