"""What an app says back to an interaction: the body of an ack, or a post to a response URL."""

from __future__ import annotations

from typing import Any

from local_slack.blockkit import lookup
from local_slack.blockkit.validation import check_message_blocks
from local_slack.errors import Invalid, Missing
from local_slack.messages import Messages, bot_message
from local_slack.records import AppInstall, Json
from local_slack.triggers import ResponseUrl, ResponseUrls
from local_slack.world import Ephemeral, World


class Replies:
    """Turns replies into messages: ephemeral unless the app says `in_channel`."""

    def __init__(self, world: World, messages: Messages, urls: ResponseUrls) -> None:
        self._world = world
        self._messages = messages
        self._urls = urls

    def to_url(self, key: str, body: Any) -> None:
        """Carry out one post to a response URL. Raises SlackError for a used URL or bad content."""
        url = self._urls.use(key)
        if not isinstance(body, dict):
            raise Invalid("invalid_payload")
        self.reply(self._world.apps[url.app_id], url, body)

    def reply(self, app: AppInstall, url: ResponseUrl, body: Json) -> None:
        """Post, replace or delete as `body` asks. Raises Invalid (`no_text`, `invalid_blocks`)."""
        channel = self._world.channel(url.channel_id)
        original = self._original(url)
        if body.get("delete_original") and url.original_ts:
            self._delete(url, original)
            return
        content = self._content(body)
        if body.get("replace_original") and url.original_ts:
            if original is not None:
                self._messages.edit_ephemeral(channel, original, {"blocks": [], **content})
            else:
                self._messages.edit(channel, url.original_ts, {"blocks": None, **content}, app.bot_user_id)
            return
        message = bot_message(app, content["text"], content.get("blocks"))
        if thread_ts := body.get("thread_ts"):
            message["thread_ts"] = thread_ts
        if body.get("response_type") == "in_channel":
            self._messages.post(channel, message)
            return
        if url.thread_ts and "thread_ts" not in message:
            message["thread_ts"] = url.thread_ts
        self._messages.post_ephemeral(channel, self._world.user(url.user_id), message)

    def _original(self, url: ResponseUrl) -> Ephemeral | None:
        """The ephemeral message the URL came from, if it came from one."""
        if not url.is_original_ephemeral or url.original_ts is None:
            return None
        item = self._world.ephemeral(url.channel_id, url.original_ts, url.user_id)
        if item is None:
            raise Missing("message_not_found")
        return item

    def _delete(self, url: ResponseUrl, original: Ephemeral | None) -> None:
        channel = self._world.channel(url.channel_id)
        if original is not None:
            self._messages.drop_ephemeral(channel, original)
        elif url.original_ts is not None:
            self._messages.delete(channel, url.original_ts)

    def _content(self, body: Json) -> Json:
        text, blocks = body.get("text"), body.get("blocks")
        if not text and not blocks and not body.get("attachments"):
            raise Invalid("no_text")
        if blocks is not None and (complaints := check_message_blocks(blocks)):
            raise Invalid("invalid_blocks", complaints, with_errors=True)
        content: Json = {"text": str(text or "")}
        if blocks:
            content["blocks"] = lookup.with_ids(blocks, self._world.mint)
        if body.get("attachments"):
            content["attachments"] = body["attachments"]
        return content
