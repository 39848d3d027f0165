"""Known ways around approval gates, each tried at this one's door."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.digest import request_digest
from policy.errors import IllegalMove
from policy.lifecycle import RequestEvent, move
from policy.terms import (
    Agent,
    Choice,
    Person,
    PersonKey,
    Requester,
    RequesterKind,
    RequestFacts,
    RequestStatus,
    Risk,
    Severity,
    Tally,
    Verdict,
)
from policy.votes import VoteSigner, tally
from tests.policy.builders import (
    BOB,
    CLICKS_SUFFICE,
    DIGEST,
    GATE,
    MALLORY,
    NOW,
    PAT,
    SIGNER,
    action,
    approved,
    note,
    person,
    request,
    vote,
)

ANN = person("U_ANN", "security")
BEN = person("U_BEN", "security")


def approve(about: RequestFacts, voter: Any) -> str:
    return GATE.rule_on_vote(about, voter, Choice.APPROVE, shown_digest=DIGEST, now=NOW).code


def run(about: RequestFacts, *voters: Person, digest_now: str = DIGEST) -> str:
    votes = [vote(voter) for voter in voters]
    return GATE.rule_on_run(about, votes, {one.key: one for one in voters}, digest_now=digest_now, now=NOW).code


@pytest.mark.parametrize(
    ("flag", "code"),
    [
        ("is_home", "core-no-outsider"),
        ("is_active", "core-no-inactive-account"),
        ("is_full_member", "core-no-guest"),
        ("is_human", "core-no-bot"),
        ("is_email_confirmed", "core-no-unconfirmed-email"),
    ],
)
def test_threat_03_no_guest_stranger_bot_or_inactive_account_decides_not_even_from_the_right_group(
    flag: str, code: str
) -> None:
    flawed = person("U_ANN", "security", "support", **{flag: False})

    assert approve(request(), flawed) == code
    assert run(approved(), flawed) == code


@pytest.mark.parametrize(
    ("about", "code"),
    [
        (action(requester=Requester(RequesterKind.SLACK_PERSON, ANN.key, "")), "core-no-requester"),
        (action(subjects=frozenset({ANN.key, BOB})), "core-no-subject"),
    ],
)
def test_threat_05_who_has_a_part_in_it_does_not_approve_it(about: Any, code: str) -> None:
    assert approve(request(about), ANN) == code
    assert run(approved(about), ANN) == code


ELSEWHERE = PersonKey("T_WORKSPACE", ANN.key.user_id)
"""Ann's account as a directory names it that has the workspace where Slack names the Enterprise."""


@pytest.mark.parametrize(
    ("about", "code"),
    [
        (request(action(requester=Requester(RequesterKind.SLACK_PERSON, ELSEWHERE, ""))), "core-no-requester"),
        (request(proposer=ELSEWHERE), "core-no-proposer"),
        (request(editors=frozenset({ELSEWHERE})), "core-no-editor"),
        (request(action(subjects=frozenset({ELSEWHERE, BOB}))), "core-no-subject"),
        (request(action(subject_emails=frozenset({"bob@home.example", " U_Ann@Home.EXAMPLE\n"}))), "core-no-subject"),
    ],
)
def test_threat_05_a_part_in_it_counts_under_another_workspace_and_by_address_too(
    about: RequestFacts, code: str
) -> None:
    assert approve(about, ANN) == code
    assert run(replace(about, status=RequestStatus.APPROVED), ANN) == code
    assert GATE.eligible(about, [ANN, BEN], now=NOW) == (BEN,)


def test_threat_05_who_took_the_subjects_address_after_the_vote_counts_no_longer() -> None:
    about = approved(action(subject_emails=frozenset({"bob@home.example"})))
    renamed = replace(ANN, email="Bob@home.example")

    assert run(about, ANN) == "permitted"
    assert run(about, renamed) == "core-no-subject"


@pytest.mark.parametrize("address", [None, "", " "])
def test_threat_05_who_has_no_address_to_compare_does_not_decide_over_somebody_known_by_theirs(
    address: str | None,
) -> None:
    unknown = replace(ANN, email=address)

    assert approve(request(action(subject_emails=frozenset({"bob@home.example"}))), unknown) == "core-no-subject"
    assert approve(request(action(subject_emails=frozenset({"", " "}))), unknown) == "permitted"


