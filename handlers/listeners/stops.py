"""`/countersign stop`, `resume` and `stops`: kill switches by command."""

from __future__ import annotations

import re

from actions.errors import UnknownAction
from handlers.errors import Refused
from handlers.flows.check_access import require_access
from handlers.flows.stop_desk import lift_stop, set_stop, stops_in_force
from handlers.listeners.call import Call
from handlers.slack_text import as_written
from handlers.views import stops as views
from policy.stops import Stop, StopScope
from policy.terms import PersonKey

_MENTION = re.compile(r"<@([A-Z0-9]+)(?:\|[^<>]*)?>")
_NO_SUCH = (
    "That names nothing that can be stopped or resumed. Try again with all, with an action's id such as api_key.revoke,"
    " or with a person, chosen from the list that Slack opens at the sign for mentions."
)
_NO_REASON = "No reason was given, so nothing was changed. Try again, and say why in a few words."


def read(rest: str) -> tuple[str, str] | None:
    """What is to be stopped or resumed, and why; None where nothing is named."""
    what, _, reason = rest.strip().partition(" ")
    return (what, as_written(reason.strip())) if what else None


async def stop(call: Call, what: str, reason: str) -> None:
    """Set one: anybody of the desk may."""
    person = await call.person()
    wanted = _stop(what, person.key.home, reason)
    if wanted.scope is StopScope.ACTION:
        try:
            call.reception.desk.catalogue.get(wanted.value)
        except UnknownAction as error:
            raise Refused(f"nothing to stop: {what!r}", code="no-such-stop", reply=_NO_SUCH) from error
    done = await set_stop(call.reception.desk, wanted, reason, person)
    call.tell(views.is_set(done.stop, is_new=done.is_new, under_way=done.under_way))


async def resume(call: Call, what: str, reason: str) -> None:
    """Lift one, if the policy permits it."""
    person = await call.person()
    wanted = _stop(what, person.key.home, reason)
    call.tell(views.is_lifted(await lift_stop(call.reception.desk, wanted, reason, person)))


async def show(call: Call) -> None:
    """Those in force."""
    desk = call.reception.desk
    await require_access(desk, await call.person(), "see the stops")
    call.tell(views.listed(await stops_in_force(desk)))


def _stop(what: str, home: str, reason: str) -> Stop:
    if not reason:
        raise Refused("no reason given", code="no-reason", reply=_NO_REASON)
    if what.lower() == StopScope.ALL:
        return Stop(StopScope.ALL)
    if found := _MENTION.fullmatch(what):
        # By user id alone a person is kept out, so Slack need not be asked whose account it is.
        return Stop(StopScope.PERSON, str(PersonKey(home, found[1])))
    if what.startswith("@"):
        raise Refused(f"nothing to stop: {what!r}", code="no-such-stop", reply=_NO_SUCH)
    return Stop(StopScope.ACTION, what)
