"""The modals about a case as a whole: opening it, its goal, its people, handing it off, closing it.

They collect; nothing is decided here. Each input's block id is its field's name in `case_forms`.
"""

from __future__ import annotations

from handlers.views import case_ids as ids
from handlers.views.blocks import Block, bullets, context, header, labelled, line, plain, rich, say
from handlers.views.case_facts import CaseFacts, DraftFacts, DraftState, HandoffFacts
from handlers.views.case_ids import Ref
from handlers.views.case_inputs import checks, people_input, person_input, radio, reason_input, text_input
from handlers.views.case_lines import draft_block
from handlers.views.case_wording import DRAFT_WORDS, PART_WORDS, or_plain
from handlers.views.facts import TicketRowFacts
from handlers.views.plain import one_line
from handlers.views.surfaces import modal
from handlers.views.wording import LABEL_LENGTH, count

GOAL_LENGTH = 1000
EMPTY_PREFIX = "empty_"
"""Begins the block id of the input in which somebody says that a part of the handoff has nothing."""
_EMPTY_LENGTH = 500
_SHORTCOMINGS_SHOWN = 20
_HANDOFF_DRAFTS_SHOWN = 4


def open_case_modal(ticket: TicketRowFacts) -> Block:
    """Open a case on a ticket; the metadata is the ticket's id. Whoever sends it becomes the lead."""
    places = [
        ("thread", "In a thread of the triage channel"),
        ("private", "In a private channel made for it (read by its people and security)"),
    ]
    blocks = [
        rich(
            labelled("Ticket", say(f"#{ticket.number}  {one_line(ticket.subject, LABEL_LENGTH)}")),
            line(say("You become its lead: you accept and reject, and you are accountable for what is said.")),
        ),
        _goal(),
        _stays_human(),
        people_input("members", "Who else works on it?", hint="People of the desk. They see everything in the case."),
        radio("place", "Where is it worked on?", places, initial="thread"),
    ]
    return modal(
        "Open a case", blocks, ticket.ticket_id, "Open case", callback_id=ids.OPEN_CASE_VIEW, close="Cancel"
    )  # fmt: skip


def frame_case_modal(case: CaseFacts) -> Block:
    """Another wording of the goal, or another goal."""
    words = (
        "Another goal drops what followed from the old one: accepted facts wait to be reconfirmed, and no draft "
        "written for the old goal can go out. Evidence, history and the latch stay."
    )
    blocks = [
        _goal(case.goal),
        _stays_human(case.stays_human),
        checks("redirection", "Is it the same goal?", [("another", "This is another goal")], hint=words),
    ]
    return modal(
        "Change the goal", blocks, str(Ref(case.case_id)), "Save", callback_id=ids.FRAME_CASE_VIEW, close="Cancel"
    )


def staff_case_modal(case: CaseFacts) -> Block:
    """Who leads it and who works on it."""
    blocks = [
        person_input("lead", "Lead", case.lead, hint="Accountable for the case. What waits for approval waits anew."),
        people_input("members", "Also on it", case.members, hint="Who is not named here is no longer on it."),
        reason_input("Why?"),
    ]
    return modal("People", blocks, str(Ref(case.case_id)), "Save", callback_id=ids.STAFF_CASE_VIEW, close="Cancel")


def hand_off_modal(case: CaseFacts, handoff: HandoffFacts) -> Block:
    """To whom the case is handed; each part that has nothing, for somebody to say that it has nothing."""
    to = [("security", "Security"), ("engineering", "Engineering")]
    blocks: list[Block] = [
        radio("recipient", "To whom?", to, initial="security" if case.latch.is_set else ""),
        *_shortcomings(handoff),
        *(_empty_part(part) for part in handoff.missing),
    ]
    if handoff.drafts:
        blocks.append(rich(line(say("What is written for it", bold=True))))
        blocks += [draft_block(case.case_id, one) for one in handoff.drafts[:_HANDOFF_DRAFTS_SHOWN]]
    else:
        blocks.append(context(plain("No handoff is drafted yet: write one first, then it is approved as it stands.")))
    blocks.append(context(plain("This asks for approval. Nothing is handed off before the gate says so.")))
    return modal("Hand off", blocks, str(Ref(case.case_id)), "Ask", callback_id=ids.HAND_OFF_VIEW, close="Cancel")


def close_case_modal(case: CaseFacts) -> Block:
    """Close the case, with what would be left open."""
    left = []
    if case.latch.is_set:
        left.append("The security latch is set: a case is not closed as routine while it is.")
    if case.conflicts:
        left.append(f"{count(len(case.conflicts), 'conflict')} nobody has settled.")
    left += [f"Not sent: {DRAFT_WORDS[one.kind].lower()}, revision {one.revision}." for one in _unsent(case)]
    found = bullets([line(say(words)) for words in left[:10]]) if left else line(say("Nothing is left open."))
    blocks = [
        header(one_line(f"Case on ticket #{case.ticket_number}", 150)),
        rich(line(say("What it leaves open", bold=True)), found),
        reason_input("Why is it done?"),
    ]
    return modal(
        "Close the case", blocks, str(Ref(case.case_id)), "Close case", callback_id=ids.CLOSE_CASE_VIEW, close="Cancel"
    )


def _goal(initial: str = "") -> Block:
    return text_input(
        "goal", "What is the goal?", initial=initial, most=GOAL_LENGTH,
        hint="One or two sentences. The copilot works on this and nothing else.",
    )  # fmt: skip


def _stays_human(initial: str = "") -> Block:
    return text_input(
        "stays_human", "What stays with people?", initial=initial, most=GOAL_LENGTH, is_required=False,
        hint="What the copilot is not to do or judge, beyond the rules: it never sends, releases or decides anything.",
    )  # fmt: skip


def _shortcomings(handoff: HandoffFacts) -> list[Block]:
    if not handoff.missing and not handoff.shortcomings:
        return [context(plain("The packet is complete: every part has something, or somebody said it has nothing."))]
    if not handoff.shortcomings:
        return []
    lines = [line(say(one_line(words, 300))) for words in handoff.shortcomings[:_SHORTCOMINGS_SHOWN]]
    hidden = len(handoff.shortcomings) - _SHORTCOMINGS_SHOWN
    lines += [line(say(f"and {hidden} more"))] if hidden > 0 else []
    return [rich(line(say("What the packet lacks", bold=True)), bullets(lines))]


def _empty_part(part: str) -> Block:
    return text_input(
        f"{EMPTY_PREFIX}{part}", f"{or_plain(PART_WORDS, part)}: there are none. Why?", most=_EMPTY_LENGTH,
        is_required=False, is_long=False,
        hint="In your words, under your name. Left empty, the packet says that this part is missing.",
    )  # fmt: skip


def _unsent(case: CaseFacts) -> list[DraftFacts]:
    return [one for one in case.drafts if one.state is not DraftState.SENT]
