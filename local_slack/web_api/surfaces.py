"""views.*, reactions.*, auth.*, api.test, apps.connections.open: everything about surfaces and the connection."""

from __future__ import annotations

from local_slack.blockkit.validation import check_view
from local_slack.errors import Invalid, Refused
from local_slack.records import Json
from local_slack.triggers import Trigger
from local_slack.web_api.calling import Call


def api_test(call: Call) -> Json:
    if call.args.has("error"):
        raise Invalid(call.args.text("error"))
    return {"args": call.args.values} if call.args.values else {}


def auth_test(call: Call) -> Json:
    team = call.world.teams[call.app.team_id]
    body: Json = {
        "url": f"https://{team.domain}.slack.com/",
        "team": team.name,
        "user": call.world.users[call.app.bot_user_id].handle,
        "team_id": team.id,
        "user_id": call.app.bot_user_id,
        "bot_id": call.app.bot_id,
        "is_enterprise_install": False,
    }
    return body | {"enterprise_id": team.enterprise_id} if team.enterprise_id else body


def connections_open(call: Call) -> Json:
    ticket = call.services.socket_mode.open_ticket(call.app)
    base = call.services.base_url().replace("http://", "ws://", 1)
    return {"url": f"{base}link/?ticket={ticket}&app_id={call.app.app_id}"}


def _view(call: Call) -> Json:
    view = call.args.structure("view", "invalid_arguments")
    if not isinstance(view, dict):
        raise Invalid("invalid_arguments", ["must be an object [json-pointer:/view]"])
    return view


def _trigger(call: Call) -> Trigger:
    """Exchange the trigger; the view is checked first, so that a refused view does not use the trigger up."""
    view = _view(call)
    if complaints := check_view(view):
        raise Invalid("invalid_arguments", complaints)
    return call.services.triggers.exchange(call.app.app_id, call.args.text("trigger_id"))


def views_open(call: Call) -> Json:
    trigger = _trigger(call)
    return {"view": call.services.modals.open(call.app, trigger.user_id, _view(call))}


def views_push(call: Call) -> Json:
    trigger = _trigger(call)
    if trigger.from_view is None:
        raise Refused("not_found", "views.push needs the trigger of a click in a modal")
    return {"view": call.services.modals.push(call.app, trigger.user_id, _view(call))}


def views_update(call: Call) -> Json:
    args = call.args
    view = call.services.modals.update(
        call.app,
        _view(call),
        view_id=args.text("view_id") or None,
        external_id=args.text("external_id") or None,
        hash_=args.text("hash") or None,
    )
    return {"view": view}


def views_publish(call: Call) -> Json:
    user = call.user("user_id")
    return {"view": call.services.modals.publish(call.app, user.id, _view(call), call.args.text("hash") or None)}


def reactions_add(call: Call) -> Json:
    channel = call.joined_channel()
    name = call.args.text("name").strip(":")
    call.services.messages.react(channel, call.args.text("timestamp"), call.app.bot_user_id, name)
    return {}


def reactions_remove(call: Call) -> Json:
    channel = call.joined_channel()
    name = call.args.text("name").strip(":")
    call.services.messages.unreact(channel, call.args.text("timestamp"), call.app.bot_user_id, name)
    return {}


def reactions_get(call: Call) -> Json:
    channel = call.joined_channel()
    stored = call.world.message(channel.id, call.args.text("timestamp"))
    return {"type": "message", "channel": channel.id, "message": dict(stored)}
