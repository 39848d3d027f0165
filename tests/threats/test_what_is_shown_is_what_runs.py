"""Threats 8, 14, 21 and 22: what was approved is what runs, once, on evidence, and no row says otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from handlers.desk import Desk
from policy.gate import Gate
from storage import audit
from storage.audit import Step
from tests.passkeys import approve, ask, give_passkey, open_page, send
from tests.running import RunningDesk
from tests.threats.cases import (
    SANA,
    VICTOR,
    Case,
    action_ids,
    assert_nothing_ran,
    assert_ran_once,
    assert_undecided,
    card_of,
    change,
    click_of,
    json_text,
    key_status,
    last_refusal,
    message_at,
    new_key,
    open_case,
    open_form,
    paused,
    posted,
    refusals,
    run_job_by_hand,
    runs,
    settled,
    status,
    submission_of,
    votes,
)
from tests.threats.planted import BelievingSigner, ForgivingGate, RowBelievingGate, StatusBelievingGate, with_parts

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def run_rule(desk: RunningDesk, case: Case) -> str:
    """The rule by which the case's run was refused."""
    found = [e.payload["rule"] for e in await desk.trail(case.ticket_id) if e.name == "run_refused"]
    return str(found[-1]) if found else "(none)"


# --- 8: changed after approval and before the run --------------------------------------------------------------------

