"""Looking at the policy groups, so that a change of who may decide is noticed, put on record and announced.

A look costs one call for each group, out of the same twenty a minute that decisions live on (`handlers.group_lists`):
two a minute, and as many for each change that Slack tells of. What it finds decides nothing.
"""

from __future__ import annotations

import logging

from handlers.errors import IdentityUnavailable
from handlers.flows.note_members import Member, is_looked_at, known_members, left_groups, note_members
from handlers.group_lists import Need
from handlers.reception import Reception

log = logging.getLogger(__name__)


async def look_at_groups(reception: Reception, *, is_turn: bool) -> None:
    """Compare each policy group with what was known of it. `is_turn`: only the minute is over, nothing was heard."""
    for group in reception.desk.settings.groups:
        if is_turn and await is_looked_at(reception.desk, group):
            continue  # By another process.
        try:
            # Slack's word of a change is followed by a look of after it, not by an answer that may be older.
            await _look(reception, group, Need.DECISION if is_turn else Need.LIVE)
        except IdentityUnavailable as error:
            log.warning("the members of %s could not be looked at: %s", group, error)
    for group in await left_groups(reception.desk):
        await note_members(reception.desk, group, [])


async def _look(reception: Reception, group: str, need: Need) -> None:
    listed, known = await reception.identity.listed(group, need=need), await known_members(reception.desk, group)
    members = [known[one] if one in known else await _named(reception, one) for one in sorted(listed)]
    await note_members(reception.desk, group, members)


async def _named(reception: Reception, user_id: str) -> Member:
    key, name = await reception.identity.account(user_id)
    return Member(key, name)
