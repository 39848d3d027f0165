"""How messages, channels and people look to one person's client. Pure: world in, dicts out."""

from __future__ import annotations

from urllib.parse import urlencode

from local_slack.records import SLACKBOT, Channel, Json, User
from local_slack.world import World

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


def message(world: World, channel: Channel, stored: Json, viewer: User) -> Json:
    """A stored message with its `author` as `viewer` sees them; reply counts are already on parents."""
    shown = {name: value for name, value in stored.items() if name != "metadata"}
    if stored.get("files"):
        shown["files"] = [_file(world, item, viewer) for item in stored["files"]]
    return shown | {"channel": channel.id, "author": author(world, stored, viewer)}


def _file(world: World, item: Json, viewer: User) -> Json:
    """A file with the address at which `viewer`'s client finds its content, where there is any."""
    if item.get("id") not in world.file_bytes:
        return item
    return (
        item
        | {"client_url": f"/client/file?{urlencode({'as': viewer.id, 'file': item['id']})}"}
        | ({"is_picture": True} if is_picture(item) else {})
    )


def is_picture(file: Json) -> bool:
    """Whether a client shows the file itself: no format that can hold scripts or addresses."""
    return file.get("mimetype") in PICTURES


def author(world: World, stored: Json, viewer: User) -> Json:
    """Who a message is from. A workflow post has a free-form name and nobody behind it."""
    user = world.users.get(stored.get("user", ""))
    if user is None or stored.get("username"):
        name = stored.get("username") or "Unknown"
        return {
            "id": stored.get("bot_id", ""),
            "name": name,
            "team_id": viewer.team_id,
            "team_name": world.teams[viewer.team_id].name,
            "is_bot": True,
            "is_external": False,
        }
    team = world.teams[user.team_id]
    mine, theirs = set(world.teams_of(viewer)), set(world.teams_of(user))
    is_same_enterprise = team.enterprise_id is not None and team.enterprise_id in {
        world.teams[t].enterprise_id for t in mine
    }
    return {
        "id": user.id,
        "name": user.display_name or user.real_name,
        "real_name": user.real_name,
        "title": user.title,
        "color": user.color,
        "team_id": user.team_id,
        "team_name": team.name,
        "is_bot": user.is_machine or user.id == SLACKBOT,
        "is_external": not mine & theirs and not is_same_enterprise,
    }


def history(world: World, channel: Channel, viewer: User, thread_ts: str | None = None) -> list[Json]:
    """What `viewer`'s client shows of a channel or thread, oldest first, with the ephemeral messages for them."""
    log = world.logs[channel.id]
    stored = log.thread(thread_ts) if thread_ts else log.top_level()
    shown = [message(world, channel, item, viewer) for item in stored]
    for item in world.ephemerals.get(channel.id, []):
        in_view = item.message.get("thread_ts") == thread_ts
        if item.user == viewer.id and in_view:
            shown.append(message(world, channel, item.message, viewer) | {"ephemeral": True})
    return sorted(shown, key=lambda m: (len(m["ts"]), m["ts"]))


def channel(world: World, item: Channel, viewer: User) -> Json:
    messages = world.logs[item.id].messages
    other = next((u for u in item.members if u != viewer.id), viewer.id)
    return {
        "id": item.id,
        "name": world.users[other].handle if item.im_with is not None else item.name,
        "is_im": item.im_with is not None,
        "is_private": item.is_private,
        "is_ext_shared": item.is_ext_shared,
        "is_archived": item.is_archived,
        "is_member": viewer.id in item.members,
        "members": list(item.members),
        "teams": list(item.teams),
        "topic": item.topic,
        "latest_ts": next(reversed(messages), None),
    }


def cast(world: World) -> Json:
    """Everyone and everything the page needs to draw its switcher."""
    return {
        "teams": [
            {
                "id": t.id,
                "name": t.name,
                "domain": f"{t.domain}.example",
                "enterprise_id": t.enterprise_id,
                "color": f"#{t.color}",
            }
            for t in world.teams.values()
        ],
        "users": [_person(world, user) for user in world.users.values()],
        "apps": [app(world, app_id) for app_id in world.apps],
        "groups": [
            {"id": g.id, "handle": g.handle, "name": g.name, "team_id": g.team_id, "users": list(g.users)}
            for g in world.groups.values()
        ],
    }


def _person(world: World, user: User) -> Json:
    return {
        "id": user.id,
        "team_id": user.team_id,
        "team_name": world.teams[user.team_id].name,
        "handle": user.handle,
        "real_name": user.real_name,
        "display_name": user.display_name,
        "title": user.title,
        "flags": sorted(user.flags),
        "color": f"#{user.color}",
        "can_sign_in": user.can_sign_in and user.id != SLACKBOT,
    }


def app(world: World, app_id: str) -> Json:
    """An app with the commands and shortcuts it offers."""
    item = world.apps[app_id]
    return {
        "id": item.app_id,
        "name": item.name,
        "team_id": item.team_id,
        "bot_user_id": item.bot_user_id,
        "home_enabled": item.home_enabled,
        "commands": [
            {"command": c.command, "description": c.description, "usage_hint": c.usage_hint}
            for c in item.commands or ()
        ],
        "shortcuts": [{"callback_id": s.callback_id, "name": s.name, "type": s.type} for s in item.shortcuts or ()],
    }
