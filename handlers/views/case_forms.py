"""What somebody sent in a case's modals, read into typed values: the inverse of the modals.

Pure. What does not fit is `BadInput`, by field and in words. That a value is well formed says nothing about whether
whoever sent it may; Slack's ids of people in it are names to look up, live.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from handlers.errors import BadInput
from handlers.views import form_state as read
from handlers.views.case_draft_text import Said, parse_draft
from handlers.views.case_evidence_modals import REWRITE_NOTHING, TONES
from handlers.views.case_facts import LatchFacts
from handlers.views.case_latch import SEEN_BLOCK, rules_to_read
from handlers.views.case_modals import EMPTY_PREFIX
from handlers.views.form_state import State
from policy.case_entries import CORRECTION_CAUSES
from policy.case_terms import Claim, DraftKind, Source, StatementKind

_ACCOUNTS_MOST = 20


class Recipient(StrEnum):
    """To whom a case is handed."""

    ENGINEERING = "engineering"
    SECURITY = "security"


@dataclass(frozen=True)
class OpenCaseForm:
    goal: str
    stays_human: str
    member_ids: tuple[str, ...]
    is_private: bool


@dataclass(frozen=True)
class FrameForm:
    goal: str
    stays_human: str
    is_redirection: bool


@dataclass(frozen=True)
class StaffForm:
    lead_id: str
    member_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class StatementForm:
    text: str
    kind: StatementKind
    claim: Claim
    evidence: tuple[str, ...] | None
    """None where the form had none to choose: what it rests on stays."""
    owner_id: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True)
class ReassignForm:
    owner_id: str | None
    owner_label: str
    due_at: datetime | None


@dataclass(frozen=True)
class GatherForm:
    """`until` is the first moment after the last day."""

    accounts: tuple[str, ...]
    attachments: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    words: str
    sources: frozenset[Source]


@dataclass(frozen=True)
class EditDraftForm:
    sentences: tuple[Said, ...]
    cause: str
    reason: str


@dataclass(frozen=True)
class OverrideForm:
    """`sentence` is its number from 0, or negative for the draft as a whole."""

    code: str
    sentence: int
    reason: str


@dataclass(frozen=True)
class RevealForm:
    value_sha256: str
    reason: str


@dataclass(frozen=True)
class HandOffForm:
    recipient: Recipient
    stated_empty: tuple[tuple[str, str], ...]
    """(part, words)"""


@dataclass(frozen=True)
class AskForm:
    instruction: str
    tone: str | None
    """None where no draft is to be rewritten."""
    draft_id: str


def open_case(state: State) -> OpenCaseForm:
    """Raises BadInput, as all of these do."""
    return OpenCaseForm(
        read.needed(state, "goal"),
        read.text(state, "stays_human"),
        read.users(state, "members"),
        read.one(state, "place") == "private",
    )


def frame_case(state: State) -> FrameForm:
    return FrameForm(
        read.needed(state, "goal"), read.text(state, "stays_human"), "another" in read.many(state, "redirection")
    )


def staff_case(state: State) -> StaffForm:
    lead = read.user(state, "lead")
    if lead is None:
        raise BadInput({"lead": read.FILL_IN})
    return StaffForm(lead, tuple(one for one in read.users(state, "members") if one != lead), reason(state))


def reason(state: State) -> str:
    """Of rejecting, resolving, reopening or closing."""
    return read.needed(state, "reason")


def statement(state: State) -> StatementForm:
    return StatementForm(
        read.needed(state, "text"),
        read.choice(state, "kind", StatementKind),
        read.choice(state, "claim", Claim),
        read.many(state, "evidence") if "evidence" in state else None,
        read.user(state, "owner"),
        read.moment(state, "due"),
    )


def reassign(state: State) -> ReassignForm:
    found = ReassignForm(read.user(state, "owner"), read.text(state, "owner_label"), read.moment(state, "due"))
    if found.owner_id is None and not found.owner_label:
        raise BadInput({"owner": "Name a person here, or a team below."})
    return found


def gather(state: State) -> GatherForm:
    accounts, attachments = read.lines(state, "accounts"), read.lines(state, "attachments")
    words, (since, until) = read.text(state, "words"), (read.day(state, "since"), read.day(state, "until"))
    sources = frozenset(read.parsed(read.many(state, "sources"), Source))
    if len(accounts) > _ACCOUNTS_MOST:
        raise BadInput({"accounts": f"At most {_ACCOUNTS_MOST} at once."})
    if len(attachments) > _ACCOUNTS_MOST:
        raise BadInput({"attachments": f"At most {_ACCOUNTS_MOST} at once."})
    if not (accounts or attachments or words or since or until):
        raise BadInput({"accounts": "Say what to look for: an account, an attachment, words, or a time."})
    if since and until and until < since:
        raise BadInput({"until": "It is before the first day."})
    if not sources:
        raise BadInput({"sources": "Tick at least one."})
    return GatherForm(accounts, attachments, read.start(since), read.start(until, days=1), words, sources)


def write_draft(state: State) -> DraftKind:
    return read.choice(state, "kind", DraftKind)


def edit_draft(state: State) -> EditDraftForm:
    parts = sorted((name for name in state if name.startswith("text_")), key=lambda name: (len(name), name))
    try:
        sentences = parse_draft("\n".join(read.raw(state, name) for name in parts))
    except ValueError as error:
        raise BadInput({parts[0] if parts else "text_0": str(error)}) from error
    cause = read.one(state, "cause")
    if cause not in CORRECTION_CAUSES:
        raise BadInput({"cause": read.CHOOSE})
    return EditDraftForm(sentences, cause, reason(state))


def override(state: State) -> OverrideForm:
    code, _, number = read.one(state, "mark").rpartition(":")
    try:
        return OverrideForm(code, int(number), reason(state))
    except ValueError as error:
        raise BadInput({"mark": read.CHOOSE}) from error


def release_latch(state: State, latch: LatchFacts) -> str:
    """The reason for it; each kind of reason that the latch has must be ticked as read."""
    if not set(rules_to_read(latch)) <= set(read.many(state, SEEN_BLOCK)):
        raise BadInput({SEEN_BLOCK: "Read every reason above, then tick each of these."})
    return reason(state)


def reveal(state: State) -> RevealForm:
    value = read.one(state, "value")
    if not value:
        raise BadInput({"value": read.CHOOSE})
    return RevealForm(value, reason(state))


def hand_off(state: State) -> HandOffForm:
    said = tuple(
        (name.removeprefix(EMPTY_PREFIX), words)
        for name in state
        if name.startswith(EMPTY_PREFIX) and (words := read.text(state, name))
    )
    return HandOffForm(read.choice(state, "recipient", Recipient), said)


def ask(state: State) -> AskForm:
    tone, draft = read.one(state, "tone"), read.one(state, "draft")
    if tone not in TONES:
        raise BadInput({"tone": read.CHOOSE})
    if tone != REWRITE_NOTHING and not draft:
        raise BadInput({"draft" if "draft" in state else "tone": "Say which draft: there must be one to rewrite."})
    return AskForm(read.needed(state, "instruction"), None if tone == REWRITE_NOTHING else tone, draft)
