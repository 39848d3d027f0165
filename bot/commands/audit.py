"""`countersign audit`: verify the chains, print one ticket's trail, export everything."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any
from uuid import UUID

from bot.commands.database import opened
from storage import audit, tickets
from storage.audit import StoredEvent
from storage.database import Transaction


def add_to(commands: Any) -> None:
    """Add the command and its three verbs to the parser."""
    parser = commands.add_parser("audit", help="the audit trail")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("verify", help="check every hash chain and name the first broken row").set_defaults(do=verify)
    show = verbs.add_parser("show", help="print one ticket's trail")
    show.add_argument("ticket", help="a ticket's number (12 or #12) or id")
    show.set_defaults(do=show_trail)
    export = verbs.add_parser("export", help="write every event as a JSON line, chain by chain")
    export.add_argument("--ticket", help="only this ticket's")
    export.set_defaults(do=export_trail)


def verify(_wanted: argparse.Namespace) -> int:
    """Exit code 0 if every chain holds, else 1."""

    async def run() -> int:
        async with opened() as database, database.transaction() as tx:
            result = await audit.verify(tx)
        if result.first_break is None:
            print(f"ok: {result.events} events in {result.chains} chains")
            return 0
        broken = result.first_break
        print(f"BROKEN: row {broken.seq} of chain {broken.chain} {broken.why}", file=sys.stderr)
        return 1

    return asyncio.run(run())


def show_trail(wanted: argparse.Namespace) -> int:
    """Exit code 0, or 1 if there is no such ticket."""

    async def run() -> int:
        async with opened() as database, database.transaction() as tx:
            ticket_id = await _ticket_id(tx, wanted.ticket)
            if ticket_id is None:
                print(f"there is no ticket {wanted.ticket!r}", file=sys.stderr)
                return 1
            for event in await audit.trail(tx, ticket_id):
                print(_readable(event))
        return 0

    return asyncio.run(run())


def export_trail(wanted: argparse.Namespace) -> int:
    """JSON lines to standard output, with the hashes, so that others can verify them."""

    async def run() -> int:
        async with opened() as database, database.transaction() as tx:
            if wanted.ticket is None:
                async for event in audit.all_events(tx):
                    print(_json_line(event))
                return 0
            ticket_id = await _ticket_id(tx, wanted.ticket)
            if ticket_id is None:
                print(f"there is no ticket {wanted.ticket!r}", file=sys.stderr)
                return 1
            for event in await audit.trail(tx, ticket_id):
                print(_json_line(event))
        return 0

    return asyncio.run(run())


async def _ticket_id(tx: Transaction, name: str) -> UUID | None:
    bare = name.removeprefix("#")
    if bare.isascii() and bare.isdecimal():
        ticket = await tickets.by_number(tx, int(bare)) if len(bare) < 19 else None
        return None if ticket is None else ticket.id
    try:
        ticket = await tickets.get(tx, UUID(name))
    except ValueError:
        return None
    return None if ticket is None else ticket.id


def _readable(event: StoredEvent) -> str:
    # Escaped: a requester's words must not move the cursor or colours of whoever reads the trail.
    payload = json.dumps(event.payload, indent=2, ensure_ascii=True)
    body = "" if not event.payload else "\n" + "\n".join(f"      {line}" for line in payload.splitlines())
    return f"{event.seq:>4}  {event.at.isoformat(timespec='milliseconds')}  {event.name}  by {event.actor}{body}"


def _json_line(event: StoredEvent) -> str:
    return json.dumps(
        {
            "chain": event.chain,
            "seq": event.seq,
            "at": event.at.isoformat(timespec="microseconds"),
            "name": event.name,
            "actor": event.actor,
            "payload": event.payload_text,
            "prevHash": event.prev_hash.hex(),
            "hash": event.hash.hex(),
        }
    )
