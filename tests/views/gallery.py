"""Every view there is, drawn from one set of facts: what the laws about all views are tested on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from handlers.views import break_glass, notices, stops
from handlers.views.approval_card import approval_card, card_to_read
from handlers.views.approval_substance import approval_substance
from handlers.views.audit_modal import audit_modal
from handlers.views.batch_modal import batch_modal, batch_result_modal
from handlers.views.blocks import Block
from handlers.views.customer_view import customer_view
from handlers.views.facts import (
    AuditFacts,
    BatchFacts,
    BatchResultFacts,
    DestinationFacts,
    GroupChangeFacts,
    PasskeyFacts,
    PolicyNewsFacts,
    ReadersFacts,
    RequestCardFacts,
    ReviewedFacts,
    ReviewFacts,
    StopChangeFacts,
    StopFacts,
    TicketFacts,
    TurnedDownFacts,
    UndeliveredFacts,
    Untrusted,
    WaitingAlikeFacts,
)
from handlers.views.passkey_card import done, passkey_card, passkey_notice
from handlers.views.propose_modals import (
    ActionChoice,
    FormField,
    action_form_modal,
    choose_action_modal,
    confirm_modal,
    edit_modal,
    reason_field,
    reject_modal,
)
from handlers.views.rendered import Rendered
from handlers.views.surfaces import home, modal
from handlers.views.ticket_list import ticket_list
from handlers.views.ticket_page import ticket_page
from handlers.views.triage_card import triage_card
from policy.passkeys import PasskeyState
from policy.stops import StopScope
from policy.terms import Choice, RequestStatus
from tests.views import builders as b
from tests.views.case_gallery import case_messages, case_views


def reviews_of(words: str) -> dict[str, ReviewFacts]:
    """A review that is due, one that is overdue, and one that is recorded."""
    due = ReviewFacts("r-1", words[:100], 12, b.AT, is_overdue=False)
    done = replace(due, by_user_id="U0SANA00001", by_label=words[:300], at=b.AT, words=words)
    return {"due": due, "late": replace(due, is_overdue=True), "recorded": done}


def messages_of(ticket: TicketFacts, words: str) -> dict[str, Rendered]:
    """Every message, for this ticket and for its last request in each state."""
    request = ticket.requests[-1]
    drawn = {
        "triage_card": triage_card(ticket),
        "triage_card outside": triage_card(ticket, show_internal=False),
        "triage_card untriaged": triage_card(replace(ticket, triage=None)),
        "refusal": notices.refusal(words),
        "not_understood": notices.not_understood(words),
        "proposed": notices.proposed(request),
        "vote_recorded": notices.vote_recorded(request),
        "withdrawn": notices.withdrawn(request),
        "reminder": notices.still_waiting(request, (("U0SANA00001", words), (words, words)) * 30, None),
        "escalation": notices.still_waiting(request, (), words),
        "trouble": notices.trouble(words),
        "help": notices.help_text(),
        "not_known": notices.not_known(),
        "nothing_here": notices.nothing_here(),
        "group_change": notices.group_change(
            GroupChangeFacts(
                "support",
                (("U0SANA00001", Untrusted(words)),) * 30,
                (("not an id", Untrusted(words)),),
                (("U0VICTOR001", Untrusted(words)),),
            )
        ),
        **{f"stop {one.scope}": stops.change(StopChangeFacts(one, is_set=True)) for one in stops_of(words)},
        "stop lifted": stops.change(StopChangeFacts(stops_of(words)[0], is_set=False)),
        "stops": stops.listed(stops_of(words) * 5),
        "stop set": stops.is_set(stops_of(words)[2], is_new=False, under_way=2),
        "lifted": stops.is_lifted(stops_of(words)[1]),
        "passkey": passkey_card(_passkey(words, PasskeyState.WAITING)),
        "passkey_approved": passkey_card(_passkey(words, PasskeyState.APPROVED)),
        "passkey_notice": passkey_notice("passkey_revoked", words, words, words),
        "passkey_done": done(_passkey(words, PasskeyState.REVOKED)),
        "policy_news good": notices.policy_news(PolicyNewsFacts("a" * 64, "b" * 64)),
        "policy_news good again": notices.policy_news(PolicyNewsFacts("a" * 64, "a" * 64)),
        "policy_news bad": notices.policy_news(PolicyNewsFacts("a" * 64, "b" * 64, (Untrusted(words),) * 30)),
        "opened": notices.opened(12),
        "acknowledgement": notices.acknowledgement(12),
        "customer_reply": notices.customer_reply(words[:3000]),
        **case_messages(words, min(len(ticket.requests), 4)),
    }
    substance = approval_substance(request)
    for status in RequestStatus:
        now = replace(request, status=status)
        drawn[f"approval_card {status}"] = approval_card(now, substance)
        drawn[f"approval_card too large {status}"] = approval_card(now, None)
    undone = replace(
        request, status=RequestStatus.EXECUTED, can_undo=True, undoes="6f1b1f52-8f2b-4ce7-a8f1-0d7f1a2c9d11"
    )
    drawn["approval_card with undo"] = approval_card(undone, approval_substance(undone))
    third = replace(request, revision=3, editors=("U0OLIVIA001", words), replaced_by="r-4", status=RequestStatus.VOID)
    drawn["approval_card replaced"] = approval_card(third, approval_substance(third))
    urgent = replace(request, break_glass=words[:1000], quorum=2)
    drawn["approval_card by break-glass"] = approval_card(urgent, approval_substance(urgent))
    drawn["break_glass started"] = break_glass.started(urgent)
    for name, review in reviews_of(words).items():
        drawn[f"break_glass ran {name}"] = break_glass.ran(urgent, review)
        drawn[f"break_glass overdue {name}"] = break_glass.overdue(urgent, review)
    drawn["break_glass recorded"] = break_glass.recorded()
    several = replace(request, status=RequestStatus.PENDING, waiting_alike=7)
    drawn["approval_card of several"] = approval_card(several, substance)
    drawn["approval_card of a reply"] = approval_card(request, substance, ReadersFacts(words, (words,) * 20))
    return drawn


def stops_of(words: str) -> tuple[StopFacts, ...]:
    """A stop of each kind, by somebody who wrote `words` wherever they could."""
    about = {StopScope.PERSON: "U0SANA00001"}
    at = datetime(2026, 3, 25, tzinfo=UTC)
    return tuple(StopFacts(one, words, about.get(one), words, "U0OLIVIA001", words, at) for one in StopScope)


def batch_of(request: RequestCardFacts) -> BatchFacts:
    """One request twice, shown whole and not."""
    cards = [tuple(card_to_read(approval_card(request, whole))) for whole in (approval_substance(request), None)]
    shown = [ReviewedFacts(f"r-{place}", 12, "d1" * 32, place == 0, tuple(card)) for place, card in enumerate(cards)]
    return BatchFacts(request.action_title, tuple(one for one in shown if len(one.card) < 45), 2, 1)


def _passkey(words: str, state: PasskeyState) -> PasskeyFacts:
    at = datetime(2026, 3, 25, 13, 46, tzinfo=UTC)
    return PasskeyFacts("7", words, words, "1a2b-3c4d-5e6f", state, at, f"T/{words}", at, None)


def views_of(ticket: TicketFacts, events: tuple[AuditFacts, ...]) -> dict[str, Block]:
    """Every Home tab and modal."""
    assert ticket.triage is not None
    suggestion = ticket.triage.suggestions[-1]
    names = [param.name for param in suggestion.params]
    choice = ActionChoice(suggestion.action_id, suggestion.title, suggestion.risk, "Stops the key.")
    fields = [FormField(name, name, "long_text") for name in names]
    return {
        "list": home(ticket_list([ticket.row] * 30, offset=20, stops=stops_of(ticket.row.subject) * 5), "open"),
        "list with reviews": home(ticket_list([ticket.row] * 30, alike=[WaitingAlikeFacts("Revoke", 3, "r-1")] * 20)),
        "page": home(ticket_page(ticket)),
        "page in a modal": modal("Ticket", ticket_page(ticket), ticket.row.ticket_id),
        "customer": modal("Customer", customer_view(ticket)),
        "audit": audit_modal(ticket.row, events, 0),
        "confirm": confirm_modal(suggestion, ticket.row, fields),
        "choose": choose_action_modal([choice], ticket.row.ticket_id),
        "choose from nothing": choose_action_modal([]),
        "form": action_form_modal(choice, fields, ticket.row, "t-1"),
        "reject": reject_modal(ticket.requests[-1]),
        "review": batch_modal(batch_of(ticket.requests[-1])),
        "review nothing": batch_modal(BatchFacts("Revoke an API key", (), 0, 3)),
        "reviewed": batch_result_modal((BatchResultFacts("Revoke an API key, ticket #12", "Recorded.", True),)),
        "edit": edit_modal(ticket.requests[-1], ticket.row, fields),
        "form by break-glass": action_form_modal(
            choice, [*fields, reason_field(ticket.row.subject)], ticket.row, "t-1"
        ),
        "break_glass review": break_glass.review_modal(
            replace(ticket.requests[-1], break_glass=str(ticket.row.subject)[:1000])
        ),
        "list with missing reviews": home(
            ticket_list([ticket.row] * 30, reviews=list(reviews_of(ticket.row.subject).values()) * 3)
        ),
        **case_views(ticket.row, ticket.row.subject, min(len(ticket.requests), 4)),
        "page with a case": home(ticket_page(replace(ticket, case_id="6f1b1f52-8f2b-4ce7-a8f1-0d7f1a2c9d11"))),
    }


def hostile_ticket(words: str, *, many: int = 1) -> TicketFacts:
    """A ticket in which everything that anyone outside can write is `words`, `many` times over."""
    bad = Untrusted(words)
    ours = f"<{words}>"  # not a requester's to write; still no words of ours if it looks like this
    requester = b.requester(label=bad, company=bad, claims=(bad,) * many)
    params = tuple(b.param(name=f"param{n}", value=words, evidence=bad) for n in range(min(many, 3)))
    triage = b.triage(
        rationale=bad,
        model=ours,
        category=ours,
        signals=tuple(replace(signal, quote=bad) for signal in b.triage().signals) * many,
        suggestions=(b.noted(), b.suggestion(params=params, why=bad)) * many,
        fallback_reason=words,
    )
    message = b.message(author_label=bad, text=bad, attachments=((bad, bad),) * many, version=2)
    return b.ticket(
        row=b.row(subject=bad, requester=requester, category=ours),
        requested_model_override=bad,
        attachment_count=many,
        correlation_id=words,
        intake_source=words,
        messages=(message, b.internal_note()) * many,
        triage=triage,
        requests=(b.ran_note(), hostile_request(words)) * many,
        undelivered=(UndeliveredFacts(ours, True, words), UndeliveredFacts("outcome", False, words)) * many,
    )


def hostile_request(words: str, **changes: Any) -> RequestCardFacts:
    """A request in which the requester's words are everywhere they can get to, votes and names included."""
    bad = Untrusted(words)
    values: dict[str, Any] = {
        "ticket_subject": bad,
        "params": (b.param(name="note", value=words, evidence=bad, provenance="operator"),),
        "requester": b.requester(label=bad, company=bad, claims=(bad,)),
        "proposer_user_id": None,
        "proposer_label": words,
        "outcome": words,
        "votes": (b.vote(voter_user_id=words, voter_label=words, choice=Choice.REJECT, reason=words),) * 7,
        "eligible": ((words, words), ("U0SANA00001", words)),
        "turned_down": tuple(
            TurnedDownFacts(status, words, words, b.AT, words, 12)
            for status in (
                RequestStatus.REJECTED,
                RequestStatus.WITHDRAWN,
                RequestStatus.EXPIRED,
                RequestStatus.REJECTED,
            )
        ),
        "destination": DestinationFacts("slack_shared", user_id=words, user_label=bad),
    }
    return b.request(**(values | changes))


def hostile_events(words: str) -> tuple[AuditFacts, ...]:
    return tuple(b.event(seq=n, actor=words, payload={"quote": words, "nested": [{words: words}]}) for n in range(20))
