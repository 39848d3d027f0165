"""Break-glass on a whole desk: who starts, approves and reviews it, what it leaves out, and what it never does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text

from handlers.errors import BadInput, Refused
from handlers.flows.judged_facts import digest_as_shown, digest_of
from handlers.flows.proposals import Proposal
from handlers.flows.propose_action import propose_action
from handlers.flows.wake_reviews import wake_reviews
from policy.terms import Agent, PersonKey, Provenance, Verdict
from storage import evidence, requests, verification
from storage.embedded import EmbeddedServer
from tests.policy.builders import policy_copy
from tests.running import RunningDesk, running_desk
from tests.scenario.test_false_authority import text_of
from tests.threats.cases import (
    BOB,
    OLIVIA,
    SAM,
    SANA,
    VICTOR,
    Case,
    action_ids,
    assert_nothing_ran,
    assert_ran_once,
    assert_undecided,
    assert_vouched_for,
    card_of,
    change,
    click_of,
    last_refusal,
    message_at,
    new_key,
    open_case,
    settled,
    status,
    submission_of,
    votes,
)
from tests.threats.conftest import fresh_database
from tests.threats.planted import SIGNER, with_parts
from tests.threats.test_one_person import linked

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHY = "The key is used from abroad right now and nobody of *security* answers."
GLASS = '\n[break_glass]\ngroup = "support"\nttl_seconds = 3600\nreview_within_seconds = 86400\n'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningDesk]:
    """A desk on which two people of support can break the glass; more people are told in the triage channel."""
    folder = policy_copy(tmp_path_factory.mktemp("policy"))
    settings = folder / "settings.toml"
    settings.write_text(settings.read_text() + GLASS)
    environment = {"COUNTERSIGN_POLICY": str(folder), "COUNTERSIGN_BREAK_GLASS_CHANNEL": "C0TRIAGE001"}
    with fresh_database(postgres) as url:
        async with running_desk(url, tmp_path_factory.mktemp("desk"), environment=environment) as running:
            yield running


async def number_of(desk: RunningDesk, case: Case) -> int:
    return int(await desk.value("select number from tickets where id = :id", id=case.ticket_id))


async def command(desk: RunningDesk, who: str, words: str, channel: str = "general") -> str:
    person = desk.slack.person(who)
    person.reload()
    await person.command("/countersign", words, channel=channel)
    await settled(desk)
    return "\n".join(text_of(one) for one in person.ephemerals(channel))


async def start(desk: RunningDesk, case: Case, who: str = "sana", why: str = WHY) -> Case:
    """`who` breaks the glass for the case's key by command; the request that came of it."""
    known = {row[0] for row in await desk.rows("select id from action_requests")}
    await command(desk, who, f"break-glass {await number_of(desk, case)} api_key.revoke {why}")
    person = desk.slack.person(who)
    await desk.until(person.modals)
    await person.submit(values={"keyId": case.key_id, "break_glass": why})
    person.reload()
    [new] = {row[0] for row in await desk.rows("select id from action_requests")} - known
    return replace(case, request_id=UUID(str(new)), card_ts=await card_of(desk, new))


async def opened(desk: RunningDesk, who: str = "sana", **options: Any) -> Case:
    return await start(desk, await open_case(desk, **options), who)


async def press(desk: RunningDesk, case: Case, who: str, action_id: str = "request.approve") -> None:
    await desk.slack.forge.send(click_of(desk, case, who, action_id))
    await settled(desk)


async def ran(desk: RunningDesk, **options: Any) -> Case:
    case = await opened(desk, **options)
    for who in ("olivia", "sam"):
        await press(desk, case, who)
    await assert_ran_once(desk, case)
    return case


async def announced(desk: RunningDesk, case: Case, kind: str) -> dict[str, str]:
    """The messages of a kind about the request: by channel, what each says."""
    sql = "select channel, ts from deliveries where request_id = :id and kind = :kind and state = 'posted' order by 1"

    async def both() -> list[Any]:
        found = await desk.rows(sql, id=case.request_id, kind=kind)
        return found if len(found) == 2 else []

    await desk.idle()
    names = {"C0TRIAGE001": "desk-triage", "C0APPROVE01": "desk-approvals"}
    return {names[channel]: text_of(message_at(desk, names[channel], ts)) for channel, ts in await desk.until(both)}


