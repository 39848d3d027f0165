"""chat.startStream, appendStream and stopStream: a message that grows while an app writes it.

Held against https://docs.slack.dev/reference/methods/chat.startStream and its two siblings. What Slack does not write
down is kept as others measured it: a stream lives some five minutes however busy it is, then every further call answers
`message_not_in_streaming_state` (python-slack-sdk issue 1859); the length limit holds for each piece and not for all of
them; a message that is being written can be neither updated nor deleted. `thread_ts` is demanded, as the SDK does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from local_slack.blockkit import lookup
from local_slack.blockkit.validation import MESSAGE_BLOCKS
from local_slack.errors import Invalid, Missing, Refused
from local_slack.messages import bot_message
from local_slack.records import Channel, Json
from local_slack.web_api.calling import Call
from local_slack.web_api.chat import (
    COMPLETED,
    IN_PROGRESS,
    MAX_MARKDOWN,
    checked_blocks,
    checked_metadata,
    is_streaming,
)

STREAM_LIVES_SECONDS = 300.0
MAX_TASK_TEXT = 256
DISPLAY_MODES = ("timeline", "plan", "dense")
TASK_STATUSES = ("pending", "in_progress", "complete", "error")
_TASK_FIELDS = frozenset({"type", "id", "title", "status", "details", "output", "sources"})


def start(call: Call) -> Json:
    channel = _writable(call)
    _check_recipient(call, channel)
    mode = call.args.text("task_display_mode", DISPLAY_MODES[0])
    if mode not in DISPLAY_MODES:
        raise Invalid("invalid_arguments", ["must be a valid enum value [json-pointer:/task_display_mode]"])
    chunks = _chunks(call)
    call.services.limits.take_post(call.app, channel.id)
    body = bot_message(call.app, "") | {"streaming_state": IN_PROGRESS, "thread_ts": call.args.text("thread_ts")}
    body |= _grown(call, body | {"blocks": []}, chunks)
    stored = call.services.messages.post(channel, body)
    return {"channel": channel.id, "ts": stored["ts"]}


def append(call: Call) -> Json:
    channel = _writable(call)
    stored = _streaming(call, channel)
    chunks = _chunks(call)
    if not chunks:
        raise Invalid("no_text")
    call.services.messages.grow(channel, stored["ts"], _grown(call, stored, chunks), is_over=False)
    return {"channel": channel.id, "ts": stored["ts"]}


def stop(call: Call) -> Json:
    channel = _writable(call)
    stored = _streaming(call, channel)
    changes = _grown(call, stored, _chunks(call)) | {"streaming_state": COMPLETED}
    blocks = call.args.structure("blocks", "invalid_blocks")
    if blocks is not None:
        changes["blocks"] = changes["blocks"] + _checked(call, blocks, "/blocks")
    if call.args.has("metadata"):
        changes["metadata"] = checked_metadata(call.args.structure("metadata", "invalid_metadata_format"))
    stored = call.services.messages.grow(channel, stored["ts"], changes, is_over=True)
    return {"channel": channel.id, "ts": stored["ts"], "message": dict(stored)}


def _writable(call: Call) -> Channel:
    channel = call.joined_channel()
    if channel.is_archived:
        raise Refused("is_archived")
    return channel


def _check_recipient(call: Call, channel: Channel) -> None:
    """Outside direct messages Slack wants to know for whom the text is being written."""
    if channel.kind == "im":
        return
    for name in ("recipient_team_id", "recipient_user_id"):
        if not call.args.has(name):
            raise Invalid(f"missing_{name}")
    user = call.user("recipient_user_id")
    if call.args.text("recipient_team_id") not in call.world.teams_of(user):
        raise Missing("user_not_found", f"{user.id} is not of that team")


def _streaming(call: Call, channel: Channel) -> Json:
    """The message that the calling app is writing. Raises Missing or Refused."""
    stored = call.world.message(channel.id, call.args.text("ts"))
    if stored.get("bot_id") != call.app.bot_id:
        raise Refused("message_not_owned_by_app")
    if not is_streaming(stored) or call.world.mint.now() - float(stored["ts"]) > STREAM_LIVES_SECONDS:
        # A stream that ran out of time can be updated like any other message.
        stored |= {"streaming_state": COMPLETED} if is_streaming(stored) else {}
        raise Refused("message_not_in_streaming_state")
    return stored


def _chunks(call: Call) -> list[Json]:
    """What is to be added, in order: the text, then the chunks. Raises Invalid."""
    chunks = call.args.structure("chunks", "invalid_chunks") or []
    if not isinstance(chunks, list) or not all(isinstance(one, dict) for one in chunks):
        raise Invalid("invalid_chunks")
    text = call.args.text("markdown_text")
    wanted = [*([{"type": "markdown_text", "text": text}] if text else []), *chunks]
    for index, chunk in enumerate(wanted):
        _check_chunk(chunk, f"/chunks/{index}")
    return wanted


def _check_chunk(chunk: Json, at: str) -> None:
    match chunk.get("type"):
        case "markdown_text":
            _check_text(chunk.get("text"), f"{at}/text", MAX_MARKDOWN, "msg_too_long")
        case "plan_update":
            _check_text(chunk.get("title"), f"{at}/title", MAX_TASK_TEXT, "invalid_chunks")
        case "task_update":
            for name in ("id", "title"):
                _check_text(chunk.get(name), f"{at}/{name}", MAX_TASK_TEXT, "invalid_chunks")
            if chunk.get("status") not in TASK_STATUSES or set(chunk) - _TASK_FIELDS:
                raise Invalid("invalid_chunks", [f"not a task [json-pointer:{at}]"])
        case "blocks":
            if isinstance(chunk.get("blocks"), list) and len(chunk["blocks"]) > MESSAGE_BLOCKS:
                raise Invalid("msg_blocks_too_many")
            checked_blocks(chunk.get("blocks"), f"{at}/blocks")
        case other:
            raise Invalid("invalid_chunks", [f"unsupported type: {other} [json-pointer:{at}/type]"])


def _check_text(value: Any, at: str, most: int, too_long: str) -> None:
    if not isinstance(value, str) or not value:
        raise Invalid("invalid_chunks", [f"must be a non-empty string [json-pointer:{at}]"])
    if len(value) > most:
        raise Invalid(too_long, [f"must be less than {most + 1} characters [json-pointer:{at}]"])


def _grown(call: Call, stored: Json, chunks: Sequence[Json]) -> Json:
    """The text and blocks of a message once these chunks are added."""
    blocks = [dict(block) for block in stored.get("blocks") or []]
    for chunk in chunks:
        match chunk["type"]:
            case "markdown_text":
                _add_text(call, blocks, chunk["text"])
            case "blocks":
                blocks += _checked(call, chunk["blocks"], "/blocks")
            case "plan_update":
                _put(blocks, {"type": "plan", "block_id": "plan", "title": chunk["title"]}, "plan")
            case _:
                _add_task(blocks, chunk)
    return {"text": "".join(_words(blocks)), "blocks": blocks}


def _checked(call: Call, blocks: Any, at: str) -> list[Json]:
    return lookup.with_ids(checked_blocks(blocks, at), call.world.mint)


def _add_text(call: Call, blocks: list[Json], text: str) -> None:
    if blocks and blocks[-1]["type"] == "markdown":
        blocks[-1]["text"] += text
    else:
        blocks.append({"type": "markdown", "block_id": call.world.mint.secret(3), "text": text})


def _add_task(blocks: list[Json], chunk: Json) -> None:
    """A task's title and status take the place of the earlier ones; its details are added to them."""
    block_id = f"task-{chunk['id']}"
    known = next((block for block in blocks if block.get("block_id") == block_id), {})
    task: Json = {"type": "task_card", "block_id": block_id, "task_id": chunk["id"]}
    task |= {name: chunk[name] for name in ("title", "status", "sources") if name in chunk}
    for name in ("details", "output"):
        if known.get(name) or chunk.get(name):
            task[name] = f"{known.get(name, '')}{chunk.get(name) or ''}"
    _put(blocks, task, block_id)


def _put(blocks: list[Json], block: Json, block_id: str) -> None:
    """Put a block in the place of the one with its id, or at the end."""
    for index, one in enumerate(blocks):
        if one.get("block_id") == block_id:
            blocks[index] = one | block
            return
    blocks.append(block)


def _words(blocks: Sequence[Json]) -> Iterator[str]:
    yield from (block["text"] for block in blocks if block["type"] == "markdown")
