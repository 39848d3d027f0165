"""The approval card: it shows everything, or it cannot be approved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.views.approval_card import approval_card
from handlers.views.approval_substance import approval_substance, destination_blocks
from handlers.views.facts import DestinationFacts, ReadersFacts, RequestCardFacts, Untrusted
from handlers.views.plain import mono, visible
from handlers.views.rendered import Rendered
from policy.terms import Choice, RequestStatus, Risk
from tests.views import builders as b
from tests.views.block_kit import message_faults, objects
from tests.views.test_triage_card import buttons, words


def card(request: RequestCardFacts) -> Rendered:
    return approval_card(request, approval_substance(request))


def test_the_card_shows_all_that_a_vote_is_about() -> None:
    shown = words(card(b.request()))

    for expected in (
        "Revoke an API key", "Stops the API key at once", "Restore the key.", "High risk", '"ak_demo_bob_001"',
        "given or confirmed by an operator", "bob@acme.example", "mallory@external.example, External Example",
        "name not verified", "claimed, not verified", "#12", "the security team decides", "one person approves",
        "2026-03-01", "2026-03-25 17:46 UTC", "api_key.revoke", "3f2a9c0d7e51",
    ):  # fmt: skip
        assert expected in shown
    assert people(card(b.request())) == ["U0OLIVIA001", "U0SANA00001", "U0VICTOR001"]


def test_a_pending_card_can_be_approved_and_rejected() -> None:
    shown = card(b.request())

    assert [each["value"] for each in buttons(shown, "request.approve")] == ["r-revoke"]
    assert [each["value"] for each in buttons(shown, "request.reject")] == ["r-revoke"]


@pytest.mark.parametrize("status", [status for status in RequestStatus if status is not RequestStatus.PENDING])
def test_a_card_that_is_not_pending_has_no_vote_buttons_and_keeps_what_was_shown(status: RequestStatus) -> None:
    substance = approval_substance(b.request())
    shown = approval_card(b.request(status=status, votes=(b.vote(),)), substance)

    assert substance is not None
    assert not buttons(shown, "request.approve") + buttons(shown, "request.reject")
    assert all(block in shown.blocks for block in substance)
    assert "U0SANA00001" in people(shown)


@pytest.mark.parametrize("risk", list(Risk))
def test_approving_something_risky_is_asked_twice(risk: Risk) -> None:
    (approve,) = buttons(card(b.request(risk=risk)), "request.approve")

    assert ("confirm" in approve) == (risk in (Risk.HIGH, Risk.CRITICAL))


def test_the_substance_does_not_change_with_votes_status_or_outcome() -> None:
    later = b.request(votes=(b.vote(),), status=RequestStatus.EXECUTED, outcome="Done.", digest="other")

    assert approval_substance(later) == approval_substance(b.request())


@pytest.mark.parametrize(
    "change",
    [
        {"params": (b.param(value="ak_demo_b\u043eb_001", provenance="operator"),)},
        {"params": (b.param(value="ak_demo_bob_001 ", provenance="operator"),)},
        {"params": (b.param(provenance="requester"),)},
        {"subject_label": "eve@acme.example"},
        {"quorum": 2},
        {"risk": Risk.CRITICAL},
        {"expires_at": b.AT + timedelta(hours=5)},
        {"policy_version": "2026-03-02"},
        {"verdict_reason": "Another."},
        {"ticket_number": 13},
        {"proposer_user_id": "U0SAM000001"},
        {"eligible": ()},
        {"action_id": "api_key.restore"},
        {"undo": "Cannot be undone."},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_would_run_differently_is_shown_differently(change: dict[str, Any]) -> None:
    assert approval_substance(replace(b.request(), **change)) != approval_substance(b.request())


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        (DestinationFacts("slack_internal", channel="C0HELP00001"), "the ticket's thread in the channel C0HELP00001, "
         "which only our own company read when the ticket came in"),
        (DestinationFacts("slack_shared", channel="C0EXTEXT001"), "C0EXTEXT001, shared with other companies"),
        (DestinationFacts("slack_email", channel="C0INBOX0001"), "the sender of the e-mail does not see it"),
        (DestinationFacts("slack_shared", user_id="U0MALLORY01", user_label=Untrusted("mal\u202elory")),
         "a direct message to mal⟦U+202E⟧lory U0MALLORY01"),
        (DestinationFacts("http"), "read over HTTP only"),
        (DestinationFacts("slack_internal"), "no thread and no account"),
    ],
)  # fmt: skip
def test_a_reply_s_card_says_where_it_goes_and_who_reads_there(destination: DestinationFacts, expected: str) -> None:
    reply = b.request(destination=destination)
    shown = card(reply)

    assert "Goes to" in words(shown) and expected in words(shown).replace("\n", "")
    assert not [each for each in objects(shown.blocks) if each.get("type") == "channel"]
    assert all(block in (approval_substance(reply) or ()) for block in destination_blocks(reply))
    elsewhere = replace(reply, destination=DestinationFacts("slack_shared", channel="C0EXTGLOB01"))
    assert approval_substance(elsewhere) != approval_substance(reply)
    assert not any(block in (approval_substance(reply) or ()) for block in destination_blocks(elsewhere))


def test_the_readers_of_a_shared_channel_are_named_and_the_card_still_fits() -> None:
    named = ReadersFacts("ext-external", tuple(f"T0COMPANY{n:03}" for n in range(250)))
    text = ("Grüße aus Köln, und mit Zeilen.\n" * 100)[:3000]
    request = b.request(
        params=(b.param(name="text", value=text),),
        destination=DestinationFacts("slack_shared", channel="C0EXTEXT001"),
        votes=(b.vote(reason="r" * 4000, voter_label="v" * 4000),) * 9,
        outcome="o" * 4000,
    )
    shown = approval_card(request, approval_substance(request), named)

    assert buttons(shown, "request.approve")
    assert "#ext-external was shared with T0COMPANY000, " in words(shown) and "and 238 more" in words(shown)
    assert message_faults(shown.blocks) == []


def test_what_cannot_be_shown_whole_cannot_be_approved() -> None:
    request = b.request(params=(b.param(value="x" * 12_000),))
    shown = card(request)

    assert approval_substance(request) is None
    assert not buttons(shown, "request.approve")
    assert "too large to be shown whole" in words(shown)
    assert buttons(shown, "ticket.open")
    assert "cannot be approved here" in shown.text


def test_without_a_digest_nothing_can_be_approved() -> None:
    assert not buttons(card(b.request(digest="")), "request.approve")


def test_a_long_value_goes_on_in_further_blocks_and_none_of_it_is_lost() -> None:
    value = "".join(f"{n:05}" for n in range(1_200))
    substance = approval_substance(b.request(params=(b.param(value=value),)))

    assert substance is not None
    assert exact_values(substance) == f'"{value}"'


def test_prose_is_shown_exactly_and_once_more_for_reading() -> None:
    text = "Hello Mallory,\n\nwe are looking into the key – and will come back to you.\n\nGrüße,\nOlivia"
    shown = words(card(b.request(params=(b.param(name="text", value=text, provenance="operator"),))))

    assert "\\n\\nGr\\u00fc\\u00df(üß)e,\\nOlivia" in shown
    assert text in shown


BASIS = '{"customer":0,"entries":7,"latch":"clear","latch":"set","record":"","statements":["S1@2:accepted","S3"]}'


def test_fields_are_shown_exactly_and_once_more_for_reading_repeated_names_included() -> None:
    shown = words(card(b.request(params=(b.param(name="basis", value=BASIS, provenance="operator"),))))

    assert mono(BASIS) in shown
    assert "customer: 0\nentries: 7\nlatch: clear\nlatch: set\nrecord: none\nstatements: S1@2:accepted, S3" in shown


@pytest.mark.parametrize(
    "value",
    [
        '{"a": {"b": 1}, "padded": "to be long enough"}',
        '{"a": "one\\nlatch: clear", "padded": "to be long"}',
        '{"a\\u202e": 1, "padded": "to be long enough, this one"}',
        '[["to be long enough"], "to be long enough"]',
    ],
)
def test_fields_that_could_pass_for_others_are_shown_exactly_alone(value: str) -> None:
    shown = words(card(b.request(params=(b.param(name="basis", value=value, provenance="operator"),))))

    assert mono(value) in shown and "for reading" not in shown


def test_what_its_case_keeps_back_says_so_until_it_is_decided() -> None:
    held = b.request(action_id="case.send_customer_update", held_back="The customer wrote since.")

    shown = words(card(held))

    assert "Kept back by the ticket's case" in shown and "The customer wrote since." in shown
    assert "rejected or withdrawn" in shown
    assert buttons(card(held), "request.reject") and "Kept back" not in words(card(replace(held, held_back="")))


def test_the_longest_reply_that_the_catalogue_takes_can_be_approved() -> None:
    text = ("Grüße aus Köln, und mit Zeilen.\n" * 100)[:3000]

    assert approval_substance(b.request(params=(b.param(name="text", value=text),))) is not None


@pytest.mark.parametrize(
    "letters", ["Здравствуйте, мы нашли причину. ", "我们找到了原因,正在处理。", "لقد وجدنا السبب. "]
)
def test_the_longest_reply_in_another_script_can_be_approved_and_is_shown_as_it_is(letters: str) -> None:
    text = (letters * 200)[:3000]
    substance = approval_substance(b.request(params=(b.param(name="text", value=text),)))

    assert substance is not None
    assert exact_values(substance) == text


def test_a_long_text_with_something_hidden_is_never_shown_as_if_it_were_plain() -> None:
    text = ("Здравствуйте, мы нашли причину. " * 200)[:2990] + "\u202e"
    substance = approval_substance(b.request(params=(b.param(name="text", value=text),)))

    assert substance is None


def test_a_look_alike_in_an_id_is_pointed_out() -> None:
    assert "not all plain letters" in words(card(b.request(params=(b.param(value="ak_demo_b\u043eb_001"),))))
    assert "not all plain letters" not in words(card(b.request()))


def test_votes_so_far_are_counted_by_person() -> None:
    twice = (b.vote(), b.vote(), b.vote(voter_user_id="U0VICTOR001", choice=Choice.REJECT, reason="Not ours."))

    shown = words(card(b.request(quorum=2, votes=twice)))

    assert "1 of 2 so far" in shown
    assert "Not ours." in shown


def test_a_request_that_nobody_can_approve_says_so() -> None:
    assert "nobody at the moment" in words(card(b.request(eligible=())))


@given(st.lists(st.text(max_size=4000), max_size=4))
@settings(max_examples=30, deadline=None)
def test_a_card_with_an_approve_button_holds_every_value_exactly(values: list[str]) -> None:
    params = tuple(b.param(name=f"p{n}", value=value) for n, value in enumerate(values))
    request = b.request(
        params=params,
        held_back="h" * 200,
        votes=(b.vote(reason="r" * 4000, voter_label="v" * 4000),) * 9,
        outcome="o" * 4000,
    )
    substance = approval_substance(request)
    shown = approval_card(request, substance)

    assert message_faults(shown.blocks) == []
    if substance is None:
        assert not buttons(shown, "request.approve")
    else:
        as_text = "".join(value if hides_nothing(value) else mono(value) for value in values)
        assert exact_values(substance) in {"".join(mono(value) for value in values), as_text}


def hides_nothing(value: str) -> bool:
    return len(value) >= 40 and visible(value, 12 * len(value) + 200) == value


def exact_values(blocks: list[dict[str, Any]]) -> str:
    parts = [each for each in objects(blocks) if each.get("type") == "rich_text_preformatted"]
    return "".join(part["elements"][0]["text"] for part in parts)


def people(shown: Rendered) -> list[str]:
    return [each["user_id"] for each in objects(shown.blocks) if each.get("type") == "user"]


@pytest.mark.parametrize(
    ("action_id", "is_offered"),
    [("api_key.revoke", True), ("case.send_customer_update", False), ("case.hand_off", False)],
)
def test_edit_is_offered_where_an_edit_is_not_refused_anyway(action_id: str, is_offered: bool) -> None:
    shown = card(b.request(action_id=action_id))

    assert bool(buttons(shown, "request.edit")) is is_offered
    assert buttons(shown, "request.approve")
