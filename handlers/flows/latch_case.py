"""Security lets go of a case's latch, for a reason and of what it was shown. The rules set it (`change_case`)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import Refused
from handlers.flows.change_case import OpenCase, change_case
from handlers.views.case_ids import seen_digest
from policy import case_entries as e
from policy.case_story import CaseStory
from policy.errors import LatchHolds
from policy.latching import release
from policy.terms import Person
from storage import audit
from storage.audit import Step

LATCH_STAYS = (
    "The latch stays. Whoever is named for it, and is no account that it is about, releases it with a reason, having "
    "read everything it is set for. If it is set for more since you looked, read that too, then try again."
)


async def release_latch(desk: Desk, case_id: UUID, reason: str, seen: str, person: Person) -> CaseStory:
    """Release the latch. `seen`: `seen_digest` of what was shown. Raises Refused (on record), NotFound."""

    async def change(case: OpenCase) -> Sequence[e.Body]:
        now = desk.clock()
        try:
            marks = case.story.latch.marks
            who = person if case.asked is None else case.asked.who
            latch = release(case.story.latch, who, reason, now, marks if seen == seen_digest(marks) else ())
        except LatchHolds as error:
            raise Refused(str(error), code="case-latch-holds", reply=LATCH_STAYS) from error
        payload = {"case": str(case_id), "state": latch.state.value, "reason": reason.strip()}
        await audit.record(case.tx, case.ticket.id, Step.CASE_LATCH_MOVED, str(person.key), payload, at=now)
        return [e.LatchMoved(latch)]

    return await change_case(desk, case_id, person, "release the latch of a case", change, beyond=True)