async def steps(desk: RunningDesk, case: Case, name: str) -> list[Any]:
    found = [one for one in await desk.trail(case.ticket_id) if one.name == name]
    return [one for one in found if one.payload.get("actionRequestId") == str(case.request_id)]


async def send_review(desk: RunningDesk, case: Case, who: str, words: str = "It was right; rotate the key.") -> None:
    """What `who`'s form for the review would send, whether they were shown one or not."""
    payload = submission_of(desk, case, who, "record_review", str(case.request_id), {"review": words}, "ticket.open")
    await desk.slack.forge.send(payload)
    await settled(desk)


async def reviewed_by(desk: RunningDesk, case: Case) -> str | None:
    sql = "select reviewed_by from break_glass_reviews where request_id = :id"
    found = await desk.value(sql, id=case.request_id)
    return None if found is None else str(found)


async def test_two_people_of_the_named_group_approve_what_they_otherwise_never_could_and_it_is_reviewed(
    desk: RunningDesk,
) -> None:
    usual = await open_case(desk)
    await press(desk, usual, "sam")
    assert await last_refusal(desk, usual) == "not-permitted"

    case = await start(desk, usual)

    card = text_of(message_at(desk, "desk-approvals", case.card_ts))
    for words in ("BREAK-GLASS", WHY, "Leaves out", "must review it", "2 different people of the group support"):
        assert words in card
    assert "request.edit" not in action_ids(message_at(desk, "desk-approvals", case.card_ts))
    told = await announced(desk, case, "break_glass_started")
    assert set(told) == {"desk-triage", "desk-approvals"}
    assert all(WHY in one and "BREAK-GLASS started" in one for one in told.values())
    [proposed] = await steps(desk, case, "action_proposed")
    assert proposed.payload["breakGlass"] == WHY and proposed.actor == SANA

    await press(desk, case, "olivia")
    assert await status(desk, case) == "pending", "one approval is not enough"
    await press(desk, case, "sam")
    await assert_ran_once(desk, case)
    await assert_vouched_for(desk, case)

    told = await announced(desk, case, "break_glass_review")
    assert all("BREAK-GLASS ran" in one and "Review due by" in one for one in told.values())
    victor = desk.slack.person("victor")
    await victor.open_home()
    await desk.until(victor.home)
    assert "BREAK-GLASS" in text_of(victor.home())
    ts = await desk.value(
        "select ts from deliveries where request_id = :id and kind = 'break_glass_review' and channel = 'C0APPROVE01'",
        id=case.request_id,
    )
    await victor.click("desk-approvals", ts, action_id="review.open")
    await desk.until(victor.modals)
    await victor.submit(values={"review": "It was right; *rotate* the key."})
    victor.reload()
    await desk.idle()

    assert await reviewed_by(desk, case) == VICTOR
    [recorded] = await steps(desk, case, "review_recorded")
    assert (recorded.actor, recorded.payload["words"]) == (VICTOR, "It was right; *rotate* the key.")
    message = message_at(desk, "desk-approvals", ts)
    assert "It was right; *rotate* the key." in text_of(message) and "review.open" not in action_ids(message)
    await assert_vouched_for(desk, case)


async def propose(desk: RunningDesk, case: Case, who: str, why: str | None = WHY) -> str:
    """The rule by which it is refused that `who` breaks the glass; "" where it is not."""
    person = await desk.parts.reception.desk.people.resolve(PersonKey.parse(who))
    provenance = {"keyId": Provenance.OPERATOR}
    proposal = Proposal(case.ticket_id, "api_key.revoke", {"keyId": case.key_id}, provenance, break_glass=why)
    try:
        await propose_action(desk.parts.reception.desk, proposal, person)
    except Refused as refused:
        return refused.code
    return ""


