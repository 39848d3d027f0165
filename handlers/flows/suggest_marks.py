"""The model looks at a revision of a draft after the rules have, where a model is in use.

    1  whoever had a revision written asked for the look with it, on the ticket's trail: nobody else, and once
    2  the model is asked with no transaction open, if the revision is still the newest
    3  what it said is put on the case's record for that very revision, or why it said nothing
    4  where whoever asked may no longer add to the case, that is put there, with what the look used and no mark

What it suggests joins the marks of the rules wherever a draft is linted (`case_linting`); it lifts none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from copilot.assistant_terms import Ended, Spent
from copilot.lint_look import LookedAt
from handlers.desk import Desk
from handlers.flows.case_asks import IDENTITY_TRIES, asked_for, change_as_asked, note_answered, note_ask, or_left_out
from handlers.flows.change_case import OpenCase
from policy import case_entries as e
from policy.case_story import CaseStory
from policy.case_terms import Author, Draft
from policy.terms import PersonKey

SUGGEST = "suggest_marks"
CLOSED = "for the case was closed before it could"
MAY_NOT = (
    "for whoever had this revision written may not add to the case any more; one that you write with Edit… is looked at"
)
_WHAT = "have the model look at a draft"


async def ask_for_marks(desk: Desk, case: OpenCase, draft: Draft, by: PersonKey) -> None:
    """Have the model look at a revision that is being written, in the name of whoever writes it."""
    if desk.second_linter is not None:
        args = {"draft_id": draft.draft_id, "revision": draft.revision}
        await note_ask(desk, case.tx, case.ticket.id, case.row.id, SUGGEST, by, **args)


async def suggest_marks(desk: Desk, case_id: UUID, ask_id: str, draft_id: str, revision: int) -> None:
    """Have it looked at. Raises Refused (on record), NotFound, TryLater."""
    ask = await asked_for(desk, case_id, SUGGEST, ask_id, draft_id=draft_id, revision=revision)  # (1)
    said: e.MarksSuggested | None = None

    async def change(case: OpenCase) -> Sequence[e.Body]:  # (3)
        await note_answered(desk, case, ask)
        return [] if said is None else [said]

    def left_out(story: CaseStory) -> e.Body:  # (4)
        look = said or e.MarksSuggested(draft_id, revision, Author())
        why, dropped = MAY_NOT if story.is_open else CLOSED, look.dropped + len(look.marks)
        return replace(look, marks=(), ended=Ended.REFUSED.value, why=why, dropped=dropped)

    async with or_left_out(desk, case_id, ask, left_out):
        story = await change_as_asked(desk, case_id, ask, _WHAT, _nothing)
        said = await _look(desk, case_id, story, draft_id, revision)  # (2)
        await change_as_asked(desk, case_id, ask, _WHAT, change, tries=IDENTITY_TRIES)


async def _look(desk: Desk, case_id: UUID, story: CaseStory, draft_id: str, revision: int) -> e.MarksSuggested | None:
    """None where there is nothing to look at any more, or nothing to look with."""
    newest = story.newest(draft_id)
    if desk.second_linter is None or newest is None or newest.draft.revision != revision:
        return None
    return await desk.second_linter.look(
        LookedAt(
            case_key=str(case_id),
            draft=newest.draft,
            held=story.held,
            revealed=story.revealed,
            spent=Spent.of_case(story),
        )
    )


async def _nothing(case: OpenCase) -> Sequence[e.Body]:
    return []