def test_threat_05_an_address_or_a_bare_user_id_lets_nobody_in() -> None:
    unattended = approved(note(), quorum=0, proposer=ANN.key)
    twin = replace(ANN, key=ELSEWHERE)

    by_ann = GATE.rule_on_run(unattended, [], {}, digest_now=DIGEST, now=NOW, proposer=ANN)
    by_her_twin = GATE.rule_on_run(unattended, [], {}, digest_now=DIGEST, now=NOW, proposer=twin)
    for_her = GATE.rule_on_run(approved(), [vote(ANN)], {ANN.key: twin}, digest_now=DIGEST, now=NOW)

    assert by_ann.is_allowed
    assert by_her_twin.code == "proposer-unknown"
    assert for_her.code == "voter-unknown"


@pytest.mark.parametrize("kind", RequesterKind)
def test_threat_05_the_account_a_request_came_from_is_excluded_whatever_is_known_of_the_human(
    kind: RequesterKind,
) -> None:
    about = action(requester=Requester(kind, ANN.key, ""))

    assert approve(request(about), ANN) == "core-no-requester"
    assert run(approved(about), ANN) == "core-no-requester"
    assert approve(request(about), BEN) == "permitted"


@pytest.mark.parametrize("kind", [kind for kind in RequesterKind if kind is not RequesterKind.SLACK_PERSON])
@pytest.mark.parametrize("key", [None, MALLORY])
def test_threat_05_an_account_behind_an_app_or_a_form_makes_no_known_human(
    kind: RequesterKind, key: PersonKey | None
) -> None:
    reply = note(risk=Risk.MEDIUM, requester=Requester(kind, key, "mallory"))

    assert approve(request(reply), person("U_SUP", "support")) == "unknown-requester-needs-security"
    assert run(approved(reply), person("U_SUP", "support")) == "unknown-requester-needs-security"
    assert approve(request(reply), ANN) == "permitted"
    assert "Nobody knows which human asked" in GATE.judge_proposal(reply, person("U_SUP", "support")).reason


def test_threat_05_neither_proposer_nor_editor_approves_and_no_alias_of_the_name_helps() -> None:
    alias = replace(person("U_PAT", "security"), name="Somebody Else", email="else@home.example")

    assert alias.key == PAT
    assert approve(request(), alias) == "core-no-proposer"
    assert approve(request(editors=frozenset({ANN.key})), ANN) == "core-no-editor"
    assert run(approved(editors=frozenset({ANN.key})), ANN) == "core-no-editor"


def test_threat_05_where_the_requester_is_unknown_the_circle_is_stricter_and_not_wider() -> None:
    unknown = Requester(RequesterKind.EMAIL, None, "ann@home.example")
    reply = note(risk=Risk.MEDIUM, requester=unknown)

    assert approve(request(reply), person("U_SUP", "support")) == "unknown-requester-needs-security"
    assert approve(request(reply), ANN) == "permitted"


SHOWN: dict[str, Any] = {
    "request_id": "request-1",
    "action_id": "api_key.revoke",
    "params": {"key_id": "ak_demo_bob_001"},
    "ticket_id": "ticket-1",
    "ticket_revision": 0,
    "policy_version": GATE.policy_version,
    "quorum": 1,
    "expires_at": NOW,
    "card": [],
    "provenance": {"key_id": {"provenance": "operator"}},
    "requester_kind": RequesterKind.EMAIL,
    "requester": None,
    "proposer": None,
    "subjects": (),
    "subject_emails": (),
    "distinct_groups": (),
    "replaces": None,
    "revision": 1,
    "editors": (),
    "break_glass": None,
}


