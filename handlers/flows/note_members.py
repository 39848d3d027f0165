"""Who is in a policy group is not who was in it: put on the system's chain, and announced in the approvals channel.

A member can decide if Slack's user group and the settings both have them, so a change of either is a change. What was
known is what the trail says of it: what changed while no process ran is announced at the start, and nobody who can
write to the tables makes a change look like the first look at a group. That is put on record and not announced. A
group that the settings no longer have is one that everybody left.

Who a waiting card names as eligible stays as it is. It is part of what was shown and voted on, and it lets nobody in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from handlers.desk import Desk
from handlers.plain_input import storable
from handlers.views.facts import GroupChangeFacts, Untrusted
from policy.terms import Audience, PersonKey
from storage import audit, deliveries, job_queue
from storage.audit import Step
from storage.database import Transaction
from storage.deliveries import NewDelivery
from storage.group_changes import KnownMember, known_groups
from storage.schema import WatchedGroup

LOOKED_AT_WITHIN = timedelta(seconds=45)
"""A look this long ago will do for this minute: several processes then look no more often than one."""
_JOB = "look_at_groups"
_NAME_LENGTH = 300


@dataclass(frozen=True)
class Member:
    """Somebody in Slack's user group."""

    key: PersonKey
    name: str
    """For display only."""


async def ask_for_look(desk: Desk, *, is_turn: bool) -> None:
    """Have the groups looked at by a job, one look at a time however many processes ask. Raises DatabaseUnavailable."""
    async with desk.database.transaction() as tx:
        waiting = f"{_JOB}:{'turn' if is_turn else 'heard'}"
        await job_queue.defer(tx, _JOB, lock=_JOB, queueing_lock=waiting, is_turn=is_turn)


async def is_looked_at(desk: Desk, group: str) -> bool:
    """Whether the group was looked at within this minute."""
    async with desk.database.transaction() as tx:
        row = await tx.get(WatchedGroup, group)
        return row is not None and timedelta(0) <= desk.clock() - row.looked_at < LOOKED_AT_WITHIN


async def known_members(desk: Desk, group: str) -> Mapping[str, Member]:
    """By user id, who was in Slack's user group when it was last looked at."""
    async with desk.database.transaction() as tx:
        known = (await known_groups(tx)).get(group, {})
    return {one.key.user_id: Member(one.key, one.name) for one in known.values()}


async def left_groups(desk: Desk) -> Sequence[str]:
    """The groups that the settings no longer have, and that somebody was in."""
    async with desk.database.transaction() as tx:
        known = await known_groups(tx)
    return sorted(group for group, members in known.items() if members and group not in desk.settings.groups)


async def note_members(desk: Desk, group: str, members: Sequence[Member]) -> None:
    """Compare with what was known, and put what is different on record."""
    setting = desk.settings.groups.get(group)
    named = frozenset[str]() if setting is None else setting.member_ids
    now = {
        one.key: KnownMember(one.key, storable(one.name, limit=_NAME_LENGTH), one.key.user_id in named)
        for one in members
    }
    async with desk.database.transaction() as tx:
        row = await tx.get(WatchedGroup, group, with_for_update=True)
        if row is None:
            row = WatchedGroup(name=group)
            tx.add(row)
        row.looked_at = desk.clock()
        known = await known_groups(tx)
        change = _change(known.get(group, {}), now)
        # The first look is on record even where nobody is in it: whoever comes then is a change.
        if group not in known or any(change.values()):
            await _tell(desk, tx, {"group": group, **change}, is_first=group not in known)


Known = Mapping[PersonKey, KnownMember]


def _change(before: Known, now: Known) -> dict[str, list[dict[str, str]]]:
    could = {key for key, one in before.items() if one.is_named}
    can = {key for key, one in now.items() if one.is_named}
    return {
        "added": _people(now, can - could),
        "removed": _people(before, (before.keys() - now.keys()) | (could - can)),
        "notInSettings": _people(now, (now.keys() - can) - (before.keys() - could)),
    }


def _people(known: Known, keys: Collection[PersonKey]) -> list[dict[str, str]]:
    return [{"key": str(key), "name": one.name} for key, one in known.items() if key in keys]


async def _tell(desk: Desk, tx: Transaction, change: dict[str, Any], *, is_first: bool) -> None:
    at = desk.clock()
    await audit.record(tx, None, Step.GROUP_CHANGED, "slack", change | {"isFirst": is_first}, at=at)
    if not is_first:
        notice = NewDelivery("group_change", Audience.INTERNAL, desk.settings.approvals_channel, args=change)
        await deliveries.post(tx, notice, delivery_id=desk.new_id(), at=at)


def group_change_facts(args: Mapping[str, Any]) -> GroupChangeFacts:
    """An announcement's facts, from what was stored with it."""
    added, removed, powerless = (
        tuple((PersonKey.parse(one["key"]).user_id, Untrusted(one["name"])) for one in args[what])
        for what in ("added", "removed", "notInSettings")
    )
    return GroupChangeFacts(args["group"], added, removed, powerless)
