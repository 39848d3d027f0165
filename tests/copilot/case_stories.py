"""Records of cases, entry by entry, for tests: scenario B whole, and a record to build others with."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from copilot.drafting import pinned
from copilot.statements import statements_from
from policy import case_entries as e
from policy.case_entries import Entry
from policy.case_moves import StatementEvent
from policy.case_story import CaseStory, tell
from policy.case_terms import (
    Author,
    Draft,
    DraftKind,
    Evidence,
    EvidenceKind,
    Sentence,
    Source,
    Statement,
    StatementKind,
    StatementState,
)
from policy.latch import assess
from policy.latching import Latch, LatchState, Release, weigh
from policy.terms import PersonKey

TEAM = "T0ACME00001"
LEAD, MEMBER, SECURITY = (PersonKey(TEAM, f"U0{name}0001") for name in ("OLIVIA", "SAMUEL", "SANA00"))
INTAKE = datetime(2026, 11, 20, 8, 47, tzinfo=UTC)
"""When the ticket came in; the case is opened ten minutes later."""
MODEL = Author(model="claude-sonnet-4-5", prompt_version="case.v1")
RULES, COPILOT = "bot", "agent:copilot"
TICKET_ID = "0b0c8a52-6f0e-4c53-9b1a-6a4a3a6c7d10"


class Record:
    """A case's record under way. Each entry follows the one before by a minute, or by what is said."""

    def __init__(self, *, ticket_id: str = TICKET_ID, number: int = 214, intake_at: datetime = INTAKE) -> None:
        self.entries: list[Entry] = []
        self._at = intake_at + timedelta(minutes=9)
        title = "Former contractor may still see support attachments"
        self.add(e.Opened(ticket_id, number, title, LEAD, "C0TRIAGE001", intake_at), LEAD)

    @property
    def story(self) -> CaseStory:
        """What it tells so far."""
        return tell(self.entries)

    @property
    def now(self) -> datetime:
        """When the last entry was made."""
        return self._at

    def add(self, body: e.Body, by: PersonKey | str = LEAD, *, minutes: float = 1) -> Record:
        """One more entry."""
        self._at += timedelta(minutes=minutes)
        self.entries.append(Entry(len(self.entries) + 1, self._at, str(by), body))
        return self

    def propose(self, statement: Statement) -> Record:
        """A new statement, by its author."""
        author = statement.author
        return self.add(e.StatementStep(statement, None), author.person or (COPILOT if author.model else RULES))

    def move(self, statement_id: str, event: StatementEvent, *, reason: str = "", **changed: Any) -> Record:
        """The lead moves a statement."""
        before = self.statement(statement_id)
        states = {
            StatementEvent.ACCEPTED: StatementState.ACCEPTED,
            StatementEvent.REJECTED: StatementState.REJECTED,
            StatementEvent.RESOLVED: StatementState.RESOLVED,
            StatementEvent.REOPENED: StatementState.PROPOSED,
            StatementEvent.EDITED: StatementState.PROPOSED,
        }
        is_new = event not in (StatementEvent.ACCEPTED, StatementEvent.REJECTED)
        after = replace(before, state=states.get(event, before.state), revision=before.revision + is_new, **changed)
        return self.add(e.StatementStep(after, event, reason), LEAD)

    def statement(self, statement_id: str) -> Statement:
        """A statement as it is now."""
        return next(one for one in self.story.held.statements if one.statement_id == statement_id)

    def draft(
        self, draft_id: str, kind: DraftKind, *said: Sentence, by: Author = MODEL, reason: str = "", cause: str = ""
    ) -> Record:
        """The next revision of a draft."""
        newest = self.story.newest(draft_id)
        revision = 1 if newest is None else newest.draft.revision + 1
        body = e.Drafted(Draft(draft_id, kind, revision, said), by, reason, cause)
        return self.add(body, by.person or (COPILOT if by.model else RULES))

    def ask(self, request_id: str, draft_id: str) -> Record:
        """Put the newest revision of a draft before the gate."""
        newest = self.story.newest(draft_id)
        assert newest is not None
        return self.add(e.ReleaseAsked(request_id, draft_id, newest.draft.revision))

    def release(
        self, request_id: str, draft_id: str, audience: str, *approvers: PersonKey, minutes: float = 1
    ) -> Record:
        """The newest revision of a draft goes out."""
        newest = self.story.newest(draft_id)
        assert newest is not None
        sent = "\n".join(one.text for one in newest.draft.sentences)
        digest = hashlib.sha256(sent.encode()).hexdigest()
        body = e.Released(request_id, draft_id, newest.draft.revision, audience, digest, approvers)
        return self.add(body, RULES, minutes=minutes)

    def turn(self, instruction: str, answer: str, *calls: e.ToolCall, improved: bool = True, **changed: Any) -> Record:
        """A turn of the copilot."""
        body = e.Turn(instruction, LEAD, answer, MODEL, calls, "done", 2100, 340, 6.4, "0.0114", improved)
        return self.add(replace(body, **changed), COPILOT)


