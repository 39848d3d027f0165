"""Builds Slack's objects (user, conversation, file, bot profile) as one app sees them. Pure: world in, dicts out."""

from __future__ import annotations

from local_slack.records import SLACKBOT, AppInstall, Channel, Json, User
from local_slack.world import World


def user_object(world: World, user: User, app: AppInstall, *, with_email: bool) -> Json:
    """A person as `users.info` shows them to `app`.

    People of other companies come without roles, with `is_stranger`, with their names in the profile only, and
    with an e-mail address only where they show it outside; Enterprise people carry `enterprise_user` and may
    lack `team_id`; deactivated people lack the role flags altogether. Each of these has surprised an app that
    read a missing field as False.
    """
    is_home = app.team_id in world.teams_of(user)
    body: Json = {
        "id": user.id,
        "name": user.handle,
        "deleted": "deleted" in user.flags,
        "color": user.color,
        "real_name": user.real_name,
        "profile": _profile(user, with_email=with_email and (is_home or user.shows_email_outside)),
        "is_bot": user.is_machine,
        "is_app_user": "is_app_user" in user.flags,
        "updated": 1700000000,
    }
    if not user.hides_team_id:
        body["team_id"] = user.team_id
    for flag in ("is_workflow_bot", "is_connector_bot", "is_invited_user"):
        if flag in user.flags:
            body[flag] = True
    if user.enterprise_teams:
        body["enterprise_user"] = _enterprise_user(world, user)
    if not is_home:
        body["is_stranger"] = not world.shares_channel(user, app)
        body["is_restricted"] = "is_restricted" in user.flags
        body["is_ultra_restricted"] = "is_ultra_restricted" in user.flags
        # Slack gives the names of other companies' people in the profile only.
        del body["real_name"]
    elif "deleted" not in user.flags:
        body |= _home_fields(user)
    return body


def _home_fields(user: User) -> Json:
    flags = ("is_admin", "is_owner", "is_primary_owner", "is_restricted", "is_ultra_restricted")
    return {flag: flag in user.flags for flag in flags} | {
        "tz": "Europe/Berlin",
        "tz_label": "Central European Time",
        "tz_offset": 3600,
        "is_email_confirmed": not user.is_machine and "email_unconfirmed" not in user.flags and user.id != SLACKBOT,
        "who_can_share_contact_card": "EVERYONE",
    }


def _enterprise_user(world: World, user: User) -> Json:
    team = world.teams[user.team_id]
    return {
        "id": user.id,
        "enterprise_id": team.enterprise_id,
        "enterprise_name": team.enterprise_name,
        "is_admin": False,
        "is_owner": False,
        "is_primary_owner": False,
        "teams": list(user.enterprise_teams),
    }


def _profile(user: User, *, with_email: bool) -> Json:
    profile: Json = {
        "title": user.title,
        "phone": "",
        "skype": "",
        "real_name": user.real_name,
        "real_name_normalized": user.real_name,
        "display_name": user.display_name,
        "display_name_normalized": user.display_name,
        "first_name": user.real_name.split(" ")[0],
        "last_name": user.real_name.rpartition(" ")[2],
        "status_text": "",
        "status_emoji": "",
        "avatar_hash": f"g{user.id[-8:].lower()}",
        "team": user.team_id,
    }
    if user.bot_id is not None:
        profile |= {"bot_id": user.bot_id, "api_app_id": user.app_id or ""}
    if with_email and user.email is not None:
        profile["email"] = user.email
    return profile


def channel_object(world: World, channel: Channel, app: AppInstall, *, with_count: bool = False) -> Json:
    """A conversation as `conversations.info` shows it to `app`."""
    if channel.im_with is not None:
        return _direct_object(channel, app)
    body: Json = {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_general": channel.name == "general",
        "is_shared": channel.is_ext_shared,
        "is_org_shared": False,
        "is_ext_shared": channel.is_ext_shared,
        "is_pending_ext_shared": False,
        "pending_shared": [],
        "pending_connected_team_ids": [],
        "shared_team_ids": list(channel.teams),
        "internal_team_ids": [],
        "context_team_id": app.team_id,
        "conversation_host_id": channel.teams[0],
        "parent_conversation": None,
        "created": channel.created,
        "updated": channel.created * 1000,
        "creator": channel.creator,
        "unlinked": 0,
        "is_member": app.bot_user_id in channel.members,
        "topic": {"value": channel.topic, "creator": channel.creator, "last_set": channel.created},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "previous_names": list(channel.previous_names),
    }
    if channel.is_ext_shared:
        body["connected_team_ids"] = [team for team in channel.teams if team != app.team_id]
    if with_count:
        body["num_members"] = len(channel.members)
    return body


def _direct_object(channel: Channel, app: AppInstall) -> Json:
    other = next((user for user in channel.members if user != app.bot_user_id), channel.members[0])
    return {
        "id": channel.id,
        "created": channel.created,
        "is_archived": False,
        "is_im": True,
        "is_org_shared": False,
        "context_team_id": app.team_id,
        "user": other,
        "is_user_deleted": False,
        "priority": 0,
        "is_open": True,
    }


def bot_profile(app: AppInstall) -> Json:
    return {
        "id": app.bot_id,
        "app_id": app.app_id,
        "name": app.name,
        "deleted": False,
        "updated": 1700000000,
        "team_id": app.team_id,
        "icons": {},
    }


def user_profile(user: User) -> Json:
    """The short profile that events carry for people of another company."""
    return {
        "real_name": user.real_name,
        "display_name": user.display_name,
        "first_name": user.real_name.split(" ")[0],
        "name": user.handle,
        "team": user.team_id,
        "avatar_hash": f"g{user.id[-8:].lower()}",
        "is_restricted": "is_restricted" in user.flags,
        "is_ultra_restricted": "is_ultra_restricted" in user.flags,
    }
