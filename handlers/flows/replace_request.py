"""An edited request takes the place of the one that waited: the old one ends, and what hangs on it hangs on nothing.

What was shown is never changed. The new request has a digest, a card and votes of its own, and it names everybody who
proposed or edited what it replaces, so that none of them decides it.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import NotFound, Refused
from handlers.flows.judged_facts import digest_of, request_facts
from handlers.views.plain import one_line
from policy.lifecycle import RequestEvent, move
from policy.terms import Person, RequestStatus, Ruling
from storage import requests
from storage.audit import NewEvent, Step
from storage.database import Transaction
from storage.schema import ActionRequest, Ticket


async def replace_request(
    desk: Desk, tx: Transaction, earlier_id: UUID, new: ActionRequest, editor: Person
) -> NewEvent:
    """End a waiting request in favour of `new`, which is about to be written; the ticket is locked already.

    Raises NotFound, and Refused where somebody was faster or the request cannot be decided any more.
    """
    found = await requests.locked(tx, earlier_id)
    if found is None or found[0].ticket_id != new.ticket_id or found[0].action_id != new.action_id:
        raise NotFound("request")
    earlier, ticket = found
    ruling = await rule_on_edit(desk, tx, earlier, ticket, editor)
    if not ruling.is_allowed:
        raise Refused(ruling.reason, code=ruling.code, reply=await reply_to_edit(tx, earlier, ruling))
    new.replaces, new.revision = earlier.id, earlier.revision + 1
    new.editors = sorted({*earlier.editors, *filter(None, [earlier.proposer])} - {new.proposer})
    earlier.status = move(RequestStatus(earlier.status), RequestEvent.REPLACED)
    earlier.outcome = f"Replaced by revision {new.revision}, edited by {one_line(editor.name, 100)}. Votes on this one"
    earlier.outcome += " count for nothing."
    earlier.decided_at, earlier.wake_at = new.created_at, None
    await tx.flush()  # Before anything is read that asks what waits.
    payload = {
        "actionId": earlier.action_id,
        "actionRequestId": str(earlier.id),
        "replacedBy": str(new.id),
        "revision": new.revision,
        "votes": len((await requests.votes(tx, [earlier.id]))[earlier.id]),
    }
    return NewEvent(Step.REQUEST_REPLACED, str(editor.key), payload)


async def rule_on_edit(desk: Desk, tx: Transaction, request: ActionRequest, ticket: Ticket, editor: Person) -> Ruling:
    """The gate's answer: may this person edit the request as it stands?"""
    facts = await request_facts(tx, request, ticket, desk.catalogue)
    return desk.gate.rule_on_edit(facts, editor, digest_now=digest_of(request, ticket), now=desk.clock())


async def reply_to_edit(tx: Transaction, request: ActionRequest, ruling: Ruling) -> str:
    """What somebody is told whose edit is refused: where a newer revision waits, that it does."""
    if ruling.code != "core-no-settled-request" or await requests.replacement(tx, request) is None:
        return ruling.reply
    return (
        f"Somebody was faster: this was edited already, and revision {request.revision + 1} took its place. What you"
        " sent was not proposed. Look at the newest revision and edit that one, if something is still wrong."
    )


def lineage(request: ActionRequest) -> dict[str, Any]:
    """What the trail says of an edited request beyond what it says of every proposal."""
    if request.replaces is None:
        return {}
    return {"replaces": str(request.replaces), "revision": request.revision, "editors": request.editors}
