"""The words that every view of a case uses for the same thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from handlers.views.blocks import Block, person, say
from handlers.views.case_facts import AuthorFacts, DraftFacts, DraftState, EvidenceFacts, PersonFacts, StatementFacts
from handlers.views.plain import one_line
from handlers.views.wording import count
from policy.case_moves import StatementEvent
from policy.case_terms import Authority, Claim, DraftKind, EvidenceKind, Source, StatementKind, StatementState
from policy.latch import Rule

NAME_LENGTH = 80
WHERE = "open it"
"""Where the rest of a text stands that was cut."""

SOURCE_WORDS: Mapping[Source, str] = MappingProxyType(
    {
        Source.TICKET: "the ticket",
        Source.DIRECTORY: "the directory",
        Source.ACCESS_LOG: "the access log",
        Source.ATTACHMENT_TRAIL: "the attachment store's trail",
        Source.KNOWLEDGE_BASE: "the knowledge base",
        Source.ESCALATION_QUEUE: "the escalation queue",
    }
)
AUTHORITY_WORDS: Mapping[Authority, str] = MappingProxyType(
    {
        Authority.RECORD: "a system's own record",
        Authority.REFERENCE: "documentation",
        Authority.NOTE: "somebody's words",
    }
)
EVIDENCE_WORDS: Mapping[EvidenceKind, str] = MappingProxyType(
    {
        EvidenceKind.FOUND: "Found",
        EvidenceKind.NOTHING: "Nothing found, and the source was read whole",
        EvidenceKind.GAP: "Could not be read whole, so nothing follows from what is not in it",
    }
)
EVIDENCE_MARKS: Mapping[EvidenceKind, str] = MappingProxyType(
    {EvidenceKind.FOUND: "📄", EvidenceKind.NOTHING: "⬜", EvidenceKind.GAP: "⚠️"}
)
KIND_WORDS: Mapping[StatementKind, str] = MappingProxyType(
    {
        StatementKind.FACT: "Fact",
        StatementKind.HYPOTHESIS: "Hypothesis",
        StatementKind.QUESTION: "Open question",
        StatementKind.CONFLICT: "Conflict",
        StatementKind.NEXT_STEP: "Next step",
    }
)
CLAIM_WORDS: Mapping[Claim, str] = MappingProxyType(
    {
        Claim.EVENT: "that something happened or is so",
        Claim.ABSENCE: "that something is not in a source",
        Claim.BEHAVIOUR: "how a system is documented to behave",
    }
)
EVENT_WORDS: Mapping[StatementEvent | None, str] = MappingProxyType(
    {
        None: "Written",
        StatementEvent.ACCEPTED: "Accepted",
        StatementEvent.REJECTED: "Rejected",
        StatementEvent.EDITED: "Edited",
        StatementEvent.REASSIGNED: "Reassigned",
        StatementEvent.RESOLVED: "Resolved",
        StatementEvent.REOPENED: "Reopened",
    }
)
DRAFT_WORDS: Mapping[DraftKind, str] = MappingProxyType(
    {
        DraftKind.CUSTOMER_UPDATE: "Customer update",
        DraftKind.INTERNAL_SUMMARY: "Internal summary",
        DraftKind.ENGINEERING_HANDOFF: "Handoff to engineering",
        DraftKind.SECURITY_HANDOFF: "Handoff to security",
    }
)
AUDIENCE_WORDS: Mapping[DraftKind, str] = MappingProxyType(
    {
        DraftKind.CUSTOMER_UPDATE: "the customer",
        DraftKind.INTERNAL_SUMMARY: "our own people",
        DraftKind.ENGINEERING_HANDOFF: "engineering",
        DraftKind.SECURITY_HANDOFF: "security",
    }
)
CODE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "overstated": "Overstated certainty",
        "no_citation": "Cites nothing",
        "unknown_citation": "Cites a statement that is not there",
        "rejected_citation": "Cites what was rejected",
        "superseded_citation": "Cites an older revision",
        "invented_evidence": "Names evidence that is not there",
        "no_evidence": "Rests on no evidence",
        "unsupported_figure": "A figure that no source has",
        "exposure_denial": "Denies exposure",
        "root_cause": "Claims the root cause",
        "promise": "A promise",
        "date_without_owner": "A date without an owner",
        "missing_owner": "Nobody owns it",
        "missing_next_step": "No next step",
        "open_conflict": "An open conflict",
        "internal_name": "An internal name",
        "minimised": "Kept out on purpose",
    }
)
CAUSE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "overstated_certainty": "It was more certain than the evidence",
        "missed_boundary": "It said what is for a person or a team to say",
        "wrong_fact": "Something in it was wrong",
        "wrong_tone": "The tone was wrong",
        "other": "Something else",
    }
)
RULE_WORDS: Mapping[Rule, str] = MappingProxyType(
    {
        Rule.ACCESS_AFTER_DEPROVISIONING: "Access after deprovisioning",
        Rule.ATTACHMENT_NOT_ENTITLED: "Attachment read by somebody not entitled to it",
        Rule.SESSION_OUTLIVES_DEACTIVATION: "Session in use after deactivation",
        Rule.ACTIVITY_NOT_EXCLUDED: "Activity after deactivation cannot be excluded",
    }
)
PART_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "facts": "Facts",
        "questions": "Open questions",
        "conflicts": "Conflicts",
        "dissent": "Dissent",
        "next_actions": "Next actions",
        "evidence": "Evidence",
        "timeline": "Timeline",
        "approvals": "Approvals",
    }
)


def or_plain(words: Mapping[str, str], name: str) -> str:
    """The words for a name; the name itself, made readable, where there are none."""
    return words.get(name) or one_line(name.replace("_", " ").capitalize(), NAME_LENGTH)


def someone(who: PersonFacts) -> Block:
    """A run that names somebody."""
    return person(who.user_id, one_line(who.label, NAME_LENGTH))


def name(who: PersonFacts) -> str:
    """Somebody's name in plain words."""
    return one_line(who.label or who.user_id or "someone", NAME_LENGTH)


