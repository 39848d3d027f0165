"""A second person lets a passkey count; its owner, or security, takes one back at once.

An operator does both from the command line as well (`countersign passkeys`), or nobody could approve the first one.
Either way it is put on record and announced in the approvals channel, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import NotFound, Refused
from handlers.flows.enrol_passkey import passkey_facts
from handlers.flows.one_person import Addresses, linked, with_addresses
from handlers.views.facts import PasskeyFacts
from policy.passkeys import PasskeyState, sealed
from policy.terms import Audience, Person, PersonKey, Ruling
from policy.votes import VoteSigner
from storage import audit, deliveries, passkeys
from storage.audit import Step
from storage.database import Transaction
from storage.deliveries import NewDelivery
from storage.schema import PasskeyRow

NOTICE = "passkey_notice"
"""The kind of the announcement; its words are a view's."""


async def approve_passkey(
    desk: Desk, passkey_id: UUID, person: Person, *, channel: str, message_ts: str
) -> PasskeyFacts:
    """Let it count: only on its own card. Raises Refused (on record), NotFound or IdentityUnavailable."""
    return await with_addresses(desk, [person], partial(_approve, desk, passkey_id, person, (channel, message_ts)))


async def _approve(
    desk: Desk, passkey_id: UUID, person: Person, place: tuple[str, str], addresses: Addresses
) -> PasskeyFacts:
    async with desk.database.transaction() as tx:
        card = await deliveries.at_message(tx, *place)
        if card is None or card.kind != passkeys.CARD or card.args.get("passkeyId") != str(passkey_id):
            raise NotFound("passkey")
        row = await _row(tx, passkey_id)
        ties = await addresses.ties(tx, [person.key, PersonKey.parse(row.owner)])
        ruling = desk.gate.rule_on_enrolment(passkeys.as_passkey(row), linked(person, ties))
        if ruling.is_allowed:
            await let_count(tx, row, desk.signer, by=str(person.key), at=desk.clock(), new_id=desk.new_id)
        else:
            await _record_refusal(desk, tx, row, person, "approve", ruling)
    return _answer(row, ruling)


async def revoke_passkey(desk: Desk, passkey_id: UUID, person: Person) -> PasskeyFacts:
    """Take it back at once. Raises Refused (on record) or NotFound."""
    async with desk.database.transaction() as tx:
        row = await _row(tx, passkey_id)
        ruling = desk.gate.rule_on_revocation(passkeys.as_passkey(row), person)
        if ruling.is_allowed:
            await take_back(tx, row, by=str(person.key), at=desk.clock(), new_id=desk.new_id)
        else:
            await _record_refusal(desk, tx, row, person, "revoke", ruling)
    return _answer(row, ruling)


async def let_count(
    tx: Transaction, row: PasskeyRow, signer: VoteSigner, *, by: str, at: datetime, new_id: Callable[[], UUID]
) -> None:
    """Seal a waiting passkey; whoever calls this has asked whether that may be."""
    approved = sealed(passkeys.as_passkey(row), signer, approved_by=by)
    row.state, row.approved_by, row.approved_at = approved.state, by, at
    row.seal, row.seal_key_id = approved.seal, approved.seal_key_id
    await _announce(tx, row, Step.PASSKEY_APPROVED, by=by, at=at, new_id=new_id)


async def take_back(tx: Transaction, row: PasskeyRow, *, by: str, at: datetime, new_id: Callable[[], UUID]) -> None:
    """Revoke a passkey; whoever calls this has asked whether that may be."""
    row.state, row.revoked_at = PasskeyState.REVOKED, at
    await _announce(tx, row, Step.PASSKEY_REVOKED, by=by, at=at, new_id=new_id)


async def _announce(
    tx: Transaction, row: PasskeyRow, step: Step, *, by: str, at: datetime, new_id: Callable[[], UUID]
) -> None:
    payload = {"passkeyId": str(row.id), "owner": row.owner, "fingerprint": passkeys.as_passkey(row).fingerprint}
    actor = by if "/" in by else "operator"  # A person's key, or 'operator:' and the account on the machine.
    await audit.record(tx, None, step, actor, payload | {"by": by}, at=at)
    card = await passkeys.refresh_card(tx, row.id)
    if card is not None:  # It stands in the approvals channel, where the change is told too.
        args = {"step": step, "owner": row.owner, "ownerLabel": row.owner_label, "by": by}
        notice = NewDelivery(NOTICE, Audience.INTERNAL, card.channel, args=args)
        await deliveries.post(tx, notice, delivery_id=new_id(), at=at)


async def _row(tx: Transaction, passkey_id: UUID) -> PasskeyRow:
    row = await passkeys.get(tx, passkey_id)
    if row is None:
        raise NotFound("passkey")
    return row


async def _record_refusal(
    desk: Desk, tx: Transaction, row: PasskeyRow, person: Person, what: str, ruling: Ruling
) -> None:
    payload = {"passkeyId": str(row.id), "what": what, "rule": ruling.code, "reason": ruling.reason}
    await audit.record(tx, None, Step.PASSKEY_REFUSED, str(person.key), payload, at=desk.clock())


def _answer(row: PasskeyRow, ruling: Ruling) -> PasskeyFacts:
    if not ruling.is_allowed:
        raise Refused(ruling.reason, code=ruling.code, reply=ruling.reply, is_recorded=True)
    return passkey_facts(row)
