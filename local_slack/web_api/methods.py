"""THE table of Web API methods: what serves each, how often, and which scope and arguments it needs.

Tiers are those of https://docs.slack.dev/reference/methods; Slack's Java SDK lists them in MethodsRateLimits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local_slack.rate_limits import Tier
from local_slack.records import Json
from local_slack.web_api import channel_changes, chat, conversations, files, people, streams, surfaces
from local_slack.web_api.calling import Call

BOT, APP_LEVEL, NOBODY = "bot", "app", "none"

_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
_MANAGE = ("channels:manage", "groups:write")
_INVITE = (*_MANAGE, "channels:write.invites", "groups:write.invites")
_TOPIC = (*_MANAGE, "channels:write.topic", "groups:write.topic")


@dataclass(frozen=True)
class Method:
    """One Web API method. Any one of `scopes` is enough; `token` says which kind of token may call it."""

    serve: Callable[[Call], Json]
    tier: Tier
    scopes: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    token: str = BOT


METHODS: dict[str, Method] = {
    "api.test": Method(surfaces.api_test, Tier.FOUR, token=NOBODY),
    "auth.test": Method(surfaces.auth_test, Tier.HUNDREDS),
    "apps.connections.open": Method(surfaces.connections_open, Tier.ONE, token=APP_LEVEL),
    "bots.info": Method(people.bots_info, Tier.THREE, ("users:read",), ("bot",)),
    "chat.appendStream": Method(streams.append, Tier.FOUR, ("chat:write",), ("channel", "ts")),
    "chat.delete": Method(chat.delete, Tier.THREE, ("chat:write",), ("channel", "ts")),
    "chat.getPermalink": Method(chat.get_permalink, Tier.HUNDREDS, (), ("channel", "message_ts")),
    "chat.postEphemeral": Method(chat.post_ephemeral, Tier.FOUR, ("chat:write",), ("channel", "user")),
    "chat.postMessage": Method(chat.post_message, Tier.POSTS, ("chat:write",), ("channel",)),
    "chat.startStream": Method(streams.start, Tier.TWO, ("chat:write",), ("channel", "thread_ts")),
    "chat.stopStream": Method(streams.stop, Tier.TWO, ("chat:write",), ("channel", "ts")),
    "chat.update": Method(chat.update, Tier.THREE, ("chat:write",), ("channel", "ts")),
    "conversations.archive": Method(channel_changes.archive, Tier.TWO, _MANAGE, ("channel",)),
    "conversations.create": Method(channel_changes.create, Tier.TWO, _MANAGE, ("name",)),
    "conversations.history": Method(conversations.history, Tier.THREE, _HISTORY, ("channel",)),
    "conversations.info": Method(conversations.info, Tier.THREE, _READ, ("channel",)),
    "conversations.invite": Method(channel_changes.invite, Tier.THREE, _INVITE, ("channel", "users")),
    "conversations.join": Method(conversations.join, Tier.THREE, ("channels:join",), ("channel",)),
    "conversations.kick": Method(channel_changes.kick, Tier.THREE, _MANAGE, ("channel", "user")),
    "conversations.leave": Method(conversations.leave, Tier.THREE, ("channels:manage", "channels:join"), ("channel",)),
    "conversations.list": Method(conversations.list_, Tier.TWO, _READ),
    "conversations.members": Method(conversations.members, Tier.FOUR, _READ, ("channel",)),
    "conversations.open": Method(conversations.open_, Tier.THREE, ("im:write", "mpim:write")),
    "conversations.rename": Method(channel_changes.rename, Tier.TWO, _MANAGE, ("channel", "name")),
    "conversations.replies": Method(conversations.replies, Tier.THREE, _HISTORY, ("channel", "ts")),
    "conversations.setTopic": Method(channel_changes.set_topic, Tier.TWO, _TOPIC, ("channel", "topic")),
    "conversations.unarchive": Method(channel_changes.unarchive, Tier.TWO, _MANAGE, ("channel",)),
    "files.completeUploadExternal": Method(files.complete_upload, Tier.FOUR, ("files:write",), ("files",)),
    "files.getUploadURLExternal": Method(files.get_upload_url, Tier.FOUR, ("files:write",), ("filename", "length")),
    "files.info": Method(files.info, Tier.FOUR, ("files:read",), ("file",)),
    "reactions.add": Method(surfaces.reactions_add, Tier.THREE, ("reactions:write",), ("channel", "timestamp", "name")),
    "reactions.get": Method(surfaces.reactions_get, Tier.THREE, ("reactions:read",), ("channel", "timestamp")),
    "reactions.remove": Method(
        surfaces.reactions_remove, Tier.TWO, ("reactions:write",), ("channel", "timestamp", "name")
    ),
    "team.info": Method(people.team_info, Tier.THREE, ("team:read",)),
    "usergroups.list": Method(people.usergroups_list, Tier.TWO, ("usergroups:read",)),
    "usergroups.users.list": Method(people.usergroups_users_list, Tier.TWO, ("usergroups:read",), ("usergroup",)),
    "users.conversations": Method(conversations.of_user, Tier.TWO, _READ),
    "users.getPresence": Method(people.users_get_presence, Tier.THREE, ("users:read",), ("user",)),
    "users.info": Method(people.users_info, Tier.FOUR, ("users:read",), ("user",)),
    "users.list": Method(people.users_list, Tier.TWO, ("users:read",)),
    "users.lookupByEmail": Method(people.users_lookup_by_email, Tier.THREE, ("users:read.email",), ("email",)),
    "users.profile.get": Method(people.users_profile_get, Tier.FOUR, ("users.profile:read",), ("user",)),
    "views.open": Method(surfaces.views_open, Tier.FOUR, (), ("trigger_id", "view")),
    "views.publish": Method(surfaces.views_publish, Tier.FOUR, (), ("user_id", "view")),
    "views.push": Method(surfaces.views_push, Tier.FOUR, (), ("trigger_id", "view")),
    "views.update": Method(surfaces.views_update, Tier.FOUR, (), ("view",)),
}
