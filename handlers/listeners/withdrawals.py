"""Withdraw on the approval card: the one way in which a proposal is taken back."""

from __future__ import annotations

from handlers.flows.withdraw_request import withdraw_request
from handlers.listeners.call import Call
from handlers.views import notices


async def withdraw(call: Call) -> None:
    """Slack has asked once more already; the answer is to the person alone, the card tells everybody else."""
    person = await call.person()
    withdrawn = await withdraw_request(
        call.reception.desk,
        call.id_value(),
        person,
        channel=call.channel or "",
        message_ts=call.message_ts or "",
    )
    call.tell(notices.withdrawn(withdrawn))
