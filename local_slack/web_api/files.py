"""files.*: the three-step upload, looking at files, and who may reach one.

Held against https://docs.slack.dev/reference/methods/files.getUploadURLExternal and files.completeUploadExternal. Two
habits of Slack's that surprise an app are kept: the answer to the last step says nothing of where the file was shared
(`files.info` does), and a description of what is no picture loses the sharing in silence (python-slack-sdk issue 1818).
"""

from __future__ import annotations

import mimetypes

from local_slack.blockkit import lookup
from local_slack.errors import Invalid, Missing, Refused
from local_slack.messages import bot_message
from local_slack.records import AppInstall, Channel, Json
from local_slack.web_api.calling import Call
from local_slack.web_api.chat import checked_blocks
from local_slack.world import World

MAX_ALT_TEXT = 1000
MAX_FILE_BYTES = 1_000_000_000
MAX_SNIPPET_BYTES = 1_000_000
MAX_CHANNELS = 100
# The commonest of Slack's, which has about a hundred.
SNIPPET_TYPES = frozenset({
    "auto", "c", "cpp", "csharp", "css", "csv", "diff", "go", "html", "java", "javascript", "kotlin", "markdown",
    "perl", "php", "powershell", "python", "ruby", "rust", "shell", "sql", "swift", "text", "typescript", "xml", "yaml",
})  # fmt: skip
_NOT_SHOWN = ("is_pending", "upload_key", "shares")


def get_upload_url(call: Call) -> Json:
    length = _length(call)
    if len(call.args.text("alt_txt")) > MAX_ALT_TEXT:
        raise Invalid("alt_txt_too_large")
    if call.args.has("snippet_type"):
        if call.args.text("snippet_type") not in SNIPPET_TYPES:
            raise Invalid("unknown_snippet_type")
        if length > MAX_SNIPPET_BYTES:
            raise Invalid("snippet_too_large")
    file_id, key = call.world.mint.entity("F"), call.world.mint.secret(16)
    name = call.args.text("filename")
    fields: Json = {
        "name": name,
        "size": length,
        "user": call.app.bot_user_id,
        "mimetype": mimetypes.guess_type(name)[0] or "application/octet-stream",
        "user_team": call.app.team_id,
    }
    if call.args.has("alt_txt"):
        fields["alt_txt"] = call.args.text("alt_txt")
    if call.args.has("snippet_type"):
        fields |= {"mode": "snippet", "filetype": call.args.text("snippet_type"), "mimetype": "text/plain"}
    base = call.services.base_url()
    file = file_object(call.world.mint.now(), base, file_id, fields)
    call.world.files[file_id] = file | {"is_pending": True, "upload_key": key}
    return {"file_id": file_id, "upload_url": f"{base}upload/v1/{file_id}/{key}"}


def _length(call: Call) -> int:
    try:
        length = int(call.args.text("length"))
    except ValueError as wrong:
        raise Invalid("invalid_arguments", ["must be an integer [json-pointer:/length]"]) from wrong
    if length == 0:
        raise Invalid("missing_argument")
    if length < 0:
        raise Invalid("invalid_arguments", ["must be greater than 0 [json-pointer:/length]"])
    if length > MAX_FILE_BYTES:
        raise Refused("file_upload_size_restricted")
    return length


def complete_upload(call: Call) -> Json:
    """Finish uploads and, with a channel, share them there as one message. Nothing is done where anything is wrong."""
    wanted = call.args.structure("files", "invalid_arguments")
    if not isinstance(wanted, list) or not wanted:
        raise Invalid("invalid_arguments", ["must be a non-empty array [json-pointer:/files]"])
    files = [_uploaded(call, item, index) for index, item in enumerate(wanted)]
    targets = _targets(call)
    content = _comment(call)
    for item, file in zip(wanted, files, strict=True):
        file.pop("is_pending", None)
        file["title"] = item.get("title") or file["name"]
    call.world.touch()
    if not any(_loses_its_share(file) for file in files):
        for channel in targets:
            _share(call, channel, files, content)
    return {"files": [shown(file) | {"shares": {}, "channels": [], "groups": [], "ims": []} for file in files]}


