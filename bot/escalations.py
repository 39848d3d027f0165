"""The escalation queue: a channel of our company's own, read live, with each message of it and its thread as an entry.

    :eyes:                whoever put it there is at it: the entry's owner
    :white_check_mark:    it is done

A channel that another company reads is not read: what stands there is no internal queue, and what its members write is
nobody's escalation. Nothing is posted or changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from actions.evidence.connector import Question
from actions.evidence.records import Escalation, NotAnswered, Rows
from handlers.slack_text import as_written

PAGE_SIZE = 100
MOST_ENTRIES = 200
MOST_THREADS = 20
MOST_REPLIES = 200
MOST_NAMES = 10
TITLE_CHARACTERS = 120

AT_IT, DONE = "eyes", frozenset({"white_check_mark", "heavy_check_mark"})
_WRITTEN = frozenset({None, "bot_message", "file_share", "me_message", "thread_broadcast"})
"""Subtypes of messages that somebody wrote; the others say who joined, and the like."""

Message = Mapping[str, Any]


@dataclass(frozen=True)
class EscalationChannel:
    """One channel."""

    client: AsyncWebClient
    channel: str

    async def entries(self, question: Question) -> Rows[Escalation]:
        """Its entries within the window, newest first. Raises NotAnswered."""
        try:
            await self._must_be_ours()
            heads, is_whole = await self._heads(question)
            return await self._read(heads, is_whole)
        except SlackApiError as error:
            code = str(error.response.get("error", ""))
            if error.response.status_code == 429 or code == "ratelimited":
                raise NotAnswered("could not be read: Slack's rate limit is reached", "late") from error
            raise NotAnswered(f"could not be read: Slack says {code or 'no reason'}", "failed") from error
        except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise NotAnswered(f"could not be read: Slack did not answer ({type(error).__name__})", "failed") from error

    async def _must_be_ours(self) -> None:
        found = (await self.client.conversations_info(channel=self.channel)).get("channel")
        channel = found if isinstance(found, Mapping) else {}
        # Said in the negative by Slack, or it counts as shared: a field that is missing proves nothing.
        if channel.get("is_ext_shared") is not False or channel.get("is_pending_ext_shared"):
            raise NotAnswered(
                "was not read: its channel is (or is about to be) shared with another company", "not_internal"
            )

    async def _heads(self, question: Question) -> tuple[list[Message], bool]:
        """The messages that head entries, and whether these are all."""
        window = question.window
        bounds = {
            name: f"{at.timestamp():.6f}"
            for name, at in (("oldest", window.since), ("latest", window.until))
            if at is not None
        }
        found: list[Message] = []
        async for message in self._pages(self.client.conversations_history, **bounds):
            if len(found) == MOST_ENTRIES:
                return found, False
            if message.get("subtype") in _WRITTEN and message.get("thread_ts", message["ts"]) == message["ts"]:
                found.append(message)
        return found, True

    async def _read(self, heads: Sequence[Message], is_whole: bool) -> Rows[Escalation]:
        left_out = [] if is_whole else [f"has entries older than the {MOST_ENTRIES} that were read"]
        rows: list[Escalation] = []
        names: dict[str, str] = {}
        threads, cut = 0, 0
        for head in heads:
            texts = [as_written(str(head.get("text") or ""))]
            if head.get("reply_count"):
                threads += 1
                if threads <= MOST_THREADS:
                    replies, has_more = await self._replies(str(head["ts"]))
                    texts += replies
                    cut += has_more
                else:
                    cut += 1
            owner = _owner(head)
            if owner and owner not in names and len(names) < MOST_NAMES:
                names[owner] = await self._name(owner)
            rows.append(_entry(self.channel, head, texts, names.get(owner, owner)))
        if cut:
            left_out.append(f"has {cut} entries whose replies were not all read")
        return Rows(rows, "; and it ".join(left_out))

    async def _replies(self, ts: str) -> tuple[list[str], bool]:
        texts: list[str] = []
        async for message in self._pages(self.client.conversations_replies, ts=ts):
            if message["ts"] == ts or message.get("subtype") not in _WRITTEN:
                continue
            if len(texts) == MOST_REPLIES:
                return texts, True
            texts.append(as_written(str(message.get("text") or "")))
        return texts, False

    async def _pages(self, method: Any, **arguments: Any) -> AsyncIterator[Message]:
        cursor = ""
        while True:
            answer = await method(
                channel=self.channel, limit=PAGE_SIZE, cursor=cursor or None, inclusive=True, **arguments
            )
            for message in answer.get("messages") or []:
                yield message
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    async def _name(self, user_id: str) -> str:
        """How somebody is called; the id where Slack does not say, because a name is no more than a courtesy."""
        try:
            found = (await self.client.users_info(user=user_id)).get("user")
        except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError):
            return user_id
        return str(found.get("real_name") or user_id) if isinstance(found, Mapping) else user_id


def _entry(channel: str, head: Message, texts: Sequence[str], owner_label: str) -> Escalation:
    return Escalation(
        f"{channel}/{head['ts']}",
        texts[0].strip().partition("\n")[0][:TITLE_CHARACTERS] or "(no words)",
        _status(_reactions(head)),
        owner_label,
        datetime.fromtimestamp(float(head["ts"]), UTC),
        "\n".join(texts),
    )


def _owner(head: Message) -> str:
    at_it = _reactions(head).get(AT_IT) or [""]
    return str(at_it[0])


def _reactions(head: Message) -> Mapping[str, Sequence[Any]]:
    return {str(one.get("name")): one.get("users") or [] for one in head.get("reactions") or []}


def _status(reactions: Collection[str]) -> str:
    if DONE & set(reactions):
        return "done"
    return "in work" if AT_IT in reactions else "open"
