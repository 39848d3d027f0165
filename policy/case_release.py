"""What a case lets out, and what it keeps back. Pure: the case, what is asked and what was looked at in; words out.

A release is one exact revision of one draft for one audience. It rests on its `Basis`, which is shown, hashed and
approved with the text: whatever of that is otherwise by now keeps it back, and a later revision inherits nothing. What
is kept back is neither proposed nor approved nor run (`core-no-held-back`); rejecting and withdrawing stay possible.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from policy.case_story import CaseStory, Revision
from policy.case_terms import DraftKind, Statement
from policy.digest import canonical_json
from policy.latching import SECURITY, HeldBack, Latch, LatchState
from policy.terms import Person, PersonKey

UPDATE, HAND_OFF = "case.send_customer_update", "case.hand_off"
RELEASES = frozenset({UPDATE, HAND_OFF})
REPLY, CLOSE = "ticket.reply_to_customer", "ticket.close"
SUPPORT = "support"
"""The policy group whose people are accountable for a case."""

ACTION_OF: Mapping[DraftKind, str] = MappingProxyType(
    {
        DraftKind.CUSTOMER_UPDATE: UPDATE,
        DraftKind.ENGINEERING_HANDOFF: HAND_OFF,
        DraftKind.SECURITY_HANDOFF: HAND_OFF,
    }
)
"""By which action a draft goes out; a summary for ourselves goes nowhere."""
AUDIENCE_OF: Mapping[DraftKind, str] = MappingProxyType(
    {
        DraftKind.CUSTOMER_UPDATE: "customer",
        DraftKind.ENGINEERING_HANDOFF: "engineering",
        DraftKind.SECURITY_HANDOFF: "security",
    }
)


class Hold(StrEnum):
    """Why something is kept back: what has to be done instead, for people of the desk."""

    BY_BREAK_GLASS = "What a case lets out waits for the people of the case; ask for it without breaking the glass."
    UNREADABLE = "The record of the case does not hold, so nothing goes out. Tell whoever runs this desk."
    OTHER_TICKET = "The case is not this ticket's. Ask for the release from the case itself."
    CLOSED = "The case is closed, and its record is final. Answer on the ticket itself."
    NO_DRAFT = "The case has no such revision. Ask for the release from the case itself."
    OTHER_AUDIENCE = "That draft is not for these readers. Ask for the release of one that is."
    LATER_REVISION = "A later revision of the draft was written, and it inherits no approval. Ask for its release."
    OTHER_TEXT = "The text is not the one that the revision holds. Ask for the release from the case itself."
    SENT_ALREADY = "This revision has gone out already. Write a further one if there is more to say."
    OTHER_BASIS = "What it says it rests on is not what the case holds. Ask for the release from the case itself."
    OTHER_FRAMING = "The case has another goal since. Look whether the draft still serves it, then ask again."
    NEW_EVIDENCE = "New evidence came in since. Read it, correct the draft where it has to be, then ask again."
    CUSTOMER_WROTE = (
        "The customer wrote since. Read what they say, correct the draft where it has to be, then ask again."
    )
    STATEMENT_CHANGED = "A statement that it rests on changed since. Write a revision that rests on it as it is now."
    RECORD_CHANGED = "What the case states changed since, so the packet would be another. Ask for its release again."
    LATCH_MOVED = "The security latch of the case moved since. Ask again, so that the right people approve it."
    MARKED = "Marks of the linter stand against the draft. Correct the sentences, or override the marks with a reason."
    EXPOSURE_CLAIM = "While the security latch is set, nothing is said about exposure. Take the sentence out."
    OTHER_LEAD = "Only the lead of the case asks for a release, and the lead is somebody else. Have them ask."
    LEAD_IS_GONE = "The lead of the case no longer answers for it. Give the case another lead, and have them ask."
    OPEN_CASE = "The ticket has an open case. Say it to the customer as an update of the case."
    LATCH_SET = "The security latch of the ticket's case is set. Hand the case to security, or have them release it."


@dataclass(frozen=True)
class Basis:
    """What must still be so when a release is approved and when it goes out."""

    entries: int
    """How many entries the case had when it was asked for: a packet is made of these."""
    framing: int
    evidence: int
    """The number of the last entry that brought evidence,"""
    customer: int
    """and of the last that says that the customer wrote."""
    statements: tuple[str, ...]
    """Those that the draft cites, each as id@revision:state, or without both where the case has none by this id."""
    revision: int
    sha256: str
    """Hex, over the text's UTF-8 bytes."""
    latch: str
    """How it stands, and what it stands on."""
    record: str
    """Hex SHA-256 over all statements, for a packet, which holds them all; "" for an update."""


