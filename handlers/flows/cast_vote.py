"""A person says yes or no to one request, on one card, over one digest.

1  the click must come from our own approval card: looked up by where the message stands, never by what it says
2  the request is locked, after its ticket: two clicks at once are one after the other
3  the digest of what would run now must be the digest the card showed, or the page that a passkey was asked for on
4  the gate rules on the person, resolved live just before, with every account that is known to be theirs; and where
   the risk asks for it, on what their passkey signed
5  the vote is signed over the digest and written with its audit event
6  one rejection ends it; the last approval needed starts the run, in the same transaction
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import Refused
from handlers.flows.customer_notice import tell_requester
from handlers.flows.find_card import of_card, pressed_card
from handlers.flows.judged_facts import as_judged, digest_of, request_facts
from handlers.flows.one_person import Addresses, linked, ties_about, with_addresses
from handlers.flows.read_ticket import request_card, requester_facts
from handlers.plain_input import storable
from handlers.views.facts import RequestCardFacts
from policy.lifecycle import RequestEvent, move
from policy.one_person import Ties
from policy.terms import Assertion, Choice, Person, PersonKey, RequestFacts, RequestStatus, Ruling, Tally, Vote
from storage import audit, deliveries, passkeys, requests
from storage.audit import NewEvent, Step
from storage.database import Transaction
from storage.schema import ActionRequest, Delivery, Ticket, VoteRow

ALREADY_VOTED = "Your vote on this is on record already. There is nothing more for you to do."
ALREADY_VOTED_ELSEWHERE = (
    "Another account that counts as yours has voted on this already, and one person has one vote. Leave it to somebody"
    " else; if that account is not yours, tell whoever runs this desk."
)
_REASON_LENGTH = 3000
"""What Slack lets through; a forged form may hold more."""


@dataclass(frozen=True)
class Ballot:
    """A click on Approve, or a reason sent with Reject."""

    request_id: UUID
    choice: Choice
    slack_request_id: str
    channel: str | None = None
    """Where the pressed card stands; None for a reason sent from a modal, which stands nowhere."""
    message_ts: str | None = None
    reason: str = ""
    shown: str | None = None
    """The digest of what the voter was shown elsewhere than on the card: a vote for something else does not count."""
    assertion: Assertion | None = None
    """What the voter's passkey signed for this vote."""


@dataclass(frozen=True)
class VoteResult:
    """Where the request stands after a vote that counted, with all that the answer to the voter is made of."""

    status: RequestStatus
    votes: int
    quorum: int
    request: RequestCardFacts


async def cast_vote(desk: Desk, ballot: Ballot, voter: Person) -> VoteResult:
    """Count one vote. Raises Refused (with the reason in words, already on record) or NotFound."""
    # Before it is signed: what is signed is what the database can give back.
    ballot = replace(ballot, reason=storable(ballot.reason, limit=_REASON_LENGTH))
    decide = partial(_cast, desk, ballot, voter)
    return await with_addresses(desk, [voter], decide, request_id=ballot.request_id)


async def _cast(desk: Desk, ballot: Ballot, voter: Person, addresses: Addresses) -> VoteResult:
    async with desk.database.transaction() as tx:
        delivery, request, ticket = await _found(tx, ballot)
        earlier = await _earlier(tx, request)
        refusal, facts, ties = await _refusal(
            desk, tx, ballot, voter, addresses, delivery, request, ticket, earlier, is_final=True
        )
        if refusal is not None:
            await _record_refusal(desk, tx, ballot, voter, ticket, refusal)
        else:
            result = await _count(desk, tx, ballot, voter, request, ticket, earlier, facts, ties)
    if refusal is not None:
        raise Refused(refusal.reason, code=refusal.code, reply=refusal.reply, is_recorded=True)
    return result


async def check_vote(desk: Desk, ballot: Ballot, voter: Person) -> RequestCardFacts:
    """The request, if a vote of this person would count once it is confirmed; nothing is decided.

    Raises Refused (on record) or NotFound.
    """
    check = partial(_check, desk, ballot, voter)
    return await with_addresses(desk, [voter], check, request_id=ballot.request_id)


