"""The nouns that every room shares: people, requests, votes, verdicts.

Frozen values only. A field that decides something is named as a claim that is either proven or not; free text
that a requester controls never appears as the type of a deciding field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import JsonValue

from policy.break_glass import BreakGlass
from policy.limits import NOTHING_COUNTED, Counted

CanonicalParams = Mapping[str, JsonValue]
"""Action parameters after validation by the catalogue, ready for canonical JSON."""


class Risk(StrEnum):
    """How much harm an action can do if it is wrong; quorum and expiry follow from it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Severity(StrEnum):
    """How urgent a ticket is, as triage or an operator judged it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class TicketStatus(StrEnum):
    """A ticket is worked on, or it is done."""

    OPEN = "open"
    CLOSED = "closed"


class Audience(StrEnum):
    """Who may read a message: the requester's side, or only our own people."""

    CUSTOMER = "customer"
    INTERNAL = "internal"


class Verdict(StrEnum):
    """What the policy says of a proposal."""

    ALLOW = "allow"
    NEEDS_APPROVAL = "needs_approval"
    DENY = "deny"


class Choice(StrEnum):
    """What a person said on a request."""

    APPROVE = "approve"
    REJECT = "reject"


class Tally(StrEnum):
    """What the votes so far add up to."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


class RequestStatus(StrEnum):
    """Where an action request stands. The allowed moves are the table in `policy.lifecycle`."""

    PENDING = "pending"
    APPROVED = "approved"
    RUNNING = "running"
    EXECUTED = "executed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    VOID = "void"
    """What was shown is no longer what would run: the ticket or the request was edited, or the policy changed."""


class Provenance(StrEnum):
    """Where a parameter's value was found."""

    REQUESTER = "requester"
    """Only in text that the requester's side wrote: a person must confirm it."""
    DIRECTORY = "directory"
    OPERATOR = "operator"
    """Typed or confirmed by one of our own people."""
    SYSTEM = "system"
    """A constant or template of ours."""
    MODEL = "model"
    """Written by a model; treated like the requester's text."""

    @property
    def is_trusted(self) -> bool:
        """Whether a value from here may enter a request without a person confirming it."""
        return self in (Provenance.DIRECTORY, Provenance.OPERATOR, Provenance.SYSTEM)


class RequesterKind(StrEnum):
    """What is known about who wrote a ticket. Only SLACK_PERSON names a person; the rest are unknown humans."""

    SLACK_PERSON = "slack_person"
    EMAIL = "email"
    HTTP = "http"
    WORKFLOW = "workflow"
    BOT = "bot"


@dataclass(frozen=True, order=True)
class PersonKey:
    """The only name by which a person is compared: (enterprise id, else team id) and user id, as Slack asserts them."""

    home: str
    user_id: str

    def __str__(self) -> str:
        return f"{self.home}/{self.user_id}"

    @classmethod
    def parse(cls, text: str) -> PersonKey:
        """Read what `str` wrote. Raises ValueError for anything else."""
        home, _, user_id = text.partition("/")
        if not home or not user_id or "/" in user_id:
            raise ValueError(f"not a person key: {text!r}")
        return cls(home, user_id)

    def is_maybe(self, other: PersonKey | None) -> bool:
        """Whether this could be the same person: the same user id, whatever home is named beside it.

        User ids are unique within an Enterprise, and a directory may name a workspace where Slack names the Enterprise.
        Good enough to keep somebody out; to let somebody in, keys are equal.
        """
        return other is not None and self.user_id == other.user_id


def folded_address(address: str | None) -> str:
    """An e-mail address as it is stored and compared; "" where there is none, which equals no address."""
    return (address or "").strip().lower()


@dataclass(frozen=True)
class Person:
    """Who someone is, read live from Slack for one decision. Only `handlers.identity` makes one from the wire."""

    key: PersonKey
    team_id: str
    name: str
    """For display only; never compared."""
    company: str
    """The home company's name, for display only."""
    email: str | None
    is_home: bool
    """Belongs to the company that runs the desk (by team or enterprise id)."""
    is_active: bool
    """Neither deactivated nor merely invited."""
    is_full_member: bool
    """Not a guest of any kind, not a stranger."""
    is_human: bool
    """No bot, app, workflow or connector user."""
    is_email_confirmed: bool
    groups: frozenset[str] = frozenset()
    """The policy groups ('support', 'security') the person is in right now: Slack's user group intersected
    with the settings."""
    linked: frozenset[PersonKey] = frozenset()
    """The other accounts of the same human, as far as they are known (`policy.one_person`): they exclude, and never
    admit."""
    linked_addresses: frozenset[str] = frozenset()
    """Every address of that human, in lower case. The same holds for these."""
    has_confirmed: bool = False
    """Confirmed the very decision that is judged with a passkey. Only the gate says so, from what it verified."""


@dataclass(frozen=True)
class Requester:
    """Who a ticket came from. Whether a person is known to have asked follows from `kind`, never from `key`."""

    kind: RequesterKind
    key: PersonKey | None
    """The account it came from, where Slack names one: excluded from deciding, whatever the kind. A post through an
    app has the key of the account it was made with, and still nobody knows who wrote it."""
    label: str
    """What they are called, as they say: shown as 'not verified', decides nothing."""
    company: str | None = None
    is_internal: bool = False
    """A full member of the home company, proven by Slack when the ticket was opened."""