async def test_threat_05_whoever_asked_does_not_break_the_glass_for_themselves_nor_does_their_other_account(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk, who="olivia", channel="help", operator="sam")

    assert await propose(desk, case, OLIVIA) == "core-no-break-glass-of-ones-own"
    async with linked(desk, SAM, OLIVIA):
        assert await propose(desk, case, SAM) == "core-no-break-glass-of-ones-own"

    found = await desk.rows(
        "select status from action_requests where break_glass = :why and ticket_id = :id", why=WHY, id=case.ticket_id
    )
    assert [row[0] for row in found] == ["denied", "denied"]
    assert await propose(desk, case, SAM) == ""


async def test_threat_05_whom_it_is_done_to_does_not_break_the_glass_nor_does_their_other_account(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk)

    assert await propose(desk, case, BOB) == "core-no-break-glass-of-ones-own"
    async with linked(desk, VICTOR, BOB):
        assert await propose(desk, case, VICTOR) == "core-no-break-glass-of-ones-own"


async def test_threat_05_who_made_the_ticket_of_somebody_elses_post_does_not_break_the_glass_for_it(
    desk: RunningDesk,
) -> None:
    key_id = await new_key(desk)
    ts = await desk.slack.person("sam").post("desk-triage", f"Please revoke API key {key_id} right now.")
    await desk.slack.person("sana").shortcut("make_ticket", "desk-triage", ts)
    ticket_id = await desk.until(lambda: desk.value("select id from tickets where slack_ts = :ts", ts=ts))
    await desk.idle()
    case = Case(ticket_id, "desk-triage", ts, ticket_id, ticket_id, ts, ts, key_id)

    assert await propose(desk, case, SANA) == "core-no-break-glass-of-ones-own"
    assert await propose(desk, case, VICTOR) == ""


async def test_threat_20_no_agent_breaks_the_glass(desk: RunningDesk) -> None:
    case = await open_case(desk)
    provenance = {"keyId": Provenance.OPERATOR}
    proposal = Proposal(case.ticket_id, "api_key.revoke", {"keyId": case.key_id}, provenance, break_glass=WHY)

    proposed = await propose_action(desk.parts.reception.desk, proposal, Agent("triage"))

    assert proposed.verdict is Verdict.DENY
    [row] = await desk.rows("select status, policy_ids from action_requests where id = :id", id=proposed.request_id)
    assert row.status == "denied" and "core-no-agents-break-glass" in row.policy_ids


@pytest.mark.parametrize("why", ["", "  ", "\u200b\u2060", "...!"])
async def test_nobody_breaks_the_glass_without_a_reason_in_words(desk: RunningDesk, why: str) -> None:
    case, known = await open_case(desk), await desk.value("select count(*) from action_requests")

    with pytest.raises(BadInput):
        await propose(desk, case, SANA, why)
    told = await command(desk, "sana", f"break-glass {await number_of(desk, case)} api_key.revoke {why}")
    metadata = json.dumps({"ticket": str(case.ticket_id), "action": "api_key.revoke", "breakGlass": True})
    for values in ({"keyId": case.key_id}, {"keyId": case.key_id, "break_glass": why}):
        await desk.slack.forge.send(submission_of(desk, case, "sana", "propose_action", metadata, values))
    await settled(desk)

    assert "needs a reason in words" in told
    assert await desk.value("select count(*) from action_requests") == known


async def test_threat_05_who_started_it_does_not_approve_it_nor_does_their_other_account(desk: RunningDesk) -> None:
    case = await opened(desk, "sam")

    await press(desk, case, "sam")
    assert await last_refusal(desk, case) == "core-no-proposer"
    async with linked(desk, SAM, OLIVIA):
        await press(desk, case, "olivia")
        assert await last_refusal(desk, case) == "core-no-alias"
    await assert_undecided(desk, case)


async def test_one_approver_with_two_accounts_is_one_approver(desk: RunningDesk) -> None:
    case = await opened(desk)
    await press(desk, case, "olivia")

    async with linked(desk, SAM, OLIVIA):
        await press(desk, case, "sam")
        assert await last_refusal(desk, case) == "already-voted"

    await assert_nothing_ran(desk, case)
    assert (await status(desk, case), await votes(desk, case)) == ("pending", 1)