TAMPERED: Mapping[str, str] = {
    "the parameters": "update action_requests set params = json_build_object('keyId', cast(:other as text))"
    " where id = :id",
    "the action": "update action_requests set action_id = 'api_key.restore' where id = :id",
    "the card": "update action_requests set card = '[]' where id = :id",
    "the proposer": "update action_requests set proposer = 'T0ACME00001/U0SAM000001' where id = :id",
    "the proposer, to nobody": "update action_requests set proposer = null where id = :id",
    "the subjects": "update action_requests set subjects = '[]' where id = :id",
    "the quorum": "update action_requests set quorum = 0 where id = :id",
    "the expiry": "update action_requests set expires_at = expires_at + interval '1 year' where id = :id",
    "the policy's version": "update action_requests set policy_version = repeat('0', 64) where id = :id",
    "the digest": "update action_requests set digest = repeat('0', 64) where id = :id",
    "the ticket it is for": "update action_requests set ticket_id = :other_ticket where id = :id",
    "the requester": "update tickets set requester = 'T0EXTERN001/U0TRENT0001' where id = :ticket",
    "the requester, to nobody": "update tickets set requester = null where id = :ticket",
    "the ticket's revision": "update tickets set revision = revision + 1 where id = :ticket",
    "the provenance": """update action_requests set provenance = '{"keyId": {"provenance": "requester"}}'"""
    " where id = :id",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tampered(desk: RunningDesk) -> dict[str, Case]:
    """A case for each of the above: approved, then changed in the database, then left to run."""
    cases = {name: await open_case(desk) for name in TAMPERED}
    bystander, other_key = await open_case(desk), await new_key(desk)
    async with paused(desk):
        for name, case in cases.items():
            await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
            assert await status(desk, case) == "approved"
            values = {"id": case.request_id, "ticket": case.ticket_id}
            values |= {"other": other_key, "other_ticket": bystander.ticket_id}
            await change(
                desk, TAMPERED[name], **{key: value for key, value in values.items() if f":{key}" in TAMPERED[name]}
            )
    await settled(desk)
    return cases


@pytest.mark.parametrize("what", TAMPERED)
async def test_threat_08_nothing_runs_if_a_row_changed_after_the_approval(
    desk: RunningDesk, tampered: dict[str, Case], what: str
) -> None:
    case = tampered[what]

    await assert_nothing_ran(desk, case)
    assert await status(desk, case) == "denied"


async def test_threat_08_no_other_key_was_touched_by_any_of_that(desk: RunningDesk, tampered: dict[str, Case]) -> None:
    assert tampered
    assert await desk.value("select count(*) from effects where action_id like 'api_key.%'") == await desk.value(
        "select count(*) from action_requests where status = 'executed' and action_id like 'api_key.%'"
    )


async def test_threat_08_the_check_fails_on_a_gate_that_forgives_another_digest(desk: RunningDesk) -> None:
    case = await open_case(desk)
    forgiving = ForgivingGate(desk.parts.reception.desk.gate, "core-no-other-digest")

    with with_parts(desk, gate=forgiving), _other_key_watched(desk) as watched:
        async with paused(desk):
            await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
            await change(desk, TAMPERED["the parameters"], id=case.request_id, other=await watched.key())
        await settled(desk)

        # What ran is not what was shown: this is what the check above must notice.
        assert await watched.was_revoked()
        assert await status(desk, case) == "executed"


class _other_key_watched:
    """A key that is put into a request behind the approver's back."""

    def __init__(self, desk: RunningDesk) -> None:
        self._desk = desk
        self._key = ""

    def __enter__(self) -> _other_key_watched:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    async def key(self) -> str:
        self._key = await new_key(self._desk)
        return self._key

    async def was_revoked(self) -> bool:
        sql = "select status from directory_keys where key_id = :key"
        return bool(await self._desk.value(sql, key=self._key) == "revoked")


@pytest.mark.parametrize("how", ["edited", "deleted"])
async def test_threat_08_a_ticket_edited_or_deleted_after_the_approval_does_not_run(
    desk: RunningDesk, how: str
) -> None:
    case = await open_case(desk)
    mallory = desk.slack.person("mallory")
    async with paused(desk):
        await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
        # The run is as late as it would be on a busy desk: the requester's change is known before it.
        later = "update procrastinate_jobs set scheduled_at = now() + interval '1.5 s' where task_name = 'run_action'"
        await change(desk, later + " and status = 'todo'")
        await (
            mallory.edit(case.channel, case.ts, "Never mind.")
            if how == "edited"
            else mallory.delete(case.channel, case.ts)
        )
    await desk.until(lambda: _is(desk, case, "void"))
    await desk.until(lambda: _no_job(desk, case))

    await assert_nothing_ran(desk, case)
    assert f"message_{how}" in [event.name for event in await desk.trail(case.ticket_id)]
    assert "request.approve" not in action_ids(message_at(desk, "desk-approvals", case.card_ts))


@pytest.mark.parametrize("how", ["edited", "deleted"])
async def test_threat_08_nor_can_a_card_be_approved_that_was_shown_for_the_ticket_as_it_was_before(
    desk: RunningDesk, how: str
) -> None:
    case = await open_case(desk)
    old = click_of(desk, case, "sana")
    mallory = desk.slack.person("mallory")

    await (
        mallory.edit(case.channel, case.ts, "Never mind.") if how == "edited" else mallory.delete(case.channel, case.ts)
    )
    await desk.until(lambda: _is(desk, case, "void"))
    await desk.slack.forge.send(old)

    await assert_nothing_ran(desk, case)
    assert await last_refusal(desk, case) == "core-no-settled-request"


async def _is(desk: RunningDesk, case: Case, wanted: str) -> bool:
    return await status(desk, case) == wanted


async def _no_job(desk: RunningDesk, case: Case) -> bool:
    sql = "select count(*) from procrastinate_jobs where task_name = 'run_action' and args->>'request_id' = :id"
    return not await desk.value(sql, id=str(case.request_id))


@pytest.mark.parametrize(
    "what", ["the parameters", "the card", "the proposer", "the subjects", "the requester", "the quorum"]
)
async def test_threat_08_a_row_changed_before_the_press_is_not_what_the_card_shows(
    desk: RunningDesk, what: str
) -> None:
    case = await open_case(desk)
    values = {"id": case.request_id, "ticket": case.ticket_id, "other": "ak_demo_erin_001"}
    await change(desk, TAMPERED[what], **{key: value for key, value in values.items() if f":{key}" in TAMPERED[what]})

    await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")

    await assert_undecided(desk, case)
    assert await last_refusal(desk, case) == "core-no-other-digest"


async def test_threat_08_a_used_approval_is_not_used_again(desk: RunningDesk) -> None:
    case = await open_case(desk)
    await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
    await assert_ran_once(desk, case)
    await change(desk, "update directory_keys set status = 'active' where key_id = :key", key=case.key_id)

    # As it is, with the status put back, and with the record of the run taken away.
    await run_job_by_hand(desk, case.request_id)
    await change(desk, "update action_requests set status = 'approved' where id = :id", id=case.request_id)
    await run_job_by_hand(desk, case.request_id)
    await change(desk, "delete from executions where request_id = :id", id=case.request_id)
    await change(desk, "update action_requests set status = 'approved' where id = :id", id=case.request_id)
    await run_job_by_hand(desk, case.request_id)

    assert await runs(desk, case) == 1
    assert await key_status(desk, case) == "active"


# --- 14: 'always allow' --------------------------------------------------------------------------------------------


async def test_threat_14_an_approval_allows_nothing_more_next_time(desk: RunningDesk) -> None:
    first = await open_case(desk)
    await desk.slack.person("sana").click("desk-approvals", first.card_ts, action_id="request.approve")
    await assert_ran_once(desk, first)
    await change(desk, "update directory_keys set status = 'active' where key_id = :key", key=first.key_id)

    again = await open_form(desk, first, "api_key.revoke", {"keyId": first.key_id})

    row = (await desk.rows("select status, quorum, verdict from action_requests where id = :id", id=again))[0]
    assert tuple(row) == ("pending", 1, "needs_approval")
    assert await key_status(desk, first) == "active"
    offered = action_ids(message_at(desk, "desk-approvals", await card_of(desk, again)))
    assert offered >= {"request.approve", "request.reject"}


# --- 21: rows written by somebody with the database's password ------------------------------------------------------


@contextmanager
def without_the_trail(desk: RunningDesk) -> Iterator[None]:
    """The trail contradicts each of these rows. What stands behind that must do by itself."""
    with with_parts(desk, gate=RowBelievingGate(desk.parts.reception.desk.gate)):
        yield


async def test_threat_21_a_status_set_in_the_database_runs_nothing(desk: RunningDesk) -> None:
    case, other = await open_case(desk), await open_case(desk)
    approve = "update action_requests set status = 'approved' where id = :id"

    await change(desk, approve, id=case.request_id)
    await run_job_by_hand(desk, case.request_id)
    with without_the_trail(desk):
        await change(desk, approve, id=other.request_id)
        await run_job_by_hand(desk, other.request_id)

    for one, rule in ((case, "core-no-contradicted-request"), (other, "quorum-not-met")):
        await assert_nothing_ran(desk, one)
        assert await status(desk, one) == "denied"
        assert await run_rule(desk, one) == rule


async def test_threat_21_the_check_fails_on_a_gate_that_believes_the_status(desk: RunningDesk) -> None:
    case = await open_case(desk)

    with with_parts(desk, gate=StatusBelievingGate(desk.parts.reception.desk.gate)):
        await change(desk, "update action_requests set status = 'approved' where id = :id", id=case.request_id)
        await run_job_by_hand(desk, case.request_id)
        with pytest.raises(AssertionError):
            await assert_nothing_ran(desk, case)


async def forge_vote(desk: RunningDesk, case: Case, voter: str, **more: Any) -> None:
    """A votes row as somebody with the database's password would write it."""
    digest = await desk.value("select digest from action_requests where id = :id", id=case.request_id)
    row = {"choice": "approve", "reason": "", "digest": digest, "signature": "ab" * 32, "key_id": "v1"} | more
    await change(
        desk,
        "insert into votes (request_id, voter, voter_label, choice, reason, digest, cast_at, slack_request_id,"
        " signature, key_id) values"
        " (:id, :voter, 'Sana', :choice, :reason, :digest, now(), '1.2.x', :signature, :key_id)",
        id=case.request_id,
        voter=voter,
        **row,
    )
    await change(desk, "update action_requests set status = 'approved' where id = :id", id=case.request_id)


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({}, "vote-signature-broken"),
        ({"signature": ""}, "vote-signature-broken"),
        ({"signature": "é" * 64}, "vote-signature-broken"),
        ({"key_id": "v2"}, "vote-signature-broken"),
        ({"key_id": ""}, "vote-signature-broken"),
        ({"digest": "0" * 64}, "vote-of-another-digest"),
    ],
    ids=["a made-up signature", "none", "one of other letters", "an unknown key", "no key", "another digest"],
)
async def test_threat_21_a_vote_written_into_the_database_is_no_vote(
    desk: RunningDesk, more: dict[str, str], rule: str
) -> None:
    case = await open_case(desk)

    with without_the_trail(desk):
        await forge_vote(desk, case, SANA, **more)
        await run_job_by_hand(desk, case.request_id)

    await assert_nothing_ran(desk, case)
    assert await run_rule(desk, case) == rule


