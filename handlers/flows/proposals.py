"""A proposal as the row it becomes, and what the trail says of it. Nothing here asks anybody or writes anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from actions.catalogue import ActionSpec
from handlers.desk import Desk
from handlers.flows.break_glass import REASON_LENGTH
from handlers.flows.count_requests import asker_of
from handlers.flows.judged_facts import as_judged
from handlers.flows.recall_turned_down import Recalled
from handlers.flows.replace_request import lineage
from handlers.plain_input import storable
from policy.lifecycle import first_status
from policy.terms import ActionFacts, Agent, Judgement, Person, PersonKey, Proposer, Provenance, Verdict
from policy.waiting import Waiting, next_look
from storage.audit import NewEvent, Step
from storage.schema import ActionRequest, Ticket


@dataclass(frozen=True)
class Proposal:
    """An action somebody wants to happen."""

    ticket_id: UUID
    action_id: str
    params: Mapping[str, Any]
    provenance: Mapping[str, Provenance]
    evidence: Mapping[str, str] = field(default_factory=dict)
    suggestion_id: UUID | None = None
    undoes: UUID | None = None
    """The request that it is to undo."""
    replaces: UUID | None = None
    """The waiting request that this is an edit of."""
    break_glass: str | None = None
    """Why it cannot wait for those who usually decide; None for a request like any other."""


@dataclass(frozen=True)
class Draft:
    """Everything known of a proposal before it is written."""

    proposal: Proposal
    spec: ActionSpec[Any]
    params: dict[str, Any]
    proposer: Proposer
    subject_label: str
    subjects: frozenset[PersonKey]
    facts: ActionFacts
    judgement: Judgement
    ticket_revision: int
    candidates: tuple[Person, ...] = ()


def row_of(desk: Desk, draft: Draft, ticket: Ticket) -> ActionRequest:
    """The row, without who could approve it, its card and the digest over both."""
    now, judgement = desk.clock(), draft.judgement
    proposer = draft.proposer
    expires_at = now + timedelta(seconds=judgement.ttl_seconds)
    return ActionRequest(
        id=desk.new_id(),
        ticket_id=ticket.id,
        ticket_revision=ticket.revision,
        suggestion_id=draft.proposal.suggestion_id,
        undoes=draft.proposal.undoes,
        action_id=draft.spec.action_id,
        params=draft.params,
        provenance={
            name: {
                "provenance": draft.proposal.provenance.get(name, Provenance.REQUESTER),
                "evidence": draft.proposal.evidence.get(name, ""),
            }
            for name in draft.params
        },
        risk=draft.spec.risk,
        verdict=judgement.verdict,
        verdict_reason=judgement.reason,
        policy_ids=list(judgement.policy_ids),
        policy_version=desk.gate.policy_version,
        proposer=key_text(proposer),
        proposer_label=storable(proposer.name, limit=300),
        subjects=sorted(str(key) for key in draft.subjects),
        subject_label=draft.subject_label,
        subject_emails=[draft.subject_label] if draft.subject_label else [],
        target=target_of(draft, ticket),
        asked_by=asker_of(ticket),
        eligible=[],
        status=first_status(judgement.verdict),
        quorum=judgement.quorum,
        distinct_groups=sorted(judgement.distinct_groups),
        revision=1,
        editors=[],
        break_glass=None if (why := draft.proposal.break_glass) is None else storable(why, limit=REASON_LENGTH),
        card=[],
        digest="",
        created_at=now,
        expires_at=expires_at,
        wake_at=_wake_at(desk, draft, now, expires_at),
        outcome=judgement.reason if judgement.verdict is Verdict.DENY else "",
    )


def _wake_at(desk: Desk, draft: Draft, now: datetime, expires_at: datetime) -> datetime | None:
    match draft.judgement.verdict:
        case Verdict.DENY:
            return None
        case Verdict.NEEDS_APPROVAL:
            return next_look(Waiting(now, expires_at), desk.gate.asked_of(draft.spec.risk))
        case Verdict.ALLOW:
            # Also where nobody decides: a job can be lost or given up, and nothing stays 'approved' for ever.
            return expires_at


def target_of(draft: Draft, ticket: Ticket) -> str:
    """What it acts on: the one thing of the directory that the catalogue names, else the ticket itself."""
    name = draft.spec.subject_param
    return f"ticket:{ticket.id}" if name is None else f"{name}:{draft.params[name]}"


def events_of(draft: Draft, request: ActionRequest, before: Sequence[Recalled]) -> Sequence[NewEvent]:
    """What was confirmed, what is proposed, what it repeats, and the verdict."""
    proposer = draft.proposer
    actor = f"agent:{proposer.name}" if isinstance(proposer, Agent) else str(proposer.key)
    confirmed = sorted(name for name, where in draft.proposal.provenance.items() if where is Provenance.OPERATOR)
    ids = {"actionId": request.action_id, "actionRequestId": str(request.id)}
    events = []
    if confirmed and draft.proposal.suggestion_id is not None:
        events.append(NewEvent(Step.PARAMETERS_CONFIRMED, actor, ids | {"parameters": confirmed}))
    proposed = ids | {"params": request.params, "digest": request.digest} | lineage(request)
    if request.undoes is not None:
        proposed |= {"undoes": str(request.undoes)}
    if request.break_glass is not None:
        proposed |= {"breakGlass": request.break_glass}
    events.append(NewEvent(Step.ACTION_PROPOSED, actor, proposed))
    if before:
        earlier = [
            {"actionRequestId": str(one.request_id), "status": one.shown.status, "ticket": one.shown.ticket_number}
            for one in before
        ]
        events.append(NewEvent(Step.PROPOSED_AGAIN, actor, ids | {"turnedDown": earlier}))
    verdict = {
        "verdict": draft.judgement.verdict,
        "actionId": request.action_id,
        "actionRequestId": str(request.id),
        "reason": request.verdict_reason,
        "policyIds": list(draft.judgement.policy_ids),
        "policyVersion": request.policy_version,
        "quorum": request.quorum,
        "distinctGroups": request.distinct_groups,
        "proposer": None if isinstance(proposer, Agent) else as_judged(proposer),
    }
    events.append(NewEvent(Step.POLICY_DECIDED, "policy", verdict))
    return events


def key_text(proposer: Proposer) -> str | None:
    """The proposer as rows name them; None for an agent."""
    return None if isinstance(proposer, Agent) else str(proposer.key)