def evidence(
    evidence_id: str,
    source: Source,
    excerpt: str,
    retrieved_at: datetime,
    /,
    kind: EvidenceKind = EvidenceKind.FOUND,
    observed_at: datetime | None = None,
    place: str = "",
    **facts: Any,
) -> Evidence:
    """One item, as a connector gives it."""
    digest = "" if kind is EvidenceKind.GAP else hashlib.sha256(excerpt.encode()).hexdigest()
    query = {"account": "con-7781"}
    return Evidence(
        evidence_id, source, kind, query, retrieved_at, LEAD, excerpt, facts, observed_at, place, 1.0, digest
    )


def look(at: datetime) -> tuple[Evidence, ...]:
    """What the first look at every source brings: the contractor's account, and what was done with it."""
    gone, seen = datetime(2026, 11, 14, 17, 0, tzinfo=UTC), datetime(2026, 11, 16, 9, 12, 44, tzinfo=UTC)
    return (
        evidence("E1", Source.TICKET, "Customer: 'Dana left on 14 November. Can she still open our old tickets?'", at,
                 place="ticket 214, message 1"),
        evidence("E2", Source.DIRECTORY, "con-7781, contractor, deactivated 2026-11-14 17:00 UTC", at,
                 observed_at=gone, place="directory row con-7781", account="con-7781", status="deactivated",
                 deprovisioned_at="2026-11-14T17:00:00Z", entitled=False),
        evidence("E3", Source.ATTACHMENT_TRAIL, "preview of attachment A-1 by con-7781, session s-55", at,
                 observed_at=seen, place="attachments.jsonl:4471", principal="con-7781", action="preview",
                 attachment="A-1", session="s-55", at="2026-11-16T09:12:44Z"),
        evidence("E4", Source.ACCESS_LOG, "The access log before 2026-11-15 could not be read: the file is cut off", at,
                 kind=EvidenceKind.GAP, place="access-2026-11-14.jsonl"),
        evidence("E5", Source.KNOWLEDGE_BASE, "Sessions end within 24 hours of deactivation, except for API sessions.",
                 at, place="kb/deprovisioning.md, Sessions"),
    )  # fmt: skip


def scenario_b() -> Record:
    """The seed's case from the customer's report to the sent update and the security handoff."""
    case = Record()
    goal = (
        "Find out whether the former contractor opened attachments after leaving, and tell the customer what is known."
    )
    case.add(e.Framed(goal, "Whether this counts as exposure; anything said about it outside."))
    case.add(e.MembersChanged((MEMBER, SECURITY)))
    case.add(e.Retrieved(look(case.now)), RULES)
    for one in statements_from(case.story.held.evidence):
        case.propose(one)
    case.add(e.LatchMoved(weigh(Latch(), assess(case.story.held.evidence))), RULES)
    call = e.ToolCall("read_knowledge", {"question": "sessions after deactivation"}, "E5: Sessions end within 24 hours")
    case.turn("Compare the account's end with what was opened.", "A preview is recorded after the deactivation.", call)
    case.propose(
        Statement("M1", StatementKind.HYPOTHESIS, "An API session outlived the deactivation.", ("E3", "E5"), MODEL)
    )
    case.propose(Statement("M2", StatementKind.FACT, "No data left the company.", ("E5",), MODEL))
    step = Statement(
        "P1", StatementKind.NEXT_STEP, "Review every session of the account since its deactivation.", (),
        Author(LEAD), owner=SECURITY, owner_label="our security team", due_at=datetime(2026, 11, 21, 16, 0, tzinfo=UTC),
    )  # fmt: skip
    case.propose(step)
    facts = [one for one in case.story.held.statements if one.kind is StatementKind.FACT and one.author.prompt_version]
    fact = next(one for one in facts if "preview" in one.text)
    question = next(
        one for one in case.story.held.statements if one.kind is StatementKind.QUESTION and "log" in one.text
    )
    owed = next(one for one in case.story.held.statements if one.kind is StatementKind.NEXT_STEP and one.evidence)
    due = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    case.move(owed.statement_id, StatementEvent.REASSIGNED, owner=MEMBER, owner_label="our platform team", due_at=due)
    for accepted in (fact.statement_id, question.statement_id, "P1"):
        case.move(accepted, StatementEvent.ACCEPTED)
    case.move("M2", StatementEvent.REJECTED, reason="Nothing that was read shows this.")
    _customer_update(case, fact, question)
    _handoff(case, fact)
    return case


