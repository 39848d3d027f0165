"""What a view may know: plain frozen values, read by the flows and handed in.

Everything that a requester wrote is an `Untrusted` string: views may only show it as plain text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NewType

from pydantic import JsonValue

from policy.lifecycle import PROPOSABLE_AGAIN
from policy.passkeys import PasskeyState
from policy.stops import StopScope
from policy.terms import Audience, Choice, RequestStatus, Risk, Severity, TicketStatus, Verdict

Untrusted = NewType("Untrusted", str)


@dataclass(frozen=True)
class RequesterFacts:
    """Who a ticket came from, as far as it is known."""

    label: Untrusted
    company: Untrusted | None
    is_person_known: bool
    """Slack asserted an account; it says who posted, not that what they claim is true."""
    is_internal: bool
    kind: str
    """'slack_person', 'email', 'http', 'workflow', 'bot'."""
    claims: tuple[Untrusted, ...] = ()
    """What they say of themselves (quotes of the signals of kind 'claims_authority'): not verified."""


@dataclass(frozen=True)
class MessageFacts:
    """One message of a ticket in its present version."""

    author_label: Untrusted
    author_side: str
    """'customer', 'internal' or 'bot'"""
    audience: Audience
    text: Untrusted
    at: datetime
    version: int
    """1 for never edited."""
    is_deleted: bool = False
    attachments: tuple[tuple[Untrusted, Untrusted], ...] = ()
    """(name, type)"""


@dataclass(frozen=True)
class SignalFacts:
    """A reason for scrutiny found in the text."""

    kind: str
    quote: Untrusted


@dataclass(frozen=True)
class ParamFacts:
    """One parameter with where it came from."""

    name: str
    value: JsonValue
    provenance: str
    evidence: Untrusted


@dataclass(frozen=True)
class SuggestionFacts:
    """An action triage suggests."""

    suggestion_id: str
    action_id: str
    title: str
    risk: Risk
    params: tuple[ParamFacts, ...]
    why: Untrusted
    request_id: str | None
    request_status: RequestStatus | None
    """Of the request that came of it, if any."""

    @property
    def is_open(self) -> bool:
        """Whether it may still be proposed: nobody did, or what came of it ended without a no and without effect."""
        return self.request_id is None or self.request_status in PROPOSABLE_AGAIN


@dataclass(frozen=True)
class TriageFacts:
    """The latest triage."""

    severity: Severity
    category: str
    confidence: float
    model: str
    source: str
    rationale: Untrusted
    signals: tuple[SignalFacts, ...]
    suggestions: tuple[SuggestionFacts, ...]
    fallback_reason: str | None


@dataclass(frozen=True)
class VoteFacts:
    """A vote as shown."""

    voter_user_id: str
    voter_label: str
    choice: Choice
    reason: str
    at: datetime


@dataclass(frozen=True)
class DestinationFacts:
    """Where words for the requester's side go, as the ticket has it stored."""

    channel_kind: str
    channel: str | None = None
    """Slack's id of the channel with the ticket's thread."""
    user_id: str | None = None
    """Of the reader of a direct message, where there is no thread."""
    user_label: Untrusted = Untrusted("")


@dataclass(frozen=True)
class ReadersFacts:
    """Who else read the ticket's channel when a card was posted, as Slack said then."""

    channel_name: str
    companies: tuple[str, ...]
    """Slack's ids of the other companies; a sentence where somebody is invited who has no id yet."""


@dataclass(frozen=True)
class UndeliveredFacts:
    """A message for the requester's side that does not stand in Slack, and why."""

    kind: str
    """'acknowledgement', 'outcome' or 'customer_reply'."""
    is_tried_again: bool
    why: str


@dataclass(frozen=True)
class TurnedDownFacts:
    """The same as is proposed now, as it was turned down before."""

    status: RequestStatus
    """REJECTED, WITHDRAWN or EXPIRED."""
    by_user_id: str | None
    by_label: str
    """Who rejected or withdrew it; nobody where it expired."""
    at: datetime
    reason: str
    ticket_number: int


@dataclass(frozen=True)
class PasskeyFacts:
    """A passkey as shown on its card."""

    passkey_id: str
    owner_user_id: str
    owner_label: str
    fingerprint: str
    """What its owner reads to the person who approves it."""
    state: PasskeyState
    enrolled_at: datetime
    approved_by: str
    """PersonKey text, or 'operator:…'; '' as long as it waits."""
    approved_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True)
