"""Several requests reviewed in one modal: each is a vote of its own, on what was shown for it, or it is none.

Threats 1, 4, 5, 7, 8, 11 and 13 on this path.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from handlers.flows import decide_batch as decide_batch_flow
from handlers.views import batch_modal
from handlers.views.batch_modal import NO_REASON
from tests.running import RunningDesk
from tests.scenario.test_false_authority import text_of
from tests.threats.cases import (
    OLIVIA,
    Case,
    action_ids,
    assert_nothing_ran,
    assert_ran_once,
    assert_undecided,
    assert_vouched_for,
    change,
    elements,
    last_refusal,
    message_at,
    open_case,
    refused_clicks,
    settled,
    status,
    submission_of,
    votes,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

REVIEW = "requests.review"


@pytest_asyncio.fixture(loop_scope="module")
async def several(desk: RunningDesk) -> AsyncIterator[list[Case]]:
    """Three revocations that wait, and nothing else of their kind."""
    await nothing_waits(desk)
    yield [await open_case(desk) for _ in range(3)]


async def nothing_waits(desk: RunningDesk) -> None:
    await settled(desk)
    await change(desk, "update action_requests set status = 'expired', wake_at = null where status = 'pending'")


async def open_review(desk: RunningDesk, case: Case, who: str = "sana") -> dict[str, Any]:
    """Press Review on the case's card; the modal."""
    await desk.idle()
    person = desk.slack.person(who)
    await person.click("desk-approvals", case.card_ts, action_id=REVIEW)
    view: dict[str, Any] = (await desk.until(person.modals))[-1]
    return view


async def decide(desk: RunningDesk, values: dict[str, str], who: str = "sana") -> str:
    """Send the choices; what the modal then says."""
    person = desk.slack.person(who)
    answer = await person.submit(values=values)
    assert answer.get("response_action") == "update", answer
    await settled(desk)
    said = text_of(person.modals())
    person.reload()
    return said


def forged(desk: RunningDesk, case: Case, who: str, shown: Any, values: dict[str, str]) -> dict[str, Any]:
    metadata = shown if isinstance(shown, str) else json.dumps(shown)
    return submission_of(desk, case, who, "review_requests", metadata, values)


async def digest_of(desk: RunningDesk, case: Case) -> str:
    return str(await desk.value("select digest from action_requests where id = :id", id=case.request_id))


async def test_each_is_shown_whole_and_decided_by_itself(desk: RunningDesk, several: list[Case]) -> None:
    first, second, third = several

    view = await open_review(desk, second)

    words = text_of(view)
    for case in several:
        assert case.key_id in words
        card = message_at(desk, "desk-approvals", case.card_ts)["blocks"]
        stored = await desk.value("select card from action_requests where id = :id", id=case.request_id)
        assert stored
        shown = [{name: value for name, value in one.items() if name != "block_id"} for one in view["blocks"]]
        for block in card[:-1]:
            assert {name: value for name, value in block.items() if name != "block_id"} in shown
    # The one whose card was pressed comes first, the others by how long they have waited.
    chosen = [one["block_id"] for one in view["blocks"] if one.get("element", {}).get("type") == "radio_buttons"]
    assert chosen == [str(case.request_id) for case in (second, first, third)]
    radios = [one for one in elements(view["blocks"]) if one.get("type") == "radio_buttons"]
    assert {one["initial_option"]["value"] for one in radios} == {"leave"}
    assert not action_ids(view) & {"request.approve", "request.reject"}

    said = await decide(
        desk,
        {
            str(first.request_id): "approve",
            str(second.request_id): "reject",
            f"{second.request_id}:reason": "Not this one.",
        },
    )

    assert "2 of 2 decisions recorded" in said
    await assert_ran_once(desk, first)
    assert await status(desk, second) == "rejected"
    await assert_nothing_ran(desk, second)
    await assert_undecided(desk, third)
    for case in several:
        await assert_vouched_for(desk, case)
    reason = "select reason from votes where request_id = :id"
    assert await desk.value(reason, id=second.request_id) == "Not this one."


async def test_the_button_is_there_from_the_second_request_on_and_goes_with_it(desk: RunningDesk) -> None:
    await nothing_waits(desk)
    first = await open_case(desk)
    await desk.idle()
    assert REVIEW not in action_ids(message_at(desk, "desk-approvals", first.card_ts))

    second = await open_case(desk)
    await desk.idle()
    for case in (first, second):
        card = message_at(desk, "desk-approvals", case.card_ts)
        assert "Review 2 like this…" in [
            one["text"]["text"] for one in elements(card) if one.get("action_id") == REVIEW
        ]

    await desk.slack.person("sana").click("desk-approvals", second.card_ts, action_id="request.approve")
    await desk.idle()
    assert REVIEW not in action_ids(message_at(desk, "desk-approvals", first.card_ts))


async def test_app_home_leads_to_the_same_review(desk: RunningDesk, several: list[Case]) -> None:
    sana = desk.slack.person("sana")
    await sana.open_home()
    home = await desk.until(sana.home)
    assert "3 requests waiting for approval" in text_of(home)

    await sana.click_at_home(REVIEW)
    view = (await desk.until(sana.modals))[-1]
    sana.reload()

    assert all(case.key_id in text_of(view) for case in several)


