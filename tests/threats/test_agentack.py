"""Somebody else's checker of approvals over a whole ticket of ours, and over tickets with something wrong in them.

The policy that the checker is given is the one that the how-to tells others to use.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from agentack.models import Action
from agentack.policy import Policy

from bot.commands.agentack import trace
from storage import requests
from tests.conftest import REPOSITORY
from tests.keys import KEY_SETTINGS
from tests.running import RunningDesk
from tests.threats.cases import Case, assert_ran_once, card_of, change, open_case, open_form, paused, settled, status

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOW_TO = REPOSITORY / "docs/how-to/verify-and-export-the-audit-trail.md"
Trace = list[dict[str, Any]]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checker's policy, as the how-to has it."""
    [toml] = re.findall(r"```toml\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    file = tmp_path_factory.mktemp("agentack") / "agentack.toml"
    file.write_text(toml)
    return file


def judged(lines: Trace, policy: Path) -> tuple[str, set[str]]:
    """What the checker says of a trace, run as its users run it: the status, and the rules that are broken."""
    file, report = policy.parent / "trace.jsonl", policy.parent / "report.json"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [sys.executable, "-m", "agentack", "check", str(file), "--policy", str(policy), "--json", str(report)]
    code = subprocess.run(command, capture_output=True, check=False).returncode
    found = json.loads(report.read_text())["result"]
    assert {"PASS": 0, "FAIL": 1, "INCOMPLETE": 3}[found["status"]] == code
    return found["status"], {one["rule_id"] for one in found["findings"]}


async def exported(desk: RunningDesk, ticket_id: UUID) -> Trace:
    trail = await desk.trail(ticket_id)
    async with desk.database.transaction() as tx:
        return list(trace(ticket_id, trail, await requests.of_ticket(tx, ticket_id)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived(desk: RunningDesk) -> Case:
    """Scenario A to its end: a note ran by policy, a revocation was approved and ran, taking it back was rejected."""
    case, sana = await open_case(desk), desk.slack.person("sana")
    await sana.click("desk-approvals", case.card_ts, action_id="request.approve")
    await assert_ran_once(desk, case)
    restore = await open_form(desk, case, "api_key.restore", {"keyId": case.key_id})
    await sana.click("desk-approvals", await card_of(desk, restore), action_id="request.reject")
    await desk.until(sana.modals)
    await sana.submit(values={"reason": "It leaked."})
    await desk.idle()
    return case


def of_people(lines: Trace, kind: str) -> dict[str, Any]:
    """The event of the request that people approved."""
    [run] = [e for e in lines if e["type"] == "action_executed" and e["approval_id"].startswith("people:")]
    [found] = [e for e in lines if e["type"] == kind and e.get("action_id") == run["action_id"]]
    return found


async def test_a_whole_ticket_passes_with_every_action_needing_an_approval(
    desk: RunningDesk, lived: Case, policy: Path
) -> None:
    lines = await exported(desk, lived.ticket_id)

    assert judged(lines, policy) == ("PASS", set())

    kinds = [line["type"] for line in lines]
    assert kinds.count("action_proposed") == 3 and kinds.count("action_executed") == 2
    assert kinds.count("action_blocked") == 1 and kinds[-1] == "session_end"


async def test_what_ran_with_nobodys_approval_says_so_and_is_what_policy_allows(
    desk: RunningDesk, lived: Case, policy: Path
) -> None:
    lines = await exported(desk, lived.ticket_id)

    by_policy = {e["action_id"] for e in lines if (e.get("approval_id") or "").startswith("policy:")}

    ran = {e["action_id"]: f"{e['action']['tool']}.{e['action']['operation']}" for e in lines if "action" in e}
    assert {ran[one] for one in by_policy} == {"ticket.add_internal_note"}
    # A reader who counts people's approvals alone finds the same ones, and no other.
    people = [e for e in lines if not (e["type"].startswith("approval") and e["action_id"] in by_policy)]
    for line in people:
        if line.get("action_id") in by_policy:
            line.pop("approval_id", None)
    assert judged(people, policy) == ("FAIL", {"ACK001"})


async def test_the_checkers_policy_of_the_how_to_covers_every_action(desk: RunningDesk, policy: Path) -> None:
    wanted = Policy.from_toml(policy)
    for spec in desk.parts.reception.desk.catalogue:
        tool, _, operation = spec.action_id.partition(".")
        assert wanted.requires_approval(Action(tool, operation)), spec.action_id
        assert not Policy().requires_approval(Action(tool, operation)), "the checker's own policy lets it pass"


def without_an_approval(lines: Trace) -> Trace:
    del of_people(lines, "action_executed")["approval_id"]
    return lines


def with_a_decision_taken_out(lines: Trace) -> Trace:
    return [line for line in lines if line is not of_people(lines, "approval_decision")]


def with_other_arguments(lines: Trace) -> Trace:
    run = of_people(lines, "action_executed")
    run["action"] = run["action"] | {"parameters": {"keyId": "ak_somebody_elses"}}
    return lines


def with_the_approval_after_the_run(lines: Trace) -> Trace:
    run, decision = of_people(lines, "action_executed"), of_people(lines, "approval_decision")
    at, to = lines.index(run), lines.index(decision)
    lines[at], lines[to] = decision, run
    return lines


def with_a_run_of_what_was_rejected(lines: Trace) -> Trace:
    [no] = [e for e in lines if e["type"] == "approval_decision" and e["decision"] == "deny"]
    [asked] = [e for e in lines if e["type"] == "approval_requested" and e["action_id"] == no["action_id"]]
    run = {key: no[key] for key in ("schema_version", "timestamp", "session_id", "action_id", "approval_id")}
    return [*lines[:-1], run | {"type": "action_executed", "action": asked["action"]}, lines[-1]]


def with_one_approval_used_twice(lines: Trace) -> Trace:
    return [*lines[:-1], of_people(lines, "action_executed"), lines[-1]]


def with_a_run_after_its_time(lines: Trace) -> Trace:
    of_people(lines, "approval_decision")["expires_at"] = of_people(lines, "action_proposed")["timestamp"]
    return lines


@pytest.mark.parametrize(
    ("tamper", "rule"),
    [
        (without_an_approval, "ACK001"),
        (with_a_decision_taken_out, "ACK009"),
        (with_other_arguments, "ACK003"),
        (with_the_approval_after_the_run, "ACK006"),
        (with_a_run_of_what_was_rejected, "ACK002"),
        (with_one_approval_used_twice, "ACK004"),
        (with_a_run_after_its_time, "ACK005"),
    ],
)
async def test_the_checker_finds_what_was_tampered_with(
    desk: RunningDesk, lived: Case, policy: Path, tamper: Callable[[Trace], Trace], rule: str
) -> None:
    lines = await exported(desk, lived.ticket_id)

    verdict, rules = judged(tamper(lines), policy)

    assert verdict != "PASS" and rule in rules


async def test_arguments_changed_in_the_row_show_in_the_export(desk: RunningDesk, lived: Case, policy: Path) -> None:
    case = lived
    put = "update action_requests set params = cast(:params as json) where id = :id"
    try:
        await change(desk, put, id=case.request_id, params=json.dumps({"keyId": "ak_demo_bob_001"}))

        assert judged(await exported(desk, case.ticket_id), policy) == ("FAIL", {"ACK003"})
    finally:
        await change(desk, put, id=case.request_id, params=json.dumps({"keyId": case.key_id}))


async def test_a_ticket_with_something_open_is_incomplete_and_nothing_worse(desk: RunningDesk, policy: Path) -> None:
    case = await open_case(desk)

    assert judged(await exported(desk, case.ticket_id), policy) == ("INCOMPLETE", {"ACK009"})


@pytest.mark.parametrize("end", ["edited", "approved and then edited"])
async def test_what_ends_without_a_run_is_blocked_and_passes(desk: RunningDesk, policy: Path, end: str) -> None:
    case = await open_case(desk)
    async with paused(desk):
        if end != "edited":
            await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
            assert await status(desk, case) == "approved"
        await desk.slack.person("mallory").edit(case.channel, case.ts, "Never mind.")
    is_void = "select true from action_requests where id = :id and status = 'void'"
    await desk.until(lambda: desk.value(is_void, id=case.request_id))
    await settled(desk)

    lines = await exported(desk, case.ticket_id)

    assert judged(lines, policy) == ("PASS", set())
    mine = [e for e in lines if e.get("action_id") == str(case.request_id)]
    said = "deny" if end == "edited" else "allow"
    assert [e["decision"] for e in mine if e["type"] == "approval_decision"] == [said]
    assert mine[-1]["type"] == "action_blocked"


async def test_the_command_writes_what_the_checker_reads(
    desk: RunningDesk, lived: Case, policy: Path, tmp_path: Path
) -> None:
    case, lines = lived, await exported(desk, lived.ticket_id)
    environment = {"DATABASE_URL": desk.database.url, **KEY_SETTINGS}
    command = [sys.executable, "-m", "bot.cli", "audit", "export", "--format", "agentack"]

    done = await asyncio.to_thread(
        subprocess.run, [*command, "--ticket", str(case.ticket_id)], capture_output=True, env=environment, check=True
    )

    assert [json.loads(line) for line in done.stdout.splitlines()] == lines
    nothing = await asyncio.to_thread(subprocess.run, command, capture_output=True, env=environment, check=False)
    assert nothing.returncode == 2 and b"--ticket" in nothing.stderr
