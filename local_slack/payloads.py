"""The shapes of interaction payloads, as real apps receive them. Builds dicts; sends nothing.

The traps to know, both in Slack Connect: under a message, `team` is the workspace the app is installed in and
`user.team_id` the clicker's own (java-slack-sdk issue 1041); in a modal, `team` is the clicker's workspace too and
only `view.app_installed_team_id` names the app's (Bolt reads it for that reason).
"""

from __future__ import annotations

from local_slack.messages import public
from local_slack.records import AppInstall, Channel, Json, User
from local_slack.world import OpenView, World


def person(user: User) -> Json:
    return {"id": user.id, "username": user.handle, "name": user.handle, "team_id": user.team_id}


def common(world: World, app: AppInstall, user: User, kind: str, *, in_view: bool = False) -> Json:
    """What every interaction payload carries; `in_view` for those that come out of a modal or Home tab."""
    team = world.teams[user.team_id if in_view else app.team_id]
    enterprise = {"id": team.enterprise_id, "name": team.enterprise_name} if team.enterprise_id else None
    shown_team: Json = {"id": team.id, "domain": team.domain}
    if enterprise:
        shown_team |= {"enterprise_id": enterprise["id"], "enterprise_name": enterprise["name"]}
    return {
        "type": kind,
        "user": person(user),
        "api_app_id": app.app_id,
        "token": app.verification_token,
        "team": shown_team,
        "enterprise": enterprise,
        "is_enterprise_install": False,
    }


def channel_name(channel: Channel) -> str:
    """Payloads hide the names of private conversations."""
    if channel.im_with is not None:
        return "directmessage"
    return "privategroup" if channel.is_private else channel.name


def message_context(channel: Channel, message: Json, *, is_ephemeral: bool) -> Json:
    """`container`, `channel` and `message`; an ephemeral message is not included in the payload."""
    container: Json = {
        "type": "message",
        "message_ts": message["ts"],
        "channel_id": channel.id,
        "is_ephemeral": is_ephemeral,
    }
    if message.get("thread_ts"):
        container["thread_ts"] = message["thread_ts"]
    context: Json = {"container": container, "channel": {"id": channel.id, "name": channel_name(channel)}}
    if not is_ephemeral:
        context["message"] = public(message)
    return context


def view_context(stored: OpenView, shown: Json) -> Json:
    return {"container": {"type": "view", "view_id": stored.view["id"]}, "view": shown}


def action(block_id: str, element: Json, held: Json | None, action_ts: str) -> Json:
    """One entry of `actions`: a button with its stored value, or another element with what was chosen."""
    body: Json = {"action_id": element["action_id"], "block_id": block_id}
    if element["type"] in ("button", "icon_button", "workflow_button"):
        body |= {name: element[name] for name in ("text", "value", "style", "url") if name in element}
    elif element.get("placeholder"):
        body["placeholder"] = element["placeholder"]
    return body | {"type": element["type"], "action_ts": action_ts} | (held or {})


def command(world: World, app: AppInstall, user: User, channel: Channel, name: str, text: str) -> Json:
    """A slash command's form fields, without its trigger and response URL."""
    team = world.teams[user.team_id]
    form = {
        "token": app.verification_token,
        "team_id": team.id,
        "team_domain": team.domain,
        "channel_id": channel.id,
        "channel_name": channel_name(channel),
        "user_id": user.id,
        "user_name": user.handle,
        "command": name,
        "text": text,
        "api_app_id": app.app_id,
        "is_enterprise_install": "false",
    }
    if team.enterprise_id:
        form |= {"enterprise_id": team.enterprise_id, "enterprise_name": team.enterprise_name or ""}
    return form
