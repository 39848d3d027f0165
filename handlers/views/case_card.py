"""The card of a case in its thread: the one picture of it that everybody who works on it shares.

In this order: the security latch, what the case is for, what holds it up, what is held, what is drafted, what can be
done. Nothing is decided by it; where there is more than fits, the most important stands here and the rest is counted.
"""

from __future__ import annotations

from collections.abc import Iterator

from handlers.views import case_ids as ids
from handlers.views.blocks import (
    HEADER_LENGTH,
    MESSAGE_BLOCKS,
    MESSAGE_SIZE,
    Block,
    actions,
    bullets,
    button,
    context,
    divider,
    header,
    labelled,
    line,
    moment,
    plain,
    rich,
    say,
    size,
)
from handlers.views.case_facts import CaseFacts, StatementFacts
from handlers.views.case_ids import Ref
from handlers.views.case_latch import latch_banner
from handlers.views.case_lines import Group, draft_block, groups, heading, holdups, rejected_count, statement_block
from handlers.views.case_wording import DRAFT_WORDS, draft_state_words, people, someone
from handlers.views.plain import escape_markup, one_line
from handlers.views.rendered import Rendered
from handlers.views.wording import count

_GOAL_LENGTH = 500
_CONFLICTS_SHOWN = 6
_HOLDUPS_SHOWN = 5
_DRAFTS_SHOWN = 4
_HOLDUP_LENGTH = 300
_HEADING_SIZE = 120
"""Characters that are kept for the line above a group."""


def case_card(case: CaseFacts) -> Rendered:
    """The card; its fallback text says what is set, what holds the case up and what waits."""
    lead = [*latch_banner(case), *_about(case), *blocker_blocks(case)]
    tail = [*draft_blocks(case), divider(), case_buttons(case), counts(case)]
    return Rendered(_fallback(case), (*lead, *_statements_that_fit(case, lead + tail), *tail))


def frame_blocks(case: CaseFacts) -> list[Block]:
    """What the case is for, who works on it, and what stays with people."""
    lines = [
        labelled("Goal", say(one_line(case.goal, _GOAL_LENGTH, where="Change the goal"))),
        labelled("Stays with people", say(_stays(case))),
        labelled("Lead", someone(case.lead)),
    ]
    if case.members:
        lines.append(labelled("Also on it", *people(case.members)))
    return [rich(*lines)]


def case_buttons(case: CaseFacts) -> Block:
    """What can be done with the case. A closed one can only be read."""
    value = str(Ref(case.case_id))
    reading = [
        button("See all statements", ids.SEE_STATEMENTS, value),
        button("See the evidence", ids.SEE_EVIDENCE, value),
        button("Open ticket", "ticket.open", case.ticket_id),
    ]
    if not case.is_open:
        return actions(*reading)
    return actions(
        button("Look for evidence…", ids.LOOK_FOR_EVIDENCE, value, style="primary"),
        button("Ask the copilot…", ids.ASK_COPILOT, value),
        button("Write a draft…", ids.WRITE_DRAFT, value),
        button("Add a statement…", ids.ADD_STATEMENT, value),
        button("Hand off…", ids.HAND_OFF, value),
        button("Change the goal…", ids.FRAME_CASE, value),
        button("People…", ids.STAFF_CASE, value),
        button("Close…", ids.CLOSE_CASE, value),
        *reading,
    )


def blocker_blocks(case: CaseFacts, most: int = _CONFLICTS_SHOWN) -> list[Block]:
    """The open conflicts, and what else holds the case up; nothing where nothing does."""
    conflicts, others = case.conflicts, holdups(case)
    blocks: list[Block] = []
    if conflicts:
        shown = min(most, len(conflicts))
        title = "⛔ Conflicts hold up what leaves this case"
        blocks = [heading(title, total=len(conflicts), shown=shown)]
        blocks += [statement_block(case.case_id, one) for one in conflicts[:shown]]
    if others:
        told = [line(say(one_line(words, _HOLDUP_LENGTH))) for words in others[:_HOLDUPS_SHOWN]]
        hidden = len(others) - _HOLDUPS_SHOWN
        told += [line(say(f"and {hidden} more"))] if hidden > 0 else []
        blocks.append(rich(line(say("⚠️ Waits for somebody", bold=True)), bullets(told)))
    return blocks


