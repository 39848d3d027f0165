"""What somebody can do who writes to the database with the rights of the desk's own role: nothing that runs.

Their one tool is a changed row; the trail's rows are append-only and hashed under a key that they do not have. Each
test makes the change complete: digests are taken anew, statuses set back, links taken away.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from handlers.flows.judged_facts import digest_of
from storage import audit, deliveries, requests
from tests.running import RunningDesk
from tests.threats.cases import (
    SANA,
    Case,
    assert_nothing_ran,
    assert_ran_once,
    assert_undecided,
    card_of,
    change,
    key_status,
    last_refusal,
    link,
    new_key,
    open_case,
    open_form,
    paused,
    run_job_by_hand,
    settled,
    status,
    unlink,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

ERIN = "T0ACME00001/U0ERIN00001"
CONTRADICTED = "core-no-contradicted-request"


async def approve(desk: RunningDesk, card_ts: str, who: str) -> None:
    await desk.slack.person(who).click("desk-approvals", card_ts, action_id="request.approve")


async def change_and_take_the_digest_anew(desk: RunningDesk, request_id: UUID, sql: str, **params: object) -> None:
    """Anybody can compute a digest: it is over rows, and has no key."""
    await change(desk, sql, **params)
    async with desk.database.transaction() as tx:
        found = await requests.locked(tx, request_id)
        assert found is not None
        digest = digest_of(*found)
    await change(desk, "update action_requests set digest = :digest where id = :id", digest=digest, id=request_id)
    shown = "update deliveries set shown_digest = :digest where request_id = :id and kind = 'approval_card'"
    await change(desk, shown, digest=digest, id=request_id)


async def test_threat_21_what_a_card_never_showed_does_not_run_though_its_digest_fits(desk: RunningDesk) -> None:
    case, other = await open_case(desk), await new_key(desk, "victor@acme.example")
    await desk.idle()  # A card that is drawn anew has no button to press.
    params = f'{{"keyId":"{other}"}}'
    sql = "update action_requests set params = cast(:params as json) where id = :id"
    await change_and_take_the_digest_anew(desk, case.request_id, sql, params=params, id=case.request_id)

    await approve(desk, case.card_ts, "sana")

    await assert_undecided(desk, case)
    assert await last_refusal(desk, case) == CONTRADICTED
    assert await desk.value("select status from directory_keys where key_id = :key", key=other) == "active"


async def test_threat_21_whoever_proposed_it_does_not_approve_under_another_proposers_name(desk: RunningDesk) -> None:
    case = await open_case(desk, operator="victor")
    await desk.idle()  # A card that is drawn anew has no button to press.
    sql = "update action_requests set proposer = 'T0ACME00001/U0OLIVIA001' where id = :id"
    await change_and_take_the_digest_anew(desk, case.request_id, sql, id=case.request_id)

    await approve(desk, case.card_ts, "victor")

    await assert_undecided(desk, case)
    assert await last_refusal(desk, case) == CONTRADICTED


async def test_threat_21_nor_does_it_run_where_the_row_is_changed_after_the_vote(desk: RunningDesk) -> None:
    case, other = await open_case(desk), await new_key(desk, "victor@acme.example")
    async with paused(desk):
        await approve(desk, case.card_ts, "sana")
        sql = "update action_requests set params = cast(:params as json) where id = :id"
        params = f'{{"keyId":"{other}"}}'
        await change_and_take_the_digest_anew(desk, case.request_id, sql, params=params, id=case.request_id)

    await assert_nothing_ran(desk, case)
    assert await desk.value("select status from directory_keys where key_id = :key", key=other) == "active"


async def revive(desk: RunningDesk, case: Case, status_: str) -> None:
    sql = "update action_requests set status = :status, outcome = '', decided_at = null where id = :id"
    await change(desk, sql, status=status_, id=case.request_id)
    async with desk.database.transaction() as tx:
        await deliveries.refresh(tx, ticket_id=case.ticket_id)
    await desk.idle()


async def test_threat_22_a_withdrawn_request_that_is_set_back_to_pending_is_not_approved(desk: RunningDesk) -> None:
    case = await open_case(desk)
    await desk.slack.person("olivia").click("desk-approvals", case.card_ts, action_id="request.withdraw")
    await desk.idle()
    assert await status(desk, case) == "withdrawn"
    await revive(desk, case, "pending")

    await approve(desk, case.card_ts, "sana")

    await assert_undecided(desk, case)
    assert await last_refusal(desk, case) == CONTRADICTED


async def test_threat_22_a_run_that_was_refused_is_not_made_by_setting_the_request_back(desk: RunningDesk) -> None:
    case = await open_case(desk)
    try:
        async with paused(desk):
            await approve(desk, case.card_ts, "sana")
            desk.slack.admin.deactivate("sana")
        await settled(desk)
        assert await status(desk, case) == "denied"
    finally:
        desk.slack.admin.reactivate("sana")
        desk.slack.admin.set_group_members("security", ["sana", "victor", "bob"])
    await revive(desk, case, "approved")

    await run_job_by_hand(desk, case.request_id)

    await assert_nothing_ran(desk, case)
    assert await key_status(desk, case) == "active"


async def test_threat_05_a_link_that_is_taken_out_of_the_table_does_not_let_the_alias_in(desk: RunningDesk) -> None:
    case = await open_case(desk, who="erin", channel="help")
    await link(desk, ERIN, SANA)
    try:
        await change(desk, "delete from account_links")
        await approve(desk, case.card_ts, "sana")
        await assert_undecided(desk, case)
        assert "is not stored as its record says" in desk.slack.person("sana").ephemerals("desk-approvals")[-1]["text"]
    finally:
        sql = "insert into account_links values (:one, :other, 'told', 'op', now())"
        await change(desk, sql, one=ERIN, other=SANA)
        await unlink(desk, ERIN, SANA)

    await approve(desk, case.card_ts, "sana")
    await assert_ran_once(desk, case)


async def test_threat_05_a_step_that_was_written_without_the_key_takes_no_link_away(desk: RunningDesk) -> None:
    case = await open_case(desk, who="erin", channel="help")
    await link(desk, ERIN, SANA)
    now = datetime.now(UTC)
    fields = ["system", "10000000", str(audit.microseconds(now)), "people_unlinked", "operator"]
    payload = json.dumps({"accounts": sorted([ERIN, SANA])})
    forged = {
        "at": now, "payload": payload, "genesis": audit.GENESIS,
        "hash": audit.event_hash(None, audit.GENESIS, *fields, payload),
    }  # fmt: skip
    add = (
        "insert into audit_events (chain, seq, at, name, actor, payload, prev_hash, hash, key_id) values"
        " ('system', 10000000, :at, 'people_unlinked', 'operator', cast(:payload as json), :genesis, :hash, null)"
    )
    try:
        await change(desk, "delete from account_links")
        await change(desk, add, **forged)
        await approve(desk, case.card_ts, "sana")
        await assert_undecided(desk, case)
        assert "is not stored as its record says" in desk.slack.person("sana").ephemerals("desk-approvals")[-1]["text"]
    finally:
        async with desk.database.transaction() as tx:
            await tx.execute(text("set local session_replication_role = replica"))
            await tx.execute(text("delete from audit_events where seq = 10000000"))
        sql = "insert into account_links values (:one, :other, 'told', 'op', now())"
        await change(desk, sql, one=ERIN, other=SANA)
        await unlink(desk, ERIN, SANA)


async def test_threat_17_the_twin_of_a_rejected_request_is_not_approved(desk: RunningDesk) -> None:
    case = await open_case(desk)
    twin = await open_form(desk, case, "api_key.revoke", {"keyId": case.key_id})
    twin_card = await card_of(desk, twin)
    sana, victor = desk.slack.person("sana"), desk.slack.person("victor")
    await sana.click("desk-approvals", case.card_ts, action_id="request.reject")
    await desk.until(sana.modals)
    await sana.submit(values={"reason": "The key is in use."})
    await settled(desk)
    assert await status(desk, case) == "rejected"

    # Nor where its row says that it was made after that.
    await change(desk, "update action_requests set created_at = now() where id = :id", id=twin)
    await victor.click("desk-approvals", twin_card, action_id="request.approve")
    await settled(desk)

    assert await desk.value("select status from action_requests where id = :id", id=twin) == "pending"
    assert "The same was rejected in another request" in victor.ephemerals("desk-approvals")[-1]["text"]
    assert await key_status(desk, case) == "active"


async def test_threat_19_a_ticket_whose_trail_was_changed_decides_nothing(desk: RunningDesk) -> None:
    case = await open_case(desk)
    async with desk.database.transaction() as tx:
        # Triggers refuse this to the desk's own role; here it is done by whoever owns the tables.

        await tx.execute(text("set local session_replication_role = replica"))
        sql = "update audit_events set actor = 'T0ACME00001/U0ERIN00001' where chain = :chain and seq = 1"
        await tx.execute(text(sql), {"chain": f"ticket:{case.ticket_id}"})

    await approve(desk, case.card_ts, "sana")

    assert await status(desk, case) == "pending"
    assert await key_status(desk, case) == "active"
    assert await desk.value("select count(*) from votes where request_id = :id", id=case.request_id) == 0
