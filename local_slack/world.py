"""The state of the local Slack: who exists, what was said, which views are open.

Only lookups and bookkeeping live here. Rules (who may post, which event goes where) live in the modules that
change the world, so that the Web API, the page and the test driver share them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from local_slack.cast import Cast
from local_slack.errors import Missing
from local_slack.ids import Mint
from local_slack.records import AppInstall, Channel, Group, Json, Team, User


@dataclass
class ChannelLog:
    """The messages of one channel, oldest first, with an index of each thread's replies."""

    messages: dict[str, Json] = field(default_factory=dict)
    replies: dict[str, list[str]] = field(default_factory=dict)

    def add(self, message: Json) -> None:
        self.messages[message["ts"]] = message
        parent = message.get("thread_ts")
        if parent and parent != message["ts"]:
            self.replies.setdefault(parent, []).append(message["ts"])

    def remove(self, ts: str) -> None:
        message = self.messages.pop(ts)
        parent = message.get("thread_ts")
        if parent and ts in self.replies.get(parent, []):
            self.replies[parent].remove(ts)

    def top_level(self) -> list[Json]:
        """Messages shown in the channel itself: no replies, except those also sent to the channel."""
        return [
            m
            for m in self.messages.values()
            if m.get("thread_ts", m["ts"]) == m["ts"] or m.get("subtype") == "thread_broadcast"
        ]

    def thread(self, parent_ts: str) -> list[Json]:
        """The parent, then its replies in order."""
        parent = [self.messages[parent_ts]] if parent_ts in self.messages else []
        return parent + [self.messages[ts] for ts in self.replies.get(parent_ts, [])]


@dataclass
class Ephemeral:
    """A message only one person sees; it is never stored and never in a history."""

    user: str
    message: Json


@dataclass
class OpenView:
    """A modal or Home tab as Slack keeps it: the view object plus what the person typed so far."""

    view: Json
    user: str
    app_id: str
    state: dict[str, dict[str, Json]] = field(default_factory=dict)


class World:
    """All state of one local Slack. Not thread-safe: it lives on one event loop."""

    def __init__(self, cast: Cast, mint: Mint) -> None:
        self.mint = mint
        self.teams: dict[str, Team] = dict(cast.teams)
        self.users: dict[str, User] = dict(cast.users)
        self.channels: dict[str, Channel] = dict(cast.channels)
        self.groups: dict[str, Group] = dict(cast.groups)
        self.apps: dict[str, AppInstall] = {}
        self.logs: dict[str, ChannelLog] = {channel_id: ChannelLog() for channel_id in self.channels}
        self.ephemerals: dict[str, list[Ephemeral]] = {}
        self.views: dict[str, OpenView] = {}
        self.stacks: dict[str, list[str]] = {}
        self.homes: dict[tuple[str, str], str] = {}
        self.files: dict[str, Json] = {}
        self.file_bytes: dict[str, bytes] = {}
        # What people chose in the inputs of a message: "channel:ts" -> user -> block -> action -> value.
        self.message_state: dict[str, dict[str, dict[str, dict[str, Json]]]] = {}
        self.revoked_tokens: set[str] = set()
        self.only_people_make_channels = False
        self.revision = 0

    def touch(self) -> None:
        """Note that something worth keeping changed."""
        self.revision += 1

    # Lookups: every one takes a handle or an id.

    def user(self, who: str) -> User:
        """The person with this id or handle. Raises Missing (`user_not_found`)."""
        if who in self.users:
            return self.users[who]
        handle = who.removeprefix("@")
        for user in self.users.values():
            if user.handle == handle:
                return user
        raise Missing("user_not_found", who)

    def channel(self, which: str) -> Channel:
        """The channel with this id or name. Raises Missing (`channel_not_found`)."""
        if which in self.channels:
            return self.channels[which]
        name = which.removeprefix("#")
        for channel in self.channels.values():
            if channel.name == name and channel.im_with is None:
                return channel
        raise Missing("channel_not_found", which)

    def group(self, which: str) -> Group:
        """The user group with this id or handle. Raises Missing (`no_such_subteam`)."""
        for group in self.groups.values():
            if which.removeprefix("@") in (group.id, group.handle):
                return group
        raise Missing("no_such_subteam", which)

    def app_by_bot(self, bot_user_id: str) -> AppInstall | None:
        return next((app for app in self.apps.values() if app.bot_user_id == bot_user_id), None)

    def message(self, channel_id: str, ts: str) -> Json:
        """A stored message. Raises Missing (`message_not_found`)."""
        message = self.logs[channel_id].messages.get(ts) if channel_id in self.logs else None
        if message is None:
            raise Missing("message_not_found", f"{channel_id} {ts}")
        return message

    def ephemeral(self, channel_id: str, ts: str, user_id: str) -> Ephemeral | None:
        for item in self.ephemerals.get(channel_id, []):
            if item.message["ts"] == ts and item.user == user_id:
                return item
        return None

    def can_see(self, user: User, channel: Channel) -> bool:
        """Members see a channel; so does any non-guest of its teams unless it is private or a direct message."""
        if user.id in channel.members:
            return True
        is_open = not channel.is_private and channel.im_with is None
        return is_open and not user.is_guest and bool(set(self.teams_of(user)) & set(channel.teams))

    def teams_of(self, user: User) -> tuple[str, ...]:
        """Every workspace of a person; Enterprise people may be in several."""
        return user.enterprise_teams or (user.team_id,)

    def shares_channel(self, user: User, app: AppInstall) -> bool:
        """True when the app's bot and the person are in some channel together (Slack's opposite of a stranger)."""
        return any(
            user.id in channel.members and app.bot_user_id in channel.members
            for channel in self.channels.values()
            if channel.im_with is None
        )

    def visible_channels(self, user: User) -> list[Channel]:
        return [channel for channel in self.channels.values() if self.can_see(user, channel)]

    # Direct messages.

    def direct_channel(self, first: str, second: str) -> Channel:
        """The direct-message channel of two users, opened if there is none."""
        for channel in self.channels.values():
            if channel.im_with is not None and set(channel.members) == {first, second}:
                return channel
        teams = tuple(dict.fromkeys(self.users[user].team_id for user in (first, second)))
        # The id is derived from the pair, so that a restart without a state file does not orphan stored ids.
        derived = f"D{first[2:8]}{second[2:8]}".upper()
        channel_id = self.mint.entity("D") if derived in self.channels else derived
        channel = Channel(
            channel_id,
            "",
            teams,
            (first, second),
            is_private=True,
            created=int(self.mint.now()),
            creator=first,
            im_with=second,
        )
        self.add_channel(channel)
        return channel

    def add_channel(self, channel: Channel) -> None:
        self.channels[channel.id] = channel
        self.logs.setdefault(channel.id, ChannelLog())
        self.touch()

    def put_user(self, user: User) -> None:
        self.users[user.id] = user
        self.touch()

    def put_channel(self, channel: Channel) -> None:
        self.channels[channel.id] = channel
        self.touch()
