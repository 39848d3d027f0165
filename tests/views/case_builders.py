"""Facts of a case with defaults (scenario B's), so that each test names only what matters to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.views.case_draft_facts import ChangeFacts, MarkFacts, OverrideFacts, SentenceFacts, WordChange
from handlers.views.case_facts import (
    AuthorFacts,
    CaseFacts,
    CaseRowFacts,
    DraftFacts,
    DraftState,
    EvidenceFacts,
    LatchFacts,
    LatchReasonFacts,
    LatchReleaseFacts,
    PersonFacts,
    StatementFacts,
    StepFacts,
)
from handlers.views.case_ids import seen_digest
from handlers.views.facts import Untrusted
from policy.case_moves import StatementEvent
from policy.case_terms import Authority, DraftKind, EvidenceKind, Source, StatementKind, StatementState
from policy.latch import Rule
from policy.latching import LatchState

AT = datetime(2026, 3, 25, 13, 46, 11, tzinfo=UTC)
CASE_ID = "6f1b1f52-8f2b-4ce7-a8f1-0d7f1a2c9d11"
OLIVIA = PersonFacts("U0OLIVIA001", Untrusted("Olivia"))
SANA = PersonFacts("U0SANA00001", Untrusted("Sana"))
VICTOR = PersonFacts("U0VICTOR001", Untrusted("Victor"))
RULES = AuthorFacts()
MODEL = AuthorFacts(model="claude-sonnet-4-5", prompt_version="case-1")
KIND, STATE = StatementKind, StatementState


def evidence(**changes: Any) -> EvidenceFacts:
    values: dict[str, Any] = {
        "evidence_id": "ev-log-1",
        "number": 3,
        "source": Source.ACCESS_LOG,
        "kind": EvidenceKind.FOUND,
        "authority": Authority.RECORD,
        "excerpt": Untrusted("2026-03-04T08:12:45Z carla@vendor.example session s-771 GET /attachments/8841"),
        "place": Untrusted("access-2026-03.jsonl:1042"),
        "query": Untrusted("carla@vendor.example, from 2026-03-01"),
        "retrieved_at": AT,
        "observed_at": AT - timedelta(days=21),
        "asked_by": OLIVIA,
        "sha256": "3f2a9c0d7e51b8846f00aa113f2a9c0d7e51b8846f00aa113f2a9c0d7e51b884",
    }
    return EvidenceFacts(**(values | changes))


DIRECTORY = evidence(
    evidence_id="ev-dir-1", number=1, source=Source.DIRECTORY, place=Untrusted("account carla"),
    excerpt=Untrusted("carla@vendor.example, contractor, deprovisioned 2026-03-03T17:00:00Z"),
)  # fmt: skip
NOTE = evidence(
    evidence_id="ev-tic-1", number=2, source=Source.TICKET, authority=Authority.NOTE, place=Untrusted("message 2"),
    excerpt=Untrusted("HR told us her last day was 6 March."),
)  # fmt: skip
GAP = evidence(
    evidence_id="ev-att-1", number=4, source=Source.ATTACHMENT_TRAIL, kind=EvidenceKind.GAP, sha256="",
    excerpt=Untrusted("trail-2026-03.parquet: the file ends in the middle of a row"), observed_at=None,
)  # fmt: skip


def statement(**changes: Any) -> StatementFacts:
    values: dict[str, Any] = {
        "statement_id": "R1a2b3c4d5e",
        "revision": 1,
        "kind": KIND.FACT,
        "state": STATE.PROPOSED,
        "text": Untrusted(
            "The access log records a session of the account at 2026-03-04 08:12:45 UTC, 15 h after the deactivation "
            "time in the directory (2026-03-03 17:00:00 UTC)."
        ),
        "author": RULES,
        "evidence": (evidence(), DIRECTORY),
        "why_not": "Nobody has accepted it yet.",
        "history": (StepFacts(None, RULES, AT, 1),),
    }
    return StatementFacts(**(values | changes))


def conflict(**changes: Any) -> StatementFacts:
    values: dict[str, Any] = {
        "statement_id": "Rc0nflict01",
        "kind": KIND.CONFLICT,
        "text": Untrusted("The directory says that the account ended on 3 March, a note on the ticket says 6 March."),
        "evidence": (DIRECTORY, NOTE),
        "why_not": "",
    }
    return statement(**(values | changes))


def statements() -> tuple[StatementFacts, ...]:
    """One of each kind and more, as they come in a case."""
    return (
        conflict(),
        statement(),
        statement(
            statement_id="R2", state=STATE.ACCEPTED, is_confirmed=True, why_not="", evidence=(DIRECTORY,), revision=2,
            text=Untrusted("The directory shows the account as deprovisioned at 2026-03-03 17:00:00 UTC."),
            history=(StepFacts(None, RULES, AT, 1), StepFacts(StatementEvent.ACCEPTED, AuthorFacts(OLIVIA), AT, 2)),
        ),
        statement(
            statement_id="M1", kind=KIND.HYPOTHESIS, author=MODEL, why_not="",
            text=Untrusted("The session may have been kept alive by a cached token."),
        ),
        statement(
            statement_id="R4", kind=KIND.QUESTION, evidence=(GAP,), why_not="",
            text=Untrusted("What does the attachment store's trail hold? It could not be read whole."),
        ),
        statement(
            statement_id="P1", kind=KIND.NEXT_STEP, author=AuthorFacts(OLIVIA), owner=VICTOR, evidence=(), why_not="",
            text=Untrusted("Get the attachment store's trail read whole."), due_at=AT + timedelta(days=1),
            state=STATE.ACCEPTED,
        ),
        statement(
            statement_id="M2", state=STATE.REJECTED, author=MODEL,
            text=Untrusted("Nobody outside ever saw a file."),
            history=(
                StepFacts(None, MODEL, AT, 1),
                StepFacts(StatementEvent.REJECTED, AuthorFacts(OLIVIA), AT, 1, Untrusted("Nothing shows that.")),
            ),
        ),
        conflict(
            statement_id="Rc2", state=STATE.RESOLVED, resolution=Untrusted("The directory holds: it is the record."),
            text=Untrusted("Two notes name different files."),
        ),
    )  # fmt: skip


def latch(**changes: Any) -> LatchFacts:
    values: dict[str, Any] = {
        "state": LatchState.SET,
        "reasons": (
            LatchReasonFacts(
                Rule.ACCESS_AFTER_DEPROVISIONING,
                Untrusted("carla@vendor.example was deprovisioned at 2026-03-03 17:00:00 UTC; 2 entries are later."),
                (DIRECTORY, evidence()),
            ),
            LatchReasonFacts(
                Rule.ATTACHMENT_NOT_ENTITLED,
                Untrusted("carla@vendor.example previewed attachment 8841 without being entitled to it."),
                (evidence(),),
            ),
        ),
        "seen": seen_digest({"a", "b"}),
        "releasers": (SANA, VICTOR),
    }
    return LatchFacts(**(values | changes))


def released() -> LatchFacts:
    return LatchFacts(
        LatchState.RELEASED, releases=(LatchReleaseFacts(SANA, AT, Untrusted("Reviewed with legal: a shared test.")),)
    )


def mark(**changes: Any) -> MarkFacts:
    values: dict[str, Any] = {
        "code": "overstated",
        "is_block": True,
        "sentence": 1,
        "start": 10,
        "end": 19,
        "cure": "No confirmed fact carries this certainty: say what was found, where and until when.",
    }
    return MarkFacts(**(values | changes))


def sentence(text: str, *cites: str, author: AuthorFacts = RULES) -> SentenceFacts:
    return SentenceFacts(Untrusted(text), cites, author)


def draft(**changes: Any) -> DraftFacts:
    values: dict[str, Any] = {
        "draft_id": "d-1",
        "kind": DraftKind.CUSTOMER_UPDATE,
        "revision": 2,
        "state": DraftState.BLOCKED,
        "sentences": (
            sentence("Confirmed: the account was deprovisioned on 3 March.", "R2@2"),
            sentence("There was certainly no exposure of your files.", author=MODEL),
            sentence("Next: our support team by 2026-03-26 13:46 UTC: read the trail whole.", "P1@1"),
        ),
        "author": AuthorFacts(OLIVIA),
        "written_at": AT,
        "marks": (
            mark(),
            mark(code="no_citation", start=0, end=46, cure="Cite the statement that it rests on."),
            mark(code="promise", is_block=False, sentence=2, start=0, end=4, cure="Say who does it."),
            mark(code="open_conflict", sentence=-1, start=0, end=0, cure="Sources differ: resolve the conflict."),
            mark(code="unknown_citation", sentence=2, start=0, end=4, cure="Cite another.", can_be_overridden=False),
        ),
        "overridden": (OverrideFacts(mark(code="root_cause", sentence=0), OLIVIA, Untrusted("Engineering said so.")),),
        "changes": (
            ChangeFacts(
                (
                    (WordChange.SAME, Untrusted("There was")),
                    (WordChange.REMOVED, Untrusted("maybe")),
                    (WordChange.ADDED, Untrusted("certainly")),
                    (WordChange.SAME, Untrusted("no exposure of your files.")),
                ),
                ("M1@1",),
            ),
        ),
        "exact_text": "Confirmed: the account was deprovisioned on 3 March.\nThere was certainly no exposure.",
        "reason": Untrusted("Said more plainly."),
        "cause": "wrong_tone",
    }  # fmt: skip
    return DraftFacts(**(values | changes))


def clean_draft(**changes: Any) -> DraftFacts:
    """One that nothing holds back."""
    values: dict[str, Any] = {"state": DraftState.WRITTEN, "marks": (), "overridden": ()}
    return draft(**(values | changes))


def case(**changes: Any) -> CaseFacts:
    values: dict[str, Any] = {
        "case_id": CASE_ID,
        "ticket_id": "t-1",
        "ticket_number": 12,
        "title": Untrusted("Contractor may still have been able to view our attachments"),
        "goal": Untrusted("Establish whether the contractor's account was used after 3 March, and tell the customer."),
        "stays_human": Untrusted("What the exposure means for the customer's contract"),
        "lead": OLIVIA,
        "opened_at": AT,
        "members": (SANA, VICTOR),
        "statements": statements(),
        "evidence": (DIRECTORY, NOTE, evidence(), GAP),
        "drafts": (draft(), clean_draft(draft_id="d-2", kind=DraftKind.INTERNAL_SUMMARY, revision=1, changes=())),
        "latch": latch(),
        "holdups": ("A handoff to security is due since the latch was set.",),
        "turns": 3,
        "spent_usd": "0.42",
        "model": "claude-sonnet-4-5",
    }
    return CaseFacts(**(values | changes))


def row(**changes: Any) -> CaseRowFacts:
    values: dict[str, Any] = {
        "case_id": CASE_ID,
        "ticket_number": 12,
        "title": Untrusted("Contractor may still have been able to view our attachments"),
        "lead": OLIVIA,
        "updated_at": AT,
        "latch": LatchState.SET,
        "conflicts": 1,
        "undecided": 4,
    }
    return CaseRowFacts(**(values | changes))
