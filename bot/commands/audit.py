"""`countersign audit`: verify the trail, print one ticket's, export everything. Sealing and receipts are beside it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bot.commands import agentack, check_handoff, receipt, seal
from bot.commands.database import command_notary, command_places, command_signer, opened
from handlers.flows.judged_facts import digest_as_shown
from storage import audit, evidence, remembered, requests, tickets, verification
from storage.audit import StoredEvent
from storage.database import Transaction
from storage.places import Place, PlaceUnavailable, check_place, place_of


def add_to(commands: Any) -> None:
    """Add the command and its verbs to the parser."""
    parser = commands.add_parser("audit", help="the audit trail")
    verbs = parser.add_subparsers(dest="verb", required=True)
    check = verbs.add_parser("verify", help="check the trail, the votes and the requests, and name what does not hold")
    check.add_argument(
        "--checkpoints",
        action="append",
        default=[],
        metavar="PLACE",
        help="against this place too, besides those of COUNTERSIGN_CHECKPOINTS",
    )
    check.add_argument(
        "--key",
        action="append",
        default=[],
        help="another public key that is trusted",
    )
    check.set_defaults(do=verify)
    receipt.add_to(verbs)
    check_handoff.add_to(verbs)
    seal.add_to(verbs)
    show = verbs.add_parser("show", help="print one ticket's trail")
    show.add_argument("ticket", help="a ticket's number (12 or #12) or id")
    show.set_defaults(do=show_trail)
    export = verbs.add_parser("export", help="write every event as a JSON line, chain by chain")
    export.add_argument("--ticket", help="only this ticket's")
    export.add_argument(
        "--format",
        choices=["trail", "agentack"],
        default="trail",
        help="agentack: what the checker of that name reads, of one ticket",
    )
    export.set_defaults(do=export_trail)


def verify(wanted: argparse.Namespace) -> int:
    """Exit code 0 if everything holds, 1 with what does not in words, 2 if a place or a key is none."""
    if not (_are_places(wanted.checkpoints) and receipt.are_public_keys(wanted.key)):
        return 2

    urls = dict.fromkeys([*command_places(os.environ), *wanted.checkpoints])

    async def run() -> int:
        known = {place.name: await _lines(place) for place in map(place_of, urls)}
        async with opened() as database, database.transaction() as tx:
            result = await verification.verify(tx)
            problems = [str(result.first_break)] if result.first_break is not None else await _check_tables(tx)
            for name, lines in known.items():
                found = await remembered.check(tx, lines, _trusted(wanted.key), now=datetime.now(UTC))
                problems += [f"{name}: {problem}" for problem in found]
        for problem in problems:
            print(f"BROKEN: {problem}", file=sys.stderr)
        if problems:
            return 1
        said = "".join(f", as the {len(lines)} checkpoints at {name} say" for name, lines in known.items())
        print(f"ok: {result.events} events in {result.chains} chains{said}")
        return 0

    try:
        return asyncio.run(run())
    except PlaceUnavailable as error:
        print(error, file=sys.stderr)
        return 1


async def _lines(place: Place) -> list[str]:
    """A place's checkpoints, read before the database: what they know must be there."""
    return [line async for line in place.lines()]


async def _check_tables(tx: Transaction) -> list[str]:
    signer = command_signer(os.environ)
    if signer is None:
        return ["votes and requests were not checked: COUNTERSIGN_VOTE_KEY is needed for that, the same as the bot's"]
    return await evidence.check(tx, signer, digest_as_shown)


def _trusted(keys: Sequence[str]) -> set[str]:
    """The public keys that checkpoints may be signed with: the desk's own, and those of the command line."""
    own = command_notary(os.environ)
    return {*keys} | (set() if own is None else {own.public_key})


def _are_places(urls: Sequence[str]) -> bool:
    for url in urls:
        try:
            check_place(url)
        except ValueError as error:
            print(f"--checkpoints {error}", file=sys.stderr)
            return False
    return True


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
    """JSON lines to standard output, with the hashes, so that others can verify them; or as `agentack` reads them."""
    if wanted.format == "agentack" and wanted.ticket is None:
        print("--format agentack needs --ticket: the checker reads one at a time", file=sys.stderr)
        return 2

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
            trail = await audit.trail(tx, ticket_id)
            if wanted.format == "agentack":
                for line in agentack.trace(ticket_id, trail, await requests.of_ticket(tx, ticket_id)):
                    print(json.dumps(line))
                return 0
            for event in trail:
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
            "keyId": event.key_id,
        }
    )
