"""The directory in the database: who is behind a key or an address, and imports that never loosen a lock."""

from __future__ import annotations

import asyncio

import pytest

from actions.directory_csv import KeyEntry, PersonEntry
from policy.terms import PersonKey, folded_address
from storage import directory, people
from storage.database import Database
from storage.directory import Imported, Subject, UnknownOwners
from tests.actions.builders import store_bob, store_ticket

BOB = PersonEntry("bob@acme.example", "Bob", PersonKey("T0ACME", "U0BOB"))
ANN = PersonEntry("ann@acme.example", "Ann", None)


@pytest.mark.parametrize(("param", "value"), [("keyId", "ak_demo_bob_001"), ("email", "Bob@acme.example")])
async def test_a_key_and_an_address_lead_to_the_same_person(database: Database, param: str, value: str) -> None:
    await store_bob(database)

    async with database.transaction() as tx:
        subject = await directory.subject_of(tx, param, value)

    assert subject == Subject("bob@acme.example", "T0ACME/U0BOB")


@pytest.mark.parametrize(("param", "value"), [("keyId", "ak_other"), ("email", "eve@acme.example")])
async def test_what_the_directory_does_not_know_leads_to_nobody(database: Database, param: str, value: str) -> None:
    async with database.transaction() as tx:
        assert await directory.subject_of(tx, param, value) is None


async def test_a_parameter_that_names_no_person_is_an_error_and_not_nobody(database: Database) -> None:
    async with database.transaction() as tx:
        with pytest.raises(ValueError, match="'note'"):
            await directory.subject_of(tx, "note", "x")


async def test_an_import_adds_people_and_keys_as_active(database: Database) -> None:
    async with database.transaction() as tx:
        people = await directory.import_people(tx, [BOB, ANN])
        keys = await directory.import_keys(tx, [KeyEntry("ak_1", "bob@acme.example", "demo")])
        key = await directory.find_key(tx, "ak_1")
        ann = await directory.find_person(tx, "ann@acme.example")

    assert (people, keys) == (Imported(2, 0), Imported(1, 0))
    assert key is not None
    assert (key.owner_email, key.label, key.status) == ("bob@acme.example", "demo", "active")
    assert ann is not None
    assert (ann.slack_key, ann.status) == (None, "active")


async def test_a_second_import_updates_and_counts_it_so(database: Database) -> None:
    await store_bob(database)

    async with database.transaction() as tx:
        moved = PersonEntry("bob@acme.example", "Robert", PersonKey("T0ACME", "U0NEW"))
        people = await directory.import_people(tx, [moved, ANN])
        keys = await directory.import_keys(tx, [KeyEntry("ak_demo_bob_001", "ann@acme.example", "handed over")])
        bob = await directory.find_person(tx, "bob@acme.example")
        key = await directory.find_key(tx, "ak_demo_bob_001")

    assert (people, keys) == (Imported(1, 1), Imported(0, 1))
    assert bob is not None
    assert (bob.name, bob.slack_key) == ("Robert", "T0ACME/U0NEW")
    assert key is not None
    assert (key.owner_email, key.label) == ("ann@acme.example", "handed over")


async def test_an_import_restores_nobody_and_nothing(database: Database) -> None:
    await store_bob(database, status="suspended", key_status="revoked")

    async with database.transaction() as tx:
        await directory.import_people(tx, [BOB])
        await directory.import_keys(tx, [KeyEntry("ak_demo_bob_001", "bob@acme.example", "demo")])
        bob = await directory.find_person(tx, "bob@acme.example")
        key = await directory.find_key(tx, "ak_demo_bob_001")

    assert bob is not None
    assert bob.status == "suspended"
    assert key is not None
    assert key.status == "revoked"


async def test_an_import_without_a_slack_account_does_not_forget_a_known_one(database: Database) -> None:
    await store_bob(database)

    async with database.transaction() as tx:
        await directory.import_people(tx, [PersonEntry("bob@acme.example", "Bob", None)])
        subject = await directory.subject_of(tx, "email", "bob@acme.example")

    assert subject == Subject("bob@acme.example", "T0ACME/U0BOB")


async def test_keys_of_unknown_owners_are_refused_by_name(database: Database) -> None:
    await store_bob(database)

    async with database.transaction() as tx:
        with pytest.raises(UnknownOwners, match=r"ak_2 \(eve@acme.example\)") as caught:
            await directory.import_keys(
                tx, [KeyEntry("ak_1", "bob@acme.example", ""), KeyEntry("ak_2", "eve@acme.example", "")]
            )
        assert await directory.find_key(tx, "ak_1") is None

    assert caught.value.missing == (("ak_2", "eve@acme.example"),)


async def test_an_import_of_nothing_changes_nothing(database: Database) -> None:
    async with database.transaction() as tx:
        assert await directory.import_people(tx, []) == Imported(0, 0)
        assert await directory.import_keys(tx, []) == Imported(0, 0)


async def test_two_large_imports_at_once_both_succeed(database: Database) -> None:
    people = [PersonEntry(f"p{number}@acme.example", f"P {number}", None) for number in range(2500)]

    async def load(rows: list[PersonEntry]) -> Imported:
        async with database.transaction() as tx:
            return await directory.import_people(tx, rows)

    counts = await asyncio.gather(load(people), load(people[::-1]))

    assert [count.added + count.updated for count in counts] == [2500, 2500]


async def test_our_homes_are_those_of_people_slack_has_shown_to_be_ours(database: Database) -> None:
    await store_ticket(database, requester="E0ACME/U0ANN", requester_is_internal=True)
    await store_ticket(database, requester="T0OTHER/U0MALLORY")
    await store_ticket(database, requester_is_internal=True)

    async with database.transaction() as tx:
        assert await directory.home_ids(tx) == {"E0ACME"}


@pytest.mark.parametrize("address", ["Anna.Groß@acme.example", "ANNA@ACME.EXAMPLE", "İnci@acme.example"])
async def test_threat_05_an_address_is_stored_as_it_is_compared(database: Database, address: str) -> None:
    """Else the account that the directory has there would not be tied to the one that Slack confirms it for."""
    account, other = PersonKey("T0ACME", "U0ANNA"), PersonKey("T0ACME", "U0ALIAS")
    async with database.transaction() as tx:
        await directory.import_people(tx, [PersonEntry(address, "Anna", account)])
        ties = await people.ties_around(tx, [account, other, folded_address(address)])

    ties.tie(other, folded_address(address))

    assert ties.accounts_of(other) == {account}
