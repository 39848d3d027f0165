"""A reply that grows in a thread while it is being written, where Slack can stream; else a message that is updated.

It is a picture of a turn and never its result: what a turn came to is in the case's record. So nothing here raises into
the turn. Where Slack does not take the text any more, `why_silent` says so, and the turn goes on.

The words are a model's, and so nobody's: each piece goes out as rich text runs, which mention nobody and link nothing
(Slack fetches what a link in a message leads to, and a link can carry words outside). Streamed markdown would do both.
The audience guard is asked before anything is shown, every ten seconds while the reply grows, and before its end. When
a company is invited to a channel, Slack says so long before anybody of it reads there.

https://docs.slack.dev/reference/methods/chat.startStream; a stream lives some five minutes (python-slack-sdk issue
1859), takes about one piece a second, and 50 blocks before its end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from handlers.audience_guard import Held, guard_internal
from handlers.views.blocks import MESSAGE_BLOCKS, Block, actions
from handlers.views.streamed import TEXT_LENGTH, as_blocks, as_text

log = logging.getLogger(__name__)

PIECE_SECONDS, UPDATE_SECONDS = 1.0, 3.0
"""The least time between two pieces of a stream, and between two updates of a message (Slack's tier 3)."""
CALL_WITHIN_SECONDS = 5.0
GUARD_AGAIN_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 15.0
"""At the end, which is worth waiting for where Slack asks to wait."""
_FIRST_WORDS = "Working on it…\n"
_LONG_LINE, _LEAST_ROOM = 300, 200
STREAM_BLOCKS = MESSAGE_BLOCKS - 5
_NO_PLACE = frozenset({
    "channel_not_found", "not_in_channel", "is_archived", "thread_not_found", "restricted_action_thread_locked",
    "restricted_action_read_only_channel", "invalid_auth", "account_inactive", "token_revoked", "token_expired",
})  # fmt: skip
"""Where neither a stream nor a message goes. Whatever else Slack says to a stream, a message may still do."""
_OVER = frozenset({"message_not_in_streaming_state", "stopped_by_user", "message_not_found"})
_FAULTS = (SlackClientError, aiohttp.ClientError, OSError, TimeoutError, ValueError)
"""What a call to Slack raises besides its own refusals."""


@dataclass(frozen=True)
class Reader:
    """For whom the reply is being written: whoever asked for it. Slack wants to know, by id and workspace."""

    user_id: str
    team_id: str


class Way(StrEnum):
    """How the reply is shown."""

    STREAM = "stream"
    UPDATES = "updates"
    SILENT = "silent"


class StreamedReply:
    """One reply in a thread: `start`, `append` as the words come, `finish`. For one task at a time."""

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        channel: str,
        thread_ts: str,
        reader: Reader,
        stop_button: Block | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._channel = channel
        self._thread_ts = thread_ts
        self._reader = reader
        self._stop = [] if stop_button is None else [actions(stop_button)]
        self._clock = clock
        self._pause = pause
        self._said = ""
        self._shown = 0
        """How many characters of it stand in the stream."""
        self._pieces = 0
        self._not_before = 0.0
        self._guarded_at: float | None = None
        self._is_open = False
        self.way = Way.SILENT
        self.ts: str | None = None
        self.why_silent: str | None = "not started"
        self.is_stopped_by_reader = False
        """The reader stopped the stream in Slack itself."""

    async def start(self, words: str = _FIRST_WORDS) -> None:
        """Show the first words, a line of their own, with the Stop button. Never raises."""
        self._said = words if words.strip() else _FIRST_WORDS
        await self._safely(self._begin)

    async def append(self, words: str) -> None:
        """Add words: shown at once, or with the next ones where that would be too soon. Never raises."""
        self._said += words
        if self.way is not Way.SILENT and self._clock() >= self._not_before:
            await self._safely(self._go_on)

    async def finish(self, words: str = "", blocks: Sequence[Block] = ()) -> None:
        """Add the last words, take the Stop button away and put `blocks` beneath. Never raises."""
        self._said += words
        if self.way is Way.SILENT:
            return
        wait = self._not_before - self._clock()
        if wait > 0:
            await self._pause(min(wait, LONGEST_WAIT_SECONDS))
        await self._safely(lambda: self._end(blocks), tries=3)
        if self._is_open:
            await self._fall_silent(self.why_silent or "Slack did not take its end")
        self.way = Way.SILENT

    # What is done, each once the guard has been asked.

    async def _begin(self) -> None:
        await self._ask_guard()
        try:
            answer = await self._within(
                self._client.chat_startStream(
                    channel=self._channel,
                    thread_ts=self._thread_ts,
                    recipient_user_id=self._reader.user_id,
                    recipient_team_id=self._reader.team_id,
                    chunks=_chunk([*self._stop, *as_blocks(self._said)]),
                )
            )
            self.way, self._is_open, self._shown, self._pieces = Way.STREAM, True, len(self._said), 2
        except SlackApiError as error:
            if _code(error) in _NO_PLACE:
                raise
            log.info("Slack does not stream in %s (%s); the reply is updated instead", self._channel, _code(error))
            answer = await self._within(
                self._client.chat_postMessage(
                    channel=self._channel,
                    thread_ts=self._thread_ts,
                    unfurl_links=False,
                    unfurl_media=False,
                    **self._whole(self._stop),
                )
            )
            self.way = Way.UPDATES
        self.ts = str(answer["ts"])
        self._wait_for_next()

    async def _go_on(self) -> None:
        if self._guarded_at is None or self._clock() - self._guarded_at >= GUARD_AGAIN_SECONDS:
            await self._ask_guard()
        if self.way is Way.UPDATES:
            await self._update(self._stop)
        elif (piece := self._next_piece()) and self._pieces < STREAM_BLOCKS:
            await self._within(
                self._client.chat_appendStream(channel=self._channel, ts=self._place, chunks=_chunk(as_blocks(piece)))
            )
            self._shown += len(piece)
            self._pieces += 1
        self._wait_for_next()

    async def _end(self, blocks: Sequence[Block]) -> None:
        await self._ask_guard()
        if self._is_open:
            room = max(_LEAST_ROOM, TEXT_LENGTH - self._shown)
            rest = [] if self._stop else [*as_blocks(self._said[self._shown :], room), *blocks]
            await self._close_stream(rest)
        # The stream's blocks stay as they were added: only an update takes the button away.
        if self._stop or self.way is Way.UPDATES:
            await self._update([], blocks)

    async def _close_stream(self, blocks: Sequence[Block]) -> None:
        try:
            await self._within(
                self._client.chat_stopStream(channel=self._channel, ts=self._place, blocks=list(blocks) or None)
            )
        except SlackApiError as error:
            if _code(error) not in _OVER:
                raise
            self.way = Way.UPDATES
        self._is_open = False

    async def _update(self, above: Sequence[Block], below: Sequence[Block] = ()) -> None:
        await self._within(self._client.chat_update(channel=self._channel, ts=self._place, **self._whole(above, below)))

    def _whole(self, above: Sequence[Block], below: Sequence[Block] = ()) -> dict[str, Any]:
        return {"text": as_text(self._said), "blocks": [*above, *as_blocks(self._said), *below]}

    def _next_piece(self) -> str:
        """What has been said since the last piece, up to the end of a line: each piece begins one of its own."""
        if self._shown >= TEXT_LENGTH:
            return ""
        waiting = self._said[self._shown : TEXT_LENGTH]
        end = waiting.rfind("\n") + 1
        return waiting[: end or (waiting.rfind(" ") + 1 if len(waiting) > _LONG_LINE else 0)]

    @property
    def _place(self) -> str:
        if self.ts is None:
            raise ValueError("the reply stands nowhere")
        return self.ts

    # Around each call.

    async def _ask_guard(self) -> None:
        await self._within(guard_internal(self._client, self._channel))
        self._guarded_at = self._clock()

    async def _within(self, call: Awaitable[Any]) -> Any:
        async with asyncio.timeout(CALL_WITHIN_SECONDS):
            return await call

    def _wait_for_next(self, seconds: float = 0.0) -> None:
        usual = PIECE_SECONDS if self.way is Way.STREAM else UPDATE_SECONDS
        self._not_before = self._clock() + max(seconds, usual)

    async def _safely(self, do: Callable[[], Awaitable[None]], *, tries: int = 1) -> None:
        """Do it, and turn whatever goes wrong into another way of showing the reply, or into none."""
        for left in reversed(range(tries)):
            try:
                await do()
                self.why_silent = None
                return
            except Held as held:
                await self._fall_silent(held.why)
                return
            except SlackApiError as error:
                seconds = await self._refused(error)
            except _FAULTS as error:
                seconds = UPDATE_SECONDS
                self._note(f"Slack did not answer: {error!r}")
            if self.way is Way.SILENT:
                return
            self._wait_for_next(seconds)
            if left:
                await self._pause(min(seconds, LONGEST_WAIT_SECONDS))

    async def _refused(self, error: SlackApiError) -> float:
        """What Slack's refusal means for the rest of the reply: after how many seconds it may go on."""
        code = _code(error)
        if code == "ratelimited":
            headers: Any = getattr(error.response, "headers", {})
            return float(headers.get("Retry-After", "1"))
        if self.way is Way.STREAM and code not in _NO_PLACE:
            self.is_stopped_by_reader = self.is_stopped_by_reader or code == "stopped_by_user"
            self._is_open = self._is_open and code not in _OVER
            await self._end_as_it_stands()
            self.way = Way.UPDATES
            return 0.0
        await self._fall_silent(f"Slack does not take it: {code}")
        return 0.0

    async def _fall_silent(self, why: str) -> None:
        """Show nothing more."""
        self._note(why)
        self.way = Way.SILENT
        await self._end_as_it_stands()

    async def _end_as_it_stands(self) -> None:
        """End an open stream with nothing added, so that it does not look as if more were to come."""
        if self._is_open:
            self._is_open = False
            try:
                await self._within(self._client.chat_stopStream(channel=self._channel, ts=self._place))
            except _FAULTS as error:
                log.info("the stream in %s was not ended: %r", self._channel, error)

    def _note(self, why: str) -> None:
        self.why_silent = why
        log.warning("a reply in %s is not shown: %s", self._channel, why)


def _chunk(blocks: Sequence[Block]) -> list[dict[str, Any]]:
    return [{"type": "blocks", "blocks": list(blocks)}]


def _code(error: SlackApiError) -> str:
    return str(error.response.get("error", ""))
