"""Who is in a policy group is not who was in it: put on the system's chain, and announced in the approvals channel.

A member can decide if Slack's user group and the settings both have them, so a change of either is a change. What was
known is kept in the database: what changed while no process ran is announced at the start. The first look at a group is
put on record and not announced.

Who a waiting card names as eligible stays as it is. It is part of what was shown and voted on, and it lets nobody in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
        return row is not None and desk.clock() - row.looked_at < LOOKED_AT_WITHIN


async def known_members(desk: Desk, group: str) -> Mapping[str, Member]:
    """By user id, who was in Slack's user group when it was last looked at."""
    async with desk.database.transaction() as tx:
        row = await tx.get(WatchedGroup, group)
        return {} if row is None else {key.user_id: Member(key, name) for key, name, _ in _stored(row)}


async def note_members(desk: Desk, group: str, members: Sequence[Member]) -> None:
    """Compare with what was known, and put what is different on record."""
    named = desk.settings.groups[group].member_ids
    now = [(one.key, storable(one.name, limit=_NAME_LENGTH), one.key.user_id in named) for one in members]
    async with desk.database.transaction() as tx:
        row = await tx.get(WatchedGroup, group, with_for_update=True)
        before = [] if row is None else _stored(row)
        if row is None:
            row = WatchedGroup(name=group)
            tx.add(row)
        is_first = row.looked_at is None
        row.members = [{"key": str(key), "name": name, "isNamed": is_named} for key, name, is_named in now]
        row.looked_at = desk.clock()
        change = _change(before, now)
        if any(change.values()):
            await _tell(desk, tx, {"group": group, **change}, is_first=is_first)


Known = tuple[PersonKey, str, bool]
"""An account in Slack's user group, its name, and whether the settings have it too."""


def _change(before: Sequence[Known], now: Sequence[Known]) -> dict[str, list[dict[str, str]]]:
    were_in, are_in = {key for key, _, _ in before}, {key for key, _, _ in now}
    could = {key for key, _, is_named in before if is_named}
    can = {key for key, _, is_named in now if is_named}
    return {
        "added": _people(now, can - could),
        "removed": _people(before, (were_in - are_in) | (could - can)),
        "notInSettings": _people(now, (are_in - can) - (were_in - could)),
    }


def _people(known: Iterable[Known], keys: set[PersonKey]) -> list[dict[str, str]]:
    return [{"key": str(key), "name": name} for key, name, _ in known if key in keys]


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


def _stored(row: WatchedGroup) -> list[Known]:
    return [(PersonKey.parse(one["key"]), one["name"], one["isNamed"]) for one in row.members]
