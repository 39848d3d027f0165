"""Somebody of the desk enrols a passkey, on a page of ours. It counts for nothing until a second person approves it.

1  they ask for it in Slack and are given a link, if they may work on the desk at all
2  the page makes the passkey; what comes back is verified over a challenge that names them and the link
3  it is stored as waiting, with its record and the card on which it is approved, in one transaction
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handlers.desk import Desk
from handlers.errors import Refused
from handlers.flows.check_access import require_access
from handlers.flows.private_links import GivenLink, Purpose, give_link, open_link, site_of
from handlers.plain_input import storable
from handlers.views.facts import PasskeyFacts
from policy.confirming import NotConfirmed, enrolment_challenge
from policy.passkeys import PasskeyState
from policy.terms import Audience, Person, PersonKey
from storage import audit, deliveries, passkeys
from storage.audit import Step
from storage.database import Transaction
from storage.deliveries import NewDelivery
from storage.schema import PasskeyRow

NOT_MADE = "What your browser sent does not hold, so nothing was enrolled. Ask for a new link and try again."
KNOWN = "This passkey is enrolled already, so nothing was changed. Take another device, then try again."
_NAME_LENGTH = 300


@dataclass(frozen=True)
class EnrolmentFacts:
    """Everything the page shows and hands to the browser."""

    person: PersonKey
    person_label: str
    expires_at: datetime
    challenge: bytes
    rp_id: str
    credential_ids: tuple[bytes, ...]
    """Those they have: a device is not enrolled twice."""


async def ask_to_enrol(desk: Desk, person: Person, slack_request_id: str) -> tuple[GivenLink, tuple[PasskeyFacts, ...]]:
    """A link to enrol a passkey, and those the person has. Raises Refused.  (1)"""
    await require_access(desk, person, "enrol a passkey")
    async with desk.database.transaction() as tx:
        link = await give_link(desk, tx, Purpose.ENROLMENT, person.key, slack_request_id)
        rows = await passkeys.of_people(tx, [person.key])
    return link, tuple(passkey_facts(row) for row in rows if row.state != PasskeyState.REVOKED)


async def read_enrolment(desk: Desk, token: str) -> EnrolmentFacts:
    """What the link's page shows. Changes nothing. Raises Refused or IdentityUnavailable."""
    async with desk.database.transaction() as tx:
        link = await open_link(desk, tx, token, Purpose.ENROLMENT)
        rows = await passkeys.of_people(tx, [link.person])
    person = await desk.people.resolve(link.person)
    return EnrolmentFacts(
        person=link.person,
        person_label=person.name,
        expires_at=link.expires_at,
        challenge=enrolment_challenge(link.person, link.name),
        rp_id=site_of(desk).rp_id,
        credential_ids=tuple(bytes(row.credential_id) for row in rows if row.state != PasskeyState.REVOKED),
    )


async def enrol_passkey(
    desk: Desk, token: str, *, credential_id: bytes, client_data: bytes, attestation: bytes
) -> PasskeyFacts:
    """Store a new passkey, waiting. Raises Refused or IdentityUnavailable.  (2) (3)"""
    async with desk.database.transaction() as tx:
        link = await open_link(desk, tx, token, Purpose.ENROLMENT, is_attempt=True)
    person = await desk.people.resolve(link.person)
    await require_access(desk, person, "enrol a passkey")
    answer = {"id": credential_id, "clientDataJSON": client_data, "attestationObject": attestation}
    try:
        made = desk.gate.confirmations.enrol(link.person, link.name, answer)  # (2)
    except NotConfirmed as error:
        raise Refused(f"not enrolled: {error}", code="passkey-not-made", reply=NOT_MADE) from error
    async with desk.database.transaction() as tx:  # (3)
        await open_link(desk, tx, token, Purpose.ENROLMENT, lock=True)
        if await passkeys.is_known(tx, made.credential_id):
            raise Refused("the credential is known", code="passkey-known", reply=KNOWN)
        row = PasskeyRow(
            id=desk.new_id(),
            owner=str(person.key),
            owner_label=storable(person.name, limit=_NAME_LENGTH),
            credential_id=made.credential_id,
            public_key=made.public_key,
            state=PasskeyState.WAITING,
            sign_count=made.sign_count,
            enrolled_at=desk.clock(),
            approved_by="",
            seal="",
            seal_key_id="",
        )
        tx.add(row)
        await passkeys.use_link(tx, link.name, at=row.enrolled_at)
        await _announce(desk, tx, row)
        return passkey_facts(row)


async def _announce(desk: Desk, tx: Transaction, row: PasskeyRow) -> None:
    payload = {"passkeyId": str(row.id), "owner": row.owner, "fingerprint": passkeys.as_passkey(row).fingerprint}
    await audit.record(tx, None, Step.PASSKEY_ENROLLED, row.owner, payload, at=row.enrolled_at)
    card = NewDelivery(
        passkeys.CARD, Audience.INTERNAL, desk.settings.approvals_channel, args={"passkeyId": str(row.id)}
    )
    await deliveries.post(tx, card, delivery_id=desk.new_id(), at=row.enrolled_at)


def passkey_facts(row: PasskeyRow) -> PasskeyFacts:
    """A passkey as it is shown."""
    passkey = passkeys.as_passkey(row)
    return PasskeyFacts(
        passkey_id=passkey.passkey_id,
        owner_user_id=passkey.owner.user_id,
        owner_label=row.owner_label,
        fingerprint=passkey.fingerprint,
        state=passkey.state,
        enrolled_at=row.enrolled_at,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        revoked_at=row.revoked_at,
    )
