"""THE table of Web API methods: what serves each, which scope it needs, which arguments it cannot do without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local_slack.records import Json
from local_slack.web_api import channel_changes, chat, conversations, files, people, surfaces
from local_slack.web_api.calling import Call

BOT, APP_LEVEL, NOBODY = "bot", "app", "none"

_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
_MANAGE = ("channels:manage", "groups:write")


@dataclass(frozen=True)
class Method:
    """One Web API method. Any one of `scopes` is enough; `token` says which kind of token may call it."""

    serve: Callable[[Call], Json]
    scopes: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    token: str = BOT


METHODS: dict[str, Method] = {
    "api.test": Method(surfaces.api_test, token=NOBODY),
    "auth.test": Method(surfaces.auth_test),
    "apps.connections.open": Method(surfaces.connections_open, token=APP_LEVEL),
    "bots.info": Method(people.bots_info, ("users:read",), ("bot",)),
    "chat.delete": Method(chat.delete, ("chat:write",), ("channel", "ts")),
    "chat.getPermalink": Method(chat.get_permalink, (), ("channel", "message_ts")),
    "chat.postEphemeral": Method(chat.post_ephemeral, ("chat:write",), ("channel", "user")),
    "chat.postMessage": Method(chat.post_message, ("chat:write",), ("channel",)),
    "chat.update": Method(chat.update, ("chat:write",), ("channel", "ts")),
    "conversations.archive": Method(channel_changes.archive, _MANAGE, ("channel",)),
    "conversations.create": Method(channel_changes.create, _MANAGE, ("name",)),
    "conversations.history": Method(conversations.history, _HISTORY, ("channel",)),
    "conversations.info": Method(conversations.info, _READ, ("channel",)),
    "conversations.invite": Method(channel_changes.invite, _MANAGE, ("channel", "users")),
    "conversations.join": Method(conversations.join, ("channels:join",), ("channel",)),
    "conversations.kick": Method(channel_changes.kick, _MANAGE, ("channel", "user")),
    "conversations.leave": Method(conversations.leave, ("channels:manage", "channels:join"), ("channel",)),
    "conversations.list": Method(conversations.list_, _READ),
    "conversations.members": Method(conversations.members, _READ, ("channel",)),
    "conversations.open": Method(conversations.open_, ("im:write", "mpim:write")),
    "conversations.rename": Method(channel_changes.rename, _MANAGE, ("channel", "name")),
    "conversations.replies": Method(conversations.replies, _HISTORY, ("channel", "ts")),
    "conversations.setTopic": Method(channel_changes.set_topic, _MANAGE, ("channel", "topic")),
    "conversations.unarchive": Method(channel_changes.unarchive, _MANAGE, ("channel",)),
    "files.completeUploadExternal": Method(files.complete_upload, ("files:write",), ("files",)),
    "files.getUploadURLExternal": Method(files.get_upload_url, ("files:write",), ("filename", "length")),
    "files.info": Method(files.info, ("files:read",), ("file",)),
    "reactions.add": Method(surfaces.reactions_add, ("reactions:write",), ("channel", "timestamp", "name")),
    "reactions.get": Method(surfaces.reactions_get, ("reactions:read",), ("channel", "timestamp")),
    "reactions.remove": Method(surfaces.reactions_remove, ("reactions:write",), ("channel", "timestamp", "name")),
    "team.info": Method(people.team_info, ("team:read",)),
    "usergroups.list": Method(people.usergroups_list, ("usergroups:read",)),
    "usergroups.users.list": Method(people.usergroups_users_list, ("usergroups:read",), ("usergroup",)),
    "users.conversations": Method(conversations.of_user, _READ),
    "users.getPresence": Method(people.users_get_presence, ("users:read",), ("user",)),
    "users.info": Method(people.users_info, ("users:read",), ("user",)),
    "users.list": Method(people.users_list, ("users:read",)),
    "users.lookupByEmail": Method(people.users_lookup_by_email, ("users:read.email",), ("email",)),
    "users.profile.get": Method(people.users_profile_get, ("users.profile:read",), ("user",)),
    "views.open": Method(surfaces.views_open, (), ("trigger_id", "view")),
    "views.publish": Method(surfaces.views_publish, (), ("user_id", "view")),
    "views.push": Method(surfaces.views_push, (), ("trigger_id", "view")),
    "views.update": Method(surfaces.views_update, (), ("view",)),
}
