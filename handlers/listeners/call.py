"""What a listener is handed: a payload that was read, not trusted, and the ways to answer it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from handlers.errors import NotFound, Refused
from handlers.reception import Reception
from handlers.views.blocks import Block
from handlers.views.rendered import Rendered
from policy.terms import Person

log = logging.getLogger(__name__)

TOO_LATE = "Slack closed the window before I could fill it. Please press again."
_TRIGGER_GONE = frozenset({"expired_trigger_id", "exchanged_trigger_id", "trigger_expired", "trigger_exchanged"})


@dataclass(frozen=True)
class Call:
    """One interaction: a click, a submitted view, a command or a shortcut."""

    reception: Reception
    body: Mapping[str, Any]

    async def person(self) -> Person:
        """Who did it, read live. Raises IdentityRefused or IdentityUnavailable."""
        return await self.reception.identity.clicker(self.body)

    @property
    def user_id(self) -> str:
        """The account to answer; decides nothing."""
        user = self.body.get("user")
        found = user.get("id") if isinstance(user, Mapping) else self.body.get("user_id")
        return found if isinstance(found, str) else ""

    @property
    def channel(self) -> str | None:
        """Where it happened, if it happened in a channel."""
        container, channel = self.body.get("container"), self.body.get("channel")
        if isinstance(container, Mapping) and isinstance(container.get("channel_id"), str):
            return str(container["channel_id"])
        if isinstance(channel, Mapping) and isinstance(channel.get("id"), str):
            return str(channel["id"])
        flat = self.body.get("channel_id")
        return flat if isinstance(flat, str) else None

    @property
    def message_ts(self) -> str | None:
        """The message a button stands in."""
        container = self.body.get("container")
        found = container.get("message_ts") if isinstance(container, Mapping) else None
        return found if isinstance(found, str) else None

    @property
    def thread_ts(self) -> str | None:
        """The thread that message stands in."""
        container = self.body.get("container")
        found = container.get("thread_ts") if isinstance(container, Mapping) else None
        return found if isinstance(found, str) else None

    @property
    def trigger_id(self) -> str:
        """Slack's own id of this interaction: opens one view within three seconds, and names a vote."""
        found = self.body.get("trigger_id")
        return found if isinstance(found, str) else ""

    @property
    def view(self) -> Mapping[str, Any]:
        """The view it happened in, or an empty one."""
        view = self.body.get("view")
        return view if isinstance(view, Mapping) else {}

    @property
    def is_home(self) -> bool:
        """Whether it happened on App Home."""
        return self.view.get("type") == "home"

    @property
    def action(self) -> Mapping[str, Any]:
        """The pressed element."""
        actions = self.body.get("actions")
        found = actions[0] if isinstance(actions, list) and actions else {}
        return found if isinstance(found, Mapping) else {}

    @property
    def value(self) -> str:
        """What the pressed element carries: an opaque id to look up, never a decision."""
        action = self.action
        option = action.get("selected_option")
        found = option.get("value") if isinstance(option, Mapping) else action.get("value")
        return found if isinstance(found, str) else ""

    def id_value(self) -> UUID:
        """The pressed element's value as an id. Raises NotFound."""
        return read_id(self.value)

    def input_values(self) -> dict[str, str]:
        """What was typed or chosen in a submitted view, by block id. Empty inputs are left out."""
        state = self.view.get("state")
        blocks = state.get("values") if isinstance(state, Mapping) else None
        values = {}
        for block_id, elements in (blocks or {}).items():
            for element in elements.values() if isinstance(elements, Mapping) else ():
                text = _entered(element)
                if text is not None:
                    values[str(block_id)] = text
        return values

    @property
    def metadata(self) -> str:
        """The view's private metadata: an opaque id that we put there, for finding things again."""
        found = self.view.get("private_metadata")
        return found if isinstance(found, str) else ""

    async def open_view(self, view: Block) -> None:
        """Open a modal on this interaction, over the modal it happened in if there is one. Raises Refused."""
        client = self.reception.client
        try:
            if self.view.get("type") == "modal":
                await client.views_push(trigger_id=self.trigger_id, view=view)
            else:
                await client.views_open(trigger_id=self.trigger_id, view=view)
        except SlackApiError as error:
            if error.response.get("error") in _TRIGGER_GONE:
                raise Refused(f"the trigger is gone: {error}", code="trigger-gone", reply=TOO_LATE) from error
            raise

    async def update_view(self, view: Block) -> None:
        """Show other blocks in the modal this happened in."""
        await self.reception.client.views_update(
            view_id=str(self.view.get("id")), hash=str(self.view.get("hash") or "") or None, view=view
        )

    def tell(self, rendered: Rendered) -> None:
        """Answer only the person, where it happened; on App Home there is nowhere to say it."""
        if self.channel is not None and self.user_id:
            self.reception.whispers.say(self.channel, self.user_id, rendered, thread_ts=self.thread_ts)

    async def show(self, rendered: Rendered, view: Block) -> None:
        """Tell the person: beside the message, or in a modal where there is no message to stand beside."""
        if self.channel is not None:
            self.tell(rendered)
            return
        try:
            await self.open_view(view)
        except (Refused, SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("could not tell %s: %r", self.user_id, error)


def read_id(text: str) -> UUID:
    """An id of ours. Raises NotFound for anything else."""
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound("ticket or request") from error


def _entered(element: object) -> str | None:
    if not isinstance(element, Mapping):
        return None
    option = element.get("selected_option")
    found = option.get("value") if isinstance(option, Mapping) else element.get("value")
    found = found if found is not None else element.get("selected_user")
    return found if isinstance(found, str) else None
