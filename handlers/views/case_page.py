"""Cases on App Home: the list of those that are open, and one of them in full."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.views import case_ids as ids
from handlers.views.blocks import (
    HEADER_LENGTH,
    VIEW_BLOCKS,
    Block,
    actions,
    button,
    context,
    divider,
    header,
    line,
    moment,
    plain,
    rich,
    say,
    section,
)
from handlers.views.case_card import blocker_blocks, case_buttons, counts, draft_blocks, frame_blocks
from handlers.views.case_facts import CaseFacts, CaseRowFacts
from handlers.views.case_ids import Ref
from handlers.views.case_latch import latch_banner
from handlers.views.case_statement_modals import statement_list
from handlers.views.case_wording import name
from handlers.views.plain import one_line
from handlers.views.wording import count
from policy.latching import LatchState

LIST_SIZE = 8
"""Cases above the list of tickets; the others stand under a button. Load one more: it is what makes the button."""
ALL_SIZE = 20
"""Cases on a page of the whole list: each is read and verified for it. Load one more here too."""
PAGE_SIZE = 30
_TITLE_LENGTH = 140
_CONFLICTS_SHOWN = 15
_DRAFTS_SHOWN = 8
_FIXED = 8
"""Blocks of a page of a case that are always there: ways, header, frame, dividers, counts and the pager."""


def case_list(rows: Sequence[CaseRowFacts], viewer: str) -> list[Block]:
    """The open cases, those that `viewer` (a Slack user id) leads first; nothing where there is none."""
    if not rows:
        return []
    blocks = [header("Cases")]
    for row in sorted(rows, key=lambda row: not _leads(row, viewer))[:LIST_SIZE]:
        blocks += _row(row, viewer)
    if len(rows) > LIST_SIZE:
        blocks.append(actions(button("All cases", ids.LIST_CASES, "0")))
    return blocks


def all_cases(rows: Sequence[CaseRowFacts], viewer: str, at: int = 0) -> list[Block]:
    """A page of the list by itself, in a modal: the rows from `at` on, one more than a page where there is another."""
    blocks = [block for row in rows[:ALL_SIZE] for block in _row(row, viewer)]
    if not blocks:
        blocks = [rich(line(say("No case is open." if at == 0 else "There are no further cases.")))]
    turns = [button("Previous", ids.PAGE_CASES, str(max(0, at - ALL_SIZE)))] if at > 0 else []
    if len(rows) > ALL_SIZE:
        turns.append(button("Next", ids.NEXT_OF[ids.PAGE_CASES], str(at + ALL_SIZE)))
    return [*blocks, actions(*turns)] if turns else blocks


def case_page(case: CaseFacts, at: int = 0) -> list[Block]:
    """One case in full, a page of its statements at a time: what its card has, without the card's limits."""
    title = one_line(f"Case on ticket #{case.ticket_number}  {case.title}", HEADER_LENGTH, where="open the ticket")
    lead = [
        *latch_banner(case),
        actions(button("← Back to tickets", "tickets.back", case.ticket_id)),
        header(title),
        *frame_blocks(case),
        case_buttons(case),
        *blocker_blocks(case, _CONFLICTS_SHOWN),
        *draft_blocks(case, _DRAFTS_SHOWN),
        divider(),
    ]
    room = min(PAGE_SIZE, VIEW_BLOCKS - len(lead) - _FIXED)
    return [*lead, *statement_list(case, at, room), counts(case)]


def _row(row: CaseRowFacts, viewer: str) -> list[Block]:
    words = plain(f"#{row.ticket_number}  {one_line(row.title, _TITLE_LENGTH)}")
    opening = button("Open case", ids.SEE_CASE, str(Ref(row.case_id)))
    lead = "You lead it" if _leads(row, viewer) else f"Lead: {name(row.lead)}"
    return [
        section(words, None if row.is_withheld else opening),
        context(plain(_state(row)), plain(lead), moment(row.updated_at, "Updated")),
    ]


def _state(row: CaseRowFacts) -> str:
    if not row.is_readable:
        return "⛔ Its record does not hold together: nothing of it is shown, ask your operator to verify it"
    if row.is_withheld:
        return "🔐 In a private channel: its people and security read it"
    said = ["Open" if row.is_open else "Closed"]
    if row.latch is LatchState.SET:
        said.insert(0, "🔒 Security latch is set")
    if row.conflicts:
        said.append(f"⛔ {count(row.conflicts, 'conflict')} to resolve")
    if row.undecided:
        said.append(f"⏳ {count(row.undecided, 'statement')} to decide")
    return "  ·  ".join(said)


def _leads(row: CaseRowFacts, viewer: str) -> bool:
    return bool(viewer) and row.lead.user_id == viewer
