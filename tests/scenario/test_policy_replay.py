"""`countersign policy replay`: what a changed policy would have made of what was really asked and voted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from actions.catalogue import Catalogue
from bot.cli import main
from bot.commands.policy_words import replay_lines
from handlers.flows.replay_policy import replay_policy
from policy.loading import DEFAULT_FOLDER
from policy.replaying import Change, ChangeKind, Replay
from policy.terms import PersonKey
from storage import people
from tests.running import RunningDesk, running_desk
from tests.threats.cases import OLIVIA, SANA, VICTOR, open_case, settled
from tests.threats.planted import gate_of, policy_folder

NOT_SANA = """
@id("sana-decides-no-more")
@reason("Planted.")
forbid (principal == Person::"T0ACME00001/U0SANA00001", action in Action::"decide", resource);
"""
NOT_FOR_SUPPORT = """
@id("support-proposes-no-revocation")
@reason("Planted.")
forbid (principal in Group::"support", action == Action::"propose", resource);
"""
SUPPORT_TOO = """
@id("support-decides-high-risk-too")
@reason("Planted.")
permit (principal in Group::"support", action in Action::"decide", resource) when { resource.risk == Risk::"high" };
"""
NOBODY = """
@id("nobody-decides")
@reason("Planted.")
forbid (principal, action in Action::"decide", resource);
"""


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    async with running_desk(database_url, tmp_path) as desk:
        yield desk


async def replayed(desk: RunningDesk, folder: Path) -> Replay:
    since = datetime.now(UTC) - timedelta(days=90)
    return await replay_policy(desk.database, Catalogue(), gate_of(folder), gate_of(DEFAULT_FOLDER), since)


def changed(found: Replay) -> list[tuple[str, str]]:
    return [(one.kind.value, one.what) for one in found.changes if one.action_id == "api_key.revoke"]


async def test_it_says_what_would_change_of_what_is_on_record(
    desk: RunningDesk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = await open_case(desk)
    await desk.slack.person("sana").click("desk-approvals", first.card_ts, action_id="request.approve")
    await open_case(desk, operator="sam")
    await settled(desk)

    same = await replayed(desk, DEFAULT_FOLDER)
    assert same.changes == [] and "nothing would change" in list(same.summary())
    assert (same.unknown_proposers, same.unknown_voters, same.unknown_approvers) == (0, 0, 0)

    found = await replayed(desk, policy_folder(tmp_path / "not-sana", site=NOT_SANA))
    assert changed(found) == [
        ("vote_lost", f"the approve of {SANA}: sana-decides-no-more"),
        ("approval_lost", "0 votes left that would count"),
    ]
    assert list(found.summary())[1] == (
        "1 vote would no longer count, 1 request that was approved would not have been, by the same votes"
    )

    found = await replayed(desk, policy_folder(tmp_path / "not-support", site=NOT_FOR_SUPPORT))
    assert [kind for kind, _ in changed(found)] == ["denied", "denied"]

    found = await replayed(desk, policy_folder(tmp_path / "support", site=SUPPORT_TOO))
    assert changed(found) == [("approver_won", f"by {OLIVIA} (of support)")]

    found = await replayed(desk, policy_folder(tmp_path / "nobody", site=NOBODY))
    lost = f"0 left who could approve it, which is not enough; no longer {SANA}, {VICTOR}"
    assert changed(found).count(("approvers_lost", lost)) == 2
    assert "2 lose their approvers" in "\n".join(found.summary())
    assert any(line.startswith("approvers_lost  ticket #1  api_key.revoke") for line in replay_lines(found))


async def test_who_is_known_by_now_to_be_the_requester_is_named_as_their_alias(
    desk: RunningDesk, tmp_path: Path
) -> None:
    await open_case(desk, operator="olivia")  # From here on her groups are on record.
    await open_case(desk, who="erin", channel="help", operator="sam")
    await settled(desk)
    async with desk.database.transaction() as tx:
        erin, olivia = PersonKey.parse("T0ACME00001/U0ERIN00001"), PersonKey.parse(OLIVIA)
        await people.link(tx, erin, olivia, reason="The same human.", by="test", at=datetime.now(UTC))

    found = await replayed(desk, policy_folder(tmp_path / "support", site=SUPPORT_TOO))

    [(kind, what)] = changed(found)
    assert kind == "alias_won" and what.startswith(f"by {OLIVIA}, by now known to be its requester's")
    assert "1 request becomes approvable by its requester's alias" in "\n".join(found.summary())


def test_the_summary_is_one_sentence_in_the_words_of_the_trade() -> None:
    lost = [Change(ChangeKind.APPROVERS_LOST, str(n), n, "api_key.revoke", "") for n in range(4)]
    won = Change(ChangeKind.ALIAS_WON, "5", 5, "api_key.revoke", "")

    assert list(Replay(requests=5, votes=2, changes=[*lost, won]).summary()) == [
        "5 requests and 2 votes replayed",
        "4 requests lose their approvers, 1 becomes approvable by its requester's alias",
    ]


async def test_what_was_not_recorded_is_counted_and_not_guessed(desk: RunningDesk, tmp_path: Path) -> None:
    case = await open_case(desk)
    await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
    await settled(desk)
    await desk.rows(
        """update action_requests set eligible = '[{"key": "T0ACME00001/U0OTHER0001", "name": "x"}]' returning 1"""
    )

    found = await replayed(desk, policy_folder(tmp_path / "nobody", site=NOBODY))

    assert found.unknown_approvers == 1
    assert "approvers_lost" not in [kind for kind, _ in changed(found)]
    assert any(line.startswith("not judged: 1 request,") for line in found.summary())


async def test_the_command_prints_lines_and_json(
    desk: RunningDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await open_case(desk)
    await settled(desk)
    monkeypatch.setenv("DATABASE_URL", desk.database.url)
    folder = policy_folder(tmp_path / "not-support", site=NOT_FOR_SUPPORT)

    assert await asyncio.to_thread(main, ["policy", "replay", str(folder)]) == 0
    assert "1 request would have been denied" in capsys.readouterr().out
    assert await asyncio.to_thread(main, ["policy", "replay", "--since", "1d", "--json", str(folder)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [one["kind"] for one in said["changes"]] == ["denied"]
    assert await asyncio.to_thread(main, ["policy", "replay", str(tmp_path / "nothing")]) == 1
