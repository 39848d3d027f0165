"""What a workspace admin (or fate) changes: people, groups, channels, the bot's membership."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from local_slack import objects
from local_slack.events import Events
from local_slack.live import LiveHub
from local_slack.messages import Messages
from local_slack.records import Channel, Group, Json, User
from local_slack.world import ChannelLog, World


class Admin:
    """Every method takes handles or ids, changes the world at once, and emits the events Slack would."""

    def __init__(self, world: World, events: Events, messages: Messages, live: LiveHub) -> None:
        self._world = world
        self._events = events
        self._messages = messages
        self._live = live

    # People.

    def deactivate(self, who: str) -> None:
        """Deactivate an account; its groups lose it, as in Slack."""
        user = self._world.user(who)
        self.set_flags(user.id, add=("deleted",))
        for group in list(self._world.groups.values()):
            if user.id in group.users:
                self.set_group_members(group.handle, [u for u in group.users if u != user.id])

    def reactivate(self, who: str) -> None:
        self.set_flags(who, remove=("deleted",))

    def set_flags(self, who: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Change a person's flags, such as `is_restricted` or `email_unconfirmed`."""
        user = self._world.user(who)
        self._change(dataclasses.replace(user, flags=(user.flags | set(add)) - set(remove)))

    def rename(
        self,
        who: str,
        *,
        display_name: str | None = None,
        real_name: str | None = None,
        title: str | None = None,
        email: str | None = None,
        handle: str | None = None,
    ) -> None:
        """Change what a person can change about themselves: none of it proves anything."""
        wanted = {
            "display_name": display_name,
            "real_name": real_name,
            "title": title,
            "email": email,
            "handle": handle,
        }
        changes = {name: value for name, value in wanted.items() if value is not None}
        self._change(dataclasses.replace(self._world.user(who), **changes))  # type: ignore[arg-type]  # strings all

    def add_user(self, user: User) -> None:
        """A new person or bot; apps of their workspace hear `team_join`."""
        self._change(user, "team_join")

    def _change(self, user: User, kind: str = "user_change") -> None:
        self._world.put_user(user)
        for app in self._world.apps.values():
            visible = app.team_id in self._world.teams_of(user) or self._world.shares_channel(user, app)
            if visible:
                shown = objects.user_object(self._world, user, app, with_email="users:read.email" in app.scopes)
                event = {
                    "type": kind,
                    "user": shown,
                    "cache_ts": int(self._world.mint.now()),
                    "event_ts": self._world.mint.ts(),
                }
                self._events.emit_to_many([app], event)

    def add_group(self, group: Group) -> None:
        """Make a user group, or change what it is: disabled or not."""
        self._world.groups[group.id] = group
        self._world.touch()

    def set_group_members(self, handle: str, people: Sequence[str]) -> None:
        """Replace the members of a user group."""
        group = self._world.group(handle)
        users = tuple(self._world.user(who).id for who in people)
        self._world.groups[group.id] = dataclasses.replace(group, users=users)
        self._world.touch()
        added = [u for u in users if u not in group.users]
        removed = [u for u in group.users if u not in users]
        event: Json = {
            "type": "subteam_members_changed",
            "subteam_id": group.id,
            "team_id": group.team_id,
            "date_previous_update": 1700000000,
            "date_update": int(self._world.mint.now()),
            "added_users": added,
            "added_users_count": len(added),
            "removed_users": removed,
            "removed_users_count": len(removed),
            "event_ts": self._world.mint.ts(),
        }
        self._events.emit_to_many([app for app in self._world.apps.values() if app.team_id == group.team_id], event)

    # Apps.

    def revoke_tokens(self, app_id: str | None = None) -> None:
        """Uninstall-like: the bot token of the app (Countersign unless named) answers `token_revoked`."""
        found = self._world.apps[app_id or next(iter(self._world.apps))]
        self._world.revoked_tokens.add(found.bot_token)

    # Channels.

    def share_channel(self, which: str, team: str) -> None:
        """Make a channel Slack Connect with another team (by id or name)."""
        channel = self._world.channel(which)
        found = next(t for t in self._world.teams.values() if team in (t.id, t.name, t.domain))
        shared = dataclasses.replace(channel, teams=(*channel.teams, found.id))
        self._put(shared)
        event: Json = {
            "type": "channel_shared",
            "connected_team_id": found.id,
            "channel": channel.id,
            "event_ts": self._world.mint.ts(),
        }
        self._events.emit(event, shared)

    def unshare_channel(self, which: str, team: str) -> None:
        """End a Slack Connect share; the other team's people leave."""
        channel = self._world.channel(which)
        found = next(t for t in self._world.teams.values() if team in (t.id, t.name, t.domain))
        members = tuple(m for m in channel.members if found.id not in self._world.teams_of(self._world.users[m]))
        left = dataclasses.replace(channel, teams=tuple(t for t in channel.teams if t != found.id), members=members)
        self._put(left)
        event: Json = {
            "type": "channel_unshared",
            "previously_connected_team_id": found.id,
            "channel": channel.id,
            "is_ext_shared": left.is_ext_shared,
            "event_ts": self._world.mint.ts(),
        }
        self._events.emit(event, left)

    def add_member(self, which: str, who: str, *, inviter: str | None = None) -> None:
        channel, user = self._world.channel(which), self._world.user(who)
        joined = dataclasses.replace(channel, members=tuple(dict.fromkeys((*channel.members, user.id))))
        self._put(joined)
        self._membership(joined, user, "member_joined_channel", inviter)

    def remove_member(self, which: str, who: str) -> None:
        channel, user = self._world.channel(which), self._world.user(who)
        left = dataclasses.replace(channel, members=tuple(m for m in channel.members if m != user.id))
        self._membership(channel, user, "member_left_channel")
        self._put(left)

    def _membership(self, channel: Channel, user: User, kind: str, inviter: str | None = None) -> None:
        invited = {} if inviter is None else {"inviter": inviter}
        event: Json = {
            "type": kind,
            "user": user.id,
            "channel": channel.id,
            "channel_type": "G" if channel.is_private else "C",
            "team": user.team_id,
            "event_ts": self._world.mint.ts(),
        } | invited
        self._events.emit(event, channel, author=user)
        verb = "joined" if kind == "member_joined_channel" else "left"
        self._messages.post(
            channel,
            {
                "subtype": "channel_join" if verb == "joined" else "channel_leave",
                "user": user.id,
                "text": f"<@{user.id}> has {verb} the channel",
            }
            | invited,
        )

    def remove_bot(self, which: str, bot: str = "countersign") -> None:
        """Take the bot out of a channel; it hears `channel_left` or `group_left` and nothing more from there."""
        channel, user = self._world.channel(which), self._world.user(bot)
        left = dataclasses.replace(channel, members=tuple(m for m in channel.members if m != user.id))
        self._put(left)
        app = self._world.app_by_bot(user.id)
        if app is not None:
            kind = "group_left" if channel.is_private else "channel_left"
            event: Json = {
                "type": kind,
                "channel": channel.id,
                "actor_id": channel.creator,
                "event_ts": self._world.mint.ts(),
            }
            self._events.emit_to_many([app], event)

    def add_bot(self, which: str, bot: str = "countersign") -> None:
        self.add_member(which, bot)

    def create_channel(
        self,
        name: str,
        members: Sequence[str],
        *,
        is_private: bool = False,
        teams: Sequence[str] = ("T0ACME00001",),
        creator: str = "U0OLIVIA001",
    ) -> str:
        """A new channel with these members; returns its id."""
        users = tuple(self._world.user(who).id for who in members)
        now = int(self._world.mint.now())
        channel = Channel(
            self._world.mint.entity("C"), name, tuple(teams), users, is_private, created=now, creator=creator
        )
        self._world.add_channel(channel)
        self._live.channel_changed(channel)
        return channel.id

    def set_topic(self, which: str, topic: str, *, by: str = "U0OLIVIA001") -> None:
        """Change a channel's topic; Slack says so in the channel."""
        channel = dataclasses.replace(self._world.channel(which), topic=topic)
        self._put(channel)
        told = {"user": by, "text": f"<@{by}> set the channel topic: {topic}", "topic": topic}
        self._messages.post(channel, told | {"subtype": "group_topic" if channel.is_private else "channel_topic"})

    def restrict_channel_creation(self, *, is_on: bool = True) -> None:
        """The workspace preference by which apps and most people may not make channels."""
        self._world.only_people_make_channels = is_on

    def archive_channel(self, which: str) -> None:
        channel = self._world.channel(which)
        self._put(dataclasses.replace(channel, is_archived=True))
        kind = "group_archive" if channel.is_private else "channel_archive"
        self._events.emit(self._about(kind, channel), channel)

    def unarchive_channel(self, which: str) -> None:
        channel = dataclasses.replace(self._world.channel(which), is_archived=False)
        self._put(channel)
        kind = "group_unarchive" if channel.is_private else "channel_unarchive"
        self._events.emit(self._about(kind, channel), channel)

    def rename_channel(self, which: str, name: str) -> None:
        channel = self._world.channel(which)
        renamed = dataclasses.replace(channel, name=name, previous_names=(channel.name, *channel.previous_names))
        self._put(renamed)
        event: Json = {
            "type": "group_rename" if channel.is_private else "channel_rename",
            "channel": {"id": channel.id, "name": name, "created": channel.created},
            "event_ts": self._world.mint.ts(),
        }
        self._events.emit(event, renamed)

    def delete_channel(self, which: str) -> None:
        """Delete a channel with everything in it."""
        channel = self._world.channel(which)
        kind = "group_deleted" if channel.is_private else "channel_deleted"
        self._events.emit(self._about(kind, channel), channel)
        self._live.channel_changed(channel, channel.members)
        del self._world.channels[channel.id]
        self._world.logs[channel.id] = ChannelLog()
        self._world.touch()

    def _about(self, kind: str, channel: Channel) -> Json:
        return {
            "type": kind,
            "channel": channel.id,
            "actor_id": channel.creator,
            "user": channel.creator,
            "event_ts": self._world.mint.ts(),
        }

    def _put(self, channel: Channel) -> None:
        self._world.put_channel(channel)
        self._live.channel_changed(channel)
