"""A parameter that names one of our people names one: it is not only of the form of a user id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actions.catalogue import ActionSpec
from handlers.desk import Desk
from handlers.errors import BadInput
from policy.terms import Agent, PersonKey, Proposer


async def check_member(desk: Desk, spec: ActionSpec[Any], params: Mapping[str, Any], proposer: Proposer) -> None:
    """Raise BadInput for that field unless Slack shows an active full member of the proposer's own company there.

    What a part of the bot proposes is not looked up: the policy takes no value from it that nobody vouched for. Raises
    IdentityUnavailable.
    """
    if spec.member_param is None or isinstance(proposer, Agent):
        return
    named = await desk.people.resolve(PersonKey(proposer.key.home, params[spec.member_param]))
    if not (named.is_home and named.is_active and named.is_full_member and named.is_human):
        raise BadInput({spec.member_param: "Is not an active member of your own company. Choose somebody who is."})
