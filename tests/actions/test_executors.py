"""The built-in executors over their real targets: what changes, what is said, and that it happens once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text

from actions.catalogue import ACTIONS
from policy.terms import Audience
from storage import directory, tickets
from storage.database import Database
from storage.schema import DirectoryKey, Effect, Message, MessageVersion, Ticket
from storage.targets import DirectoryInDatabase
from tests.actions.builders import EXAMPLES, NOW, OPENED, a_run, a_runner, store_bob, store_ticket


async def ticket_of(database: Database, ticket_id: UUID) -> Ticket:
    async with database.transaction() as tx:
        ticket = await tickets.get(tx, ticket_id)
        assert ticket is not None
        return ticket


async def messages_of(database: Database, ticket_id: UUID) -> list[tuple[Message, str]]:
    async with database.transaction() as tx:
        rows = await tx.execute(
            select(Message, MessageVersion.text)
            .join(MessageVersion, MessageVersion.message_id == Message.id)
            .where(Message.ticket_id == ticket_id)
        )
        return [(row[0], row[1]) for row in rows]


async def effects(database: Database) -> int:
    async with database.transaction() as tx:
        return await tx.scalar(select(func.count()).select_from(Effect)) or 0


async def statuses(database: Database) -> tuple[str, str]:
    """Bob's status and his key's."""
    async with database.transaction() as tx:
        person = await directory.find_person(tx, "bob@acme.example")
        key = await directory.find_key(tx, "ak_demo_bob_001")
        assert person is not None
        assert key is not None
        return person.status, key.status


async def test_every_action_of_the_table_is_carried_out_and_told_in_words(database: Database) -> None:
    await store_bob(database)
    ticket_id = await store_ticket(database)
    runner = a_runner(database)
    runner.require(spec.action_id for spec in ACTIONS)

    for spec in ACTIONS:
        outcome = await runner.run(a_run(spec.action_id, ticket_id))

        assert outcome.is_done, spec.action_id
        assert outcome.summary.endswith("."), spec.action_id
        assert "{" not in outcome.summary, spec.action_id


async def test_an_internal_note_is_a_message_that_only_our_own_people_can_read(database: Database) -> None:
    ticket_id = await store_ticket(database)

    run = a_run("ticket.add_internal_note", ticket_id, actor=None, actor_label="Countersign")
    outcome = await a_runner(database).run(run)

    [(message, words)] = await messages_of(database, ticket_id)
    assert words == EXAMPLES["ticket.add_internal_note"]["note"]
    assert (message.audience, message.author_side, message.author) == (Audience.INTERNAL, "bot", None)
    assert (message.author_label, message.created_at) == ("Countersign", NOW)
    assert outcome.detail["messageId"] == str(message.id)
    assert outcome.customer_summary == ""


async def test_a_reply_is_a_message_for_the_customer_and_names_itself_for_the_delivery(database: Database) -> None:
    ticket_id = await store_ticket(database)

    outcome = await a_runner(database).run(a_run("ticket.reply_to_customer", ticket_id))

    [(message, words)] = await messages_of(database, ticket_id)
    assert words == "We are looking into it."
    assert (message.audience, message.author_side, message.author) == (
        Audience.CUSTOMER, "internal", "T0HOME/U0DANA",
    )  # fmt: skip
    assert outcome.detail["messageId"] == str(message.id)


async def test_changes_of_a_ticket_are_made_and_say_what_was_before(database: Database) -> None:
    ticket_id = await store_ticket(database)
    runner = a_runner(database)

    outcome = await runner.run(a_run("ticket.set_severity", ticket_id))
    await runner.run(a_run("ticket.set_category", ticket_id))
    await runner.run(a_run("ticket.assign", ticket_id))
    await runner.run(a_run("ticket.close", ticket_id))

    ticket = await ticket_of(database, ticket_id)
    assert outcome.detail == {"code": "changed", "before": "medium", "after": "high"}
    assert (ticket.severity, ticket.category, ticket.assignee) == ("high", "credentials", "U024BE7LH")
    assert (ticket.status, ticket.updated_at) == ("closed", NOW)


async def test_a_reopened_ticket_is_open(database: Database) -> None:
    ticket_id = await store_ticket(database, status="closed")

    await a_runner(database).run(a_run("ticket.reopen", ticket_id))

    assert (await ticket_of(database, ticket_id)).status == "open"


async def test_a_late_run_does_not_make_a_ticket_older(database: Database) -> None:
    ticket_id = await store_ticket(database, updated_at=NOW + timedelta(hours=1))

    await a_runner(database).run(a_run("ticket.close", ticket_id))

    assert (await ticket_of(database, ticket_id)).updated_at == NOW + timedelta(hours=1)


async def test_closing_a_closed_ticket_is_done_and_changes_nothing(database: Database) -> None:
    ticket_id = await store_ticket(database, status="closed")

    outcome = await a_runner(database).run(a_run("ticket.close", ticket_id))

    assert (outcome.state, outcome.summary) == ("done", "The ticket was closed already.")
    assert (await ticket_of(database, ticket_id)).updated_at == OPENED


async def test_revoking_and_restoring_change_the_key_and_nobody_else(database: Database) -> None:
    await store_bob(database)
    runner = a_runner(database)

    revoked = await runner.run(a_run("api_key.revoke"))
    after_revoking = await statuses(database)
    await runner.run(a_run("api_key.restore"))

    assert revoked.summary == "Revoked the API key ak_demo_bob_001."
    assert after_revoking == ("active", "revoked")
    assert await statuses(database) == ("active", "active")


async def test_suspending_and_restoring_change_the_person_and_no_key(database: Database) -> None:
    await store_bob(database)
    runner = a_runner(database)

    await runner.run(a_run("user.suspend"))
    after_suspending = await statuses(database)
    await runner.run(a_run("user.restore"))

    assert after_suspending == ("suspended", "active")
    assert await statuses(database) == ("active", "active")


async def test_revoking_a_revoked_key_is_done_already(database: Database) -> None:
    await store_bob(database, key_status="revoked")

    outcome = await a_runner(database).run(a_run("api_key.revoke"))

    assert (outcome.state, outcome.summary) == ("done", "The API key ak_demo_bob_001 was revoked already.")


@pytest.mark.parametrize(
    ("action_id", "words"),
    [
        ("api_key.revoke", "The directory has no API key ak_demo_bob_001. Nothing was changed."),
        ("user.suspend", "The directory has nobody with the address bob@acme.example. Nothing was changed."),
        ("ticket.close", "There is no such ticket."),
        ("ticket.add_internal_note", "There is no such ticket."),
    ],
)
@pytest.mark.parametrize("ticket_id", [uuid4(), "no uuid"])
async def test_what_the_target_does_not_know_fails_for_certain(
    database: Database, action_id: str, words: str, ticket_id: object
) -> None:
    outcome = await a_runner(database).run(a_run(action_id, ticket_id))

    assert (outcome.state, outcome.summary) == ("failed", words)


async def test_a_customer_never_hears_which_key_or_person_it_was(database: Database) -> None:
    await store_bob(database)
    ticket_id = await store_ticket(database)
    runner = a_runner(database)
    missing = {"api_key.revoke": {"keyId": "ak_unknown"}, "user.suspend": {"email": "eve@acme.example"}}

    outcomes = [await runner.run(a_run(action_id, ticket_id)) for action_id in EXAMPLES]
    outcomes += [await runner.run(a_run(action_id, params=params)) for action_id, params in missing.items()]

    said = " ".join(outcome.customer_summary for outcome in outcomes)
    assert said
    for word in ("ak_", "@", "bob", "Dana", "U024BE7LH", "suspend", "directory"):
        assert word not in said


async def test_the_same_key_twice_changes_nothing_and_gives_the_first_answer(database: Database) -> None:
    ticket_id = await store_ticket(database)
    runner = a_runner(database)
    run = a_run("ticket.set_severity", ticket_id)

    first = await runner.run(run)
    await runner.run(a_run("ticket.set_severity", ticket_id, params={"severity": "low"}))
    second = await runner.run(run)

    assert second == first
    assert (await ticket_of(database, ticket_id)).severity == "low"


async def test_a_refusal_stays_the_answer_under_its_key(database: Database) -> None:
    runner = a_runner(database)
    run = a_run("api_key.revoke")

    first = await runner.run(run)
    await store_bob(database)
    second = await runner.run(run)

    assert first.state == second.state == "failed"
    assert await statuses(database) == ("active", "active")


async def test_many_runs_at_once_with_one_key_have_one_effect(database: Database) -> None:
    ticket_id = await store_ticket(database)
    run = a_run("ticket.add_internal_note", ticket_id)
    runners = [a_runner(database) for _ in range(8)]

    outcomes = await asyncio.gather(*(runner.run(run) for runner in runners))

    assert len({str(outcome) for outcome in outcomes}) == 1
    assert outcomes[0].is_done
    assert len(await messages_of(database, ticket_id)) == 1
    assert await effects(database) == 1


async def test_many_runs_at_once_with_many_keys_have_many_effects(database: Database) -> None:
    ticket_id = await store_ticket(database)
    runner = a_runner(database)

    await asyncio.gather(*(runner.run(a_run("ticket.add_internal_note", ticket_id)) for _ in range(8)))

    assert len(await messages_of(database, ticket_id)) == 8


@pytest.mark.parametrize(
    "other",
    [
        {"action_id": "api_key.restore"},
        {"action_id": "api_key.revoke", "params": {"keyId": "ak_other"}},
    ],
)
async def test_a_key_that_named_another_change_is_refused(database: Database, other: dict[str, object]) -> None:
    await store_bob(database)
    runner = a_runner(database)
    run = a_run("api_key.revoke")
    await runner.run(run)

    outcome = await runner.run(a_run(**(other | {"idempotency_key": run.idempotency_key})))  # type: ignore[arg-type]  # keywords by name

    assert (outcome.state, outcome.detail) == ("failed", {"code": "key_reused"})
    assert await statuses(database) == ("active", "revoked")


async def test_the_target_tells_what_became_of_a_run(database: Database) -> None:
    await store_bob(database)
    ticket_id = await store_ticket(database)
    runner = a_runner(database)
    runs = [a_run(action_id, ticket_id) for action_id in EXAMPLES]

    before = [await runner.reconcile(run) for run in runs]
    outcomes = [await runner.run(run) for run in runs]
    after = [await runner.reconcile(run) for run in runs]

    assert before == [None] * len(runs)
    assert after == outcomes


async def test_a_run_cut_off_by_its_deadline_is_unknown_and_reconciled_by_asking(database: Database) -> None:
    await store_bob(database)
    run = a_run("api_key.revoke")
    async with database.transaction() as tx:
        # Someone else holds Bob's key, so that the run cannot finish in time.
        await tx.execute(select(DirectoryKey).with_for_update())
        outcome = await a_runner(database, timeout_seconds=0.2).run(run)

    assert outcome.state == "unknown"
    assert await a_runner(database).reconcile(run) is None
    assert await statuses(database) == ("active", "active")


async def test_asking_about_a_change_that_is_under_way_waits_for_it(database: Database) -> None:
    await store_bob(database)
    run = a_run("api_key.revoke")
    target = DirectoryInDatabase(database)
    async with database.transaction() as tx:
        await tx.execute(select(DirectoryKey).with_for_update())
        changing = asyncio.create_task(target.set_key_status(run, "ak_demo_bob_001", "revoked"))
        await _until_waiting(database, 1)
        asking = asyncio.create_task(target.find(run.idempotency_key))
        await _until_waiting(database, 2)

    assert await asking == await changing
    assert (await changing).code == "changed"


async def test_a_database_that_is_gone_leaves_the_outcome_unknown() -> None:
    gone = Database("postgresql://nobody@127.0.0.1:1/none")
    try:
        outcome = await a_runner(gone).run(a_run("api_key.revoke"))
        found = await a_runner(gone).reconcile(a_run("api_key.revoke"))
    finally:
        await gone.close()

    assert outcome.state == "unknown"
    assert found is not None
    assert found.state == "unknown"


async def _until_waiting(database: Database, count: int) -> None:
    """Return once so many connections of this database wait for a lock."""
    waiting = text(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )
    for _ in range(400):
        async with database.transaction() as tx:
            if (await tx.scalar(waiting) or 0) >= count:
                return
        await asyncio.sleep(0.01)
    pytest.fail("nothing waits for a lock")
