"""Who may read tickets and trails, and start a proposal: our own people who work the desk."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import Refused
from policy.terms import Person
from storage import audit
from storage.audit import Step

RECORD_VISITS_EVERY = timedelta(hours=1)


async def require_access(
    desk: Desk, person: Person, what: str, ticket_id: UUID | None = None, *, is_visit: bool = False
) -> None:
    """Let a person of the desk pass. Raises Refused, on record, for anybody else.

    `is_visit`: they only came by and pressed nothing, as on App Home. Anybody may do that as often as they like, and
    each record makes all that writes to the system's chain wait: so one an hour of each person is kept. Whether one is,
    is read from the trail, where every process sees it and a restart loses nothing.
    """
    ruling = desk.gate.rule_on_view(person)
    if ruling.is_allowed:
        return
    now, who = desk.clock(), str(person.key)
    payload = {"what": what, "rule": ruling.code, "reason": ruling.reason}
    async with desk.database.transaction() as tx:
        if is_visit:
            every = RECORD_VISITS_EVERY
            await audit.record_seldom(tx, ticket_id, Step.VIEW_REFUSED, who, payload, at=now, every=every)
        else:
            await audit.record(tx, ticket_id, Step.VIEW_REFUSED, who, payload, at=now)
    raise Refused(ruling.reason, code=ruling.code, reply=ruling.reply, is_recorded=True)
