"""The whole schema in one sitting.

One class per table; column comments say what a value means where the name does not. Times are timestamptz in UTC.
People are stored as `PersonKey` text ("HOME/USER"). Columns of type JSON keep their exact text, so that what was
hashed or signed can be read back byte for byte; nothing else depends on key order.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Numeric,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import UUID as PGUUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from policy.passkeys import PasskeyState
from policy.terms import (
    Audience,
    Choice,
    RequesterKind,
    RequestStatus,
    Risk,
    Severity,
    TicketStatus,
    Verdict,
)


class Table(DeclarativeBase):
    """Base of all tables: enums are stored as their text values, datetimes with time zone."""

    type_annotation_map = {
        datetime: DateTime(timezone=True),
        str: Text,
        UUID: PGUUID(as_uuid=True),
        dict[str, Any]: JSON,
        list[Any]: JSON,
        bytes: LargeBinary,
    }


class InboxEvent(Table):
    """What arrived, as it arrived, durable before it is acknowledged."""

    __tablename__ = "inbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str]
    """'slack_event', 'slack_shortcut', 'slack_command' or 'http_intake'."""
    dedup_key: Mapped[str] = mapped_column(unique=True)
    payload: Mapped[dict[str, Any]]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    handled_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    """What came of it, in a few words; 'failed: …' where it was given up."""


class HistoryLook(Table):
    """The last look at a channel's history in Slack that came to its end: nothing said before it can be missed."""

    __tablename__ = "history_looks"

    channel: Mapped[str] = mapped_column(primary_key=True)
    began_at: Mapped[datetime]


