"""Who asked for something on a ticket, by all of their accounts: none of them works on its case.

Who they are is told by the ticket's trail as well as by its row: the requester, whoever made the ticket of somebody
else's message, and whoever wrote on the requester's side. Accounts are one human's by the ties that the gate goes by.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from handlers.errors import Refused
from handlers.flows.judged_facts import requester_of
from handlers.flows.one_person import Addresses, linked
from policy.terms import Person, PersonKey
from storage import told
from storage.audit import Step, ticket_chain
from storage.database import Transaction
from storage.schema import Ticket
from storage.told import TrailBroken

TICKET_BROKEN = "The trail of this ticket does not hold, so nothing is done. Have an operator look, then try again."


@dataclass(frozen=True)
class Asked:
    """Somebody with their other accounts, and every account of those who asked on a ticket."""

    who: Person
    askers: frozenset[PersonKey]

    @property
    def is_theirs(self) -> bool:
        """Whether they asked on it themselves."""
        return self.is_of(self.who.key, *self.who.linked)

    def is_of(self, *keys: PersonKey) -> bool:
        """Whether one of these is an account of somebody who asked."""
        return any(one.is_maybe(asker) for one in keys for asker in self.askers)


async def who_asked(
    tx: Transaction, addresses: Addresses, ticket: Ticket, person: Person, also: Iterable[PersonKey] = ()
) -> Asked:
    """`also`: further people whom it is about. Raises Refused, Unasked, IdentityUnavailable."""
    asked = await _named_on(tx, ticket)
    ties = await addresses.ties(tx, {person.key, *asked, *also})
    return Asked(linked(person, ties), asked.union(*(ties.accounts_of(one) for one in asked)))


async def _named_on(tx: Transaction, ticket: Ticket) -> frozenset[PersonKey]:
    try:
        events = await told.verified(tx, ticket_chain(ticket.id))
    except TrailBroken as error:
        raise Refused(str(error), code="case-ticket-broken", reply=TICKET_BROKEN) from error
    wrote = (one.actor for one in events if one.name == Step.MESSAGE_RECEIVED and one.payload["side"] == "customer")
    named = {events[0].actor, *wrote}
    row = requester_of(ticket).key
    return frozenset(PersonKey.parse(one) for one in named if "/" in one) | ({row} if row is not None else set())
