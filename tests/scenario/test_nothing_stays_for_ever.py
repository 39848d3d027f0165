"""A job that is lost, a worker that died, a row that is odd: whatever is due is looked at again until it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from actions.executors import Outcome, Run
from actions.runner import Runner
from handlers.desk import Desk
from handlers.flows.cast_vote import Ballot, cast_vote
from handlers.flows.proposals import Proposal
from handlers.flows.propose_action import propose_action
from handlers.flows.run_action import PERSON_NEEDED, run_action
from handlers.flows.wake_requests import LOOK_AGAIN, wake_requests
from policy.terms import Choice, PersonKey, Provenance
from storage import audit
from storage.audit import Step
from tests.running import RunningDesk, running_desk
from tests.scenario.test_expiry import MovableClock
from tests.scenario.test_false_authority import mallory_asks, olivia_confirms, text_of
from tests.threats.cases import change, message_at, open_case, paused, posted
from tests.threats.planted import with_parts

HOME = "T0ACME00001"
OLIVIA, SANA = PersonKey(HOME, "U0OLIVIA001"), PersonKey(HOME, "U0SANA00001")
LOSE_JOBS = "delete from procrastinate_jobs where task_name = 'run_action'"


@dataclass
class Later:
    """A desk whose clock a test moves. The desk wakes what is due by itself; a test does so at the moment it means."""

    desk: RunningDesk
    clock: MovableClock

    @property
    def parts(self) -> Desk:
        return self.desk.parts.reception.desk

    async def wake(self) -> None:
        await wake_requests(self.parts)

    async def status(self, request_id: UUID) -> str:
        return str(await self.desk.value("select status from action_requests where id = :id", id=request_id))

    async def wakes_in(self, request_id: UUID) -> timedelta | None:
        """How long until the request is due, rounded to seconds."""
        at: datetime | None = await self.desk.value("select wake_at from action_requests where id = :id", id=request_id)
        return None if at is None else timedelta(seconds=round((at - self.clock()).total_seconds()))

    async def jobs(self, request_id: UUID) -> int:
        sql = "select count(*) from procrastinate_jobs where task_name = 'run_action' and args->>'request_id' = :id"
        return int(await self.desk.value(sql, id=str(request_id)))

    async def assigned(self) -> UUID:
        """Olivia assigns the only ticket, which the policy allows: approved, with a job that runs it."""
        proposal = Proposal(
            await self.desk.the_ticket(),
            "ticket.assign",
            {"assignee": "U0SAM000001"},
            {"assignee": Provenance.OPERATOR},
        )
        olivia = await self.desk.parts.reception.identity.resolve(OLIVIA)
        return (await propose_action(self.parts, proposal, olivia)).request_id


@pytest.fixture
async def later(database_url: str, tmp_path: Path) -> AsyncIterator[Later]:
    clock = MovableClock()
    async with running_desk(database_url, tmp_path, clock=clock) as desk:
        yield Later(desk, clock)


async def test_what_the_policy_allowed_and_whose_job_was_lost_expires(later: Later) -> None:
    await mallory_asks(later.desk)
    async with paused(later.desk):
        request_id = await later.assigned()
        await change(later.desk, LOSE_JOBS)

        later.clock.ahead = timedelta(days=30)
        await later.wake()

    assert await later.status(request_id) == "expired"
    outcome = await later.desk.value("select outcome from action_requests where id = :id", id=request_id)
    assert "it was approved, and could not be run in time" in outcome


async def cut_off(desk: RunningDesk, request_id: UUID) -> None:
    """What a worker leaves that dies right after it has claimed a run."""
    await change(desk, "update action_requests set status = 'running' where id = :id", id=request_id)
    await change(
        desk,
        "insert into executions (request_id, idempotency_key, state, attempts, detail, started_at)"
        " values (:id, 'cut off', 'running', 1, '{}', now())",
        id=request_id,
    )
    ticket_id = await desk.value("select ticket_id from action_requests where id = :id", id=request_id)
    async with desk.database.transaction() as tx:
        payload = {"actionRequestId": str(request_id), "idempotencyKey": "cut off"}
        await audit.record(tx, ticket_id, Step.ACTION_STARTED, "bot", payload, at=datetime.now(UTC))


async def test_a_run_that_was_cut_off_is_due_again_and_again_until_a_job_ends_it(later: Later) -> None:
    await mallory_asks(later.desk)
    async with paused(later.desk):
        request_id = await later.assigned()
        # The worker died right after it had claimed the run, and its job with it.
        await change(later.desk, LOSE_JOBS)
        await cut_off(later.desk, request_id)
        for days in (2, 3):
            later.clock.ahead = timedelta(days=days)
            await later.wake()
            await later.wake()

            assert (await later.jobs(request_id), await later.wakes_in(request_id)) == (1, LOOK_AGAIN)
            await change(later.desk, LOSE_JOBS)
        later.clock.ahead = timedelta()
        await change(later.desk, "update action_requests set wake_at = now() where id = :id", id=request_id)
        await later.wake()

    await later.desk.until(lambda: later.desk.value("select 1 from tickets where assignee = 'U0SAM000001'"))
    await later.desk.idle()
    assert (await later.status(request_id), await later.wakes_in(request_id)) == ("executed", None)


@dataclass
class SilentTarget:
    """A target that never says what became of anything."""

    asked: int = 0

    async def execute(self, run: Run) -> Outcome:
        return Outcome("unknown", "No answer.")

    async def reconcile(self, run: Run) -> Outcome | None:
        self.asked += 1
        return Outcome("unknown", "No answer.")


async def test_an_unknown_outcome_is_asked_for_on_and_on_and_the_card_says_that_a_person_has_to_look(
    later: Later,
) -> None:
    case = await open_case(later.desk)
    target = SilentTarget()
    async with paused(later.desk):
        with with_parts(later.desk, runner=Runner({"api_key.": target}, 5)):
            sana = await later.desk.parts.reception.identity.resolve(SANA)
            await cast_vote(later.parts, Ballot(case.request_id, Choice.APPROVE, "click"), sana)
            waits = []
            for _ in range(8):
                await run_action(later.parts, case.request_id)
                waits.append(await later.wakes_in(case.request_id))
            await change(later.desk, LOSE_JOBS)

    assert [wait.total_seconds() for wait in waits if wait] == [5, 15, 60, 300, 900, 900, 900, 900]
    assert (await later.status(case.request_id), target.asked) == ("unknown", 7)
    await later.desk.until(lambda: PERSON_NEEDED in text_of(message_at(later.desk, "desk-approvals", case.card_ts)))


@dataclass
class ForgetfulTarget:
    """A target that has no trace of anything, and is asked by two at the same moment."""

    both: asyncio.Barrier = field(default_factory=lambda: asyncio.Barrier(2))
    executed: int = 0

    async def execute(self, run: Run) -> Outcome:
        self.executed += 1
        return Outcome("done", "Done.")

    async def reconcile(self, run: Run) -> Outcome | None:
        await self.both.wait()
        return None


async def test_of_two_workers_that_find_the_same_run_cut_off_one_begins_it_again(later: Later) -> None:
    case = await open_case(later.desk)
    target = ForgetfulTarget()
    async with paused(later.desk):
        with with_parts(later.desk, runner=Runner({"api_key.": target}, 5)):
            sana = await later.desk.parts.reception.identity.resolve(SANA)
            await cast_vote(later.parts, Ballot(case.request_id, Choice.APPROVE, "click"), sana)
            await change(later.desk, LOSE_JOBS)
            await cut_off(later.desk, case.request_id)

            await asyncio.gather(*(run_action(later.parts, case.request_id) for _ in range(2)))

    assert (target.executed, await later.status(case.request_id)) == (1, "executed")


async def test_a_row_that_cannot_be_handled_keeps_no_other_from_expiring(later: Later) -> None:
    await mallory_asks(later.desk)
    await olivia_confirms(later.desk)
    good = await later.desk.value("select id from action_requests where action_id = 'api_key.revoke'")
    async with paused(later.desk):
        odd = await later.assigned()
        # Nothing of ours writes such a row; it is the first that is due.
        sql = "update action_requests set status = 'odd', wake_at = now() - interval '1 day' where id = :id"
        await change(later.desk, sql, id=odd)

        later.clock.ahead = timedelta(days=30)
        await later.wake()

        assert (await later.status(good), await later.wakes_in(odd)) == ("expired", LOOK_AGAIN)
        await change(later.desk, "update action_requests set status = 'expired' where id = :id", id=odd)


async def test_the_card_of_a_run_that_waits_for_an_answer_is_not_drawn_again_for_the_same_words(later: Later) -> None:
    case = await open_case(later.desk)
    async with paused(later.desk):
        with with_parts(later.desk, runner=Runner({"api_key.": SilentTarget()}, 5)):
            sana = await later.desk.parts.reception.identity.resolve(SANA)
            await cast_vote(later.parts, Ballot(case.request_id, Choice.APPROVE, "click"), sana)
            for _ in range(7):
                await run_action(later.parts, case.request_id)
            await change(later.desk, "delete from procrastinate_jobs")

            await run_action(later.parts, case.request_id)

    assert await later.desk.value("select count(*) from procrastinate_jobs") == 0
    assert await posted(later.desk, "approval_card", case.ticket_id) == case.card_ts
