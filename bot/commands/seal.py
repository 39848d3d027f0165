"""`countersign audit seal`: vouch, once and by hand, for rows of before there was an audit key."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
from datetime import UTC, datetime
from typing import Any

from bot.commands.database import command_places, opened
from storage import checkpoints, earlier_rows, verification
from storage.database import Transaction
from storage.places import PlaceUnavailable, place_of
from storage.verification import Verification


def add_to(verbs: Any) -> None:
    """Add the verb to those of `audit`."""
    parser = verbs.add_parser("seal", help="vouch for the rows that a version without audit keys wrote")
    parser.add_argument("--yes", action="store_true", help="do it; else it is only shown what would be vouched for")
    parser.set_defaults(do=seal)


def seal(wanted: argparse.Namespace) -> int:
    """Exit code 0 if they are sealed, or were only to be shown; 1 if that cannot be, with the reason."""
    try:
        return asyncio.run(_seal(is_meant=wanted.yes))
    except PlaceUnavailable as error:
        print(error, file=sys.stderr)
        return 1


async def _seal(*, is_meant: bool) -> int:
    at_places = [(url, await place_of(url).last()) for url in command_places(os.environ)]
    async with opened(writes=True) as database, database.transaction() as tx:
        found = await verification.verify(tx)
        why = await _why_not(tx, found) or next(
            (f"{url} has a checkpoint of a trail already" for url, last in at_places if last is not None), ""
        )
        if why:
            print(f"nothing is sealed: {why}", file=sys.stderr)
            return 1
        for chain, (length, head) in sorted(found.earlier.ends.items()):
            print(f"{chain}  {length} rows  {head.hex()}")
        print(f"root {found.earlier.root}")
        if not is_meant:
            print("These rows have no key: nobody can tell whether the desk wrote them. If you know that they are what")
            print("it wrote (from an export, a backup, or who had access), run the command again with --yes.")
            return 0
        await earlier_rows.seal(tx, found.earlier, by=getpass.getuser(), at=datetime.now(UTC))
    print("sealed: they hold from now on as they are")
    return 0


async def _why_not(tx: Transaction, found: Verification) -> str:
    if not found.is_all_read:
        return f"the trail does not hold: {found.first_break}"
    if found.earlier.sealed_root is not None:
        return "that was done before, and is done once only"
    if not found.earlier.ends:
        return "every row has a key"
    if await checkpoints.are_any(tx):
        return "there are checkpoints, so there was a trail with keys: these rows were put in its place"
    return ""
