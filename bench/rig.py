"""What every measurement stands on: a PostgreSQL with its default durability, child processes, the shipped parts."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from actions.directory_csv import read_people
from bench.children.conversation import LINE_LIMIT_BYTES
from bench.people import InMemoryPeople
from bench.policy import clicks_suffice
from bot.demo.local import FOLDER
from bot.settings import read_settings
from bot.wiring import build
from handlers.desk import Desk
from storage import directory
from storage.embedded import EmbeddedServer, start_embedded
from storage.migrate import migrate

REPOSITORY = Path(__file__).parent.parent
TEMPLATE = "bench_template"
VOTE_KEY = "b7" * 32
AUDIT_KEY = "bb" * 32
READY_WITHIN_SECONDS = 60.0


@dataclass
class Child:
    """A process of ours that answers lines with lines."""

    process: asyncio.subprocess.Process
    ready: dict[str, Any]

    @property
    def pid(self) -> int:
        return self.process.pid

    async def ask(self, **question: Any) -> dict[str, Any]:
        """Send one line and wait for the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        await self.process.stdin.drain()
        return await self.hear()

    async def hear(self) -> dict[str, Any]:
        """The next line. Raises RuntimeError if the process ended instead."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a child process ended with code {await self.process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    async def stop(self) -> None:
        """Close its standard input and wait; ended by force if it does not end."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(20):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


@dataclass
class Rig:
    """One run of the bench."""

    folder: Path
    postgres: EmbeddedServer
    is_quick: bool
    children: list[Child] = field(default_factory=list)
    databases: int = 0

    def take(self, quick: int, full: int) -> int:
        """How many: few in a quick run, whose numbers only show that it works."""
        return quick if self.is_quick else full

    def database(self) -> str:
        """The URL of a fresh, migrated database."""
        self.databases += 1
        name = f"bench_{self.databases}"
        with psycopg.connect(self.postgres.get_uri(), autocommit=True) as connection:
            connection.execute(f'create database "{name}" template "{TEMPLATE}"')
        return self.postgres.get_uri(name)

    async def child(self, module: str, *arguments: str, **environment: str) -> Child:
        """Start `bench.children.<module>` and wait until it is ready."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"bench.children.{module}", *arguments,
            cwd=REPOSITORY, env={**os.environ, **environment}, limit=LINE_LIMIT_BYTES,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        child = Child(process, {})
        self.children.append(child)
        async with asyncio.timeout(READY_WITHIN_SECONDS):
            child.ready = await child.hear()
        return child

    async def stop(self, *children: Child) -> None:
        """End processes before the run does."""
        for child in children:
            await child.stop()
            self.children.remove(child)


@dataclass
class SlackChild:
    """The local Slack in its own process."""

    child: Child

    @property
    def environment(self) -> dict[str, str]:
        """The settings that join a bot to it over signed HTTP."""
        found = {name: value for name, value in self.child.ready["environment"].items() if name != "SLACK_APP_TOKEN"}
        own = {"COUNTERSIGN_VOTE_KEY": VOTE_KEY, "COUNTERSIGN_AUDIT_KEY": AUDIT_KEY}
        return {**found, **own, "COUNTERSIGN_POLICY": str(clicks_suffice())}

    @property
    def signing_secret(self) -> str:
        return str(self.environment["SLACK_SIGNING_SECRET"])

    async def messages(self, count: int, text: str, *, who: str = "mallory") -> list[dict[str, Any]]:
        """Messages that stand in Slack, as the events about them."""
        answer = await self.child.ask(messages=count, who=who, channel="ext-external", text=text)
        events: list[dict[str, Any]] = answer["events"]
        return events


async def start_slack(rig: Rig) -> SlackChild:
    """A local Slack without limits on posts."""
    return SlackChild(await rig.child("slack"))


async def start_bot(rig: Rig, slack: SlackChild, database_url: str, part: str) -> Child:
    """The shipped bot: `all` of it, or only its `web` side."""
    folder = rig.folder / f"bot-{len(rig.children)}"
    return await rig.child(
        "bot", part, **slack.environment, DATABASE_URL=database_url, COUNTERSIGN_DATA=str(folder),
    )  # fmt: skip


@asynccontextmanager
async def desk_below_slack(slack: SlackChild, database_url: str) -> AsyncIterator[Desk]:
    """The shipped desk, with people from memory at the seam where Slack's would be; no bot runs."""
    # The environment of the local Slack names the policy too.
    parts = await build(read_settings({**slack.environment, "DATABASE_URL": database_url}), database_url)
    try:
        async with parts.database.transaction() as tx:
            await directory.import_people(tx, read_people((FOLDER / "people.csv").read_text()).entries)
        yield replace(parts.reception.desk, people=InMemoryPeople())
    finally:
        await parts.database.close()


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float, every: float = 0.05) -> None:
    """Wait for something. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s")
        await asyncio.sleep(every)


async def until_idle(database: psycopg.AsyncConnection[Any], *, seconds: float) -> None:
    """Wait until no job waits or runs. Raises TimeoutError."""

    async def is_idle() -> bool:
        cursor = await database.execute("select not exists (select 1 from procrastinate_jobs where"
                                        " status = 'doing' or (status = 'todo' and coalesce(scheduled_at, now()) <= now()))")  # fmt: skip  # noqa: E501  # one query
        row = await cursor.fetchone()
        return bool(row and row[0])

    await until(is_idle, seconds=seconds, every=0.2)


def durability(rig: Rig) -> str:
    """What the server says of itself, so that nobody has to believe that it keeps what it is given."""
    with psycopg.connect(rig.postgres.get_uri(), autocommit=True) as connection:
        asked = ("server_version", "fsync", "synchronous_commit", "full_page_writes")
        found = {name: connection.execute(f"show {name}").fetchone() for name in asked}
    return "PostgreSQL " + ", ".join(f"{name} {row[0]}" for name, row in found.items() if row is not None)


@asynccontextmanager
async def opened_rig(*, is_quick: bool) -> AsyncIterator[Rig]:
    """Start PostgreSQL as it is shipped (fsync on); stop and remove everything afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-bench-"))
    server = start_embedded(folder / "postgres")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f'create database "{TEMPLATE}"')
        await asyncio.to_thread(migrate, server.get_uri(TEMPLATE))
        rig = Rig(folder, server, is_quick)
        try:
            yield rig
        finally:
            for child in list(rig.children):
                await child.stop()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
