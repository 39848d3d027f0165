"""Somebody has the sources looked at: asked at once, done by a job, for a log may be long."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from pydantic import TypeAdapter

from actions.evidence.connector import Question
from handlers.desk import Desk
from handlers.flows.case_asks import asked_for, note_ask, or_later
from handlers.flows.change_case import OpenCase, change_case
from handlers.flows.gather_evidence import gather_evidence
from policy import case_entries as e
from policy.case_terms import Source
from policy.terms import Person

LOOK = "gather_evidence"
_QUESTION = TypeAdapter(Question)


async def ask_for_evidence(
    desk: Desk, case_id: UUID, question: Question, sources: Collection[Source], person: Person
) -> None:
    """Have these sources asked. Raises Refused (on record), NotFound."""

    async def change(case: OpenCase) -> Sequence[e.Body]:
        asked = _QUESTION.dump_python(question, mode="json")
        await note_ask(
            desk, case.tx, case.ticket.id, case_id, LOOK, person.key, question=asked, sources=sorted(sources)
        )
        return []

    await change_case(desk, case_id, person, "look for evidence", change)


async def run_look(desk: Desk, case_id: UUID, question: object, sources: Sequence[str], ask_id: str) -> None:
    """Ask them, for whoever asked, as they are now. Raises Refused, NotFound, TryLater."""
    ask = await asked_for(desk, case_id, LOOK, ask_id, question=question, sources=list(sources))
    with or_later():
        person = await desk.people.resolve(ask.by)
        asked = _QUESTION.validate_python(question)
        await gather_evidence(desk, case_id, asked, person, sources=frozenset(map(Source, sources)), ask=ask)
