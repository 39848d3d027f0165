"""A whole desk for a test: the local Slack, a fresh PostgreSQL, and the bot, joined by real connections."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import yaml
from psycopg.rows import namedtuple_row

from actions.directory_csv import read_keys, read_people
from bot.demo.local import FOLDER, MANIFEST, local_environment
from bot.process import Running, running
from bot.settings import Settings, read_settings
from bot.web import SLACK_PATH
from bot.wiring import Parts, build
from copilot.suggestions import Triager
from local_slack.server import LocalSlack
from storage import audit, directory
from storage.audit import StoredEvent
from storage.database import Database, DatabaseUnavailable, libpq_url
from tests.keys import KEY_SETTINGS

T = TypeVar("T")

INTAKE_TOKEN = "intake-token-for-tests-0123456789"
INTAKE_SECRET = "intake-secret-for-tests-0123456789"
PATIENT_SECONDS = 10.0


@dataclass
class RunningDesk:
    """What a test holds on to."""

    slack: LocalSlack
    parts: Parts
    process: Running
    _looking: psycopg.AsyncConnection[Any] | None = None

    @property
    def database(self) -> Database:
        return self.parts.database

    async def until(self, condition: Callable[[], T | Awaitable[T]], *, seconds: float = 25) -> T:
        """Wait until the condition gives something true, and return that."""
        deadline = time.monotonic() + seconds
        while True:
            found = condition()
            value: Any = await found if isinstance(found, Awaitable) else found
            if value:
                return value  # type: ignore[no-any-return]  # whatever the condition gives
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s: {getattr(condition, '__name__', condition)}")
            await asyncio.sleep(0.02)

    async def rows(self, sql: str, **params: Any) -> list[Any]:
        """Rows of a query, for looking at what is stored."""
        for _ in range(2):
            if self._looking is None or self._looking.closed:
                # One that stays open, past the bot's own pool: tests look fifty times a second while they wait.
                url = libpq_url(self.database.url)
                self._looking = await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=namedtuple_row)
            try:
                cursor = await self._looking.execute(_named(sql, params), params)  # type: ignore[arg-type]  # of the tests
                return [] if cursor.description is None else await cursor.fetchall()
            except psycopg.OperationalError:
                if not self._looking.closed:
                    raise
        raise DatabaseUnavailable("the database did not answer")

    async def look_away(self) -> None:
        """Close what it looks through."""
        if self._looking is not None:
            await self._looking.close()

    async def value(self, sql: str, **params: Any) -> Any:
        """The one value of a query, or None."""
        found = await self.rows(sql, **params)
        return found[0][0] if found else None

    async def trail(self, ticket_id: UUID) -> list[StoredEvent]:
        """A ticket's audit trail."""
        async with self.database.transaction() as tx:
            return await audit.trail(tx, ticket_id)

    async def the_ticket(self, *, seconds: float = 10) -> UUID:
        """The id of the only ticket, once it is there."""
        found: UUID = await self.until(lambda: self.value("select id from tickets"), seconds=seconds)
        return found

    async def idle(self, *, seconds: float = 30) -> None:
        """Wait until no job is waiting or running (jobs that were put back for later do not count), and whoever pressed
        has been told what came of it."""

        async def nothing_to_do() -> bool:
            return not await self.value(
                "select count(*) from procrastinate_jobs where status = 'doing'"
                " or (status = 'todo' and (scheduled_at is null or scheduled_at <= now()))"
            )

        await self.until(nothing_to_do, seconds=seconds)
        await self.parts.reception.whispers.drain()

    def card(self, kind: str, *, viewer: str = "olivia") -> dict[str, Any]:
        """The newest message of ours in the triage or the approvals channel."""
        channel = {"triage": "desk-triage", "approvals": "desk-approvals"}[kind]
        ours = [m for m in self.slack.person(viewer).history(channel) if m.get("bot_id") == self.slack.app.bot_id]
        assert ours, f"no card in #{channel}"
        return ours[-1]  # type: ignore[no-any-return]  # a message as JSON


def _named(sql: str, names: Collection[str]) -> str:
    """Each `:name` that is given, as psycopg writes it."""
    escaped = sql.replace("%", "%%")
    return re.sub(rf":({'|'.join(names)})\b", r"%(\1)s", escaped) if names else escaped


def demo_settings(slack: LocalSlack, data: Path, *, http: bool, **more: str) -> Settings:
    """The demo's settings for this local Slack."""
    environ = local_environment(slack.app, slack.api_url)
    if http:
        del environ["SLACK_APP_TOKEN"]
        environ["SLACK_SIGNING_SECRET"] = slack.app.signing_secret
    environ |= {
        "COUNTERSIGN_DATA": str(data),
        "COUNTERSIGN_INTAKE_TOKENS": INTAKE_TOKEN,
        "COUNTERSIGN_INTAKE_SECRET": INTAKE_SECRET,
        "COUNTERSIGN_HTTP_PORT": "1",
        **KEY_SETTINGS,
    }
    return read_settings(environ | more)


async def import_demo_directory(database: Database) -> None:
    """The demo's people and keys."""
    async with database.transaction() as tx:
        await directory.import_people(tx, read_people((FOLDER / "people.csv").read_text()).entries)
        await directory.import_keys(tx, read_keys((FOLDER / "keys.csv").read_text()).entries)


@asynccontextmanager
async def running_desk(
    database_url: str,
    data: Path,
    *,
    http: bool = False,
    triager: Triager | None = None,
    slack: LocalSlack | None = None,
    role: str = "all",
    environment: Mapping[str, str] | None = None,
    http_port: int = 0,
    in_slacks_time: bool = False,
    **build_options: Any,
) -> AsyncIterator[RunningDesk]:
    """A desk over Socket Mode, or over signed HTTP. `slack`: one that runs already and outlives the desk.

    `environment`: settings that differ from the tests' own. `http_port`: any free one, unless a browser must know it.
    `in_slacks_time`: a press is answered within Slack's three seconds or called off. Otherwise, unless `slack` is
    given, both sides wait longer: what a test says about rules must not hang on how busy its machine is.
    """
    own, patience = slack is None, dict[str, Any]()
    if slack is None:
        patience = {} if in_slacks_time else {"answer_seconds": PATIENT_SECONDS}
        waits: dict[str, Any] = {"ack_seconds": PATIENT_SECONDS + 1, "trigger_seconds": PATIENT_SECONDS + 1}
        slack = LocalSlack(port=0, counts_calls=False, post_interval_seconds=0, **({} if in_slacks_time else waits))
        slack.use_manifest(yaml.safe_load(MANIFEST.read_text()))
        await slack.start()
    try:
        settings = demo_settings(slack, data, http=http, COUNTERSIGN_ROLE=role, **(environment or {}))
        object.__setattr__(settings, "http_port", http_port)  # a setting must name a real port
        # A test asks as often as it likes, and what it changed in Slack is seen at once.
        asking = {"live_group_lists_a_minute": 100_000, "presses_a_minute": 100_000, **patience, **build_options}
        parts = await build(settings, database_url, triager=triager, **asking)
        await import_demo_directory(parts.database)
        async with running(parts) as process:
            if http:
                slack.http_app_url = process.http_url + SLACK_PATH
            desk = RunningDesk(slack, parts, process)
            try:
                yield desk
            finally:
                await desk.look_away()
    finally:
        if own:
            await slack.stop()
