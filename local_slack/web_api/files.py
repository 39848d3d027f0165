"""files.*: the three-step upload, and looking at files."""

from __future__ import annotations

from local_slack.errors import Invalid, Missing
from local_slack.messages import bot_message
from local_slack.records import Json
from local_slack.web_api.calling import Call


def get_upload_url(call: Call) -> Json:
    length = call.args.number("length", 0, 1_000_000_000, "invalid_arguments")
    file_id = call.world.mint.entity("F")
    name = call.args.text("filename")
    call.world.files[file_id] = file_object(
        call.world.mint.now(),
        call.services.base_url(),
        file_id,
        {
            "name": name,
            "size": length,
            "user": call.app.bot_user_id,
            "mimetype": "application/octet-stream",
            "user_team": call.app.team_id,
        },
    ) | {"is_pending": True, "upload_key": call.world.mint.secret(16)}
    key = call.world.files[file_id]["upload_key"]
    return {"file_id": file_id, "upload_url": f"{call.services.base_url()}upload/v1/{file_id}/{key}"}


def complete_upload(call: Call) -> Json:
    """Finish uploads and, with a channel, share them there as one message."""
    wanted = call.args.structure("files", "invalid_arguments")
    if not isinstance(wanted, list) or not wanted:
        raise Invalid("invalid_arguments", ["must be a non-empty array [json-pointer:/files]"])
    done = [_complete(call, item) for item in wanted]
    targets = call.args.names("channels") or call.args.names("channel_id")
    for channel_id in targets:
        if channel_id not in call.world.channels:
            raise Missing("channel_not_found")
        channel = call.world.channels[channel_id]
        body = bot_message(call.app, call.args.text("initial_comment")) | {"files": done, "upload": True}
        if call.args.has("thread_ts"):
            body["thread_ts"] = call.args.text("thread_ts")
        call.services.messages.post(channel, body)
    return {"files": done}


def _complete(call: Call, item: Json) -> Json:
    file = call.world.files.get(str(item.get("id", "")) if isinstance(item, dict) else "")
    if file is None or file.get("user") != call.app.bot_user_id:
        raise Missing("file_not_found")
    if file["id"] not in call.world.file_bytes:
        raise Missing("file_upload_incomplete")
    file.pop("is_pending", None)
    file["title"] = item.get("title") or file["name"]
    call.world.touch()
    return shown(file)


def info(call: Call) -> Json:
    file = call.world.files.get(call.args.text("file"))
    if file is None or file.get("is_pending"):
        raise Missing("file_not_found")
    return {"file": shown(file), "comments": [], "response_metadata": {"next_cursor": ""}}


def shown(file: Json) -> Json:
    return {name: value for name, value in file.items() if name not in ("is_pending", "upload_key")}


def file_object(now: float, base_url: str, file_id: str, fields: Json) -> Json:
    """A file as messages carry it: `fields` needs name, mimetype, size and user."""
    name = str(fields["name"])
    url = f"{base_url}files/{file_id}/{name.replace('/', '_')}"
    return {
        "id": file_id,
        "created": int(now),
        "timestamp": int(now),
        "title": name,
        "filetype": name.rpartition(".")[2] if "." in name else "binary",
        "pretty_type": "File",
        "editable": False,
        "mode": "hosted",
        "is_external": False,
        "external_type": "",
        "is_public": True,
        "public_url_shared": False,
        "url_private": url,
        "url_private_download": url,
        "permalink": url,
        "has_rich_preview": False,
        "file_access": "visible",
    } | fields