@pytest.mark.parametrize(
    "change",
    [
        {"params": {"key_id": "ak_demo_root_001"}},
        {"ticket_revision": 1},
        {"action_id": "user.suspend"},
        {"card": ["x"]},
        {"provenance": {"key_id": {"provenance": "requester"}}},
        {"requester_kind": RequesterKind.SLACK_PERSON},
    ],
)
def test_threat_08_arguments_or_ticket_changed_after_approval_do_not_run(change: dict[str, Any]) -> None:
    digest = request_digest(**SHOWN)
    about = approved(digest=digest)
    votes = [vote(ANN, digest=digest)]

    as_shown = GATE.rule_on_run(about, votes, {ANN.key: ANN}, digest_now=digest, now=NOW)
    changed = GATE.rule_on_run(about, votes, {ANN.key: ANN}, digest_now=request_digest(**SHOWN | change), now=NOW)

    assert as_shown.is_allowed
    assert changed.code == "core-no-other-digest"


def test_threat_08_an_approval_is_not_replayed_on_another_request_nor_on_a_digest_put_in_later() -> None:
    used = vote(ANN)
    voters = {ANN.key: ANN}
    other = approved(request_id="request-2")
    moved = approved(digest="d2" * 32)

    assert GATE.rule_on_run(other, [used], voters, digest_now=DIGEST, now=NOW).code == "vote-of-another-request"
    assert GATE.rule_on_run(moved, [used], voters, digest_now="d2" * 32, now=NOW).code == "vote-of-another-digest"


