"""Cases: how long one takes to tell from its entries, to read and verify, to add to, and to prepare for a model."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg

from bench.results import Row, Table, flat, p50, ratios
from bench.rig import AUDIT_KEY, Rig
from copilot.assistant_terms import CaseTurn
from copilot.case_prompt import first_message
from copilot.case_pseudonyms import CasePseudonyms
from policy import case_entries as e
from policy.case_entries import Body
from policy.case_story import CaseStory, tell
from policy.case_terms import (
    Author,
    Claim,
    Evidence,
    EvidenceKind,
    Source,
    Statement,
    StatementKind,
    StatementState,
)
from policy.terms import PersonKey
from storage import cases
from storage.audit import case_chain
from storage.audit_keys import AuditKeys
from storage.database import Database
from storage.schema import CaseRow, Ticket

LEAD = PersonKey("T0ACME00001", "U0OLIVIA001")
AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
EVIDENCE_AT_ONCE = 10
"""What one look brings: one entry."""
SIZES = {"a day's": 10, "a week's": 60, "a long one's": 1000}
"""How many looks; five statements follow each."""


async def measure(rig: Rig) -> Sequence[Table]:
    """One table for each size."""
    database = Database(rig.database(), audit_keys=AuditKeys(bytes.fromhex(AUDIT_KEY)), pool_size=2)
    try:
        sizes = dict(list(SIZES.items())[: rig.take(1, len(SIZES))])
        return [await _sized(rig, database, name, looks) for name, looks in sizes.items()]
    finally:
        await database.close()


async def _sized(rig: Rig, database: Database, name: str, looks: int) -> Table:
    case_id = await _opened(database, looks)
    story = await _read(database, case_id)
    turn = CaseTurn(str(case_id), "What is still open?", story.held)
    rounds, each = rig.take(1, 3), rig.take(2, 5)
    arms: dict[str, Callable[[], Awaitable[object]]] = {
        "its rows fetched (baseline)": lambda: _fetched(database.url, case_id),
        "its entries told": lambda: _told(story),
        "read and verified": lambda: _read(database, case_id),
        "read, verified and added to": lambda: _added(database, case_id),
        "made ready for a model": lambda: _ready(turn),
    }
    taken: dict[str, list[list[float]]] = {arm: [] for arm in arms}
    for _ in range(rounds):
        for arm, work in arms.items():
            taken[arm].append([await _seconds(work) for _ in range(each)])
    baseline = [p50(one) for one in taken["its rows fetched (baseline)"]]
    rows = [
        Row(arm, rounds * each, flat(found), ratio=ratios([p50(one) for one in found], baseline))
        for arm, found in taken.items()
    ]
    held = story.held
    size = f"{story.length} entries, {len(held.evidence)} items of evidence, {len(held.statements)} statements"
    return Table(f"A case, {name}: {size}", "the same rows by one query of psycopg, connecting included", rows)


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    begin = time.perf_counter()
    await work()
    return time.perf_counter() - begin


async def _fetched(url: str, case_id: UUID) -> int:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        cursor = await connection.execute("select * from audit_events where chain = %s", [case_chain(case_id)])
        return len(await cursor.fetchall())


async def _read(database: Database, case_id: UUID) -> CaseStory:
    async with database.transaction() as tx:
        return await cases.story(tx, case_id)


async def _told(story: CaseStory) -> CaseStory:
    return tell(story.entries)


async def _added(database: Database, case_id: UUID) -> None:
    async with database.transaction() as tx:
        await cases.lock(tx, case_id)
        await cases.story(tx, case_id)
        row = await cases.get(tx, case_id)
        assert row is not None
        await cases.append(tx, row, [e.CustomerWrote("m")], actor="bot", at=AT)


async def _ready(turn: CaseTurn) -> str:
    return first_message(turn, CasePseudonyms(turn.case_key), "boundary")


async def _opened(database: Database, looks: int) -> UUID:
    case_id, ticket_id = uuid4(), uuid4()
    async with database.transaction() as tx:
        tx.add(
            Ticket(
                id=ticket_id, subject="Somebody reads our files", channel_kind="slack_shared", intake_source="slack",
                correlation_id=str(ticket_id), requester_label="kim", created_at=AT, updated_at=AT,
            )
        )  # fmt: skip
        await tx.flush()
        row = CaseRow(
            id=case_id, ticket_id=ticket_id, channel="C0DESKTRIAG", lead=str(LEAD), is_open=True, opened_at=AT,
            updated_at=AT,
        )  # fmt: skip
        tx.add(row)
        await tx.flush()
        opened = e.Opened(str(ticket_id), 1, "Somebody reads our files", LEAD, "C0DESKTRIAG", AT)
        await cases.append(tx, row, [opened, e.Framed("find out who reads", "")], actor=str(LEAD), at=AT)
        for number in range(looks):
            await cases.append(tx, row, _look(number), actor=str(LEAD), at=AT + timedelta(minutes=number))
    return case_id


def _look(number: int) -> list[Body]:
    """What one look brings, and five facts that rest on it."""
    first = number * EVIDENCE_AT_ONCE
    found = tuple(_item(first + each) for each in range(EVIDENCE_AT_ONCE))
    author = Author(person=LEAD)
    said = [
        Statement(
            f"S{number * 5 + each}", StatementKind.FACT, f"Account kim{each} read invoice {first + each}.",
            (found[each].evidence_id,), author, StatementState.ACCEPTED, claim=Claim.EVENT,
        )
        for each in range(5)
    ]  # fmt: skip
    return [e.Retrieved(found), *(e.StatementStep(one, None) for one in said)]


def _item(number: int) -> Evidence:
    name = f"kim{number}@external.example"
    facts = {"principal": name, "file": f"invoice-{number}.pdf", "bytes": str(1000 + number)}
    excerpt = f"2026-03-01T09:00:00Z GET /files/invoice-{number}.pdf 200 by kim{number}@external.example"
    return Evidence(
        f"E{number}", Source.ACCESS_LOG, EvidenceKind.FOUND, {"principal": name}, AT, LEAD, excerpt,
        facts=facts, place=f"log:{number}", sha256="ab" * 32,
    )  # fmt: skip
