"""Edit on the approval card: another request takes the place of the one that waits, and nobody gains a say by it.

Threats 1, 4, 5, 7, 8, 13, 21 and 22: what was approved is not what is edited, and who edited does not approve.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from handlers.flows.edit_request import UNCHANGED
from handlers.flows.judged_facts import digest_as_shown
from handlers.listeners import edits
from handlers.registry import BUTTONS, COMMANDS, SHORTCUTS, VIEWS
from policy.terms import Ruling
from storage import evidence, verification
from tests.passkeys import approve as confirmed
from tests.running import RunningDesk
from tests.scenario.test_false_authority import text_of
from tests.threats.cases import (
    OLIVIA,
    SAM,
    SANA,
    VICTOR,
    Case,
    action_ids,
    assert_nothing_ran,
    assert_ran_once,
    assert_undecided,
    card_of,
    change,
    changed,
    click_of,
    last_refusal,
    message_at,
    new_key,
    open_case,
    open_form,
    paused,
    settled,
    status,
    submission_of,
    votes,
)
from tests.threats.planted import SIGNER, with_parts
from tests.threats.test_one_person import linked

pytestmark = pytest.mark.asyncio(loop_scope="module")

EDIT = "request.edit"


@dataclass(frozen=True)
class Edited:
    """The request that took another's place."""

    request_id: UUID
    card_ts: str
    key_id: str

    def case(self, case: Case) -> Case:
        return replace(case, request_id=self.request_id, card_ts=self.card_ts, key_id=self.key_id)


async def edit(desk: RunningDesk, case: Case, who: str, key_id: str) -> Any:
    """`who` presses Edit on the card and sends another key; what the form answers."""
    person = desk.slack.person(who)
    await person.click("desk-approvals", case.card_ts, action_id=EDIT)
    await desk.until(person.modals)
    answer = await person.submit(values={"keyId": key_id})
    person.reload()
    return answer


async def edited(desk: RunningDesk, case: Case, who: str) -> Case:
    """The same by somebody who may; the case of the new request."""
    key_id = await new_key(desk)
    await edit(desk, case, who, key_id)
    return await replacement_of(desk, case, key_id)


async def replacement_of(desk: RunningDesk, case: Case, key_id: str) -> Case:
    found = await desk.value("select id from action_requests where replaces = :id", id=case.request_id)
    assert found is not None
    return Edited(found, await card_of(desk, found), key_id).case(case)


async def approve(desk: RunningDesk, case: Case, who: str) -> None:
    await desk.slack.person(who).click("desk-approvals", case.card_ts, action_id="request.approve")
    await settled(desk)


async def rules(desk: RunningDesk, case: Case, step: str) -> list[str]:
    return [one.payload["rule"] for one in await desk.trail(case.ticket_id) if one.name == step]


async def assert_evidence_holds(desk: RunningDesk, *cases: Case) -> None:
    async with desk.database.transaction() as tx:
        assert (await verification.verify(tx)).first_break is None
        found = await evidence.check(tx, SIGNER, digest_as_shown)
    assert [one for one in found for case in cases if str(case.request_id) in one] == []


async def test_an_edit_is_a_new_request_and_the_old_card_says_where_it_went(desk: RunningDesk) -> None:
    case = await open_case(desk)

    new = await edited(desk, case, "sam")
    await desk.idle()

    assert await status(desk, case) == "void"
    assert await status(desk, new) == "pending"
    old_card = message_at(desk, "desk-approvals", case.card_ts)
    assert "Replaced by revision 2, edited by" in text_of(old_card)
    assert action_ids(old_card) == {"ticket.open", "request.see"}
    card = message_at(desk, "desk-approvals", new.card_ts)
    assert "Revision 2" in text_of(card)
    assert new.key_id in text_of(card)
    row = "select proposer, revision, editors, replaces from action_requests where id = :id"
    [(proposer, revision, editors, replaces)] = await desk.rows(row, id=new.request_id)
    assert (proposer, revision, editors, replaces) == (SAM, 2, [OLIVIA], case.request_id)
    [told] = [one for one in await desk.trail(case.ticket_id) if one.name == "request_replaced"]
    assert (told.actor, told.payload["replacedBy"], told.payload["votes"]) == (SAM, str(new.request_id), 0)
    await assert_evidence_holds(desk, case, new)

    await approve(desk, new, "sana")
    await assert_ran_once(desk, new)
    await assert_nothing_ran(desk, case)
    await assert_evidence_holds(desk, case, new)


