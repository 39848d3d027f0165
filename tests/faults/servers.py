"""What can be killed: a PostgreSQL server of the test's own, and the bot as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import psutil
import psycopg

from bot.demo.local import local_environment
from local_slack.server import LocalSlack
from storage.embedded import start_embedded
from tests.conftest import REPOSITORY
from tests.faults.rig import PATIENCE_SECONDS, eventually
from tests.keys import KEY_SETTINGS
from tests.ports import free_port
from tests.running import INTAKE_SECRET, INTAKE_TOKEN


class OwnServer:
    """A PostgreSQL that can be killed, frozen and started again under its users.

    What it answered is in the kernel's hands, and the kernel outlives it: nothing has to wait for the disk.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Any = start_embedded(folder)
        with psycopg.connect(self.uri(), autocommit=True) as connection:
            connection.execute("alter system set fsync = off")
            connection.execute("select pg_reload_conf()")

    def uri(self, database: str | None = None) -> str:
        return str(self._server.get_uri(database))

    def kill(self) -> None:
        """kill -9 of all of it at once: nobody is told, nothing is tidied up."""
        postmaster = psutil.Process(self._server.get_pid())
        family = [*postmaster.children(recursive=True), postmaster]
        for process in family:
            process.suspend()
        for process in family:
            process.kill()
        psutil.wait_procs(family, timeout=PATIENCE_SECONDS)

    def freeze(self) -> list[psutil.Process]:
        """It is there, and answers nothing."""
        postmaster = psutil.Process(self._server.get_pid())
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            process.suspend()
        return family

    def thaw(self, family: list[psutil.Process]) -> None:
        for process in family:
            process.resume()

    def start(self) -> None:
        self._server = start_embedded(self._folder)
        with psycopg.connect(self.uri()) as connection:
            connection.execute("select 1")

    def stop_for_good(self) -> None:
        self._server.cleanup()


def bot_environment(slack: LocalSlack, database_url: str, data: Path, *, http: bool = False) -> dict[str, str]:
    """The settings of a bot in a process of its own; of this process's environment only what Python needs."""
    environ = local_environment(slack.app, slack.api_url)
    if http:
        del environ["SLACK_APP_TOKEN"]
        environ["SLACK_SIGNING_SECRET"] = slack.app.signing_secret
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | environ | {
        "COUNTERSIGN_DATA": str(data),
        **KEY_SETTINGS,
        "COUNTERSIGN_INTAKE_TOKENS": INTAKE_TOKEN,
        "COUNTERSIGN_INTAKE_SECRET": INTAKE_SECRET,
        "COUNTERSIGN_HTTP_PORT": str(free_port()),
        "DATABASE_URL": database_url,
    }  # fmt: skip


class BotProcess:
    """`countersign run`, as the operating system sees it."""

    started: ClassVar[list[BotProcess]] = []
    """All of them, for whoever must end what a test that failed left running."""

    def __init__(self, environ: Mapping[str, str], log: Path) -> None:
        self.environ = dict(environ)
        self.log = log
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environ['COUNTERSIGN_HTTP_PORT']}"

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def process(self) -> Process:
        assert self._process is not None, "not started"
        return self._process

    async def start(self, *, wait: bool = True) -> None:
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot.cli", "run", cwd=REPOSITORY, env=self.environ, stdout=output, stderr=output
            )
        BotProcess.started.append(self)
        if wait:
            await eventually(self.is_ready)

    async def is_ready(self) -> bool:
        assert self.process.returncode is None, f"it ended by itself:\n{self.said[-3000:]}"
        try:
            async with aiohttp.ClientSession() as session, session.get(self.url + "/healthz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def kill(self) -> None:
        """kill -9."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(how)
        return await self.ended()

    async def ended(self) -> int:
        """Its exit code, once it ended."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.process.wait()

    async def intake(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """POST a ticket; status and answer, (0, {}) where nobody answers."""
        headers = {"Authorization": f"Bearer {INTAKE_TOKEN}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
                session.post(self.url + "/api/v1/intake", json=dict(body), headers=headers) as answer,
            ):
                return answer.status, await answer.json()
        except (aiohttp.ClientError, TimeoutError):
            return 0, {}
