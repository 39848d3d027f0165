"""Who is known to be in each policy group: what the trail's `group_changed` steps add up to.

No table says it: whoever takes a row out of one would have the next change looked at for the first time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text

from policy.terms import PersonKey
from storage import system_steps
from storage.database import Transaction


@dataclass(frozen=True)
class KnownMember:
    """An account in Slack's user group."""

    key: PersonKey
    name: str
    """For display only."""
    is_named: bool
    """Whether the settings have it too."""


# Written out, with no value to fill in: an index of these few rows alone serves it.
_CHANGES = text(
    "select chain, seq, at, name, actor, payload::text, prev_hash, hash, key_id from audit_events"
    " where chain = 'system' and name = 'group_changed' order by seq"
)


async def known_groups(tx: Transaction) -> Mapping[str, Mapping[PersonKey, KnownMember]]:
    """By group, those in it when it was last looked at; a group that was never looked at is left out.

    A step that somebody without the key put there counts for nothing.
    """
    groups: dict[str, dict[PersonKey, KnownMember]] = {}
    for event in (step.event for step in await system_steps.read(tx, _CHANGES) if step.is_genuine):
        members = groups.setdefault(event.payload["group"], {})
        for one in event.payload["removed"]:
            members.pop(PersonKey.parse(one["key"]), None)
        for what, is_named in (("added", True), ("notInSettings", False)):
            for one in event.payload[what]:
                key = PersonKey.parse(one["key"])
                members[key] = KnownMember(key, one["name"], is_named)
    return groups
