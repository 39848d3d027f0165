"""Several requests of one action in one modal, each decided one by one, and what came of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from handlers.views.blocks import VIEW_BLOCKS, Block, bullets, context, divider, header, line, plain, rich, say
from handlers.views.facts import BatchFacts, BatchResultFacts, ReviewedFacts
from handlers.views.plain import one_line
from handlers.views.propose_modals import INPUT_ACTION
from handlers.views.surfaces import modal
from handlers.views.wording import count
from policy.terms import Choice

LEAVE = "leave"
NOT_REACHED = "Not reached in the time Slack gives, so nothing was decided on it. Review it again."
NOT_ANSWERING = "Something on our side did not answer. Its card says whether your vote is on it; if not, try again."
UNKNOWN_REQUEST = "A request"
NO_REASON = "Please say why you reject it, in a few words."
COUNTED: Mapping[Choice, str] = MappingProxyType(
    {Choice.APPROVE: "Your approval is recorded.", Choice.REJECT: "Your rejection is recorded; it is final."}
)

_HEAD = 3
_AROUND = 3
"""Of each request: the line above it, the choice and the reason."""
_REASON_LENGTH = 1000
_WORDS = MappingProxyType({LEAVE: "Leave it as it is", Choice.APPROVE.value: "Approve", Choice.REJECT.value: "Reject"})

ROOM = VIEW_BLOCKS - _HEAD
"""Blocks that there are for requests."""


def blocks_needed(reviewed: ReviewedFacts) -> int:
    return len(reviewed.card) + _AROUND


def batch_modal(batch: BatchFacts) -> Block:
    """The requests, whole, each with a choice that is made by hand. The metadata says what was shown for each."""
    title = one_line(batch.action_title, 150)
    if not batch.requests:
        words = "None of the requests that wait is one that you could decide now."
        return modal("Review requests", [header(title), rich(line(say(words)))])
    blocks = [header(title), _lead(batch), context(*_left_out(batch))]
    for number, reviewed in enumerate(batch.requests, start=1):
        blocks += _request(reviewed, number, len(batch.requests))
    metadata = json.dumps({one.request_id: one.digest for one in batch.requests})
    return modal("Review requests", blocks, metadata, "Decide", callback_id="review_requests", close="Cancel")


def reason_block(request_id: str) -> str:
    """The block id of a request's reason."""
    return f"{request_id}:reason"


def label(action_title: str, ticket_number: int) -> str:
    """A request, in a few words."""
    return f"{one_line(action_title, 150)}, ticket #{ticket_number}"


def batch_result_modal(results: Sequence[BatchResultFacts]) -> Block:
    """What came of each."""
    if not results:
        return modal("Review requests", [rich(line(say("Everything was left as it is, so nothing was decided.")))])
    counted = sum(one.is_counted for one in results)
    lead = f"{counted} of {count(len(results), 'decision')} recorded"
    lines = [
        line(say(f"{'✅' if one.is_counted else '⛔'} {one.label}: ", bold=True), say(one_line(one.words, 600)))
        for one in results
    ]
    return modal("What came of it", [rich(line(say(lead, bold=True)), bullets(lines))])


def _lead(batch: BatchFacts) -> Block:
    words = f"{count(len(batch.requests), 'request')} of this action, each with everything that its card shows."
    note = "You decide each by itself, by its own values. One rejection is final; what has its approvals runs at once."
    return rich(line(say(words, bold=True)), line(say(note)))


def _left_out(batch: BatchFacts) -> list[Block]:
    words = []
    if batch.others > 0:
        words.append(plain(f"{count(batch.others, 'more request')} for a next round: there was no room here"))
    if batch.not_theirs > 0:
        words.append(plain(f"{count(batch.not_theirs, 'request')} left out: not yours to decide, or decided by you"))
    return words or [plain("These are all that wait")]


def _request(reviewed: ReviewedFacts, number: int, of: int) -> list[Block]:
    choices = [LEAVE, Choice.REJECT.value] if not reviewed.is_complete else list(_WORDS)
    options = [{"text": plain(_WORDS[choice]), "value": choice} for choice in choices]
    what = f"{number} of {of}, ticket #{reviewed.ticket_number}: your decision"
    choice: Block = {
        "type": "input",
        "block_id": reviewed.request_id,
        "label": plain(what),
        "element": {
            "type": "radio_buttons",
            "action_id": INPUT_ACTION,
            "options": options,
            "initial_option": options[0],
        },
    }
    if not reviewed.is_complete:
        choice["hint"] = plain("It could not be shown whole, so it cannot be approved.")
    reason: Block = {
        "type": "input",
        "block_id": reason_block(reviewed.request_id),
        "label": plain("Why, if you reject it"),
        "element": {"type": "plain_text_input", "action_id": INPUT_ACTION, "max_length": _REASON_LENGTH},
        "optional": True,
    }
    return [divider(), *map(dict, reviewed.card), choice, reason]
