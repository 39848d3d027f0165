"""Case files: small stories that say who tries what and what must come of it.

`cases/ALLOW/*.json` must be allowed and `cases/DENY/*.json` denied, by the policy that `shows` names (or, for
'not-permitted', by no permit at all). A case leaves out what does not matter to it; the defaults below are a
request that somebody of the security group may decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from policy import entities, invariants
from policy.break_glass import BreakGlass
from policy.engine import Answer, PolicyEngine, Question
from policy.invariants import Sight, Step
from policy.limits import Counted
from policy.loading import read_case_files
from policy.passkeys import Passkey, PasskeyState
from policy.problem_words import what_is_wrong
from policy.replies import NOT_PERMITTED
from policy.reviews import Review
from policy.stops import Stop, StopScope
from policy.terms import (
    ActionFacts,
    Agent,
    Person,
    PersonKey,
    Proposer,
    Requester,
    RequesterKind,
    RequestFacts,
    RequestStatus,
    Risk,
    Severity,
    TicketStatus,
)
from policy.weighing import Finding, weigh

_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
_STRICT = ConfigDict(frozen=True, extra="forbid")
_DONE_BY_PEOPLE = ("view", "lift", "enrol", "revoke", "review")


class CaseActor(BaseModel):
    """Who tries: a person, or with `agent` a part of the bot."""

    model_config = _STRICT

    agent: str | None = None
    key: str = "HOME/ALICE"
    email: str | None = "alice@home.example"
    groups: frozenset[str] = frozenset()
    is_home: bool = True
    is_active: bool = True
    is_full_member: bool = True
    is_human: bool = True
    is_email_confirmed: bool = True
    has_confirmed: bool = True
    linked: tuple[str, ...] = ()
    linked_addresses: frozenset[str] = frozenset()

    def actor(self) -> Proposer:
        """As the gate would be handed them."""
        if self.agent is not None:
            return Agent(self.agent)
        flags = self.model_dump(exclude={"agent", "key", "email", "linked"})
        key, linked = PersonKey.parse(self.key), frozenset(map(PersonKey.parse, self.linked))
        return Person(
            key=key, team_id=key.home, name=key.user_id, company=key.home, email=self.email, linked=linked, **flags
        )


class CaseBreakGlass(BaseModel):
    """That it is a break-glass request."""

    model_config = _STRICT

    reason: str = "The key is being used right now."
    group: str | None = "support"

    def break_glass(self) -> BreakGlass:
        """As the gate would see it where the settings name this group."""
        return BreakGlass(self.reason, self.group)


class CaseRequest(BaseModel):
    """What it is tried on."""

    model_config = _STRICT

    action_id: str = "api_key.revoke"
    risk: Risk = Risk.HIGH
    proposable_by: frozenset[str] = frozenset({"agent", "support", "security"})
    unconfirmed_params: frozenset[str] = frozenset()
    subjects: tuple[str, ...] = ("HOME/BOB",)
    subject_emails: frozenset[str] = frozenset()
    requester: str | None = "OTHER/MALLORY"
    requester_kind: RequesterKind = RequesterKind.SLACK_PERSON
    proposer: str | None = "HOME/PAT"
    editors: tuple[str, ...] = ()
    status: RequestStatus | None = None
    """Left out: as it must be for the step."""
    ticket_status: TicketStatus = TicketStatus.OPEN
    category: str = "credentials"
    severity: Severity = Severity.HIGH
    channel_kind: str = "slack_shared"
    is_contradicted: bool = False
    """The trail tells something else of it, or does not hold."""
    is_rejected_elsewhere: bool = False
    """The same was rejected in another request after this one was made."""
    is_stopped: bool = False
    is_held_back: bool = False
    also_needs: frozenset[str] = frozenset()
    requester_count: int = 0
    requester_limit: int | None = None
    target_count: int = 0
    target_limit: int | None = None
    break_glass: CaseBreakGlass | None = None

    def action(self) -> ActionFacts:
        """As it is put forward."""
        return ActionFacts(
            action_id=self.action_id,
            risk=self.risk,
            params={},
            ticket_id="ticket",
            ticket_status=self.ticket_status,
            ticket_category=self.category,
            ticket_severity=self.severity,
            channel_kind=self.channel_kind,
            requester=Requester(self.requester_kind, _key(self.requester), label=""),
            subjects=frozenset(map(PersonKey.parse, self.subjects)),
            subject_emails=self.subject_emails,
            unconfirmed_params=self.unconfirmed_params,
            proposable_by=self.proposable_by,
            is_stopped=self.is_stopped,
            held_back="Its case holds something newer." if self.is_held_back else "",
            also_needs=self.also_needs,
            of_requester=Counted(self.requester_count, self.requester_limit),
            on_target=Counted(self.target_count, self.target_limit),
            break_glass=None if self.break_glass is None else self.break_glass.break_glass(),
            reporters=frozenset(map(PersonKey.parse, self.editors)),
        )

    def request(self, step: Step) -> RequestFacts:
        """As it is stored when `step` is taken."""
        usual = RequestStatus.APPROVED if step is Step.RUN else RequestStatus.PENDING
        return RequestFacts(
            request_id="request",
            action=self.action(),
            proposer=_key(self.proposer),
            editors=frozenset(map(PersonKey.parse, self.editors)),
            status=self.status or usual,
            quorum=1,
            digest="as-stored",
            policy_version="as-stored",
            expires_at=_NOW + timedelta(hours=1),
            matches_trail=not self.is_contradicted,
            was_rejected_meanwhile=self.is_rejected_elsewhere,
        )


class CaseStop(BaseModel):
    """The stop that it is tried on."""

    model_config = _STRICT

    scope: StopScope = StopScope.ALL
    value: str = ""

    def stop(self) -> Stop:
        """As it is in force."""
        return Stop(self.scope, self.value)


class CasePasskey(BaseModel):
    """A passkey that somebody wants to have counted, or taken back."""

    model_config = _STRICT

    owner: str = "HOME/SANA"
    state: PasskeyState = PasskeyState.WAITING

    def passkey(self) -> Passkey:
        """As it is stored."""
        return Passkey("passkey", PersonKey.parse(self.owner), b"credential", b"key", self.state)


class CaseReview(BaseModel):
    """The review that somebody wants to record."""

    model_config = _STRICT

    involved: tuple[str, ...] = ("HOME/PAT", "HOME/SANA")
    is_open: bool = True
    group: str | None = "support"

    def review(self) -> Review:
        """As the gate would see it where the settings name this group."""
        return Review("request", frozenset(map(PersonKey.parse, self.involved)), self.is_open, self.group)


class Case(BaseModel):
    """One story."""

    model_config = _STRICT

    shows: str
    """The policy that must decide, or 'not-permitted'."""
    why: str = Field(min_length=10)
    do: Literal["propose", "runUnattended", "approve", "reject", "run", "view", "lift", "enrol", "revoke", "review"]
    by: CaseActor
    request: CaseRequest = CaseRequest()
    stop: CaseStop = CaseStop()
    passkey: CasePasskey = CasePasskey()
    review: CaseReview = CaseReview()
    is_expired: bool = False
    is_other_digest: bool = False
    is_other_policy: bool = False
    hour: int = Field(default=12, ge=0, le=23)
    weekday: int = Field(default=4, ge=1, le=7)
    """In the site's time zone; Monday is 1."""
    asks_for_passkey: bool | None = None
    """Whether an approval needs its voter's passkey; left out, what the settings say for the risk."""

    @field_validator("by")
    @classmethod
    def _can_try(cls, by: CaseActor, case: ValidationInfo) -> CaseActor:
        if by.agent is not None and (do := case.data.get("do")) in _DONE_BY_PEOPLE:
            raise ValueError(f"a part of the bot cannot {do}; name a person")
        return by


