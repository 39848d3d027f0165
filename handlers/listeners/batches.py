"""Review N like this: several requests in one modal, each decided one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from uuid import UUID

from handlers.errors import NotFound
from handlers.flows.check_access import require_access
from handlers.flows.decide_batch import Mark, decide_batch
from handlers.flows.review_batch import review_batch
from handlers.listeners.call import Call
from handlers.views.batch_modal import NO_REASON, batch_modal, batch_result_modal, reason_block
from handlers.views.blocks import Block
from policy.terms import Choice


async def review(call: Call) -> None:
    """Show what waits, to those who work the desk."""
    person, request_id = await call.person(), call.id_value()
    desk = call.reception.desk
    await require_access(desk, person, "review several requests")
    await call.open_view(batch_modal(await review_batch(desk, request_id, person)))


async def submit(call: Call) -> Block | None:
    """The choices were sent: a vote for each that was not left."""
    person = await call.person()
    desk, values = call.reception.desk, call.input_values()
    await require_access(desk, person, "review several requests")
    marks = _marks(values, _shown(call.metadata))
    if lacking := [mark for mark in marks if mark.choice is Choice.REJECT and not mark.reason]:
        return {
            "response_action": "errors",
            "errors": {reason_block(str(mark.request_id)): NO_REASON for mark in lacking},
        }
    results = await decide_batch(desk, marks, person, call.trigger_id)
    return {"response_action": "update", "view": batch_result_modal(results)}


def _marks(values: Mapping[str, str], shown: Mapping[str, str]) -> list[Mark]:
    """A choice that is none of ours is no choice; a digest that the form does not hold equals none."""
    marks = []
    for block_id, value in values.items():
        if value in list(Choice) and (request_id := _id(block_id)) is not None:
            reason = values.get(reason_block(block_id), "").strip()
            choice = Choice(value)
            reason = reason if choice is Choice.REJECT else ""
            marks.append(Mark(request_id, choice, reason, shown.get(block_id, "")))
    return marks


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _shown(metadata: str) -> dict[str, str]:
    """Which digest was shown for which request; it is compared and never believed. Raises NotFound."""
    try:
        found = json.loads(metadata)
    except ValueError as error:
        raise NotFound("form") from error
    if not isinstance(found, dict):
        raise NotFound("form")
    return {name: digest for name, digest in found.items() if isinstance(digest, str)}
