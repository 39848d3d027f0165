"""conversations.create, invite, kick, archive, rename, setTopic: what an app changes about channels."""

from __future__ import annotations

import re

from local_slack.errors import Invalid, Refused
from local_slack.objects import channel_object
from local_slack.records import Channel, Json, User
from local_slack.web_api.calling import Call

_NAME = re.compile(r"[a-z0-9_-]{1,80}")
MAX_INVITED = 100


def _shown(call: Call, channel_id: str) -> Json:
    return {"channel": channel_object(call.world, call.world.channels[channel_id], call.app)}


def _new_name(call: Call) -> str:
    """A channel name that is well-formed and free. Raises Invalid or Refused."""
    name = call.args.text("name").removeprefix("#")
    if not name.strip():
        raise Invalid("invalid_name_required")
    if len(name) > 80:
        raise Invalid("invalid_name_maxlength")
    if not _NAME.fullmatch(name):
        raise Invalid("invalid_name_specials")
    if not name.strip("_-"):
        raise Invalid("invalid_name_punctuation")
    # An archived channel keeps its name.
    if any(channel.name == name for channel in call.world.channels.values()):
        raise Refused("name_taken")
    return name


def create(call: Call) -> Json:
    is_private = call.args.flag("is_private")
    call.need_scope("groups:write" if is_private else "channels:manage")
    name = _new_name(call)
    if call.world.only_people_make_channels:
        raise Refused("restricted_action")
    channel_id = call.services.admin.create_channel(
        name,
        [call.app.bot_user_id],
        is_private=is_private,
        teams=(call.app.team_id,),
        creator=call.app.bot_user_id,
    )
    return _shown(call, channel_id)


def invite(call: Call) -> Json:
    """Let people in: all of them or nobody, unless `force` lets those in who may."""
    channel = _manageable(call, "write.invites")
    names = list(dict.fromkeys(call.args.names("users")))
    if not names:
        raise Invalid("no_user")
    if len(names) > MAX_INVITED:
        raise Invalid("too_many_users")
    refused = {name: error for name in names if (error := _why_not(call, channel, name))}
    errors = [{"user": name, "ok": False, "error": error} for name, error in refused.items()]
    if refused and (not call.args.flag("force") or set(refused) == set(names)):
        raise Refused(next(iter(refused.values())), "", {"errors": errors})
    for name in names:
        if name not in refused:
            call.services.admin.add_member(channel.id, name, inviter=call.app.bot_user_id)
    return _shown(call, channel.id) | ({"errors": errors} if errors else {})


def _why_not(call: Call, channel: Channel, name: str) -> str | None:
    """Slack's error for somebody who cannot be let in; None for whoever can."""
    if name == call.app.bot_user_id:
        return "cant_invite_self"
    user = call.world.users.get(name)
    if user is None:
        return "user_not_found"
    if user.id in channel.members:
        return "already_in_channel"
    return _why_not_this(call, channel, user)


def _why_not_this(call: Call, channel: Channel, user: User) -> str | None:
    if not set(call.world.teams_of(user)) & set(channel.teams):
        return "no_external_invite_permission"
    if user.flags & {"deleted", "is_invited_user"}:
        return "cant_invite"
    if "is_ultra_restricted" in user.flags:
        return "ura_max_channels"
    return "user_is_restricted" if "is_restricted" in user.flags else None


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
    channel = _manageable(call, "write.topic")
    topic = call.args.text("topic")
    if len(topic) > 250:
        raise Invalid("too_long")
    call.services.admin.set_topic(channel.id, topic, by=call.app.bot_user_id)
    return _shown(call, channel.id)


def _manageable(call: Call, also: str | None = None) -> Channel:
    """A channel the bot is in and has the scope to change; `also` names a narrower scope that is enough."""
    channel = call.joined_channel()
    if channel.kind == "im":
        raise Refused("method_not_supported_for_channel_type")
    prefix, whole = ("groups", "groups:write") if channel.is_private else ("channels", "channels:manage")
    call.need_scope(*(whole,) if also is None else (whole, f"{prefix}:{also}"))
    if channel.is_archived and also is not None:
        raise Refused("is_archived")
    return channel