def read_cases(folder: Path) -> tuple[Mapping[str, Case], tuple[str, ...]]:
    """The cases of a policy folder by their path, and a line for each file that is not one."""
    cases: dict[str, Case] = {}
    problems: list[str] = []
    for path, text in read_case_files(folder).items():
        if not path.startswith(("ALLOW/", "DENY/")):
            problems.append(f"cases/{path}: not a case's place; move it to cases/ALLOW or cases/DENY")
            continue
        try:
            cases[path] = Case.model_validate_json(text)
        except ValidationError as error:
            wrong = [(".".join(map(str, one["loc"])) or "JSON", what_is_wrong(one)) for one in error.errors()]
            problems += [f"cases/{path}: {key}: {what}; docs/policy.md has the fields" for key, what in wrong]
    return cases, tuple(problems)


def run_cases(engine: PolicyEngine, folder: Path) -> tuple[str, ...]:
    """Run every case of `folder` and name what does not hold, and every policy that no case shows."""
    cases, malformed = read_cases(folder)
    problems = list(malformed)
    for path, case in cases.items():
        problem = check_case(engine, case, is_allow=path.startswith("ALLOW/"))
        if problem:
            problems.append(f"cases/{path}: {problem}; change the policy, or the case if it is not what you want")
    shown = {case.shows for case in cases.values()}
    problems += [
        f"{engine.notes[policy_id].place}: {policy_id}: no case shows it; write one under cases/"
        f'{"DENY" if engine.notes[policy_id].is_forbid else "ALLOW"} with "shows": "{policy_id}"'
        for policy_id in sorted(engine.notes.keys() - shown)
    ]
    return tuple(problems)