@dataclass(frozen=True)
class Agent:
    """A part of the bot that proposes; it is never a person and never approves."""

    name: str
    """For example 'triage'."""


Proposer = Person | Agent


@dataclass(frozen=True)
class ActionFacts:
    """What the gate knows of an action on a ticket, whoever proposes it."""

    action_id: str
    risk: Risk
    params: CanonicalParams
    ticket_id: str
    ticket_status: TicketStatus
    ticket_category: str
    ticket_severity: Severity
    channel_kind: str
    """'slack_internal', 'slack_shared', 'slack_email' or 'http'."""
    requester: Requester
    subjects: frozenset[PersonKey] = frozenset()
    """The people the action is done to; none of them may approve it."""
    subject_emails: frozenset[str] = frozenset()
    """The addresses the directory has for them. An address may exclude and never admit."""
    unconfirmed_params: frozenset[str] = frozenset()
    """Names of parameters whose value no trusted source confirmed."""
    proposable_by: frozenset[str] = frozenset()
    """The catalogue's say on who may propose: group names and 'agent'."""
    of_requester: Counted = NOTHING_COUNTED
    """While it is being put forward: what counts against its requester's limit, and"""
    on_target: Counted = NOTHING_COUNTED
    """against its target's. Of a stored request, which was counted then, nothing."""
    break_glass: BreakGlass | None = None
    """For a request that is put forward by break-glass."""
    reporters: frozenset[PersonKey] = frozenset()
    """While it is being put forward: whoever made the ticket of somebody else's message. Of a stored request they are
    among the editors."""
    is_stopped: bool = field(kw_only=True)
    """A stop that is in force covers it (`policy.stops`). Nobody may leave this out."""
    held_back: str = field(kw_only=True)
    """Why the case that it is about keeps it back, in words for people of the desk; "" where nothing does
    (`policy.case_release`). Nobody may leave this out either."""
    also_needs: frozenset[str] = frozenset()
    """The groups of which one approval each must come whatever the settings say: of what a case lets out."""


@dataclass(frozen=True)
class RequestFacts:
    """An action request as stored, with everything a vote or a run is judged on."""

    request_id: str
    action: ActionFacts
    proposer: PersonKey | None
    """None where the bot proposed."""
    editors: frozenset[PersonKey]
    status: RequestStatus
    quorum: int
    digest: str
    """Hex SHA-256 over what was shown (see `policy.digest`)."""
    policy_version: str
    expires_at: datetime
    matches_trail: bool
    """Whether its rows say what the verified steps of its ticket's trail tell."""
    was_rejected_meanwhile: bool
    """Whether the same thing, asked for in another request, was rejected after this one was made."""
    distinct_groups: frozenset[str] = frozenset()
    """The groups of which one approval each must come, as the card says."""
    kept_under: str | None = None
    """The changed policy that last let it stay as it was shown, if one did."""

    @property
    def decided_under(self) -> str:
        """The version of the one policy that decides it: under which it was shown, or kept since."""
        return self.kept_under or self.policy_version


@dataclass(frozen=True)
class Assertion:
    """What an authenticator signed when somebody confirmed a vote with a passkey (WebAuthn's own names)."""

    link: str
    """Names the link it was asked for with; part of the challenge."""
    credential_id: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes

    @property
    def sign_count(self) -> int:
        """How often the authenticator has signed, as it says: bytes 33 to 36 of its data, big-endian."""
        return int.from_bytes(self.authenticator_data[33:37], "big")


@dataclass(frozen=True)
class Vote:
    """One person's signed say on one exact digest."""

    request_id: str
    voter: PersonKey
    choice: Choice
    digest: str
    cast_at: datetime
    slack_request_id: str
    """Slack's own id of the click (trigger id), so that a vote can be traced to it."""
    reason: str = ""
    signature: str = ""
    """Hex HMAC-SHA-256, see `policy.votes`."""
    key_id: str = ""
    assertion: Assertion | None = None
    """Where it was confirmed with a passkey."""


@dataclass(frozen=True)
class Judgement:
    """The policy's answer on a proposal."""

    verdict: Verdict
    reason: str
    """In words, fit for an internal card."""
    policy_ids: tuple[str, ...]
    quorum: int
    """Distinct approvals needed; 0 where none is."""
    ttl_seconds: int
    """How long a request may wait for its votes."""
    distinct_groups: frozenset[str] = frozenset()
    """The groups of which one approval each must come, each from another person."""
    reply: str = ""
    """For a denial: what whoever proposed it is told."""


@dataclass(frozen=True)
class Ruling:
    """The gate's answer on a vote or a run."""

    is_allowed: bool
    code: str
    """Stable name of the deciding rule, for the audit trail ('core-no-requester', 'permitted', …)."""
    reason: str
    """For operators and the audit trail."""
    reply: str
    """One or two sentences that are safe to show to the person, outsider or not: which rule, and what to do instead."""
    policy_ids: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