def people(everyone: Sequence[PersonFacts], most: int = 8) -> list[Block]:
    """Runs that name several."""
    runs: list[Block] = []
    for at, who in enumerate(everyone[:most]):
        runs += [say(", ")] * (at > 0) + [someone(who)]
    hidden = len(everyone) - most
    return [*runs, say(f" and {hidden} more")] if hidden > 0 else runs


def author_words(author: AuthorFacts) -> str:
    """Who wrote it: the person, the model with its prompt, or the rules."""
    if author.person is not None:
        return name(author.person)
    if author.model:
        prompt = f", prompt {one_line(author.prompt_version, 40)}" if author.prompt_version else ""
        return f"the model {one_line(author.model, 60)}{prompt}"
    return "the rules"


def evidence_label(evidence: EvidenceFacts) -> str:
    """'E3 the access log': short enough for a line."""
    note = {EvidenceKind.GAP: " (a gap)", EvidenceKind.NOTHING: " (found nothing)"}.get(evidence.kind, "")
    old = "" if evidence.is_current else " (replaced by a later look)"
    return f"E{evidence.number} {SOURCE_WORDS[evidence.source]}{note}{old}"


def state_words(statement: StatementFacts) -> str:
    """Where a statement stands with people, as its kind has it."""
    match statement.state:
        case StatementState.REJECTED:
            return "🚫 Rejected"
        case StatementState.RESOLVED:
            return "✅ Settled"
        case StatementState.ACCEPTED if statement.kind is StatementKind.FACT:
            return "✅ Confirmed" if statement.is_confirmed else "⚠️ Accepted, but its evidence no longer carries it"
        case StatementState.ACCEPTED:
            return "✅ Accepted"
        case _:
            return "⛔ Unresolved" if statement.kind is StatementKind.CONFLICT else "⏳ Not accepted yet"


def draft_state_words(draft: DraftFacts) -> str:
    """Where a draft stands, and why it is held back if it is."""
    held = f", held back: {one_line(draft.held_back, 300)}" if draft.held_back else ""
    match draft.state:
        case DraftState.BLOCKED:
            return f"⛔ Blocked by {count(len(draft.blocks), 'mark')}{held}"
        case DraftState.WAITING:
            return f"⏳ Waits for approval{held}"
        case DraftState.APPROVED:
            return f"⏸️ Approved{held}" if held else "✅ Approved, about to be sent"
        case DraftState.SENT:
            return "📤 Sent"
        case _:
            return f"📝 Draft{held}"