async def test_those_who_usually_decide_reject_it_and_do_not_approve_it(desk: RunningDesk) -> None:
    case = await opened(desk)

    await press(desk, case, "victor")
    assert await last_refusal(desk, case) == "core-no-break-glass-by-others"
    await assert_undecided(desk, case)
    victor = desk.slack.person("victor")
    await victor.click("desk-approvals", case.card_ts, action_id="request.reject")
    await desk.until(victor.modals)
    await victor.submit(values={"reason": "I am here"})
    victor.reload()

    assert await status(desk, case) == "rejected"
    await assert_vouched_for(desk, case)


@pytest.mark.parametrize("who", ["mallory", "erin", "greta", "bob"])
async def test_threat_01_nobody_outside_the_group_approves_it(desk: RunningDesk, who: str) -> None:
    case = await opened(desk)

    await press(desk, case, who)

    await assert_undecided(desk, case)


async def test_threat_21_a_row_that_was_made_an_emergency_or_given_another_reason_does_not_run(
    desk: RunningDesk,
) -> None:
    usual, real = await open_case(desk), await opened(desk)
    await change(desk, "update action_requests set break_glass = :why where id = :id", why=WHY, id=usual.request_id)
    await change(desk, "update action_requests set break_glass = 'tea' where id = :id", id=real.request_id)

    for case in (usual, real):
        await press(desk, case, "olivia")
        await press(desk, case, "sam")
        await assert_undecided(desk, case)
        assert await last_refusal(desk, case) in ("core-no-other-digest", "core-no-proposer")
        assert "reason for break-glass" in await named(desk, case)


async def test_threat_21_with_the_digest_forged_as_well_the_trail_contradicts_it(desk: RunningDesk) -> None:
    case = await open_case(desk, operator="victor")
    await change(desk, "update action_requests set break_glass = :why where id = :id", why=WHY, id=case.request_id)
    async with desk.database.transaction() as tx:
        found = await requests.locked(tx, case.request_id)
        assert found is not None
        found[0].digest = digest_of(*found)
        await tx.execute(
            text("update deliveries set shown_digest = :digest where request_id = :id"),
            {"digest": found[0].digest, "id": case.request_id},
        )

    for who in ("olivia", "sam"):
        await press(desk, case, who)

    await assert_undecided(desk, case)
    assert await last_refusal(desk, case) == "core-no-contradicted-request"


async def test_a_stop_covers_what_was_started_by_break_glass(desk: RunningDesk) -> None:
    case = await opened(desk)
    await command(desk, "victor", "stop api_key.revoke Wait")
    try:
        await press(desk, case, "olivia")
        assert await last_refusal(desk, case) == "core-no-stopped"
        assert await propose(desk, case, SANA) == "core-no-stopped"
        await assert_undecided(desk, case)
    finally:
        await command(desk, "victor", "resume api_key.revoke Done")


async def test_threat_05_nobody_who_had_a_part_in_it_reviews_it_nor_does_their_other_account(
    desk: RunningDesk,
) -> None:
    case = await ran(desk)
    for who, rule in {
        "sana": "core-no-review-of-ones-own",
        "olivia": "core-no-review-of-ones-own",
        "sam": "core-no-review-of-ones-own",
        "bob": "core-no-review-of-ones-own",
        "erin": "not-permitted",
        "mallory": "core-no-outsider",
    }.items():
        await send_review(desk, case, who)
        assert (await steps(desk, case, "review_refused"))[-1].payload["rule"] == rule, who
    async with linked(desk, VICTOR, OLIVIA):
        await send_review(desk, case, "victor")
        assert (await steps(desk, case, "review_refused"))[-1].payload["rule"] == "core-no-review-of-ones-own"
    assert await reviewed_by(desk, case) is None

    await send_review(desk, case, "victor", " \u200b ")
    assert await reviewed_by(desk, case) is None
    await send_review(desk, case, "victor")
    assert await reviewed_by(desk, case) == VICTOR
    await send_review(desk, case, "victor", "Something else")
    assert (await steps(desk, case, "review_refused"))[-1].payload["rule"] == "core-no-settled-review"
    await assert_vouched_for(desk, case)


