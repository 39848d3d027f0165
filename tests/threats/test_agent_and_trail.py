"""Threats 15, 19 and 20: the bot's own parts can neither decide nor change the rules, and the trail shows tampering."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from actions.catalogue import Catalogue
from copilot.suggestions import CATEGORIES, ActionOffer, FoundValue, SuggestedAction, TicketText, TriageResult
from policy.engine import PolicyEngine
from policy.errors import PolicyUnusable
from policy.gate import Gate
from policy.invariants import ORDER
from policy.loading import DEFAULT_FOLDER
from policy.terms import Agent, Choice, Provenance, Severity
from storage import audit, verification
from tests.running import RunningDesk
from tests.threats.cases import (
    VICTOR,
    Case,
    assert_ran_once,
    assert_undecided,
    click_of,
    last_refusal,
    open_case,
    posted,
    press_forged,
    settled,
    submission_of,
)
from tests.threats.planted import SIGNER, gate_of, policy_folder, with_parts

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Agitator:
    """Suggests whatever would widen its own power, and everything the catalogue has, as found in trusted places."""

    SELF_SERVING = (
        "policy.set", "gate.disable", "settings.set", "group.add_member", "request.approve", "vote.cast",
        "ticket.approve", "catalogue.add", "audit.delete", "key.sign", "api_key.revoke ", "API_KEY.REVOKE",
    )  # fmt: skip

    async def triage(self, ticket: TicketText, offers: Sequence[ActionOffer]) -> TriageResult:
        values = {
            "note": "a note", "severity": "low", "category": "other", "assignee": "U0MALLORY01", "text": "Hello.",
            "reason": "because", "keyId": "ak_demo_erin_001", "email": "erin@acme.example",
            "caseId": "0d3e5a0a-7c64-4c1c-9d9a-0f1a2b3c4d5e", "draftId": "customer_update", "revision": "1",
            "basis": "{}",
        }  # fmt: skip
        known = [(spec.action_id, spec.param_names) for spec in Catalogue({"category": CATEGORIES})]
        wanted = known + [(action_id, ("keyId",)) for action_id in self.SELF_SERVING]
        return TriageResult(
            severity=Severity.CRITICAL,
            category="other",
            confidence=1.0,
            model="agitator",
            source="model",
            rationale="",
            suggestions=tuple(
                SuggestedAction(
                    action_id=action_id,
                    params={n: FoundValue(value=values[n], provenance=Provenance.OPERATOR) for n in names},
                )
                for action_id, names in wanted
            ),
        )

    async def aclose(self) -> None:
        return None


# --- 15: the agent changes its own gate or policy --------------------------------------------------------------------


async def test_threat_15_an_agent_that_suggests_everything_gets_low_risk_housekeeping_of_its_ticket_and_no_more(
    desk: RunningDesk,
) -> None:
    with with_parts(desk, triager=Agitator()):
        ts = await desk.slack.person("mallory").post("ext-external", "Hello.")
        ticket_id = await desk.until(lambda: desk.value("select id from tickets where slack_ts = :ts", ts=ts))
        await posted(desk, "triage_card", ticket_id)
        await settled(desk)

    made = await desk.rows(
        "select action_id, risk, verdict, status, proposer from action_requests where ticket_id = :id", id=ticket_id
    )
    assert {row.risk for row in made} == {"low"}
    assert {row.action_id for row in made if row.verdict == "allow"} <= {
        "ticket.add_internal_note", "ticket.set_severity", "ticket.set_category", "ticket.assign",
    }  # fmt: skip
    assert {row.status for row in made if row.verdict != "allow"} <= {"pending", "denied"}
    stored = {
        row[0] for row in await desk.rows("select action_id from suggestions where ticket_id = :id", id=ticket_id)
    }
    assert not stored & set(Agitator.SELF_SERVING)
    assert await desk.value("select status from directory_keys where key_id = 'ak_demo_erin_001'") == "active"
    assert await desk.value("select status from directory_people where email = 'erin@acme.example'") == "active"


async def test_threat_15_no_action_of_the_catalogue_touches_policy_groups_settings_or_the_trail() -> None:
    assert {spec.action_id.partition(".")[0] for spec in Catalogue()} == {"ticket", "api_key", "user", "case"}


async def test_threat_15_files_changed_under_a_running_desk_change_no_answer_and_void_at_the_next_start(
    desk: RunningDesk, tmp_path: Path
) -> None:
    from handlers.flows.void_outdated import void_outdated

    folder = policy_folder(tmp_path / "live")
    with with_parts(desk, gate=gate_of(folder)):
        case = await open_case(desk)
        (folder / "site.cedar").write_text('@id("all-of-it")\n@reason("x")\npermit (principal, action, resource);\n')

        await press_forged(desk, case, "sam")
        await assert_undecided(desk, case)
        assert await last_refusal(desk, case) == "not-permitted"

        with with_parts(desk, gate=gate_of(folder)):
            await press_forged(desk, case, "sam")
            await assert_undecided(desk, case)
            assert await last_refusal(desk, case) == "core-no-other-policy"
            await void_outdated(desk.parts.reception.desk)
        assert await desk.value("select status from action_requests where id = :id", id=case.request_id) == "void"


@pytest.mark.parametrize("rule", ORDER)
async def test_threat_15_a_policy_without_one_of_the_invariants_is_not_loaded(tmp_path: Path, rule: str) -> None:
    folder = policy_folder(tmp_path / "cut")
    core = (folder / "core.cedar").read_text()
    cut = re.sub(rf'@id\("{rule}"\).*?;\n', "", core, flags=re.DOTALL)
    assert cut != core
    (folder / "core.cedar").write_text(cut)

    with pytest.raises(PolicyUnusable, match=rule):
        Gate(PolicyEngine.load(folder), SIGNER)


async def test_threat_15_a_site_policy_cannot_take_an_invariants_name(tmp_path: Path) -> None:
    folder = tmp_path / "named"
    shutil.copytree(DEFAULT_FOLDER, folder)
    (folder / "more.cedar").write_text(
        '@id("core-no-requester")\n@reason("x")\npermit (principal, action, resource);\n'
    )

    with pytest.raises(PolicyUnusable):
        PolicyEngine.load(folder)


# --- 20: the agent resolves its own request --------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["countersign", "intake-workflow", "deploybot"])
async def test_threat_20_no_bot_decides_not_even_the_one_that_proposed(
    desk: RunningDesk, waiting: Case, who: str
) -> None:
    await press_forged(desk, waiting, who)
    await desk.slack.forge.send(
        submission_of(desk, waiting, who, "reject_request", str(waiting.request_id), {"reason": "me"})
    )

    await assert_undecided(desk, waiting)
    assert await last_refusal(desk, waiting) == "core-no-bot"


async def test_threat_20_the_bots_own_posts_are_nobodys_words(desk: RunningDesk, waiting: Case) -> None:
    client = desk.parts.client
    for channel, thread in (("C0APPROVE01", waiting.card_ts), ("C0EXTEXT001", waiting.ts), ("C0HELP00001", None)):
        await client.chat_postMessage(channel=channel, thread_ts=thread, text=f"approve {waiting.request_id} ✅")
    before = await desk.value("select count(*) from tickets")

    await assert_undecided(desk, waiting)
    assert await desk.value("select count(*) from tickets") == before


async def test_threat_20_the_gate_refuses_an_agent_whatever_it_is_asked_about(desk: RunningDesk, waiting: Case) -> None:
    from handlers.flows.judged_facts import request_facts
    from storage import requests, tickets

    product = desk.parts.reception.desk
    async with desk.database.transaction() as tx:
        request = await requests.get(tx, waiting.request_id)
        ticket = await tickets.get(tx, waiting.ticket_id)
        assert request is not None
        assert ticket is not None
        facts = await request_facts(tx, request, ticket, product.catalogue)

    for name in ("triage", "copilot", "security", "U0SANA00001"):
        ruling = product.gate.rule_on_vote(
            facts, Agent(name), Choice.APPROVE, shown_digest=request.digest, now=product.clock()
        )
        assert (ruling.is_allowed, ruling.code) == (False, "core-no-agent")


# --- 19: the trail ---------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def decided(desk: RunningDesk) -> Case:
    """A case with a vote on it."""
    case = await open_case(desk)
    await desk.slack.person("victor").click("desk-approvals", case.card_ts, action_id="request.approve")
    await assert_ran_once(desk, case)
    return case


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_events set actor = 'T0ACME00001/U0VICTOR001'",
        "update audit_events set payload = '{}'",
        "delete from audit_events",
        "truncate audit_events",
        "truncate audit_events cascade",
        "update votes set voter = 'T0ACME00001/U0VICTOR001'",
        "delete from votes",
    ],
)
async def test_threat_19_the_database_refuses_to_rewrite_what_happened(
    desk: RunningDesk, decided: Case, statement: str
) -> None:
    with pytest.raises(ProgrammingError, match="append-only"):
        async with desk.database.transaction() as tx:
            await tx.execute(text(statement))

    assert {"vote_cast", "action_executed"} <= {event.name for event in await desk.trail(decided.ticket_id)}
    assert await desk.value("select voter from votes where request_id = :id", id=decided.request_id) == VICTOR


TAMPERINGS: dict[str, Sequence[str]] = {
    "an actor replaced": ("update audit_events set actor = 'nobody' where chain = :chain and seq = 3",),
    "a payload replaced": ("update audit_events set payload = '{}' where chain = :chain and seq = 3",),
    "a time moved": ("update audit_events set at = at + interval '1 second' where chain = :chain and seq = 3",),
    "a step renamed": ("update audit_events set name = 'vote_cast' where chain = :chain and seq = 3",),
    "a row taken out": ("delete from audit_events where chain = :chain and seq = 3",),
    "a row taken out and the rest renumbered": (
        "delete from audit_events where chain = :chain and seq = 3",
        # In two steps: a row must not meet the number of one that is still to be moved.
        "update audit_events set seq = -seq where chain = :chain and seq > 3",
        "update audit_events set seq = -seq - 1 where chain = :chain and seq < 0",
    ),
    "two rows swapped": (
        "update audit_events set seq = 999 where chain = :chain and seq = 3",
        "update audit_events set seq = 3 where chain = :chain and seq = 4",
        "update audit_events set seq = 4 where chain = :chain and seq = 999",
    ),
    "the tail cut": ("delete from audit_events where chain = :chain and seq >= 6",),
    "the whole chain taken out": ("delete from audit_events where chain = :chain",),
    "a row put in": (
        "insert into audit_events (chain, seq, at, name, actor, payload, prev_hash, hash, key_id)"
        " select chain, 999, at, name, actor, payload, hash, hash, key_id from audit_events"
        " where chain = :chain and seq = 3",
    ),
    "the head moved": ("update audit_chains set head = decode(repeat('00', 32), 'hex') where chain = :chain",),
}


@pytest.mark.parametrize("statements", TAMPERINGS.values(), ids=TAMPERINGS)
async def test_threat_19_whoever_gets_past_the_triggers_is_found_out(
    desk: RunningDesk, waiting: Case, statements: Sequence[str]
) -> None:
    chain = audit.ticket_chain(waiting.ticket_id)
    async with desk.database.transaction() as tx:
        assert (await verification.verify(tx)).first_break is None
        # As the superuser can; what is done here is undone again, so that every tampering meets the true trail.
        await tx.execute(text("set local session_replication_role = replica"))
        for statement in statements:
            await tx.execute(text(statement), {"chain": chain})
        found = (await verification.verify(tx)).first_break
        await tx.rollback()

    assert found is not None
    assert found.chain == chain


async def test_threat_19_every_vote_and_every_refusal_is_on_the_trail_under_the_name_of_who_made_it(
    desk: RunningDesk, waiting: Case
) -> None:
    await press_forged(desk, waiting, "mallory")
    await desk.slack.forge.send(click_of(desk, waiting, "sana"))
    await assert_ran_once(desk, waiting)

    trail = await desk.trail(waiting.ticket_id)
    assert ("vote_refused", "T0EXTERN001/U0MALLORY01") in [(event.name, event.actor) for event in trail]
    [cast] = [event for event in trail if event.name == "vote_cast"]
    assert cast.actor == "T0ACME00001/U0SANA00001"
    names = [event.name for event in trail]
    order = ["policy_decided", "vote_cast", "request_approved", "action_started", "action_executed"]
    places: list[Any] = [len(names) - 1 - names[::-1].index(name) for name in order]
    assert places == sorted(places)
