"""Somebody has the sources looked at: asked at once, done by a job, for a log may be long."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from pydantic import TypeAdapter

from actions.evidence.connector import Question
from handlers.desk import Desk
from handlers.errors import IdentityUnavailable, TryLater
from handlers.flows.change_case import OpenCase, change_case
from handlers.flows.gather_evidence import gather_evidence
from policy import case_entries as e
from policy.case_terms import Source
from policy.terms import Person, PersonKey
from storage import job_queue

LOOK = "gather_evidence"
SLACK_RETRY_SECONDS = 10.0
_QUESTION = TypeAdapter(Question)


async def ask_for_evidence(
    desk: Desk, case_id: UUID, question: Question, sources: Collection[Source], person: Person
) -> None:
    """Have these sources asked. Raises Refused (on record), NotFound."""

    async def change(case: OpenCase) -> Sequence[e.Body]:
        await job_queue.defer(
            case.tx,
            LOOK,
            queue=job_queue.TURNS,
            lock=f"turn:{case_id}",
            case_id=str(case_id),
            question=_QUESTION.dump_python(question, mode="json"),
            sources=sorted(sources),
            asked_by=str(person.key),
        )
        return []

    await change_case(desk, case_id, person, "look for evidence", change)


async def run_look(desk: Desk, case_id: UUID, question: object, sources: Sequence[str], asked_by: PersonKey) -> None:
    """Ask them, for whoever asked, as they are now. Raises Refused (on record), NotFound, TryLater."""
    try:
        person = await desk.people.resolve(asked_by)
    except IdentityUnavailable as error:
        raise TryLater(str(error), seconds=SLACK_RETRY_SECONDS) from error
    await gather_evidence(
        desk, case_id, _QUESTION.validate_python(question), person, sources=frozenset(map(Source, sources))
    )
