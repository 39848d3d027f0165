"""A person's own passkeys, and the buttons on the card of somebody else's."""

from __future__ import annotations

from handlers.flows.decide_passkey import approve_passkey, revoke_passkey
from handlers.flows.enrol_passkey import ask_to_enrol
from handlers.listeners.call import Call
from handlers.views import passkey_card


async def show(call: Call) -> None:
    """`/countersign passkey`, or the button on App Home: a link to enrol one, and those the person has."""
    person = await call.person()
    link, theirs = await ask_to_enrol(call.reception.desk, person, call.trigger_id)
    call.tell(passkey_card.own_passkeys(link.url, link.expires_at, theirs))


async def approve(call: Call) -> None:
    """Somebody else's passkey counts from now on."""
    person = await call.person()
    passkey = await approve_passkey(
        call.reception.desk,
        call.id_value(),
        person,
        channel=call.channel or "",
        message_ts=call.message_ts or "",
    )
    call.tell(passkey_card.done(passkey))


async def revoke(call: Call) -> None:
    """A passkey counts no more, or never will; it may be one's own."""
    person = await call.person()
    passkey = await revoke_passkey(call.reception.desk, call.id_value(), person)
    call.tell(passkey_card.done(passkey))
