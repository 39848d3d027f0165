"""Checkpoints at a second place: what was taken away, or rewritten with the key, shows there."""

from __future__ import annotations

import asyncio
import fcntl
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from storage import audit, checkpoints, merkle, remembered, verification
from storage.checkpoints import NotWritten
from storage.database import Database, libpq_url
from storage.notary import Notary
from storage.places import FilePlace, Place, PlaceUnavailable, place_of
from tests.keys import CHECKPOINT_KEY
from tests.storage.s3 import ACCESS_KEY, REGION, SECRET_KEY, object_store
from tests.storage.test_audit import NOW, tamper, write

NOTARY = Notary(bytes.fromhex(CHECKPOINT_KEY))
STRANGER = Notary(b"\x07" * 32)
TRUSTED = {NOTARY.public_key}


async def checkpoint(database: Database, place: Place, *, at_minute: int = 0) -> None:
    """What the desk does once a minute."""
    async with database.transaction() as tx:
        last = await place.last()
        await checkpoints.make(
            tx, NOTARY, known=[last[1]] if last is not None else [], at=NOW + timedelta(minutes=at_minute)
        )
        waiting = await checkpoints.following(tx, last, NOTARY.public_key)
    for number, line in waiting:
        await place.put(number, line)


async def problems(database: Database, place: Place, *, at_minute: int = 0) -> list[str]:
    lines = [line async for line in place.lines()]
    async with database.transaction() as tx:
        assert (await verification.verify(tx)).first_break is None
        return await remembered.check(tx, lines, TRUSTED, now=NOW + timedelta(minutes=at_minute))


@pytest.fixture
def place(tmp_path: Path) -> FilePlace:
    return FilePlace(tmp_path / "elsewhere.jsonl")


async def cut(database: Database, ticket_id: UUID, *, after: int) -> None:
    """Take the end of a chain away and set its head to what is left, which nothing in the database shows."""
    chain = audit.ticket_chain(ticket_id)
    tamper(database, f"delete from audit_events where chain = '{chain}' and seq > {after}")
    tamper(
        database,
        f"update audit_chains set length = {after}, head = (select hash from audit_events e where e.chain = '{chain}'"
        f" and e.seq = {after}) where chain = '{chain}'",
    )


async def test_threat_19_a_cut_tail_is_found_by_the_checkpoints(database: Database, place: FilePlace) -> None:
    ticket_id = uuid4()
    await write(database, ticket_id, 4)
    await checkpoint(database, place)
    assert await problems(database, place) == []

    await cut(database, ticket_id, after=2)

    [found] = await problems(database, place)
    assert f"row 4 of chain ticket:{ticket_id} is missing" in found and "checkpoint 1" in found


async def test_threat_19_a_chain_rewritten_with_its_head_and_the_key_is_found_by_the_checkpoints(
    database: Database, place: FilePlace
) -> None:
    ticket_id = uuid4()
    await write(database, ticket_id, 2)
    await checkpoint(database, place)
    chain = audit.ticket_chain(ticket_id)
    tamper(database, f"delete from audit_events where chain = '{chain}'")
    tamper(database, f"delete from audit_chains where chain = '{chain}'")

    await write(database, ticket_id, 3)  # with the desk's own key, and longer than it was
    await checkpoint(database, place, at_minute=1)

    assert await problems(database, place) == []  # the very same rows: nothing was rewritten
    tamper(database, f"delete from audit_events where chain = '{chain}'")
    tamper(database, f"delete from audit_chains where chain = '{chain}'")
    async with database.transaction() as tx:
        other = [audit.NewEvent(audit.Step.MESSAGE_RECEIVED, "mallory", {}) for _ in range(3)]
        await audit.append(tx, chain, other, at=NOW)
    [found] = await problems(database, place)
    assert f"row 2 of chain {chain} or one before it is not the one" in found


async def test_threat_19_a_deleted_ticket_is_found_by_the_checkpoints(database: Database, place: FilePlace) -> None:
    gone, stays = uuid4(), uuid4()
    await write(database, gone, 2)
    await write(database, stays, 2)
    await checkpoint(database, place)

    tamper(database, f"delete from audit_events where chain = '{audit.ticket_chain(gone)}'")
    tamper(database, f"delete from audit_chains where chain = '{audit.ticket_chain(gone)}'")

    [found] = await problems(database, place)
    assert f"chain ticket:{gone} is missing with all of its 2 rows" in found