async def test_threat_21_the_check_fails_on_a_signer_that_takes_every_signature(desk: RunningDesk) -> None:
    case = await open_case(desk)
    believing = RowBelievingGate(Gate(desk.parts.reception.desk.gate._engine, BelievingSigner()))

    with with_parts(desk, gate=believing):
        await forge_vote(desk, case, SANA)
        await run_job_by_hand(desk, case.request_id)
        with pytest.raises(AssertionError):
            await assert_nothing_ran(desk, case)


async def test_threat_21_a_true_vote_moved_to_another_request_or_another_person_is_none(desk: RunningDesk) -> None:
    source, target = await open_case(desk), await open_case(desk)
    await desk.slack.person("sana").click("desk-approvals", source.card_ts, action_id="request.approve")
    await assert_ran_once(desk, source)
    copy_row = (
        "insert into votes (request_id, voter, voter_label, choice, reason, digest, cast_at, slack_request_id,"
        " signature, key_id) select :target, :voter, voter_label, choice, reason,"
        " (select digest from action_requests where id = :target), cast_at, slack_request_id, signature, key_id"
        " from votes where request_id = :source"
    )
    approve = "update action_requests set status = 'approved' where id = :id"

    with without_the_trail(desk):
        await change(desk, copy_row, target=target.request_id, source=source.request_id, voter=SANA)
        await change(desk, approve, id=target.request_id)
        await run_job_by_hand(desk, target.request_id)

    await assert_nothing_ran(desk, target)
    assert await run_rule(desk, target) == "vote-signature-broken"


