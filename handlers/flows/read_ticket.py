"""Rows as the facts that views show. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from actions.catalogue import Catalogue
from handlers.desk import Desk
from handlers.errors import NotFound
from handlers.flows.customer_notice import concerns_requester, customer_channel
from handlers.views.facts import (
    AuditFacts,
    DestinationFacts,
    MessageFacts,
    ParamFacts,
    RequestCardFacts,
    RequesterFacts,
    SignalFacts,
    SuggestionFacts,
    TicketFacts,
    TicketRowFacts,
    TriageFacts,
    UndeliveredFacts,
    Untrusted,
    VoteFacts,
)
from policy.case_release import UPDATE
from policy.terms import Audience, Choice, PersonKey, RequestStatus, Risk, Severity, TicketStatus, Verdict
from storage import audit, cases, deliveries, requests, tickets
from storage.database import Transaction
from storage.schema import ActionRequest, Message, Suggestion, Ticket, Triage, VoteRow

REPLY = "ticket.reply_to_customer"
TO_CUSTOMER = frozenset({REPLY, UPDATE})
"""What people approve word for word for the requester's side to read."""


async def ticket_page(desk: Desk, ticket_id: UUID) -> TicketFacts:
    """One ticket's page. Raises NotFound."""
    async with desk.database.transaction() as tx:
        return await ticket_facts(tx, desk.catalogue, ticket_id)


async def ticket_rows(
    desk: Desk, *, status: TicketStatus | None, offset: int, limit: int
) -> tuple[TicketRowFacts, ...]:
    """One page of the ticket list, last updated first."""
    async with desk.database.transaction() as tx:
        found = await tickets.newest(tx, status=status, offset=offset, limit=limit)
    return tuple(row_facts(ticket, pending_requests=pending) for ticket, pending in found)


async def ticket_trail(
    desk: Desk, ticket_id: UUID, *, offset: int = 0, limit: int | None = None
) -> tuple[TicketRowFacts, tuple[AuditFacts, ...]]:
    """A ticket's audit trail, oldest first. Raises NotFound."""
    async with desk.database.transaction() as tx:
        ticket = await tickets.get(tx, ticket_id)
        if ticket is None:
            raise NotFound("ticket")
        events = await audit.trail(tx, ticket_id, offset=offset, limit=limit)
    facts = tuple(AuditFacts(event.seq, event.at, event.name, event.actor, event.payload) for event in events)
    return row_facts(ticket), facts


async def ticket_id_of(desk: Desk, number: int) -> UUID:
    """The id of the ticket people call by this number. Raises NotFound."""
    async with desk.database.transaction() as tx:
        ticket = await tickets.by_number(tx, number)
    if ticket is None:
        raise NotFound("ticket")
    return ticket.id


async def ticket_facts(tx: Transaction, catalogue: Catalogue, ticket_id: UUID) -> TicketFacts:
    """One ticket with everything its page and its triage card show. Raises NotFound."""
    ticket = await tickets.get(tx, ticket_id)
    if ticket is None:
        raise NotFound("ticket")
    triage = await tickets.latest_triage(tx, ticket_id)
    found_requests = await requests.of_ticket(tx, ticket_id)
    votes = await requests.votes(tx, [request.id for request in found_requests])
    suggestions = [] if triage is None else await tickets.suggestions(tx, triage.id)
    requester, case = requester_facts(ticket, triage), await cases.of_ticket(tx, ticket_id)
    status_of = {request.id: RequestStatus(request.status) for request in found_requests}
    return TicketFacts(
        row=row_facts(ticket, triage, pending_requests=_pending(found_requests)),
        channel_kind=ticket.channel_kind,
        intake_source=ticket.intake_source,
        correlation_id=ticket.correlation_id,
        assignee_user_id=ticket.assignee,
        requested_model_override=_untrusted(ticket.requested_model_override),
        attachment_count=ticket.attachment_count,
        permalink=None,
        has_thread=ticket.slack_channel is not None,
        messages=await _messages(tx, ticket_id),
        triage=None if triage is None else _triage(catalogue, triage, suggestions, status_of),
        requests=tuple(
            request_card(catalogue, request, ticket, requester, votes[request.id]) for request in found_requests
        ),
        undelivered=tuple(
            UndeliveredFacts(one.kind, one.state != "failed", one.error or "")
            for one in await deliveries.undelivered(tx, ticket_id)
        ),
        case_id=None if case is None else str(case.id),
    )


async def request_card_facts(tx: Transaction, catalogue: Catalogue, request: ActionRequest) -> RequestCardFacts:
    """One request as its card shows it."""
    ticket = await tickets.get(tx, request.ticket_id)
    if ticket is None:
        raise NotFound("ticket")
    triage = await tickets.latest_triage(tx, ticket.id)
    votes = await requests.votes(tx, [request.id])
    shown = request_card(catalogue, request, ticket, requester_facts(ticket, triage), votes[request.id])
    later = await requests.replacement(tx, request)
    is_waiting = request.status == RequestStatus.PENDING
    alike = await requests.count_alike(tx, request.action_id) if is_waiting else 0
    return replace(shown, replaced_by=None if later is None else str(later.id), waiting_alike=alike)


