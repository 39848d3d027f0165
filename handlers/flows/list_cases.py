"""The open cases as a list shows them. Of one whose record does not hold, or that somebody may not read, the list says
that and nothing of what it holds."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.desk import Desk
from handlers.views.case_draft_facts import (
    PersonFacts,
)
from handlers.views.case_facts import (
    CaseRowFacts,
)
from handlers.views.facts import Untrusted
from policy.case_foundations import open_conflicts
from policy.case_terms import StatementState
from policy.terms import Person, PersonKey
from storage import cases
from storage.database import Transaction
from storage.labels import labels
from storage.schema import CaseRow
from storage.told import TrailBroken


async def case_rows(desk: Desk, person: Person, *, limit: int, offset: int = 0) -> tuple[CaseRowFacts, ...]:
    """The open cases as `person` may see them: those that they lead first, then the last touched."""
    async with desk.database.transaction() as tx:
        rows = await cases.open_ones(tx, first=str(person.key), limit=limit, offset=offset)
        names = await labels(tx, {PersonKey.parse(row.lead) for row in rows})
        return tuple([await _row(tx, row, names, person) for row in rows])


async def _row(tx: Transaction, row: CaseRow, names: Mapping[PersonKey, str], person: Person) -> CaseRowFacts:
    try:
        story = await cases.story(tx, row.id)
    except TrailBroken:
        lead = _named(PersonKey.parse(row.lead), names)
        return CaseRowFacts(str(row.id), 0, Untrusted(""), lead, row.updated_at, is_readable=False)
    if not story.is_read_by(person):
        number, lead = story.opened.ticket_number, _named(story.lead, names)
        title = Untrusted(story.opened.title)
        return CaseRowFacts(str(row.id), number, title, lead, row.updated_at, is_withheld=True)
    waiting = [one for one in story.held.statements if one.state is StatementState.PROPOSED]
    return CaseRowFacts(
        case_id=str(row.id),
        ticket_number=story.opened.ticket_number,
        title=Untrusted(story.opened.title),
        lead=_named(story.lead, names),
        updated_at=row.updated_at,
        latch=story.latch.state,
        conflicts=len(open_conflicts(story.held.statements)),
        undecided=len(waiting),
        is_open=story.is_open,
    )


def _named(key: PersonKey, names: Mapping[PersonKey, str]) -> PersonFacts:
    """Where no mention can stand, a name does, if one is known."""
    return PersonFacts(key.user_id, Untrusted(names.get(key, key.user_id)))
