"""What a listener is handed: a payload that was read, not trusted, and the ways to answer it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from slack_sdk.errors import SlackApiError

from handlers.errors import NotFound, Refused
from handlers.reception import Reception, Way
from handlers.views.blocks import Block
from handlers.views.notice_modal import notice_modal
from handlers.views.notices import Notice
from policy.terms import Person

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
    def response_url(self) -> str:
        """Where Slack takes an answer for this person alone; it is checked before anything is sent there."""
        found = self.body.get("response_url")
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

    def tell(self, notice: Notice) -> None:
        """Answer only the person, where it happened: beside the acknowledgement, which never waits for this."""
        self.reception.whispers.say(self.user_id, list(self._ways(notice)))

    def _ways(self, notice: Notice) -> Iterator[Way]:
        """The ways to this person, the surest first.

        A response URL leads to them everywhere; an ephemeral message only where the bot is a member too. On App Home
        there is neither, and for a modal the time may be over.
        """
        if self.response_url:
            yield partial(self.reception.response_urls.post, self.response_url, notice, thread_ts=self.thread_ts)
        if self.channel and self.user_id:
            yield partial(
                self.reception.client.chat_postEphemeral,
                channel=self.channel,
                user=self.user_id,
                text=notice.text,
                blocks=list(notice.blocks),
                thread_ts=self.thread_ts,
            )
        if self.trigger_id:
            yield partial(self.open_view, notice_modal(notice))


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
