"""Where the risk asks for it, an approval is confirmed with a passkey on a page of ours.

1  pressing Approve votes nothing: if the gate says that the person's vote would count, they are given a link
2  the page shows what the card shows; opening it changes nothing
3  what the passkey signed there comes back, the person is read live again, and the vote goes the way of every vote
   (`cast_vote`), where the gate verifies it
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers.desk import Desk
from handlers.errors import NotFound, Refused
from handlers.flows.cast_vote import Ballot, VoteResult, cast_vote, check_vote
from handlers.flows.judged_facts import digest_of
from handlers.flows.private_links import GivenLink, OpenLink, Purpose, give_link, open_link
from handlers.flows.read_ticket import request_card_facts
from handlers.views.facts import RequestCardFacts
from policy.confirming import vote_challenge
from policy.passkeys import PasskeyState
from policy.terms import Assertion, Choice, Person, PersonKey, RequestStatus, Vote
from storage import audit, passkeys, requests, tickets
from storage.audit import Step
from storage.database import Transaction

NO_PASSKEY = (
    "Approving this takes a passkey, and you have none that counts. To enrol one, write /countersign passkey; once a"
    " second person has approved it, press Approve again."
)
CHANGED = (
    "This request is no longer what it was when you pressed Approve, so nothing was decided. Look at its card in Slack,"
    " then try again."
)


@dataclass(frozen=True)
class PasskeyAnswer:
    """What the page sent back: an authenticator's words, not yet believed."""

    credential_id: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes


@dataclass(frozen=True)
class ConfirmationFacts:
    """Everything the page shows and hands to the browser."""

    request: RequestCardFacts
    card: tuple[Any, ...]
    """The blocks of the card's substance, as they are part of the digest."""
    person_label: str
    expires_at: datetime
    challenge: bytes
    rp_id: str
    credential_ids: tuple[bytes, ...]


async def ask_to_confirm(desk: Desk, ballot: Ballot, voter: Person) -> GivenLink | None:
    """A link to confirm this approval with; None where its risk asks for none. Raises Refused or NotFound.  (1)"""
    async with desk.database.transaction() as tx:
        request = await requests.get(tx, ballot.request_id)
        if request is None:
            raise NotFound("request")
        is_asked = desk.gate.asks_for_passkey(desk.catalogue.get(request.action_id).risk)
    if not is_asked:
        return None
    shown = await check_vote(desk, ballot, voter)
    async with desk.database.transaction() as tx:
        if not await _credential_ids(tx, voter.key):
            raise Refused(f"{voter.key} has no passkey", code="no-passkey", reply=NO_PASSKEY)
        link = await give_link(
            desk,
            tx,
            Purpose.VOTE,
            voter.key,
            ballot.slack_request_id,
            request_id=ballot.request_id,
            digest=shown.digest,
            choice=ballot.choice,
        )
        payload = {"actionRequestId": str(ballot.request_id), "choice": ballot.choice, "digest": shown.digest}
        await audit.record(tx, request.ticket_id, Step.PASSKEY_ASKED, str(voter.key), payload, at=desk.clock())
    return link


async def read_confirmation(desk: Desk, token: str) -> ConfirmationFacts:
    """What the link's page shows. Changes nothing. Raises Refused or NotFound.  (2)"""
    async with desk.database.transaction() as tx:
        link = await open_link(desk, tx, token, Purpose.VOTE)
        request = None if link.request_id is None else await requests.get(tx, link.request_id)
        ticket = None if request is None else await tickets.get(tx, request.ticket_id)
        if request is None or ticket is None:
            raise NotFound("request")
        if request.status != RequestStatus.PENDING or digest_of(request, ticket) != link.digest:
            raise Refused(f"request {request.id} changed", code="core-no-other-digest", reply=CHANGED)
        facts = await request_card_facts(tx, desk.catalogue, request)
        names = {one["key"]: str(one["name"]) for one in request.eligible}
        credential_ids = await _credential_ids(tx, link.person)
    site = desk.gate.confirmations.site
    return ConfirmationFacts(
        request=facts,
        card=tuple(request.card),
        person_label=names.get(str(link.person), link.person.user_id),
        expires_at=link.expires_at,
        challenge=vote_challenge(_vote(link), link.name),
        rp_id="" if site is None else site.rp_id,
        credential_ids=credential_ids,
    )


async def confirm_vote(desk: Desk, token: str, answer: PasskeyAnswer) -> VoteResult:
    """Cast the vote that the link is for. Raises Refused, NotFound or IdentityUnavailable.  (3)"""
    async with desk.database.transaction() as tx:
        link = await open_link(desk, tx, token, Purpose.VOTE, is_attempt=True)
    if link.request_id is None or link.choice is None:
        raise NotFound("request")
    voter = await desk.people.resolve(link.person)
    assertion = Assertion(
        link.name, answer.credential_id, answer.client_data, answer.authenticator_data, answer.signature
    )
    ballot = Ballot(link.request_id, link.choice, link.slack_request_id, assertion=assertion, shown=link.digest)
    return await cast_vote(desk, ballot, voter)


def _vote(link: OpenLink) -> Vote:
    """The vote that the challenge is made of; when it is cast is no part of that."""
    choice = link.choice or Choice.APPROVE
    return Vote(str(link.request_id), link.person, choice, link.digest, link.expires_at, link.slack_request_id)


async def _credential_ids(tx: Transaction, owner: PersonKey) -> tuple[bytes, ...]:
    rows = await passkeys.of_people(tx, [owner])
    return tuple(bytes(row.credential_id) for row in rows if row.state == PasskeyState.APPROVED)
