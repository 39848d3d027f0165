"""What a message of ours says now, drawn from the facts as they are. Whether it may be sent is for `open_letter`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from handlers.desk import Desk
from handlers.flows import decide_passkey, stop_desk
from handlers.flows.as_told import as_told, is_of_before
from handlers.flows.case_holds import held_back
from handlers.flows.case_letters import CASE_LETTERS, case_letter
from handlers.flows.case_releases import CUSTOMER_REPLY
from handlers.flows.enrol_passkey import passkey_facts
from handlers.flows.note_members import group_change_facts
from handlers.flows.note_policy import policy_news_facts
from handlers.flows.read_ticket import request_card_facts, ticket_facts
from handlers.flows.review_request import break_glass_letter
from handlers.flows.undo_request import can_undo
from handlers.views import notices, stops
from handlers.views.approval_card import approval_card, contradicted_card
from handlers.views.facts import ReadersFacts
from handlers.views.passkey_card import passkey_card, passkey_notice
from handlers.views.rendered import Rendered
from handlers.views.triage_card import triage_card
from policy.lifecycle import TERMINAL
from policy.terms import PersonKey, RequestStatus
from policy.waiting import Nudge
from storage import passkeys, tickets
from storage.database import Transaction
from storage.deliveries import BREAK_GLASS_OVERDUE, BREAK_GLASS_REVIEW, BREAK_GLASS_STARTED
from storage.schema import ActionRequest, Delivery, Ticket


@dataclass(frozen=True)
class PostedCard:
    """An approval card as it stands."""

    rendered: Rendered
    is_complete: bool
    """It shows all that a vote is about, and the trail tells the same."""


async def about_no_ticket(tx: Transaction, delivery: Delivery) -> Rendered:
    """What is about no ticket. Raises LookupError for a kind that needs one."""
    args: dict[str, Any] = delivery.args
    match delivery.kind:
        case "group_change":
            return notices.group_change(group_change_facts(args))
        case "policy_news":
            return notices.policy_news(policy_news_facts(args))
        case stop_desk.KIND:
            return stops.change(stop_desk.stop_change_facts(args))
        case passkeys.CARD:
            row = await passkeys.get(tx, UUID(args["passkeyId"]))
            if row is not None:
                return passkey_card(passkey_facts(row))
        case decide_passkey.NOTICE:
            owner = PersonKey.parse(args["owner"])
            return passkey_notice(args["step"], owner.user_id, args["ownerLabel"], args["by"])
    raise LookupError(f"delivery {delivery.id} has no ticket")


async def about_ticket(
    desk: Desk, tx: Transaction, delivery: Delivery, ticket: Ticket, request: ActionRequest | None
) -> Rendered:
    """What is about a ticket, and perhaps a request of it. Raises LookupError for a kind that is not known."""
    args: dict[str, Any] = delivery.args
    match delivery.kind:
        case "triage_card":
            return triage_card(await ticket_facts(tx, desk.catalogue, ticket.id))
        case "approval_card" if request is not None:
            return (await card_as_posted(desk, tx, delivery, request)).rendered
        case Nudge.REMINDER | Nudge.ESCALATION if request is not None:
            facts = await request_card_facts(tx, desk.catalogue, request)
            people = tuple((user_id, name) for user_id, name in args["people"])
            return notices.still_waiting(facts, people, args["group"])
        case kind if kind in (BREAK_GLASS_STARTED, BREAK_GLASS_REVIEW, BREAK_GLASS_OVERDUE) and request is not None:
            return await break_glass_letter(desk, tx, kind, request, ticket)
        case "acknowledgement":
            return notices.acknowledgement(ticket.number)
        case "outcome":
            action_id = "" if request is None else request.action_id
            words = notices.customer_outcome(ticket.number, action_id, RequestStatus(args["status"]))
            if words is not None:
                return words
        case kind if kind == CUSTOMER_REPLY and request is not None:
            return notices.customer_reply(str(request.params["text"]))  # The request's row is what was decided on.
        case kind if kind in CASE_LETTERS:
            return await case_letter(desk, tx, kind, args, ticket)
    raise LookupError(f"no view for delivery {delivery.id} of kind {delivery.kind}")


async def card_as_posted(desk: Desk, tx: Transaction, delivery: Delivery, request: ActionRequest) -> PostedCard:
    """A request's approval card as it stands now: what it is about is shown only where the trail tells the same."""
    facts = await request_card_facts(tx, desk.catalogue, request)
    if not await _may_be_shown(tx, request):
        return PostedCard(contradicted_card(facts), is_complete=False)
    # What was hashed is what is shown: the stored substance, never one drawn again.
    substance = request.card if delivery.shown_digest == request.digest and request.card else None
    stop = await stop_desk.stop_on(tx, request)
    shown = replace(
        facts, can_undo=await can_undo(desk, tx, request), stop=stop, held_back=await _held_back(tx, request)
    )
    return PostedCard(approval_card(shown, substance, named_readers(delivery)), is_complete=bool(substance))


async def _may_be_shown(tx: Transaction, request: ActionRequest) -> bool:
    ticket = await tickets.get(tx, request.ticket_id)
    if ticket is None:
        return False
    # Nothing can be decided on a card of what has ended, so those of before there was a key are there to be read.
    has_ended = RequestStatus(request.status) in TERMINAL
    return (has_ended and await is_of_before(tx, request)) or await as_told(tx, request, ticket) is not None


async def _held_back(tx: Transaction, request: ActionRequest) -> str:
    ticket = None if request.status != RequestStatus.PENDING else await tickets.get(tx, request.ticket_id)
    return "" if ticket is None else await held_back(tx, ticket, request)


def named_readers(card: Delivery) -> ReadersFacts | None:
    """Who reads the channel that a reply would go to, as its card says."""
    named = card.args.get("readers")
    return None if named is None else ReadersFacts(named["channelName"], tuple(named["companies"]))
