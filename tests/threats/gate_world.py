"""A small world for the state machine of `test_gate_machine`: the real flows, gate and database; people, clock and
target in memory. An oracle of its own looks at each effect at the moment when it happens.

The oracle shares nothing with the gate. It knows who may approve because it is written down here, what was shown
because it was there, and who voted because the audit trail says so, which only grows.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text as sql

from actions.catalogue import Catalogue
from actions.evidence.connector import Gatherer
from actions.executors import Outcome, Run
from actions.runner import Runner
from copilot.rules_assistant import RulesAssistant
from copilot.suggestions import CATEGORIES
from copilot.triage import offline_triager
from handlers.desk import Desk, DeskSettings, GroupSetting
from handlers.errors import IdentityUnavailable, NotFound, Refused, TryLater
from handlers.flows.cast_vote import Ballot, cast_vote
from handlers.flows.open_ticket import NewTicket, open_ticket
from handlers.flows.proposals import Proposal
from handlers.flows.propose_action import propose_action
from handlers.flows.record_message import Change, record_change
from handlers.flows.run_action import run_action
from handlers.flows.wake_requests import wake_requests
from policy.engine import PolicyEngine
from policy.gate import Gate
from policy.lifecycle import TERMINAL
from policy.one_person import own_address
from policy.terms import (
    Assertion,
    Choice,
    Person,
    PersonKey,
    Provenance,
    Requester,
    RequesterKind,
    RequestStatus,
    Vote,
)
from storage import audit, tickets, told
from storage.database import Database
from storage.told import TrailBroken
from tests.faults.crashes import CrashingDatabase, Fuse, Killed
from tests.passkeys import SITE, Authenticator, assertion_for, give_passkey_to
from tests.policy.builders import roomy_policy
from tests.threats.planted import SIGNER

START = datetime(2026, 3, 25, 13, 46, 11, tzinfo=UTC)
HOME = "T0ACME00001"
CHANNEL, MESSAGE = "C0INTAKE001", "1742910371.000100"
ACTIONS = {
    "api_key.revoke": ({"keyId": "ak_demo_bob_001"}, {"keyId": "ak_demo_erin_001"}, 1),
    "user.suspend": ({"email": "bob@acme.example"}, {"email": "victor@acme.example"}, 2),
}
"""(what is proposed, what somebody with access to the rows makes of it, how many people it needs)"""
ASKS_FOR_PASSKEY = frozenset({"user.suspend"})
SUBJECT, REQUESTER = "U0BOB000001", "U0ERIN00001"
PROPOSERS = ("U0OLIVIA001", "U0SANA00001")
VOTERS = ("U0SANA00001", "U0VICTOR001", "U0UMA000001", "U0OLIVIA001", SUBJECT, REQUESTER, "U0MALLORY01")
FLAGS = ("is_home", "is_active", "is_full_member", "is_human", "is_email_confirmed")
LIVE = ("is_home", "is_active", "is_human", "is_email_confirmed")
EXPECTED = (Refused, NotFound, TryLater, IdentityUnavailable, Killed)
"""What a flow may answer; whatever else it raises is a failure of the machine."""


def everybody() -> dict[str, Person]:
    """The people as each run of the machine finds them."""

    def one(user_id: str, name: str, *groups: str, **changes: Any) -> Person:
        address = f"{name.lower()}@acme.example"
        person = Person(
            PersonKey(HOME, user_id), HOME, name, "Acme", address, True, True, True, True, True, frozenset(groups)
        )
        return replace(person, **changes)

    people = [
        one("U0OLIVIA001", "Olivia", "support"),
        one("U0SANA00001", "Sana", "support", "security"),
        one("U0VICTOR001", "Victor", "security"),
        one("U0UMA000001", "Uma", "security"),
        one(SUBJECT, "Bob", "security"),
        one(REQUESTER, "Erin", "security"),
        one("U0MALLORY01", "Mallory", "security", is_home=False, email="mallory@external.example"),
    ]
    return {person.key.user_id: person for person in people}


@dataclass
class Circle:
    """The identity door: whoever is asked about is as the machine left them."""

    people: dict[str, Person]
    is_away: bool = False

    async def resolve(self, key: PersonKey) -> Person:
        if self.is_away or key.user_id not in self.people:
            raise IdentityUnavailable("Slack does not say who that is")
        return self.people[key.user_id]

    async def address_of(self, key: PersonKey) -> str:
        return own_address(await self.resolve(key))

    async def members(self, group: str) -> Sequence[Person]:
        if self.is_away:
            raise IdentityUnavailable("Slack does not answer")
        return [person for person in self.people.values() if group in person.groups]


@dataclass(frozen=True)
class Shown:
    """What was put before the approvers, as it was then."""

    request_id: UUID
    action_id: str
    params: dict[str, Any]
    proposer: str
    digest: str
    expires_at: datetime


@dataclass
class World:
    """One ticket and all that may happen to it."""

    database: Database
    circle: Circle = field(default_factory=lambda: Circle(everybody()))
    now: datetime = START
    shown: list[Shown] = field(default_factory=list)
    effects: list[Run] = field(default_factory=list)
    memory: dict[str, Outcome] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    statuses: dict[UUID, str] = field(default_factory=dict)
    fuse: Fuse = field(default_factory=lambda: Fuse(at=0))
    edits: int = 0
    clicks: int = 0
    passkeys: dict[PersonKey, Authenticator] = field(default_factory=dict)
    ticket_id: UUID = field(default_factory=uuid4)

    def __post_init__(self) -> None:
        groups = {name: GroupSetting(name, name, frozenset()) for name in ("support", "security")}
        self.desk = Desk(
            database=self.database,
            gate=Gate(_engine(), SIGNER, SITE),
            signer=SIGNER,
            catalogue=Catalogue({"category": CATEGORIES}),
            triager=offline_triager(),
            runner=Runner({"api_key.": self, "user.": self}, 30),
            people=self.circle,
            settings=DeskSettings("C0TRIAGE001", "C0APPROVE01", frozenset({CHANNEL}), groups),
            clock=lambda: self.now,
            new_id=uuid4,
            gatherer=Gatherer((), (), lambda: self.now, lambda: uuid4().hex),
            assistant=RulesAssistant(),
        )

    async def opens(self) -> None:
        requester = Requester(RequesterKind.SLACK_PERSON, PersonKey(HOME, REQUESTER), "Erin", "Acme", True)
        # A place of its own in Slack for each ticket: the database outlives a run of the machine.
        self.channel = f"C{uuid4().hex[:10].upper()}"
        new = NewTicket(
            "slack_internal", "slack", self.channel, requester, "Please look at Bob's access.", self.now,
            slack_channel=self.channel, slack_ts=MESSAGE, message_ts=MESSAGE,
        )  # fmt: skip
        self.ticket_id, is_new = await open_ticket(self.desk, new)
        assert is_new

    # --- the target -------------------------------------------------------------------------------------------------

    async def execute(self, run: Run) -> Outcome:
        with self.fuse.around():
            if run.idempotency_key not in self.memory:
                self.violations += await self._wrongs(run)
                self.effects.append(run)
                self.memory[run.idempotency_key] = Outcome("done", "Done.")
            return self.memory[run.idempotency_key]

    async def reconcile(self, run: Run) -> Outcome | None:
        return self.memory.get(run.idempotency_key)

    # --- what may happen --------------------------------------------------------------------------------------------

    def dying(self, at: int) -> Desk:
        """The desk of a process that dies at its `at`th boundary: around a commit, or around the effect."""
        self.fuse = Fuse(at)
        return replace(self.desk, database=CrashingDatabase(self.database, self.fuse))

    async def proposes(self, desk: Desk, action_id: str, proposer: str) -> None:
        params = ACTIONS[action_id][0]
        proposal = Proposal(self.ticket_id, action_id, params, dict.fromkeys(params, Provenance.OPERATOR))
        await propose_action(desk, proposal, await self.circle.resolve(PersonKey(HOME, proposer)))

    async def votes(self, desk: Desk, about: Shown, voter: str, choice: Choice) -> None:
        self.clicks += 1
        key = self.circle.people[voter].key
        ballot = Ballot(about.request_id, choice, f"click-{self.clicks}", reason="No." * (choice is Choice.REJECT))
        if choice is Choice.APPROVE and about.action_id in ASKS_FOR_PASSKEY:
            ballot = replace(ballot, assertion=await self._confirms(about, key, ballot))
        await cast_vote(desk, ballot, await self.circle.resolve(key))

    async def _confirms(self, about: Shown, key: PersonKey, ballot: Ballot) -> Assertion:
        if key not in self.passkeys:
            self.passkeys[key] = await give_passkey_to(self.desk, key)
        vote = Vote(str(about.request_id), key, ballot.choice, about.digest, self.now, ballot.slack_request_id)
        return assertion_for(vote, self.passkeys[key])

    async def runs(self, desk: Desk, about: Shown) -> None:
        await run_action(desk, about.request_id)

    async def edits_message(self, desk: Desk) -> None:
        self.edits += 1
        change = Change(
            self.channel, MESSAGE, "edited", f"Version {self.edits}", f"{1742910371 + self.edits}.0", self.now
        )
        async with desk.database.transaction() as tx:
            message = await tickets.message_at(tx, self.channel, MESSAGE)
            assert message is not None
            await record_change(tx, desk, message, change)

    async def wakes(self, desk: Desk) -> None:
        await wake_requests(desk)

    async def tampers(self, about: Shown, how: str, other: Shown) -> None:
        """Somebody with access to the rows, and without the vote key, helps themselves."""
        statement, values = {
            "params": (
                "update action_requests set params = cast(:params as json) where id = :id",
                {"params": json.dumps(ACTIONS[about.action_id][1])},
            ),
            "status": ("update action_requests set status = 'approved' where id = :id", {}),
            "quorum": ("update action_requests set quorum = 1 where id = :id", {}),
            "time": ("update action_requests set expires_at = expires_at + interval '9 days' where id = :id", {}),
            "proposer": ("update action_requests set proposer = 'T0ACME00001/U0NOBODY001' where id = :id", {}),
            "vote": (
                "insert into votes (request_id, voter, voter_label, choice, reason, digest, cast_at, slack_request_id,"
                " signature, key_id) values (:id, 'T0ACME00001/U0UMA000001', 'Uma', 'approve', '', :digest, :now,"
                " 'forged', :signature, :key) on conflict do nothing",
                {"digest": about.digest, "now": self.now, "signature": "ab" * 32, "key": ""},
            ),
            "another's votes": (
                "insert into votes (request_id, voter, voter_label, choice, reason, digest, cast_at, slack_request_id,"
                " signature, key_id) select :id, voter, voter_label, choice, reason, digest, cast_at, slack_request_id,"
                " signature, key_id from votes where request_id = :other on conflict do nothing",
                {"other": other.request_id},
            ),
        }[how]
        async with self.database.transaction() as tx:
            await tx.execute(sql(statement), {"id": about.request_id, **values})
        if how == "status":
            self.statuses[about.request_id] = RequestStatus.APPROVED

    async def at_once(self, steps: Sequence[Awaitable[None]]) -> None:
        """Steps that overlap; what they refuse is an answer, what else they raise is not."""
        for found in await asyncio.gather(*steps, return_exceptions=True):
            if isinstance(found, BaseException) and not isinstance(found, EXPECTED):
                raise found

    async def one(self, step: Awaitable[None]) -> None:
        with suppress(*EXPECTED):
            await step

    # --- what must hold ---------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """After each step: what is new is noted, what has ended has not moved."""
        async with self.database.transaction() as tx:
            # There is no Slack here to post the cards.
            posted = "update deliveries set state = 'posted', ts = id::text where ticket_id = :id and state = 'waiting'"
            await tx.execute(sql(posted), {"id": self.ticket_id})
            found = (
                await tx.execute(
                    sql(
                        "select id, action_id, params, proposer, digest, expires_at, status from action_requests"
                        " where ticket_id = :id order by created_at, id"
                    ),
                    {"id": self.ticket_id},
                )
            ).all()
        for row in found:
            if row.id not in self.statuses:
                self.shown.append(Shown(row.id, row.action_id, row.params, row.proposer, row.digest, row.expires_at))
            before = self.statuses.get(row.id)
            if before is not None and before in TERMINAL and row.status != before:
                self.violations.append(f"a request that was {before} is {row.status}")
            self.statuses[row.id] = row.status

    async def close(self) -> None:
        """The trail holds; what is left over wakes nobody in the next run of the machine."""
        broken: TrailBroken | None = None
        async with self.database.transaction() as tx:
            try:
                await told.of_ticket(tx, self.ticket_id)
            except TrailBroken as error:
                broken = error
            leave = "update action_requests set wake_at = null where ticket_id = :id"
            await tx.execute(sql(leave), {"id": self.ticket_id})
        if broken is not None:
            self.violations.append(f"the trail does not verify: {broken}")

    async def _wrongs(self, run: Run) -> list[str]:
        """What is wrong about this effect, seen from outside."""
        about = next((one for one in self.shown if str(one.request_id) == run.request_id), None)
        if about is None:
            return ["something ran that nobody was shown"]
        found = []
        if any(earlier.request_id == run.request_id for earlier in self.effects):
            found.append("a second effect of one request")
        if (run.action_id, run.params) != (about.action_id, about.params):
            found.append(f"{run.params} ran, {about.params} was shown")
        if self.now >= about.expires_at:
            found.append("it ran after its time")
        return found + await self._wrong_votes(run, about)

    async def _wrong_votes(self, run: Run, about: Shown) -> list[str]:
        async with self.database.transaction() as tx:
            trail = await audit.trail(tx, self.ticket_id)
        mine = [event for event in trail if event.payload.get("actionRequestId") == run.request_id]
        proposed = next(event for event in mine if event.name == "action_proposed")
        started = next(event for event in mine if event.name == "action_started")
        found = []
        if any(e.name == "message_edited" and proposed.seq < e.seq < started.seq for e in trail):
            found.append("the ticket was edited between what was shown and the run")
        votes = [event for event in mine if event.name == "vote_cast" and event.seq < started.seq]
        if any(event.payload["choice"] == "reject" for event in votes):
            found.append("it ran although somebody said no")
        approvers = {event.actor for event in votes if event.payload["digest"] == about.digest}
        if about.action_id in ASKS_FOR_PASSKEY and not all(event.payload["passkey"] for event in votes):
            found.append("it ran on a vote that no passkey confirmed")
        counted = [self._named(key) for key in approvers if self._is_eligible(key, about)]
        if len({person.email for person in counted}) < ACTIONS[about.action_id][2]:
            found.append(f"{about.action_id} ran with {len(counted)} eligible approvers, who are too few people")
        if len(counted) < len(approvers):
            found.append("it ran with a vote of somebody who is not eligible now")
        return found

    def _is_eligible(self, key: str, about: Shown) -> bool:
        person = self._named(key)
        parts = [self.circle.people[SUBJECT], self.circle.people[REQUESTER], self._named(about.proposer)]
        return (
            all(getattr(person, flag) for flag in FLAGS)
            and "security" in person.groups
            and person.key not in [part.key for part in parts]
            # Who has the confirmed address of an account that lives is whoever has that account.
            and person.email not in [part.email for part in parts if all(getattr(part, flag) for flag in LIVE)]
        )

    def _named(self, key: str) -> Person:
        return self.circle.people[PersonKey.parse(key).user_id]

    def jump(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)


@cache
def _engine() -> PolicyEngine:
    # Many stories share one database: with the shipped limits most of what they propose would be denied.
    with TemporaryDirectory() as parent:
        return PolicyEngine.load(roomy_policy(Path(parent)))
