"""`countersign case`: list the cases, trace one from its first entry to what was sent, and measure how they go."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from bot.commands.database import opened
from bot.commands.policy import days
from copilot.measures_words import lines, measures_json
from copilot.trace_document import CaseTrace, Record, make_trace, people_of, record_json, trace_json
from copilot.trace_page import broken_page, trace_page
from copilot.trace_text import trace_text
from handlers.flows.measure_cases import measure_cases
from storage import cases, labels, tickets
from storage.database import Database, Transaction
from storage.schema import CaseRow
from storage.told import TrailBroken

NO_KEY = "it cannot be checked without COUNTERSIGN_AUDIT_KEY, the same value as the bot's"


def add_to(commands: Any) -> None:
    """Add the command and its three verbs to the parser."""
    parser = commands.add_parser("case", help="cases: list them, trace one, measure them")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="every case, oldest first").set_defaults(do=show)
    trace = verbs.add_parser("trace", help="print the whole collaboration of one case, and where each sentence is from")
    trace.add_argument("case", metavar="CASE", help="its id, or its ticket's number (12, #12 or ticket:12)")
    trace.add_argument("--html", type=Path, metavar="FILE", help="write it as one page that needs no network instead")
    trace.add_argument("--json", type=Path, metavar="FILE", help="write it for a program instead")
    trace.set_defaults(do=trace_case)
    measured = verbs.add_parser("measures", help="count how well cases go")
    measured.add_argument("--since", type=days, metavar="DAYS", help="only cases opened since, such as 30d")
    measured.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    measured.set_defaults(do=show_measures)


def show(_wanted: argparse.Namespace) -> int:
    """One line for each case."""

    async def run() -> int:
        async with opened() as database, database.transaction() as tx:
            for row in await cases.every_one(tx):
                ticket = await tickets.get(tx, row.ticket_id)
                number, subject = ("?", "") if ticket is None else (str(ticket.number), ticket.subject)
                at = row.opened_at.astimezone(UTC).isoformat(timespec="seconds")
                state = "open" if row.is_open else "closed"
                # Escaped: what somebody typed must not move the cursor of whoever reads it.
                print(f"{row.id}  ticket {number}  {state}  {at}  lead {row.lead}  {subject!a}")
        return 0

    return asyncio.run(run())


def trace_case(wanted: argparse.Namespace) -> int:
    """Exit code 0 if the record holds, 1 if it does not or there is no such case."""

    async def run() -> int:
        async with opened() as database:
            async with database.transaction() as tx:
                row = await _case(tx, wanted.case)
            if row is None:
                print(f"there is no case {wanted.case!a}", file=sys.stderr)
                return 1
            found = await _trace(database, row.id)
        return _say(wanted, str(row.id), found)

    return asyncio.run(run())


async def _case(tx: Transaction, name: str) -> CaseRow | None:
    number = name.removeprefix("ticket:").removeprefix("#")
    if number.isascii() and number.isdecimal():
        ticket = await tickets.by_number(tx, int(number)) if len(number) < 19 else None
        return None if ticket is None else await cases.of_ticket(tx, ticket.id)
    try:
        return await cases.get(tx, UUID(name))
    except ValueError:
        return None


async def _trace(database: Database, case_id: UUID) -> CaseTrace | Record:
    """The trace, or why the record does not hold."""
    now = datetime.now(UTC)
    if database.audit_keys is None:
        return Record(now, problem=NO_KEY)
    try:
        async with database.transaction() as tx:
            story, head = await cases.story_and_head(tx, case_id)
            names = await labels.labels(tx, people_of(story))
    except TrailBroken as error:
        return Record(now, problem=str(error))
    return make_trace(str(case_id), story, Record(now, story.length, head), names)


def _say(wanted: argparse.Namespace, case_id: str, found: CaseTrace | Record) -> int:
    record = found if isinstance(found, Record) else found.record
    try:
        _write(wanted, case_id, found)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    if record.problem:
        print(record.sentence, file=sys.stderr)
        return 1
    is_written = wanted.html is not None or wanted.json is not None
    print(record.sentence if is_written or isinstance(found, Record) else trace_text(found))
    return 0


def _write(wanted: argparse.Namespace, case_id: str, found: CaseTrace | Record) -> None:
    if wanted.html is not None:
        page = broken_page(case_id, found) if isinstance(found, Record) else trace_page(found)
        wanted.html.write_text(page, encoding="utf-8")
    if wanted.json is not None:
        said = {"case": case_id, "record": record_json(found)} if isinstance(found, Record) else trace_json(found)
        wanted.json.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def show_measures(wanted: argparse.Namespace) -> int:
    """Exit code 0, or 1 where something is counted that must never be."""

    async def run() -> int:
        async with opened() as database:
            if database.audit_keys is None:
                print(f"no case was measured: {NO_KEY}", file=sys.stderr)
                return 1
            since: timedelta | None = wanted.since
            measures = await measure_cases(database, since=None if since is None else datetime.now(UTC) - since)
        print(json.dumps(measures_json(measures), indent=2) if wanted.json else "\n".join(lines(measures)))
        for place in (*measures.untraced, *(f"case {one}: its record does not hold" for one in measures.broken)):
            print(place, file=sys.stderr)
        return 1 if measures.alarms else 0

    return asyncio.run(run())
