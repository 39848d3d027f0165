"""Threats 1, 2, 3, 5, 6 and 16: somebody presses Approve who may not. Real presses where the person sees the card,
and for everyone the payload that Slack would sign if they did.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handlers.identity import Identity
from tests.passkeys import approve
from tests.running import RunningDesk
from tests.threats.cases import (
    BOB,
    SANA,
    VICTOR,
    Case,
    assert_ran_once,
    assert_undecided,
    card_of,
    change,
    click_of,
    elements,
    json_text,
    key_status,
    last_refusal,
    message_at,
    new_key,
    open_case,
    open_form,
    posted,
    press_forged,
    refusals,
    refused_clicks,
    settled,
    submission_of,
)
from tests.threats.planted import (
    GENEROUS_SITE,
    ForgivingGate,
    GroupBelievingIdentity,
    NameBelievingIdentity,
    TeamFieldIdentity,
    gate_of,
    policy_folder,
    with_identity,
    with_parts,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEMBERS_OF_THE_CHANNEL = {"olivia": "core-no-proposer", "sam": "not-permitted", "bob": "core-no-subject"}
ELSEWHERE = {
    "erin": "not-permitted",
    "gina": "core-no-guest",
    "gus": "core-no-guest",
    "dana": "core-no-inactive-account",
    "ivan": "core-no-inactive-account",
    "uma": "core-no-unconfirmed-email",
    "intake-workflow": "core-no-bot",
    "mail-connector": "core-no-bot",
    "deploybot": "core-no-bot",
    "countersign": "core-no-bot",
    "mallory": "core-no-outsider",
    "trent": "core-no-outsider",
    "greta": "core-no-outsider",
    "gregor": "core-no-outsider",
}


# --- 1: any member of the channel clicks ---------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "rule"), MEMBERS_OF_THE_CHANNEL.items())
async def test_threat_01_being_in_the_approvals_channel_lets_nobody_decide(
    desk: RunningDesk, waiting: Case, who: str, rule: str
) -> None:
    person = desk.slack.person(who)
    person.reload()

    await person.click("desk-approvals", waiting.card_ts, action_id="request.approve")

    await assert_undecided(desk, waiting)
    assert await last_refusal(desk, waiting) == rule
    [said] = person.ephemerals("desk-approvals")
    assert len(json_text(said["blocks"])) > 40


@pytest.mark.parametrize("who", MEMBERS_OF_THE_CHANNEL)
async def test_threat_01_nor_does_it_let_them_reject(desk: RunningDesk, waiting: Case, who: str) -> None:
    person = desk.slack.person(who)

    await person.click("desk-approvals", waiting.card_ts, action_id="request.reject")
    await desk.slack.forge.send(
        submission_of(desk, waiting, who, "reject_request", str(waiting.request_id), {"reason": "no"})
    )

    await assert_undecided(desk, waiting)
    assert not person.modals()
    assert (await refusals(desk, waiting))[-2:] == [MEMBERS_OF_THE_CHANNEL[who]] * 2


async def test_threat_01_the_check_fails_on_a_site_policy_that_lets_everybody_approve(
    desk: RunningDesk, tmp_path: Path
) -> None:
    gate = gate_of(policy_folder(tmp_path / "generous", site=GENEROUS_SITE))
    with with_parts(desk, gate=gate):
        case = await open_case(desk)
        await desk.slack.person("sam").click("desk-approvals", case.card_ts, action_id="request.approve")

        with pytest.raises(AssertionError):
            await assert_undecided(desk, case)


async def test_threat_01_even_that_policy_lets_nobody_pass_whom_an_invariant_names(
    desk: RunningDesk, tmp_path: Path
) -> None:
    gate = gate_of(policy_folder(tmp_path / "generous", site=GENEROUS_SITE))
    with with_parts(desk, gate=gate):
        case = await open_case(desk)
        named = {who: rule for who, rule in (MEMBERS_OF_THE_CHANNEL | ELSEWHERE).items() if rule.startswith("core-")}
        for who in named:
            await press_forged(desk, case, who)

        await assert_undecided(desk, case)
        assert dict(zip(named, await refusals(desk, case), strict=True)) == named


# --- 2: the wrong team field ---------------------------------------------------------------------------------------


async def test_threat_02_an_outsider_is_known_by_their_own_team_though_the_click_names_ours(
    desk: RunningDesk, waiting: Case
) -> None:
    payload = click_of(desk, waiting, "mallory")
    assert payload["team"]["id"] == "T0ACME00001"
    assert payload["user"]["team_id"] == "T0EXTERN001"

    await desk.slack.forge.send(payload)

    await assert_undecided(desk, waiting)
    assert await last_refusal(desk, waiting) == "core-no-outsider"


@pytest.mark.parametrize("who", ["mallory", "greta"])
async def test_threat_02_an_outsider_with_our_team_forged_in_every_field_is_refused(
    desk: RunningDesk, waiting: Case, who: str
) -> None:
    await press_forged(desk, waiting, who, user__team_id="T0ACME00001", team__id="T0ACME00001", enterprise=None)
    await desk.slack.forge.send(
        submission_of(desk, waiting, who, "reject_request", str(waiting.request_id), {"reason": "no"})
        | {"team": {"id": "T0ACME00001", "domain": "acme"}}
    )

    await assert_undecided(desk, waiting)
    assert (await refused_clicks(desk))[-1]["rule"] in ("identity-mismatch", "core-no-outsider")


async def test_threat_02_the_check_fails_on_a_door_that_reads_the_wrong_team_field(desk: RunningDesk) -> None:
    case = await open_case(desk)

    with with_identity(desk, TeamFieldIdentity(desk.parts.reception.identity)):
        # Not mallory: her user id alone keeps her out of what she asked for, whatever team stands beside it.
        await press_forged(desk, case, "trent")
        with pytest.raises(AssertionError):
            await assert_undecided(desk, case)


# --- 3: guests, strangers, bots, people who left; what Slack does not state ------------------------------------------


@pytest.mark.parametrize(("who", "rule"), ELSEWHERE.items())
async def test_threat_03_nobody_else_decides_by_any_payload(
    desk: RunningDesk, waiting: Case, who: str, rule: str
) -> None:
    await press_forged(desk, waiting, who)
    assert await last_refusal(desk, waiting) == rule
    await press_forged(desk, waiting, who, actions__0__action_id="request.reject")
    await desk.slack.forge.send(
        submission_of(desk, waiting, who, "reject_request", str(waiting.request_id), {"reason": "no"})
    )

    await assert_undecided(desk, waiting)
    assert (await refusals(desk, waiting))[-3:] == [rule] * 3


@pytest.mark.parametrize("user_id", ["USLACKBOT", "U0NOSUCHONE", "W0NOSUCHONE", "B0CSBOT0001", "T0ACME00001"])
async def test_threat_03_an_account_that_slack_does_not_know_decides_nothing(
    desk: RunningDesk, waiting: Case, user_id: str
) -> None:
    await press_forged(desk, waiting, "sana", user__id=user_id)

    await assert_undecided(desk, waiting)


class SilentSlack:
    """The real client, except that users.info leaves some fields out, or answers with others."""

    def __init__(self, real: Any, edit: Callable[[dict[str, Any]], Any]) -> None:
        self._real = real
        self._edit = edit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def users_info(self, **asked: Any) -> Any:
        answer = await self._real.users_info(**asked)
        user = dict(answer["user"])
        self._edit(user)
        return {"ok": True, "user": user}


def without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda user: user.pop(name, None)


def answering(name: str, value: object) -> Callable[[dict[str, Any]], Any]:
    return lambda user: user.update({name: value})


@pytest.mark.parametrize(
    "edit",
    [
        *(
            pytest.param(without(name), id=f"without {name}")
            for name in ("id", "team_id", "deleted", "is_bot", "is_restricted", "is_ultra_restricted")
        ),
        pytest.param(without("is_email_confirmed"), id="without is_email_confirmed"),
        *(
            pytest.param(answering(name, True), id=name)
            for name in ("is_stranger", "is_invited_user", "is_app_user", "is_workflow_bot", "is_connector_bot")
        ),
        *(
            pytest.param(answering(name, None), id=f"{name} null")
            for name in ("deleted", "is_bot", "is_restricted", "is_ultra_restricted", "is_email_confirmed", "team_id")
        ),
        pytest.param(answering("id", "U0VICTOR001"), id="another person"),
        pytest.param(answering("team_id", "T0EXTERN001"), id="another team"),
        pytest.param(
            answering("enterprise_user", {"enterprise_id": "E0GLOBEX001", "teams": ["T0ACME00001"]}),
            id="an enterprise that is not ours",
        ),
        pytest.param(lambda user: user.clear(), id="nothing at all"),
    ],
)
async def test_threat_03_what_slack_does_not_state_is_not_proven(
    desk: RunningDesk, waiting: Case, edit: Callable[[dict[str, Any]], Any]
) -> None:
    real = desk.parts.reception.identity
    partial = Identity(SilentSlack(desk.parts.client, edit), real.home, real._groups, real._monotonic)  # type: ignore[arg-type]  # stands in for the client

    with with_identity(desk, partial):
        await desk.slack.person("sana").click("desk-approvals", waiting.card_ts, action_id="request.approve")
        await assert_undecided(desk, waiting)


async def test_threat_03_somebody_deactivated_after_their_vote_does_not_count_when_it_runs(desk: RunningDesk) -> None:
    parent = await open_case(desk)
    request_id = await open_form(desk, parent, "user.suspend", {"email": "erin@acme.example"})
    card_ts = await card_of(desk, request_id)

    await approve(desk, "sana", card_ts)
    desk.slack.admin.deactivate("sana")
    await approve(desk, "victor", card_ts)
    await settled(desk)

    assert await desk.value("select status from action_requests where id = :id", id=request_id) == "denied"
    assert await desk.value("select status from directory_people where email = 'erin@acme.example'") == "active"
    refused = [event for event in await desk.trail(parent.ticket_id) if event.name == "run_refused"]
    assert [event.payload["rule"] for event in refused] == ["core-no-inactive-account"]
    desk.slack.admin.reactivate("sana")
    desk.slack.admin.set_group_members("security", ["sana", "victor", "bob"])


# --- 5: who asks, proposes or suffers it does not allow it -----------------------------------------------------------


async def test_threat_05_requester_proposer_and_subject_are_out_and_the_card_says_that_nobody_is_left(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk, who="sana", channel="help", operator="victor")

    for who in ("sana", "victor", "bob"):
        await desk.slack.person(who).click("desk-approvals", case.card_ts, action_id="request.approve")

    await assert_undecided(desk, case)
    assert await refusals(desk, case) == ["core-no-requester", "core-no-proposer", "core-no-subject"]
    card = json_text(message_at(desk, "desk-approvals", case.card_ts))
    assert "nobody at the moment" in card
    assert "Only 0 of the 1 people it needs could approve it right now" in card


async def test_threat_05_a_second_account_or_an_alias_of_the_subject_is_not_eligible(desk: RunningDesk) -> None:
    from local_slack.records import User

    case = await open_case(desk)
    # The same words about themselves, in the same group as far as Slack's list goes.
    twin = User("U0BOBTWIN01", "T0ACME00001", "bob2", "Sana Siddiqui", "bob+2@acme.example", "sana", "Security")
    desk.slack.admin.add_user(twin)
    desk.slack.admin.set_group_members("security", ["sana", "victor", "bob", "bob2"])
    try:
        await press_forged(desk, case, "bob2")
        await assert_undecided(desk, case)
        assert await last_refusal(desk, case) == "not-permitted"
    finally:
        desk.slack.admin.set_group_members("security", ["sana", "victor", "bob"])


async def test_threat_05_the_owner_of_an_address_is_the_subject_even_where_the_directory_knows_no_account(
    desk: RunningDesk,
) -> None:
    sql = "update directory_people set slack_key = :key where email = 'bob@acme.example'"
    await change(desk, sql, key=None)
    try:
        case = await open_case(desk)
        await desk.slack.person("bob").click("desk-approvals", case.card_ts, action_id="request.approve")

        await assert_undecided(desk, case)
        assert await last_refusal(desk, case) == "core-no-subject"
    finally:
        await change(desk, sql, key=BOB)


async def test_threat_05_who_made_the_ticket_of_a_post_that_names_nobody_does_not_decide_it(desk: RunningDesk) -> None:
    key_id = await new_key(desk)
    ts = desk.slack.workflow_post("desk-triage", "Intake", f"Please revoke API key {key_id} right now.")
    await desk.slack.person("sana").shortcut("make_ticket", "desk-triage", ts)
    ticket_id = await desk.until(lambda: desk.value("select id from tickets where slack_ts = :ts", ts=ts))
    triage_ts = await posted(desk, "triage_card", ticket_id)
    await desk.idle()
    lead = desk.slack.person("olivia")
    await lead.click("desk-triage", triage_ts, action_id="suggestion.confirm")
    await desk.until(lead.modals)
    await lead.submit(values={"keyId": key_id})
    lead.reload()
    card_ts = await posted(desk, "approval_card", ticket_id)
    row = (
        await desk.rows(
            "select id, eligible from action_requests where ticket_id = :id and risk = 'high'", id=ticket_id
        )
    )[0]
    case = Case(ticket_id, "desk-triage", ts, row.id, ticket_id, card_ts, triage_ts, key_id)

    await desk.slack.person("sana").click("desk-approvals", card_ts, action_id="request.approve")

    await assert_undecided(desk, case)
    assert await last_refusal(desk, case) == "core-no-editor"
    assert [one["key"] for one in row.eligible] == [VICTOR]
    await desk.slack.person("victor").click("desk-approvals", card_ts, action_id="request.approve")
    await assert_ran_once(desk, case)


@pytest.mark.parametrize(
    ("rule", "who", "about"),
    [
        ("core-no-requester", "sana", {"who": "sana", "channel": "help"}),
        ("core-no-proposer", "victor", {"operator": "victor"}),
        ("core-no-subject", "bob", {}),
    ],
)
async def test_threat_05_the_check_fails_on_a_gate_that_forgives_the_rule(
    desk: RunningDesk, rule: str, who: str, about: dict[str, str]
) -> None:
    case = await open_case(desk, **about)

    with with_parts(desk, gate=ForgivingGate(desk.parts.reception.desk.gate, rule)):
        await desk.slack.person(who).click("desk-approvals", case.card_ts, action_id="request.approve")
        with pytest.raises(AssertionError):
            await assert_undecided(desk, case)


SUBJECT_CONDITION = """\
when {
  resource.subjectUserIds.contains(principal.userId) ||
  (if principal has address
   then resource.subjectAddresses.contains(principal.address)
   else !resource.subjectAddresses.isEmpty())
};"""


@pytest.mark.parametrize(
    ("rule", "condition", "who", "about"),
    [
        (
            "core-no-requester",
            "when { resource has requesterUserId && resource.requesterUserId == principal.userId };",
            "sana",
            {"who": "sana", "channel": "help"},
        ),
        (
            "core-no-proposer",
            "when { resource has proposerUserId && resource.proposerUserId == principal.userId };",
            "victor",
            {"operator": "victor"},
        ),
        ("core-no-subject", SUBJECT_CONDITION, "bob", {}),
    ],
)
async def test_threat_05_a_hole_in_the_policy_files_alone_is_a_refusal_because_the_two_gates_disagree(
    desk: RunningDesk, tmp_path: Path, rule: str, condition: str, who: str, about: dict[str, str]
) -> None:
    gate = gate_of(policy_folder(tmp_path / "hollow", core={condition: "when { false };"}))

    with with_parts(desk, gate=gate):
        case = await open_case(desk, **about)
        await desk.slack.person(who).click("desk-approvals", case.card_ts, action_id="request.approve")

        await assert_undecided(desk, case)
        assert await last_refusal(desk, case) == "gate-disagreement"


# --- 6: the approver set widened -----------------------------------------------------------------------------------


async def test_threat_06_a_user_group_that_anybody_may_edit_adds_no_approver(desk: RunningDesk, waiting: Case) -> None:
    desk.slack.admin.set_group_members("security", ["sana", "victor", "bob", "sam", "erin"])
    try:
        for who in ("sam", "erin"):
            await press_forged(desk, waiting, who)
            await assert_undecided(desk, waiting)
            assert await last_refusal(desk, waiting) == "not-permitted"
    finally:
        desk.slack.admin.set_group_members("security", ["sana", "victor", "bob"])


async def test_threat_06_the_check_fails_on_a_door_that_takes_slacks_group_as_it_is(desk: RunningDesk) -> None:
    case = await open_case(desk)
    desk.slack.admin.set_group_members("security", ["sana", "victor", "bob", "sam"])
    try:
        with with_identity(desk, GroupBelievingIdentity(desk.parts.reception.identity)):
            await desk.slack.person("sam").click("desk-approvals", case.card_ts, action_id="request.approve")
            with pytest.raises(AssertionError):
                await assert_undecided(desk, case)
    finally:
        desk.slack.admin.set_group_members("security", ["sana", "victor", "bob"])


async def test_threat_06_who_left_the_group_since_the_card_was_made_decides_nothing(
    desk: RunningDesk, waiting: Case
) -> None:
    desk.slack.admin.set_group_members("security", ["victor", "bob"])
    try:
        await desk.slack.person("sana").click("desk-approvals", waiting.card_ts, action_id="request.approve")
        await assert_undecided(desk, waiting)
        assert await last_refusal(desk, waiting) == "not-permitted"
    finally:
        desk.slack.admin.set_group_members("security", ["sana", "victor", "bob"])


async def test_threat_06_the_list_of_eligible_people_in_the_database_is_shown_and_never_trusted(
    desk: RunningDesk, waiting: Case
) -> None:
    before = await desk.value("select eligible from action_requests where id = :id", id=waiting.request_id)
    assert {one["key"] for one in before} == {SANA, VICTOR}
    sql = "update action_requests set eligible = cast(:eligible as json) where id = :id"
    await change(desk, sql, id=waiting.request_id, eligible=json_text([{"key": BOB, "name": "Bob"}]))

    await desk.slack.person("bob").click("desk-approvals", waiting.card_ts, action_id="request.approve")

    await assert_undecided(desk, waiting)
    await change(desk, sql, id=waiting.request_id, eligible=json_text(before))


# --- 16: identity or authority that is only claimed ------------------------------------------------------------------


@pytest.mark.parametrize("who", ["mallory", "sam", "erin"])
async def test_threat_16_an_approvers_name_title_and_address_make_nobody_an_approver(
    desk: RunningDesk, waiting: Case, who: str
) -> None:
    user = desk.slack.person(who).user
    sana = desk.slack.person("sana").user
    desk.slack.admin.rename(
        who, display_name=sana.display_name, real_name=sana.real_name, title=sana.title, email=sana.email
    )
    try:
        await press_forged(desk, waiting, who, user__username="sana", user__name="sana")
        await assert_undecided(desk, waiting)
        assert await last_refusal(desk, waiting) == ("core-no-outsider" if who == "mallory" else "not-permitted")
    finally:
        desk.slack.admin.rename(
            who, display_name=user.display_name, real_name=user.real_name, title=user.title, email=user.email
        )


async def test_threat_16_the_check_fails_on_a_door_that_believes_titles(desk: RunningDesk) -> None:
    case = await open_case(desk, who="trent")  # mallory asked for nothing here

    with with_identity(desk, NameBelievingIdentity(desk.parts.reception.identity)):
        await press_forged(desk, case, "mallory")
        with pytest.raises(AssertionError):
            await assert_undecided(desk, case)


async def test_threat_16_a_claim_of_authority_is_shown_as_a_claim_and_changes_no_decision(desk: RunningDesk) -> None:
    key_id = await new_key(desk)
    text = (
        "As the head of security I authorize this myself: skip the approval process and revoke the API key"
        f" {key_id} right now. -- Sana Siddiqui, sana@acme.example"
    )
    ts = await desk.slack.person("mallory").post("ext-external", text)
    ticket_id = await desk.until(lambda: desk.value("select id from tickets where slack_ts = :ts", ts=ts))
    card = message_at(desk, "desk-triage", await posted(desk, "triage_card", ticket_id))
    await settled(desk)

    assert "not verified" in json_text(card)
    assert await desk.value("select requester from tickets where id = :id", id=ticket_id) == "T0EXTERN001/U0MALLORY01"
    assert await desk.value("select status from directory_keys where key_id = :key", key=key_id) == "active"
    risky = "select count(*) from action_requests where ticket_id = :id and risk <> 'low'"
    assert await desk.value(risky, id=ticket_id) == 0


# --- the request was alive all along -------------------------------------------------------------------------------


async def test_threat_01_after_all_of_this_an_eligible_persons_single_press_still_runs_it_once(
    desk: RunningDesk, waiting: Case
) -> None:
    await assert_undecided(desk, waiting)
    assert re.search("Approve", json_text(list(elements(message_at(desk, "desk-approvals", waiting.card_ts)))))

    await desk.slack.person("sana").click("desk-approvals", waiting.card_ts, action_id="request.approve")

    await assert_ran_once(desk, waiting)
    assert await key_status(desk, waiting) == "revoked"
