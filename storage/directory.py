"""Queries about the directory of people and API keys, and its import.

Addresses are stored in lower case, as the catalogue and the CSV reader give them. An import never changes a status:
what was suspended or revoked stays so until an approved action restores it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute

from policy.terms import PersonKey, folded_address
from storage.database import Transaction
from storage.schema import DirectoryKey, DirectoryPerson, Ticket, VoteRow

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


async def find_key(tx: Transaction, key_id: str) -> DirectoryKey | None:
    """The key of this id."""
    return await tx.get(DirectoryKey, key_id)


async def find_person(tx: Transaction, email: str) -> DirectoryPerson | None:
    """The person of this address; case does not count."""
    return await tx.get(DirectoryPerson, folded_address(email))


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
