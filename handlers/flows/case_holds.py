"""What a ticket's case keeps back, read for one decision: the facts behind `core-no-held-back`.

The case is locked and its record verified in the transaction that decides, so that a decision is either committed
before an entry of the case, or sees it. A case is looked for by its row and by the ticket's own trail: whoever takes
the row away has not taken the case away.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from copilot.lint_terms import Code, LintResult
from copilot.rendered_draft import rendered
from handlers.flows.case_linting import lint_revision
from policy.case_release import (
    ACTION_OF,
    CLOSE,
    RELEASES,
    REPLY,
    Asked,
    Hold,
    Looked,
    basis_of,
    basis_text,
    groups_needed,
    is_accountable,
    is_latched,
    why_held,
    why_ticket_held,
)
from policy.case_story import CaseStory, Revision
from policy.terms import Person, PersonKey, Proposer
from storage import audit, cases
from storage.audit import Step
from storage.database import Transaction
from storage.schema import ActionRequest, Ticket
from storage.told import TrailBroken

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CaseSays:
    """What the case of a ticket says to an action on it."""

    held_back: str = ""
    """Why it is kept back; "" where it is not."""
    also_needs: frozenset[str] = frozenset()
    """The groups of which one approval each must come."""


NOTHING = CaseSays()


async def case_says(
    tx: Transaction,
    ticket: Ticket,
    action_id: str,
    params: Mapping[str, Any],
    *,
    proposer: PersonKey | None,
    is_break_glass: bool,
    lead: Proposer | None = None,
) -> CaseSays:
    """What a case says to this now. The request and its ticket are locked, and the case is until `tx` ends.

    `lead`: the proposer as Slack says they are now, where that was asked for this decision.
    """
    if action_id in RELEASES:
        asked = Asked(action_id, str(ticket.id), params, proposer, is_break_glass)
        return await _of_release(tx, asked, lead, is_requester_known=_is_requester_known(ticket))
    if action_id not in (REPLY, CLOSE):
        return NOTHING
    try:
        for case_id in await cases_of(tx, ticket):
            story = await read_locked(tx, case_id)
            if why := why_ticket_held(story, action_id):
                return CaseSays(why)
    except (TrailBroken, ValueError) as error:
        log.error("nothing of the kind is decided on ticket %s: %s", ticket.id, error)
        return CaseSays(Hold.UNREADABLE.value)
    return NOTHING


async def held_back(tx: Transaction, ticket: Ticket, request: ActionRequest) -> str:
    """Why the ticket's case keeps a request back as things are, its lead not asked about; "" where it does not."""
    proposer = None if request.proposer is None else PersonKey.parse(request.proposer)
    is_break_glass = request.break_glass is not None
    said = await case_says(
        tx, ticket, request.action_id, request.params, proposer=proposer, is_break_glass=is_break_glass
    )
    return said.held_back


async def read_locked(tx: Transaction, case_id: UUID) -> CaseStory:
    """What a case holds, to which nothing is added until `tx` ends. Raises TrailBroken."""
    await cases.lock(tx, case_id)
    return await cases.story(tx, case_id)


def look(
    story: CaseStory, params: Mapping[str, Any], lead: Proposer | None = None, marked: LintResult | None = None
) -> Looked:
    """What is found out about the revision that a release names and about its lead, beside the case itself.

    `marked`: what is said against that revision, where somebody has just looked.
    """
    draft_id, number = params.get("draftId"), params.get("revision")
    revision = story.revision(draft_id, number) if isinstance(draft_id, str) and isinstance(number, int) else None
    if revision is None:
        return Looked("")
    marked = lint_revision(story, revision) if marked is None else marked
    # What a model suggests can be overridden: it neither sets the latch nor says what it holds back.
    denials = [one for one in marked.marks if one.code is Code.EXPOSURE_DENIAL and not one.model]
    return Looked(
        text=rendered(revision.draft),
        blocks=frozenset(one.code.value for one in marked.blocks),
        exposure=frozenset(one.code.value for one in denials),
        is_lead_accountable=lead is None or (isinstance(lead, Person) and is_accountable(lead)),
    )


def why_not_now(
    story: CaseStory, case_id: UUID, revision: Revision, params: Mapping[str, Any] | None, marked: LintResult
) -> str:
    """Why a revision does not go out as things are; "" where nothing keeps it back or it goes nowhere.

    `params`: of the request that was made of it; None where it was not asked for yet. `marked`: what is said against
    the revision.
    """
    draft = revision.draft
    action_id = ACTION_OF.get(draft.kind)
    if action_id is None:
        return ""
    wanted = params or release_params(story, case_id, revision)
    asked = Asked(action_id, story.opened.ticket_id, wanted, story.lead)
    is_of_it = (wanted.get("draftId"), wanted.get("revision")) == (draft.draft_id, draft.revision)
    return why_held(story, asked, look(story, asked.params, marked=marked if is_of_it else None))


def release_params(story: CaseStory, case_id: UUID, revision: Revision) -> dict[str, Any]:
    """What a request to let a revision out is made of, as the case is now."""
    draft = revision.draft
    text = rendered(draft)
    basis = basis_of(story, draft.draft_id, draft.revision, text)
    return {
        "caseId": str(case_id),
        "draftId": draft.draft_id,
        "revision": draft.revision,
        "basis": "" if basis is None else basis_text(basis),
        "text": text,
    }


async def _of_release(tx: Transaction, asked: Asked, lead: Proposer | None, *, is_requester_known: bool) -> CaseSays:
    try:
        story = await read_locked(tx, UUID(str(asked.params.get("caseId"))))
    except (TrailBroken, ValueError) as error:
        log.error("nothing goes out of case %s: %s", asked.params.get("caseId"), error)
        strictest = groups_needed(asked.action_id, is_latched=True, is_requester_known=False)
        return CaseSays(Hold.UNREADABLE.value, strictest)
    needed = groups_needed(asked.action_id, is_latched=is_latched(story), is_requester_known=is_requester_known)
    return CaseSays(why_held(story, asked, look(story, asked.params, lead)), needed)


async def cases_of(tx: Transaction, ticket: Ticket) -> list[UUID]:
    """Every case on a ticket, by its row and by the ticket's own trail."""
    row = await cases.of_ticket(tx, ticket.id)
    told = await audit.named(tx, ticket.id, Step.CASE_OPENED)
    found = {str(event.payload.get("case")) for event in told} | ({str(row.id)} if row is not None else set())
    return sorted(UUID(one) for one in found)


def _is_requester_known(ticket: Ticket) -> bool:
    return ticket.requester_kind == "slack_person" and ticket.requester is not None
