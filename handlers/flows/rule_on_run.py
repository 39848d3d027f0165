"""What a run asks of the gate: everybody it rests on resolved live, and one ruling on all of it, as it is now.

A request may wait for days between the last vote and its run, and a run that was cut off is judged once more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import IdentityUnavailable, TryLater
from handlers.flows.judged_facts import digest_of, request_facts
from handlers.flows.one_person import Addresses, linked, ties_about, with_addresses
from policy.one_person import Ties
from policy.terms import Agent, Person, PersonKey, Proposer, RequestStatus, Ruling, Vote
from storage import passkeys, requests
from storage.database import Transaction
from storage.schema import ActionRequest, Ticket

T = TypeVar("T")

SLACK_RETRY_SECONDS = 30.0


@dataclass(frozen=True)
class StoredRequest:
    """A request as it was read before anybody was asked about it."""

    status: RequestStatus
    votes: tuple[Vote, ...]
    proposer: PersonKey | None
    proposer_label: str


async def resolve_people(desk: Desk, stored: StoredRequest) -> tuple[dict[PersonKey, Person], Proposer]:
    """Every voter and the proposer as they are now. Raises TryLater where Slack does not say."""
    try:
        voters = {vote.voter: await desk.people.resolve(vote.voter) for vote in stored.votes}
        if stored.proposer is None:
            return voters, Agent(stored.proposer_label)
        return voters, voters.get(stored.proposer) or await desk.people.resolve(stored.proposer)
    except IdentityUnavailable as error:
        # Not run, and not given up: it is asked again until the request expires.
        raise TryLater(str(error), seconds=SLACK_RETRY_SECONDS) from error


async def with_live_addresses(
    desk: Desk, request_id: UUID, voters: Mapping[PersonKey, Person], decide: Callable[[Addresses], Awaitable[T]]
) -> T:
    """What `decide` makes of the voters' addresses, asked of Slack at this moment. Raises TryLater."""
    try:
        # What runs without any vote asks Slack nothing more.
        return await with_addresses(desk, voters.values(), decide, request_id=request_id if voters else None)
    except IdentityUnavailable as error:
        raise TryLater(str(error), seconds=SLACK_RETRY_SECONDS) from error


async def rule_on_run(
    desk: Desk,
    tx: Transaction,
    request: ActionRequest,
    ticket: Ticket,
    voters: Mapping[PersonKey, Person],
    proposer: Proposer,
    addresses: Addresses,
) -> Ruling:
    """The gate's ruling on running this now. The request and its ticket must be locked."""
    facts = await request_facts(tx, request, ticket, desk.catalogue, live=proposer)
    if facts.status is RequestStatus.RUNNING:  # It was cut off: whether it might begin now is what is asked.
        facts = replace(facts, status=RequestStatus.APPROVED)
    # Only votes can be an alias's: what runs without any asks Slack nothing more.
    ties = await ties_about(tx, addresses, facts, voters) if voters else Ties()
    votes = [requests.as_vote(row) for row in (await requests.votes(tx, [request.id]))[request.id]]
    asks = desk.gate.asks_for_passkey(facts.action.risk)
    theirs = await passkeys.of_people(tx, voters, lock=True) if asks else ()
    return desk.gate.rule_on_run(
        facts,
        votes,
        {key: linked(person, ties) for key, person in voters.items()},
        digest_now=digest_of(request, ticket),
        now=desk.clock(),
        proposer=proposer,
        passkeys=[passkeys.as_passkey(row) for row in theirs],
    )
