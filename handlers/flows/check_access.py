"""Who may read tickets and trails, and start a proposal: our own people who work the desk."""

from __future__ import annotations

from uuid import UUID

from handlers.desk import Desk
from handlers.errors import Refused
from policy.terms import Person
from storage import audit
from storage.audit import Step


async def require_access(desk: Desk, person: Person, what: str, ticket_id: UUID | None = None) -> None:
    """Let a person of the desk pass. Raises Refused, on record, for anybody else."""
    ruling = desk.gate.rule_on_view(person)
    if ruling.is_allowed:
        return
    async with desk.database.transaction() as tx:
        payload = {"what": what, "rule": ruling.code, "reason": ruling.reason}
        await audit.record(tx, ticket_id, Step.VIEW_REFUSED, str(person.key), payload, at=desk.clock())
    raise Refused(ruling.reason, code=ruling.code, reply=ruling.reply, is_recorded=True)