def _uploaded(call: Call, item: Json, index: int) -> Json:
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        raise Invalid("invalid_arguments", [f"missing required field: id [json-pointer:/files/{index}/id]"])
    file = call.world.files.get(item["id"])
    # An upload is finished once: afterwards its ticket is gone.
    is_own = file is not None and file.get("user") == call.app.bot_user_id and file.get("is_pending")
    if file is None or not is_own or file["id"] not in call.world.file_bytes:
        raise Missing("file_not_found")
    return file


def _targets(call: Call) -> list[Channel]:
    names = call.args.names("channels") or call.args.names("channel_id")
    if len(names) > MAX_CHANNELS:
        raise Invalid("channels_limit_exceeded")
    if call.args.has("thread_ts") and len(names) != 1:
        raise Invalid("invalid_arguments", ["thread_ts needs exactly one channel [json-pointer:/thread_ts]"])
    channels = [_target(call, name) for name in names]
    if call.args.has("thread_ts"):
        try:
            call.world.message(channels[0].id, call.args.text("thread_ts"))
        except Missing as error:
            raise Missing("thread_not_found") from error
    return channels


def _target(call: Call, channel_id: str) -> Channel:
    channel = call.world.channels.get(channel_id)
    if channel is None or (channel.kind != "channel" and call.app.bot_user_id not in channel.members):
        raise Missing("channel_not_found")
    if call.app.bot_user_id not in channel.members:
        raise Refused("not_in_channel")
    if channel.is_archived:
        raise Refused("posting_to_channel_denied")
    return channel


def _comment(call: Call) -> Json:
    """The words of the message. A comment makes Slack ignore the blocks."""
    content: Json = {"text": call.args.text("initial_comment")}
    blocks = call.args.structure("blocks", "invalid_blocks")
    if blocks is not None and not content["text"]:
        content["blocks"] = lookup.with_ids(checked_blocks(blocks, "/blocks"), call.world.mint)
    return content


def _loses_its_share(file: Json) -> bool:
    return "alt_txt" in file and not str(file["mimetype"]).startswith("image/")


def _share(call: Call, channel: Channel, files: list[Json], content: Json) -> None:
    body = bot_message(call.app, content["text"], content.get("blocks"))
    body |= {"files": [shown(file) for file in files], "upload": True}
    if call.args.has("thread_ts"):
        body["thread_ts"] = call.args.text("thread_ts")
    call.services.messages.post(channel, body)


def info(call: Call) -> Json:
    file = call.world.files.get(call.args.text("file"))
    if file is None or file.get("is_pending") or not can_reach(call.world, call.app, file):
        raise Missing("file_not_found")
    places = channels_of(call.world, file)
    kinds = {"channels": "channel", "groups": "group", "ims": "im"}
    listed = {name: [one.id for one in places if one.kind == kind] for name, kind in kinds.items()}
    body = shown(file) | listed | {"shares": _shares(call.world, file)}
    return {"file": body, "comments": [], "response_metadata": {"next_cursor": ""}}


def _shares(world: World, file: Json) -> Json:
    """Where the file stands, as `files.info` tells it: by kind of conversation, then by channel."""
    found: Json = {}
    for channel in channels_of(world, file):
        kind = "public" if channel.kind == "channel" else "private"
        for ts in file["shares"][channel.id]:
            stored = world.logs[channel.id].messages.get(ts)
            if stored is not None:
                entry = {"ts": ts, "channel_name": channel.name, "team_id": channel.teams[0], "reply_count": 0}
                entry |= {"thread_ts": stored["thread_ts"]} if stored.get("thread_ts") else {}
                found.setdefault(kind, {}).setdefault(channel.id, []).append(entry)
    return found


def channels_of(world: World, file: Json) -> list[Channel]:
    """The conversations in which a message with this file still stands."""
    return [
        world.channels[channel_id]
        for channel_id, shared in (file.get("shares") or {}).items()
        if channel_id in world.channels and any(ts in world.logs[channel_id].messages for ts in shared)
    ]


def can_reach(world: World, app: AppInstall, file: Json) -> bool:
    """Whether an app may look at a file: it is its own, or its bot is where the file was shared."""
    own = file.get("user") == app.bot_user_id
    return own or any(app.bot_user_id in channel.members for channel in channels_of(world, file))


def shown(file: Json) -> Json:
    return {name: value for name, value in file.items() if name not in _NOT_SHOWN}


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
