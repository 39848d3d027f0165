"""People judge statements: they accept, edit, reject, reassign, settle and reopen them, and add their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from handlers.desk import Desk
from handlers.flows.change_case import OpenCase, change_case, refused, role_of
from policy import case_entries as e
from policy.case_moves import Refusal
from policy.case_rules import Wish, add, decide
from policy.case_story import CaseStory
from policy.case_terms import Author, Claim, Statement, StatementKind
from policy.terms import Person, PersonKey


async def move_statement(desk: Desk, case_id: UUID, wish: Wish, person: Person) -> CaseStory:
    """Do to a statement what `wish` says; who does it, and in which part, is taken from `person` and the case.

    Raises Refused (on record), NotFound.
    """

    async def change(case: OpenCase) -> Sequence[e.Body]:
        own = replace(wish, by=person.key, role=role_of(case.story, person))
        after = decide(case.story.held, own)
        if isinstance(after, Refusal):
            raise refused(after)
        return [e.StatementStep(after, wish.event, wish.reason.strip())]

    return await change_case(desk, case_id, person, f"have a statement {wish.event.value}", change)


async def add_statement(
    desk: Desk,
    case_id: UUID,
    kind: StatementKind,
    text: str,
    person: Person,
    *,
    evidence: tuple[str, ...] = (),
    claim: Claim = Claim.EVENT,
    owner: PersonKey | None = None,
    owner_label: str = "",
    due_at: datetime | None = None,
) -> CaseStory:
    """A statement in somebody's own words; it waits to be accepted like any other. Raises Refused, NotFound."""

    async def change(case: OpenCase) -> Sequence[e.Body]:
        statement = Statement(
            statement_id=next_id(case.story, "S"),
            kind=kind,
            text=text.strip(),
            evidence=evidence,
            author=Author(person=person.key),
            owner=owner,
            owner_label=owner_label.strip(),
            due_at=due_at,
            claim=claim,
        )
        after = add(case.story.held, statement)
        if isinstance(after, Refusal):
            raise refused(after)
        return [e.StatementStep(after, None)]

    return await change_case(desk, case_id, person, "add a statement", change)


def next_id(story: CaseStory, letter: str) -> str:
    """An id that no statement of the case has."""
    taken = {one.statement_id for one in story.held.statements}
    number = 1
    while f"{letter}{number}" in taken:
        number += 1
    return f"{letter}{number}"
