"""One decision of the gate beside one bare call of the engine under it.

The gate asks Cedar with entities parsed against the schema, reads the diagnostics, asks the typed invariants as well
and, for a run, verifies the votes' signatures. The baseline has everything parsed beforehand and looks at nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cedarpy

from bench.people import OLIVIA, SANA, VICTOR
from bench.results import Row, Table, flat, p50, ratios
from bench.rig import VOTE_KEY, Rig
from policy import entities
from policy.compiling import CompiledPolicy, compile_policy
from policy.engine import PolicyEngine
from policy.gate import Gate
from policy.loading import DEFAULT_FOLDER, read_policy_files
from policy.terms import (
    ActionFacts,
    Choice,
    PersonKey,
    Requester,
    RequesterKind,
    RequestFacts,
    RequestStatus,
    Risk,
    Severity,
    TicketStatus,
    Vote,
)
from policy.votes import VoteSigner

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DIGEST = "ab" * 32
BASELINE = "cedarpy.is_authorized_batch, one question, policies, schema and entities parsed beforehand"


async def measure(rig: Rig) -> Sequence[Table]:
    """One table."""
    files = read_policy_files(DEFAULT_FOLDER)
    signer = VoteSigner({"v1": bytes.fromhex(VOTE_KEY)}, "v1")
    gate = Gate(PolicyEngine.load(DEFAULT_FOLDER), signer)
    request = _request(gate.policy_version)
    votes = [signer.sign(_vote(request, person.key)) for person in (SANA, VICTOR)]
    approved = replace(request, status=RequestStatus.APPROVED)
    voters = {person.key: person for person in (SANA, VICTOR)}

    def vote() -> bool:
        return gate.rule_on_vote(request, SANA, Choice.APPROVE, shown_digest=DIGEST, now=NOW).is_allowed

    def run() -> bool:
        return gate.rule_on_run(approved, votes, voters, digest_now=DIGEST, now=NOW).is_allowed

    def proposal() -> bool:
        return gate.judge_proposal(request.action, OLIVIA).quorum == 2

    arms: dict[str, Callable[[], bool]] = {
        "bare cedarpy call (baseline)": _bare(request, compile_policy(files), gate.policy_version),
        "rule on a vote": vote,
        "rule on a run with two votes": run,
        "judge a proposal": proposal,
    }
    rounds: dict[str, list[list[float]]] = {name: [] for name in arms}
    for _ in range(rig.take(1, 5)):
        for name, ask in arms.items():
            rounds[name].append(_time(name, ask, rig.take(50, 1000)))
    bare = [p50(one) for one in rounds["bare cedarpy call (baseline)"]]
    rows = []
    for name, times in rounds.items():
        every = flat(times)
        rows.append(Row(name, len(every), every, len(every) / sum(every), ratios([p50(one) for one in times], bare)))
    return [Table("A decision of the gate", BASELINE, rows)]


def _time(name: str, ask: Callable[[], bool], count: int) -> list[float]:
    found = []
    for _ in range(count):
        begin = time.perf_counter()
        answer = ask()
        found.append(time.perf_counter() - begin)
        if not answer:
            raise RuntimeError(f"{name}: the answer must be yes for the times to be comparable")
    return found


def bare_call() -> Callable[[], bool]:
    """One bare call of the engine about a request like those measured here."""
    files = read_policy_files(DEFAULT_FOLDER)
    return _bare(_request(files.version), compile_policy(files), files.version)


def _bare(request: RequestFacts, compiled: CompiledPolicy, version: str) -> Callable[[], bool]:
    known = [*entities.request_entities(request), entities.actor_entity(SANA)]
    parsed = cedarpy.Entities.from_json_str(json.dumps(known), compiled.schema)
    context = entities.decision_context(shown_digest=DIGEST, policy_version=version, now=NOW)
    question = {
        "principal": entities.actor_ref(SANA),
        "action": {"type": "Action", "id": "approve"},
        "resource": entities.request_ref(request),
        "context": json.dumps(context),
    }

    def ask() -> bool:
        (answer,) = cedarpy.is_authorized_batch([question], compiled.policies, parsed, compiled.schema)
        return answer.decision is cedarpy.Decision.Allow

    return ask


def _request(policy_version: str) -> RequestFacts:
    action = ActionFacts(
        action_id="user.suspend",
        risk=Risk.CRITICAL,
        params={"email": "erin@acme.example"},
        ticket_id="7c0d8a52-2f0b-4ce7-a8f1-0d7f1a2c9d11",
        ticket_status=TicketStatus.OPEN,
        ticket_category="credentials",
        ticket_severity=Severity.HIGH,
        channel_kind="slack_shared",
        requester=Requester(RequesterKind.HTTP, None, "A caller"),
        proposable_by=frozenset({"support", "security"}),
    )
    return RequestFacts(
        request_id="6f1b1f52-8f2b-4ce7-a8f1-0d7f1a2c9d11",
        action=action,
        proposer=OLIVIA.key,
        editors=frozenset(),
        status=RequestStatus.PENDING,
        quorum=2,
        digest=DIGEST,
        policy_version=policy_version,
        expires_at=NOW + timedelta(hours=1),
        matches_trail=True,
        was_rejected_meanwhile=False,
    )


def _vote(request: RequestFacts, voter: PersonKey) -> Vote:
    return Vote(request.request_id, voter, Choice.APPROVE, request.digest, NOW, "trigger")