async def test_what_is_left_is_left_and_a_rejection_wants_a_reason(desk: RunningDesk, several: list[Case]) -> None:
    first, second, _ = several
    await open_review(desk, first)
    sana = desk.slack.person("sana")

    answer = await sana.submit(values={str(first.request_id): "approve", str(second.request_id): "reject"})

    # Nothing at all is cast until the form is right.
    assert answer == {"response_action": "errors", "errors": {f"{second.request_id}:reason": NO_REASON}}
    for case in several:
        await assert_undecided(desk, case)

    said = await decide(desk, {str(first.request_id): "leave", str(second.request_id): "leave"})
    assert "nothing was decided" in said
    for case in several:
        await assert_undecided(desk, case)


async def test_more_than_fit_are_left_for_a_next_round_and_the_modal_says_how_many(desk: RunningDesk) -> None:
    await nothing_waits(desk)
    cases = [await open_case(desk) for _ in range(9)]

    view = await open_review(desk, cases[0])
    desk.slack.person("sana").reload()

    shown = [one["block_id"] for one in view["blocks"] if one.get("element", {}).get("type") == "radio_buttons"]
    assert len(view["blocks"]) <= 100
    assert 2 <= len(shown) < 9
    left = 9 - len(shown)
    assert f"{left} more request{'' if left == 1 else 's'} for a next round" in text_of(view)
    assert "Review more than 5 like this…" in text_of(message_at(desk, "desk-approvals", cases[-1].card_ts))
    await nothing_waits(desk)


async def test_one_refusal_spoils_none_of_the_others(desk: RunningDesk, several: list[Case]) -> None:
    """The middle one is rejected by somebody else while the modal is open, and its ticket is changed as well."""
    first, second, third = several
    await open_review(desk, first)
    victor = desk.slack.person("victor")
    await victor.click("desk-approvals", second.card_ts, action_id="request.reject")
    await desk.until(victor.modals)
    await victor.submit(values={"reason": "No."})
    victor.reload()

    said = await decide(desk, {str(case.request_id): "approve" for case in several})

    assert "2 of 3 decisions recorded" in said
    assert "no longer waiting" in said
    await assert_ran_once(desk, first)
    await assert_ran_once(desk, third)
    await assert_nothing_ran(desk, second)
    assert await last_refusal(desk, second) == "core-no-settled-request"


async def test_threat_05_what_one_asked_for_or_proposed_is_left_out_and_refused_if_it_is_sent(
    desk: RunningDesk,
) -> None:
    await nothing_waits(desk)
    own = await open_case(desk, operator="sana")
    others = [await open_case(desk) for _ in range(2)]

    view = await open_review(desk, others[0])
    assert str(own.request_id) not in [one.get("block_id") for one in view["blocks"]]
    assert "1 request left out" in text_of(view)
    desk.slack.person("sana").reload()

    digests = {str(case.request_id): await digest_of(desk, case) for case in (own, *others)}
    choices = {str(own.request_id): "approve", str(others[0].request_id): "approve"}
    await desk.slack.forge.send(forged(desk, own, "sana", digests, choices))
    await settled(desk)

    await assert_undecided(desk, own)
    assert await last_refusal(desk, own) == "core-no-proposer"
    await assert_ran_once(desk, others[0])


@pytest.mark.parametrize("who", ["mallory", "gina", "erin", "olivia"])
async def test_threat_01_who_may_not_decide_decides_nothing_in_a_batch(
    desk: RunningDesk, waiting: Case, who: str
) -> None:
    shown = {str(waiting.request_id): await digest_of(desk, waiting)}

    await desk.slack.forge.send(forged(desk, waiting, who, shown, {str(waiting.request_id): "approve"}))

    await assert_undecided(desk, waiting)


async def test_threat_04_a_submission_without_a_modal_is_judged_like_any_vote(desk: RunningDesk) -> None:
    """sana may decide it: what she sends is her vote if it is over what stands there, and nothing otherwise."""
    case = await open_case(desk)
    right = {str(case.request_id): await digest_of(desk, case)}
    approve = {str(case.request_id): "approve"}
    for metadata in ("", "[]", "not json", "null", {}, {str(case.request_id): 1}, {str(case.request_id): "0" * 64}):
        await desk.slack.forge.send(forged(desk, case, "sana", metadata, approve))
        await assert_undecided(desk, case)

    await desk.slack.forge.send(forged(desk, case, "sana", right, approve))
    await assert_ran_once(desk, case)
    assert await votes(desk, case) == 1
    await assert_vouched_for(desk, case)


@pytest.mark.parametrize("value", ["Approve", "approve ", "approved", "yes", "run", "", "leave"])
async def test_threat_04_a_choice_that_is_none_of_ours_is_no_choice(
    desk: RunningDesk, waiting: Case, value: str
) -> None:
    shown = {str(waiting.request_id): await digest_of(desk, waiting)}

    await desk.slack.forge.send(forged(desk, waiting, "sana", shown, {str(waiting.request_id): value}))

    await assert_undecided(desk, waiting)


