"""A user group changed: the groups are looked at by a job, for what the event says of them proves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.flows.note_members import ask_for_look
from handlers.reception import Reception

EVENTS = frozenset({"subteam_members_changed", "subteam_updated"})


async def changed(reception: Reception, event: Mapping[str, Any]) -> None:
    """Have the groups looked at, if it is one of ours. Raises DatabaseUnavailable: then Slack sends it again."""
    subteam = event.get("subteam")
    named = {event.get("subteam_id"), subteam.get("id") if isinstance(subteam, Mapping) else None}
    if any(group.usergroup_id in named for group in reception.desk.settings.groups.values()):
        await ask_for_look(reception.desk, is_turn=False)
