"""The lead says what a case is for; where that is something else than before, what followed from it waits again."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import BadInput, Refused
from handlers.flows.change_case import OpenCase, change_case
from handlers.flows.open_case import NO_GOAL
from handlers.flows.void_requests import void_open_requests
from policy import case_entries as e
from policy.case_moves import Role, StatementEvent
from policy.case_release import RELEASES
from policy.case_rules import Wish, decide
from policy.case_story import CaseStory
from policy.case_terms import Statement, StatementKind, StatementState
from policy.latching import HeldBack
from policy.terms import Person
from storage import requests

ANOTHER_GOAL = "The goal is another one now: confirm that this still holds and matters."
NO_REASON = "Say in a sentence how it ended."
LATCH_SET = "The latch of the case is set, so it is not closed like any other. Have it released, then try again."


async def frame_case(
    desk: Desk, case_id: UUID, goal: str, stays_human: str, person: Person, *, is_redirection: bool
) -> None:
    """Set the goal. A redirection makes drafts stale and asks for every accepted statement again.

    Raises Refused (on record), NotFound, BadInput.
    """
    if not goal.strip():
        raise BadInput({"goal": NO_GOAL})

    async def change(case: OpenCase) -> Sequence[e.Body]:
        framed = e.Framed(goal.strip(), stays_human.strip(), is_redirection)
        return [framed, *(to_reconfirm(case.story) if is_redirection else ())]

    await change_case(desk, case_id, person, "change the goal of a case", change, lead_only=True)


async def close_case(desk: Desk, case_id: UUID, reason: str, person: Person) -> None:
    """End the case; its record stays, and what waits to go out of it is void. Raises Refused (on record), NotFound,
    BadInput."""
    if not reason.strip():
        raise BadInput({"reason": NO_REASON})

    async def change(case: OpenCase) -> Sequence[e.Body]:
        if HeldBack.ROUTINE_CLOSE in case.story.latch.holds_back:
            raise Refused("the security latch is set", code="case-latch-set", reply=LATCH_SET)
        waiting = await requests.open_of_ticket(case.tx, case.ticket.id)
        others = [one.id for one in waiting if one.action_id not in RELEASES]
        await void_open_requests(case.tx, desk, case.ticket, why="the case was closed", unless=others)
        return [e.Closed(reason.strip())]

    await change_case(desk, case_id, person, "close a case", change, lead_only=True)


def to_reconfirm(story: CaseStory) -> list[e.Body]:
    """The steps that put what was accepted under another goal before people again."""
    found: list[e.Body] = []
    for one in story.held.statements:
        if one.state is not StatementState.ACCEPTED or one.kind is StatementKind.CONFLICT:
            continue
        wish = Wish(StatementEvent.REOPENED, one.statement_id, one.revision, Role.RULES, by=None, reason=ANOTHER_GOAL)
        after = decide(story.held, wish)
        if isinstance(after, Statement):
            found.append(e.StatementStep(after, StatementEvent.REOPENED, ANOTHER_GOAL))
    return found
