"""Queries about passkeys, and about the links that people are given to use or enrol one."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from policy.passkeys import Passkey, PasskeyState
from policy.terms import Assertion, PersonKey
from storage import deliveries
from storage.database import Transaction
from storage.schema import Delivery, PasskeyRow, PrivateLink

CARD = "passkey_card"
"""The kind of the card in the approvals channel that a passkey is approved on."""


async def of_people(tx: Transaction, keys: Collection[PersonKey], *, lock: bool = False) -> Sequence[PasskeyRow]:
    """Everybody's of these, oldest first, whatever their state."""
    wanted = select(PasskeyRow).where(PasskeyRow.owner.in_([str(key) for key in keys]))
    wanted = wanted.order_by(PasskeyRow.enrolled_at, PasskeyRow.id)
    return (await tx.scalars(wanted.with_for_update() if lock else wanted)).all() if keys else ()


async def everybody(tx: Transaction, *, lock: bool = False) -> Sequence[PasskeyRow]:
    """All of them, oldest first."""
    wanted = select(PasskeyRow).order_by(PasskeyRow.enrolled_at, PasskeyRow.id)
    return (await tx.scalars(wanted.with_for_update() if lock else wanted)).all()


async def get(tx: Transaction, passkey_id: UUID) -> PasskeyRow | None:
    """One passkey, locked."""
    return await tx.get(PasskeyRow, passkey_id, with_for_update=True, populate_existing=True)


async def named(tx: Transaction, name: str) -> PasskeyRow | None:
    """The passkey whose id this is, locked."""
    try:
        return await get(tx, UUID(name))
    except ValueError:
        return None


async def is_known(tx: Transaction, credential_id: bytes) -> bool:
    """Whether this credential was enrolled before, by whomever."""
    return await tx.scalar(select(PasskeyRow.id).where(PasskeyRow.credential_id == credential_id)) is not None


async def card_of(tx: Transaction, passkey_id: UUID) -> Delivery | None:
    """The passkey's card in the approvals channel."""
    found = (await tx.scalars(select(Delivery).where(Delivery.kind == CARD))).all()
    return next((one for one in found if one.args.get("passkeyId") == str(passkey_id)), None)


async def refresh_card(tx: Transaction, passkey_id: UUID) -> Delivery | None:
    """Bring the passkey's card up to date once the transaction commits; returns it."""
    card = await card_of(tx, passkey_id)
    if card is not None:
        await deliveries.sync(tx, card.id)
    return card


def as_passkey(row: PasskeyRow) -> Passkey:
    """The value that is judged and sealed."""
    return Passkey(
        passkey_id=str(row.id),
        owner=PersonKey.parse(row.owner),
        credential_id=bytes(row.credential_id),
        public_key=bytes(row.public_key),
        state=PasskeyState(row.state),
        sign_count=row.sign_count,
        approved_by=row.approved_by,
        seal=row.seal,
        seal_key_id=row.seal_key_id,
    )


async def note_use(tx: Transaction, assertion: Assertion, *, at: datetime) -> None:
    """The link led to a vote and is of no use any more; the passkey has counted on."""
    await use_link(tx, assertion.link, at=at)
    used = PasskeyRow.credential_id == assertion.credential_id
    await tx.execute(update(PasskeyRow).where(used).values(sign_count=assertion.sign_count))


async def use_link(tx: Transaction, name: str, *, at: datetime) -> None:
    """Say of a link, named by its token's hash, that it was used."""
    await tx.execute(update(PrivateLink).where(PrivateLink.token_hash == name).values(used_at=at))


def token_hash(token: str) -> str:
    """What a link's token is stored as."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


async def link_of(tx: Transaction, token: str, *, lock: bool = False) -> PrivateLink | None:
    """The link that this token opens, if there ever was one."""
    return await tx.get(PrivateLink, token_hash(token), with_for_update=lock or None, populate_existing=lock)
