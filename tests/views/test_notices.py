"""Short messages: what a customer hears gives nothing away, what our own people hear says why."""

from __future__ import annotations

import inspect

import pytest

from handlers.views import notices
from policy.terms import RequestStatus, Verdict
from tests.views import builders as b
from tests.views.test_triage_card import words

INTERNAL = ("policy", "policies", "approver", "approv", "vote", "security team", "quorum", "triage", "internal", "risk")


@pytest.mark.parametrize("action_id", ["api_key.revoke", "user.suspend", "ticket.close", "ticket.reopen"])
@pytest.mark.parametrize("status", list(RequestStatus))
def test_a_customer_outcome_names_nothing_internal(action_id: str, status: RequestStatus) -> None:
    said = notices.customer_outcome(12, action_id, status)

    if said is not None:
        assert not [word for word in INTERNAL if word in words(said).lower()]
        assert action_id not in words(said)


def test_the_customer_texts_are_made_of_nothing_but_number_action_and_state() -> None:
    assert list(inspect.signature(notices.acknowledgement).parameters) == ["number"]
    assert list(inspect.signature(notices.customer_outcome).parameters) == ["number", "action_id", "status"]


@pytest.mark.parametrize("status", list(RequestStatus))
def test_internal_work_is_not_announced_to_the_customer(status: RequestStatus) -> None:
    for action_id in ("ticket.add_internal_note", "ticket.set_severity", "ticket.assign", "ticket.reply_to_customer"):
        assert notices.customer_outcome(12, action_id, status) is None


@pytest.mark.parametrize("status", ["PENDING", "APPROVED", "RUNNING", "VOID"])
def test_what_is_not_settled_is_not_announced(status: str) -> None:
    assert notices.customer_outcome(12, "api_key.revoke", RequestStatus[status]) is None


def test_an_approved_reply_goes_out_word_for_word_and_dead() -> None:
    said = notices.customer_reply("Hi <!channel>,\n*all* good.")

    assert words(said) == "Hi <!channel>,\n*all* good."
    assert said.text == "Hi &lt;!channel&gt;,\n*all* good."


def test_a_refusal_repeats_its_reply() -> None:
    assert "You asked for this yourself." in words(notices.refusal("You asked for this yourself."))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"quorum": 2}, "waits for 2 approvals"),
        ({"verdict": Verdict.ALLOW}, "allowed by policy"),
        ({"verdict": Verdict.DENY, "verdict_reason": "Not on a closed ticket."}, "Not on a closed ticket."),
    ],
)
def test_the_proposer_hears_what_became_of_it(changes: dict[str, object], said: str) -> None:
    assert said in words(notices.proposed(b.request(**changes)))


def test_help_names_every_command() -> None:
    for usage in ("tickets", "ticket N", "audit N", "new TEXT", "help"):
        assert f"/countersign {usage}" in words(notices.help_text())