async def _check(desk: Desk, ballot: Ballot, voter: Person, addresses: Addresses) -> RequestCardFacts:
    async with desk.database.transaction() as tx:
        delivery, request, ticket = await _found(tx, ballot)
        earlier = await _earlier(tx, request)
        refusal, _, _ = await _refusal(
            desk, tx, ballot, voter, addresses, delivery, request, ticket, earlier, is_final=False
        )
        if refusal is not None:
            await _record_refusal(desk, tx, ballot, voter, ticket, refusal)
        shown = request_card(desk.catalogue, request, ticket, requester_facts(ticket), earlier)
    if refusal is not None:
        raise Refused(refusal.reason, code=refusal.code, reply=refusal.reply, is_recorded=True)
    return shown


async def _found(tx: Transaction, ballot: Ballot) -> tuple[Delivery, ActionRequest, Ticket]:
    if ballot.channel is not None and ballot.message_ts is not None:
        return await pressed_card(tx, ballot.request_id, ballot.channel, ballot.message_ts)  # (1) (2)
    return await of_card(tx, ballot.request_id, await deliveries.card_of(tx, ballot.request_id))


async def _refusal(
    desk: Desk,
    tx: Transaction,
    ballot: Ballot,
    voter: Person,
    addresses: Addresses,
    delivery: Delivery,
    request: ActionRequest,
    ticket: Ticket,
    earlier: Sequence[VoteRow],
    *,
    is_final: bool,
) -> tuple[Ruling | None, RequestFacts, Ties]:
    """Why this vote does not count, if so; the facts for it; which accounts are one human's. Raises Unasked."""
    facts = await request_facts(tx, request, ticket, desk.catalogue)
    voters = [voter.key, *(PersonKey.parse(row.voter) for row in earlier)]
    ties = await ties_about(tx, addresses, facts, voters)
    person, shown = linked(voter, ties), shown_digest(delivery, request, ticket, ballot.choice)
    shown = shown if ballot.shown in (None, request.digest) else ""
    if is_final:  # (4)
        theirs = [] if ballot.assertion is None else await passkeys.of_people(tx, [voter.key], lock=True)
        ruling = desk.gate.rule_on_vote(
            facts,
            person,
            ballot.choice,
            shown_digest=shown,
            now=desk.clock(),
            assertion=ballot.assertion,
            passkeys=[passkeys.as_passkey(row) for row in theirs],
        )
    else:
        ruling = desk.gate.rule_on_click(facts, person, ballot.choice, shown_digest=shown, now=desk.clock())
    return (_repeated(earlier, ballot, person) if ruling.is_allowed else ruling), facts, ties


def shown_digest(delivery: Delivery, request: ActionRequest, ticket: Ticket, choice: Choice) -> str:
    """The digest that a vote on this card would be over; "" where the card shows what would not run."""
    shown = delivery.shown_digest or ""
    if not shown and choice is Choice.REJECT:
        # A card that could not show everything has no Approve, and saying no to what nobody could read is safe.
        shown = request.digest
    return shown if digest_of(request, ticket) == request.digest else ""  # (3)


async def _earlier(tx: Transaction, request: ActionRequest) -> Sequence[VoteRow]:
    """The votes so far; all of them, since the request is locked."""
    return (await requests.votes(tx, [request.id]))[request.id]


def _repeated(earlier: Sequence[VoteRow], ballot: Ballot, voter: Person) -> Ruling | None:
    said = [PersonKey.parse(row.voter) for row in earlier if row.choice == ballot.choice]
    if voter.key in said:
        return Ruling(False, "already-voted", f"{voter.key} has voted {ballot.choice} already", ALREADY_VOTED)
    for key in said:
        if any(account.is_maybe(key) for account in voter.linked):
            reason = f"{voter.key} has voted {ballot.choice} already, as {key}"
            return Ruling(False, "already-voted", reason, ALREADY_VOTED_ELSEWHERE)
    return None


async def _record_refusal(
    desk: Desk, tx: Transaction, ballot: Ballot, voter: Person, ticket: Ticket, ruling: Ruling
) -> None:
    payload = {
        "actionRequestId": str(ballot.request_id),
        "choice": ballot.choice,
        "rule": ruling.code,
        "reason": ruling.reason,
        "policyIds": list(ruling.policy_ids),
    }
    await audit.record(tx, ticket.id, Step.VOTE_REFUSED, str(voter.key), payload, at=desk.clock())


