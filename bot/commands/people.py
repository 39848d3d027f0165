"""`countersign people`: say that two accounts are one human's, take it back, list what was said."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from datetime import UTC, datetime
from typing import Any

from bot.commands.database import opened
from policy.terms import PersonKey
from storage import audit, people
from storage.audit import Step


def add_to(commands: Any) -> None:
    """Add the command and its three verbs to the parser."""
    parser = commands.add_parser("people", help="accounts that are one person's")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, words, do in (
        ("link", "two accounts are one person's: what one has a part in, the other does not decide", link),
        ("unlink", "take a link back", unlink),
    ):
        one_of_two = verbs.add_parser(verb, help=words)
        one_of_two.add_argument("keys", nargs=2, type=_key, metavar="KEY", help="TEAM/USER, such as T0ACME00001/U0ANN")
        one_of_two.add_argument("--reason", required=True, type=_reason, help="why; it goes on the audit trail")
        one_of_two.set_defaults(do=do)
    verbs.add_parser("list", help="every link, with who made it, when and why").set_defaults(do=show)


def _key(text: str) -> PersonKey:
    try:
        return PersonKey.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a key: write the workspace's or Enterprise's id, a slash and the user id"
        ) from error


def _reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("say why, in a few words")
    return text.strip()


def link(wanted: argparse.Namespace) -> int:
    """Exit code 0 if they are linked now, 1 if they were already or are one account."""
    one, other = wanted.keys
    if one.user_id == other.user_id:
        print(f"{one} and {other} are one account already: accounts are told apart by user id", file=sys.stderr)
        return 1

    async def run() -> int:
        now, by = datetime.now(UTC), getpass.getuser()
        async with opened(writes=True) as database, database.transaction() as tx:
            if await people.link(tx, one, other, reason=wanted.reason, by=by, at=now) is None:
                print(f"{one} and {other} are linked already", file=sys.stderr)
                return 1
            heard_of = await people.accounts_heard_of(tx, [one, other])
            payload = {"accounts": sorted([str(one), str(other)]), "reason": wanted.reason, "by": by}
            await audit.record(tx, None, Step.PEOPLE_LINKED, "operator", payload, at=now)
        print(f"{one} and {other} count as one person from now on")
        for key in (one, other):
            if key.user_id not in heard_of:
                print(f"warning: {key} has never asked, proposed or voted here; check the id", file=sys.stderr)
        return 0

    return asyncio.run(run())


def unlink(wanted: argparse.Namespace) -> int:
    """Exit code 0 if the link is gone, 1 if there was none."""
    one, other = wanted.keys

    async def run() -> int:
        now, by = datetime.now(UTC), getpass.getuser()
        async with opened(writes=True) as database, database.transaction() as tx:
            if await people.unlink(tx, one, other) is None:
                print(f"no operator linked {one} and {other}", file=sys.stderr)
                return 1
            payload = {"accounts": sorted([str(one), str(other)]), "reason": wanted.reason, "by": by}
            await audit.record(tx, None, Step.PEOPLE_UNLINKED, "operator", payload, at=now)
        print(f"the link of {one} and {other} is taken back")
        print("the directory and a confirmed address in Slack may still make them one person")
        return 0

    return asyncio.run(run())


def show(_wanted: argparse.Namespace) -> int:
    """One line for each link, oldest first."""

    async def run() -> int:
        async with opened() as database, database.transaction() as tx:
            for one in await people.links(tx):
                at = one.linked_at.astimezone(UTC).isoformat(timespec="seconds")
                # Escaped: what somebody typed must not move the cursor of whoever reads it.
                print(f"{one.one}  {one.other}  {at}  by {one.linked_by}  {one.reason!a}")
        return 0

    return asyncio.run(run())
