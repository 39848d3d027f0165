"""Stored rows as the values the gate judges: one place, so that every path is judged on the same facts."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from pydantic import JsonValue

from actions.catalogue import ActionSpec, Catalogue
from handlers.flows.case_holds import case_says
from policy.break_glass import BreakGlass
from policy.digest import digest_members, members_digest
from policy.terms import (
    ActionFacts,
    Person,
    PersonKey,
    Proposer,
    Provenance,
    Requester,
    RequesterKind,
    RequestFacts,
    RequestStatus,
    Risk,
    Severity,
    TicketStatus,
)
from storage import audit, directory, requests, stops, told
from storage.database import Transaction
from storage.schema import ActionRequest, Ticket
from storage.told import TrailBroken

log = logging.getLogger(__name__)


def requester_of(ticket: Ticket) -> Requester:
    """Who a ticket came from; the label decides nothing."""
    return Requester(
        kind=RequesterKind(ticket.requester_kind),
        key=None if ticket.requester is None else PersonKey.parse(ticket.requester),
        label=ticket.requester_label,
        company=ticket.requester_company,
        is_internal=ticket.requester_is_internal,
    )


def action_facts(
    ticket: Ticket,
    spec: ActionSpec,  # type: ignore[type-arg]  # the kind of parameters does not matter here
    params: dict[str, object],
    *,
    subjects: frozenset[PersonKey],
    subject_emails: frozenset[str],
    provenance: dict[str, Provenance],
    is_stopped: bool,
    held_back: str,
    also_needs: frozenset[str] = frozenset(),
    break_glass: str | None = None,
) -> ActionFacts:
    """An action on a ticket, whoever proposes it."""
    return ActionFacts(
        action_id=spec.action_id,
        risk=spec.risk,
        params=params,  # type: ignore[arg-type]  # canonical JSON of the catalogue
        ticket_id=str(ticket.id),
        ticket_status=TicketStatus(ticket.status),
        ticket_category=ticket.category,
        ticket_severity=Severity(ticket.severity),
        channel_kind=ticket.channel_kind,
        requester=requester_of(ticket),
        subjects=subjects,
        subject_emails=subject_emails,
        # A parameter nobody accounts for counts as the requester's word.
        unconfirmed_params=frozenset(
            name for name in params if not provenance.get(name, Provenance.REQUESTER).is_trusted
        ),
        proposable_by=spec.proposable_by,
        is_stopped=is_stopped,
        held_back=held_back,
        also_needs=also_needs,
        break_glass=None if break_glass is None else BreakGlass(break_glass),
    )


async def is_stopped(
    tx: Transaction, ticket: Ticket, action_id: str, proposer: PersonKey | None, reporters: Collection[PersonKey]
) -> bool:
    """Whether a stop covers this by what it is, or by who asked for it or proposed it. Locked until `tx` ends."""
    people = {requester_of(ticket).key, proposer, *reporters}
    return await stops.is_stopped(tx, action_id, [key for key in people if key is not None])


async def request_facts(
    tx: Transaction, request: ActionRequest, ticket: Ticket, catalogue: Catalogue, *, live: Proposer | None = None
) -> RequestFacts:
    """A stored request, for a decision on it. Risk and who may propose come from the catalogue, not from the row.

    `live`: its proposer as they are now, where they were asked about for this decision.
    What was shown, whether it still waits and who made its ticket is told by the ticket's trail, verified here; where
    the rows say something else, or the trail does not hold, `matches_trail` is false and the gate refuses.
    """
    try:
        story = await told.of_ticket(tx, ticket.id)
    except TrailBroken as error:
        log.error("nothing is decided on ticket %s: %s", ticket.id, error)
        return await new_request_facts(tx, request, ticket, catalogue, frozenset(), matches_trail=False)
    one = story.requests.get(request.id)
    matches = one is not None and not one.illegal and (one.status, one.digest) == (request.status, request.digest)
    facts = await new_request_facts(
        tx, request, ticket, catalogue, _reporters(ticket, story.opened_by), matches_trail=matches, live=live
    )
    since = request.created_at if one is None or one.proposed_at is None else one.proposed_at
    rejected = await requests.is_rejected_since(tx, request, since)
    return replace(facts, was_rejected_meanwhile=rejected, kept_under=None if one is None else one.kept_under)


async def new_request_facts(
    tx: Transaction,
    request: ActionRequest,
    ticket: Ticket,
    catalogue: Catalogue,
    reporters: frozenset[PersonKey],
    *,
    matches_trail: bool = True,
    live: Proposer | None = None,
) -> RequestFacts:
    """A request as its row has it."""
    spec = catalogue.get(request.action_id)
    provenance = {name: Provenance(found["provenance"]) for name, found in request.provenance.items()}
    subjects, subject_emails = await _subjects(tx, request, spec)
    proposer = None if request.proposer is None else PersonKey.parse(request.proposer)
    stopped = await is_stopped(tx, ticket, request.action_id, proposer, reporters)
    is_break_glass = request.break_glass is not None
    case = await case_says(
        tx, ticket, request.action_id, request.params, proposer=proposer, is_break_glass=is_break_glass, lead=live
    )
    return RequestFacts(
        request_id=str(request.id),
        action=action_facts(
            ticket,
            spec,
            request.params,
            subjects=subjects,
            subject_emails=subject_emails,
            provenance=provenance,
            is_stopped=stopped,
            held_back=case.held_back,
            also_needs=case.also_needs,
            break_glass=request.break_glass,
        ),
        proposer=proposer,
        editors=reporters | frozenset(map(PersonKey.parse, request.editors)),
        status=RequestStatus(request.status),
        quorum=request.quorum,
        digest=request.digest,
        policy_version=request.policy_version,
        expires_at=request.expires_at,
        matches_trail=matches_trail,
        was_rejected_meanwhile=False,
        distinct_groups=frozenset(request.distinct_groups),
    )


async def _subjects(
    tx: Transaction,
    request: ActionRequest,
    spec: ActionSpec,  # type: ignore[type-arg]  # the kind of parameters does not matter here
) -> tuple[frozenset[PersonKey], frozenset[str]]:
    """Accounts and addresses of those it is done to: as stored, and as the directory has them by now.

    A key may have changed hands, or an account may have become known, since the card was made. That takes further
    people out and lets nobody back in.
    """
    keys, emails = set(request.subjects), set(request.subject_emails)
    value = None if spec.subject_param is None else request.params.get(spec.subject_param)
    if spec.subject_param is not None and isinstance(value, str):
        found = await directory.subject_of(tx, spec.subject_param, value)
        emails |= set() if found is None else {found.email}
        keys |= set() if found is None or found.slack_key is None else {found.slack_key}
    return frozenset(map(PersonKey.parse, keys)), frozenset(emails)


async def reporters_of(tx: Transaction, ticket: Ticket) -> frozenset[PersonKey]:
    """Whoever made the ticket of somebody else's message, unverified: for what is judged again before it counts."""
    first = await audit.trail(tx, ticket.id, limit=1)
    return _reporters(ticket, first[0].actor if first else "")