async def test_threat_19_a_chain_kept_out_of_the_checkpoints_is_found(database: Database, place: FilePlace) -> None:
    hidden = uuid4()
    await write(database, hidden, 2)
    tamper(database, f"insert into audit_checkpointed values ('{audit.ticket_chain(hidden)}', 2, 1)")
    await write(database, uuid4(), 1)

    await checkpoint(database, place, at_minute=60)

    [found] = await problems(database, place, at_minute=60)
    assert f"row 1 of chain ticket:{hidden} of 2026-03-25" in found and "in no checkpoint" in found


async def test_threat_19_checkpoints_that_are_frozen_for_good_are_found(database: Database, place: FilePlace) -> None:
    """Whoever may write to the table keeps every chain out of what follows, with the lock or with the table itself."""
    ticket_id = uuid4()
    await write(database, ticket_id, 2)
    await checkpoint(database, place)
    await write(database, ticket_id, 1)
    tamper(database, "update audit_checkpointed set length = (select length from audit_chains)")

    await checkpoint(database, place, at_minute=5)

    assert await problems(database, place, at_minute=5) == []
    [found] = await problems(database, place, at_minute=11)
    assert f"row 3 of chain ticket:{ticket_id} of 2026-03-25 13:46 UTC is in no checkpoint" in found


async def test_threat_19_a_length_that_no_chain_has_keeps_none_out(database: Database, place: FilePlace) -> None:
    await write(database, uuid4(), 2)
    tamper(database, "insert into audit_checkpointed select chain, 2000000000, 1 from audit_chains")

    await checkpoint(database, place)

    assert await problems(database, place, at_minute=60) == []


async def test_threat_19_a_lock_that_somebody_holds_is_said(database: Database) -> None:
    with psycopg.connect(libpq_url(database.url)) as mallory:
        mallory.execute("select pg_advisory_xact_lock(hashtextextended('audit checkpoints', 0))")

        with pytest.raises(NotWritten, match="another connection has held the lock"):
            async with database.transaction() as tx:
                await checkpoints.make(tx, NOTARY, at=NOW)


async def test_threat_19_an_emptied_place_is_found_though_the_table_was_emptied_too(
    database: Database, place: FilePlace
) -> None:
    await write(database, uuid4(), 2)
    await checkpoint(database, place)
    Path(place.name.removeprefix("file:")).write_text("")
    tamper(database, "delete from audit_checkpoints")

    [found] = await problems(database, place, at_minute=11)

    assert "it holds none" in found


@pytest.mark.parametrize("line", ["{}", '{"head":{"number":2}}', "another desk's"])
async def test_threat_19_what_somebody_put_into_the_table_does_not_get_into_a_place(
    database: Database, place: FilePlace, line: str
) -> None:
    ticket_id = uuid4()
    await write(database, ticket_id, 2)
    await checkpoint(database, place)
    before = await _all(place)
    if line == "another desk's":
        chain, head = audit.ticket_chain(ticket_id), b"\x01" * 32
        line = checkpoints._line(STRANGER, 2, checkpoints.line_hash(before[0]), [(chain, 9, head)], NOW)
    with psycopg.connect(libpq_url(database.url), autocommit=True) as connection:
        connection.execute("insert into audit_checkpoints values (2, %s)", (line,))
    await write(database, ticket_id, 1)

    async with database.transaction() as tx:
        with pytest.raises(NotWritten, match=r"checkpoint 2 in the database is .*, and is not sent"):
            await checkpoints.following(tx, await place.last(), NOTARY.public_key)
    with pytest.raises(NotWritten, match=r"checkpoint 2 in the database is .*, and none is written after it"):
        await checkpoint(database, place, at_minute=1)

    assert await _all(place) == before
    tamper(database, "delete from audit_checkpoints where number = 2")
    await checkpoint(database, place, at_minute=1)
    assert await problems(database, place, at_minute=60) == []


async def test_threat_19_a_row_that_is_not_the_desks_is_not_signed(database: Database, place: FilePlace) -> None:
    """It would be asked for ever after: what a place remembers cannot be taken out of it."""
    forged, whole = uuid4(), uuid4()
    await write(database, forged, 1)
    await write(database, whole, 1)
    chain, head = audit.ticket_chain(forged), "ab" * 32
    tamper(
        database,
        "insert into audit_events (chain, seq, at, name, actor, payload, prev_hash, hash, key_id) select"
        f" chain, 2, at, name, 'mallory', payload, hash, '\\x{head}', key_id from audit_events where chain = '{chain}'",
    )
    tamper(database, f"update audit_chains set length = 2, head = '\\x{head}' where chain = '{chain}'")

    async with database.transaction() as tx:
        made = await checkpoints.make(tx, NOTARY, at=NOW)
        [(_, line)] = await checkpoints.following(tx, None, NOTARY.public_key)

    assert made.left_out == [chain]
    assert [one[0] for one in json.loads(line)["chains"]] == [audit.ticket_chain(whole)]


