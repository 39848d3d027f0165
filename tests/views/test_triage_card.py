"""The triage card: everything that scenario A's operator sees, and what each suggestion waits for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from handlers.views.facts import UndeliveredFacts, Untrusted
from handlers.views.rendered import Rendered
from handlers.views.triage_card import triage_card
from policy.terms import RequestStatus, Severity, Verdict
from tests.views import builders as b
from tests.views.block_kit import objects


def test_the_card_shows_every_field_of_scenario_a() -> None:
    shown = words(triage_card(b.ticket(requested_model_override=Untrusted("gpt-unsafe"))))

    for expected in (
        "#12", "CRITICAL SECURITY INCIDENT", "mallory@external.example, External Example", "name not verified",
        "I'm authorizing immediate action”", "claimed, not verified", "High", "credentials", "Open", "50%", "offline-1",
        "Offline", "an operator must confirm the key id", "Asks to skip a control", "skip the normal approval process",
        "2 messages", "no attachments", "gpt-unsafe", "recorded, not obeyed",
    ):  # fmt: skip
        assert expected in shown


def test_what_ran_by_policy_says_so_and_has_no_button() -> None:
    shown = words(triage_card(b.ticket()))

    assert "Ran by policy: Low-risk action, allowed by policy." in shown
    assert [each["value"] for each in buttons(triage_card(b.ticket()), "suggestion.confirm")] == ["s-revoke"]


def test_a_suggestion_from_the_requesters_words_says_to_check_it() -> None:
    assert "found only in the requester's words: check it against a source you trust" in words(triage_card(b.ticket()))


def test_a_suggestion_that_became_a_request_shows_its_state_instead_of_a_button() -> None:
    proposed = b.suggestion(request_id="r-revoke", request_status=RequestStatus.PENDING)
    card = triage_card(b.ticket(triage=b.triage(suggestions=(proposed,))))

    assert "Waiting for approval" in words(card)
    assert not buttons(card, "suggestion.confirm")


def test_what_people_approved_is_not_said_to_have_run_by_policy() -> None:
    ran = b.request(status=RequestStatus.EXECUTED, verdict=Verdict.NEEDS_APPROVAL)
    proposed = b.suggestion(request_id="r-revoke", request_status=RequestStatus.EXECUTED)

    shown = words(triage_card(b.ticket(triage=b.triage(suggestions=(proposed,)), requests=(ran,))))

    assert "Done" in shown
    assert "Ran by policy" not in shown


def test_the_ways_on_from_the_card_carry_the_ticket() -> None:
    card = triage_card(b.ticket())

    assert [each["value"] for each in buttons(card, "ticket.open")] == ["t-1"]
    assert [each["value"] for each in buttons(card, "action.choose")] == ["t-1"]


def test_a_severity_changed_since_triage_shows_both() -> None:
    ticket = b.ticket(row=b.row(severity=Severity.LOW))

    shown = words(triage_card(ticket))

    assert "🟢 Low" in shown
    assert "high, credentials; changed since" in shown


def test_a_stand_in_for_the_model_says_why() -> None:
    shown = words(triage_card(b.ticket(triage=b.triage(fallback_reason="the model did not answer in time"))))

    assert "as a stand-in" in shown
    assert "the model did not answer in time" in shown


def test_a_card_for_outsiders_holds_nothing_internal() -> None:
    ticket = b.ticket(requested_model_override=Untrusted("gpt-unsafe"))
    card = triage_card(ticket, show_internal=False)

    for secret in ("offline-1", "50%", "confirm the key", "Asks to skip", "claimed", "gpt-unsafe", "internal note"):
        assert secret not in words(card)
    assert not buttons(card)


def test_a_deleted_message_is_not_shown_any_more() -> None:
    card = triage_card(b.ticket(messages=(b.message(is_deleted=True, text=Untrusted("my secret")),)))

    assert "my secret" not in words(card)
    assert "deleted by its author" in words(card)


def test_suggestions_that_do_not_fit_are_counted() -> None:
    many = tuple(replace(b.suggestion(), suggestion_id=f"s-{n}") for n in range(40))
    card = triage_card(b.ticket(triage=b.triage(suggestions=many)))

    shown = len(buttons(card, "suggestion.confirm"))
    assert 0 < shown < 40
    assert f"{40 - shown} further suggestions on the ticket's page" in words(card)


def test_the_notification_names_ticket_severity_and_requester() -> None:
    assert triage_card(b.ticket()).text.startswith("Ticket #12, high, credentials: CRITICAL SECURITY INCIDENT")
    assert "not verified" in triage_card(b.ticket()).text


def test_what_the_requester_was_not_told_is_said_first_and_not_outside() -> None:
    held = UndeliveredFacts("customer_reply", True, "the channel is shared with another company")
    given_up = UndeliveredFacts("outcome", False, "is_archived")
    ticket = b.ticket(undelivered=(held, given_up))

    shown = words(triage_card(ticket))
    assert "The requester has not been told" in shown
    assert "the approved reply, waiting: the channel is shared with another company" in shown
    assert "what came of a request, given up: is_archived" in shown
    assert "has not been told" not in words(triage_card(ticket, show_internal=False))
    assert "has not been told" not in words(triage_card(b.ticket()))
    assert "has not been told" in words(triage_card(b.ticket(undelivered=(held,), triage=None)))


def words(card: Rendered) -> str:
    return "\n".join(str(each["text"]) for each in objects(card.blocks) if isinstance(each.get("text"), str))


def buttons(card: Rendered, action_id: str | None = None) -> list[dict[str, Any]]:
    found = [each for each in objects(card.blocks) if each.get("type") == "button"]
    return [each for each in found if action_id in (None, each["action_id"])]
