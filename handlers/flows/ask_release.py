"""The lead of a case asks that one exact revision of a draft goes out: a request of the gate, like any other.

What is sent is rendered here, once, and shown, hashed, approved and sent as it stands. The request and the entry on the
case's record are one transaction (`propose_action`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import NotFound, Refused
from handlers.flows.case_holds import read_locked, release_params
from handlers.flows.case_people import who_asked
from handlers.flows.change_case import ASKED_ON_IT
from handlers.flows.check_access import require_access
from handlers.flows.one_person import Addresses, with_addresses
from handlers.flows.proposals import Proposal
from handlers.flows.propose_action import Proposed, propose_action
from policy.case_release import ACTION_OF, HAND_OFF
from policy.terms import Person, Provenance
from storage import audit, cases, tickets
from storage.audit import Step
from storage.database import Transaction
from storage.told import TrailBroken

WHAT = "ask for the release of a draft"
RECORD_BROKEN = "The record of this case does not hold, so nothing goes out. Have an operator look, then try again."
LEAD_ONLY = "Only the lead of the case asks for a release. Ask them, or have the lead changed and try again."
STAYS_HERE = "This draft is for the people of the case and goes nowhere. Write an update or a handoff, then try again."
NO_KEY = "This desk has no key to sign a packet with. Have whoever runs it set one, then try again."


@dataclass(frozen=True)
class _Release:
    """What is asked for, or why it is not."""

    proposal: Proposal | None
    refusal: Refused | None = None


async def ask_release(desk: Desk, case_id: UUID, draft_id: str, revision: int, person: Person) -> Proposed:
    """Put a revision before the gate. Nothing is released by it.

    Raises Refused (on record), NotFound, and what `propose_action` raises.
    """
    async with desk.database.transaction() as tx:
        row = await cases.get(tx, case_id)
    if row is None:
        raise NotFound("case")
    await require_access(desk, person, WHAT, row.ticket_id)
    asked = await with_addresses(
        desk, [person], partial(_checked, desk, case_id, row.ticket_id, draft_id, revision, person)
    )
    if asked.proposal is None:
        raise asked.refusal or NotFound("draft")
    return await propose_action(desk, asked.proposal, person)


async def _checked(
    desk: Desk, case_id: UUID, ticket_id: UUID, draft_id: str, revision: int, person: Person, addresses: Addresses
) -> _Release:
    async with desk.database.transaction() as tx:
        ticket = await tickets.get(tx, ticket_id, lock=True)
        if ticket is None:
            raise NotFound("ticket")
        if (await who_asked(tx, addresses, ticket, person)).is_theirs:
            asked = _refused("they asked on the ticket", "case-no-requester", ASKED_ON_IT)
        else:
            asked = await _release(desk, tx, case_id, ticket_id, draft_id, revision, person)
        if (refusal := asked.refusal) is not None:
            payload = {"case": str(case_id), "what": WHAT, "rule": refusal.code, "reason": str(refusal)}
            await audit.record(tx, ticket_id, Step.CASE_REFUSED, str(person.key), payload, at=desk.clock())
    return asked


async def _release(
    desk: Desk, tx: Transaction, case_id: UUID, ticket_id: UUID, draft_id: str, revision: int, person: Person
) -> _Release:
    try:
        story = await read_locked(tx, case_id)
    except TrailBroken as error:
        return _refused(str(error), "case-record-broken", RECORD_BROKEN)
    if person.key != story.lead:
        return _refused("they are not its lead", "case-lead-only", LEAD_ONLY)
    found = story.revision(draft_id, revision)
    if found is None:
        return _Release(None)
    action_id = ACTION_OF.get(found.draft.kind)
    if action_id is None:
        return _refused("the draft is for nobody outside the case", "case-draft-stays", STAYS_HERE)
    if action_id == HAND_OFF and desk.notary is None:
        return _refused("there is no key to sign a packet with", "case-no-packet-key", NO_KEY)
    params = release_params(story, case_id, found)
    # The lead stands for the words; the rest is the desk's own.
    provenance = dict.fromkeys(params, Provenance.SYSTEM) | {"text": Provenance.OPERATOR}
    return _Release(Proposal(ticket_id, action_id, params, provenance))


def _refused(why: str, code: str, reply: str) -> _Release:
    return _Release(None, Refused(why, code=code, reply=reply, is_recorded=True))
