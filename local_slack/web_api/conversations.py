"""conversations.*: what an app can see of channels, and joining, leaving and opening them."""

from __future__ import annotations

from local_slack.errors import Invalid, Missing, Refused
from local_slack.messages import public
from local_slack.objects import channel_object
from local_slack.records import Channel, Json
from local_slack.web_api.calling import Call, next_page

_TYPES = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}


def info(call: Call) -> Json:
    channel = call.channel()
    call.need_channel_scope(channel, "read")
    with_count = call.args.flag("include_num_members")
    return {"channel": channel_object(call.world, channel, call.app, with_count=with_count)}


def list_(call: Call) -> Json:
    page, cursor = call.args.page(_known(call, call.app.bot_user_id, only_joined=False))
    return next_page("channels", [channel_object(call.world, c, call.app, with_count=True) for c in page], cursor)


def of_user(call: Call) -> Json:
    """users.conversations: the channels a person (by default the bot) is in."""
    user_id = call.user().id if call.args.has("user") else call.app.bot_user_id
    page, cursor = call.args.page(_known(call, user_id, only_joined=True))
    return next_page("channels", [channel_object(call.world, c, call.app) for c in page], cursor)


def _known(call: Call, user_id: str, *, only_joined: bool) -> list[Channel]:
    names = call.args.names("types") or ["public_channel"]
    if unknown := [name for name in names if name not in _TYPES]:
        raise Invalid("invalid_types", [f"unknown type: {unknown[0]}"])
    kinds = {_TYPES[name] for name in names}
    for kind in kinds - {"mpim"}:
        call.need_scope({"channel": "channels:read", "group": "groups:read", "im": "im:read"}[kind])
    bot = call.app.bot_user_id
    return [
        channel
        for channel in call.world.channels.values()
        if channel.kind in kinds
        and call.app.team_id in channel.teams
        and (not channel.is_private or bot in channel.members)
        and (not only_joined or user_id in channel.members)
        and not (call.args.flag("exclude_archived") and channel.is_archived)
    ]


def members(call: Call) -> Json:
    channel = call.channel()
    call.need_channel_scope(channel, "read")
    page, cursor = call.args.page(channel.members)
    return {"members": list(page), "response_metadata": {"next_cursor": cursor}}


def history(call: Call) -> Json:
    channel = call.joined_channel()
    call.need_channel_scope(channel, "history")
    newest_first = list(reversed(call.world.logs[channel.id].top_level()))
    return _messages(call, newest_first) | {"pin_count": 0, "channel_actions_ts": None, "channel_actions_count": 0}


def replies(call: Call) -> Json:
    channel = call.joined_channel()
    call.need_channel_scope(channel, "history")
    try:
        asked = call.world.message(channel.id, call.args.text("ts"))
    except Missing as error:
        raise Missing("thread_not_found") from error
    thread = call.world.logs[channel.id].thread(str(asked.get("thread_ts") or asked["ts"]))
    # The parent comes first on every page, whatever the bounds: a reader who pages must skip it.
    body = _messages(call, thread[1:], default_limit=1000)
    body["messages"] = [_shown(call, item) for item in thread[:1]] + body["messages"]
    return body


def _messages(call: Call, ordered: list[Json], default_limit: int = 100) -> Json:
    """The page of messages between `oldest` and `latest`; bounds are exclusive unless `inclusive`."""
    oldest, latest = _bound(call, "oldest", 0.0), _bound(call, "latest", float("inf"))
    inclusive = call.args.flag("inclusive")
    kept = [
        m for m in ordered if oldest < float(m["ts"]) < latest or (inclusive and float(m["ts"]) in (oldest, latest))
    ]
    page, cursor = call.args.page(kept, default_limit, 1000)
    body: Json = {"messages": [_shown(call, item) for item in page], "has_more": bool(cursor)}
    if cursor:
        body["response_metadata"] = {"next_cursor": cursor}
    return body


def _bound(call: Call, name: str, default: float) -> float:
    if not call.args.has(name):
        return default
    try:
        return float(call.args.text(name))
    except ValueError as wrong:
        raise Invalid(f"invalid_ts_{name}") from wrong


def _shown(call: Call, stored: Json) -> Json:
    return dict(stored) if call.args.flag("include_all_metadata") else public(stored)


def join(call: Call) -> Json:
    channel = call.channel()
    if channel.is_private:
        raise Refused("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise Refused("is_archived")
    if call.app.bot_user_id in channel.members:
        shown = channel_object(call.world, channel, call.app)
        return {
            "channel": shown,
            "warning": "already_in_channel",
            "response_metadata": {"warnings": ["already_in_channel"]},
        }
    call.services.admin.add_member(channel.id, call.app.bot_user_id)
    return {"channel": channel_object(call.world, call.world.channels[channel.id], call.app)}


def leave(call: Call) -> Json:
    channel = call.channel()
    if call.app.bot_user_id not in channel.members:
        return {"not_in_channel": True}
    call.services.admin.remove_member(channel.id, call.app.bot_user_id)
    return {}


def open_(call: Call) -> Json:
    """Open (or return) the direct messages with one person."""
    if call.args.has("channel"):
        channel = call.joined_channel()
        return {"channel": _opened(call, channel)}
    users = call.args.names("users")
    if not users:
        raise Invalid("users_list_not_supplied")
    if len(users) > 1:
        raise Refused("method_not_supported_for_channel_type", "group direct messages are not simulated")
    if users[0] not in call.world.users:
        raise Missing("user_not_found")
    return {"channel": _opened(call, call.world.direct_channel(call.app.bot_user_id, users[0]))}


def _opened(call: Call, channel: Channel) -> Json:
    if call.args.flag("return_im"):
        return channel_object(call.world, channel, call.app)
    return {"id": channel.id}
