"""users.*, usergroups.*, team.info, bots.info: who is who."""

from __future__ import annotations

from local_slack import objects
from local_slack.errors import Missing
from local_slack.records import Group, Json, User
from local_slack.web_api.calling import Call, next_page


def _shown(call: Call, user: User) -> Json:
    with_email = "users:read.email" in call.app.scopes
    return objects.user_object(call.world, user, call.app, with_email=with_email)


def users_info(call: Call) -> Json:
    return {"user": _shown(call, call.user())}


def users_list(call: Call) -> Json:
    """Everyone of the workspace, and the people of other companies it shares a channel with."""
    world, app = call.world, call.app
    known = [u for u in world.users.values() if app.team_id in world.teams_of(u) or world.shares_channel(u, app)]
    page, cursor = call.args.page(known, default=1000)
    return next_page("members", [_shown(call, user) for user in page], cursor) | {"cache_ts": int(world.mint.now())}


def users_lookup_by_email(call: Call) -> Json:
    """Finds active people of the workspace only: never outsiders, never the deactivated."""
    wanted = call.args.text("email").lower()
    for user in call.world.users.values():
        is_home = call.app.team_id in call.world.teams_of(user)
        if is_home and "deleted" not in user.flags and (user.email or "").lower() == wanted:
            return {"user": _shown(call, user)}
    raise Missing("users_not_found")


def users_get_presence(call: Call) -> Json:
    call.user()
    return {"presence": "active"}


def users_profile_get(call: Call) -> Json:
    return {"profile": _shown(call, call.user())["profile"]}


def team_info(call: Call) -> Json:
    team = call.world.teams.get(call.args.text("team") or call.app.team_id)
    if team is None:
        raise Missing("team_not_found")
    body: Json = {
        "id": team.id,
        "name": team.name,
        "url": f"https://{team.domain}.slack.com/",
        "domain": team.domain,
        "email_domain": f"{team.domain}.example",
        "icon": {"image_default": True},
    }
    if team.enterprise_id:
        body |= {"enterprise_id": team.enterprise_id, "enterprise_name": team.enterprise_name}
    return {"team": body}


def bots_info(call: Call) -> Json:
    wanted = call.args.text("bot")
    for user in call.world.users.values():
        if user.bot_id == wanted:
            return {
                "bot": {
                    "id": user.bot_id,
                    "deleted": "deleted" in user.flags,
                    "name": user.real_name,
                    "updated": 1700000000,
                    "app_id": user.app_id or "",
                    "user_id": user.id,
                    "icons": {},
                }
            }
    raise Missing("bot_not_found")


def usergroups_list(call: Call) -> Json:
    with_disabled = call.args.flag("include_disabled")
    groups = [
        group
        for group in call.world.groups.values()
        if group.team_id == call.app.team_id and (with_disabled or not group.is_disabled)
    ]
    with_users = call.args.flag("include_users")
    return {"usergroups": [_group(group, with_users=with_users) for group in groups]}


def _group(group: Group, *, with_users: bool) -> Json:
    body: Json = {
        "id": group.id,
        "team_id": group.team_id,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group.name,
        "description": "",
        "handle": group.handle,
        "is_external": False,
        "date_create": 1700000000,
        "date_update": 1700000000,
        "date_delete": 1700000000 if group.is_disabled else 0,
        "auto_type": None,
        "created_by": "U0OLIVIA001",
        "updated_by": "U0OLIVIA001",
        "deleted_by": "U0OLIVIA001" if group.is_disabled else None,
        "prefs": {"channels": [], "groups": []},
        "user_count": len(group.users),
    }
    return body | {"users": list(group.users)} if with_users else body


def usergroups_users_list(call: Call) -> Json:
    wanted = call.args.text("usergroup")
    group = call.world.groups.get(wanted)
    if group is None or group.team_id != call.app.team_id:
        raise Missing("no_such_subteam")
    return {"users": list(group.users)}
