"""Every view of a case, drawn from facts in which everything that anyone can write is given."""

from __future__ import annotations

from dataclasses import replace

from handlers.views import case_draft_modals as drafts
from handlers.views import case_evidence_modals as evidence
from handlers.views import case_modals as modals
from handlers.views import case_statement_modals as statements
from handlers.views.blocks import Block
from handlers.views.case_card import case_card
from handlers.views.case_draft_facts import ChangeFacts, OverrideFacts, SentenceFacts, WordChange
from handlers.views.case_facts import (
    AuthorFacts,
    CaseFacts,
    DraftFacts,
    DraftState,
    HandoffFacts,
    LatchReasonFacts,
    LatchReleaseFacts,
    PersonFacts,
    RevealableFacts,
    StatementFacts,
    StepFacts,
)
from handlers.views.case_latch import release_latch_modal
from handlers.views.case_page import all_cases, case_list, case_page
from handlers.views.facts import TicketRowFacts, Untrusted
from handlers.views.rendered import Rendered
from handlers.views.surfaces import home, modal
from policy.case_moves import StatementEvent
from policy.case_terms import DraftKind, EvidenceKind, Source, StatementKind, StatementState
from policy.latch import Rule
from tests.views import case_builders as c


def case_messages(words: str, many: int) -> dict[str, Rendered]:
    """Every message about a case: its card, as it can stand."""
    hostile = hostile_case(words, many)
    return {
        "case_card hostile": case_card(hostile),
        "case_card closed": case_card(replace(hostile, is_open=False)),
        "case_card empty": case_card(
            replace(hostile, statements=(), evidence=(), drafts=(), latch=c.released(), model="")
        ),
    }  # fmt: skip


def case_views(ticket: TicketRowFacts, words: str, many: int) -> dict[str, Block]:
    """Every modal and Home tab about a case."""
    return _views(hostile_case(words, many), ticket, many)


def ordinary_views(ticket: TicketRowFacts) -> dict[str, Block]:
    """The same of a case as it usually is."""
    return _views(c.case(), ticket, 1)


def hostile_case(words: str, many: int = 1) -> CaseFacts:
    """A case in which everything that a person, a model or a source wrote is `words`, `many` times over."""
    bad = Untrusted(words)
    somebody = PersonFacts(words, bad)
    items = tuple(
        c.evidence(
            evidence_id=f"ev-{n}", number=n + 1, source=list(Source)[n % 6], kind=list(EvidenceKind)[n % 3], place=bad,
            excerpt=bad, query=bad, asked_by=somebody, confidence=0.2, is_current=bool(n % 2),
        )
        for n in range(3 * many)
    )  # fmt: skip
    reasons = tuple(LatchReasonFacts(rule, bad, items) for rule in Rule) * many
    releases = (LatchReleaseFacts(somebody, c.AT, bad),) * many
    return c.case(
        title=bad,
        goal=bad,
        stays_human=bad,
        lead=somebody,
        members=(somebody, c.OLIVIA) * many,
        statements=_statements(bad, somebody, items, many),
        evidence=items,
        drafts=tuple(
            replace(_draft(bad, somebody, many), draft_id=f"d-{kind}-{n}", kind=kind, state=list(DraftState)[n % 5])
            for n, kind in enumerate(list(DraftKind) * many)
        ),
        latch=c.latch(reasons=reasons, releases=releases, releasers=(somebody,) * many),
        holdups=(words,) * many,
        model=words,
        spent_usd=words,
    )


def _statements(
    bad: Untrusted, somebody: PersonFacts, items: tuple[object, ...], many: int
) -> tuple[StatementFacts, ...]:
    authors = (AuthorFacts(somebody), AuthorFacts(model=bad, prompt_version=bad), AuthorFacts())
    history = tuple(StepFacts(event, authors[0], c.AT, 1, bad) for event in (None, *StatementEvent)) * many
    return tuple(
        c.statement(
            statement_id=f"S{n}", kind=kind, state=state, text=bad, author=authors[n % 3], evidence=items,
            owner=somebody, due_at=c.AT, resolution=bad, why_not=bad, history=history,
        )
        for n, (kind, state) in enumerate(
            (kind, state) for _ in range(many) for kind in StatementKind for state in StatementState
        )
    )  # fmt: skip