async def test_threat_21_one_true_vote_is_not_made_two_nor_a_quorum_of_two_made_one(desk: RunningDesk) -> None:
    parent = await open_case(desk)
    email = {"email": "erin@acme.example"}
    doubled, lowered = (
        await open_form(desk, parent, "user.suspend", email),
        await open_form(desk, parent, "user.suspend", email),
    )
    for request_id in (doubled, lowered):
        await approve(desk, "sana", await card_of(desk, request_id))
    second = (
        "insert into votes (request_id, voter, voter_label, choice, reason, digest, cast_at, slack_request_id,"
        " signature, key_id) select request_id, :voter, 'Victor', choice, reason, digest, cast_at,"
        " slack_request_id, signature, key_id from votes where request_id = :id"
    )
    await change(desk, second, voter=VICTOR, id=doubled)
    await change(desk, "update action_requests set quorum = 1 where id = :id", id=lowered)
    with without_the_trail(desk):
        for request_id in (doubled, lowered):
            await change(desk, "update action_requests set status = 'approved' where id = :id", id=request_id)
            await run_job_by_hand(desk, request_id)

    assert await desk.value("select status from directory_people where email = 'erin@acme.example'") == "active"
    refused = [e.payload["rule"] for e in await desk.trail(parent.ticket_id) if e.name == "run_refused"]
    assert refused == ["vote-signature-broken", "core-no-other-digest"]


async def rewrite_vote(desk: RunningDesk, case: Case, assignment: str) -> None:
    """Change the case's votes. The database refuses; then past its triggers, as its superuser can."""
    statement = f"update votes set {assignment} where request_id = :id"
    with pytest.raises(ProgrammingError, match="append-only"):
        await change(desk, statement, id=case.request_id)
    async with desk.database.transaction() as tx:
        await tx.execute(text("set local session_replication_role = replica"))
        await tx.execute(text(statement), {"id": case.request_id})


async def test_threat_21_a_rejection_turned_into_an_approval_is_none(desk: RunningDesk) -> None:
    case = await open_case(desk)
    sana = desk.slack.person("sana")
    await sana.click("desk-approvals", case.card_ts, action_id="request.reject")
    await sana.submit(values={"reason": "No."})
    assert await status(desk, case) == "rejected"

    await rewrite_vote(desk, case, "choice = 'approve'")
    with without_the_trail(desk):
        await change(desk, "update action_requests set status = 'approved' where id = :id", id=case.request_id)
        await run_job_by_hand(desk, case.request_id)

    await assert_nothing_ran(desk, case)
    assert await run_rule(desk, case) == "vote-signature-broken"