async def _count(
    desk: Desk,
    tx: Transaction,
    ballot: Ballot,
    voter: Person,
    request: ActionRequest,
    ticket: Ticket,
    earlier: Sequence[VoteRow],
    facts: RequestFacts,
    ties: Ties,
) -> VoteResult:
    now = desk.clock()
    vote = desk.signer.sign(  # (5)
        Vote(
            request_id=str(request.id),
            voter=voter.key,
            choice=ballot.choice,
            digest=request.digest,
            cast_at=now,
            slack_request_id=ballot.slack_request_id,
            reason=ballot.reason,
            assertion=ballot.assertion,
        )
    )
    stored = [*earlier, _row(request, voter, vote)]
    tx.add(stored[-1])
    await tx.flush()
    if vote.assertion is not None:
        await passkeys.note_use(tx, vote.assertion, at=now)
    payload = {
        "actionRequestId": str(request.id),
        "choice": vote.choice,
        "digest": vote.digest,
        "slackRequestId": vote.slack_request_id,
        "reason": vote.reason,
        "voter": as_judged(linked(voter, ties)),
        "passkey": None if vote.assertion is None else vote.assertion.credential_id.hex(),
    }
    events = [NewEvent(Step.VOTE_CAST, str(voter.key), payload)]
    groups_of = await _groups_of(tx, request, earlier) | {voter.key: voter.groups}
    votes = [requests.as_vote(row) for row in stored]
    outcome = desk.gate.tally(facts, votes, groups_of, {one.voter: ties.human(one.voter) for one in votes})
    events += await _decide(desk, tx, outcome, request, ticket, ballot)  # (6)
    await audit.append(tx, audit.ticket_chain(ticket.id), events, at=now)
    await deliveries.refresh(tx, ticket_id=ticket.id)
    # No reading after the commit: a vote that counts is never answered with a fault.
    shown = request_card(desk.catalogue, request, ticket, requester_facts(ticket), stored)
    return VoteResult(RequestStatus(request.status), len(stored), request.quorum, shown)


async def _groups_of(
    tx: Transaction, request: ActionRequest, earlier: Sequence[VoteRow]
) -> dict[PersonKey, Collection[str]]:
    """The groups of those who voted before, as they were then, from the trail; the run asks again.

    A vote that was cast before groups were recorded speaks for none.
    """
    if not earlier:
        return {}
    events = await audit.of_request(tx, request.ticket_id, Step.VOTE_CAST, request.id)
    return {PersonKey.parse(one.actor): one.payload.get("voter", {}).get("groups", ()) for one in events}


def _row(request: ActionRequest, voter: Person, vote: Vote) -> VoteRow:
    return VoteRow(
        request_id=request.id,
        voter=str(vote.voter),
        voter_label=storable(voter.name, limit=300),
        choice=vote.choice,
        reason=vote.reason,
        digest=vote.digest,
        cast_at=vote.cast_at,
        slack_request_id=vote.slack_request_id,
        signature=vote.signature,
        key_id=vote.key_id,
        assertion=None if vote.assertion is None else requests.stored_assertion(vote.assertion),
    )


async def _decide(
    desk: Desk, tx: Transaction, outcome: Tally, request: ActionRequest, ticket: Ticket, ballot: Ballot
) -> list[NewEvent]:
    if outcome is Tally.PENDING:
        return []
    ids = {"actionId": request.action_id, "actionRequestId": str(request.id)}
    now = desk.clock()
    request.decided_at, ticket.updated_at = now, now
    if outcome is Tally.REJECTED:
        request.status = move(RequestStatus(request.status), RequestEvent.REJECTED)
        request.wake_at, request.outcome = None, f"Rejected: {ballot.reason}"
        await tell_requester(desk, tx, ticket, request)
        return [NewEvent(Step.REQUEST_REJECTED, "policy", ids | {"reason": ballot.reason})]
    request.status = move(RequestStatus(request.status), RequestEvent.APPROVED)
    request.wake_at = request.expires_at  # Nobody is to be told of it any more.
    await requests.defer_run(tx, request)
    return [NewEvent(Step.REQUEST_APPROVED, "policy", ids | {"quorum": request.quorum})]