async def test_from_the_old_card_the_new_one_is_seen_whole_and_without_its_buttons(desk: RunningDesk) -> None:
    case = await open_case(desk)
    new = await edited(desk, case, "sam")
    await desk.idle()
    sana = desk.slack.person("sana")

    await sana.click("desk-approvals", case.card_ts, action_id="request.see")
    [view] = await desk.until(sana.modals)
    sana.reload()

    assert new.key_id in text_of(view)
    assert action_ids(view) == set()


async def test_the_suggestion_stays_taken_by_its_newest_revision(desk: RunningDesk) -> None:
    case = await open_case(desk)
    new = await edited(desk, case, "sam")

    taken = "select request_id from suggestions where id = :id"
    assert await desk.value(taken, id=case.suggestion_id) == new.request_id


async def test_unchanged_values_change_nothing_and_the_form_says_so(desk: RunningDesk) -> None:
    case = await open_case(desk)

    answer = await edit(desk, case, "sam", case.key_id)

    assert answer == {"response_action": "errors", "errors": {"keyId": UNCHANGED}}
    await assert_undecided(desk, case)
    assert await desk.value("select count(*) from action_requests where replaces = :id", id=case.request_id) == 0


async def test_an_edit_that_could_not_be_proposed_leaves_the_request_as_it_is(desk: RunningDesk) -> None:
    case = await open_case(desk)

    answer = await edit(desk, case, "sam", "ak_nobody_knows_it")

    assert answer["response_action"] == "errors"
    assert "keyId" in answer["errors"]
    await assert_undecided(desk, case)


@pytest.mark.parametrize("who", ["olivia", "sam"])
async def test_threat_05_neither_who_proposed_nor_who_edited_approves_the_edit(desk: RunningDesk, who: str) -> None:
    """olivia proposes at a time when she is of security as well; sam edits; both are kept out by name."""
    case = await open_case(desk, operator="victor")
    new = await edited(desk, case, "sana")
    rule = {"olivia": ("victor", "core-no-editor"), "sam": ("sana", "core-no-proposer")}[who]

    await approve(desk, new, rule[0])

    assert await last_refusal(desk, new) == rule[1]
    await assert_undecided(desk, new)


async def test_threat_05_who_proposed_the_first_revision_is_out_of_the_third_too(desk: RunningDesk) -> None:
    case = await open_case(desk, operator="victor")
    second = await edited(desk, case, "sana")
    third = await edited(desk, second, "olivia")

    for who, key in (("victor", VICTOR), ("sana", SANA)):
        await approve(desk, third, who)
        assert await last_refusal(desk, third) == "core-no-editor", key

    editors = "select editors from action_requests where id = :id"
    assert await desk.value(editors, id=third.request_id) == sorted([SANA, VICTOR])
    await assert_undecided(desk, third)


async def test_threat_05_another_account_of_an_earlier_proposer_does_not_approve_the_edit(desk: RunningDesk) -> None:
    case = await open_case(desk, operator="olivia")
    new = await edited(desk, case, "sam")

    async with linked(desk, OLIVIA, SANA):
        await approve(desk, new, "sana")
        assert await last_refusal(desk, new) == "core-no-alias"

    await assert_undecided(desk, new)


@pytest.mark.parametrize("who", ["erin", "mallory", "gina", "bob"])
async def test_threat_01_who_may_not_propose_may_not_edit(desk: RunningDesk, waiting: Case, who: str) -> None:
    """bob is of the security group and may propose: he edits in another test; here he is out of the group."""
    if who == "bob":
        desk.slack.admin.set_group_members("security", ["sana", "victor"])
    try:
        await desk.slack.forge.send(click_of(desk, waiting, who, EDIT))
        submission = submission_of(
            desk, waiting, who, "edit_request", str(waiting.request_id), {"keyId": await new_key(desk)}
        )
        await desk.slack.forge.send(submission)
        await assert_undecided(desk, waiting)
    finally:
        desk.slack.admin.set_group_members("security", ["sana", "victor", "bob"])
    assert await desk.value("select count(*) from action_requests where replaces = :id", id=waiting.request_id) == 0


@pytest.mark.parametrize("how", ["another message", "no message", "the triage card"])
async def test_threat_04_edit_is_pressed_on_its_own_card_or_opens_nothing(
    desk: RunningDesk, waiting: Case, how: str
) -> None:
    payload = click_of(desk, waiting, "sam", EDIT)
    changes: dict[str, Any] = {
        "another message": {"container.message_ts": "1790000000.000100"},
        "no message": {"container": ...},
        "the triage card": {"container.channel_id": "C0TRIAGE001", "container.message_ts": waiting.triage_ts},
    }[how]
    for path, value in changes.items():
        payload = changed(payload, path, value)

    await desk.slack.forge.send(payload)
    await settled(desk)

    titles = [modal["title"]["text"] for modal in desk.slack.person("sam").modals()]
    assert "Edit revision 1" not in titles
    desk.slack.person("sam").reload()
    await assert_undecided(desk, waiting)


