"""People, requests and votes with defaults that the gate lets through; each test names only what matters to it."""

from __future__ import annotations

import re
import shutil
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from policy.engine import PolicyEngine
from policy.gate import Gate
from policy.loading import DEFAULT_FOLDER, SETTINGS_FILE, StepUp
from policy.terms import (
    ActionFacts,
    Choice,
    Person,
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

NOW = datetime(2026, 3, 25, 13, 46, 11, tzinfo=UTC)
DIGEST = "d1" * 32
SIGNER = VoteSigner({"k1": b"\x01" * 32}, "k1")

ENGINE = PolicyEngine.load(DEFAULT_FOLDER)
GATE = Gate(ENGINE, SIGNER)


def without_step_up(engine: PolicyEngine) -> PolicyEngine:
    """The same policy on a site where a click is enough at every risk: for what is about something else."""
    changed = copy(engine)
    risks = {risk: one.model_copy(update={"step_up": StepUp.NONE}) for risk, one in engine.settings.risk.items()}
    changed.settings = engine.settings.model_copy(update={"risk": risks})
    return changed


CLICKS_SUFFICE = Gate(without_step_up(ENGINE), SIGNER)

MALLORY = PersonKey("T_EXTERNAL", "U_MALLORY")
PAT = PersonKey("T_HOME", "U_PAT")
BOB = PersonKey("T_HOME", "U_BOB")


def person(user_id: str = "U_SAM", *groups: str, **changes: Any) -> Person:
    """A full member of the home company in `groups`."""
    default = Person(
        key=PersonKey("T_HOME", user_id),
        team_id="T_HOME",
        name=user_id,
        company="Home",
        email=f"{user_id.lower()}@home.example",
        is_home=True,
        is_active=True,
        is_full_member=True,
        is_human=True,
        is_email_confirmed=True,
        groups=frozenset(groups),
    )
    return replace(default, **changes)


def action(**changes: Any) -> ActionFacts:
    """The revocation of the false authority's ticket, its key id confirmed."""
    default = ActionFacts(
        action_id="api_key.revoke",
        risk=Risk.HIGH,
        params={"key_id": "ak_demo_bob_001"},
        ticket_id="ticket-1",
        ticket_status=TicketStatus.OPEN,
        ticket_category="credentials",
        ticket_severity=Severity.HIGH,
        channel_kind="slack_shared",
        requester=Requester(RequesterKind.SLACK_PERSON, MALLORY, "mallory"),
        subjects=frozenset({BOB}),
        proposable_by=frozenset({"agent", "support", "security"}),
        is_stopped=False,
        held_back="",
    )
    return replace(default, **changes)


def note(**changes: Any) -> ActionFacts:
    """A low-risk internal note."""
    return action(**{"action_id": "ticket.add_internal_note", "risk": Risk.LOW, "subjects": frozenset()} | changes)


def request(facts: ActionFacts | None = None, **changes: Any) -> RequestFacts:
    """A request for `facts`, waiting for its votes."""
    default = RequestFacts(
        request_id="request-1",
        action=facts or action(),
        proposer=PAT,
        editors=frozenset(),
        status=RequestStatus.PENDING,
        quorum=1,
        digest=DIGEST,
        policy_version=GATE.policy_version,
        expires_at=NOW + timedelta(hours=1),
        matches_trail=True,
        was_rejected_meanwhile=False,
    )
    return replace(default, **changes)


def approved(facts: ActionFacts | None = None, **changes: Any) -> RequestFacts:
    """The same request after its last vote."""
    return request(facts, **{"status": RequestStatus.APPROVED} | changes)


def vote(voter: Person, *, choice: Choice = Choice.APPROVE, signer: VoteSigner = SIGNER, **changes: Any) -> Vote:
    """A signed vote on the default request; `changes` are made before it is signed."""
    default = Vote("request-1", voter.key, choice, DIGEST, NOW, "trigger-1")
    return signer.sign(replace(default, **changes))


def policy_copy(folder: Path) -> Path:
    """The shipped policy, to be spoilt by a test."""
    return Path(shutil.copytree(DEFAULT_FOLDER, folder / "cedar"))


def roomy_policy(folder: Path) -> Path:
    """The same, with limits that many stories about one target or requester do not reach."""
    copy = policy_copy(folder)
    file = copy / SETTINGS_FILE
    file.write_text(re.sub(r"(requester|target)_limit = \d+", r"\1_limit = 100000", file.read_text()))
    return copy


def edit(path: Path, old: str, new: str) -> None:
    """Replace exactly one occurrence of `old` in a file."""
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name} holds {text.count(old)} of {old!r}"
    path.write_text(text.replace(old, new))
