"""Whatever happens, in whatever order, some of it at once, and wherever the process dies: nothing runs without enough
eligible, different people who said yes to exactly that.

Bounded and the same each time; PROOF_EXAMPLES asks for as many other, longer stories as one likes.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from actions.executors import Run
from handlers.desk import Desk
from handlers.flows import cast_vote, rule_on_run, run_action
from policy.terms import Choice, Person, PersonKey
from storage.database import Database
from storage.embedded import EmbeddedServer
from storage.schema import ActionRequest
from tests.faults.crashes import Fuse
from tests.keys import AUDIT_KEYS
from tests.running import import_demo_directory
from tests.threats.conftest import fresh_database
from tests.threats.gate_world import ACTIONS, FLAGS, PROPOSERS, VOTERS, Circle, Shown, World, everybody

EXAMPLES, STEPS = 30, 25
LONG = int(os.environ.get("PROOF_EXAMPLES", "0"))
SECURITY = VOTERS[:3]

some_request = st.integers(0, 2)
voter = st.sampled_from([*SECURITY, *SECURITY, *VOTERS])
choice = st.sampled_from([Choice.APPROVE] * 7 + [Choice.REJECT])
step = st.one_of(
    st.tuples(st.just("vote"), some_request, voter, choice),
    st.tuples(st.just("vote"), some_request, voter, choice),
    st.tuples(st.just("run"), some_request),
    st.tuples(st.just("run"), some_request),
    st.tuples(st.just("propose"), st.sampled_from(sorted(ACTIONS)), st.sampled_from(PROPOSERS)),
    st.tuples(st.just("edit")),
    st.tuples(st.just("wake")),
)
TAMPERING = ("params", "params", "status", "quorum", "time", "proposer", "vote", "another's votes")


class Stage:
    """The loop and the database that all runs of the machine share."""

    def __init__(self, loop: asyncio.Runner, database: Database) -> None:
        self.loop, self.database = loop, database
        self.seen: Counter[str] = Counter()


@pytest.fixture(scope="module")
def stage(postgres: EmbeddedServer) -> Iterator[Stage]:
    with fresh_database(postgres) as url, asyncio.Runner() as loop:
        database = Database(url, audit_keys=AUDIT_KEYS, pool_size=5)
        loop.run(import_demo_directory(database))
        yield Stage(loop, database)
        loop.run(database.close())


def machine(stage: Stage, circle: Callable[[], Circle] | None = None) -> type[RuleBasedStateMachine]:
    """The machine on this stage; `circle`: another identity door."""

    class GateMachine(RuleBasedStateMachine):
        @initialize(actions=st.lists(st.sampled_from(sorted(ACTIONS)), min_size=1, max_size=2))
        def begin(self, actions: list[str]) -> None:
            self.world = World(stage.database)
            if circle is not None:
                self.world.circle = circle()
                self.world.desk = replace(self.world.desk, people=self.world.circle)
            stage.loop.run(self.world.opens())
            for action_id in actions:
                self.does(self.world.proposes(self.world.desk, action_id, PROPOSERS[0]))

        def does(self, *awaited: Awaitable[None]) -> None:
            """One step, or several that overlap; then what must hold is looked at."""

            async def all_of_it() -> None:
                if len(awaited) == 1:
                    await self.world.one(awaited[0])
                else:
                    await self.world.at_once(awaited)
                self.world.fuse = Fuse(at=0)
                await self.world.settle()

            stage.loop.run(all_of_it())
            assert self.world.violations == []

        def about(self, index: int) -> Shown:
            """A request, the newest first."""
            return self.world.shown[-1 - index % len(self.world.shown)]

        def awaitable(self, desk: Desk, what: tuple[Any, ...]) -> Awaitable[None]:
            kind, *rest = what
            if kind == "vote":
                return self.world.votes(desk, self.about(rest[0]), rest[1], rest[2])
            if kind == "run":
                return self.world.runs(desk, self.about(rest[0]))
            if kind == "propose":
                return self.world.proposes(desk, rest[0], rest[1])
            return self.world.edits_message(desk) if kind == "edit" else self.world.wakes(desk)

        @precondition(lambda self: self.world.shown)
        @rule(what=step)
        def one_thing_happens(self, what: tuple[Any, ...]) -> None:
            self.does(self.awaitable(self.world.desk, what))

        @precondition(lambda self: self.world.shown)
        @rule(index=some_request, who=voter)
        def somebody_approves(self, index: int, who: str) -> None:
            self.does(self.world.votes(self.world.desk, self.about(index), who, Choice.APPROVE))

        @precondition(lambda self: self.world.shown)
        @rule(index=some_request)
        def the_job_of_a_run_comes(self, index: int) -> None:
            self.does(self.world.runs(self.world.desk, self.about(index)))

        def approved_as_it_should_be(self, action_id: str, votes: int) -> None:
            self.world.circle.is_away = False
            self.world.circle.people.update({who: everybody()[who] for who in SECURITY})
            self.does(self.world.proposes(self.world.desk, action_id, PROPOSERS[0]))
            for who in SECURITY[:votes]:
                self.does(self.world.votes(self.world.desk, self.about(0), who, Choice.APPROVE))

        # Of chance alone hardly anything would ever come to a run: these lead up to one, and something comes between.

        @rule(action_id=st.sampled_from(sorted(ACTIONS)), missing=st.booleans(), seconds=st.sampled_from([1, 14400]))
        def a_request_is_approved_and_run(self, action_id: str, missing: bool, seconds: int) -> None:
            self.approved_as_it_should_be(action_id, ACTIONS[action_id][2] - missing)
            self.world.jump(seconds)
            self.the_job_of_a_run_comes(0)

        @rule(action_id=st.sampled_from(sorted(ACTIONS)), how=st.sampled_from(TAMPERING), other=some_request)
        def the_rows_are_edited_before_the_run(self, action_id: str, how: str, other: int) -> None:
            self.approved_as_it_should_be(action_id, ACTIONS[action_id][2])
            self.somebody_edits_the_rows(0, how, other)
            self.the_job_of_a_run_comes(0)

        @rule(action_id=st.sampled_from(sorted(ACTIONS)), flag=st.sampled_from(FLAGS))
        def an_approver_leaves_before_the_run(self, action_id: str, flag: str) -> None:
            self.approved_as_it_should_be(action_id, ACTIONS[action_id][2])
            self.an_account_changes(SECURITY[0], flag, False)
            self.the_job_of_a_run_comes(0)

        @rule(action_id=st.sampled_from(sorted(ACTIONS)), at=st.integers(2, 6))
        def the_process_dies_and_another_takes_over(self, action_id: str, at: int) -> None:
            self.approved_as_it_should_be(action_id, ACTIONS[action_id][2])
            self.the_process_dies_in_a_run(0, at)
            self.the_job_of_a_run_comes(0)

        @precondition(lambda self: self.world.shown)
        @rule(what=st.lists(step, min_size=2, max_size=3))
        def several_things_happen_at_once(self, what: list[tuple[Any, ...]]) -> None:
            self.does(*(self.awaitable(self.world.desk, one) for one in what))

        @precondition(lambda self: self.world.shown)
        @rule(index=some_request, twice=st.booleans())
        def two_workers_run_the_same(self, index: int, twice: bool) -> None:
            self.does(*(self.world.runs(self.world.desk, self.about(index)) for _ in range(2 + twice)))

        @precondition(lambda self: self.world.shown)
        @rule(what=step, at=st.integers(1, 4))
        def the_process_dies(self, what: tuple[Any, ...], at: int) -> None:
            self.does(self.awaitable(self.world.dying(at), what))

        @precondition(lambda self: self.world.shown)
        @rule(index=some_request, at=st.integers(2, 7))
        def the_process_dies_in_a_run(self, index: int, at: int) -> None:
            self.does(self.world.runs(self.world.dying(at), self.about(index)))

        @rule(who=st.sampled_from(SECURITY), is_in=st.booleans())
        def a_group_changes(self, who: str, is_in: bool) -> None:
            person = self.world.circle.people[who]
            groups = person.groups | {"security"} if is_in else person.groups - {"security"}
            self.world.circle.people[who] = replace(person, groups=groups)

        @rule(who=st.sampled_from(SECURITY), flag=st.sampled_from(FLAGS), value=st.booleans())
        def an_account_changes(self, who: str, flag: str, value: bool) -> None:
            self.world.circle.people[who] = replace(self.world.circle.people[who], **{flag: value})

        @rule(who=st.sampled_from(SECURITY), whose=st.sampled_from(VOTERS))
        def an_account_gets_an_address(self, who: str, whose: str) -> None:
            address = everybody()[whose].email
            self.world.circle.people[who] = replace(self.world.circle.people[who], email=address)

        @rule(action_id=st.sampled_from(sorted(ACTIONS)), whose=st.sampled_from(VOTERS))
        def an_approver_turns_out_to_be_somebody_else_before_the_run(self, action_id: str, whose: str) -> None:
            self.approved_as_it_should_be(action_id, ACTIONS[action_id][2])
            self.an_account_gets_an_address(SECURITY[0], whose)
            self.the_job_of_a_run_comes(0)

        @rule(seconds=st.sampled_from([1, 70, 1800, 14400, 90000]))
        def time_passes(self, seconds: int) -> None:
            self.world.jump(seconds)

        @rule()
        def slack_goes_away_or_comes_back(self) -> None:
            self.world.circle.is_away = not self.world.circle.is_away

        @precondition(lambda self: self.world.shown)
        @rule(index=some_request, how=st.sampled_from(TAMPERING), other=some_request)
        def somebody_edits_the_rows(self, index: int, how: str, other: int) -> None:
            self.does(self.world.tampers(self.about(index), how, self.about(other)))

        def teardown(self) -> None:
            if not hasattr(self, "world"):
                return
            stage.loop.run(self.world.close())
            stage.seen.update(self.world.statuses.values())
            stage.seen["effects"] += len(self.world.effects)
            assert self.world.violations == []

    return GateMachine


def profile(examples: int, *, is_search: bool = False) -> settings:
    """Bounded and without chance; what is found in a search for a planted fault need not be made small."""
    phases = [Phase.generate] if is_search else [Phase.generate, Phase.shrink]
    return settings(
        max_examples=LONG or examples,
        stateful_step_count=60 if LONG else STEPS,
        derandomize=not LONG,
        database=None,
        deadline=None,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet if is_search else Verbosity.normal,
    )


def test_nothing_runs_without_enough_eligible_people_who_said_yes_to_exactly_that(stage: Stage) -> None:
    stage.seen.clear()

    run_state_machine_as_test(machine(stage), settings=profile(EXAMPLES))

    print(f"\n{LONG or EXAMPLES} stories: {dict(stage.seen)}")
    # A machine in which nothing ever runs would prove nothing.
    assert stage.seen["effects"] >= 5
    assert {"executed", "void"} <= set(stage.seen)


# --- the machine finds what is planted --------------------------------------------------------------------------------


class Remembering(Circle):
    """Asks once about each person, and never again."""

    async def resolve(self, key: PersonKey) -> Person:
        known: dict[str, Person] = self.__dict__.setdefault("known", {})
        return known.setdefault(key.user_id, await super().resolve(key))


@contextmanager
def no_look_at_the_digest() -> Iterator[None]:
    """What runs is taken for what was shown."""
    with (
        patch.object(rule_on_run, "digest_of", lambda request, ticket: request.digest),
        patch.object(cast_vote, "digest_of", lambda request, ticket: request.digest),
    ):
        yield


@contextmanager
def another_key_for_each_attempt() -> Iterator[None]:
    """The target cannot know that it was asked before."""
    made = run_action._run

    def another(request: ActionRequest, desk: Desk) -> Run:
        return replace(made(request, desk), idempotency_key=uuid4().hex)

    with patch.object(run_action, "_run", another):
        yield


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (no_look_at_the_digest, "was shown"),
        (another_key_for_each_attempt, "a second effect"),
    ],
)
def test_the_machine_finds_a_fault_that_is_planted(stage: Stage, fault: Any, words: str) -> None:
    with fault(), pytest.raises(AssertionError, match=words):
        run_state_machine_as_test(machine(stage), settings=profile(400, is_search=True))


def test_the_machine_finds_people_who_are_not_asked_about_again_at_the_run(stage: Stage) -> None:
    with pytest.raises(AssertionError, match="eligible"):
        run_state_machine_as_test(
            machine(stage, lambda: Remembering(everybody())), settings=profile(400, is_search=True)
        )