def draft_blocks(case: CaseFacts, most: int = _DRAFTS_SHOWN) -> list[Block]:
    """The newest revision of each draft."""
    if not case.drafts:
        return []
    newest = sorted(case.drafts, key=lambda one: one.written_at, reverse=True)
    hidden = len(newest) - most
    rest = [context(plain(f"{count(hidden, 'older draft')} in App Home"))] if hidden > 0 else []
    return [heading("📝 Drafts"), *(draft_block(case.case_id, one) for one in newest[:most]), *rest]


def _about(case: CaseFacts) -> list[Block]:
    title = one_line(f"Case on ticket #{case.ticket_number}  {case.title}", HEADER_LENGTH, where="open the ticket")
    return [header(title), *frame_blocks(case)]


def _stays(case: CaseFacts) -> str:
    rule = "what is said outside, what an exposure means, and every release"
    if not case.stays_human.strip():
        return rule
    return f"{one_line(case.stays_human, _GOAL_LENGTH, where='Change the goal')}  ·  always: {rule}"


def counts(case: CaseFacts) -> Block:
    """Small facts about the case: how far it is, what it has cost, and whether a model is in use."""
    model = f"Model {one_line(case.model, 60)}" if case.model else "No model is in use: rules and templates only"
    rejected = rejected_count(case.statements)
    said = [
        "Open" if case.is_open else "Closed",
        count(case.turns, "turn"),
        f"${one_line(case.spent_usd, 20)} spent",
        model,
        count(len(case.evidence), "piece of evidence", "pieces of evidence"),
        *([f"{count(rejected, 'statement')} rejected"] if rejected else []),
    ]
    return context(plain("  ·  ".join(said)), moment(case.opened_at, "Opened"))


def _statements_that_fit(case: CaseFacts, rest: list[Block]) -> list[Block]:
    """As many statements as the message takes, some of each group before more of any."""
    held = {name: group for name, group in groups(case.statements).items() if name not in ("conflicts", "settled")}
    if not held:
        return [] if case.conflicts else [rich(line(say("Nothing is held yet: look for evidence first.")))]
    room_blocks = MESSAGE_BLOCKS - len(rest) - len(held)
    room_size = MESSAGE_SIZE - size(rest) - len(held) * _HEADING_SIZE
    shown: dict[str, list[Block]] = {name: [] for name in held}
    for name, one in _in_turn(held):
        block = statement_block(case.case_id, one)
        if room_blocks < 1 or room_size < size([block]):
            break
        shown[name].append(block)
        room_blocks, room_size = room_blocks - 1, room_size - size([block])
    blocks: list[Block] = []
    for name, group in held.items():
        blocks += [heading(group.title, total=len(group.statements), shown=len(shown[name])), *shown[name]]
    return blocks


def _in_turn(held: dict[str, Group]) -> Iterator[tuple[str, StatementFacts]]:
    """Two of each group in the order of the groups, then the next two, so that no group hides another."""
    longest = max(len(group.statements) for group in held.values())
    for at in range(0, longest, 2):
        for name, group in held.items():
            for one in group.statements[at : at + 2]:
                yield name, one


def _fallback(case: CaseFacts) -> str:
    conflicts, waiting = len(case.conflicts), groups(case.statements).get("unconfirmed")
    said = [f"Case on ticket #{case.ticket_number}: {one_line(case.title, 200)}."]
    if case.latch.is_set:
        said.append("Security latch is set.")
    if conflicts:
        said.append(f"{count(conflicts, 'conflict')} to resolve.")
    if waiting:
        said.append(f"{count(len(waiting.statements), 'fact')} not accepted yet.")
    said += [f"{DRAFT_WORDS[one.kind]}: {draft_state_words(one)}." for one in case.drafts[:2]]
    said.append(f"Goal: {one_line(case.goal, 300)}" if case.is_open else "Closed.")
    return escape_markup(" ".join(said))
