"""`countersign passkeys`: list them, let the first one count, take one back."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from bot.commands.database import command_signer, opened
from handlers.flows.decide_passkey import let_count, take_back
from policy.passkeys import PasskeyState
from storage import passkeys
from storage.database import Transaction
from storage.schema import PasskeyRow


def add_to(commands: Any) -> None:
    """Add the command and its three verbs to the parser."""
    parser = commands.add_parser("passkeys", help="the passkeys that critical approvals are confirmed with")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="every passkey, oldest first").set_defaults(do=show)
    for verb, words, do in (
        ("approve", "let a waiting passkey count: for the first ones, which nobody else could approve", approve),
        ("revoke", "take a passkey back, at once and for good", revoke),
    ):
        one = verbs.add_parser(verb, help=words)
        one.add_argument("passkey", metavar="ID", help="its id, as `list` shows it")
        one.set_defaults(do=do)


def show(_wanted: argparse.Namespace) -> int:
    """One line for each."""

    async def run() -> int:
        async with opened() as database, database.transaction() as tx:
            for row in await passkeys.everybody(tx):
                at = row.enrolled_at.astimezone(UTC).isoformat(timespec="seconds")
                digits = passkeys.as_passkey(row).fingerprint
                # Escaped: what somebody is called must not move the cursor of whoever reads it.
                print(f"{row.id}  {row.state:8}  {digits}  {row.owner}  {row.owner_label!a}  enrolled {at}")
        return 0

    return asyncio.run(run())


def approve(wanted: argparse.Namespace) -> int:
    """Exit code 0 if it counts now, 1 if it does not wait."""
    signer = command_signer(os.environ, is_needed=True)

    async def change(tx: Transaction, row: PasskeyRow, by: str) -> str:
        if signer is None or row.state != PasskeyState.WAITING:
            return ""
        await let_count(tx, row, signer, by=by, at=datetime.now(UTC), new_id=uuid4)
        return f"the passkey of {row.owner} counts from now on"

    return asyncio.run(_change(wanted.passkey, change, "does not wait for an approval"))


def revoke(wanted: argparse.Namespace) -> int:
    """Exit code 0 if it is revoked now, 1 if it was already."""

    async def change(tx: Transaction, row: PasskeyRow, by: str) -> str:
        if row.state == PasskeyState.REVOKED:
            return ""
        await take_back(tx, row, by=by, at=datetime.now(UTC), new_id=uuid4)
        return f"the passkey of {row.owner} counts no more, also for approvals that have not run yet"

    return asyncio.run(_change(wanted.passkey, change, "is revoked already"))


async def _change(name: str, change: Callable[[Transaction, PasskeyRow, str], Awaitable[str]], otherwise: str) -> int:
    async with opened(writes=True) as database, database.transaction() as tx:
        row = await passkeys.named(tx, name)
        if row is None:
            print(f"there is no passkey {name!r}; `countersign passkeys list` shows them", file=sys.stderr)
            return 1
        done = await change(tx, row, f"operator:{getpass.getuser()}")
        if not done:
            print(f"the passkey {row.id} {otherwise}", file=sys.stderr)
            return 1
    print(done)
    return 0
