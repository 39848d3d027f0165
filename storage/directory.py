"""Queries about the directory of people, API keys and an identity provider's accounts, and its import.

Addresses are stored in lower case, as the catalogue and the CSV reader give them. An import never changes the status of
a person or a key: what was suspended or revoked stays so until an approved action restores it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute

from policy.terms import PersonKey, folded_address
from storage.database import Transaction
from storage.schema import DirectoryAccount, DirectoryKey, DirectoryPerson, Ticket, VoteRow

_BATCH_ROWS = 1000  # PostgreSQL takes 65,535 values in one statement


class UnknownOwners(Exception):
    """Keys name owners that are not in the directory. `missing` is (key id, owner's address) of each."""

    def __init__(self, missing: Sequence[tuple[str, str]]) -> None:
        shown = ", ".join(f"{key_id} ({email})" for key_id, email in missing[:5])
        rest = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        super().__init__(f"owners that are not in the directory: {shown}{rest}; import the people first")
        self.missing = tuple(missing)


class Subject(NamedTuple):
    """The person an action is done to."""

    email: str
    slack_key: str | None
    """PersonKey text; None where the directory does not know their Slack account."""


@dataclass(frozen=True)
class Imported:
    """How many rows an import added, and how many it found there already."""

    added: int
    updated: int


class PersonRow(Protocol):
    """A person to import."""

    @property
    def email(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def slack_key(self) -> PersonKey | None: ...


class KeyRow(Protocol):
    """A key to import."""

    @property
    def key_id(self) -> str: ...

    @property
    def owner_email(self) -> str: ...

    @property
    def label(self) -> str: ...


class AccountRow(Protocol):
    """An account of an identity provider to import."""

    @property
    def account(self) -> str: ...

    @property
    def email(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def status(self) -> str: ...

    @property
    def deprovisioned_at(self) -> datetime | None: ...

    @property
    def entitled(self) -> Sequence[str] | None: ...


async def find_key(tx: Transaction, key_id: str) -> DirectoryKey | None:
    """The key of this id."""
    return await tx.get(DirectoryKey, key_id)


async def find_person(tx: Transaction, email: str) -> DirectoryPerson | None:
    """The person of this address; case does not count."""
    return await tx.get(DirectoryPerson, folded_address(email))


async def find_accounts(tx: Transaction, *, email: str = "", account: str = "") -> Sequence[DirectoryAccount]:
    """The accounts of an identity provider with this address or this key, by key; case does not count."""
    address, key = folded_address(email), folded_address(account)
    wanted = [
        column == value
        for column, value in ((DirectoryAccount.email, address), (DirectoryAccount.account, key))
        if value
    ]
    if not wanted:
        return ()
    rows = await tx.scalars(select(DirectoryAccount).where(or_(*wanted)).order_by(DirectoryAccount.account))
    return rows.all()


async def subject_of(tx: Transaction, subject_param: str, value: str) -> Subject | None:
    """Whom an action is done to, from its deciding parameter ('keyId' or 'email'); None if nobody is known.

    Raises ValueError for another parameter.
    """
    match subject_param:
        case "email":
            person = await find_person(tx, value)
        case "keyId":
            key = await find_key(tx, value)
            person = None if key is None else await find_person(tx, key.owner_email)
        case _:
            raise ValueError(f"no person is found by the parameter {subject_param!r}")
    return None if person is None else Subject(person.email, person.slack_key)


async def home_ids(tx: Transaction) -> frozenset[str]:
    """The workspace or Enterprise ids of our own people, as Slack gave them for those who asked or voted so far."""
    requesters = await tx.scalars(select(Ticket.requester).where(Ticket.requester_is_internal).distinct())
    voters = await tx.scalars(select(VoteRow.voter).distinct())
    return frozenset(key.partition("/")[0] for key in {*requesters, *voters} if key is not None)


async def import_people(tx: Transaction, rows: Iterable[PersonRow]) -> Imported:
    """Add people, or update the names and Slack accounts of those who are there; of two alike, the last counts.

    An empty Slack account leaves a known one as it is: forgetting it would let someone approve what is done to them.
    """
    people = {folded_address(row.email): row for row in rows}
    added = 0
    for emails in _batches(people):
        added += len(emails) - await _count(tx, DirectoryPerson.email, emails)
        statement = insert(DirectoryPerson).values(
            [
                {
                    "email": email,
                    "name": people[email].name,
                    "slack_key": None if people[email].slack_key is None else str(people[email].slack_key),
                    "status": "active",
                }
                for email in emails
            ]
        )
        account = func.coalesce(statement.excluded.slack_key, DirectoryPerson.slack_key)
        changes = {"name": statement.excluded.name, "slack_key": account}
        await tx.execute(statement.on_conflict_do_update(index_elements=["email"], set_=changes))
    return Imported(added, len(people) - added)


async def import_keys(tx: Transaction, rows: Iterable[KeyRow]) -> Imported:
    """Add keys, or update the owners and labels of those that are there; of two alike, the last counts.

    Raises UnknownOwners, before anything is changed, if an owner is not in the directory.
    """
    keys = {row.key_id: row for row in rows}
    await _refuse_unknown_owners(tx, keys.values())
    added = 0
    for key_ids in _batches(keys):
        added += len(key_ids) - await _count(tx, DirectoryKey.key_id, key_ids)
        statement = insert(DirectoryKey).values(
            [
                {
                    "key_id": key_id,
                    "owner_email": folded_address(keys[key_id].owner_email),
                    "label": keys[key_id].label,
                    "status": "active",
                }
                for key_id in key_ids
            ]
        )
        changes = {"owner_email": statement.excluded.owner_email, "label": statement.excluded.label}
        await tx.execute(statement.on_conflict_do_update(index_elements=["key_id"], set_=changes))
    return Imported(added, len(keys) - added)


async def import_accounts(tx: Transaction, rows: Iterable[AccountRow], at: datetime) -> Imported:
    """Add accounts, or replace all that is known of those that are there; of two alike, the last counts.

    Unlike people and keys they are evidence and no more, so the file's word on their status is taken as it is.
    """
    accounts = {folded_address(row.account): row for row in rows}
    added = 0
    for keys in _batches(accounts):
        added += len(keys) - await _count(tx, DirectoryAccount.account, keys)
        statement = insert(DirectoryAccount).values([_account(key, accounts[key], at) for key in keys])
        changes = {
            name: statement.excluded[name]
            for name in ("email", "name", "status", "deprovisioned_at", "entitled", "imported_at")
        }
        await tx.execute(statement.on_conflict_do_update(index_elements=["account"], set_=changes))
    return Imported(added, len(accounts) - added)


def _account(key: str, row: AccountRow, at: datetime) -> dict[str, object]:
    return {
        "account": key,
        "email": folded_address(row.email),
        "name": row.name,
        "status": row.status,
        "deprovisioned_at": row.deprovisioned_at,
        "entitled": None if row.entitled is None else list(row.entitled),
        "imported_at": at,
    }


async def _refuse_unknown_owners(tx: Transaction, rows: Iterable[KeyRow]) -> None:
    owners: dict[str, list[str]] = {}
    for row in rows:
        owners.setdefault(folded_address(row.owner_email), []).append(row.key_id)
    known: set[str] = set()
    for emails in _batches(owners):
        known.update(await tx.scalars(select(DirectoryPerson.email).where(DirectoryPerson.email.in_(emails))))
    missing = [(key_id, email) for email, key_ids in owners.items() if email not in known for key_id in key_ids]
    if missing:
        raise UnknownOwners(missing)


def _batches(names: Iterable[str]) -> Iterator[list[str]]:
    # In one order, so that two imports at once wait for each other instead of dead-locking.
    ordered = sorted(names)
    for start in range(0, len(ordered), _BATCH_ROWS):
        yield ordered[start : start + _BATCH_ROWS]


async def _count(tx: Transaction, column: InstrumentedAttribute[str], values: Sequence[str]) -> int:
    return await tx.scalar(select(func.count()).where(column.in_(values))) or 0