class RequestCardFacts:
    """An action request as shown on its card and on the ticket's page."""

    request_id: str
    ticket_id: str
    ticket_number: int
    ticket_subject: Untrusted
    action_id: str
    action_title: str
    action_effect: str
    """What it does, in one sentence, from the catalogue."""
    undo: str
    """How it is undone, from the catalogue."""
    risk: Risk
    params: tuple[ParamFacts, ...]
    requester: RequesterFacts
    proposer_user_id: str | None
    proposer_label: str
    subject_label: str
    """Whom it is done to, for example 'bob@acme.example'; '' for nobody."""
    verdict: Verdict
    verdict_reason: str
    policy_version: str
    quorum: int
    eligible: tuple[tuple[str, str], ...]
    """(Slack user id, name) of those who could approve when the card was made."""
    status: RequestStatus
    created_at: datetime
    expires_at: datetime
    votes: tuple[VoteFacts, ...] = ()
    outcome: str = ""
    digest: str = ""
    concerns_requester: bool = False
    """What came of it is the requester's to hear."""
    turned_down: tuple[TurnedDownFacts, ...] = ()
    """For the card's substance, when the request is made: the same, turned down before; newest first."""
    destination: DestinationFacts | None = None
    """For a reply to the requester: where it goes."""
    distinct_groups: tuple[str, ...] = ()
    """The policy groups of which one approval each must come, from different people."""
    undoes: str | None = None
    """The id of the request on the same ticket that this one is to undo."""
    can_undo: bool = False
    """It has run, can be undone from its card, and nobody has proposed that yet."""
    revision: int = 1
    """2 for the first edit of a request, and so on."""
    editors: tuple[str, ...] = ()
    """Slack user ids of those who proposed or edited what this one replaces."""
    replaced_by: str | None = None
    """The request that took the place of this one."""
    waiting_alike: int = 0
    """How many requests of the same action wait, this one included."""
    break_glass: str | None = None
    """Why it was started by break-glass, in its starter's words; None for every other request."""
    stop: StopFacts | None = None
    """It waits, and this keeps it from being approved."""
    held_back: str = ""
    """It waits, and why its ticket's case keeps it back; "" where no case does."""


@dataclass(frozen=True)
class ReviewFacts:
    """The review of a break-glass request, due or recorded."""

    request_id: str
    action_title: str
    ticket_number: int
    due_at: datetime
    is_overdue: bool
    by_user_id: str | None = None
    by_label: str = ""
    at: datetime | None = None
    """When it was recorded; None as long as it is missing."""
    words: str = ""


@dataclass(frozen=True)
class WaitingAlikeFacts:
    """An action of which several requests wait."""

    action_title: str
    waiting: int
    request_id: str
    """One of them, to find the others by."""


@dataclass(frozen=True)
class ReviewedFacts:
    """One request as it is put to somebody together with others."""

    request_id: str
    ticket_number: int
    digest: str
    """Of what is shown."""
    is_complete: bool
    """Its card shows everything; if not, it can only be rejected."""
    card: tuple[Mapping[str, Any], ...]
    """The card's blocks without its buttons."""


@dataclass(frozen=True)
class BatchFacts:
    """Requests of one action that are reviewed together."""

    action_title: str
    requests: tuple[ReviewedFacts, ...]
    others: int
    """How many more wait that there was no room for."""
    not_theirs: int
    """How many were left out because this person cannot decide them."""


@dataclass(frozen=True)
class BatchResultFacts:
    """What came of one decision of several."""

    label: str
    words: str
    is_counted: bool


@dataclass(frozen=True)
class GroupChangeFacts:
    """Who came to and went from a policy group. Each person is (Slack user id, name)."""

    group: str
    added: tuple[tuple[str, Untrusted], ...]
    """In Slack's user group and in the settings."""
    removed: tuple[tuple[str, Untrusted], ...]
    powerless: tuple[tuple[str, Untrusted], ...]
    """New in Slack's user group, and not in the settings."""


@dataclass(frozen=True)
class StopFacts:
    """A kill switch, with who set it."""

    scope: StopScope
    value: str
    about_user_id: str | None
    """Of the person whose requests it stops."""
    reason: str
    by_user_id: str | None
    by_label: str
    at: datetime


@dataclass(frozen=True)
class StopChangeFacts:
    """A kill switch that was set or lifted; who, when and why are those of the change."""

    stop: StopFacts
    is_set: bool


@dataclass(frozen=True)
class PolicyNewsFacts:
    """Changed policy files were taken, or were not."""

    in_force: str
    """The version that decides from here on."""
    other: str
    """The version that decided before; where there are problems, the one that was not taken."""
    problems: tuple[Untrusted, ...] = ()
    """What is wrong with that one, a line each, with file, line and cure."""


@dataclass(frozen=True)
class AuditFacts:
    """One step of the trail."""

    seq: int
    at: datetime
    name: str
    actor: str
    payload: Mapping[str, JsonValue]


@dataclass(frozen=True)
class TicketRowFacts:
    """A line of the ticket list."""

    ticket_id: str
    number: int
    subject: Untrusted
    requester: RequesterFacts
    severity: Severity
    status: TicketStatus
    category: str
    created_at: datetime
    updated_at: datetime
    pending_requests: int = 0


@dataclass(frozen=True)
class TicketFacts:
    """One ticket's page."""

    row: TicketRowFacts
    channel_kind: str
    intake_source: str
    correlation_id: str
    assignee_user_id: str | None
    requested_model_override: Untrusted | None
    attachment_count: int
    permalink: str | None
    messages: tuple[MessageFacts, ...]
    triage: TriageFacts | None
    requests: tuple[RequestCardFacts, ...]
    has_thread: bool = True
    """It stands in a Slack thread, where it was acknowledged; a ticket made by command or over HTTP does not."""
    undelivered: tuple[UndeliveredFacts, ...] = ()
    case_id: str | None = None
    """Of the newest case on it, open or closed."""