def request_card(
    catalogue: Catalogue,
    request: ActionRequest,
    ticket: Ticket,
    requester: RequesterFacts,
    votes: Iterable[VoteRow] = (),
) -> RequestCardFacts:
    """A request row as facts."""
    spec = catalogue.get(request.action_id)
    return RequestCardFacts(
        request_id=str(request.id),
        ticket_id=str(ticket.id),
        ticket_number=ticket.number,
        ticket_subject=Untrusted(ticket.subject),
        action_id=request.action_id,
        action_title=spec.title,
        action_effect=spec.effect,
        undo=spec.undo,
        risk=Risk(request.risk),
        params=_params(
            {name: {"value": value} | request.provenance.get(name, {}) for name, value in request.params.items()}
        ),
        requester=requester,
        proposer_user_id=None if request.proposer is None else PersonKey.parse(request.proposer).user_id,
        proposer_label=request.proposer_label,
        subject_label=request.subject_label,
        verdict=Verdict(request.verdict),
        verdict_reason=request.verdict_reason,
        policy_version=request.policy_version,
        quorum=request.quorum,
        eligible=tuple((PersonKey.parse(one["key"]).user_id, one["name"]) for one in request.eligible),
        status=RequestStatus(request.status),
        created_at=request.created_at,
        expires_at=request.expires_at,
        votes=tuple(
            VoteFacts(PersonKey.parse(row.voter).user_id, row.voter_label, Choice(row.choice), row.reason, row.cast_at)
            for row in votes
        ),
        outcome=request.outcome,
        digest=request.digest,
        concerns_requester=concerns_requester(request),
        destination=destination_facts(ticket) if request.action_id in TO_CUSTOMER else None,
        distinct_groups=tuple(request.distinct_groups),
        undoes=None if request.undoes is None else str(request.undoes),
        revision=request.revision,
        editors=tuple(PersonKey.parse(key).user_id for key in request.editors),
        break_glass=request.break_glass,
    )


def destination_facts(ticket: Ticket) -> DestinationFacts:
    """Where words for the requester's side go."""
    if ticket.slack_channel is not None:
        return DestinationFacts(ticket.channel_kind, channel=ticket.slack_channel)
    label = Untrusted(ticket.requester_label)
    return DestinationFacts(ticket.channel_kind, user_id=customer_channel(ticket), user_label=label)


def row_facts(ticket: Ticket, triage: Triage | None = None, *, pending_requests: int = 0) -> TicketRowFacts:
    """A ticket's line in the list."""
    return TicketRowFacts(
        ticket_id=str(ticket.id),
        number=ticket.number,
        subject=Untrusted(ticket.subject),
        requester=requester_facts(ticket, triage),
        severity=Severity(ticket.severity),
        status=TicketStatus(ticket.status),
        category=ticket.category,
        created_at=ticket.created_at,
        updated_at=ticket.updated_at,
        pending_requests=pending_requests,
    )


def requester_facts(ticket: Ticket, triage: Triage | None = None) -> RequesterFacts:
    """Who a ticket came from, with what they claim of themselves."""
    signals = [] if triage is None else triage.signals
    return RequesterFacts(
        label=Untrusted(ticket.requester_label),
        company=_untrusted(ticket.requester_company),
        is_person_known=ticket.requester is not None,
        is_internal=ticket.requester_is_internal,
        kind=ticket.requester_kind,
        claims=tuple(Untrusted(signal["quote"]) for signal in signals if signal["kind"] == "claims_authority"),
    )


def _untrusted(text: str | None) -> Untrusted | None:
    return None if text is None else Untrusted(text)


def _pending(found: Sequence[ActionRequest]) -> int:
    return sum(request.status == RequestStatus.PENDING for request in found)


def _params(params: Mapping[str, Mapping[str, object]]) -> tuple[ParamFacts, ...]:
    return tuple(
        ParamFacts(
            name,
            found["value"],  # type: ignore[arg-type]  # JSON as it was stored
            str(found.get("provenance", "requester")),
            Untrusted(str(found.get("evidence", ""))),
        )
        for name, found in params.items()
    )


def _triage(
    catalogue: Catalogue,
    triage: Triage,
    suggestions: Sequence[Suggestion],
    status_of: Mapping[UUID, RequestStatus],
) -> TriageFacts:
    return TriageFacts(
        severity=Severity(triage.severity),
        category=triage.category,
        confidence=float(triage.confidence),
        model=triage.model,
        source=triage.source,
        rationale=Untrusted(triage.rationale),
        signals=tuple(SignalFacts(signal["kind"], Untrusted(signal["quote"])) for signal in triage.signals),
        suggestions=tuple(suggestion_facts(catalogue, suggestion, status_of) for suggestion in suggestions),
        fallback_reason=triage.fallback_reason,
    )


def suggestion_facts(
    catalogue: Catalogue, suggestion: Suggestion, status_of: Mapping[UUID, RequestStatus]
) -> SuggestionFacts:
    """A suggestion, with the state of the request that came of it."""
    spec = catalogue.get(suggestion.action_id)
    request_id = suggestion.request_id
    return SuggestionFacts(
        suggestion_id=str(suggestion.id),
        action_id=suggestion.action_id,
        title=spec.title,
        risk=spec.risk,
        params=_params(suggestion.params),
        why=Untrusted(suggestion.why),
        request_id=None if request_id is None else str(request_id),
        request_status=None if request_id is None else status_of.get(request_id),
    )


async def _messages(tx: Transaction, ticket_id: UUID) -> tuple[MessageFacts, ...]:
    found = await tickets.messages(tx, ticket_id)
    ids = [message.id for message in found]
    versions, attachments = await tickets.versions(tx, ids), await tickets.attachments(tx, ids)

    def facts(message: Message) -> MessageFacts:
        said = versions[message.id]
        return MessageFacts(
            author_label=Untrusted(message.author_label),
            author_side=message.author_side,
            audience=Audience(message.audience),
            text=Untrusted(tickets.current(said).text),
            at=message.created_at,
            version=len(said),
            is_deleted=message.deleted_at is not None,
            attachments=tuple((Untrusted(file.name), Untrusted(file.mimetype)) for file in attachments[message.id]),
        )

    return tuple(facts(message) for message in found)