class Ticket(Table):
    """One request for help."""

    __tablename__ = "tickets"
    __table_args__ = (
        UniqueConstraint("slack_channel", "slack_ts"),
        UniqueConstraint("intake_source", "correlation_id"),
        Index("tickets_by_update", "status", "updated_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(), unique=True)
    subject: Mapped[str]
    status: Mapped[str] = mapped_column(default=TicketStatus.OPEN)
    severity: Mapped[str] = mapped_column(default=Severity.MEDIUM)
    category: Mapped[str] = mapped_column(default="other")
    assignee: Mapped[str | None]
    channel_kind: Mapped[str]
    intake_source: Mapped[str]
    """The channel's name in the audit trail: 'slack', 'email', or what the HTTP caller named."""
    correlation_id: Mapped[str]
    slack_channel: Mapped[str | None]
    slack_ts: Mapped[str | None]
    requester_kind: Mapped[str] = mapped_column(default=RequesterKind.SLACK_PERSON)
    requester: Mapped[str | None]
    requester_label: Mapped[str]
    requester_company: Mapped[str | None]
    requester_is_internal: Mapped[bool] = mapped_column(default=False)
    requested_model_override: Mapped[str | None]
    attachment_count: Mapped[int] = mapped_column(default=0)
    revision: Mapped[int] = mapped_column(default=0)
    """Goes up with each edit or deletion of a message; a request shown for an older revision does not run."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Message(Table):
    """One message of a ticket; its words are in `message_versions`."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("slack_channel", "slack_ts"),
        Index("messages_by_ticket", "ticket_id", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    audience: Mapped[str] = mapped_column(default=Audience.CUSTOMER)
    """CUSTOMER: the requester's side can read it where it stands; INTERNAL: only our own people."""
    author_side: Mapped[str]
    """'customer', 'internal' or 'bot': who wrote it and from where."""
    author: Mapped[str | None]
    author_label: Mapped[str]
    slack_channel: Mapped[str | None]
    slack_ts: Mapped[str | None]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class MessageVersion(Table):
    """What a message said at one time: posted, edited, deleted. Never overwritten."""

    __tablename__ = "message_versions"

    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    """'posted', 'edited' or 'deleted'."""
    text: Mapped[str]
    source_version: Mapped[str | None]
    """Slack's edit timestamp, so that a late, older edit does not overwrite a newer one."""
    at: Mapped[datetime]


class Attachment(Table):
    """A file that came with a message: its name and type, never its content."""

    __tablename__ = "attachments"

    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    mimetype: Mapped[str]


class Triage(Table):
    """One triage of a ticket, with the result as it was given."""

    __tablename__ = "triages"
    __table_args__ = (Index("triages_by_ticket", "ticket_id", "created_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    severity: Mapped[str]
    category: Mapped[str]
    confidence: Mapped[Decimal] = mapped_column(Numeric(4, 3))
    model: Mapped[str]
    source: Mapped[str]
    rationale: Mapped[str]
    signals: Mapped[list[Any]]
    fallback_reason: Mapped[str | None]
    created_at: Mapped[datetime]


class Suggestion(Table):
    """An action triage thinks fits, waiting for an operator or run by policy."""

    __tablename__ = "suggestions"
    __table_args__ = (Index("suggestions_by_ticket", "ticket_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    triage_id: Mapped[UUID] = mapped_column(ForeignKey("triages.id"))
    position: Mapped[int]
    action_id: Mapped[str]
    params: Mapped[dict[str, Any]]
    """name -> {value, provenance, evidence}"""
    why: Mapped[str]
    request_id: Mapped[UUID | None]
    """The request that came of it, if any."""


class ActionRequest(Table):
    """One proposed action with exact parameters, and everything it is judged on."""

    __tablename__ = "action_requests"
    __table_args__ = (
        Index("requests_by_ticket", "ticket_id", "created_at"),
        Index("requests_by_target", "target", "action_id", "created_at"),
        Index("requests_by_what_they_undo", "undoes", postgresql_where="undoes is not null"),
        Index("requests_by_asker", "asked_by", "risk", "created_at"),
        Index(
            "requests_under_way",
            "asked_by",
            "risk",
            postgresql_where="status in ('pending', 'approved', 'running', 'unknown')",
        ),
        Index(
            "requests_turned_down",
            "action_id",
            "decided_at",
            postgresql_where="status in ('rejected', 'withdrawn', 'expired')",
        ),
        Index("requests_to_wake", "wake_at", postgresql_where="wake_at is not null"),
        Index("requests_waiting", "action_id", postgresql_where="status = 'pending'"),
        # Two edits of one request at once: one of them comes too late.
        Index("requests_replaced_once", "replaces", unique=True, postgresql_where="replaces is not null"),
        CheckConstraint("quorum >= 0", name="quorum_is_not_negative"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    ticket_revision: Mapped[int]
    suggestion_id: Mapped[UUID | None]
    undoes: Mapped[UUID | None]
    """The request that has run and that this one is to undo; its card says so."""
    action_id: Mapped[str]
    params: Mapped[dict[str, Any]]
    provenance: Mapped[dict[str, Any]]
    """parameter name -> {provenance, evidence}"""
    risk: Mapped[str] = mapped_column(default=Risk.HIGH)
    verdict: Mapped[str] = mapped_column(default=Verdict.DENY)
    verdict_reason: Mapped[str]
    policy_ids: Mapped[list[Any]]
    policy_version: Mapped[str]
    proposer: Mapped[str | None]
    """None where the bot proposed; then `proposer_label` names the part of it."""
    proposer_label: Mapped[str]
    subjects: Mapped[list[Any]]
    subject_label: Mapped[str] = mapped_column(default="")
    subject_emails: Mapped[list[Any]]
    """The addresses the directory had for the people it is done to; whoever has one of them may not decide it."""
    target: Mapped[str]
    """What it acts on, so that the same can be found on other tickets: 'keyId:…', 'email:…', or 'ticket:ID'."""
    asked_by: Mapped[str]
    """Whom it counts for, against the limit for one requester: 'person:USER', or 'source:SOURCE:CHANNEL' where nobody
    knows which human asked."""
    eligible: Mapped[list[Any]]
    """[{key, name}] of those who could approve when the card was made; shown, never trusted."""
    status: Mapped[str] = mapped_column(default=RequestStatus.PENDING)
    quorum: Mapped[int]
    distinct_groups: Mapped[list[Any]] = mapped_column(default=list)
    """The policy groups of which one approval each must come, from different people; part of the digest."""
    replaces: Mapped[UUID | None] = mapped_column(ForeignKey("action_requests.id"))
    """The request that this one is an edit of; that one is void. Part of the digest, like the next two."""
    revision: Mapped[int] = mapped_column(default=1)
    editors: Mapped[list[Any]] = mapped_column(default=list)
    """Who proposed or edited what this one replaces; none of them may decide it."""
    break_glass: Mapped[str | None]
    """Why it was started by break-glass; part of the digest. None for every other request."""
    card: Mapped[list[Any]]
    """The blocks of the card's substance as shown; part of the digest."""
    digest: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    wake_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    """When those who could vote were told once more, and"""
    escalated_at: Mapped[datetime | None]
    """when another group was."""
    decided_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(default="")
    """What came of it, in words."""


class VoteRow(Table):
    """A person's signed say. A row counts only if its signature verifies over the request's digest."""

    __tablename__ = "votes"
    # One approval and one rejection a person at most: who approved may still stop it while it waits.
    __table_args__ = (UniqueConstraint("request_id", "voter", "choice"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("action_requests.id"))
    voter: Mapped[str]
    voter_label: Mapped[str]
    choice: Mapped[str] = mapped_column(default=Choice.REJECT)
    reason: Mapped[str]
    digest: Mapped[str]
    cast_at: Mapped[datetime]
    slack_request_id: Mapped[str]
    signature: Mapped[str]
    key_id: Mapped[str]
    assertion: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What the voter's passkey signed for it, in hexadecimal; None where none was asked for. `signature` covers it."""


class PasskeyRow(Table):
    """Somebody's passkey. One counts only if its seal verifies (`policy.passkeys`)."""

    __tablename__ = "passkeys"
    __table_args__ = (Index("passkeys_by_owner", "owner"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner: Mapped[str]
    owner_label: Mapped[str]
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    state: Mapped[str] = mapped_column(default=PasskeyState.WAITING)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    enrolled_at: Mapped[datetime]
    approved_by: Mapped[str] = mapped_column(default="")
    approved_at: Mapped[datetime | None]
    seal: Mapped[str] = mapped_column(default="")
    seal_key_id: Mapped[str] = mapped_column(default="")
    revoked_at: Mapped[datetime | None]


class PrivateLink(Table):
    """A link that was given to one person, for one thing, once: to confirm one vote, or to enrol a passkey."""

    __tablename__ = "private_links"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    """Hex SHA-256 of what stands in the link; the token itself is nowhere."""
    purpose: Mapped[str]
    """'confirm' or 'enrol'."""
    person: Mapped[str]
    request_id: Mapped[UUID | None] = mapped_column(ForeignKey("action_requests.id"))
    digest: Mapped[str] = mapped_column(default="")
    choice: Mapped[str] = mapped_column(default="")
    slack_request_id: Mapped[str]
    """Slack's own id of the click that it was given for."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None]
    seal: Mapped[str]
    """Hex HMAC-SHA-256 over all of the above but attempts and use; a row whose seal does not hold opens nothing."""
    seal_key_id: Mapped[str]


class Execution(Table):
    """The one run of a request: claimed by inserting this row."""

    __tablename__ = "executions"

    request_id: Mapped[UUID] = mapped_column(ForeignKey("action_requests.id"), primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str]
    """'running', 'done', 'failed' or 'unknown'."""
    attempts: Mapped[int] = mapped_column(default=1)
    detail: Mapped[dict[str, Any]]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ReviewRow(Table):
    """The review that a break-glass request has to have once it ran."""

    __tablename__ = "break_glass_reviews"
    __table_args__ = (
        Index("reviews_open", "remind_at", postgresql_where="reviewed_at is null"),
        CheckConstraint("(reviewed_at is null) = (reviewed_by is null)", name="a_review_has_an_author"),
    )

    request_id: Mapped[UUID] = mapped_column(ForeignKey("action_requests.id"), primary_key=True)
    due_at: Mapped[datetime]
    remind_at: Mapped[datetime]
    """When people are told next that it is missing; first when it is due."""
    reviewed_by: Mapped[str | None]
    reviewed_by_label: Mapped[str] = mapped_column(default="")
    reviewed_at: Mapped[datetime | None]
    words: Mapped[str] = mapped_column(default="")
    """What they found."""


class Delivery(Table):
    """One message of ours in Slack (a card that is kept current, or a notice that is posted once)."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("channel", "ts"),
        Index("deliveries_by_ticket", "ticket_id"),
        Index("deliveries_by_request", "request_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    """Names the view: 'triage_card', 'approval_card', 'acknowledgement', 'outcome', 'refusal', …"""
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id"))
    request_id: Mapped[UUID | None] = mapped_column(ForeignKey("action_requests.id"))
    audience: Mapped[str]
    channel: Mapped[str]
    thread_ts: Mapped[str | None]
    to_user: Mapped[str | None]
    """Slack user id of the only reader (ephemeral), else None."""
    args: Mapped[dict[str, Any]]
    ts: Mapped[str | None]
    shown_digest: Mapped[str | None]
    """For an approval card: the digest of what it shows. A vote counts for this digest only."""
    content_hash: Mapped[str | None]
    state: Mapped[str]
    """'waiting', 'posting', 'posted', 'held' (the audience guard), 'superseded' (by a newer notice) or 'failed'."""
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    posted_at: Mapped[datetime | None]


class DeliveryFile(Table):
    """The content of a file of a delivery, kept until it stands in Slack. Its name is in the delivery's args."""

    __tablename__ = "delivery_files"

    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("deliveries.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes]
    slack_id: Mapped[str | None]
    """The file's id in Slack, written down before Slack is asked to show it."""
    handed_in_at: Mapped[datetime | None]
    """When Slack was about to be asked."""


class AuditChain(Table):
    """Head of one hash chain; locked and moved in the transaction that appends."""

    __tablename__ = "audit_chains"

    chain: Mapped[str] = mapped_column(primary_key=True)
    """'ticket:UUID', or 'system' for what belongs to no ticket."""
    length: Mapped[int]
    head: Mapped[bytes]


class AuditEvent(Table):
    """One step, append-only (triggers refuse UPDATE, DELETE and TRUNCATE)."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("audit_by_time", "at"),
        Index("audit_of_groups", "seq", postgresql_where="chain = 'system' and name = 'group_changed'"),
        Index("audit_without_key", "chain", postgresql_where="key_id is null"),
        Index(
            "audit_of_links",
            "seq",
            postgresql_where="chain = 'system' and name in ('people_linked', 'people_unlinked')",
        ),
        Index("audit_of_starts", "seq", postgresql_where="chain = 'system' and name = 'started'"),
        Index("audit_of_stops", "seq", postgresql_where="chain = 'system' and name in ('stop_set', 'stop_lifted')"),
        Index(
            "audit_of_passkeys",
            "seq",
            postgresql_where=(
                "chain = 'system' and name in ('passkey_enrolled', 'passkey_approved', 'passkey_revoked')"
            ),
        ),
    )

    chain: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    name: Mapped[str]
    actor: Mapped[str]
    payload: Mapped[dict[str, Any]]
    prev_hash: Mapped[bytes]
    hash: Mapped[bytes]
    key_id: Mapped[str | None]
    """The key its hash is taken under; None for a row of before there was one."""


class CaseRow(Table):
    """A case by what it is looked up by. What it holds is its record, the audit chain 'case:ID' (`storage.cases`)."""

    __tablename__ = "cases"
    __table_args__ = (Index("cases_by_thread", "channel", "thread_ts"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"), unique=True)
    channel: Mapped[str]
    thread_ts: Mapped[str | None]
    """The thread that it is worked on in; None until its first message stands in Slack."""
    lead: Mapped[str]
    """For lists only: who is accountable by its record decides."""
    is_open: Mapped[bool]
    opened_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]
    """When somebody last pressed Stop: a turn of the copilot that began before ends."""


class AuditCheckpoint(Table):
    """A signed statement of where chains end, on its way to a second place; append-only like the trail."""

    __tablename__ = "audit_checkpoints"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    line: Mapped[str]
    """The exact line that goes to the second place."""


class CheckpointedChain(Table):
    """How much of a chain the checkpoints cover: what is longer by now goes into the next one."""

    __tablename__ = "audit_checkpointed"

    chain: Mapped[str] = mapped_column(primary_key=True)
    length: Mapped[int]
    number: Mapped[int] = mapped_column(BigInteger)
    """The newest checkpoint that holds it."""


class DirectoryPerson(Table):
    """A person of the directory that actions act on (imported from CSV)."""

    __tablename__ = "directory_people"
    __table_args__ = (Index("people_by_account", func.split_part(text("slack_key"), text("'/'"), text("2"))),)

    email: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    slack_key: Mapped[str | None]
    """PersonKey text of their Slack account, where known: they are the subject of what is done to them."""
    status: Mapped[str]
    """'active' or 'suspended'."""


class AccountLink(Table):
    """Two accounts that are one human's, because an operator said so. It keeps them out together and lets nobody in."""

    __tablename__ = "account_links"

    one: Mapped[str] = mapped_column(primary_key=True)
    other: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    linked_by: Mapped[str]
    """The operator's account name on the machine where the command ran."""
    linked_at: Mapped[datetime]


class StopRow(Table):
    """A kill switch. Never changed but by its one lift, which fills the last three columns (triggers refuse others)."""

    __tablename__ = "stops"
    __table_args__ = (Index("stops_in_force", "scope", "value", unique=True, postgresql_where="lifted_at is null"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    scope: Mapped[str]
    """'all', 'action' or 'person'."""
    value: Mapped[str]
    """An action's id, or PersonKey text of an account; '' for all."""
    reason: Mapped[str]
    set_by: Mapped[str]
    """PersonKey text, or the operator's account name on the machine where the command ran."""
    set_by_label: Mapped[str]
    set_at: Mapped[datetime]
    lifted_by: Mapped[str | None]
    lifted_at: Mapped[datetime | None]
    lift_reason: Mapped[str | None]


class WatchedGroup(Table):
    """When a policy group was last looked at, so that several processes look no more often than one."""

    __tablename__ = "watched_groups"

    name: Mapped[str] = mapped_column(primary_key=True)
    looked_at: Mapped[datetime]


class DirectoryKey(Table):
    """An API key of the directory: its id and owner, never its secret."""

    __tablename__ = "directory_keys"

    key_id: Mapped[str] = mapped_column(primary_key=True)
    owner_email: Mapped[str] = mapped_column(ForeignKey("directory_people.email"))
    label: Mapped[str]
    status: Mapped[str]
    """'active' or 'revoked'."""


class DirectoryAccount(Table):
    """An account as an identity provider has it (imported from CSV): evidence of cases. No action acts on it."""

    __tablename__ = "directory_accounts"
    __table_args__ = (Index("accounts_by_email", "email"),)

    account: Mapped[str] = mapped_column(primary_key=True)
    """The provider's key of it. In lower case, as it is compared; so is the address."""
    email: Mapped[str] = mapped_column(default="")
    """"" where it has none; several accounts may have the same."""
    name: Mapped[str] = mapped_column(default="")
    status: Mapped[str]
    """'active' or how it ended: 'suspended', 'disabled', 'deactivated', 'deprovisioned', 'deleted'."""
    deprovisioned_at: Mapped[datetime | None]
    entitled: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    """Ids of the only attachments that it may read; None where the provider does not say."""
    imported_at: Mapped[datetime]


class Effect(Table):
    """What an executor did under one idempotency key: the target's own memory, asked when an outcome is unknown."""

    __tablename__ = "effects"

    idempotency_key: Mapped[str] = mapped_column(primary_key=True)
    action_id: Mapped[str]
    result: Mapped[dict[str, Any]]
    at: Mapped[datetime]