def _draft(bad: Untrusted, somebody: PersonFacts, many: int) -> DraftFacts:
    author = AuthorFacts(somebody)
    marks = tuple(
        c.mark(code=code, sentence=n % 4 - 1, start=n, end=n + 7, cure=bad)
        for n in range(many)
        for code in ("overstated", bad)
    )
    return c.draft(
        sentences=(SentenceFacts(bad, ("S1@1", bad), author),) * 3 * many,
        author=author,
        marks=tuple(dict.fromkeys(marks)),
        overridden=(OverrideFacts(c.mark(), somebody, bad),) * many,
        changes=(ChangeFacts(tuple((kind, bad) for kind in WordChange), (bad,)),) * many,
        exact_text=bad,
        held_back=bad,
        reason=bad,
        cause=bad,
        is_newest=False,
    )  # fmt: skip


def _views(case: CaseFacts, ticket: TicketRowFacts, many: int) -> dict[str, Block]:
    values = tuple(RevealableFacts(f"{n:064x}", case.title, case.title) for n in range(many))
    handoff = HandoffFacts(("facts", "dissent", "approvals"), (case.title,) * many, case.drafts)
    rows = tuple(
        c.row(title=case.title, lead=case.lead, latch=case.latch.state, conflicts=many, is_readable=n % 2 == 0)
        for n in range(12 * many)
    )  # fmt: skip
    drawn = {
        "open_case": modals.open_case_modal(ticket),
        "frame_case": modals.frame_case_modal(case),
        "staff_case": modals.staff_case_modal(case),
        "close_case": modals.close_case_modal(case),
        "hand_off": modals.hand_off_modal(case, handoff),
        "hand_off complete": modals.hand_off_modal(case, HandoffFacts()),
        "release_latch": release_latch_modal(case),
        "release_latch clear": release_latch_modal(replace(case, latch=c.released())),
        "gather": evidence.gather_modal(case),
        "evidence": evidence.evidence_modal(case),
        "evidence further": evidence.evidence_modal(case, 20),
        "no evidence": evidence.evidence_modal(replace(case, evidence=())),
        "reveal": evidence.reveal_modal(case, values),
        "reveal nothing": evidence.reveal_modal(case, ()),
        "ask_copilot": evidence.ask_copilot_modal(case),
        "ask_copilot without": evidence.ask_copilot_modal(replace(case, model="", drafts=())),
        "write_draft": evidence.write_draft_modal(case),
        "statements": statements.statements_modal(case),
        "statements further": statements.statements_modal(case, 40),
        "no statements": statements.statements_modal(replace(case, statements=())),
        "add_statement": statements.statement_form_modal(replace(case, evidence=())),
        "case_page": home(case_page(case)),
        "case_page further": home(case_page(case, 30)),
        "cases": home(case_list(rows, "U0OLIVIA001")),
        "all cases": modal("Cases", all_cases(rows, "U0OLIVIA001")),
        "no cases": modal("Cases", all_cases((), "U0OLIVIA001")),
    }
    # Of twenty, every third has each kind and each state.
    for one in case.statements[:20:3]:
        drawn[f"statement {one.statement_id} {one.kind} {one.state}"] = statements.statement_modal(case, one)
    for one in case.statements[:2]:
        drawn |= {
            f"edit {one.statement_id}": statements.statement_form_modal(case, one),
            f"reject {one.statement_id}": statements.reject_statement_modal(case, one),
            f"resolve {one.statement_id}": statements.resolve_statement_modal(case, one),
            f"reassign {one.statement_id}": statements.reassign_statement_modal(case, one),
            f"reopen {one.statement_id}": statements.reopen_statement_modal(case, one),
        }
    for draft in (*case.drafts[:1], replace(case.drafts[0], is_newest=True, held_back="", marks=())):
        name = f"{draft.draft_id} {draft.is_newest}"
        drawn |= {
            f"draft {name}": drafts.draft_modal(case, draft),
            f"draft further {name}": drafts.draft_modal(case, draft, 40),
            f"edit_draft {name}": drafts.edit_draft_modal(case, draft),
            f"override {name}": drafts.override_modal(case, draft),
            f"ask_release {name}": drafts.ask_release_modal(case, draft),
        }
    return drawn
