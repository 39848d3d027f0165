"""Threats 15 and 21: approvals of different groups, and a policy that changes while requests wait."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from handlers.flows.judged_facts import digest_as_shown
from handlers.flows.void_outdated import void_outdated
from policy.terms import PersonKey, RequestFacts, Tally, Vote
from policy.votes import tally
from storage import evidence, verification
from tests.running import RunningDesk, running_desk
from tests.threats.cases import (
    Case,
    assert_nothing_ran,
    assert_ran_once,
    assert_vouched_for,
    json_text,
    message_at,
    open_case,
    settled,
)
from tests.threats.cases import status as status_of
from tests.threats.planted import SIGNER, ForgivingGate, gate_of, policy_folder, with_parts

HIGH = "[risk.high]\nquorum = 1\n"
BOTH = '[risk.high]\nquorum = 2\ndistinct_groups = ["support", "security"]\n'
SUPPORT_TOO = """
@id("support-decides-high-risk-too")
@reason("Of high risk one of support and one of security decide together.")
permit (principal in Group::"support", action in Action::"decide", resource) when { resource.risk == Risk::"high" };
"""
NOT_SANA = """
@id("sana-decides-no-more")
@reason("Planted: a new policy that takes deciding away from one person.")
forbid (principal == Person::"T0ACME00001/U0SANA00001", action in Action::"decide", resource);
"""


def folder_with(path: Path, settings: str, site: str = "") -> Path:
    folder = policy_folder(path, site=site)
    file = folder / "settings.toml"
    assert HIGH in file.read_text()
    file.write_text(file.read_text().replace(HIGH, settings))
    return folder


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    async with running_desk(database_url, tmp_path) as desk:
        yield desk


async def approve(desk: RunningDesk, case: Case, *who: str) -> None:
    for one in who:
        await desk.slack.person(one).click("desk-approvals", case.card_ts, action_id="request.approve")
    await settled(desk)


async def steps(desk: RunningDesk, case: Case) -> list[str]:
    return [event.name for event in await desk.trail(case.ticket_id)]


async def test_threat_21_two_of_one_group_do_not_make_one_of_each(desk: RunningDesk, tmp_path: Path) -> None:
    with with_parts(desk, gate=gate_of(folder_with(tmp_path / "both", BOTH, SUPPORT_TOO))):
        case = await open_case(desk)
        await approve(desk, case, "sana", "victor")

        assert await status_of(desk, case) == "pending"
        await assert_nothing_ran(desk, case)
        await desk.idle()
        card = json_text(message_at(desk, "desk-approvals", case.card_ts))
        assert "2 different people approve, among them one from security and one from support" in card
        assert "2 of 2 so far, among them one from security and one from support" in card

        await approve(desk, case, "sam")
        await assert_ran_once(desk, case)
    await assert_vouched_for(desk, case)
    casts = [event.payload["voter"] for event in await desk.trail(case.ticket_id) if event.name == "vote_cast"]
    assert [one["groups"] for one in casts] == [["security"], ["security"], ["support"]]
    assert all(one["isHome"] and one["isHuman"] for one in casts)


class GroupBlindGate(ForgivingGate):
    """Counts heads at the vote, whatever groups they are from."""

    def tally(self, request: RequestFacts, votes: Sequence[Vote], *_: Mapping[PersonKey, Any]) -> Tally:
        return tally(votes, request.quorum)


async def test_threat_21_a_vote_that_looks_at_no_groups_starts_a_run_that_is_refused(
    desk: RunningDesk, tmp_path: Path
) -> None:
    with with_parts(desk, gate=GroupBlindGate(gate_of(folder_with(tmp_path / "both", BOTH, SUPPORT_TOO)))):
        case = await open_case(desk)
        await approve(desk, case, "sana", "victor")

        await assert_nothing_ran(desk, case)
        assert await status_of(desk, case) == "denied", "and so the check above can fail"
    await assert_vouched_for(desk, case)

    async with desk.database.transaction() as tx:
        await verification.verify(tx)
        await tx.execute(text("update action_requests set status = 'approved' where id = :id"), {"id": case.request_id})
        found = await evidence.check(tx, SIGNER, digest_as_shown)
        await tx.rollback()
    assert any("not each of security, support has an approval of its own" in one for one in found), found


async def test_threat_21_a_row_that_is_made_to_ask_for_no_groups_voids_the_votes(
    desk: RunningDesk, tmp_path: Path
) -> None:
    with with_parts(desk, gate=gate_of(folder_with(tmp_path / "both", BOTH, SUPPORT_TOO))):
        case = await open_case(desk)
        await desk.rows(
            "update action_requests set distinct_groups = '[]' where id = :id returning 1", id=case.request_id
        )

        await approve(desk, case, "sana")

        assert await desk.value("select count(*) from votes") == 0


async def test_threat_15_a_kept_request_is_decided_as_it_was_shown(desk: RunningDesk, tmp_path: Path) -> None:
    case = await open_case(desk)
    with with_parts(desk, gate=gate_of(folder_with(tmp_path / "keep", HIGH + 'on_policy_change = "keep"\n'))):
        assert await void_outdated(desk.parts.reception.desk) == 0
        assert "request_kept" in await steps(desk, case)

        await approve(desk, case, "sana")
        await assert_ran_once(desk, case)
    await assert_vouched_for(desk, case)


async def test_threat_15_a_kept_request_gives_no_vote_to_whom_the_new_policy_forbids_it(
    desk: RunningDesk, tmp_path: Path
) -> None:
    case = await open_case(desk)
    keep = folder_with(tmp_path / "keep", HIGH + 'on_policy_change = "keep"\n', NOT_SANA)
    with with_parts(desk, gate=gate_of(keep)):
        assert await void_outdated(desk.parts.reception.desk) == 0

        await approve(desk, case, "sana")

        assert await status_of(desk, case) == "pending"
        assert await desk.value("select count(*) from votes") == 0


async def test_threat_15_a_request_that_would_be_kept_is_void_while_slack_does_not_say_who_had_a_part_in_it(
    desk: RunningDesk, tmp_path: Path
) -> None:
    case = await open_case(desk)
    with with_parts(desk, gate=gate_of(folder_with(tmp_path / "keep", HIGH + 'on_policy_change = "keep"\n'))):
        desk.slack.faults.fail_next("users.info", times=50, error="internal_error")
        assert await void_outdated(desk.parts.reception.desk) == 1
        desk.slack.faults.clear()

    assert await status_of(desk, case) == "void"


async def test_threat_15_a_request_that_asks_for_less_than_the_new_policy_is_void(
    desk: RunningDesk, tmp_path: Path
) -> None:
    case = await open_case(desk)
    more = folder_with(tmp_path / "more", HIGH.replace("1", "2") + 'on_policy_change = "keep"\n')
    with with_parts(desk, gate=gate_of(more)):
        assert await void_outdated(desk.parts.reception.desk) == 1

    assert await status_of(desk, case) == "void"


async def test_threat_15_what_cannot_be_read_any_more_is_void_and_keeps_no_other_from_being_looked_at(
    desk: RunningDesk, tmp_path: Path
) -> None:
    retired, odd, fine = [await open_case(desk) for _ in range(3)]
    async with desk.database.transaction() as tx:
        sql = "update action_requests set {} where id = :id"
        await tx.execute(text(sql.format("action_id = 'of.another.build'")), {"id": retired.request_id})
        await tx.execute(text(sql.format("subjects = '[\"nobody\"]'")), {"id": odd.request_id})
    with with_parts(desk, gate=gate_of(folder_with(tmp_path / "keep", HIGH + 'on_policy_change = "keep"\n'))):
        await void_outdated(desk.parts.reception.desk)

        assert await status_of(desk, retired) == "void"
        assert await status_of(desk, fine) == "pending"
        await approve(desk, fine, "sana")
        await approve(desk, odd, "sana")
    await assert_ran_once(desk, fine)
    await assert_nothing_ran(desk, odd)


async def test_threat_23_nothing_is_kept_while_slack_does_not_say_who_its_people_are(
    desk: RunningDesk, tmp_path: Path
) -> None:
    case = await open_case(desk)
    desk.slack.faults.fail_next("users.info", times=1000, error="internal_error")
    try:
        with with_parts(desk, gate=gate_of(folder_with(tmp_path / "keep", HIGH + 'on_policy_change = "keep"\n'))):
            assert await void_outdated(desk.parts.reception.desk) == 1
    finally:
        desk.slack.faults.clear()

    assert await status_of(desk, case) == "void"
