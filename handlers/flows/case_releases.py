"""What becomes of the release of a case's draft, on the record of its case: asked for, gone out, or kept back.

A release has gone out when its message stands where it is read; where the requester reads no Slack, when it is with the
ticket. What was on its way, held by the audience guard perhaps, is judged by its case once more before it is sent.
"""

from __future__ import annotations

import logging
from types import MappingProxyType
from uuid import UUID

from actions.executors import Outcome
from handlers.desk import Desk
from handlers.flows.case_holds import held_back, read_locked
from handlers.flows.customer_notice import customer_channel
from handlers.flows.hand_off import is_as_signed, post_files
from policy import case_entries as e
from policy.case_release import AUDIENCE_OF, HAND_OFF, RELEASES, UPDATE, sha256_of
from policy.case_story import CaseStory
from policy.terms import Choice, PersonKey, RequestStatus
from storage import cases, requests, tickets
from storage.database import Transaction
from storage.delivery_files import CASE_FILES
from storage.schema import ActionRequest, CaseRow, Delivery, Ticket
from storage.told import TrailBroken

log = logging.getLogger(__name__)

CUSTOMER_REPLY = "customer_reply"
NOT_AS_SIGNED = "The packet is not the one that was signed."
_CARRIED = MappingProxyType({CUSTOMER_REPLY: UPDATE, CASE_FILES: HAND_OFF})
"""Which release a message of ours carries, if it carries one."""
_MAYBE_THERE = "An earlier attempt to send it broke off: look whether it stands there."


async def note_asked(desk: Desk, tx: Transaction, request: ActionRequest) -> None:
    """Put it on the case's record that a revision waits before the gate; nothing of what was denied."""
    if request.action_id not in RELEASES or request.status != RequestStatus.PENDING:
        return
    asked = e.ReleaseAsked(str(request.id), str(request.params["draftId"]), int(str(request.params["revision"])))
    await _append(desk, tx, request, asked, actor=request.proposer or "bot")


async def note_held_back(desk: Desk, tx: Transaction, request: ActionRequest, why: str) -> None:
    """Put it on the case's record that what was approved does not go out."""
    if request.action_id in RELEASES:
        await _append(desk, tx, request, e.HeldBack(str(request.id), why))


async def settle_release(desk: Desk, tx: Transaction, ticket: Ticket, request: ActionRequest, outcome: Outcome) -> None:
    """What follows from a run: the packet's files are made, and what needs no message has gone out."""
    if request.action_id not in RELEASES or outcome.state == "unknown":
        return
    if not outcome.is_done:
        await note_held_back(desk, tx, request, outcome.summary)
    elif request.action_id == HAND_OFF:
        found = await _found(tx, request)
        why = "its case cannot be read" if found is None else await post_files(desk, tx, found[1], request)
        if why:
            await note_held_back(desk, tx, request, f"No packet was made: {why}.")
    elif customer_channel(ticket) is None:
        await _note_released(desk, tx, request)


async def note_posted(desk: Desk, tx: Transaction, delivery: Delivery) -> None:
    """Put it on the case's record that a release stands where it is read, if that is what was posted."""
    request = await _released_by(tx, delivery)
    if request is not None:
        await _note_released(desk, tx, request)


async def held_on_its_way(desk: Desk, tx: Transaction, delivery: Delivery) -> str:
    """Why what is about to be sent is kept back by its case, which is put on its record; "" where it is not."""
    request = await _released_by(tx, delivery)
    ticket = None if request is None else await tickets.get(tx, request.ticket_id)
    if request is None or ticket is None:
        return ""
    why = await held_back(tx, ticket, request)
    if not why and delivery.kind == CASE_FILES:
        found = await _found(tx, request)
        if found is None or not await is_as_signed(desk, tx, delivery, found[1], request.params):
            why = NOT_AS_SIGNED
    if why and delivery.state == "posting":
        why = f"{why} {_MAYBE_THERE}"
    if why:
        await note_held_back(desk, tx, request, why)
    return why


async def _released_by(tx: Transaction, delivery: Delivery) -> ActionRequest | None:
    """The release that a message of ours carries."""
    if delivery.request_id is None or delivery.kind not in _CARRIED:
        return None
    request = await requests.get(tx, delivery.request_id)
    return request if request is not None and request.action_id == _CARRIED[delivery.kind] else None


async def _note_released(desk: Desk, tx: Transaction, request: ActionRequest) -> None:
    found = await _found(tx, request)
    draft_id, number = str(request.params["draftId"]), int(str(request.params["revision"]))
    revision = None if found is None else found[1].revision(draft_id, number)
    if revision is None:
        log.error("the release %s went out, and its case has no such revision", request.id)
        return
    votes = (await requests.votes(tx, [request.id]))[request.id]
    released = e.Released(
        str(request.id),
        draft_id,
        number,
        AUDIENCE_OF[revision.draft.kind],
        sha256_of(str(request.params["text"])),
        tuple(PersonKey.parse(row.voter) for row in votes if row.choice == Choice.APPROVE),
    )
    await _append(desk, tx, request, released)


async def _append(desk: Desk, tx: Transaction, request: ActionRequest, body: e.Body, *, actor: str = "bot") -> None:
    found = await _found(tx, request)
    if found is not None:
        await cases.append(tx, found[0], [body], actor=actor, at=desk.clock())


async def _found(tx: Transaction, request: ActionRequest) -> tuple[CaseRow, CaseStory] | None:
    """The case of a release, locked, if it is its ticket's and its record holds: nothing is added to another one."""
    try:
        row = await cases.get(tx, UUID(str(request.params.get("caseId"))))
        story = None if row is None else await read_locked(tx, row.id)
    except (TrailBroken, ValueError) as error:
        log.error("nothing is put on the record of the case of request %s: %s", request.id, error)
        return None
    if row is None or story is None or story.opened.ticket_id != str(request.ticket_id):
        log.error("request %s names a case that is not its ticket's", request.id)
        return None
    return row, story
