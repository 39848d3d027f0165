"""conversations.create, invite, kick, archive, rename, setTopic: what an app changes about channels."""

from __future__ import annotations

import re

from local_slack.errors import Invalid, Missing, Refused
from local_slack.objects import channel_object
from local_slack.records import Channel, Json
from local_slack.web_api.calling import Call

_NAME = re.compile(r"[a-z0-9_-]{1,80}")


def _shown(call: Call, channel_id: str) -> Json:
    return {"channel": channel_object(call.world, call.world.channels[channel_id], call.app)}


def _new_name(call: Call) -> str:
    """A channel name that is well-formed and free. Raises Invalid or Refused."""
    name = call.args.text("name").removeprefix("#")
    if not _NAME.fullmatch(name):
        raise Invalid("invalid_name_specials" if len(name) <= 80 else "invalid_name_maxlength")
    if any(channel.name == name for channel in call.world.channels.values()):
        raise Refused("name_taken")
    return name


def create(call: Call) -> Json:
    is_private = call.args.flag("is_private")
    call.need_scope("groups:write" if is_private else "channels:manage")
    name = _new_name(call)
    channel_id = call.services.admin.create_channel(
        name, [call.app.bot_user_id], is_private=is_private, teams=(call.app.team_id,)
    )
    return _shown(call, channel_id)


def invite(call: Call) -> Json:
    channel = _manageable(call)
    users = call.args.names("users")
    if unknown := [user for user in users if user not in call.world.users]:
        raise Missing("user_not_found", unknown[0])
    if any(user in channel.members for user in users):
        raise Refused("already_in_channel")
    for user in users:
        call.services.admin.add_member(channel.id, user)
    return _shown(call, channel.id)


def kick(call: Call) -> Json:
    channel = _manageable(call)
    user = call.user()
    if user.id == call.app.bot_user_id:
        raise Refused("cant_kick_self")
    if user.id not in channel.members:
        raise Refused("not_in_channel")
    call.services.admin.remove_member(channel.id, user.id)
    return {}


def archive(call: Call) -> Json:
    channel = _manageable(call)
    if channel.name == "general":
        raise Refused("cant_archive_general")
    if channel.is_archived:
        raise Refused("already_archived")
    call.services.admin.archive_channel(channel.id)
    return {}


def unarchive(call: Call) -> Json:
    channel = _manageable(call)
    if not channel.is_archived:
        raise Refused("not_archived")
    call.services.admin.unarchive_channel(channel.id)
    return {}


def rename(call: Call) -> Json:
    channel = _manageable(call)
    call.services.admin.rename_channel(channel.id, _new_name(call))
    return _shown(call, channel.id)


def set_topic(call: Call) -> Json:
    channel = _manageable(call)
    topic = call.args.text("topic")
    if len(topic) > 250:
        raise Invalid("too_long")
    call.services.admin.set_topic(channel.id, topic)
    return _shown(call, channel.id)


def _manageable(call: Call) -> Channel:
    """A channel the bot is in and has the scope to change."""
    channel = call.joined_channel()
    if channel.kind == "im":
        raise Refused("method_not_supported_for_channel_type")
    call.need_scope("groups:write" if channel.is_private else "channels:manage")
    return channel