@dataclass(frozen=True)
class Asked:
    """A request to let something out, as the gate would judge it."""

    action_id: str
    ticket_id: str
    params: Mapping[str, Any]
    proposer: PersonKey | None
    is_break_glass: bool = False


@dataclass(frozen=True)
class Looked:
    """What was found out about the draft and its lead beside the case itself."""

    text: str
    """The revision's exact text, as it would be sent."""
    blocks: frozenset[str] = frozenset()
    """Codes of the linter's marks that keep it back,"""
    exposure: frozenset[str] = frozenset()
    """and of marks about exposure, overridden or not."""
    is_lead_accountable: bool = True
    """Whether its lead, as Slack says now, still answers for it; where that is not asked, it is before it runs."""


def basis_of(story: CaseStory, draft_id: str, revision: int, text: str) -> Basis | None:
    """What the release of a revision rests on now; None where there is no such revision."""
    found = story.revision(draft_id, revision)
    if found is None:
        return None
    by_id = {one.statement_id: one for one in story.held.statements}
    cited = sorted({cite.partition("@")[0] for one in found.draft.sentences for cite in one.cites})
    is_packet = ACTION_OF.get(found.draft.kind) == HAND_OFF
    return Basis(
        entries=story.length,
        framing=story.framings,
        evidence=story.evidence_seq,
        customer=story.customer_seq,
        statements=tuple(_stands(name, by_id.get(name)) for name in cited),
        revision=revision,
        sha256=sha256_of(text),
        latch=_latch(story.latch),
        record=sha256_of("\n".join(sorted(_stands(*one) for one in by_id.items()))) if is_packet else "",
    )


def basis_text(basis: Basis) -> str:
    """The basis as it is shown, hashed and stored."""
    return canonical_json(asdict(basis) | {"statements": [*basis.statements]}).decode()


def why_held(story: CaseStory, asked: Asked, looked: Looked) -> str:
    """Why a release is kept back, in words; "" where nothing keeps it back."""
    held = _by_case(story, asked) or _by_draft(story, asked, looked) or _by_lead(story, asked, looked)
    return "" if held is None else held.value


def why_ticket_held(story: CaseStory, action_id: str) -> str:
    """Why an ordinary action on a case's ticket is kept back; "" where nothing does."""
    if not story.is_open:
        return ""
    if action_id == REPLY:
        return Hold.OPEN_CASE.value
    is_latched = HeldBack.ROUTINE_CLOSE in story.latch.holds_back
    return Hold.LATCH_SET.value if action_id == CLOSE and is_latched else ""


def groups_needed(action_id: str, *, is_latched: bool, is_requester_known: bool) -> frozenset[str]:
    """The groups of which one approval each must come: of those who answer for the case, and of security where it has
    to say yes too, as it has wherever nobody knows which human asked."""
    if action_id not in RELEASES:
        return frozenset()
    is_updating_latched = is_latched and action_id == UPDATE
    return frozenset({SUPPORT, SECURITY} if is_updating_latched or not is_requester_known else {SUPPORT})


def is_latched(story: CaseStory) -> bool:
    """Whether an update needs security's approval too."""
    return HeldBack.CUSTOMER_UPDATE in story.latch.holds_back


def is_accountable(person: Person) -> bool:
    """Whether somebody, as Slack says now, answers for a case."""
    is_own = person.is_home and person.is_active and person.is_full_member and person.is_human
    return is_own and bool(person.groups & {SUPPORT, SECURITY})


