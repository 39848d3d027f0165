"""The driver: what one person's client does, as methods for tests. It uses the same code as the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from local_slack import presentation
from local_slack.blockkit import lookup
from local_slack.delivery.attempt import Outcome
from local_slack.errors import Missing
from local_slack.interactions import Interactions, Place
from local_slack.messages import Messages
from local_slack.modals import Modals
from local_slack.people_actions import PeopleActions
from local_slack.records import AppInstall, Json, User
from local_slack.submissions import Submissions
from local_slack.world import World

FileLike = tuple[str, str] | tuple[str, str, int] | Json


class Person:
    """One person at their client. Channels are named by handle or id everywhere."""

    def __init__(
        self,
        who: str,
        app: AppInstall,
        world: World,
        actions: PeopleActions,
        messages: Messages,
        interactions: Interactions,
        submissions: Submissions,
        modals: Modals,
    ) -> None:
        self.id = world.user(who).id
        self._app = app
        self._world = world
        self._actions = actions
        self._messages = messages
        self._interactions = interactions
        self._submissions = submissions
        self._modals = modals

    @property
    def user(self) -> User:
        """The record as it is now (admins may have changed it)."""
        return self._world.user(self.id)

    def _signed_in(self) -> User:
        return self._actions.sign_in(self.id)

    # Writing.

    async def post(
        self,
        channel: str,
        text: str,
        thread_ts: str | None = None,
        files: Sequence[FileLike] = (),
        *,
        broadcast: bool = False,
    ) -> str:
        """Write a message; returns its ts. Files are `(name, mimetype)` or `(name, mimetype, size)`."""
        return self._actions.post(
            self._signed_in(), channel, text, thread_ts, [_file(item) for item in files], broadcast=broadcast
        )

    async def edit(self, channel: str, ts: str, text: str) -> None:
        self._actions.edit(self._signed_in(), channel, ts, text)

    async def delete(self, channel: str, ts: str) -> None:
        self._actions.delete(self._signed_in(), channel, ts)

    async def react(self, channel: str, ts: str, name: str) -> None:
        self._actions.react(self._signed_in(), channel, ts, name)

    # Elements.

    async def click(
        self, channel: str, ts: str, action_id: str, block_id: str | None = None, value: Any = None
    ) -> Outcome | None:
        """Use a button, menu or input of a message; returns whether the app acknowledged.

        Raises LookupError when the stored message this person sees has no such element, or the element does
        not offer `value`.
        """
        place = Place(self._world.channel(channel).id, ts)
        return await self._interactions.click(self._signed_in(), place, action_id, block_id, value)

    async def click_in_modal(
        self, action_id: str, block_id: str | None = None, value: Any = None, view_id: str | None = None
    ) -> Outcome | None:
        """Use an element of a modal (the top one unless named)."""
        place = Place(view_id=view_id or self._top())
        return await self._interactions.click(self._signed_in(), place, action_id, block_id, value)

    async def click_at_home(self, action_id: str, block_id: str | None = None, value: Any = None) -> Outcome | None:
        """Use an element of the app's Home tab."""
        home = self.home()
        if home is None:
            raise Missing("not_found", "no Home tab was published")
        place = Place(view_id=home["id"])
        return await self._interactions.click(self._signed_in(), place, action_id, block_id, value)

    async def options(self, channel: str, ts: str, action_id: str, query: str, block_id: str | None = None) -> Json:
        """Type into an external select of a message; returns what the app suggests."""
        place = Place(self._world.channel(channel).id, ts)
        return await self._interactions.options(self._signed_in(), place, action_id, block_id, query)

    async def modal_options(self, action_id: str, query: str, block_id: str | None = None) -> Json:
        """Type into an external select of the top modal."""
        place = Place(view_id=self._top())
        return await self._interactions.options(self._signed_in(), place, action_id, block_id, query)

    # Commands, shortcuts, Home.

    async def command(self, command: str, text: str = "", channel: str = "general") -> Outcome:
        """Run a slash command; its answer shows up among `ephemerals` or in the channel."""
        user = self._signed_in()
        return await self._interactions.command(user, self._world.channel(channel), command, text)

    async def shortcut(self, callback_id: str, channel: str | None = None, ts: str | None = None) -> Outcome:
        """Run a global shortcut, or with `channel` and `ts` a message shortcut."""
        found = self._world.channel(channel) if channel else None
        return await self._interactions.shortcut(self._signed_in(), callback_id, found, ts)

    async def open_home(self) -> None:
        """Open the app's Home tab; what the app publishes then is at `home()`."""
        self._interactions.open_home(self._signed_in(), self._app)

    # Modals.

    async def submit(self, view_id: str | None = None, values: Mapping[str, Any] | None = None) -> Json:
        """Submit a modal (the top one unless named), filling inputs by action_id or block_id.

        Returns `{}` when it was accepted, `{"response_action": …, "errors": …}` when the client or the app
        objected or wants another view, `{"error": "operation_timeout"}` when the app did not answer.
        """
        view_id = view_id or self._top()
        raw = self._raw_values(view_id, values or {})
        return await self._submissions.submit(self._signed_in(), view_id, raw)

    def _raw_values(self, view_id: str, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        blocks = self._modals.seen_by(self.id, view_id).view["blocks"]
        raw: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            found = next((f for f in lookup.elements(blocks) if name in (f.action_id, f.block_id)), None)
            if found is None:
                raise Missing("no_such_element", f"the modal has no input {name!r}")
            raw.setdefault(found.block_id, {})[found.action_id] = value
        return raw

    async def close(self, view_id: str | None = None) -> None:
        """Close a modal without submitting it."""
        await self._submissions.close(self._signed_in(), view_id or self._top())

    def _top(self) -> str:
        stack = self._modals.stack(self.id)
        if not stack:
            raise Missing("not_found", f"{self.user.handle} has no modal open")
        return str(stack[-1].view["id"])

    # Looking.

    def channels(self) -> list[str]:
        """The names of the channels this person sees."""
        return [c.name for c in self._world.visible_channels(self.user) if c.im_with is None]

    def history(self, channel: str, thread_ts: str | None = None) -> list[Json]:
        """What this person sees in a channel or thread, oldest first, their ephemeral messages included."""
        found = self._actions.visible(self.user, channel)
        return presentation.history(self._world, found, self.user, thread_ts)

    def ephemerals(self, channel: str) -> list[Json]:
        """The messages in a channel (and its threads) that only this person sees, oldest first."""
        found = self._actions.visible(self.user, channel)
        return [item.message for item in self._world.ephemerals.get(found.id, []) if item.user == self.id]

    def direct_messages(self) -> list[Json]:
        """What the app's bot and this person wrote to each other."""
        channel = self._world.direct_channel(self.id, self._app.bot_user_id)
        return presentation.history(self._world, channel, self.user)

    def modals(self) -> list[Json]:
        """The open modals, the bottom one first."""
        return [self._modals.shown(item) for item in self._modals.stack(self.id)]

    def home(self) -> Json | None:
        """The app's Home tab as published for this person."""
        stored = self._modals.home(self.id, self._app.app_id)
        return self._modals.shown(stored) if stored is not None else None

    def reload(self) -> None:
        """Reload the client: ephemeral messages and open modals are gone."""
        self._messages.forget_ephemerals(self.id)
        self._modals.clear(self.id)


def _file(item: FileLike) -> Json:
    if isinstance(item, dict):
        return item
    return {"name": item[0], "mimetype": item[1], "size": item[2] if len(item) == 3 else 1024}
