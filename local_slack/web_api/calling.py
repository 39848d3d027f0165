"""What a Web API method gets to work with: the caller, the world and the rules about channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local_slack.admin import Admin
from local_slack.delivery.socket_mode import SocketMode
from local_slack.errors import Missing, Refused
from local_slack.events import Events
from local_slack.live import LiveHub
from local_slack.messages import Messages
from local_slack.modals import Modals
from local_slack.rate_limits import RateLimits
from local_slack.records import AppInstall, Channel, Json, User
from local_slack.triggers import Triggers
from local_slack.web_api.arguments import Arguments
from local_slack.world import World

_SCOPE_PREFIX = {"channel": "channels", "group": "groups", "im": "im"}


@dataclass(frozen=True)
class Services:
    """Everything methods use; made once."""

    world: World
    messages: Messages
    admin: Admin
    modals: Modals
    events: Events
    live: LiveHub
    triggers: Triggers
    limits: RateLimits
    socket_mode: SocketMode
    base_url: Callable[[], str]


@dataclass(frozen=True)
class Call:
    """One call of one method by one app."""

    services: Services
    app: AppInstall
    args: Arguments

    @property
    def world(self) -> World:
        return self.services.world

    def need_scope(self, *any_of: str) -> None:
        """Raise Refused (`missing_scope`) unless the token has one of these scopes."""
        if not any(scope in self.app.scopes for scope in any_of):
            raise missing_scope(self.app, any_of)

    def need_channel_scope(self, channel: Channel, what: str) -> None:
        """Like `need_scope`, for scopes that depend on the kind of conversation (`channels:read`, `im:read`)."""
        self.need_scope(f"{_SCOPE_PREFIX[channel.kind]}:{what}")

    def channel(self, name: str = "channel", *, by_name: bool = False) -> Channel:
        """The conversation named by an argument, if the app can know of it. Raises Missing (`channel_not_found`)."""
        wanted = self.args.text(name)
        world = self.world
        if not by_name and wanted not in world.channels:
            raise Missing("channel_not_found", wanted)
        channel = world.channel(wanted)
        is_open = not channel.is_private and channel.im_with is None and self.app.team_id in channel.teams
        if not is_open and self.app.bot_user_id not in channel.members:
            raise Missing("channel_not_found", wanted)
        return channel

    def joined_channel(self, name: str = "channel") -> Channel:
        """Like `channel`, but the bot must be in it. Raises Refused (`not_in_channel`)."""
        channel = self.channel(name)
        if self.app.bot_user_id not in channel.members:
            raise Refused("not_in_channel")
        return channel

    def user(self, name: str = "user") -> User:
        """The person named by an argument, by id only. Raises Missing (`user_not_found`)."""
        wanted = self.args.text(name)
        if wanted not in self.world.users:
            raise Missing("user_not_found", wanted)
        return self.world.users[wanted]


def missing_scope(app: AppInstall, any_of: tuple[str, ...]) -> Refused:
    needed, provided = ",".join(any_of), ",".join(sorted(app.scopes))
    return Refused("missing_scope", f"needs {needed}", {"needed": needed, "provided": provided})


def next_page(items_name: str, items: list[Json], cursor: str) -> Json:
    return {items_name: items, "response_metadata": {"next_cursor": cursor}}