async def test_threat_21_an_approver_whose_vote_was_deleted_still_does_not_review_it(desk: RunningDesk) -> None:
    case = await ran(desk)
    async with desk.database.transaction() as tx:
        await tx.execute(text("set local session_replication_role = replica"))
        gone = text("delete from votes where request_id = :id and voter = :sam")
        await tx.execute(gone, {"id": case.request_id, "sam": SAM})

    await send_review(desk, case, "sam")

    assert await votes(desk, case) == 1
    assert (await steps(desk, case, "review_refused"))[-1].payload["rule"] == "core-no-review-of-ones-own"


async def test_a_request_that_was_no_emergency_or_did_not_run_has_no_review(desk: RunningDesk) -> None:
    usual, waiting = await open_case(desk), await opened(desk)
    await press(desk, usual, "sana")
    await assert_ran_once(desk, usual)

    for case in (usual, waiting):
        await send_review(desk, case, "victor")
        assert await reviewed_by(desk, case) is None
        assert (await steps(desk, case, "review_refused"))[-1].payload["rule"] == "core-no-settled-review"


async def test_a_review_that_is_missing_is_announced_each_day_and_stands_on_app_home(desk: RunningDesk) -> None:
    case = await ran(desk)
    later = desk.parts.reception.desk.clock() + timedelta(days=1, minutes=1)
    with with_parts(desk, clock=lambda: later):
        await desk.until(lambda: steps(desk, case, "review_overdue"))
        told = await announced(desk, case, "break_glass_overdue")
        assert set(told) == {"desk-triage", "desk-approvals"}
        assert all("review overdue" in one for one in told.values())
        assert await wake_reviews(desk.parts.reception.desk) == 0, "not again before another day has passed"
        victor = desk.slack.person("victor")
        await victor.open_home()
        await desk.until(lambda: "overdue since" in text_of(victor.home()))
    await send_review(desk, case, "victor")
    await desk.idle()

    ts = await desk.value(
        "select ts from deliveries where request_id = :id and kind = 'break_glass_overdue' and channel = 'C0APPROVE01'",
        id=case.request_id,
    )
    assert "Reviewed by" in text_of(message_at(desk, "desk-approvals", ts))
    await assert_vouched_for(desk, case)


async def test_threat_18_what_is_announced_of_it_is_held_where_another_company_reads(desk: RunningDesk) -> None:
    case = await open_case(desk)
    desk.slack.admin.share_channel("desk-triage", "T0EXTERN001")
    try:
        case = await start(desk, case)
        states = "select channel, state from deliveries where request_id = :id and kind = 'break_glass_started'"

        async def held() -> bool:
            found = dict(map(tuple, await desk.rows(states, id=case.request_id)))
            return found == {"C0TRIAGE001": "held", "C0APPROVE01": "posted"}

        await desk.until(held)
    finally:
        desk.slack.admin.unshare_channel("desk-triage", "T0EXTERN001")


@pytest.mark.parametrize(
    ("forgery", "said"),
    [
        ("delete from break_glass_reviews where request_id = :id", "due on the trail and not in the table"),
        ("update break_glass_reviews set due_at = due_at + interval '1 year' where request_id = :id", "is due at"),
        (
            "update break_glass_reviews set reviewed_by = 'T0ACME00001/U0VICTOR001', reviewed_at = now(),"
            " words = 'fine' where request_id = :id",
            "is recorded, and not on the trail",
        ),
    ],
)
async def test_threat_21_a_review_that_was_taken_away_moved_or_made_up_is_named(
    desk: RunningDesk, forgery: str, said: str
) -> None:
    case = await ran(desk)

    await change(desk, forgery, id=case.request_id)

    assert said in await named(desk, case)


async def named(desk: RunningDesk, case: Case) -> str:
    """What `countersign audit verify` says of the case's request."""
    async with desk.database.transaction() as tx:
        assert (await verification.verify(tx)).first_break is None
        return "\n".join(
            one for one in await evidence.check(tx, SIGNER, digest_as_shown) if str(case.request_id) in one
        )