def _reporters(ticket: Ticket, opened_by: str) -> frozenset[PersonKey]:
    """Whoever made the ticket of somebody else's message: they asked for it as much as its author did."""
    if opened_by == ticket.requester or "/" not in opened_by:
        return frozenset()
    return frozenset({PersonKey.parse(opened_by)})


def digest_of(request: ActionRequest, ticket: Ticket) -> str:
    """The digest of what would run now, from the rows as they stand: an edited row no longer matches its votes."""
    # The ticket's revision, not the request's: an edit since the card was shown changes the digest.
    return members_digest(members_of(request, ticket, ticket_revision=ticket.revision))


def digest_as_shown(request: ActionRequest, ticket: Ticket) -> str:
    """The digest for the revision of the ticket that was shown: a decision stays what it was."""
    return members_digest(members_of(request, ticket, ticket_revision=request.ticket_revision))


def members_of(request: ActionRequest, ticket: Ticket, *, ticket_revision: int) -> dict[str, JsonValue]:
    """What the digest covers, from the rows as they stand."""
    requester = requester_of(ticket)
    return digest_members(
        request_id=str(request.id),
        action_id=request.action_id,
        params=request.params,
        ticket_id=str(request.ticket_id),
        ticket_revision=ticket_revision,
        policy_version=request.policy_version,
        quorum=request.quorum,
        expires_at=request.expires_at,
        card=request.card,
        provenance=request.provenance,
        requester_kind=requester.kind,
        requester=requester.key,
        proposer=None if request.proposer is None else PersonKey.parse(request.proposer),
        subjects=[PersonKey.parse(key) for key in request.subjects],
        subject_emails=request.subject_emails,
        distinct_groups=request.distinct_groups,
        replaces=None if request.replaces is None else str(request.replaces),
        revision=request.revision,
        editors=[PersonKey.parse(key) for key in request.editors],
        break_glass=request.break_glass,
    )


def as_judged(person: Person) -> dict[str, Any]:
    """What a decision about somebody rested on, for the trail; their address stays out of it."""
    return {
        "groups": sorted(person.groups),
        "isHome": person.is_home,
        "isActive": person.is_active,
        "isFullMember": person.is_full_member,
        "isHuman": person.is_human,
        "isEmailConfirmed": person.is_email_confirmed,
        "linked": sorted(map(str, person.linked)),
    }


def risk_of(request: ActionRequest) -> Risk:
    """The risk as it was when the request was made."""
    return Risk(request.risk)