async def test_threat_13_a_forged_form_edits_what_is_stored_and_claims_no_revision_or_editor(desk: RunningDesk) -> None:
    case, key_id = await open_case(desk), await new_key(desk)
    forged = submission_of(
        desk,
        case,
        "sam",
        "edit_request",
        str(case.request_id),
        {"keyId": key_id, "editors": "", "revision": "1", "proposer": SANA},
    )

    await desk.slack.forge.send(forged)
    await settled(desk)

    # A field that the action does not take refuses the whole form.
    await assert_undecided(desk, case)
    for metadata in ("", "not an id", str(case.ticket_id), "{}"):
        await desk.slack.forge.send(submission_of(desk, case, "sam", "edit_request", metadata, {"keyId": key_id}))
    await assert_undecided(desk, case)


async def test_threat_08_votes_on_what_was_edited_count_for_nothing(desk: RunningDesk) -> None:
    """Two of the group are needed; one has voted, and then the address is changed."""
    case = await open_case(desk)
    suspend = await open_form(desk, case, "user.suspend", {"email": "bob@acme.example"})
    critical = replace(case, request_id=suspend, card_ts=await card_of(desk, suspend))
    await confirmed(desk, "sana", critical.card_ts)
    assert await votes(desk, critical) == 1
    person = desk.slack.person("sam")
    await person.click("desk-approvals", critical.card_ts, action_id=EDIT)
    await desk.until(person.modals)
    await person.submit(values={"email": "erin@acme.example"})
    person.reload()

    new = await replacement_of(desk, critical, case.key_id)
    await confirmed(desk, "victor", new.card_ts)

    assert (await status(desk, critical), await status(desk, new)) == ("void", "pending")
    assert await votes(desk, new) == 1
    [told] = [one for one in await desk.trail(case.ticket_id) if one.name == "request_replaced"]
    assert told.payload["votes"] == 1
    await assert_evidence_holds(desk, critical, new)


async def test_threat_22_a_late_vote_on_the_old_card_decides_nothing(desk: RunningDesk) -> None:
    case = await open_case(desk)
    late = click_of(desk, case, "sana")
    new = await edited(desk, case, "sam")

    await desk.slack.forge.send(late)
    await settled(desk)

    assert await last_refusal(desk, case) == "core-no-settled-request"
    assert await votes(desk, case) == 0
    await assert_undecided(desk, new)


async def test_threat_22_an_approved_request_is_past_being_edited(desk: RunningDesk) -> None:
    case, key_id = await open_case(desk), await new_key(desk)
    press = click_of(desk, case, "sam", EDIT)
    sent = submission_of(desk, case, "sam", "edit_request", str(case.request_id), {"keyId": key_id})
    async with paused(desk):
        await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
        await desk.slack.forge.send(press)
        await desk.slack.forge.send(sent)
        assert await status(desk, case) == "approved"
        assert await rules(desk, case, "edit_refused") == ["core-no-settled-request"] * 2

    await assert_ran_once(desk, case)
    for payload in (press, sent):
        await desk.slack.forge.send(payload)
    await settled(desk)
    assert await rules(desk, case, "edit_refused") == ["core-no-settled-request"] * 4
    assert await status(desk, case) == "executed"
    assert await desk.value("select count(*) from action_requests where replaces = :id", id=case.request_id) == 0


@pytest.mark.parametrize("standing", ["running", "unknown", "executed", "rejected", "expired", "withdrawn", "denied"])
async def test_threat_22_what_runs_or_has_ended_is_not_edited(desk: RunningDesk, standing: str) -> None:
    """By a row alone, so its trail contradicts it: it is refused before anybody asks how it stands."""
    case, key_id = await open_case(desk), await new_key(desk)
    sent = submission_of(desk, case, "sam", "edit_request", str(case.request_id), {"keyId": key_id})
    await change(
        desk, "update action_requests set status = :s, wake_at = null where id = :id", s=standing, id=case.request_id
    )

    await desk.slack.forge.send(sent)
    await settled(desk)

    assert await rules(desk, case, "edit_refused") == ["core-no-contradicted-request"]
    assert await status(desk, case) == standing


