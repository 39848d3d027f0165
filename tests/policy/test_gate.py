"""Proposals, votes, views and who is eligible, at the gate's own door."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from policy import invariants
from policy.engine import Answer, PolicyEngine
from policy.gate import Gate
from policy.loading import CORE_FILE
from policy.replies import NOT_PERMITTED, REASONS, REPLIES, SITE_RULE
from policy.terms import (
    ActionFacts,
    Agent,
    Choice,
    Person,
    PersonKey,
    Proposer,
    Requester,
    RequesterKind,
    RequestFacts,
    RequestStatus,
    Risk,
    Ruling,
    Verdict,
)
from policy.weighing import weigh
from tests.policy.builders import (
    BOB,
    CLICKS_SUFFICE,
    DIGEST,
    ENGINE,
    GATE,
    MALLORY,
    NOW,
    PAT,
    SIGNER,
    action,
    edit,
    note,
    person,
    policy_copy,
    request,
)

SECURITY = person("U_SEC", "security")
SUPPORT = person("U_SUP", "support")
NOBODY = person("U_ANY")
TRIAGE = Agent("triage")
E_MAIL = Requester(RequesterKind.EMAIL, None, "mallory@external.example")


def rule(
    about: RequestFacts, voter: Proposer, choice: Choice = Choice.APPROVE, *, gate: Gate = GATE, **changes: Any
) -> Ruling:
    sight: dict[str, Any] = {"shown_digest": DIGEST, "now": NOW} | changes
    return gate.rule_on_vote(about, voter, choice, **sight)


# --- proposals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "proposer", "verdict"),
    [
        (note(), TRIAGE, Verdict.ALLOW),
        (note(requester=E_MAIL), TRIAGE, Verdict.ALLOW),
        (note(action_id="ticket.set_severity"), TRIAGE, Verdict.ALLOW),
        (note(action_id="ticket.set_category"), SUPPORT, Verdict.ALLOW),
        (note(action_id="ticket.assign"), SECURITY, Verdict.ALLOW),
        (note(action_id="ticket.close"), SUPPORT, Verdict.ALLOW),
        (note(action_id="ticket.reopen"), SECURITY, Verdict.ALLOW),
        (note(action_id="ticket.close"), TRIAGE, Verdict.NEEDS_APPROVAL),
        (note(), Agent("copilot"), Verdict.NEEDS_APPROVAL),
        (note(action_id="ticket.reply_to_customer", risk=Risk.MEDIUM), SUPPORT, Verdict.NEEDS_APPROVAL),
        (note(risk=Risk.HIGH), SECURITY, Verdict.NEEDS_APPROVAL),
        (action(), TRIAGE, Verdict.NEEDS_APPROVAL),
        (action(), SUPPORT, Verdict.NEEDS_APPROVAL),
        (action(), NOBODY, Verdict.DENY),
        (action(proposable_by=frozenset({"security"})), SUPPORT, Verdict.DENY),
        (action(proposable_by=frozenset({"security"})), TRIAGE, Verdict.DENY),
        (note(unconfirmed_params=frozenset({"note"})), TRIAGE, Verdict.DENY),
        (note(), person("U_EVE", "support", is_home=False), Verdict.DENY),
        (note(), person("U_GUEST", "support", is_full_member=False), Verdict.DENY),
        (note(), person("U_APP", "support", is_human=False), Verdict.DENY),
        (note(channel_kind="carrier_pigeon"), TRIAGE, Verdict.DENY),
    ],
)
def test_a_proposal_is_allowed_shown_for_approval_or_denied(
    facts: ActionFacts, proposer: Proposer, verdict: Verdict
) -> None:
    assert GATE.judge_proposal(facts, proposer).verdict is verdict


@pytest.mark.parametrize(("risk", "quorum"), [(Risk.MEDIUM, 1), (Risk.HIGH, 1), (Risk.CRITICAL, 2)])
def test_what_needs_approval_says_how_many_and_how_long(risk: Risk, quorum: int) -> None:
    judgement = GATE.judge_proposal(action(risk=risk), SUPPORT)

    assert (judgement.quorum, judgement.ttl_seconds) == (quorum, ENGINE.ttl_seconds(risk))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (
            action(),
            "High-risk action: needs the approval of one person whom the policy names and who did not ask for it, did"
            " not propose it and is not the one it is done to.",
        ),
        (
            action(risk=Risk.CRITICAL, requester=E_MAIL),
            "Critical-risk action: needs the approval of 2 different people whom the policy names and who did not ask"
            " for it, did not propose it and are not the ones it is done to. Nobody knows which human asked, which can"
            " narrow the circle further. Each approval is confirmed with a passkey.",
        ),
    ],
)
def test_a_card_says_who_has_to_approve_and_with_what(facts: ActionFacts, words: str) -> None:
    assert GATE.judge_proposal(facts, SUPPORT).reason == words


def test_what_is_allowed_needs_nobody_and_says_why() -> None:
    judgement = GATE.judge_proposal(note(), TRIAGE)

    assert judgement.quorum == 0
    assert judgement.policy_ids == ("triage-may-keep-tickets-tidy",)
    assert judgement.reason == "Low-risk action; allowed by policy without an approval."


def test_what_several_permits_allow_is_allowed_in_the_words_of_each(tmp_path: Path) -> None:
    folder = policy_copy(tmp_path)
    (folder / "more.cedar").write_text(
        '@id("a-second-permit") @reason("Planted: it may.")\n'
        'permit (principal == Agent::"triage", action == Action::"runUnattended", resource);\n'
    )

    judgement = Gate(PolicyEngine.load(folder), SIGNER).judge_proposal(note(), TRIAGE)

    assert judgement.policy_ids == ("a-second-permit", "triage-may-keep-tickets-tidy")
    assert judgement.reason == "Planted: it may. Low-risk action; allowed by policy without an approval."


def test_every_unconfirmed_parameter_is_named_in_the_denial() -> None:
    judgement = GATE.judge_proposal(action(unconfirmed_params=frozenset({"key_id", "account"})), SUPPORT)

    assert judgement.verdict is Verdict.DENY
    assert judgement.policy_ids == ("core-no-unconfirmed-parameters",)
    assert judgement.reason.endswith(" Not confirmed: account, key_id.")


def test_a_denial_names_the_most_telling_rule_first() -> None:
    eve = person("U_EVE", is_home=False, is_email_confirmed=False)

    judgement = GATE.judge_proposal(action(unconfirmed_params=frozenset({"key_id"})), eve)

    assert judgement.policy_ids[0] == "core-no-outsider"
    assert set(judgement.policy_ids) == {
        "core-no-outsider",
        "core-no-unconfirmed-email",
        "core-no-unlisted-proposer",
        "core-no-unconfirmed-parameters",
    }


# --- votes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", Choice)
@pytest.mark.parametrize(
    ("about", "voter", "code"),
    [
        (request(), SECURITY, "permitted"),
        (request(note(risk=Risk.MEDIUM)), SUPPORT, "permitted"),
        (request(action(risk=Risk.CRITICAL)), SECURITY, "permitted"),
        (request(action(requester=E_MAIL)), SECURITY, "permitted"),
        (request(note(requester=E_MAIL, risk=Risk.MEDIUM)), SUPPORT, "unknown-requester-needs-security"),
        (request(), SUPPORT, NOT_PERMITTED),
        (request(action(risk=Risk.CRITICAL)), SUPPORT, NOT_PERMITTED),
        (request(), NOBODY, NOT_PERMITTED),
        (request(), TRIAGE, "core-no-agent"),
        (request(), person("U_EVE", "security", is_home=False), "core-no-outsider"),
        (request(), person("U_APP", "security", is_human=False), "core-no-bot"),
        (request(), person("U_OLD", "security", is_active=False), "core-no-inactive-account"),
        (request(), person("U_GUEST", "security", is_full_member=False), "core-no-guest"),
        (request(), person("U_NEW", "security", is_email_confirmed=False), "core-no-unconfirmed-email"),
        (request(), person("U_MALLORY", "security", key=MALLORY), "core-no-requester"),
        (request(), person("U_PAT", "security"), "core-no-proposer"),
        (request(editors=frozenset({SECURITY.key})), SECURITY, "core-no-editor"),
        (request(), person("U_BOB", "security"), "core-no-subject"),
        (request(expires_at=NOW), SECURITY, "core-no-expired-request"),
        (request(digest="another"), SECURITY, "core-no-other-digest"),
        (request(policy_version="another"), SECURITY, "core-no-other-policy"),
        (request(action(unconfirmed_params=frozenset({"key_id"}))), SECURITY, "core-no-unconfirmed-parameters"),
    ],
)
def test_a_vote_is_ruled_on_alike_whether_it_says_yes_or_no(
    about: RequestFacts, voter: Proposer, code: str, choice: Choice
) -> None:
    ruling = rule(about, voter, choice, gate=CLICKS_SUFFICE)

    assert ruling.code == code
    assert ruling.is_allowed is (code == "permitted")


def test_an_address_that_says_nothing_makes_nobody_the_one_it_is_done_to() -> None:
    voter = person("U_SEC", "security", linked_addresses=frozenset({"", " "}))

    assert rule(request(action(subject_emails=frozenset({"", "\t"}))), voter).code == "permitted"
    assert rule(request(action(subject_emails=frozenset({"bob@home.example"}))), voter).code == "permitted"


@pytest.mark.parametrize("status", [status for status in RequestStatus if status is not RequestStatus.PENDING])
def test_only_a_pending_request_can_be_voted_on(status: RequestStatus) -> None:
    assert rule(request(status=status), SECURITY).code == "core-no-settled-request"


def test_a_request_without_a_digest_cannot_be_voted_on_even_by_a_card_that_shows_none() -> None:
    assert rule(request(digest=""), SECURITY, shown_digest="").code == "core-no-other-digest"


@pytest.mark.parametrize(("stored", "shown"), [(DIGEST, "\ud800"), ("\ud800", DIGEST), ("\ud800", "\ud800")])
def test_a_digest_that_is_no_text_is_a_denial_and_not_an_error(stored: str, shown: str) -> None:
    ruling = rule(request(digest=stored), SECURITY, shown_digest=shown)

    assert (ruling.is_allowed, ruling.code) == (False, "gate-error")


def test_a_request_can_be_voted_on_until_the_last_microsecond() -> None:
    about = request()
    last = about.expires_at - timedelta(microseconds=1)

    assert rule(about, SECURITY, now=last).is_allowed
    assert not rule(about, SECURITY, now=about.expires_at).is_allowed


def test_a_clock_without_a_time_zone_is_a_denial_that_says_so() -> None:
    ruling = rule(request(), SECURITY, now=NOW.replace(tzinfo=None))

    assert (ruling.is_allowed, ruling.code) == (False, "gate-error")
    assert "offset-naive" in ruling.details["errors"][0]


def test_a_fact_that_the_schema_does_not_know_is_a_denial_that_says_so() -> None:
    ruling = rule(request(action(channel_kind="carrier_pigeon")), SECURITY)

    assert (ruling.is_allowed, ruling.code) == (False, "gate-error")
    assert "schema" in ruling.details["errors"][0]


def test_two_people_whose_keys_read_alike_are_two_people() -> None:
    one = person("X", "security", key=PersonKey("T/U", "X"))
    other = PersonKey("T", "U/X")

    assert str(one.key) == str(other)
    assert rule(request(proposer=other), one).code == "permitted"
    assert rule(request(proposer=one.key), one).code == "core-no-proposer"


@pytest.mark.parametrize("policy_id", ["core-no-requester", "core-no-outsider", "core-no-other-digest"])
def test_a_forbid_that_is_there_but_never_holds_is_noticed_and_denied(tmp_path: Path, policy_id: str) -> None:
    folder = policy_copy(tmp_path)
    text = (folder / CORE_FILE).read_text()
    spoilt = re.sub(
        rf'(@id\("{policy_id}"\)\n@reason\([^\n]*\)\n)forbid .*?;\n',
        r'\1forbid (principal == Agent::"nobody", action, resource);\n',
        text,
        flags=re.DOTALL,
    )
    assert spoilt != text
    (folder / CORE_FILE).write_text(spoilt)
    gate = Gate(PolicyEngine.load(folder), SIGNER)
    asked = {
        "core-no-requester": person("U_MALLORY", "security", key=MALLORY),
        "core-no-outsider": person("U_EVE", "security", is_home=False),
        "core-no-other-digest": SECURITY,
    }[policy_id]
    shown = "another" if policy_id == "core-no-other-digest" else DIGEST

    ruling = rule(request(policy_version=gate.policy_version), asked, gate=gate, shown_digest=shown)

    assert (ruling.is_allowed, ruling.code) == (False, "gate-disagreement")
    assert ruling.details == {"cedar": [], "code": [policy_id]}


@pytest.mark.parametrize("policy_id", invariants.ORDER)
def test_a_predicate_that_falls_silent_is_noticed_and_denied(policy_id: str) -> None:
    by_cedar_only = Answer(is_allowed=False, policy_ids=(policy_id,))

    finding = weigh(by_cedar_only, frozenset())

    assert (finding.is_allowed, finding.code) == (False, "gate-disagreement")


# --- what is said ----------------------------------------------------------------------------------------------


def test_every_rule_has_a_reply_and_every_refusal_of_the_gates_own_has_a_reason() -> None:
    assert set(invariants.ORDER) <= set(REPLIES)
    assert set(REASONS) | set(invariants.ORDER) | {"permitted"} == set(REPLIES)


@pytest.mark.parametrize("reply", [*REPLIES.values(), SITE_RULE.words])
def test_a_reply_is_one_or_two_sentences_that_give_nothing_away(reply: str) -> None:
    assert 1 <= len(re.findall(r"[.!?](?:\s|$)", reply)) <= 2
    assert not re.search(r"\b(security|support)\b|[#@<>]|approver", reply, re.IGNORECASE)


def test_an_outsider_learns_who_they_are_and_nothing_of_the_request() -> None:
    expired = request(expires_at=NOW, status=RequestStatus.REJECTED, digest="another")

    ruling = rule(expired, person("U_MALLORY", key=MALLORY, is_home=False))

    assert ruling.code == "core-no-outsider"
    assert ruling.reply == REPLIES["core-no-outsider"]


def test_a_rule_of_the_site_speaks_for_itself_and_a_silent_one_is_spoken_for(tmp_path: Path) -> None:
    folder = policy_copy(tmp_path)
    medium = note(requester=E_MAIL, risk=Risk.MEDIUM)
    spoken = rule(request(medium), SUPPORT).reply
    edit(folder / "site.cedar", f'@reply("{spoken}")\n', "")
    gate = Gate(PolicyEngine.load(folder), SIGNER)

    assert spoken.startswith("It is not known who asked")
    assert rule(request(medium, policy_version=gate.policy_version), SUPPORT, gate=gate).reply == SITE_RULE.words


# --- views and eligibility -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (SUPPORT, "permitted"),
        (SECURITY, "permitted"),
        (NOBODY, NOT_PERMITTED),
        (person("U_EVE", "support", is_home=False), "core-no-outsider"),
        (person("U_OLD", "support", is_active=False), "core-no-inactive-account"),
        (person("U_GUEST", "support", is_full_member=False), "core-no-guest"),
    ],
)
def test_tickets_and_trails_are_seen_by_the_desks_people_only(who: Person, code: str) -> None:
    assert GATE.rule_on_view(who).code == code


def test_the_eligible_are_exactly_those_whose_approval_would_be_taken() -> None:
    people = [SECURITY, SUPPORT, NOBODY, person("U_PAT", "security"), person("U_BOB", "security"), SECURITY]

    eligible = GATE.eligible(request(), people, now=NOW)

    assert eligible == (SECURITY,)
    assert [one for one in people if rule(request(), one).is_allowed] == [SECURITY, SECURITY]


def test_who_is_eligible_can_be_asked_before_the_card_is_drawn() -> None:
    assert GATE.eligible(request(digest=""), [SECURITY], now=NOW) == (SECURITY,)


def test_nobody_is_eligible_for_a_request_that_is_over() -> None:
    assert GATE.eligible(request(status=RequestStatus.EXPIRED), [SECURITY], now=NOW) == ()
    assert GATE.eligible(request(), [], now=NOW) == ()


def test_the_proposer_and_the_subject_are_the_people_we_think() -> None:
    assert {PAT, BOB} == {request().proposer, *request().action.subjects}
