"""Which accounts are one human's, found out for one decision: from what is stored, and live from Slack.

What is stored is read in the transaction that decides, so that a link counts from the moment it is made. Slack cannot
be asked there. So a decision that meets an account whose address was not asked about yet is called off before it has
written anything, the address is asked about, and the decision begins anew: mostly once, and again only where an address
leads to a further account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from handlers.desk import Desk, People
from handlers.errors import IdentityUnavailable
from policy.one_person import Mark, Ties, own_address
from policy.terms import Person, PersonKey, RequestFacts, folded_address
from storage import people as stored_people
from storage.database import Transaction

T = TypeVar("T")

LINKS_CONTRADICTED = (
    "Which accounts belong to one person is not stored as its record says, so nothing was done. Tell whoever runs this"
    " desk: `countersign audit verify` says what is wrong."
)


class Unasked(Exception):
    """Accounts have a part in the decision whose addresses are not known. Caught by `with_addresses`, never further."""

    def __init__(self, keys: Collection[PersonKey]) -> None:
        super().__init__(", ".join(map(str, sorted(keys))))
        self.keys = keys


class Addresses:
    """The addresses of accounts, as Slack gave them for one decision."""

    def __init__(self, people: Iterable[Person]) -> None:
        """`people`: those who were read live for this decision anyway."""
        self._of = {person.key.user_id: own_address(person) for person in people}

    async def ask(self, people: People, keys: Collection[PersonKey]) -> None:
        """Ask about those of these accounts that were not asked about. Raises IdentityUnavailable."""
        unasked = self.unasked(keys)
        found = await asyncio.gather(*(people.address_of(key) for key in unasked))
        self._of |= {key.user_id: address for key, address in zip(unasked, found, strict=True)}

    def unasked(self, keys: Iterable[PersonKey]) -> list[PersonKey]:
        """Those whose address is not known yet."""
        return [key for key in keys if key.user_id not in self._of]

    async def ties(self, tx: Transaction, keys: Iterable[PersonKey], addresses: Iterable[str] = ()) -> Ties:
        """Everything that ties these accounts to others or to these addresses. Raises Unasked, IdentityUnavailable."""
        if contradictions := await stored_people.links_contradicted(tx):
            raise IdentityUnavailable("; ".join(contradictions), reply=LINKS_CONTRADICTED)
        accounts = set(keys)
        # With the addresses of those that were asked about, the first look mostly is the last one.
        lived_at = {self._of[key.user_id] for key in accounts if key.user_id in self._of}
        marks: set[Mark] = {*accounts, *({folded_address(address) for address in addresses} | lived_at) - {""}}
        while True:
            ties = await stored_people.ties_around(tx, marks)
            if unasked := self.unasked(ties.accounts):
                raise Unasked(unasked)
            homes = [(key, address) for key in ties.accounts if (address := self._of[key.user_id])]
            for key, address in homes:
                ties.tie(key, address)
            found = {address for _, address in homes} - marks
            if not found:
                return ties
            marks |= found


async def with_addresses(
    desk: Desk,
    people: Iterable[Person],
    decide: Callable[[Addresses], Awaitable[T]],
    *,
    request_id: UUID | None = None,
) -> T:
    """Decide, as often as it takes to know the address of every account that has a part. Raises IdentityUnavailable.

    Where it is about a stored request, those who seem to have a part in it are asked about first: a guess that spares
    the first attempt, and decides nothing.
    """
    addresses = Addresses(people)
    if request_id is not None:
        async with desk.database.transaction() as tx:
            foreseen = (await stored_people.ties_around(tx, await stored_people.parts_of(tx, request_id))).accounts
        await addresses.ask(desk.people, foreseen)
    while True:
        try:
            return await decide(addresses)
        except Unasked as unasked:
            await addresses.ask(desk.people, unasked.keys)


async def ties_about(tx: Transaction, addresses: Addresses, request: RequestFacts, people: Iterable[PersonKey]) -> Ties:
    """What ties `people` to each other and to those who have a part in the request. Raises Unasked."""
    action = request.action
    parts = {action.requester.key, request.proposer, *request.editors, *action.subjects, *people} - {None}
    return await addresses.ties(tx, [key for key in parts if key is not None], action.subject_emails)


def linked(person: Person, ties: Ties) -> Person:
    """The person with their other accounts and addresses, for the gate."""
    return replace(person, linked=ties.accounts_of(person.key), linked_addresses=ties.addresses_of(person.key))


def all_linked(people: Sequence[Person], ties: Ties) -> tuple[Person, ...]:
    """Each of them with their other accounts and addresses."""
    return tuple(linked(person, ties) for person in people)
