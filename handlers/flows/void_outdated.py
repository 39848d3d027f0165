"""A changed policy does not quietly apply to what people were shown under the old one.

A request that waits becomes void, or stays as shown, by the setting `on_policy_change` of its risk. It stays only
if the gate, under the new policy and with everybody read live, says that it could be put forward today, that no more is
asked for than its card says, and that each vote on it would count. What cannot be found out is a no.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import IdentityUnavailable
from handlers.flows.judged_facts import digest_of, request_facts
from handlers.flows.one_person import Addresses, linked, ties_about, with_addresses
from handlers.flows.void_requests import void_open_requests
from policy.one_person import Ties
from policy.terms import Agent, Person, PersonKey, Proposer
from storage import audit, deliveries, passkeys, requests, tickets
from storage.audit import Step
from storage.database import DatabaseUnavailable, Transaction
from storage.schema import ActionRequest, Ticket

log = logging.getLogger(__name__)

WHY = "the policy changed after this was shown"


@dataclass(frozen=True)
class _Involved:
    """Everybody that the gate wants to see again, as they are now."""

    voters: dict[PersonKey, Person]
    proposer: Proposer


async def void_outdated(desk: Desk) -> int:
    """Void every waiting request that was shown under another policy and may not stay; returns how many.

    Until it has been done, none of them can be decided: the gate refuses what is of another version.
    """
    async with desk.database.transaction() as tx:
        ticket_ids = await requests.tickets_under_other_policy(tx, desk.gate.policy_version)
    count = 0
    for ticket_id in ticket_ids:
        try:
            count += await _void_on(desk, ticket_id)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # the others must be voided whatever is odd about this ticket
            log.error("the requests of ticket %s could not be looked at: %r", ticket_id, error, exc_info=error)
    return count


async def _void_on(desk: Desk, ticket_id: UUID) -> int:
    involved = await _everybody(desk, ticket_id)
    people = [person for one in involved.values() for person in one.voters.values()]
    try:
        return await with_addresses(desk, people, partial(_void, desk, ticket_id, involved))
    except IdentityUnavailable as error:
        log.warning("nothing on ticket %s is kept: %s", ticket_id, error)
        return await _void(desk, ticket_id, {}, Addresses(()))


async def _void(desk: Desk, ticket_id: UUID, involved: dict[UUID, _Involved], addresses: Addresses) -> int:
    """Void what may not stay of one ticket's requests; returns how many. Raises Unasked."""
    async with desk.database.transaction() as tx:
        ticket = await tickets.get(tx, ticket_id, lock=True)
        if ticket is None:
            return 0
        staying = await _staying(desk, tx, ticket, involved, addresses)
        count = await void_open_requests(tx, desk, ticket, why=WHY, unless=staying)
        await deliveries.refresh(tx, ticket_id=ticket_id)
        return count


async def _everybody(desk: Desk, ticket_id: UUID) -> dict[UUID, _Involved]:
    """Who had a part in the ticket's requests that might stay. Those of whom Slack does not say are left out."""
    async with desk.database.transaction() as tx:
        waiting = [one for one in await requests.open_of_ticket(tx, ticket_id) if _may_be_kept(desk, one)]
        votes = await requests.votes(tx, [one.id for one in waiting])
    found = {}
    for request in waiting:
        try:
            keys = {PersonKey.parse(row.voter) for row in votes[request.id]}
            voters = {key: await desk.people.resolve(key) for key in keys}
            found[request.id] = _Involved(voters, await _proposer(desk, request))
        except (IdentityUnavailable, ValueError) as error:
            log.warning("request %s is not kept: %s", request.id, error)
    return found


def _may_be_kept(desk: Desk, request: ActionRequest) -> bool:
    return _is_known(desk, request) and desk.gate.keeps_waiting(desk.catalogue.get(request.action_id).risk)


def _is_known(desk: Desk, request: ActionRequest) -> bool:
    """An action may have been taken out of the catalogue since."""
    return any(spec.action_id == request.action_id for spec in desk.catalogue)


async def _proposer(desk: Desk, request: ActionRequest) -> Proposer:
    if request.proposer is None:
        return Agent(request.proposer_label)
    return await desk.people.resolve(PersonKey.parse(request.proposer))


async def _staying(
    desk: Desk, tx: Transaction, ticket: Ticket, involved: dict[UUID, _Involved], addresses: Addresses
) -> frozenset[UUID]:
    """Those of this policy, and those of another that it keeps, which is put on record."""
    staying = set()
    for request in await requests.open_of_ticket(tx, ticket.id):
        if not _is_known(desk, request):
            continue
        facts = await request_facts(tx, request, ticket, desk.catalogue)
        if facts.decided_under == desk.gate.policy_version:
            staying.add(request.id)
            continue
        people = involved.get(request.id)
        if people is None:
            continue
        rows = (await requests.votes(tx, [request.id]))[request.id]
        ties = await ties_about(tx, addresses, facts, people.voters) if people.voters else Ties()
        theirs = await passkeys.of_people(tx, people.voters)
        ruling = desk.gate.rule_on_keeping(
            facts,
            [requests.as_vote(row) for row in rows],
            {key: linked(person, ties) for key, person in people.voters.items()},
            people.proposer,
            digest_now=digest_of(request, ticket),
            now=desk.clock(),
            passkeys=[passkeys.as_passkey(row) for row in theirs],
        )
        if ruling.is_allowed:
            staying.add(request.id)
            payload = {
                "actionId": request.action_id,
                "actionRequestId": str(request.id),
                "shownUnder": request.policy_version,
                "judgedUnder": desk.gate.policy_version,
            }
            await audit.record(tx, ticket.id, Step.REQUEST_KEPT, "policy", payload, at=desk.clock())
    return frozenset(staying)
