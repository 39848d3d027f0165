"""The open cases as a list shows them. One whose record does not hold is listed, and nothing of it is shown."""

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
from policy.terms import PersonKey
from storage import cases
from storage.database import Transaction
from storage.labels import labels
from storage.schema import CaseRow
from storage.told import TrailBroken


async def case_rows(desk: Desk) -> tuple[CaseRowFacts, ...]:
    """The open cases, the last touched first."""
    async with desk.database.transaction() as tx:
        rows = await cases.open_ones(tx)
        names = await labels(tx, {PersonKey.parse(row.lead) for row in rows})
        return tuple([await _row(tx, row, names) for row in rows])


async def _row(tx: Transaction, row: CaseRow, names: Mapping[PersonKey, str]) -> CaseRowFacts:
    try:
        story = await cases.story(tx, row.id)
    except TrailBroken:
        lead = _named(PersonKey.parse(row.lead), names)
        return CaseRowFacts(str(row.id), 0, Untrusted(""), lead, row.updated_at, is_readable=False)
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
