"""One decision of the gate beside one bare call of the engine under it.

The gate asks Cedar with entities parsed against the schema, reads the diagnostics, asks the typed invariants as well
and, for a run, verifies the votes' signatures. The baseline has everything parsed beforehand and looks at nothing.

Measured with the shipped policy; with a hundred policies of the site's own and votes of ten thousand people, one after
the other; and with the voter read from Slack for each vote, as at a click: the account and both groups, over HTTP from
the local Slack in another process.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC
from itertools import cycle

import cedarpy

from bench.big_site import PEOPLE, POLICIES, big_site, crowd
from bench.people import SANA
from bench.policy import clicks_suffice
from bench.results import Row, Table, flat, p50, ratios
from bench.rig import Rig, start_slack
from bot.settings import read_settings
from bot.wiring import build
from policy import entities
from policy.compiling import CompiledPolicy, compile_policy
from policy.engine import PolicyEngine
from policy.gate import Gate
from policy.loading import read_policy_files
from policy.terms import Choice, Person, Requester, RequesterKind, RequestFacts, Risk
from tests.policy.builders import DIGEST, NOW, SIGNER, action, approved, person, request, vote

ANN, BEN, PAT = person("U_ANN", "security"), person("U_BEN", "security"), person("U_PAT", "support")
BASELINE = "cedarpy.is_authorized_batch, one question, policies, schema and entities parsed beforehand"
CRITICAL = action(
    action_id="user.suspend",
    risk=Risk.CRITICAL,
    requester=Requester(RequesterKind.HTTP, None, "A caller"),
    proposable_by=frozenset({"support", "security"}),
)

Ask = Callable[[], Awaitable[bool]]


async def measure(rig: Rig) -> Sequence[Table]:
    """One table."""
    files = read_policy_files(clicks_suffice())
    gate, big = (
        Gate(PolicyEngine.load(folder), SIGNER) for folder in (clicks_suffice(), big_site(rig.folder / "site"))
    )
    asked = request(CRITICAL, quorum=2, policy_version=gate.policy_version)
    asked_of_big = request(CRITICAL, quorum=2, policy_version=big.policy_version)
    ready = approved(CRITICAL, quorum=2, policy_version=gate.policy_version)
    votes, voters, people = [vote(ANN), vote(BEN)], {one.key: one for one in (ANN, BEN)}, cycle(crowd())
    slack = await start_slack(rig)
    parts = await build(
        read_settings({**slack.environment, "COUNTERSIGN_DATA": str(rig.folder / "gate")}),
        rig.database(),
        live_group_lists_a_minute=1_000_000,
        presses_a_minute=1_000_000,
    )
    click = {"user": {"id": SANA.key.user_id, "team_id": SANA.team_id}}

    async def by_anybody() -> bool:
        who = next(people)
        return _rules(big, asked_of_big, who) is ("security" in who.groups)

    async def by_whom_slack_names() -> bool:
        return _rules(gate, asked, await parts.reception.identity.clicker(click))

    async def by_whom_slack_names_on_the_big_site() -> bool:
        return _rules(big, asked_of_big, await parts.reception.identity.clicker(click))

    arms: dict[str, Ask] = {
        "bare cedarpy call (baseline)": _later(_bare(asked, compile_policy(files), gate.policy_version)),
        "rule on a vote": _later(lambda: _rules(gate, asked, ANN)),
        "rule on a run with two votes": _later(
            lambda: gate.rule_on_run(ready, votes, voters, digest_now=DIGEST, now=NOW).is_allowed
        ),
        "judge a proposal": _later(lambda: gate.judge_proposal(CRITICAL, PAT).quorum == 2),
        f"rule on a vote, {POLICIES} site policies, {PEOPLE:,} people": by_anybody,
        "rule on a vote, the voter read from Slack": by_whom_slack_names,
        f"the same with {POLICIES} site policies": by_whom_slack_names_on_the_big_site,
    }
    rounds: dict[str, list[list[float]]] = {name: [] for name in arms}
    over_http = {by_whom_slack_names, by_whom_slack_names_on_the_big_site}
    try:
        for _ in range(rig.take(1, 5)):
            for name, ask in arms.items():
                rounds[name].append(await _time(name, ask, rig.take(50, 200 if ask in over_http else 1000)))
    finally:
        await parts.database.close()
        await rig.stop(slack.child)
    bare = [p50(one) for one in rounds["bare cedarpy call (baseline)"]]
    rows = []
    for name, times in rounds.items():
        every = flat(times)
        rows.append(Row(name, len(every), every, len(every) / sum(every), ratios([p50(one) for one in times], bare)))
    return [Table("A decision of the gate", BASELINE, rows)]


def _rules(gate: Gate, about: RequestFacts, who: Person) -> bool:
    return gate.rule_on_vote(about, who, Choice.APPROVE, shown_digest=DIGEST, now=NOW).is_allowed


def _later(ask: Callable[[], bool]) -> Ask:
    """The same as something to wait for: all arms are driven alike."""

    async def asked() -> bool:
        return ask()

    return asked


async def _time(name: str, ask: Ask, count: int) -> list[float]:
    found = []
    for _ in range(count):
        begin = time.perf_counter()
        answer = await ask()
        found.append(time.perf_counter() - begin)
        if not answer:
            raise RuntimeError(f"{name}: the answer must be the right one for the times to mean anything")
    return found


def bare_call() -> Callable[[], bool]:
    """One bare call of the engine about a request like those measured here."""
    files = read_policy_files(clicks_suffice())
    asked = request(CRITICAL, quorum=2, policy_version=files.version)
    return _bare(asked, compile_policy(files), files.version)


def _bare(about: RequestFacts, compiled: CompiledPolicy, version: str) -> Callable[[], bool]:
    known = [*entities.request_entities(about), entities.actor_entity(ANN)]
    parsed = cedarpy.Entities.from_json_str(json.dumps(known), compiled.schema)
    context = entities.decision_context(
        shown_digest=DIGEST, policy_version=version, now=NOW, zone=UTC, asks_for_passkey=False
    )
    question = {
        "principal": entities.actor_ref(ANN),
        "action": {"type": "Action", "id": "approve"},
        "resource": entities.request_ref(about),
        "context": json.dumps(context),
    }

    def ask() -> bool:
        (answer,) = cedarpy.is_authorized_batch([question], compiled.policies, parsed, compiled.schema)
        return answer.decision is cedarpy.Decision.Allow

    return ask