async def test_threat_21_a_request_written_whole_into_the_database_runs_nothing(desk: RunningDesk) -> None:
    """Every column is in the writer's hand, the digest as well; the votes' key is not."""
    from uuid import uuid4

    case = await open_case(desk)
    new_id = uuid4()
    columns = [
        row[0]
        for row in await desk.rows(
            "select column_name from information_schema.columns where table_name = 'action_requests'"
            " and column_name not in ('id', 'status', 'suggestion_id', 'risk', 'verdict', 'quorum')"
        )
    ]
    listed = ", ".join(columns)
    await change(
        desk,
        f"insert into action_requests (id, status, risk, verdict, quorum, {listed})"
        f" select :new, 'approved', 'low', 'allow', 0, {listed} from action_requests where id = :id",
        new=new_id,
        id=case.request_id,
    )

    await run_job_by_hand(desk, new_id)

    await assert_nothing_ran(desk, case)
    assert await desk.value("select status from action_requests where id = :id", id=new_id) == "denied"


async def test_threat_21_a_run_written_into_the_database_as_begun_is_not_carried_out(desk: RunningDesk) -> None:
    """'running' is what a worker that died leaves behind; whoever picks it up must not take it for approved."""
    case = await open_case(desk)
    await change(desk, "update action_requests set status = 'running' where id = :id", id=case.request_id)
    await change(
        desk,
        "insert into executions (request_id, idempotency_key, state, attempts, detail, started_at)"
        " values (:id, :key, 'running', 1, '{}', now())",
        id=case.request_id,
        key=f"{case.request_id}:forged",
    )

    await run_job_by_hand(desk, case.request_id)

    await assert_nothing_ran(desk, case)


async def test_threat_21_nor_does_a_used_approval_run_again_under_another_key_of_its_run(desk: RunningDesk) -> None:
    case = await open_case(desk)
    await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
    await assert_ran_once(desk, case)
    await change(desk, "update directory_keys set status = 'active' where key_id = :key", key=case.key_id)

    await change(desk, "update action_requests set status = 'running' where id = :id", id=case.request_id)
    await change(
        desk,
        "update executions set state = 'running', idempotency_key = 'another' where request_id = :id",
        id=case.request_id,
    )
    await run_job_by_hand(desk, case.request_id)

    assert await runs(desk, case) == 1
    assert await key_status(desk, case) == "active"


async def test_threat_21_a_run_that_was_truly_cut_off_begins_again_because_its_votes_stand(desk: RunningDesk) -> None:
    case = await open_case(desk)
    async with paused(desk):
        await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
        await change(desk, "update action_requests set status = 'running' where id = :id", id=case.request_id)
        await change(
            desk,
            "insert into executions (request_id, idempotency_key, state, attempts, detail, started_at)"
            " select id, id || ':' || left(digest, 16), 'running', 1, '{}', now() from action_requests where id = :id",
            id=case.request_id,
        )
        async with desk.database.transaction() as tx:
            ids = {"actionId": "api_key.revoke", "actionRequestId": str(case.request_id)}
            payload = ids | {"idempotencyKey": await _key_of(desk, case), "votes": 1}
            await audit.record(tx, case.ticket_id, Step.ACTION_STARTED, "bot", payload, at=datetime.now(UTC))

    await assert_ran_once(desk, case)


async def _key_of(desk: RunningDesk, case: Case) -> str:
    return str(await desk.value("select idempotency_key from executions where request_id = :id", id=case.request_id))


# --- 22: order, repetition, at once ----------------------------------------------------------------------------------


async def test_threat_22_two_approvers_at_once_let_it_run_once(desk: RunningDesk) -> None:
    case = await open_case(desk)

    await asyncio.gather(
        *(desk.slack.forge.send(click_of(desk, case, who)) for who in ("sana", "victor", "sana", "victor", "sana"))
    )

    await assert_ran_once(desk, case)
    assert await votes(desk, case) == 1
    assert set(await refusals(desk, case)) == {"core-no-settled-request"}


