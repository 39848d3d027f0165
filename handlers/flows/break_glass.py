"""Break-glass: who starts such a request is known with every account of theirs, and it is announced more widely.

What it leaves out, and what it does not, is the gate's to say (`policy.break_glass`).
"""

from __future__ import annotations

from handlers.desk import Desk
from handlers.errors import BadInput, Refused
from handlers.flows.judged_facts import reporters_of
from handlers.flows.one_person import Addresses, linked
from handlers.views.propose_modals import BREAK_GLASS_BLOCK
from policy.break_glass import is_said
from policy.replies import REPLIES
from policy.terms import ActionFacts, Audience, Judgement, Person, PersonKey, Proposer, Verdict
from storage import deliveries
from storage.database import Transaction
from storage.deliveries import BREAK_GLASS_STARTED, NewDelivery
from storage.schema import ActionRequest, Ticket

REASON_LENGTH = 1000
NO_REASON = "Say what cannot wait, in a few words. Everybody who decides or reviews it will read it."


def has_break_glass(desk: Desk) -> bool:
    """Whether there is any on this desk."""
    return desk.gate.break_glass is not None


def check_start(desk: Desk, reason: str) -> None:
    """Raises Refused where there is none, or nothing is said: before somebody fills in a form in vain."""
    code = "" if is_said(reason) else "core-no-break-glass-without-reason"
    code = code if has_break_glass(desk) else "core-no-break-glass-here"
    if code:
        raise Refused(f"break-glass: {code}", code=code, reply=REPLIES[code])


def check_reason(reason: str | None) -> None:
    """Raises BadInput for a break-glass request for which nothing is said."""
    if reason is not None and not is_said(reason):
        raise BadInput({BREAK_GLASS_BLOCK: NO_REASON})


async def as_starter(
    tx: Transaction, ticket: Ticket, facts: ActionFacts, proposer: Proposer, judged: Judgement, addresses: Addresses
) -> Proposer:
    """Who starts it, with every account that is known to be theirs. Raises Unasked and IdentityUnavailable."""
    if facts.break_glass is None or not isinstance(proposer, Person) or judged.verdict is Verdict.DENY:
        return proposer
    parts = {proposer.key, facts.requester.key, *await reporters_of(tx, ticket), *facts.subjects}
    ties = await addresses.ties(tx, [key for key in parts if isinstance(key, PersonKey)], facts.subject_emails)
    return linked(proposer, ties)


async def announce_start(desk: Desk, tx: Transaction, request: ActionRequest) -> None:
    """Tell of it more widely than of other requests, if it is one and waits for approvals."""
    if request.break_glass is not None:
        await announce(desk, tx, BREAK_GLASS_STARTED, request)


async def announce(desk: Desk, tx: Transaction, kind: str, request: ActionRequest) -> None:
    """Post a message about the request to the approvals channel, and to the one for break-glass if there is one."""
    channels = dict.fromkeys([desk.settings.approvals_channel, desk.settings.break_glass_channel])
    for channel in filter(None, channels):
        new = NewDelivery(kind, Audience.INTERNAL, channel, ticket_id=request.ticket_id, request_id=request.id)
        await deliveries.post(tx, new, delivery_id=desk.new_id(), at=desk.clock())
