"""A ticket is triaged once: what the model or the offline triage says is kept, and what policy allows runs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from actions.errors import ActionError
from copilot.suggestions import ActionOffer, SuggestedAction, TicketText, TriageResult
from handlers.desk import Desk
from handlers.errors import BadInput, IdentityUnavailable, NotFound, Refused, TryLater
from handlers.flows.proposals import Proposal
from handlers.flows.propose_action import propose_action
from policy.terms import Agent, Audience
from storage import audit, deliveries, tickets
from storage.audit import Step
from storage.database import Transaction
from storage.deliveries import NewDelivery
from storage.schema import Suggestion, Ticket, Triage

log = logging.getLogger(__name__)

SLACK_RETRY_SECONDS = 10.0
AGENT = Agent("triage")
ACTOR = "agent:triage"


@dataclass(frozen=True)
class _Kept:
    """A suggestion that was stored."""

    suggestion_id: UUID
    action: SuggestedAction


async def triage_ticket(desk: Desk, ticket_id: UUID) -> None:
    """Triage one ticket and show the result; a second call for the same ticket only finishes what the first began.

    Raises TryLater.
    """
    reading = await _start(desk, ticket_id)
    if reading is not None:
        offers = [ActionOffer(*offer) for offer in desk.catalogue.offers()]
        result = await desk.triager.triage(reading, offers)
        await _keep(desk, ticket_id, result)
    obstacle: TryLater | None = None
    for kept in await _open_suggestions(desk, ticket_id):
        try:
            if _may_run_unasked(desk, kept.action):
                await propose_action(desk, _proposal(ticket_id, kept), AGENT)
        except (BadInput, NotFound, Refused, ActionError) as error:
            # It would be no better the next time, and the ticket's other jobs wait behind this one.
            log.warning("ticket %s: %s is not proposed: %s", ticket_id, kept.action.action_id, error)
        except IdentityUnavailable as error:
            obstacle = TryLater(str(error), seconds=SLACK_RETRY_SECONDS)
        except TryLater as error:
            obstacle = error
    if obstacle is not None:
        raise obstacle


def _proposal(ticket_id: UUID, kept: _Kept) -> Proposal:
    found = kept.action.params
    return Proposal(
        ticket_id=ticket_id,
        action_id=kept.action.action_id,
        params={name: one.value for name, one in found.items()},
        provenance={name: one.provenance for name, one in found.items()},
        evidence={name: one.evidence for name, one in found.items()},
        suggestion_id=kept.suggestion_id,
    )


def _may_run_unasked(desk: Desk, action: SuggestedAction) -> bool:
    """Whether the bot itself may propose this: the catalogue lets agents, and no value needs a person's word."""
    spec = desk.catalogue.get(action.action_id)
    return "agent" in spec.proposable_by and all(found.provenance.is_trusted for found in action.params.values())


async def _start(desk: Desk, ticket_id: UUID) -> TicketText | None:
    """What triage may read; None if the ticket is triaged already."""
    async with desk.database.transaction() as tx:
        ticket = await tickets.get(tx, ticket_id, lock=True)
        if ticket is None or await tickets.latest_triage(tx, ticket_id) is not None:
            return None
        trail = await audit.trail(tx, ticket_id)
        if not any(event.name == Step.AGENT_TRIAGE_STARTED for event in trail):
            await audit.record(tx, ticket_id, Step.AGENT_TRIAGE_STARTED, ACTOR, {}, at=desk.clock())
        return await _reading(tx, ticket)


async def _reading(tx: Transaction, ticket: Ticket) -> TicketText:
    found = [m for m in await tickets.messages(tx, ticket.id) if m.audience == Audience.CUSTOMER]
    ids = [message.id for message in found]
    versions, files = await tickets.versions(tx, ids), await tickets.attachments(tx, ids)
    return TicketText(
        ticket_number=ticket.number,
        requester_line=ticket.requester_label,
        channel_kind=ticket.channel_kind,
        messages=[tickets.current(versions[m.id]).text for m in found if m.author_side == "customer"],
        attachment_names=[file.name for message_id in ids for file in files[message_id]],
    )


async def _keep(desk: Desk, ticket_id: UUID, result: TriageResult) -> None:
    now = desk.clock()
    async with desk.database.transaction() as tx:
        ticket = await tickets.get(tx, ticket_id, lock=True)
        if ticket is None or await tickets.latest_triage(tx, ticket_id) is not None:
            return
        triage = _triage_row(desk, ticket_id, result)
        tx.add(triage)
        await tx.flush()
        stored = [_suggestion_row(desk, triage, n, action) for n, action in enumerate(_known(desk, result))]
        tx.add_all(stored)
        ticket.severity, ticket.category, ticket.updated_at = result.severity, result.category, now
        payload = {
            "source": result.source,
            "category": result.category,
            "severity": result.severity,
            "suggestedActionId": stored[0].action_id if stored else None,
            "model": result.model,
            "confidencePercent": round(result.confidence * 100),
            "signals": [signal.kind for signal in result.signals],
            "suggestedActionIds": [suggestion.action_id for suggestion in stored],
            "fallbackReason": result.fallback_reason,
        }
        await audit.record(tx, ticket_id, Step.AGENT_TRIAGE_COMPLETED, ACTOR, payload, at=now)
        card = NewDelivery("triage_card", Audience.INTERNAL, desk.settings.triage_channel, ticket_id=ticket_id)
        await deliveries.post(tx, card, delivery_id=desk.new_id(), at=now)


def _known(desk: Desk, result: TriageResult) -> list[SuggestedAction]:
    """The suggestions that are listed actions of the catalogue; what a model made up is dropped."""
    known = []
    for action in result.suggestions:
        try:
            spec = desk.catalogue.get(action.action_id)
        except ActionError:
            continue
        if spec.is_listed and set(action.params) <= set(spec.param_names):
            known.append(action)
    return known


def _triage_row(desk: Desk, ticket_id: UUID, result: TriageResult) -> Triage:
    return Triage(
        id=desk.new_id(),
        ticket_id=ticket_id,
        severity=result.severity,
        category=result.category,
        confidence=Decimal(f"{result.confidence:.3f}"),
        model=result.model,
        source=result.source,
        rationale=result.rationale,
        signals=[signal.model_dump(mode="json") for signal in result.signals],
        fallback_reason=result.fallback_reason,
        created_at=desk.clock(),
    )


def _suggestion_row(desk: Desk, triage: Triage, position: int, action: SuggestedAction) -> Suggestion:
    return Suggestion(
        id=desk.new_id(),
        ticket_id=triage.ticket_id,
        triage_id=triage.id,
        position=position,
        action_id=action.action_id,
        params={name: found.model_dump(mode="json") for name, found in action.params.items()},
        why=action.why,
    )


async def _open_suggestions(desk: Desk, ticket_id: UUID) -> list[_Kept]:
    async with desk.database.transaction() as tx:
        triage = await tickets.latest_triage(tx, ticket_id)
        stored = [] if triage is None else await tickets.suggestions(tx, triage.id)
    return [
        _Kept(row.id, SuggestedAction(action_id=row.action_id, params=row.params, why=row.why))
        for row in stored
        if row.request_id is None
    ]
