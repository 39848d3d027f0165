"""`countersign directory import`: people and keys that actions act on, and a provider's accounts, from CSV files."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from actions.accounts_csv import read_accounts
from actions.directory_csv import CsvReading, doubtful_homes, read_keys, read_people
from bot.commands.database import opened
from storage import audit, directory
from storage.audit import Step
from storage.directory import UnknownOwners


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("directory", help="the directory of people and keys")
    verbs = parser.add_subparsers(dest="verb", required=True)
    load = verbs.add_parser("import", help="add or update people, keys and accounts from CSV files")
    load.add_argument("--people", type=Path, help="columns: email,name,slack_team,slack_user_id")
    load.add_argument("--keys", type=Path, help="columns: key_id,owner_email,label")
    load.add_argument("--accounts", type=Path, help="columns: account,email,name,status,deprovisioned_at,entitled")
    load.set_defaults(do=load_files)


def load_files(wanted: argparse.Namespace) -> int:
    """All or nothing; what is only odd is a warning.

    Exit code 1 if a file cannot be read or a row is wrong, 2 if no file was named.
    """
    if wanted.people is None and wanted.keys is None and wanted.accounts is None:
        print("name a file: --people FILE, --keys FILE, --accounts FILE, or several of them", file=sys.stderr)
        return 2
    problems: list[str] = []
    people = _read(wanted.people, read_people, problems)
    keys = _read(wanted.keys, read_keys, problems)
    accounts = _read(wanted.accounts, read_accounts, problems)
    if problems:
        for problem in problems:
            print(problem, file=sys.stderr)
        return 1
    return asyncio.run(_store(people, keys, accounts))


def _read(file: Path | None, read: Any, problems: list[str]) -> list[Any]:
    if file is None:
        return []
    try:
        reading: CsvReading[Any] = read(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{file}: {error}")
        return []
    problems += [f"{file}: {problem}" for problem in reading.problems]
    return list(reading.entries)


async def _store(people: list[Any], keys: list[Any], accounts: list[Any]) -> int:
    now = datetime.now(UTC)
    try:
        async with opened(writes=True) as database, database.transaction() as tx:
            doubts = doubtful_homes(people, await directory.home_ids(tx))
            imported = {
                "people": await directory.import_people(tx, people),
                "keys": await directory.import_keys(tx, keys),
                "accounts": await directory.import_accounts(tx, accounts, now),
            }
            payload = {name: {"added": one.added, "updated": one.updated} for name, one in imported.items()}
            await audit.record(tx, None, Step.DIRECTORY_IMPORTED, "operator", payload, at=now)
    except UnknownOwners as error:
        print(error, file=sys.stderr)
        return 1
    for name, one in imported.items():
        print(f"{name}: {one.added} added, {one.updated} updated")
    for doubt in doubts:
        print(f"warning: {doubt}", file=sys.stderr)
    return 0