def _customer_update(case: Record, fact: Statement, question: Statement) -> None:
    """Written by the copilot, corrected by the lead, held back by the customer's word, sent once two approved it."""
    kind, person = DraftKind.CUSTOMER_UPDATE, Author(LEAD)
    hello = Sentence("Hello, thank you for telling us about this.", (), MODEL)
    sure = Sentence("We confirmed that your attachments were opened by the former contractor.", (pinned(fact),), MODEL)
    checked = Sentence("Still being checked: what the access log holds before 15 November.", (pinned(question),), MODEL)
    step = Sentence(
        "Next: our security team by 2026-11-21 16:00 UTC: review every session of the account since its deactivation.",
        ("P1@1",), MODEL,
    )  # fmt: skip
    said = Sentence(
        "We confirmed that one of your attachments was previewed from the former contractor's account on 16 November.",
        (pinned(fact),), person,
    )  # fmt: skip
    case.draft("D1", kind, hello, sure, checked, step)
    case.draft("D1", kind, hello, said, checked, step, by=person, cause="overstated_certainty",
               reason="One preview from the account is recorded; who sat there is not known.")  # fmt: skip
    case.add(e.Overridden("D1", 2, "overstated", said.text, "The preview is in the store's own trail, and accepted."))
    case.add(e.Revealed(hashlib.sha256(b"invoices-2025.zip").hexdigest(), "attachment_name", "The customer named it."))
    case.ask("7c1d9b52-0001-4000-8000-000000000001", "D1")
    case.add(e.CustomerWrote("m-2"), RULES, minutes=12)
    why = "The customer wrote after it was approved. Read the message, then ask again."
    case.add(e.HeldBack("7c1d9b52-0001-4000-8000-000000000001", why), RULES)
    case.turn("Does the new message change anything?", "No: it asks the same.", improved=False)
    case.turn("Say where the day is from.", "The day is in the attachment store's trail.", improved=False)
    dated = replace(
        checked, text="Still being checked: what the access log holds before 15 November, which is cut off."
    )
    case.draft("D1", kind, hello, said, dated, step, by=person, reason="Says why it is still being checked.",
               cause="other")  # fmt: skip
    case.ask("7c1d9b52-0002-4000-8000-000000000002", "D1")
    case.release("7c1d9b52-0002-4000-8000-000000000002", "D1", "customer", MEMBER, SECURITY, minutes=9)


def _handoff(case: Record, fact: Statement) -> None:
    """To security, with what is empty stated; then security lets go of the latch and the case is closed."""
    kind = DraftKind.SECURITY_HANDOFF
    confirmed = Sentence(f"Confirmed: {fact.text}", (pinned(fact),), Author(prompt_version="templates.v1"))
    guess = Sentence(
        "Hypothesis, not confirmed: An API session outlived the deactivation.", ("M1@1",),
        Author(prompt_version="templates.v1"),
    )  # fmt: skip
    case.draft("D2", kind, confirmed, guess, by=Author(prompt_version="templates.v1"))
    case.add(e.StatedEmptyPart("conflicts", "No two sources contradict each other."))
    case.ask("7c1d9b52-0003-4000-8000-000000000003", "D2")
    case.release("7c1d9b52-0003-4000-8000-000000000003", "D2", "security", SECURITY)
    latch = case.story.latch
    done = Release(SECURITY, case.now, "The sessions are revoked, and the customer is told.", latch.reasons)
    case.add(e.LatchMoved(Latch(LatchState.RELEASED, (), (*latch.releases, done))), SECURITY, minutes=240)
    case.add(e.Closed("Handed to security; the customer has the update."))