def _by_case(story: CaseStory, asked: Asked) -> Hold | None:
    if asked.is_break_glass:
        return Hold.BY_BREAK_GLASS
    if story.opened.ticket_id != asked.ticket_id:
        return Hold.OTHER_TICKET
    return None if story.is_open else Hold.CLOSED


def _by_draft(story: CaseStory, asked: Asked, looked: Looked) -> Hold | None:
    found = _revision(story, asked)
    if found is None:
        return Hold.NO_DRAFT
    if ACTION_OF.get(found.draft.kind) != asked.action_id:
        return Hold.OTHER_AUDIENCE
    if found != story.newest(found.draft.draft_id):
        return Hold.LATER_REVISION
    text = asked.params.get("text")
    if not text or text != looked.text:
        return Hold.OTHER_TEXT
    if any((one.draft_id, one.revision) == (found.draft.draft_id, found.draft.revision) for _, one in story.releases):
        return Hold.SENT_ALREADY
    return _by_basis(story, asked, found, text) or _by_linter(story, looked)


def _by_basis(story: CaseStory, asked: Asked, found: Revision, text: str) -> Hold | None:
    given = _read(asked.params.get("basis"))
    now = basis_of(story, found.draft.draft_id, found.draft.revision, text)
    if given is None or now is None or not 0 < given.entries <= story.length:
        return Hold.OTHER_BASIS
    if found.framing != story.framings or given.framing != now.framing:
        return Hold.OTHER_FRAMING
    for name, hold in _CHANGES.items():
        if getattr(given, name) != getattr(now, name):
            return hold
    return None


_CHANGES: Mapping[str, Hold] = MappingProxyType(
    {
        "revision": Hold.LATER_REVISION,
        "sha256": Hold.OTHER_TEXT,
        "latch": Hold.LATCH_MOVED,
        "customer": Hold.CUSTOMER_WROTE,
        "evidence": Hold.NEW_EVIDENCE,
        "statements": Hold.STATEMENT_CHANGED,
        "record": Hold.RECORD_CHANGED,
    }
)
"""What is said of each part of the basis that is otherwise now; where several are, the first."""


def _by_linter(story: CaseStory, looked: Looked) -> Hold | None:
    if looked.exposure and HeldBack.EXPOSURE_CLAIM in story.latch.holds_back:
        return Hold.EXPOSURE_CLAIM
    return Hold.MARKED if looked.blocks else None


def _by_lead(story: CaseStory, asked: Asked, looked: Looked) -> Hold | None:
    # Who proposed it is who is accountable: somebody is let in here, so the keys are equal.
    if asked.proposer != story.lead:
        return Hold.OTHER_LEAD
    return None if looked.is_lead_accountable else Hold.LEAD_IS_GONE


def _revision(story: CaseStory, asked: Asked) -> Revision | None:
    draft_id, number = asked.params.get("draftId"), asked.params.get("revision")
    if not isinstance(draft_id, str) or type(number) is not int:
        return None
    return story.revision(draft_id, number)


_BASIS: TypeAdapter[Basis] = TypeAdapter(Basis)


def _read(text: object) -> Basis | None:
    """A basis in the one way in which it is written, or nothing."""
    try:
        basis = _BASIS.validate_json(text if isinstance(text, str) else "")
    except ValidationError:
        return None
    return basis if basis_text(basis) == text else None


def entries_of(params: Mapping[str, Any]) -> int:
    """How many entries of the case a release was made of; 0 where it does not say."""
    basis = _read(params.get("basis"))
    return 0 if basis is None else basis.entries


def sha256_of(text: str) -> str:
    """Hex, over a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _stands(name: str, statement: Statement | None) -> str:
    return name if statement is None else f"{name}@{statement.revision}:{statement.state.value}"


def _latch(latch: Latch) -> str:
    if latch.state is LatchState.CLEAR:
        return latch.state.value
    marks = "\n".join([f"{len(latch.releases)}", *sorted(latch.marks)])
    return f"{latch.state.value}:{sha256_of(marks)[:16]}"
