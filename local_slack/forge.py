"""The explicit door for forgeries: payloads no client of Slack's would have produced, delivered as if it had.

Nothing else in the local Slack sends what is not in the stored world.
"""

from __future__ import annotations

import copy

from local_slack.blockkit import lookup
from local_slack.delivery.attempt import COMMANDS, EVENTS, INTERACTIVE, Outcome, Parcel
from local_slack.delivery.dispatch import Dispatch
from local_slack.errors import Missing
from local_slack.events import Events
from local_slack.interactions import Interactions, Place
from local_slack.records import AppInstall, Json
from local_slack.world import World


class Forge:
    """Sends payloads exactly as given: signed over HTTP, or over the socket."""

    def __init__(
        self, world: World, dispatch: Dispatch, events: Events, interactions: Interactions, app: AppInstall
    ) -> None:
        self._world = world
        self._dispatch = dispatch
        self._events = events
        self._interactions = interactions
        self._app = app

    async def send(self, payload: Json, *, kind: str | None = None) -> Outcome:
        """Deliver once, without retries, and return whether it was acknowledged and with what.

        The kind (`events_api`, `slash_commands`, `interactive`) is taken from the payload unless given.
        """
        parcel = Parcel(kind or _kind(payload), payload, accepts_response=True)
        return await self._dispatch.once(self._app, parcel)

    def event_envelope(self, event: Json, channel: str | None = None) -> Json:
        """A genuine envelope around any event, to be changed or sent."""
        found = self._world.channel(channel) if channel else None
        return self._events.envelope(self._app, event, found)

    def click_payload(self, who: str, channel: str, ts: str, action_id: str, block_id: str | None = None) -> Json:
        """The payload a click by `who` would have made, even if they see no such message or cannot sign in.

        Change it and `send` it: another value, another message, another team.
        """
        user = self._world.user(who)
        place = Place(self._world.channel(channel).id, ts)
        scene = self._interactions.scene(user, place, even_if_hidden=True)
        found = lookup.find(scene.blocks, action_id, block_id)
        if found is None:
            raise Missing("no_such_element", f"no element {action_id!r} in the stored blocks")
        return copy.deepcopy(self._interactions.click_payload(user, scene, found, None))


def _kind(payload: Json) -> str:
    if payload.get("type") == "event_callback":
        return EVENTS
    return COMMANDS if "command" in payload else INTERACTIVE
