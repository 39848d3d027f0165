"""chat.*: posting, changing and deleting an app's own messages."""

from __future__ import annotations

from typing import Any

from local_slack.blockkit import lookup
from local_slack.blockkit.validation import MESSAGE_CHARACTERS, characters, check_message_blocks
from local_slack.errors import Invalid, Missing, Refused
from local_slack.messages import bot_message, public
from local_slack.records import Channel, Json
from local_slack.web_api.calling import Call

MAX_TEXT = 40_000
MAX_UPDATE_TEXT = 4_000
MAX_MARKDOWN = 12_000
MAX_ATTACHMENTS = 100
IN_PROGRESS, COMPLETED = "in_progress", "completed"
"""The states of a streamed message."""


def post_message(call: Call) -> Json:
    channel = _target(call)
    content = _content(call, MAX_TEXT)
    call.services.limits.take_post(call.app, channel.id)
    body = bot_message(call.app, content.pop("text"))
    body |= content
    if call.args.has("username") and "chat:write.customize" in call.app.scopes:
        # Without the scope Slack ignores the name and says nothing. With it the message is a bot_message that has
        # no user, which many apps mistake for nobody's.
        body |= {"subtype": "bot_message", "username": call.args.text("username")}
        del body["user"]
    if call.args.has("thread_ts"):
        body["thread_ts"] = call.args.text("thread_ts")
    stored = call.services.messages.post(channel, body, broadcast=call.args.flag("reply_broadcast"))
    return {"channel": channel.id, "ts": stored["ts"], "message": dict(stored)}


def _target(call: Call) -> Channel:
    """Where to post: a channel by id or name, or a person's direct messages."""
    wanted = call.args.text("channel")
    if wanted in call.world.users:
        if call.world.users[wanted].is_machine:
            raise Refused("cannot_dm_bot")
        return call.world.direct_channel(call.app.bot_user_id, wanted)
    channel = call.channel(by_name=True)
    if channel.is_archived:
        raise Refused("is_archived")
    is_member = call.app.bot_user_id in channel.members
    if not is_member and "chat:write.public" not in call.app.scopes:
        raise Refused("not_in_channel")
    return channel


def _content(call: Call, max_text: int) -> Json:
    """Text, blocks, attachments and metadata, checked as Slack checks them."""
    args = call.args
    text, markdown = args.text("text"), args.text("markdown_text")
    blocks = args.structure("blocks", "invalid_blocks_format")
    attachments = args.structure("attachments", "invalid_attachments")
    if markdown and (text or blocks):
        raise Invalid("markdown_text_conflict")
    if len(markdown) > MAX_MARKDOWN or len(text) > max_text:
        raise Invalid("msg_too_long")
    if not (text or markdown or blocks or attachments):
        raise Invalid("no_text")
    content: Json = {"text": text or markdown}
    if blocks is not None:
        content["blocks"] = lookup.with_ids(checked_blocks(blocks, "/blocks"), call.world.mint)
    if attachments is not None:
        content["attachments"] = _attachments(call, attachments)
    if args.has("metadata"):
        content["metadata"] = checked_metadata(args.structure("metadata", "invalid_metadata_format"))
    return content


def checked_blocks(blocks: Any, at: str) -> list[Json]:
    """A message's blocks as Slack would take them. Raises Invalid."""
    if not isinstance(blocks, list):
        raise Invalid("invalid_blocks_format")
    if complaints := check_message_blocks(blocks, at):
        raise Invalid("invalid_blocks", complaints, with_errors=True)
    if characters(blocks) > MESSAGE_CHARACTERS:
        raise Invalid("msg_blocks_too_long")
    return blocks


def _attachments(call: Call, attachments: Any) -> list[Json]:
    if not isinstance(attachments, list) or not all(isinstance(item, dict) for item in attachments):
        raise Invalid("invalid_attachments")
    if len(attachments) > MAX_ATTACHMENTS:
        raise Invalid("too_many_attachments")
    stored = []
    for index, item in enumerate(attachments):
        kept = {"id": index + 1, "fallback": item.get("text") or "[no preview available]", **item}
        if item.get("blocks") is not None:
            checked = checked_blocks(item["blocks"], f"/attachments/{index}/blocks")
            kept["blocks"] = lookup.with_ids(checked, call.world.mint)
        stored.append(kept)
    return stored


def checked_metadata(metadata: Any) -> Json:
    """A message's metadata as Slack would take it. Raises Invalid."""
    if not isinstance(metadata, dict):
        raise Invalid("invalid_metadata_format")
    if metadata and not (
        isinstance(metadata.get("event_type"), str) and isinstance(metadata.get("event_payload"), dict)
    ):
        raise Invalid("invalid_metadata_schema")
    return metadata


def update(call: Call) -> Json:
    channel = call.channel()
    stored = _own(call, channel, "cant_update_message")
    if is_streaming(stored):
        raise Refused("streaming_state_conflict")
    content = _content(call, MAX_UPDATE_TEXT)
    # Fields that are left out stay as they were; an empty list or object removes them.
    for name in ("blocks", "attachments", "metadata"):
        if name in content and not content[name]:
            content[name] = None
    stored = call.services.messages.edit(channel, stored["ts"], content, call.app.bot_user_id)
    return {"channel": channel.id, "ts": stored["ts"], "text": stored["text"], "message": public(stored)}


def is_streaming(stored: Json) -> bool:
    """A message that an app is still writing can be neither changed nor deleted, not even by the app."""
    return stored.get("streaming_state") == IN_PROGRESS


def delete(call: Call) -> Json:
    channel = call.channel()
    stored = _own(call, channel, "cant_delete_message")
    if is_streaming(stored):
        raise Refused("cant_delete_message")
    call.services.messages.delete(channel, stored["ts"])
    return {"channel": channel.id, "ts": call.args.text("ts")}


def _own(call: Call, channel: Channel, error: str) -> Json:
    """A stored message of the calling app. Ephemeral messages are not stored, so they are not found."""
    stored = call.world.message(channel.id, call.args.text("ts"))
    if stored.get("bot_id") != call.app.bot_id:
        raise Refused(error)
    return stored


def post_ephemeral(call: Call) -> Json:
    channel = call.channel(by_name=True)
    if channel.is_archived:
        raise Refused("is_archived")
    if call.app.bot_user_id not in channel.members:
        raise Refused("not_in_channel")
    user = call.user()
    if user.id not in channel.members:
        raise Refused("user_not_in_channel")
    content = _content(call, MAX_TEXT)
    body = bot_message(call.app, content.pop("text")) | content
    if call.args.has("thread_ts"):
        body["thread_ts"] = call.args.text("thread_ts")
    return {"message_ts": call.services.messages.post_ephemeral(channel, user, body)}


def get_permalink(call: Call) -> Json:
    channel = call.channel()
    try:
        stored = call.world.message(channel.id, call.args.text("message_ts"))
    except Missing as error:
        raise Missing("message_not_found") from error
    domain = call.world.teams[call.app.team_id].domain
    link = f"https://{domain}.slack.com/archives/{channel.id}/p{stored['ts'].replace('.', '')}"
    thread = stored.get("thread_ts")
    if thread and thread != stored["ts"]:
        link += f"?thread_ts={thread}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}
