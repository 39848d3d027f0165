"""Asking several sources at once: whatever one of them does, there is an answer, and it says what is missing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest

from actions.evidence.connector import Account, Attachment, Connector, Gatherer, Question, Window, in_doubt
from actions.evidence.recording import MAX_EXCERPT, Find, Recorder
from policy.case_terms import Evidence, EvidenceKind, Source
from tests.actions.evidence.builders import LEAD, NOW, a_question, a_row, access_log, clock, found, gaps, ids, lines


def gatherer(*connectors: Connector, expected: tuple[Source, ...] = ()) -> Gatherer:
    return Gatherer(connectors, expected, clock, ids())


def a_recorder(source: Source = Source.TICKET) -> Recorder:
    return Recorder(source, {}, LEAD, clock, ids())


@dataclass
class Failing:
    source: Source = Source.DIRECTORY
    deadline_seconds: float = 5.0

    async def look(self, question: Question) -> list[Evidence]:
        raise RuntimeError("password=hunter2 in /etc/secret")


@dataclass
class Silent:
    source: Source = Source.TICKET
    deadline_seconds: float = 5.0

    async def look(self, question: Question) -> list[Evidence]:
        return []


@dataclass
class Hanging:
    source: Source = Source.ESCALATION_QUEUE
    deadline_seconds: float = 0.01
    was_cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def look(self, question: Question) -> list[Evidence]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_cancelled.set()
            raise
        return []


async def test_a_connector_that_fails_hangs_or_is_silent_leaves_a_gap_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(a_row()))
    hanging = Hanging()
    asked = gatherer(Failing(), access_log(tmp_path), hanging, Silent(), expected=tuple(Source))

    evidence = await asked.gather(a_question())

    assert [(item.source, item.kind, item.facts.get("why")) for item in evidence] == [
        (Source.DIRECTORY, EvidenceKind.GAP, "failed"),
        (Source.ACCESS_LOG, EvidenceKind.FOUND, None),
        (Source.ESCALATION_QUEUE, EvidenceKind.GAP, "late"),
        (Source.TICKET, EvidenceKind.GAP, "silent"),
        (Source.ATTACHMENT_TRAIL, EvidenceKind.GAP, "missing"),
        (Source.KNOWLEDGE_BASE, EvidenceKind.GAP, "missing"),
    ]
    assert hanging.was_cancelled.is_set()
    assert "hunter2" not in "".join(item.excerpt for item in evidence)
    assert {(item.asked_by, item.retrieved_at) for item in evidence} == {(LEAD, NOW)}


async def test_a_log_that_is_late_is_let_go_of(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(lines(*(a_row(event_id=f"e{number}") for number in range(20_000))))

    evidence = await gatherer(access_log(log, deadline_seconds=0.0)).gather(a_question())

    assert [(item.kind, item.facts["why"]) for item in evidence] == [(EvidenceKind.GAP, "late")]


async def test_an_account_is_asked_about_under_all_its_names(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(a_row(principal="CON-7")))

    async def known(account: Account) -> list[Account]:
        return [Account("Bob@acme.example", "con-7")] if account.email else []

    async def broken(account: Account) -> list[Account]:
        raise RuntimeError("the database is away")

    asked = replace(gatherer(access_log(tmp_path)), known_names=known)
    (item,) = await asked.gather(a_question())
    (unknown,) = await asked.gather(a_question(accounts=(Account(key="con-8"),)))
    (without,) = await replace(asked, known_names=broken).gather(a_question())

    assert item.kind is EvidenceKind.FOUND
    assert item.query["accounts"] == [{"email": "Bob@acme.example", "key": "con-7"}]
    assert (unknown.kind, unknown.query["accounts"]) == (EvidenceKind.NOTHING, [{"email": "", "key": "con-8"}])
    assert without.query["accounts"] == [{"email": "bob@acme.example", "key": ""}]


def test_all_that_one_look_retrieves_has_one_moment() -> None:
    moments = iter([NOW, NOW.replace(year=2030)])
    recorder = Recorder(Source.TICKET, {}, LEAD, lambda: next(moments), ids())

    assert {recorder.found(Find("a", "", b"a")).retrieved_at, recorder.nothing({}).retrieved_at} == {NOW}


async def test_giving_up_the_whole_question_ends_every_look() -> None:
    hanging = Hanging(deadline_seconds=60)
    asking = asyncio.create_task(gatherer(hanging).gather(a_question()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert hanging.was_cancelled.is_set()


def test_doubt_is_a_gap_nothing_or_a_find_of_low_confidence() -> None:
    recorder = a_recorder()
    sure = recorder.found(Find("a", "", b"a"))
    unsure = recorder.found(Find("a", "", b"a", confidence=0.2))
    nothing, gap = recorder.nothing({}), recorder.gap("is away", {})

    assert in_doubt([sure, unsure, nothing, gap]) == [unsure, nothing, gap]
    assert (found([sure, gap]), gaps([sure, gap])) == ([sure], [gap])


def test_a_long_excerpt_is_cut_and_its_hash_is_over_all_of_it() -> None:
    text = "x" * (MAX_EXCERPT + 1)

    one, other = (a_recorder().found(Find(text + end, "", (text + end).encode())) for end in "ab")

    assert len(one.excerpt) == MAX_EXCERPT
    assert one.excerpt == other.excerpt
    assert one.sha256 != other.sha256


def test_a_question_about_nobody_and_a_window_without_a_zone_are_refused() -> None:
    for wrong in (Account, Attachment, lambda: Account(email=" "), lambda: Window(datetime(2026, 1, 1))):
        with pytest.raises(ValueError):
            wrong()