def check_case(engine: PolicyEngine, case: Case, *, is_allow: bool) -> str | None:
    """What does not hold of a case, or None."""
    finding = find(engine, case)
    said = f"{'allowed' if finding.is_allowed else 'denied'} by {', '.join(finding.policy_ids) or finding.code}"
    if finding.is_broken:
        return f"{said}: {dict(finding.details)}"
    if finding.is_allowed is not is_allow:
        return f"should be {'allowed' if is_allow else 'denied'}, but is {said}"
    if case.shows not in (finding.policy_ids or (NOT_PERMITTED,)):
        return f"should show {case.shows}, but is {said}"
    return None


def find(engine: PolicyEngine, case: Case) -> Finding:
    """What both gates say of a case together."""
    return weigh(*ask_both(engine, case))


def ask_both(engine: PolicyEngine, case: Case) -> tuple[Answer, frozenset[str]]:
    """What Cedar says of a case, and which invariants are broken in code."""
    actor = case.by.actor()
    who = entities.actor_ref(actor)
    facts = [entities.actor_entity(actor)]
    if case.do == "view":
        answer = engine.ask(Question(who, case.do, entities.DESK_REF, {}), [*facts, entities.DESK])
        return answer, invariants.broken_by_actor(actor)
    if case.do == "lift" and isinstance(actor, Person):
        answer = engine.ask(Question(who, case.do, entities.STOP, {}), [*facts, entities.stop_entity(case.stop.stop())])
        return answer, invariants.broken_by_lift(actor, case.stop.stop())
    if case.do in ("enrol", "revoke") and isinstance(actor, Person):
        passkey = case.passkey.passkey()
        asked = Question(who, case.do, entities.passkey_ref(passkey), {})
        broken_by = invariants.broken_by_enrolment if case.do == "enrol" else invariants.broken_by_revocation
        return engine.ask(asked, [*facts, entities.passkey_entity(passkey)]), broken_by(actor, passkey)
    if case.do == "review" and isinstance(actor, Person):
        review = case.review.review()
        asked = Question(who, case.do, entities.review_ref(review), {})
        return engine.ask(asked, [*facts, entities.review_entity(review)]), invariants.broken_by_review(actor, review)
    if case.do in ("propose", "runUnattended"):
        action = case.request.action()
        answer = engine.ask(Question(who, case.do, entities.PROPOSAL, {}), facts + entities.proposal_entities(action))
        is_unattended = case.do == "runUnattended"
        return answer, invariants.broken_by_proposal(actor, action, is_unattended=is_unattended)
    step = Step(case.do)
    request = case.request.request(step)
    sight = _sight(engine, case)
    context = entities.decision_context(
        shown_digest=sight.shown_digest,
        policy_version=sight.policy_version,
        now=sight.now,
        zone=UTC,
        asks_for_passkey=sight.asks_for_passkey,
    ) | {"hour": case.hour, "weekday": case.weekday}
    question = Question(who, case.do, entities.request_ref(request), context)
    answer = engine.ask(question, facts + entities.request_entities(request))
    return answer, invariants.broken_by_decision(actor, request, sight, step)


def _sight(engine: PolicyEngine, case: Case) -> Sight:
    by_settings = engine.asks_for_passkey(case.request.risk)
    return Sight(
        shown_digest="another" if case.is_other_digest else "as-stored",
        policy_version="another" if case.is_other_policy else "as-stored",
        now=_NOW + timedelta(hours=2) if case.is_expired else _NOW,
        asks_for_passkey=by_settings if case.asks_for_passkey is None else case.asks_for_passkey,
    )


def _key(text: str | None) -> PersonKey | None:
    return None if text is None else PersonKey.parse(text)
