"""Somebody else's conformance kit over the whole desk: its scenarios, and what it says of a gate with a hole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from unittest.mock import patch

import pytest
from agentbarrier.models import ApprovalBarrierProfile, Capability, ScenarioStatus
from agentbarrier.runner import RunnerOptions, SuiteRunner
from agentbarrier.scenarios import DEFAULT_SCENARIOS

from actions.catalogue import ACTIONS as SHIPPED
from actions.catalogue import Catalogue
from actions.runner import Runner
from handlers.flows import run_action
from tests.running import RunningDesk
from tests.threats.barrier_adapter import ACTIONS, RUN_SECONDS, SITE, CountersignAdapter, Sentinel
from tests.threats.planted import StatusBelievingGate, gate_of, policy_folder, with_parts

pytestmark = pytest.mark.asyncio(loop_scope="module")

Fault = Callable[[RunningDesk], AbstractContextManager[None]]
SCENARIOS = [one.scenario_id for one in DEFAULT_SCENARIOS]


@pytest.fixture(scope="module")
def adapter(desk: RunningDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountersignAdapter]:
    sentinel = Sentinel()
    shipped = desk.parts.reception.desk
    parts = {
        "catalogue": Catalogue(shipped.catalogue._choices, (*SHIPPED, *ACTIONS)),
        "runner": Runner({**shipped.runner._executors, "sentinel.": sentinel}, RUN_SECONDS),
        "gate": gate_of(policy_folder(tmp_path_factory.mktemp("policy") / "cedar", site=SITE)),
    }
    with with_parts(desk, **parts):
        yield CountersignAdapter(desk, sentinel)


async def verdict(adapter: CountersignAdapter, *scenarios: str) -> dict[str, str]:
    """What `agentbarrier verify --profile per-action --strict-skips` says: an approval holds what it is about."""
    options = RunnerOptions(
        operation_timeout_seconds=60,
        settle_seconds=0.2,
        strict_skips=True,
        scenarios=scenarios or None,
        approval_profile=ApprovalBarrierProfile.PER_ACTION,
    )
    result = await SuiteRunner(options).verify(adapter)
    return {
        one.scenario_id: f"{one.status.value} {one.finding.code if one.finding else ''} {one.detail or ''}".strip()
        for one in result.results
    }


async def test_nothing_of_the_kit_is_left_out() -> None:
    assert CountersignAdapter.capabilities == frozenset(Capability)
    assert {one.capability for one in DEFAULT_SCENARIOS} == set(Capability)


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_the_desk_passes(adapter: CountersignAdapter, scenario: str) -> None:
    assert await verdict(adapter, scenario) == {scenario: ScenarioStatus.PASSED.value}


@contextmanager
def no_look_at_the_digest(desk: RunningDesk) -> Iterator[None]:
    """What runs is taken for what was shown."""
    with patch.object(run_action, "digest_of", lambda request, ticket: request.digest):
        yield


def a_gate_that_believes_the_status(desk: RunningDesk) -> AbstractContextManager[None]:
    """What a row says is approved runs."""
    return with_parts(desk, gate=StatusBelievingGate(desk.parts.reception.desk.gate))


@pytest.mark.parametrize(
    ("fault", "scenario", "finding"),
    [
        (no_look_at_the_digest, "argument_binding", "AB005"),
        (a_gate_that_believes_the_status, "rejection", "AB004"),
        (a_gate_that_believes_the_status, "delegation", "AB015"),
    ],
)
async def test_the_kit_notices_a_gate_with_a_hole(
    adapter: CountersignAdapter, fault: Fault, scenario: str, finding: str
) -> None:
    with fault(adapter.desk):
        found = await verdict(adapter, scenario)

    assert found[scenario].startswith(f"failed {finding}"), found