async def test_threat_19_a_trail_that_went_another_way_is_noticed_when_the_next_checkpoint_is_sent(
    database: Database, place: FilePlace
) -> None:
    for minute in range(2):
        await write(database, uuid4(), 1)
        await checkpoint(database, place, at_minute=minute)
    last = await place.last()
    tamper(database, "delete from audit_checkpoints where number = 2")  # set back to before it, and going on
    tamper(database, "delete from audit_checkpointed where number = 2")
    async with database.transaction() as tx:
        with pytest.raises(NotWritten, match="it has checkpoint 2, and the database does not"):
            await checkpoints.following(tx, last, NOTARY.public_key)

    for minute in (2, 3):
        await write(database, uuid4(), 1)
        async with database.transaction() as tx:
            await checkpoints.make(tx, NOTARY, at=NOW + timedelta(minutes=minute))

    async with database.transaction() as tx:
        with pytest.raises(NotWritten, match="its checkpoint 2 is another than the database's"):
            await checkpoints.following(tx, last, NOTARY.public_key)


async def test_a_new_checkpoint_key_goes_on_where_the_earlier_one_ended(database: Database, place: FilePlace) -> None:
    await write(database, uuid4(), 1)
    await checkpoint(database, place)
    await write(database, uuid4(), 1)
    last = await place.last()
    assert last is not None

    async with database.transaction() as tx:
        await checkpoints.make(tx, STRANGER, known=[last[1]], at=NOW)
        [(number, line)] = await checkpoints.following(tx, last, STRANGER.public_key)

    lines = [last[1], line]
    async with database.transaction() as tx:
        assert number == 2
        assert await remembered.check(tx, lines, {*TRUSTED, STRANGER.public_key}, now=NOW) == []


async def test_only_what_changed_is_in_a_checkpoint_and_nothing_changed_is_none(
    database: Database, place: FilePlace
) -> None:
    first, second = uuid4(), uuid4()
    await write(database, first, 1)
    await write(database, second, 1)
    for _ in range(2):
        await checkpoint(database, place)
    await write(database, second, 1)
    await checkpoint(database, place, at_minute=1)

    held = [json.loads(line)["chains"] async for line in place.lines()]

    assert [len(chains) for chains in held] == [2, 1]
    assert held[1][0][:2] == [audit.ticket_chain(second), 2]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lines: [lines[0].replace('"size":1', '"size":2'), *lines[1:]], "checkpoint 1 is forged"),
        (lambda lines: lines[1:], "checkpoint 1 is missing"),
        (lambda lines: [lines[0], lines[2]], "checkpoint 2 is missing"),
        (lambda lines: [lines[0].replace("ticket:", "ticket;"), *lines[1:]], "checkpoint 1 was changed"),
        (lambda lines: ["{}"], "checkpoint 1 is not a checkpoint"),
        (lambda lines: lines[:1], "row 2 of chain ticket:"),
        (lambda lines: [], "it holds none: row 1 of chain ticket:"),
    ],
)
async def test_threat_19_a_place_that_was_tampered_with_is_named(
    database: Database, place: FilePlace, change: object, says: str
) -> None:
    ticket_id = uuid4()
    for minute in range(3):
        await write(database, ticket_id, 1)
        await checkpoint(database, place, at_minute=minute)
    lines = [line async for line in place.lines()]
    changed: Sequence[str] = change(lines)  # type: ignore[operator]  # each is a function of the lines

    async with database.transaction() as tx:
        found = await remembered.check(tx, changed, TRUSTED, now=NOW + timedelta(hours=1))

    assert says in found[0]


async def test_threat_19_a_checkpoint_of_another_key_is_not_believed(database: Database, place: FilePlace) -> None:
    await write(database, uuid4(), 1)
    async with database.transaction() as tx:
        await checkpoints.make(tx, STRANGER, at=NOW)
        [(number, line)] = await checkpoints.following(tx, None, STRANGER.public_key)
    await place.put(number, line)

    [found] = await problems(database, place)

    assert "none of the keys that are trusted" in found


