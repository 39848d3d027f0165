"""A proposal meets the policy: allowed and queued, shown for approval, or denied; always recorded.

The order matters. The parameters are validated by the catalogue (1), the person the action is done to is looked up
(2), the gate judges (3), who could approve is read live with no transaction open (4), and only then is the request
judged by what may have changed meanwhile, and written with the digest of exactly what will be shown, in one transaction
with its audit events and its job (5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from actions.catalogue import ActionSpec
from actions.errors import InvalidParams, UnknownAction
from handlers.desk import Desk
from handlers.errors import BadInput, NotFound, Refused, TryLater
from handlers.flows.break_glass import announce_start, as_starter, check_reason
from handlers.flows.case_releases import note_asked
from handlers.flows.check_member import check_member
from handlers.flows.judge_anew import judge_anew
from handlers.flows.judged_facts import action_facts, digest_of, new_request_facts, reporters_of
from handlers.flows.one_person import Addresses, all_linked, ties_about, with_addresses
from handlers.flows.proposals import Draft, Proposal, events_of, key_text, row_of, target_of
from handlers.flows.read_ticket import request_card, requester_facts
from handlers.flows.recall_turned_down import Recalled, recall_turned_down
from handlers.flows.replace_request import replace_request
from handlers.flows.undo_request import check_undo
from handlers.views.approval_substance import approval_substance
from handlers.views.facts import RequestCardFacts, RequesterFacts
from handlers.views.wording import request_status_words
from policy.lifecycle import PROPOSABLE_AGAIN
from policy.one_person import humans
from policy.terms import (
    ActionFacts,
    Agent,
    Audience,
    Judgement,
    Person,
    PersonKey,
    Proposer,
    RequestStatus,
    Verdict,
    folded_address,
)
from policy.votes import by_human, speak_for_all
from storage import audit, deliveries, directory, requests, tickets
from storage.audit import NewEvent
from storage.database import Transaction
from storage.deliveries import NewDelivery
from storage.schema import ActionRequest, Suggestion, Ticket

TICKET_EDITED = "The ticket is being edited just now, so nothing was proposed. Read it again, then try again."


@dataclass(frozen=True)
class Proposed:
    """What came of a proposal, with all that the answer to a person is made of."""

    request_id: UUID
    verdict: Verdict
    reason: str
    request: RequestCardFacts


async def propose_action(desk: Desk, proposal: Proposal, proposer: Proposer) -> Proposed:
    """Propose one action on a ticket.

    Raises BadInput with a message per field, NotFound, Refused where the policy denies a person's proposal (it is
    recorded all the same) or somebody was faster, IdentityUnavailable where Slack does not say who could approve, and
    TryLater where the ticket was edited meanwhile. A person waits for the answer: for them it is tried again at once.
    """
    try:
        return await _propose(desk, proposal, proposer)
    except TryLater:
        if isinstance(proposer, Agent):
            raise
    try:
        return await _propose(desk, proposal, proposer)
    except TryLater as error:
        raise Refused(str(error), code="ticket-edited", reply=TICKET_EDITED) from error


async def _propose(desk: Desk, proposal: Proposal, proposer: Proposer) -> Proposed:
    draft = await _judge(desk, proposal, proposer)
    if draft.judgement.verdict is not Verdict.DENY:
        await check_member(desk, draft.spec, draft.params, proposer)
    if draft.judgement.verdict is Verdict.NEEDS_APPROVAL:
        draft = await _with_candidates(desk, draft)
    proposed, judgement = await with_addresses(desk, draft.candidates, partial(_write, desk, draft))
    if proposed.verdict is Verdict.DENY and isinstance(proposer, Person):
        raise Refused(
            f"{proposer.key} may not propose {proposal.action_id}: {proposed.reason}",
            code=judgement.policy_ids[0] if judgement.policy_ids else "policy-denied",
            reply=judgement.reply,
            is_recorded=True,
        )
    return proposed


async def _judge(desk: Desk, proposal: Proposal, proposer: Proposer) -> Draft:
    check_reason(proposal.break_glass)
    spec, params = _validated(desk, proposal)  # (1)
    async with desk.database.transaction() as tx:
        ticket = await tickets.get(tx, proposal.ticket_id)
        if ticket is None:
            raise NotFound("ticket")
        subject_label, subjects = await _subject(tx, spec, params)  # (2)
        facts = _facts(ticket, spec, params, subjects, frozenset({subject_label} - {""}), proposal)
    judgement = desk.gate.judge_proposal(facts, proposer)  # (3)
    return Draft(proposal, spec, params, proposer, subject_label, subjects, facts, judgement, ticket.revision)


def _validated(desk: Desk, proposal: Proposal) -> tuple[ActionSpec[Any], dict[str, Any]]:
    try:
        return desk.catalogue.get(proposal.action_id), desk.catalogue.parse(proposal.action_id, dict(proposal.params))
    except UnknownAction as error:
        raise BadInput({"action": error.reply}) from error
    except InvalidParams as error:
        raise BadInput(error.fields) from error


async def _subject(
    tx: Transaction, spec: ActionSpec[Any], params: Mapping[str, Any]
) -> tuple[str, frozenset[PersonKey]]:
    """Whom the action is done to. An unknown key or address is an error in that field: nothing could run on it."""
    if spec.subject_param is None:
        return "", frozenset()
    found = await directory.subject_of(tx, spec.subject_param, params[spec.subject_param])
    if found is None:
        raise BadInput({spec.subject_param: "The directory does not know this. Check it, then try again."})
    label, slack_key = found
    return label, frozenset() if slack_key is None else frozenset({PersonKey.parse(slack_key)})


def _facts(
    ticket: Ticket,
    spec: ActionSpec[Any],
    params: dict[str, Any],
    subjects: frozenset[PersonKey],
    subject_emails: frozenset[str],
    proposal: Proposal,
) -> ActionFacts:
    return action_facts(
        ticket,
        spec,
        params,
        subjects=subjects,
        subject_emails=subject_emails,
        provenance=dict(proposal.provenance),
        is_stopped=False,  # Looked up where it is written (5),
        held_back="",  # and so is this.
        break_glass=proposal.break_glass,
    )


async def _with_candidates(desk: Desk, draft: Draft) -> Draft:  # (4)
    people: dict[PersonKey, Person] = {}
    for group in desk.settings.groups:
        people |= {person.key: person for person in await desk.people.members(group)}
    # Where the directory names no account, or another one: whoever has the address may be excluded by it, never let in.
    namesakes = {person.key for person in people.values() if _has_address(person, draft.subject_label)}
    return Draft(**{**draft.__dict__, "candidates": tuple(people.values()), "subjects": draft.subjects | namesakes})


def _has_address(person: Person, address: str) -> bool:
    return bool(address) and folded_address(person.email) == folded_address(address)


async def _write(desk: Desk, draft: Draft, addresses: Addresses) -> tuple[Proposed, Judgement]:  # (5)
    async with desk.database.transaction() as tx:
        ticket = await tickets.get(tx, draft.proposal.ticket_id, lock=True)
        if ticket is None:
            raise NotFound("ticket")
        if ticket.revision != draft.ticket_revision:
            raise TryLater("the ticket was edited while the proposal was judged", seconds=0.5)
        if draft.proposal.replaces is not None:
            await requests.locked(tx, draft.proposal.replaces)  # Before the stops, as wherever somebody decides.
        suggestion = await _suggestion(tx, draft)
        earlier = (
            None
            if suggestion is None or draft.proposal.replaces
            else await _earlier(desk, tx, draft, ticket, suggestion)
        )
        if earlier is not None:
            return earlier, draft.judgement
        if (undoes := draft.proposal.undoes) is not None:
            action_id = draft.spec.action_id
            await check_undo(
                desk,
                tx,
                undoes,
                ticket_id=ticket.id,
                action_id=action_id,
                params=draft.params,
                replaces=draft.proposal.replaces,
            )
        proposer = await as_starter(tx, ticket, draft.facts, draft.proposer, draft.judgement, addresses)
        target, replaces = target_of(draft, ticket), draft.proposal.replaces
        anew = await judge_anew(
            desk, tx, ticket, draft.facts, proposer, draft.judgement, target=target, replaces=replaces
        )
        draft = replace(draft, judgement=anew)
        request = row_of(desk, draft, ticket)
        replaced = await _replaced(desk, tx, draft, request)
        before = await recall_turned_down(desk, tx, request)
        requester = await _show(desk, tx, draft, request, ticket, before, addresses)
        tx.add(request)
        await tx.flush()  # The suggestion refers to it.
        if suggestion is not None and _is_settled(draft):
            suggestion.request_id = request.id
        ticket.updated_at = request.created_at
        await note_asked(desk, tx, request)
        events = [*replaced, *events_of(draft, request, before)]
        await audit.append(tx, audit.ticket_chain(ticket.id), events, at=request.created_at)
        await _next(desk, tx, draft, request)
        await deliveries.refresh(tx, ticket_id=ticket.id)
        shown = request_card(desk.catalogue, request, ticket, requester)
        proposed = Proposed(request.id, draft.judgement.verdict, request.verdict_reason, shown)
        return proposed, draft.judgement


async def _replaced(desk: Desk, tx: Transaction, draft: Draft, request: ActionRequest) -> Sequence[NewEvent]:
    """End the request that this one is an edit of, if the policy does not deny this one. Raises Refused or NotFound."""
    replaces, editor = draft.proposal.replaces, draft.proposer
    if replaces is None or not isinstance(editor, Person) or draft.judgement.verdict is Verdict.DENY:
        return ()
    return [await replace_request(desk, tx, replaces, request, editor)]


def _is_settled(draft: Draft) -> bool:
    """Whether a suggestion ends with this: it stays open where a person was denied, for those who may."""
    return draft.judgement.verdict is not Verdict.DENY or isinstance(draft.proposer, Agent)


async def _suggestion(tx: Transaction, draft: Draft) -> Suggestion | None:
    """The suggestion this comes from, locked. Raises NotFound."""
    if draft.proposal.suggestion_id is None:
        return None
    suggestion = await tx.get(Suggestion, draft.proposal.suggestion_id, with_for_update=True)
    if suggestion is None or suggestion.ticket_id != draft.proposal.ticket_id:
        raise NotFound("suggestion")
    return suggestion


async def _earlier(
    desk: Desk, tx: Transaction, draft: Draft, ticket: Ticket, suggestion: Suggestion
) -> Proposed | None:
    """What is under way of the suggestion, if this is the same again; None if it is open. Raises Refused else."""
    earlier = None if suggestion.request_id is None else await requests.get(tx, suggestion.request_id)
    if earlier is None or earlier.status in PROPOSABLE_AGAIN:
        return None
    is_theirs = earlier.proposer == key_text(draft.proposer)
    is_under_way = earlier.status in (RequestStatus.PENDING, RequestStatus.APPROVED, RequestStatus.RUNNING)
    if not is_theirs or not is_under_way or earlier.params != draft.params:
        who = "You have" if is_theirs else f"Somebody was faster: {earlier.proposer_label} has"
        state = request_status_words(RequestStatus(earlier.status))
        raise Refused(
            f"the suggestion was proposed as {earlier.id} before",
            code="suggestion-taken",
            reply=f"{who} proposed this already. It stands at: {state}. What you sent was not proposed."
            " If something else is needed, propose it from the ticket.",
        )
    shown = request_card(desk.catalogue, earlier, ticket, requester_facts(ticket))
    return Proposed(earlier.id, Verdict(earlier.verdict), earlier.verdict_reason, shown)


async def _show(
    desk: Desk,
    tx: Transaction,
    draft: Draft,
    request: ActionRequest,
    ticket: Ticket,
    before: Sequence[Recalled],
    addresses: Addresses,
) -> RequesterFacts:
    """Fill in who could approve, draw the card's substance, and take the digest over both; who is shown as asking."""
    if draft.judgement.verdict is Verdict.NEEDS_APPROVAL:
        # Shown and never trusted: at the vote and the run it is all read again, from the verified trail.
        facts = await new_request_facts(tx, request, ticket, desk.catalogue, await reporters_of(tx, ticket))
        ties = await ties_about(tx, addresses, facts, [person.key for person in draft.candidates])
        could = desk.gate.eligible(facts, all_linked(draft.candidates, ties), now=request.created_at)
        # The groups are for looking back (`policy replay`); who could approve is shown and never trusted.
        request.eligible = [
            {"key": str(person.key), "name": person.name, "groups": sorted(person.groups)} for person in could
        ]
        groups_of = by_human([one.key for one in could], {one.key: one.groups for one in could}, humans(could))
        if len(groups_of) < request.quorum:
            request.verdict_reason += (
                f" Only {len(groups_of)} of the {request.quorum} people it needs could approve it right now."
            )
        elif not speak_for_all(request.distinct_groups, groups_of):
            request.verdict_reason += " Those who could approve it right now are not from all the groups that must."
    requester = requester_facts(ticket, await tickets.latest_triage(tx, ticket.id))
    shown = request_card(desk.catalogue, request, ticket, requester)
    request.card = approval_substance(replace(shown, turned_down=tuple(one.shown for one in before))) or []
    request.digest = digest_of(request, ticket)
    return requester


async def _next(desk: Desk, tx: Transaction, draft: Draft, request: ActionRequest) -> None:
    if request.status == RequestStatus.APPROVED:
        await requests.defer_run(tx, request)
    if request.status == RequestStatus.PENDING:
        card = NewDelivery(
            "approval_card",
            Audience.INTERNAL,
            desk.settings.approvals_channel,
            ticket_id=request.ticket_id,
            request_id=request.id,
            shown_digest=request.digest if request.card else None,
        )
        await deliveries.post(tx, card, delivery_id=desk.new_id(), at=request.created_at)
        await announce_start(desk, tx, request)
