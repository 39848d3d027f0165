"""`countersign stops`: set a kill switch, lift it, list those in force. It needs nothing of Slack but its channel."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
from datetime import UTC, datetime
from typing import Any

from actions.catalogue import Catalogue
from actions.errors import UnknownAction
from bot.commands.database import opened
from handlers.errors import Refused
from handlers.flows.stop_desk import By, stop_facts, write_lift, write_stop
from policy.stops import Stop, StopScope
from policy.terms import PersonKey
from storage import stops


def add_to(commands: Any) -> None:
    """Add the command and its three verbs to the parser."""
    parser = commands.add_parser("stops", help="kill switches: let nothing be approved or run")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, words, do in (("set", "stop something from now on", put), ("lift", "let it happen again", lift)):
        one_stop = verbs.add_parser(verb, help=words)
        one_stop.add_argument(
            "what", type=_stop, metavar="WHAT", help="all, an action's id, or TEAM/USER for whatever they asked for"
        )
        one_stop.add_argument("--reason", required=True, type=_reason, help="why; it goes on the audit trail")
        one_stop.set_defaults(do=do)
    verbs.add_parser("list", help="those in force, with who set them, when and why").set_defaults(do=show)


def _stop(text: str) -> Stop:
    if text == StopScope.ALL:
        return Stop(StopScope.ALL)
    try:
        if "/" in text:
            return Stop(StopScope.PERSON, str(PersonKey.parse(text)))
        return Stop(StopScope.ACTION, Catalogue().get(text).action_id)
    except (ValueError, UnknownAction) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 'all' nor an action's id nor TEAM/USER") from error


def _reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("say why, in a few words")
    return text.strip()


def put(wanted: argparse.Namespace) -> int:
    """Exit code 0 if it is in force now, 1 if it was already."""

    async def run() -> int:
        async with opened(writes=True) as database, database.transaction() as tx:
            done = await write_stop(tx, wanted.what, wanted.reason, _by(), channel=_channel(), at=datetime.now(UTC))
        if not done.is_new:
            print(f"stopped already by {done.stop.by_label}: {done.stop.reason!a}", file=sys.stderr)
            return 1
        print("stopped: nothing that it covers begins to run from now on")
        if done.under_way:
            print(f"{done.under_way} of what it covers had begun to run before")
        return _say_whether_announced()

    return asyncio.run(run())


def lift(wanted: argparse.Namespace) -> int:
    """Exit code 0 if it is lifted, 1 if there was none."""

    async def run() -> int:
        try:
            async with opened(writes=True) as database, database.transaction() as tx:
                await write_lift(tx, wanted.what, wanted.reason, _by(), channel=_channel(), at=datetime.now(UTC))
        except Refused as refused:
            print(refused, file=sys.stderr)
            return 1
        print("lifted")
        return _say_whether_announced()

    return asyncio.run(run())


def show(_wanted: argparse.Namespace) -> int:
    """One line for each stop in force, oldest first."""

    async def run() -> int:
        async with opened() as database, database.transaction() as tx:
            for one in map(stop_facts, await stops.in_force(tx)):
                at = one.at.astimezone(UTC).isoformat(timespec="seconds")
                what = one.value or one.scope
                # Escaped: what somebody typed must not move the cursor of whoever reads it.
                print(f"{what}  {at}  by {one.by_label!a}  {one.reason!a}")
        return 0

    return asyncio.run(run())


def _by() -> By:
    name = getpass.getuser()
    return By("operator", name, name)


def _channel() -> str | None:
    return os.environ.get("COUNTERSIGN_APPROVALS_CHANNEL", "").strip() or None


def _say_whether_announced() -> int:
    if _channel() is None:
        print("not announced in Slack: COUNTERSIGN_APPROVALS_CHANNEL is not set here", file=sys.stderr)
    return 0
