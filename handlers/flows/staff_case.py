"""Who is accountable for a case, and who works on it. A lead who has left is replaced by anybody who works on it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import BadInput, Refused
from handlers.flows.change_case import LEAD_ONLY, OpenCase, change_case
from policy import case_entries as e
from policy.terms import Person, PersonKey

NOT_OURS = "Choose active full members of your own company who work on the desk."
THEIR_TICKET = "The ticket is theirs: who asks does not work on the case."
NO_REASON = "Say in a sentence why somebody else is accountable now."


async def staff_case(
    desk: Desk, case_id: UUID, lead: PersonKey, members: Sequence[PersonKey], reason: str, person: Person
) -> None:
    """Set the lead and the others. Raises Refused (on record), NotFound, BadInput, IdentityUnavailable."""
    await check_people(desk, [lead, *members], person)

    async def change(case: OpenCase) -> Sequence[e.Body]:
        story = case.story
        if case.asked is None or case.asked.is_of(lead, *members):
            raise BadInput({"members": THEIR_TICKET})
        if lead != story.lead and story.lead != person.key and await _is_on_the_desk(desk, story.lead):
            raise Refused("the lead is still there", code="case-lead-only", reply=LEAD_ONLY)
        if lead != story.lead and not reason.strip():
            raise BadInput({"reason": NO_REASON})
        others = tuple(dict.fromkeys(one for one in members if one != lead))
        bodies: list[e.Body] = []
        if lead != story.lead:
            bodies.append(e.LeadChanged(lead, reason.strip()))
        if others != story.members:
            bodies.append(e.MembersChanged(others))
        return bodies

    await change_case(desk, case_id, person, "change who works on a case", change, also=[lead, *members])


async def check_people(desk: Desk, people: Sequence[PersonKey], person: Person) -> None:
    """Make sure that each may work on cases. Raises BadInput, IdentityUnavailable."""
    for key in people:
        if key != person.key and not await _is_on_the_desk(desk, key):
            raise BadInput({"members": NOT_OURS})


async def _is_on_the_desk(desk: Desk, key: PersonKey) -> bool:
    return desk.gate.rule_on_view(await desk.people.resolve(key)).is_allowed