@pytest.mark.parametrize("left", [-20, -1, 1])
async def test_a_line_that_a_crash_cut_off_is_written_again_whole(
    database: Database, place: FilePlace, left: int
) -> None:
    """The file is only appended to: it may be one that nothing can be taken out of."""
    ticket_id = uuid4()
    for _ in range(2):
        await write(database, ticket_id, 1)
        await checkpoint(database, place)
    file = Path(place.name.removeprefix("file:"))
    first, second = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + second[:left])

    assert [line async for line in place.lines()] == [first.decode().rstrip("\n")]
    await checkpoint(database, place)

    assert file.read_bytes() == first + second[:left] + b"\n" + second
    assert [line async for line in place.lines()] == [one.decode().rstrip("\n") for one in (first, second)]
    assert await problems(database, place) == []


async def test_a_place_is_read_between_two_writings(database: Database, place: FilePlace) -> None:
    await write(database, uuid4(), 1)
    await checkpoint(database, place)
    file = Path(place.name.removeprefix("file:"))
    whole = file.read_bytes()
    with file.open("r+b") as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)
        writing.truncate(20)
        reading = asyncio.create_task(_all(place))
        assert await asyncio.wait({reading}, timeout=0.2) == (set(), {reading})
        writing.seek(0)
        writing.write(whole)

    assert [f"{line}\n".encode() for line in await reading] == [whole]


async def _all(place: Place) -> list[str]:
    return [line async for line in place.lines()]


async def test_a_place_that_is_away_is_said_and_nothing_is_skipped(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    place = FilePlace(folder / "checkpoints.jsonl")
    for minute in range(2):
        await write(database, uuid4(), 1)
        with pytest.raises(PlaceUnavailable, match="mounted"):
            await checkpoint(database, place, at_minute=minute)
    folder.mkdir()

    await checkpoint(database, place, at_minute=2)
    async with database.transaction() as tx:  # the last two were rolled back with their failure
        assert [number for number, _ in await checkpoints.following(tx, None, NOTARY.public_key)] == [1]
    assert await problems(database, place) == []


async def test_an_object_store_takes_each_checkpoint_once_and_gives_all_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with object_store() as store:
        as_aws(monkeypatch, store.url)
        place = place_of("s3://evidence/desk")
        ticket_id = uuid4()
        for minute in range(2):
            await write(database, ticket_id, 1)
            await checkpoint(database, place, at_minute=minute)

        first = "/evidence/desk/000000000001.json"
        assert sorted(store.objects) == [first, "/evidence/desk/000000000002.json"]
        before = store.objects[first]
        await place.put(1, "something else")
        assert store.objects[first] == before
        last = await place_of("s3://evidence/desk").last()
        assert last is not None and last[0] == 2
        assert await problems(database, place) == []
        await cut(database, ticket_id, after=1)
        assert "row 2" in (await problems(database, place))[0]
        assert store.refused == []


async def test_an_object_store_refuses_another_secret_and_that_is_said(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with object_store() as store:
        as_aws(monkeypatch, store.url)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")

        with pytest.raises(PlaceUnavailable):
            await place_of("s3://evidence/desk").last()
        with pytest.raises(PlaceUnavailable):
            await place_of("s3://evidence/desk").put(1, "x")

        assert store.refused and store.objects == {}


async def test_an_object_store_that_was_away_gets_everything_afterwards(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with object_store() as store:
        as_aws(monkeypatch, store.url)
        place = place_of("s3://evidence/desk")
        await write(database, uuid4(), 1)
        store.is_up = False
        with pytest.raises(PlaceUnavailable):
            await place.last()

        store.is_up = True
        await checkpoint(database, place)

        assert len(store.objects) == 1


def as_aws(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """The environment as AWS's own tools read it."""
    settings = {"ENDPOINT_URL": url, "ACCESS_KEY_ID": ACCESS_KEY, "SECRET_ACCESS_KEY": SECRET_KEY, "REGION": REGION}
    for name, value in settings.items():
        monkeypatch.setenv(f"AWS_{name}", value)


def test_each_entry_is_proved_to_be_in_its_tree_and_in_no_other_place() -> None:
    for size in range(1, 20):
        entries = [bytes([number]) for number in range(size)]
        root = merkle.root(entries)
        for index in range(size):
            proof = merkle.inclusion_proof(entries, index)
            assert merkle.is_included(entries[index], index, size, proof, root)
            assert not merkle.is_included(b"another", index, size, proof, root)
            assert not merkle.is_included(entries[index], index + 1, size, proof, root)
            assert not merkle.is_included(entries[index], index, size, [*proof, root], root)


def test_the_tree_is_that_of_rfc_6962() -> None:
    """The roots that the RFC's authors publish for their test entries."""
    entries = [bytes.fromhex(one) for one in ("", "00", "10", "2021", "3031", "40414243")]
    roots = {
        0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    }
    assert {size: merkle.root(entries[:size]).hex() for size in roots} == roots