async def test_two_who_edit_at_once_make_one_revision_and_the_other_is_told(desk: RunningDesk) -> None:
    case = await open_case(desk)
    people = [desk.slack.person(who) for who in ("sam", "sana")]
    for person in people:
        await person.click("desk-approvals", case.card_ts, action_id=EDIT)
        await desk.until(person.modals)

    answers = await asyncio.gather(
        *[person.submit(values={"keyId": await new_key(desk)}) for person in people], return_exceptions=False
    )
    await settled(desk)
    shown = [text_of(person.modals()) for person in people]
    for person in people:
        person.reload()

    assert len(answers) == 2
    assert await desk.value("select count(*) from action_requests where replaces = :id", id=case.request_id) == 1
    assert await status(desk, case) == "void"
    assert sum("Somebody was faster" in words for words in shown) == 1
    assert await rules(desk, case, "edit_refused") == ["core-no-settled-request"]


async def test_an_edit_and_the_deciding_vote_at_once_end_in_one_of_the_two(desk: RunningDesk) -> None:
    """Ten times, both at once: either the vote counted and it ran as it was, or it was edited and nothing ran."""
    for _ in range(10):
        case, key_id = await open_case(desk), await new_key(desk)
        sent = submission_of(desk, case, "sam", "edit_request", str(case.request_id), {"keyId": key_id})
        await asyncio.gather(desk.slack.forge.send(sent), desk.slack.forge.send(click_of(desk, case, "sana")))
        await settled(desk)

        replaced = await desk.value("select count(*) from action_requests where replaces = :id", id=case.request_id)
        if replaced:
            assert (await status(desk, case), await votes(desk, case)) == ("void", 0)
            await assert_nothing_ran(desk, case)
        else:
            await assert_ran_once(desk, case)
            assert await rules(desk, case, "edit_refused") == ["core-no-settled-request"]


@pytest.mark.parametrize(
    "edit_of_the_row",
    ["editors = '[]'", "revision = 1", "replaces = null"],
)
async def test_threat_21_an_editor_edited_out_of_the_row_makes_nobody_an_approver(
    desk: RunningDesk, edit_of_the_row: str
) -> None:
    case = await open_case(desk, operator="victor")
    new = await edited(desk, case, "sam")
    await change(desk, f"update action_requests set {edit_of_the_row} where id = :id", id=new.request_id)

    await approve(desk, new, "victor")
    await assert_undecided(desk, new)
    await approve(desk, new, "sana")

    assert await last_refusal(desk, new) == "core-no-other-digest"
    await assert_undecided(desk, new)
    async with desk.database.transaction() as tx:
        assert (await verification.verify(tx)).first_break is None
        found = await evidence.check(tx, SIGNER, digest_as_shown)
    assert [one for one in found if str(new.request_id) in one and "and the trail says" in one]


async def test_threat_21_a_changed_row_is_not_laundered_by_an_edit(desk: RunningDesk) -> None:
    """Taken out of the row first, a proposer would be nobody's editor: what does not match its card is not edited."""
    case, key_id = await open_case(desk, operator="victor"), await new_key(desk)
    await change(desk, "update action_requests set proposer = :who where id = :id", who=OLIVIA, id=case.request_id)
    sent = submission_of(desk, case, "sam", "edit_request", str(case.request_id), {"keyId": key_id})

    await desk.slack.forge.send(sent)

    await assert_undecided(desk, case)
    assert await rules(desk, case, "edit_refused") == ["core-no-other-digest"]


async def test_threat_07_edit_has_one_door_and_it_reaches_no_vote() -> None:
    tables: list[dict[str, Any]] = [dict(BUTTONS), dict(VIEWS), dict(SHORTCUTS), dict(COMMANDS)]
    reaching = {slack_id for table in tables for slack_id, one in table.items() if one.__module__ == edits.__name__}

    assert reaching == {EDIT, "edit_request", "request.see"}


async def test_the_checks_notice_a_gate_that_lets_anybody_edit_anything(desk: RunningDesk) -> None:
    """The planted violation: with a gate that does not ask what stands there, an approved request is edited."""
    case, key_id = await open_case(desk), await new_key(desk)
    sent = submission_of(desk, case, "sam", "edit_request", str(case.request_id), {"keyId": key_id})
    await change(
        desk, "update action_requests set proposer = :who where id = :id", who=OLIVIA + "X", id=case.request_id
    )

    class AskingNothing:
        def __init__(self, real: Any) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        def rule_on_edit(self, request: Any, editor: Any, **sight: Any) -> Ruling:
            return replace(self._real.rule_on_edit(request, editor, **sight), is_allowed=True)

    with with_parts(desk, gate=AskingNothing(desk.parts.reception.desk.gate)):
        await desk.slack.forge.send(sent)
        await settled(desk)

    with pytest.raises(AssertionError):
        await assert_undecided(desk, case)
    assert await status(desk, case) == "void"