async def test_threat_04_ids_that_belong_to_nothing_decide_nothing_and_are_on_record(
    desk: RunningDesk, waiting: Case
) -> None:
    before = len(await refused_clicks(desk))
    names = [str(uuid4()), str(waiting.ticket_id), str(waiting.suggestion_id)]
    digest = await digest_of(desk, waiting)

    await desk.slack.forge.send(
        forged(desk, waiting, "sana", dict.fromkeys(names, digest), dict.fromkeys([*names, "not an id"], "approve"))
    )
    await assert_undecided(desk, waiting)

    recorded = (await refused_clicks(desk))[before:]
    assert [(one["what"], one["rule"]) for one in recorded] == [("review_requests", "NotFound")] * 3


async def test_threat_13_a_digest_in_the_form_that_is_not_the_requests_refuses(
    desk: RunningDesk, several: list[Case]
) -> None:
    """Each is named with the digest of the next: what was shown for one is no vote for another."""
    digests = [await digest_of(desk, case) for case in several]
    swapped = {str(case.request_id): digest for case, digest in zip(several, digests[1:] + digests[:1], strict=True)}

    await desk.slack.forge.send(forged(desk, several[0], "sana", swapped, dict.fromkeys(swapped, "approve")))
    await settled(desk)

    for case in several:
        await assert_undecided(desk, case)
        assert await last_refusal(desk, case) == "core-no-other-digest"


async def test_threat_13_what_the_form_claims_of_person_status_or_quorum_changes_nothing(desk: RunningDesk) -> None:
    case = await open_case(desk, operator="sana")
    name = str(case.request_id)
    claims = {name: await digest_of(desk, case), "voter": OLIVIA, "quorum": "0", "status": "approved"}

    await desk.slack.forge.send(forged(desk, case, "sana", claims, {name: "approve", "voter": "approve"}))

    await assert_undecided(desk, case)


async def test_threat_08_what_changed_while_the_modal_was_open_is_not_approved(
    desk: RunningDesk, several: list[Case]
) -> None:
    first, second, third = several
    await open_review(desk, first)
    await change(desk, "update action_requests set subjects = '[]' where id = :id", id=second.request_id)
    await desk.slack.person("mallory").edit(third.channel, third.ts, "Never mind, revoke something else.")
    await desk.until(lambda: _is_void(desk, third))

    said = await decide(desk, {str(case.request_id): "approve" for case in several})

    assert "1 of 3 decisions recorded" in said
    await assert_ran_once(desk, first)
    await assert_nothing_ran(desk, second)
    assert await last_refusal(desk, second) == "core-no-other-digest"
    await assert_nothing_ran(desk, third)


async def _is_void(desk: RunningDesk, case: Case) -> bool:
    return await status(desk, case) == "void"


async def test_threat_11_what_its_card_could_not_show_whole_is_not_approved_in_a_batch(
    desk: RunningDesk, several: list[Case]
) -> None:
    """Slack did not take the whole card of the second: it stands without Approve, and so it does in the modal."""
    first, second, _ = several
    await change(
        desk,
        "update deliveries set shown_digest = null where request_id = :id and kind = 'approval_card'",
        id=second.request_id,
    )
    view = await open_review(desk, first)
    [choice] = [one for one in view["blocks"] if one.get("block_id") == str(second.request_id)]
    assert [one["value"] for one in choice["element"]["options"]] == ["leave", "reject"]
    desk.slack.person("sana").reload()

    digests = {str(case.request_id): await digest_of(desk, case) for case in several}
    forgery = forged(desk, first, "sana", digests, {str(second.request_id): "approve"})
    await desk.slack.forge.send(forgery)
    await assert_undecided(desk, second)
    assert await last_refusal(desk, second) == "core-no-other-digest"

    await open_review(desk, first)
    await decide(desk, {str(second.request_id): "reject", f"{second.request_id}:reason": "Nobody can read it."})
    assert await status(desk, second) == "rejected"


async def test_what_is_not_reached_in_time_is_left_and_said_to_be(
    desk: RunningDesk, several: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    await open_review(desk, several[0])
    monkeypatch.setattr(decide_batch_flow, "DECIDE_WITHIN_SECONDS", -1.0)

    said = await decide(desk, {str(case.request_id): "approve" for case in several})

    assert "0 of 3 decisions recorded" in said
    assert said.count(batch_modal.NOT_REACHED) == 3
    for case in several:
        await assert_undecided(desk, case)


async def test_the_checks_notice_a_batch_that_believes_its_form(
    desk: RunningDesk, several: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted violation: a flow that does not hand on what was shown counts a vote for something else."""
    real = decide_batch_flow.Ballot
    monkeypatch.setattr(decide_batch_flow, "Ballot", lambda *args, shown, **named: real(*args, **named))
    wrong = dict.fromkeys([str(case.request_id) for case in several], "0" * 64)

    await desk.slack.forge.send(forged(desk, several[0], "sana", wrong, dict.fromkeys(wrong, "approve")))
    await settled(desk)

    with pytest.raises(AssertionError):
        await assert_undecided(desk, several[0])