async def test_threat_22_a_double_click_is_one_vote_where_two_people_are_needed(desk: RunningDesk) -> None:
    parent = await open_case(desk)
    request_id = await open_form(desk, parent, "user.suspend", {"email": "erin@acme.example"})
    passkey = await give_passkey(desk, "sana")
    page = await open_page(desk, await ask(desk, "sana", await card_of(desk, request_id)))
    signed = passkey.get(page.challenge)

    answers = await asyncio.gather(*(send(desk, page.path, signed) for _ in range(4)))
    await settled(desk)

    assert sorted(status for status, _ in answers) == [200, 403, 403, 403]
    assert await desk.value("select count(*) from votes where request_id = :id", id=request_id) == 1
    assert await desk.value("select status from action_requests where id = :id", id=request_id) == "pending"
    # The passkey has counted on by the second; whichever comes first, it is no second vote.
    assert set(await refusals(desk, parent)) <= {"already-voted", "core-no-unconfirmed-vote"}


async def test_threat_22_an_approval_and_a_rejection_at_once_have_one_outcome(desk: RunningDesk) -> None:
    case = await open_case(desk)
    rejection = submission_of(desk, case, "victor", "reject_request", str(case.request_id), {"reason": "No."})

    await asyncio.gather(desk.slack.forge.send(click_of(desk, case, "sana")), desk.slack.forge.send(rejection))
    await settled(desk)

    found = await status(desk, case)
    assert found in ("executed", "rejected")
    assert await runs(desk, case) == (found == "executed")
    assert await votes(desk, case) == 1


async def test_threat_22_nothing_follows_a_rejection(desk: RunningDesk) -> None:
    case = await open_case(desk)
    late = {who: click_of(desk, case, who) for who in ("sana", "victor")}
    sana = desk.slack.person("sana")
    await sana.click("desk-approvals", case.card_ts, action_id="request.reject")
    await sana.submit(values={"reason": "Bob says it was not him."})

    for payload in (late["victor"], late["sana"], late["victor"]):
        await desk.slack.forge.send(payload)

    await assert_nothing_ran(desk, case)
    assert (await status(desk, case), await votes(desk, case)) == ("rejected", 1)
    assert set(await refusals(desk, case)) == {"core-no-settled-request"}


async def test_threat_22_a_rejection_after_the_run_changes_nothing(desk: RunningDesk) -> None:
    case = await open_case(desk)
    late = submission_of(desk, case, "victor", "reject_request", str(case.request_id), {"reason": "Too late."})
    await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
    await assert_ran_once(desk, case)

    await desk.slack.forge.send(late)

    await assert_ran_once(desk, case)
    assert await votes(desk, case) == 1


async def test_threat_22_a_vote_after_the_time_is_over_does_not_count(desk: RunningDesk) -> None:
    case = await open_case(desk)
    before: Desk = desk.parts.reception.desk

    with with_parts(desk, clock=lambda: before.clock() + timedelta(hours=5)):
        await desk.slack.forge.send(click_of(desk, case, "sana"))
        await assert_nothing_ran(desk, case)

    # Either the waker was faster, or the gate itself looked at the clock.
    assert await last_refusal(desk, case) in ("core-no-expired-request", "core-no-settled-request")
    assert await votes(desk, case) == 0


async def test_threat_22_an_approval_in_time_whose_run_comes_too_late_does_not_run(desk: RunningDesk) -> None:
    case = await open_case(desk)
    before: Desk = desk.parts.reception.desk
    async with paused(desk):
        await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
        object.__setattr__(desk.parts.reception, "desk", _later(before))
    try:
        await desk.until(lambda: _ended(desk, case))
        await assert_nothing_ran(desk, case)
    finally:
        object.__setattr__(desk.parts.reception, "desk", before)


def _later(desk: Desk) -> Desk:
    from dataclasses import replace

    return replace(desk, clock=lambda: desk.clock() + timedelta(hours=5))


async def _ended(desk: RunningDesk, case: Case) -> bool:
    return await status(desk, case) in ("denied", "expired")


async def test_threat_22_the_final_card_names_the_outcome_and_offers_no_decision(desk: RunningDesk) -> None:
    case = await open_case(desk)
    await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
    await assert_ran_once(desk, case)

    card = message_at(desk, "desk-approvals", await posted(desk, "approval_card", case.ticket_id))

    assert not action_ids(card) & {"request.approve", "request.reject"}
    assert "Sana Siddiqui" in json_text(card) or "U0SANA00001" in json_text(card)
