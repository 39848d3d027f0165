"""Logs as they are met: every row that is about what is asked is found, and whatever cannot be read is counted."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actions.evidence.connector import Account, Attachment, Window
from actions.evidence.duck import Limits, LogFile
from actions.evidence.logs import Reading
from actions.evidence.rows import access_log_fields, attachment_trail_fields
from policy.case_terms import Authority, EvidenceKind, Source
from tests.actions.evidence.builders import (
    BOB,
    LEAD,
    NOW,
    a_question,
    a_row,
    about,
    access_log,
    found,
    gaps,
    lines,
    trail,
)


async def test_a_row_is_evidence_with_its_place_hash_facts_and_whoever_asked(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    log.write_bytes(lines(a_row(principal="ann@acme.example"), b"", a_row(agent="curl", latency=0.25)))

    (item,) = await access_log(log).look(a_question())

    raw = json.dumps(a_row(agent="curl", latency=0.25))
    assert (item.source, item.kind, item.authority) == (Source.ACCESS_LOG, EvidenceKind.FOUND, Authority.RECORD)
    assert (item.excerpt, item.place, item.sha256) == (raw, "access.jsonl:3", sha256(raw.encode()).hexdigest())
    assert (item.asked_by, item.retrieved_at, item.query) == (LEAD, NOW, {"accounts": [{"email": BOB, "key": ""}]})
    assert item.observed_at == datetime(2026, 3, 25, 13, 46, 11, tzinfo=UTC)
    assert item.facts == {
        "at": "2026-03-25T13:46:11+00:00",
        "principal": BOB,
        "action": "view",
        "object": "att_1",
        "session": "s1",
        "others": {"agent": "curl", "latency": "0.25"},
    }


async def test_all_files_of_a_folder_are_read_parquet_too(tmp_path: Path) -> None:
    (tmp_path / "march").mkdir()
    (tmp_path / "march" / "a.jsonl").write_bytes(lines(a_row(time="2026-03-02T00:00:00Z")))
    (tmp_path / "b.ndjson").write_bytes(lines(a_row(time="2026-03-01T00:00:00Z")))
    query = f"""COPY (SELECT * FROM (VALUES
        (TIMESTAMPTZ '2026-03-02 23:00:00-01', 'ann@acme.example', 'view', 7),
        (TIMESTAMPTZ '2026-03-03 01:00:00+01', '{BOB}', 'view', 8)) t(time, principal, action, size))
        TO '{tmp_path / "c.parquet"}'"""
    duckdb.connect().execute(query)

    evidence = await access_log(tmp_path).look(a_question())

    assert [item.place for item in evidence] == ["b.ndjson:1", "march/a.jsonl:1", "c.parquet:2"]
    assert [item.facts["at"] for item in evidence] == [f"2026-03-0{day}T00:00:00+00:00" for day in (1, 2, 3)]
    assert evidence[2].facts["others"] == {"size": 8}


async def test_an_account_is_known_by_its_address_or_its_key_whatever_the_case(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    names = ["BOB@Acme.example", "ak_7", " bob@acme.example ", "bob@acme.example.evil", "notbob@acme.example", "ak_77"]
    log.write_bytes(lines(*(a_row(principal=name, object=BOB) for name in names)))

    evidence = await access_log(log).look(a_question(accounts=(Account(BOB, "ak_7"),)))

    assert [item.facts["principal"] for item in evidence] == names[:3]


async def test_a_name_written_in_escapes_is_found(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in BOB)
    log.write_bytes(lines(json.dumps(a_row()).replace(BOB, escaped).encode()))

    assert [item.facts["principal"] for item in await access_log(log).look(a_question())] == [BOB]


async def test_the_window_ends_before_its_end(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    log.write_bytes(lines(*(a_row(time=f"2026-03-0{day}T02:00:00+02:00") for day in (1, 2, 3))))
    window = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))

    evidence = await access_log(log).look(a_question(window=window))

    assert [item.facts["at"] for item in evidence] == ["2026-03-02T00:00:00+00:00"]


async def test_the_trail_speaks_in_the_words_of_rules(tmp_path: Path) -> None:
    log = tmp_path / "trail.jsonl"
    base = {"time": 1774446371, "attachment_id": "att_1", "attachment_name": "invoices-2025.zip"}
    rows = [
        {**base, "principal": BOB, "action": "Downloaded"},
        {**base, "principal": BOB, "action": "viewed", "time": 1774446372000},
        {**base, "action": "retention_expired", "principal": None, "time": "1774446373"},
        {**base, "attachment_id": "att_2", "action": "downloaded"},
    ]
    log.write_bytes(lines(*rows))

    by_id = await trail(log).look(about("ATT_1"))
    by_name = await trail(log).look(a_question(accounts=(), attachments=(Attachment(name="Invoices-2025.zip"),)))

    assert [(item.facts["action"], item.facts["at"]) for item in by_id] == [
        ("download", "2026-03-25T13:46:11+00:00"),
        ("preview", "2026-03-25T13:46:12+00:00"),
        ("retention", "2026-03-25T13:46:13+00:00"),
    ]
    assert by_id[0].facts["attachment_id"] == "att_1"
    assert "principal" not in by_id[2].facts
    assert len(by_name) == 4


async def test_a_time_without_a_zone_says_that_it_is_understood_as_utc(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    log.write_bytes(lines(a_row(time="2026-03-25 13:46:11")))

    (item,) = await access_log(log).look(a_question())

    assert item.facts["zone_assumed"] is True
    assert "understood as UTC" in item.excerpt
    assert item.facts["at"] == "2026-03-25T13:46:11+00:00"


async def test_a_row_that_stands_twice_under_its_id_is_one_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(a_row(event_id="e1"), a_row(event_id="e1")))
    (tmp_path / "b.jsonl").write_bytes(lines(a_row(event_id="e1"), a_row(), a_row()))

    evidence = await access_log(tmp_path).look(a_question())

    assert [(item.place, item.facts.get("copies")) for item in evidence] == [
        ("a.jsonl:1", 3),
        ("b.jsonl:2", None),
        ("b.jsonl:3", None),
    ]
    assert "3 times" in evidence[0].excerpt


async def test_a_used_event_id_hides_no_other_row(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    log.write_bytes(lines(a_row(event_id="e1"), a_row(event_id="e1", object="att_2")))

    evidence = await access_log(log).look(a_question())

    assert [item.facts["object"] for item in found(evidence)] == ["att_1", "att_2"]
    assert [item.facts["event_ids"] for item in gaps(evidence)] == [["e1"]]


async def test_nothing_found_in_a_whole_log_is_said_as_such(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    log.write_bytes(lines(a_row(principal="ann@acme.example")))

    (item,) = await access_log(log).look(a_question())

    at = "2026-03-25T13:46:11+00:00"
    assert item.kind is EvidenceKind.NOTHING
    assert item.facts == {"files": 1, "lines": 1, "covers_from": at, "covers_until": at}


@pytest.mark.parametrize(
    ("bad", "naming"),
    [
        (b"not json", 0),
        (b"[1, 2]", 0),
        (b"\xff\xfe\x00", 0),
        (lines(a_row(time=...)).strip(), 1),
        (lines(a_row(time="yesterday")).strip(), 1),
        (lines(a_row(time=True)).strip(), 1),
        (lines(a_row(principal=["x", BOB])).strip(), 1),
        (lines(a_row(action=None)).strip(), 1),
        (lines(a_row(session={"id": 1})).strip(), 1),
        (lines(a_row(ip=1.5)).strip(), 1),
        (lines({"ts": "2026-03-25T13:46:11Z", "actor": BOB, "event": "view"}).strip(), 1),
        (b'{"time":"2026-03-25T13:46:11Z","action":"view","principal":"ann","principal":"bob@acme.example"}', 1),
        (lines(a_row(note="x" * 70_000)).strip(), 1),
        (lines(a_row(note="\0")).strip(), 1),
        (json.dumps(a_row(note=0)).replace("0}", "[" * 80 + "]" * 80 + "}").encode(), 1),
    ],
)
async def test_a_row_that_cannot_be_relied_on_is_counted(tmp_path: Path, bad: bytes, naming: int) -> None:
    log = tmp_path / "access.jsonl"
    log.write_bytes(lines(a_row(), bad, a_row()))

    evidence = await access_log(log).look(a_question())

    assert [item.place for item in found(evidence)] == ["access.jsonl:1", "access.jsonl:3"]
    (gap,) = gaps(evidence)
    assert (gap.facts["lines"], gap.facts["read"], gap.facts["unreadable"]) == (3, 2, 1)
    assert gap.facts["naming"] == naming
    assert gap.place == "access.jsonl"


async def test_a_half_written_last_line_is_named(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    log.write_bytes(lines(a_row()) + lines(a_row())[:70])

    evidence = await access_log(log).look(a_question())

    assert len(found(evidence)) == 1
    (gap,) = gaps(evidence)
    assert (gap.facts["unreadable"], gap.facts["half_written"], gap.facts["naming"]) == (1, True, 1)
    assert "half-written" in gap.excerpt


async def test_a_last_line_without_its_end_is_a_row_if_it_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    log.write_bytes(lines(a_row(), a_row()).rstrip())

    assert [item.place for item in await access_log(log).look(a_question())] == ["access.jsonl:1", "access.jsonl:2"]


@pytest.mark.parametrize("name", ["nowhere.jsonl", "no/where"])
async def test_a_missing_log_is_an_entry(tmp_path: Path, name: str) -> None:
    (item,) = await access_log(tmp_path / name).look(a_question())

    assert (item.kind, item.facts) == (EvidenceKind.GAP, {"why": "missing"})
    assert str(tmp_path) not in item.excerpt


async def test_an_empty_folder_is_a_gap_and_an_empty_file_is_not(tmp_path: Path) -> None:
    assert [item.kind for item in await access_log(tmp_path).look(a_question())] == [EvidenceKind.GAP]

    (tmp_path / "a.jsonl").touch()

    assert [item.kind for item in await access_log(tmp_path).look(a_question())] == [EvidenceKind.NOTHING]


async def test_a_file_that_is_damaged_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(a_row()))
    (tmp_path / "b.parquet").write_bytes(b"PAR1 and then the disk was full")

    evidence = await access_log(tmp_path).look(a_question())

    assert [item.place for item in found(evidence)] == ["a.jsonl:1"]
    assert [item.place for item in gaps(evidence)] == ["b.parquet"]


async def test_what_a_folder_holds_beside_logs_is_named_and_links_out_of_it_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(lines(a_row()))
    (folder / "old.jsonl.gz").write_bytes(b"\x1f\x8b")
    (tmp_path / "secret.jsonl").write_bytes(lines(a_row()))
    (folder / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (folder / "up").symlink_to(tmp_path)

    evidence = await access_log(folder).look(a_question())

    assert [item.place for item in found(evidence)] == ["a.jsonl:1"]
    (gap,) = gaps(evidence)
    assert "link.jsonl, old.jsonl.gz, up" in gap.excerpt


@pytest.mark.parametrize("name", ["q?.jsonl", "s*.jsonl", "w[a].jsonl"])
async def test_a_name_that_reads_as_a_pattern_reads_no_other_file(tmp_path: Path, name: str) -> None:
    for file in ("qx.jsonl", "sx.jsonl", "wa.jsonl", name):
        (tmp_path / file).write_bytes(lines(a_row()))

    (gap,) = await access_log(tmp_path / name).look(a_question())

    assert (gap.kind, gap.place) == (EvidenceKind.GAP, name)
    assert "rename it" in gap.excerpt


@pytest.mark.parametrize("name", ["o'neil.jsonl", "$path.jsonl", "of march.jsonl"])
async def test_a_file_is_read_under_an_odd_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(lines(a_row()))

    evidence = await access_log(tmp_path / name).look(a_question())

    assert [item.place for item in evidence] == [f"{name}:1"]


async def test_of_too_many_rows_the_newest_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    log.write_bytes(lines(*(a_row(time=1774446371 + second, event_id=f"e{second}") for second in (5, 1, 4, 2, 3))))

    evidence = await access_log(log, max_rows=2).look(a_question())

    assert [item.facts["event_id"] for item in found(evidence)] == ["e4", "e5"]
    assert [item.facts["more"] for item in gaps(evidence)] == [3]


async def test_a_question_without_an_account_or_attachment_reads_no_log(tmp_path: Path) -> None:
    (item,) = await access_log(tmp_path).look(a_question(accounts=(), words="bob"))

    assert (item.kind, item.facts["why"]) == (EvidenceKind.GAP, "not_asked")


@pytest.mark.parametrize("name", ["' OR 1=1 --", '"; DROP TABLE x; --', "$words", "%", "\\", "{}", "*"])
async def test_a_name_is_a_value_and_never_part_of_a_statement(tmp_path: Path, name: str) -> None:
    log = tmp_path / "access.jsonl"
    log.write_bytes(lines(a_row(), a_row(principal=name)))

    evidence = await access_log(log).look(a_question(accounts=(Account(key=name),)))

    assert [item.facts["principal"] for item in evidence] == [name]


def test_the_engine_reads_no_other_file_and_loads_nothing(tmp_path: Path) -> None:
    ours, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    for path in (ours, other):
        path.write_bytes(lines(a_row()))
    file = LogFile(ours, access_log_fields(), Limits())
    engine = file._engine

    counted = file.count()
    assert (counted.rows, counted.sound) == (1, 1)
    for statement in (
        f"SELECT * FROM read_text('{other}')",
        f"COPY (SELECT 1) TO '{tmp_path / 'c.csv'}'",
        "SELECT * FROM read_csv('https://example.com/x.csv')",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '8GB'",
    ):
        with pytest.raises(duckdb.Error):
            engine.execute(statement)
    file.close()


def test_a_field_name_is_a_key_and_never_a_path() -> None:
    for name in ("$.a", "/a", "", "x" * 101):
        with pytest.raises(ValueError):
            access_log_fields(principal=name)


async def test_a_log_with_other_names_is_read_by_its_settings(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    log.write_bytes(lines({"ts": 1774446371, "user.name": BOB, "event": "view"}))
    connector = access_log(log)
    fields = access_log_fields(time="ts", principal="user.name", action="event")

    (item,) = await type(connector)(Source.ACCESS_LOG, log, fields, connector.clock, connector.new_id).look(
        a_question()
    )

    assert (item.kind, item.facts["principal"]) == (EvidenceKind.FOUND, BOB)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([BOB, 1774446371]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
odd_rows = st.dictionaries(
    st.sampled_from(["time", "principal", "action", "object", "attachment_id", "session", "event_id", "x"]), json_values
).map(lambda row: json.dumps(row).encode())
good_rows = st.just(json.dumps(a_row()).encode())
any_line = st.one_of(
    good_rows, odd_rows, st.binary(max_size=30), st.sampled_from([b"", b" \t", b"{", b"\x0b", b"\x85"])
)


@settings(max_examples=150, deadline=None)
@given(st.lists(any_line, max_size=6), st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.booleans())
@example([b'{"a":NaN,"time":NaN}', b"\xef\xbb\xbf{}"], b"\n", True, True)
@example([b"\x00", b"\r", b"\x1c", b"\x1f\x0c"], b"\n", False, True)
def test_any_bytes_are_read_or_counted_and_never_raise(
    parts: list[bytes], end: bytes, is_ended: bool, is_access: bool
) -> None:
    content = end.join(parts) + (end if is_ended else b"")
    fields = access_log_fields() if is_access else attachment_trail_fields()
    with TemporaryDirectory() as folder:
        log = Path(folder, "a.jsonl")
        log.write_bytes(content)
        reading = Reading(log, fields, a_question(), Limits(threads=1), 100)

        reading.run()

    (count,) = reading.files
    assert count.error == ""
    assert count.lines == sum(1 for line in content.split(b"\n") if line.strip())
    assert count.read + count.unreadable == count.lines
    assert count.unreadable >= 0
    kept = sum(kept.copies for kept in reading.newest)
    assert kept <= count.read
    if is_access:
        assert kept >= sum(1 for line in content.split(b"\n") if line.strip() == json.dumps(a_row()).encode())


@settings(max_examples=60, deadline=None)
@given(st.lists(odd_rows | good_rows, min_size=1, max_size=6), st.data())
def test_a_file_cut_anywhere_is_read_up_to_the_cut(rows: list[bytes], data: Any) -> None:
    content = b"\n".join(rows) + b"\n"
    cut = data.draw(st.integers(0, len(content)))
    with TemporaryDirectory() as folder:
        log = Path(folder, "a.jsonl")
        log.write_bytes(content[:cut])
        reading = Reading(log, access_log_fields(), a_question(), Limits(threads=1), 100)

        reading.run()

    (count,) = reading.files
    assert count.read + count.unreadable == count.lines == sum(1 for one in content[:cut].split(b"\n") if one.strip())


@pytest.mark.skipif(os.getuid() == 0, reason="root may open everything")
async def test_a_folder_that_may_not_be_opened_is_a_gap(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)

    (item,) = await access_log(tmp_path).look(a_question())

    assert item.kind is EvidenceKind.GAP


@pytest.mark.parametrize(
    ("times", "first", "last"),
    [
        (["2026-03-25T13:46:11Z", "2026-03-25T14:00:00+02:00"], "2026-03-25T12:00:00", "2026-03-25T13:46:11"),
        ([1774446371, "1774446371500", "2026-03-25 14:00:00"], "2026-03-25T13:46:11", "2026-03-25T14:00:00"),
        (["2026-03-25T13:46:11Z", "9999-01-01T00:00:00Z"], "2026-03-25T13:46:11", "2026-04-01T09:00:00"),
        (["2026-03-25T13:46:11Z", "yesterday", 7], "2026-03-25T13:46:11", "2026-03-25T13:46:11"),
    ],
)
async def test_an_empty_answer_says_from_when_to_when_the_log_goes(
    tmp_path: Path, times: list[Any], first: str, last: str
) -> None:
    rows = [a_row(principal="ann@acme.example", time=time) for time in times]
    (tmp_path / "a.jsonl").write_bytes(lines(*rows[:1]))
    (tmp_path / "b.jsonl").write_bytes(lines(*rows[1:]))
    (tmp_path / "empty.jsonl").write_bytes(b"")

    (item,) = await access_log(tmp_path).look(a_question())

    assert item.kind is EvidenceKind.NOTHING
    covered = {
        name: str(item.facts[name]).partition("+")[0].partition(".")[0] for name in ("covers_from", "covers_until")
    }
    assert covered == {"covers_from": first, "covers_until": last}


@pytest.mark.parametrize("time", ["infinity", "yesterday", "9" * 30, "2026-03-25"])
async def test_times_that_cannot_be_read_cover_nothing(tmp_path: Path, time: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(a_row(principal="ann@acme.example", time=time)))

    (item,) = await access_log(tmp_path).look(a_question())

    assert item.facts == {"files": 1, "lines": 1}


async def test_a_window_outside_the_log_is_covered_by_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(a_row()))

    (item,) = await access_log(tmp_path).look(a_question(window=Window(since=datetime(2026, 3, 26, tzinfo=UTC))))

    assert item.facts == {"files": 1, "lines": 1}


async def test_logs_that_share_a_turn_are_read_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(a_row()))
    turn = asyncio.Semaphore(1)
    await turn.acquire()
    asking = asyncio.gather(*(access_log(tmp_path, turn=turn).look(a_question()) for _ in range(2)))
    await asyncio.sleep(0)
    waiting = not asking.done()
    turn.release()

    assert waiting and [len(found(answer)) for answer in await asking] == [1, 1]
    assert not turn.locked()
