"""The lead lets the copilot read one value that is otherwise replaced, for a reason: an action of theirs, on record."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from copilot.case_pseudonyms import CasePseudonyms, KeptBack
from handlers.desk import Desk
from handlers.errors import BadInput, Refused
from handlers.flows.change_case import OpenCase, change_case
from policy import case_entries as e
from policy.case_story import CaseStory
from policy.terms import Person

NO_REASON = "Say in a sentence what the copilot needs it for."
NOT_KEPT = "This case keeps no such value from the copilot; secrets are never shown to it. Open the list again."


async def reveal_value(desk: Desk, case_id: UUID, value_sha256: str, reason: str, person: Person) -> None:
    """Let it be read from the next turn on. Raises Refused (on record), NotFound, BadInput."""
    if not reason.strip():
        raise BadInput({"reason": NO_REASON})

    async def change(case: OpenCase) -> Sequence[e.Body]:
        found = next((one for one in kept_from_copilot(case.story) if one.sha256 == value_sha256), None)
        if found is None:
            raise Refused("no such value", code="case-nothing-to-reveal", reply=NOT_KEPT)
        return [e.Revealed(value_sha256, found.kind.lower(), reason.strip())]

    await change_case(desk, case_id, person, "reveal a value to the copilot", change, lead_only=True)


def kept_from_copilot(story: CaseStory) -> tuple[KeptBack, ...]:
    """What fields of the evidence name and the copilot is not shown."""
    pseudonyms = CasePseudonyms("", story.revealed)
    pseudonyms.learn(story.held.evidence)
    return pseudonyms.kept_back
