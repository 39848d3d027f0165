"""What one person said of several requests at once: each said for itself, as if its own card had been pressed.

Each has its own digest, its own locks and its own refusal; what becomes of one changes nothing for the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import HandlingError, Refused
from handlers.flows.cast_vote import Ballot, cast_vote
from handlers.flows.read_ticket import request_card_facts
from handlers.flows.refuse_click import record_refused_click
from handlers.views import batch_modal
from handlers.views.facts import BatchResultFacts
from policy.terms import Choice, Person, RequestStatus
from storage import requests
from storage.database import DatabaseUnavailable

log = logging.getLogger(__name__)

DECIDE_WITHIN_SECONDS = 1.8
"""Slack waits three seconds for all of them together. What is not reached by then is left as it is, and said to be."""


@dataclass(frozen=True)
class Mark:
    """What was said of one request, and the digest of what was shown for it."""

    request_id: UUID
    choice: Choice
    reason: str
    shown: str


async def decide_batch(
    desk: Desk, marks: Sequence[Mark], voter: Person, slack_request_id: str
) -> tuple[BatchResultFacts, ...]:
    """Cast each vote; what came of each, in their order. Nothing that is refused is raised."""
    loop = asyncio.get_running_loop()
    until = loop.time() + DECIDE_WITHIN_SECONDS
    found = []
    for mark in marks:
        if loop.time() > until:
            found.append(await _result(desk, mark, batch_modal.NOT_REACHED, is_counted=False))
        else:
            found.append(await _decide(desk, mark, voter, slack_request_id))
    return tuple(found)


async def _decide(desk: Desk, mark: Mark, voter: Person, slack_request_id: str) -> BatchResultFacts:
    ballot = Ballot(mark.request_id, mark.choice, slack_request_id, reason=mark.reason, shown=mark.shown)
    try:
        result = await cast_vote(desk, ballot, voter)
    except HandlingError as error:
        if not isinstance(error, Refused):
            await record_refused_click(desk, who=voter.key.user_id, what="review_requests", error=error)
        return await _result(desk, mark, error.reply, is_counted=False)
    except DatabaseUnavailable as error:
        log.error("a vote of a batch was not cast: %s", error)
        return BatchResultFacts(batch_modal.UNKNOWN_REQUEST, batch_modal.NOT_ANSWERING, is_counted=False)
    words = batch_modal.COUNTED[mark.choice]
    if result.status is RequestStatus.PENDING:
        words += f" {result.votes} of {result.quorum} so far."
    return BatchResultFacts(
        batch_modal.label(result.request.action_title, result.request.ticket_number), words, is_counted=True
    )


async def _result(desk: Desk, mark: Mark, words: str, *, is_counted: bool) -> BatchResultFacts:
    async with desk.database.transaction() as tx:
        request = await requests.get(tx, mark.request_id)
        facts = None if request is None else await request_card_facts(tx, desk.catalogue, request)
    name = batch_modal.UNKNOWN_REQUEST if facts is None else batch_modal.label(facts.action_title, facts.ticket_number)
    return BatchResultFacts(name, words, is_counted)
