"""Checkpoints at a second place: what was taken away, or rewritten with the key, shows there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from storage import audit, checkpoints, merkle, verification
from storage.database import Database
from storage.notary import Notary
from storage.places import FilePlace, Place, PlaceUnavailable, place_of
from tests.keys import CHECKPOINT_KEY
from tests.storage.s3 import ACCESS_KEY, REGION, SECRET_KEY, object_store
from tests.storage.test_audit import NOW, tamper, write

NOTARY = Notary(bytes.fromhex(CHECKPOINT_KEY))
TRUSTED = {NOTARY.public_key}


async def checkpoint(database: Database, place: Place, *, at_minute: int = 0) -> None:
    """What the desk does once a minute."""
    async with database.transaction() as tx:
        await checkpoints.make(tx, NOTARY, at=NOW + timedelta(minutes=at_minute))
        waiting = await checkpoints.after(tx, await place.last_number())
    for number, line in waiting:
        await place.put(number, line)


async def problems(database: Database, place: Place, *, at_minute: int = 0) -> list[str]:
    lines = [line async for line in place.lines()]
    async with database.transaction() as tx:
        assert (await verification.verify(tx)).first_break is None
        return await checkpoints.check(tx, lines, TRUSTED, now=NOW + timedelta(minutes=at_minute))


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
    tamper(database, f"insert into audit_checkpointed values ('{audit.ticket_chain(hidden)}', 99, 1)")
    await write(database, uuid4(), 1)

    await checkpoint(database, place, at_minute=60)

    [found] = await problems(database, place, at_minute=60)
    assert f"row 1 of chain ticket:{hidden} is in no checkpoint" in found


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
        (lambda lines: lines[:1], "lacks every checkpoint from number 2"),
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
        found = await checkpoints.check(tx, changed, TRUSTED, now=NOW + timedelta(hours=1))

    assert says in found[0]


async def test_threat_19_a_checkpoint_of_another_key_is_not_believed(database: Database, place: FilePlace) -> None:
    await write(database, uuid4(), 1)
    async with database.transaction() as tx:
        await checkpoints.make(tx, Notary(b"\x07" * 32), at=NOW)
        [(number, line)] = await checkpoints.after(tx, 0)
    await place.put(number, line)

    [found] = await problems(database, place)

    assert "none of the keys that are trusted" in found


async def test_a_line_that_a_crash_cut_off_is_written_again_whole(database: Database, place: FilePlace) -> None:
    ticket_id = uuid4()
    for _ in range(2):
        await write(database, ticket_id, 1)
        await checkpoint(database, place)
    file = Path(place.name.removeprefix("file:"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])

    await checkpoint(database, place)

    assert file.read_bytes() == whole
    assert await problems(database, place) == []


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
        assert [number for number, _ in await checkpoints.after(tx, 0)] == [1]
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
        assert await place_of("s3://evidence/desk").last_number() == 2
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
            await place_of("s3://evidence/desk").last_number()
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
            await place.last_number()

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