@given(st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_threat_09_no_text_of_a_model_or_a_requester_moves_a_decision(label: str, value: str) -> None:
    told = action(
        params={"key_id": value, "note": label},
        requester=Requester(RequesterKind.SLACK_PERSON, MALLORY, label, company=value),
        ticket_category="other",
    )

    assert GATE.judge_proposal(told, Agent("triage")) == GATE.judge_proposal(action(), Agent("triage"))
    for voter in (ANN, person("U_SUP", "support"), person("U_MALLORY", "security", key=MALLORY)):
        assert approve(request(told), voter) == approve(request(), voter)


@pytest.mark.parametrize("category", ["other", "hardware", "security_incident"])
@pytest.mark.parametrize("severity", Severity)
def test_threat_09_what_triage_made_of_the_text_lowers_nothing(category: str, severity: Severity) -> None:
    judged = action(ticket_category=category, ticket_severity=severity)

    assert GATE.judge_proposal(judged, Agent("triage")).verdict is Verdict.NEEDS_APPROVAL
    assert approve(request(judged), person("U_SUP", "support")) == "not-permitted"


def test_threat_16_calling_oneself_the_security_lead_opens_nothing() -> None:
    claimed = replace(
        person("U_MALLORY", key=MALLORY, is_home=False),
        name="Security Team Lead",
        company="Home",
        email="security-lead@home.example",
    )
    by_mail = Requester(RequesterKind.EMAIL, None, "security-lead@home.example", company="Home", is_internal=True)

    assert approve(request(), claimed) == "core-no-outsider"
    assert GATE.judge_proposal(action(requester=by_mail), claimed).verdict is Verdict.DENY
    assert GATE.judge_proposal(action(requester=by_mail), Agent("triage")).verdict is Verdict.NEEDS_APPROVAL
    assert GATE.rule_on_view(claimed).code == "core-no-outsider"


def test_threat_16_a_user_id_of_ours_in_another_company_is_somebody_else() -> None:
    twin = replace(ANN, key=PersonKey("T_EXTERNAL", ANN.key.user_id), is_home=False)
    ours = vote(ANN)

    ruling = GATE.rule_on_run(approved(), [ours], {twin.key: twin}, digest_now=DIGEST, now=NOW)

    assert approve(request(), twin) == "core-no-outsider"
    assert ruling.code == "voter-unknown"


def test_threat_17_an_approval_is_nobodys_to_pass_on() -> None:
    boss, clerk = person("U_BOSS", "security"), person("U_CLERK")
    in_the_boss_name = replace(vote(clerk, reason="my boss approved"), voter=boss.key)

    ruling = GATE.rule_on_run(approved(), [in_the_boss_name], {boss.key: boss}, digest_now=DIGEST, now=NOW)

    assert approve(request(), clerk) == "not-permitted"
    assert ruling.code == "vote-signature-broken"


def test_threat_17_many_approvals_of_people_who_may_not_do_not_add_up() -> None:
    crowd = [person(f"U_{number}", "support") for number in range(20)]

    assert run(approved(), *crowd) == "not-permitted"
    assert run(approved(quorum=2), ANN) == "quorum-not-met"


def test_threat_20_the_agent_does_not_resolve_its_own_request_nor_anybodys() -> None:
    triage = Agent("triage")

    for about in (request(proposer=None), request(), request(note(), proposer=None)):
        for choice in Choice:
            ruling = GATE.rule_on_vote(about, triage, choice, shown_digest=DIGEST, now=NOW)
            assert (ruling.is_allowed, ruling.code) == (False, "core-no-agent")


def test_threat_20_an_agent_named_like_a_person_is_still_no_person() -> None:
    assert approve(request(), Agent(str(ANN.key))) == "core-no-agent"


def test_threat_21_a_row_set_to_approved_does_not_run() -> None:
    assert run(approved()) == "quorum-not-met"


def test_threat_21_a_vote_written_into_the_table_does_not_count() -> None:
    guessed = vote(ANN, signer=VoteSigner({"k1": b"guess" * 8}, "k1"))

    for forged in (replace(vote(ANN), signature="0" * 64), replace(vote(ANN), signature=""), guessed):
        ruling = GATE.rule_on_run(approved(), [forged], {ANN.key: ANN}, digest_now=DIGEST, now=NOW)
        assert ruling.code == "vote-signature-broken"


def test_threat_21_a_quorum_edited_down_does_not_make_it_enough() -> None:
    critical = action(risk=Risk.CRITICAL)
    to_zero = approved(critical, quorum=0, proposer=None)

    ruling = GATE.rule_on_run(to_zero, [], {}, digest_now=DIGEST, now=NOW, proposer=Agent("triage"))

    lowered = CLICKS_SUFFICE.rule_on_run(
        approved(critical, quorum=1), [vote(ANN)], {ANN.key: ANN}, digest_now=DIGEST, now=NOW
    )
    assert lowered.code == "quorum-not-met"
    assert ruling.code == "no-longer-unattended"


@pytest.mark.parametrize("part", ["requester", "proposer", "subjects", "subject_emails"])
def test_threat_21_an_excluded_person_edited_out_of_the_row_changes_the_digest(part: str) -> None:
    people: dict[str, Any] = SHOWN | {
        "requester": MALLORY,
        "proposer": PAT,
        "subjects": frozenset({BOB}),
        "subject_emails": frozenset({"bob@home.example"}),
    }
    edited = people | {part: frozenset() if part.startswith("subject") else ANN.key}
    digest = request_digest(**people)

    ruling = GATE.rule_on_run(
        approved(digest=digest),
        [vote(ANN, digest=digest)],
        {ANN.key: ANN},
        digest_now=request_digest(**edited),
        now=NOW,
    )

    assert ruling.code == "core-no-other-digest"


def test_threat_22_a_rejection_is_final_and_a_later_approval_changes_nothing() -> None:
    votes = [vote(ANN, choice=Choice.REJECT), vote(person("U_BEN", "security"))]
    status = move(RequestStatus.PENDING, RequestEvent.REJECTED)

    with pytest.raises(IllegalMove):
        move(status, RequestEvent.APPROVED)
    assert tally(votes, 1) is Tally.REJECTED
    assert approve(request(status=status), ANN) == "core-no-settled-request"


def test_threat_22_a_double_click_is_one_vote() -> None:
    twice = [vote(ANN, slack_request_id="trigger-1"), vote(ANN, slack_request_id="trigger-2")]
    critical = approved(action(risk=Risk.CRITICAL), quorum=2)

    ruling = CLICKS_SUFFICE.rule_on_run(critical, twice, {ANN.key: ANN}, digest_now=DIGEST, now=NOW)

    assert all(SIGNER.verify(one) for one in twice)
    assert ruling.code == "quorum-not-met"


@pytest.mark.parametrize("status", [status for status in RequestStatus if status is not RequestStatus.PENDING])
def test_threat_22_a_late_vote_is_refused_wherever_the_request_went(status: RequestStatus) -> None:
    assert approve(request(status=status), ANN) == "core-no-settled-request"
