"""List, page, trail and the customer's side: complete where it matters, and honest about what is left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from handlers.views import audit_modal, ticket_list
from handlers.views.customer_view import customer_view
from handlers.views.facts import Untrusted
from handlers.views.ticket_page import ticket_page
from policy.terms import Audience, RequestStatus, TicketStatus
from tests.views import builders as b
from tests.views.block_kit import objects


def test_a_row_shows_subject_requester_severity_category_and_what_waits() -> None:
    shown = words(ticket_list.ticket_list([b.row()]))

    for expected in (
        "#12  CRITICAL",
        "mallory@external.example, External Example",
        "High",
        "credentials",
        "1 request waiting",
    ):
        assert expected in shown


@pytest.mark.parametrize(("rows", "offset", "older", "newer"), [
    (20, 0, [], []), (21, 0, ["20"], []), (21, 20, ["40"], ["0"]), (5, 40, [], ["20"]), (0, 20, [], ["0"]),
])  # fmt: skip
def test_the_list_leads_to_older_and_newer_tickets(rows: int, offset: int, older: list[str], newer: list[str]) -> None:
    blocks = ticket_list.ticket_list([b.row()] * rows, offset=offset)

    found = grouped(blocks, "tickets.page")
    assert (found.get("Older tickets", []), found.get("Newer tickets", [])) == (older, newer)
    assert len(values(blocks, "ticket.open")) == min(rows, 20)


@pytest.mark.parametrize("showing", list(TicketStatus))
def test_the_filter_leads_to_the_other_kind(showing: TicketStatus) -> None:
    (other,) = values(ticket_list.ticket_list([], showing=showing), "tickets.filter")

    assert other != showing


def test_an_empty_list_says_how_a_ticket_comes_about() -> None:
    assert "No open tickets" in words(ticket_list.ticket_list([]))


def test_the_page_has_everything_of_the_operators_page() -> None:
    blocks = ticket_page(b.ticket())

    for expected in (
        "Messages", "Customer", "Internal", "Action requests", "Add an internal note", "Allowed by policy",
        "Low-risk action, allowed by policy.", "The note was added.", "asi03-bypass-001", "Waiting for approval",
        "offline-1", "50%", "claimed, not verified",
    ):  # fmt: skip
        assert expected in words(blocks)
    for action_id in ("tickets.back", "audit.open", "ticket.customer_view", "action.choose"):
        assert values(blocks, action_id) == ["t-1"]


def test_no_vote_can_be_cast_from_the_page() -> None:
    assert not values(ticket_page(b.ticket()), "request.approve")


def test_a_long_thread_keeps_its_first_message_and_counts_what_is_between() -> None:
    messages = tuple(b.message(text=Untrusted(f"message {n}.")) for n in range(30))

    shown = words(ticket_page(b.ticket(messages=messages)))

    assert "message 0." in shown and "message 29." in shown and "message 5." not in shown
    assert "20 messages in between" in shown


def test_an_edited_and_a_deleted_message_say_so() -> None:
    messages = (b.message(version=3), b.message(is_deleted=True, text=Untrusted("my secret")))

    shown = words(ticket_page(b.ticket(messages=messages)))

    assert "edited, version 3" in shown
    assert "deleted by its author" in shown and "my secret" not in shown


def test_a_link_on_the_page_leads_to_the_message_in_slack_only() -> None:
    def links(permalink: str) -> list[str]:
        return [
            each["url"] for each in objects(ticket_page(b.ticket(permalink=permalink))) if each.get("type") == "link"
        ]

    assert links("https://acme.slack.com/archives/C1/p1") == ["https://acme.slack.com/archives/C1/p1"]
    assert links("javascript:alert(1)") == []


def test_the_customer_view_holds_nothing_internal() -> None:
    ticket = b.ticket(requested_model_override=Untrusted("gpt-unsafe"), requests=(b.ran_note(), decided("REJECTED")))

    shown = words(customer_view(ticket))

    assert b.WORDS in shown and "It is ticket #12" in shown and "will not make this change" in shown
    for secret in (b.NOTE, "Sana", "policy", "security team decides", "50%", "gpt-unsafe", "High", "note"):
        assert secret not in shown


def test_the_customer_view_leaves_out_what_was_deleted() -> None:
    gone = b.message(is_deleted=True, text=Untrusted("my secret"))

    assert "my secret" not in words(customer_view(b.ticket(messages=(b.message(), gone))))


def test_the_sender_of_an_email_sees_none_of_our_posts() -> None:
    reply = b.message(author_side="bot", audience=Audience.CUSTOMER, text=Untrusted("We are on it."))
    ticket = b.ticket(channel_kind="slack_email", messages=(b.message(), reply), requests=(decided("EXECUTED"),))

    shown = words(customer_view(ticket))

    assert b.WORDS in shown
    assert "We are on it." not in shown and "has been made" not in shown and "It is ticket" not in shown


def test_a_requester_over_http_reads_replies_and_outcomes_but_no_thread() -> None:
    reply = b.message(author_side="bot", audience=Audience.CUSTOMER, text=Untrusted("We are on it."))
    ticket = b.ticket(channel_kind="http", messages=(b.message(), reply), requests=(decided("EXECUTED"),))

    shown = words(customer_view(ticket))

    assert "We are on it." in shown and "has been made" in shown and "It is ticket" not in shown


def test_a_ticket_without_a_thread_was_not_acknowledged_in_one() -> None:
    assert "It is ticket #12" not in words(customer_view(b.ticket(has_thread=False)))


def test_the_trail_shows_steps_in_order_with_their_payloads() -> None:
    events = (b.event(), b.event(seq=2, name="agent_triage_started", actor="agent:triage", payload={}))
    shown = words(audit_modal.audit_modal(b.row(), events, 0))

    assert shown.index("1. intake_received") < shown.index("2. agent_triage_started")
    assert '"correlationId": "asi03-bypass-001"' in shown and "agent:triage" in shown


def test_the_trail_has_pages_both_ways() -> None:
    view = audit_modal.audit_modal(b.row(), [b.event(seq=n) for n in range(16, 32)], 15)

    assert view["private_metadata"] == "t-1"
    assert grouped(view, "audit.page") == {"Earlier steps": ["0"], "Later steps": ["30"]}


def test_look_alikes_in_a_payload_show() -> None:
    event = b.event(payload={"keyId": "b\u043eb"})

    assert '"b\\u043e(о)b"' in words(audit_modal.audit_modal(b.row(), [event], 0))


def decided(status: str) -> Any:
    return replace(b.request(votes=(b.vote(),)), status=RequestStatus[status])


def words(blocks: Any) -> str:
    return "\n".join(str(each["text"]) for each in objects(blocks) if isinstance(each.get("text"), str))


def values(blocks: Any, action_id: str) -> list[str]:
    return [each["value"] for each in objects(blocks) if each.get("action_id") == action_id]


def grouped(blocks: Any, action_id: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in objects(blocks):
        if each.get("action_id") == action_id:
            found.setdefault(each["text"]["text"], []).append(each["value"])
    return found
