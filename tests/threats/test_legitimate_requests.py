"""The gate in the other direction: what is legitimately asked for reaches an approval card, and runs once those who may
approve do. Whether the same is asked plainly or with a pretext makes no difference there either.

The requests are the plain controls and their pretexts, and the harmless texts among the attacks. The flows, the gate,
the database and its directory are real; people are in memory.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text as sql

from actions.executors import DeskExecutor, DirectoryExecutor
from actions.runner import Runner
from handlers.desk import Desk
from handlers.flows.cast_vote import Ballot, cast_vote
from handlers.flows.open_ticket import NewTicket, open_ticket
from handlers.flows.proposals import Proposal
from handlers.flows.propose_action import propose_action
from handlers.flows.run_action import run_action
from handlers.flows.triage_ticket import triage_ticket
from policy.terms import Assertion, Choice, PersonKey, Provenance, Requester, RequesterKind, Ruling, Vote
from storage.database import Database
from storage.embedded import EmbeddedServer
from storage.targets import DeskInDatabase, DirectoryInDatabase
from tests.keys import AUDIT_KEYS
from tests.passkeys import assertion_for, give_passkey_to
from tests.running import import_demo_directory
from tests.threats.conftest import fresh_database
from tests.threats.gate_world import ASKS_FOR_PASSKEY, START, World
from tests.threats.planted import ForgivingGate

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE = 4
HARMLESS = 30
MALLORY = Requester(RequesterKind.SLACK_PERSON, PersonKey("T0EXTERN001", "U0MALLORY01"), "Mallory", "External", False)
OLIVIA = PersonKey("T0ACME00001", "U0OLIVIA001")
APPROVERS = tuple(PersonKey("T0ACME00001", one) for one in ("U0VICTOR001", "U0UMA000001"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def flows(postgres: EmbeddedServer) -> AsyncIterator[Desk]:
    """A desk with everything real but Slack."""
    with fresh_database(postgres) as url:
        database = Database(url, audit_keys=AUDIT_KEYS, pool_size=AT_ONCE + 1)
        directory = DirectoryExecutor(DirectoryInDatabase(database))
        own = DeskExecutor(DeskInDatabase(database, uuid4))
        runner = Runner({"ticket.": own, "api_key.": directory, "user.": directory}, 30)
        await import_demo_directory(database)
        yield replace(World(database).desk, runner=runner)
        await database.close()


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    with (folder / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


async def wanted(desk: Desk, text: str) -> tuple[str, dict[str, Any]]:
    """What one of our people would propose for it; what it is done to is in the directory, as it would be."""
    async with desk.database.transaction() as tx:
        if key := re.search(r"revoke API key (ak_\w+)", text):
            put = (
                "insert into directory_keys (key_id, owner_email, label, status)"
                " values (:it, 'bob@acme.example', 'a key', 'active')"
                " on conflict (key_id) do update set status = 'active'"
            )
            await tx.execute(sql(put), {"it": key[1]})
            return "api_key.revoke", {"keyId": key[1]}
        if user := re.search(r"uspend the user ([\w.]+\w)", text):
            address = f"{user[1]}@acme.example"
            put = (
                "insert into directory_people (email, name, status) values (:it, 'Somebody', 'active')"
                " on conflict (email) do update set status = 'active'"
            )
            await tx.execute(sql(put), {"it": address})
            return "user.suspend", {"email": address}
    return "ticket.reply_to_customer", {"text": "Thank you. We are looking into it."}


async def whole_way(desk: Desk, text: str, name: str) -> str:
    """From the words to the effect; the action and what became of the request."""
    channel = f"C{uuid4().hex[:10].upper()}"
    when = START - timedelta(seconds=1)
    new = NewTicket("slack_shared", "slack", name, MALLORY, text, when, slack_channel=channel, slack_ts="1.000100")
    ticket_id, _ = await open_ticket(desk, new)
    await triage_ticket(desk, ticket_id)
    action_id, params = await wanted(desk, text)
    proposal = Proposal(ticket_id, action_id, params, dict.fromkeys(params, Provenance.OPERATOR))
    proposed = await propose_action(desk, proposal, await desk.people.resolve(OLIVIA))
    came = [await _status(desk, proposed.request_id), await _post(desk, proposed.request_id)]
    for number, approver in enumerate(APPROVERS[: 2 if action_id == "user.suspend" else 1]):
        ballot = Ballot(proposed.request_id, Choice.APPROVE, f"click-{proposed.request_id}-{number}")
        if action_id in ASKS_FOR_PASSKEY:
            ballot = replace(ballot, assertion=await _confirmed(desk, ballot, approver))
        await cast_vote(desk, ballot, await desk.people.resolve(approver))
    await run_action(desk, proposed.request_id)
    return " ".join([action_id, *came, await _status(desk, proposed.request_id)])


async def _confirmed(desk: Desk, ballot: Ballot, approver: PersonKey) -> Assertion:
    async with desk.database.transaction() as tx:
        found = await tx.execute(sql("select digest from action_requests where id = :id"), {"id": ballot.request_id})
        digest = str(found.scalar_one())
    vote = Vote(str(ballot.request_id), approver, ballot.choice, digest, desk.clock(), ballot.slack_request_id)
    return assertion_for(vote, await give_passkey_to(desk, approver))


async def _status(desk: Desk, request_id: UUID) -> str:
    async with desk.database.transaction() as tx:
        found = await tx.execute(sql("select status from action_requests where id = :id"), {"id": request_id})
        return str(found.scalar_one())


async def _post(desk: Desk, request_id: UUID) -> str:
    """There is no Slack here to post the card; that it was to be posted is what counts."""
    posted = (
        "update deliveries set state = 'posted', ts = id::text where request_id = :id and kind = 'approval_card'"
        " returning kind"
    )
    async with desk.database.transaction() as tx:
        return str((await tx.execute(sql(posted), {"id": request_id})).scalar_one_or_none())


async def all_the_way(desk: Desk, texts: Sequence[str], name: str) -> list[str]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, text: str) -> str:
        async with turns:
            return await whole_way(desk, text, f"{name}-{number}")

    return list(await asyncio.gather(*(one(number, text) for number, text in enumerate(texts))))


def done(action_id: str) -> str:
    return f"{action_id} pending approval_card executed"


async def test_what_is_legitimately_asked_for_reaches_a_card_and_runs_pretext_or_not(
    flows: Desk, shared_data: Path
) -> None:
    pairs = {row["control_text"]: row["text"] for row in rows(shared_data, "a_gate_invariance.jsonl")}
    # One pair for each of the plain requests, the ids in them aside.
    pairs = {re.sub(r"ak_\w+", "", plain): (plain, pressed) for plain, pressed in pairs.items()}
    plain, pressed = [one for one, _ in pairs.values()], [one for _, one in pairs.values()]

    asked, pressed_for = await all_the_way(flows, plain, "plain"), await all_the_way(flows, pressed, "pressed")

    print(f"\n{len(pairs)} requests, plain and with a pretext: {dict(Counter(asked + pressed_for))}")
    assert asked == pressed_for
    assert {one.split()[0] for one in asked} == {"api_key.revoke", "user.suspend", "ticket.reply_to_customer"}
    assert all(one == done(one.split()[0]) for one in asked), Counter(asked)


async def test_what_is_harmless_is_answered(flows: Desk, shared_data: Path) -> None:
    texts = [row["text"] for row in rows(shared_data, "a_attacks.jsonl") if row["label"] == "benign"]
    step = max(1, len(texts) // HARMLESS)

    found = Counter(await all_the_way(flows, texts[::step], "harmless"))

    print(f"\n{len(texts[::step])} of {len(texts)} harmless texts: {dict(found)}")
    assert len(texts) > 200
    assert all(one == done(one.split()[0]) for one in found), found


async def test_that_check_fails_on_a_gate_that_refuses_what_it_should_not(flows: Desk) -> None:
    class Wary(ForgivingGate):
        """Runs nothing that came from outside."""

        def rule_on_run(self, request: Any, *args: Any, **more: Any) -> Ruling:
            ruling = super().rule_on_run(request, *args, **more)
            return replace(ruling, is_allowed=request.action.channel_kind != "slack_shared")

    came = await whole_way(replace(flows, gate=Wary(flows.gate)), "Please revoke API key ak_123.", "wary")

    assert came == "api_key.revoke pending approval_card denied"
