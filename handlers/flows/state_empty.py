"""Somebody says of a part of the handoff packet that it has nothing: their word, under their name."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from copilot.handoff import Part
from handlers.desk import Desk
from handlers.errors import BadInput
from handlers.flows.change_case import OpenCase, change_case
from policy import case_entries as e
from policy.terms import Person


async def state_empty(desk: Desk, case_id: UUID, said: Sequence[tuple[str, str]], person: Person) -> None:
    """Put it on record, part by part. Raises Refused (on record), NotFound, BadInput."""
    unknown = [part for part, _ in said if part not in set(Part)]
    if unknown:
        raise BadInput({f"empty_{unknown[0]}": "There is no such part of a packet."})

    async def change(case: OpenCase) -> Sequence[e.Body]:
        return [e.StatedEmptyPart(part, words.strip()) for part, words in said if words.strip()]

    await change_case(desk, case_id, person, "say that a part of the handoff is empty", change)
