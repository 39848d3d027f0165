"""A change of who may decide is put on record and announced in the approvals channel, whoever made it and whenever."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import text

from bot.demo.local import MANIFEST
from handlers.flows.note_members import Member, note_members
from handlers.group_watch import look_at_groups
from local_slack.server import LocalSlack
from policy.terms import PersonKey
from tests.running import RunningDesk, running_desk

VICTOR, ERIN = "T0ACME00001/U0VICTOR001", "T0ACME00001/U0ERIN00001"


async def changes(desk: RunningDesk) -> list[dict[str, Any]]:
    """What is on the system's chain about groups, the first look left out."""
    sql = "select payload from audit_events where chain = 'system' and name = 'group_changed' order by seq"
    return [row[0] for row in await desk.rows(sql) if not row[0]["isFirst"]]


async def looked(desk: RunningDesk) -> None:
    """Every group was looked at once, so that what changes from here on is a change."""

    async def both() -> bool:
        return bool(await desk.value("select count(*) = 2 from watched_groups"))

    await desk.until(both)


def announced(desk: RunningDesk) -> str:
    return str(desk.card("approvals"))


def keys(people: list[dict[str, str]]) -> list[str]:
    return [one["key"] for one in people]


async def test_who_leaves_and_who_is_added_without_the_settings_is_announced_and_on_record(
    database_url: str, tmp_path: Path
) -> None:
    async with running_desk(database_url, tmp_path) as desk:
        await looked(desk)
        desk.slack.admin.set_group_members("security", ["sana", "bob", "erin"])
        [change] = await desk.until(lambda: changes(desk))

        assert change["group"] == "security"
        assert change["added"] == []
        assert change["removed"] == [{"key": VICTOR, "name": "Victor Vance"}]
        assert change["notInSettings"] == [{"key": ERIN, "name": "Erin Evans"}]
        await desk.idle()
        assert "In the group and not in the settings: cannot approve" in announced(desk)
        assert "U0VICTOR001" in announced(desk)


async def test_what_changed_while_the_bot_was_down_is_announced_at_the_start(database_url: str, tmp_path: Path) -> None:
    slack = LocalSlack(port=0, counts_calls=False, post_interval_seconds=0)
    slack.use_manifest(yaml.safe_load(MANIFEST.read_text()))
    await slack.start()
    try:
        async with running_desk(database_url, tmp_path, slack=slack) as desk:
            await looked(desk)
        slack.admin.set_group_members("security", ["sana", "bob"])

        async with running_desk(database_url, tmp_path, slack=slack) as desk:
            [change] = await desk.until(lambda: changes(desk))
            assert keys(change["removed"]) == [VICTOR]
            await desk.idle()
            assert "No longer in it" in announced(desk)

        # Taken out of the settings, with Slack's group as it is.
        fewer = {"COUNTERSIGN_SECURITY_MEMBERS": "U0SANA00001"}
        async with running_desk(database_url, tmp_path, slack=slack, environment=fewer) as desk:
            _, change = await desk.until(lambda: _two(desk))
            assert keys(change["removed"]) == ["T0ACME00001/U0BOB000001"]
            assert keys(change["notInSettings"]) == ["T0ACME00001/U0BOB000001"]
    finally:
        await slack.stop()


async def test_threat_06_what_is_taken_out_of_the_table_does_not_make_a_change_a_first_look(
    database_url: str, tmp_path: Path
) -> None:
    async with running_desk(database_url, tmp_path) as desk:
        await looked(desk)
        async with desk.database.transaction() as tx:
            await tx.execute(text("delete from watched_groups"))
            # And a step by which it is known already, as somebody writes it who has no key.
            erin = [{"key": ERIN, "name": "Erin"}]
            said = {"group": "security", "removed": [], "added": [], "notInSettings": erin, "isFirst": False}
            await tx.execute(
                text(
                    "insert into audit_events (chain, seq, at, name, actor, payload, prev_hash, hash, key_id)"
                    " select chain, 1000000, at, name, actor, cast(:payload as json), prev_hash, hash, key_id"
                    " from audit_events where name = 'group_changed' limit 1"
                ),
                {"payload": json.dumps(said)},
            )

        desk.slack.admin.set_group_members("security", ["sana", "bob", "victor", "erin"])
        await desk.until(lambda: desk.value("select count(*) from deliveries where kind = 'group_change'"))

        args = await desk.value("select args from deliveries where kind = 'group_change'")
        assert args["notInSettings"] == [{"key": ERIN, "name": "Erin Evans"}]


async def test_threat_06_a_change_that_slack_told_of_is_seen_though_the_calls_of_the_minute_are_spent(
    database_url: str, tmp_path: Path
) -> None:
    async with running_desk(database_url, tmp_path, live_group_lists_a_minute=0) as desk:
        await looked(desk)

        desk.slack.admin.set_group_members("security", ["sana", "bob"])

        [change] = await desk.until(lambda: changes(desk))
        assert keys(change["removed"]) == [VICTOR]


async def test_threat_06_a_group_that_left_the_settings_is_announced_once(database_url: str, tmp_path: Path) -> None:
    async with running_desk(database_url, tmp_path) as desk:
        await looked(desk)
        reception = desk.parts.reception
        fewer = {name: one for name, one in reception.desk.settings.groups.items() if name != "security"}
        without = replace(
            reception, desk=replace(reception.desk, settings=replace(reception.desk.settings, groups=fewer))
        )

        for _ in range(2):
            await look_at_groups(without, is_turn=True)

        [change] = await changes(desk)
        assert change["group"] == "security" and VICTOR in keys(change["removed"])
        assert await desk.value("select count(*) from deliveries where kind = 'group_change'") == 1


async def test_a_first_look_at_a_group_that_nobody_is_in_makes_whoever_comes_then_a_change(
    database_url: str, tmp_path: Path
) -> None:
    async with running_desk(database_url, tmp_path) as desk:
        await looked(desk)
        for members in ([], [Member(PersonKey.parse(ERIN), "Erin")]):
            await note_members(desk.parts.reception.desk, "another", members)

        [change] = await changes(desk)
        assert keys(change["notInSettings"]) == [ERIN]


async def _two(desk: RunningDesk) -> list[dict[str, Any]]:
    found = await changes(desk)
    return found if len(found) == 2 else []


async def test_the_first_look_is_on_record_and_not_announced(database_url: str, tmp_path: Path) -> None:
    async with running_desk(database_url, tmp_path) as desk:
        await looked(desk)
        await desk.idle()

        sql = "select payload->>'group' from audit_events where name = 'group_changed' order by 1"
        assert [row[0] for row in await desk.rows(sql)] == ["security", "support"]
        assert await desk.value("select count(*) from deliveries") == 0


async def test_a_change_voids_and_redraws_no_card(database_url: str, tmp_path: Path) -> None:
    from tests.threats.cases import open_case

    async with running_desk(database_url, tmp_path) as desk:
        await looked(desk)
        case = await open_case(desk)
        sql = "select card::text, digest, status, eligible::text from action_requests where id = :id"
        [before] = await desk.rows(sql, id=case.request_id)

        desk.slack.admin.set_group_members("security", ["sana", "bob"])
        await desk.until(lambda: changes(desk))

        assert await desk.rows(sql, id=case.request_id) == [before]
