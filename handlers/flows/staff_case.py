"""Who is accountable for a case, and who works on it. Where the lead has left, anybody who may read it sets another."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import BadInput
from handlers.flows.change_case import OpenCase, change_case, lead_only_may, not_for_them, not_on_it
from policy import case_entries as e
from policy.terms import Person, PersonKey

NOT_OURS = "Choose active full members of your own company who work on the desk."
THEIR_TICKET = "The ticket is theirs: who asks does not work on the case."
NO_REASON = "Say in a sentence why somebody else is accountable now."


class _LeadUnasked(Exception):
    """Whether the case's lead still works the desk is not known: Slack is asked with nothing locked, and then again."""

    def __init__(self, lead: PersonKey) -> None:
        super().__init__(str(lead))
        self.lead = lead


async def staff_case(
    desk: Desk, case_id: UUID, lead: PersonKey, members: Sequence[PersonKey], reason: str, person: Person
) -> None:
    """Set the lead and the others. Raises Refused (on record), NotFound, BadInput, IdentityUnavailable."""
    await check_people(desk, [lead, *members], person)
    leads: dict[PersonKey, bool] = {person.key: True}

    async def change(case: OpenCase) -> Sequence[e.Body]:
        story = case.story
        if case.asked is None or case.asked.is_of(lead, *members):
            raise BadInput({"members": THEIR_TICKET})
        if story.lead not in leads:
            raise _LeadUnasked(story.lead)
        has_lead = leads[story.lead]
        if has_lead and not story.works_on(person.key):
            raise not_on_it()
        if not story.is_read_by(person):
            raise not_for_them()
        if has_lead and lead != story.lead and story.lead != person.key:
            raise lead_only_may()
        if lead != story.lead and not reason.strip():
            raise BadInput({"reason": NO_REASON})
        others = tuple(dict.fromkeys(one for one in members if one != lead))
        bodies: list[e.Body] = []
        if lead != story.lead:
            bodies.append(e.LeadChanged(lead, reason.strip()))
        if others != story.members:
            bodies.append(e.MembersChanged(others))
        return bodies

    also = [lead, *members]
    while True:
        try:
            await change_case(desk, case_id, person, "change who works on a case", change, beyond=True, also=also)
            return
        except _LeadUnasked as unasked:
            leads[unasked.lead] = await _is_on_the_desk(desk, unasked.lead)


async def check_people(desk: Desk, people: Sequence[PersonKey], person: Person) -> None:
    """Make sure that each may work on cases. Raises BadInput, IdentityUnavailable."""
    for key in people:
        if key != person.key and not await _is_on_the_desk(desk, key):
            raise BadInput({"members": NOT_OURS})


async def _is_on_the_desk(desk: Desk, key: PersonKey) -> bool:
    return desk.gate.rule_on_view(await desk.people.resolve(key)).is_allowed
