"""The one module that knows the model service's SDK: an answer whole, or an answer as it comes.

Nothing here knows what is asked. What the service sends is read by shapes of our own, in which unknown fields are the
service's business. Importing this takes seconds: do it at start, not in a handler.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

import anthropic
from anthropic import AsyncAnthropic, transform_schema
from pydantic import BaseModel, ConfigDict, Field

from copilot.model_usage import Usage

Client: TypeAlias = AsyncAnthropic
Shape = TypeVar("Shape", bound=BaseModel)

MOST_CHARACTERS: Final = 200_000
"""Of one answer; whoever sends more has lost the thread, or means harm."""
_CUT_SHORT = ("max_tokens", "model_context_window_exceeded")


class NoAnswer(Exception):
    """The service gave no usable answer; the text says why in our own words."""


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Counts(_Read):
    input_tokens: int | None = Field(default=None, ge=0)
    output_tokens: int | None = Field(default=None, ge=0)
    cache_creation_input_tokens: int | None = Field(default=None, ge=0)
    cache_read_input_tokens: int | None = Field(default=None, ge=0)


class _TextBlock(_Read):
    type: str
    text: str = ""


class Envelope(_Read):
    """What is read of a message that came whole."""

    model: str
    stop_reason: str | None = None
    content: list[_TextBlock]
    usage: _Counts = _Counts()

    @property
    def is_cut_short(self) -> bool:
        """Whether there was more to come."""
        return self.stop_reason in _CUT_SHORT

    @property
    def used(self) -> Usage:
        """By the service's count."""
        counts = self.usage
        return Usage(
            counts.input_tokens or 0,
            counts.output_tokens or 0,
            counts.cache_creation_input_tokens or 0,
            counts.cache_read_input_tokens or 0,
        )


class _Start(_Read):
    model: str
    usage: _Counts = _Counts()


class _Delta(_Read):
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    stop_reason: str | None = None


class _Event(_Read):
    type: str
    index: int = 0
    message: _Start | None = None
    content_block: dict[str, Any] | None = None
    delta: _Delta = _Delta()
    usage: _Counts = _Counts()


@dataclass
class Block:
    """One part of an answer as it comes: words, a call of a tool, or thinking."""

    given: dict[str, Any]
    """As it began."""
    text: str = ""
    input_json: str = ""
    signature: str = ""
    is_whole: bool = False

    @property
    def kind(self) -> str:
        """'text', 'tool_use', 'thinking' or whatever the service calls it."""
        return str(self.given.get("type", ""))


@dataclass
class Reply:
    """An answer as far as it came, filled while it comes: what was complete is kept when it breaks off."""

    model: str = ""
    stop_reason: str | None = None
    blocks: dict[int, Block] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    is_begun: bool = False
    is_whole: bool = False
    characters: int = 0

    @property
    def is_cut_short(self) -> bool:
        """Whether the model was stopped before it was done."""
        return self.stop_reason in _CUT_SHORT

    @property
    def usage(self) -> Usage:
        """What it used: by the service's count, or by the characters that came where they are more than it said."""
        counted = self.counts.get("output_tokens", 0)
        return Usage(
            self.counts.get("input_tokens", 0),
            counted if self.is_whole else max(counted, tokens_of(self.characters)),
            self.counts.get("cache_creation_input_tokens", 0),
            self.counts.get("cache_read_input_tokens", 0),
        )

    def count(self, counts: _Counts) -> None:
        """Take the service's counts; they are totals, and the last ones hold."""
        self.counts |= counts.model_dump(exclude_none=True)


def tokens_of(characters: int) -> int:
    """About how many tokens a text has, rather too many than too few: for budgets, where the service gave no count."""
    return -(-characters // 3)


def make_client(
    api_key: str, base_url: str | None = None, timeout_seconds: float = 20.0, max_retries: int = 2
) -> Client:
    """Make the client. The SDK's own time-out is ten minutes, times its retries: both are set here."""
    return AsyncAnthropic(api_key=api_key, base_url=base_url, timeout=timeout_seconds, max_retries=max_retries)


def output_format(shape: type[BaseModel]) -> dict[str, Any]:
    """What makes the service answer in a shape."""
    return {"format": {"type": "json_schema", "schema": transform_schema(shape)}}


async def ask(client: Client, body: Mapping[str, Any]) -> Envelope:
    """One answer, whole. Raises NoAnswer."""
    # `messages.parse` would do the same and lose stop reason and usage when the answer does not validate.
    try:
        response = await client.messages.with_raw_response.create(**body)
        return Envelope.model_validate(json.loads(await response.text()))
    except (anthropic.AnthropicError, ValueError) as error:
        raise NoAnswer(what_failed(error)) from error


def answer_of(envelope: Envelope, shape: type[Shape]) -> Shape:
    """The answer in the shape that was asked for. Raises NoAnswer."""
    if envelope.stop_reason == "refusal":
        raise NoAnswer("the model declined to answer")
    if envelope.is_cut_short:
        raise NoAnswer("the answer was cut short")
    text = "".join(block.text for block in envelope.content if block.type == "text")
    if not text.strip():
        raise NoAnswer("the answer was empty")
    if len(text) > MOST_CHARACTERS:
        raise NoAnswer("the answer was longer than any answer should be")
    try:
        return shape.model_validate_json(text)
    except ValueError as error:
        raise NoAnswer("the answer did not have the agreed form") from error


async def stream(client: Client, body: Mapping[str, Any], reply: Reply, on_text: Callable[[str], None]) -> None:
    """Fill `reply` with an answer as it comes. Raises whatever the SDK raises: `what_failed` puts it into words.

    The SDK's `messages.stream` would keep a message too, but gives up the whole answer over one tool whose input is no
    JSON, and takes an input that was cut off for a complete one.
    """
    async with await client.messages.create(**body, stream=True) as events:
        async for event in events:
            if not isinstance(event, BaseModel):
                raise NoAnswer("the answer was not a message")
            _take(_Event.model_validate(event.model_dump(warnings=False)), reply, on_text)
            if reply.characters > MOST_CHARACTERS:
                raise NoAnswer("the answer was longer than any answer should be")
    if not (reply.is_begun and reply.is_whole):
        raise NoAnswer("the answer broke off")


def _take(event: _Event, reply: Reply, on_text: Callable[[str], None]) -> None:
    block = reply.blocks.get(event.index)
    if event.type == "message_start" and event.message:
        reply.model, reply.is_begun = event.message.model, True
        reply.count(event.message.usage)
    elif event.type == "content_block_start" and event.content_block is not None and block is None:
        given = {name: value for name, value in event.content_block.items() if value is not None}
        block = reply.blocks[event.index] = Block(given, str(given.get("text", "")))
        reply.characters += len(block.text)
    elif event.type == "content_block_delta" and block is not None and not block.is_whole:
        delta = event.delta
        block.text += delta.text or delta.thinking
        block.input_json += delta.partial_json
        block.signature += delta.signature
        reply.characters += len(delta.text) + len(delta.thinking) + len(delta.partial_json) + len(delta.signature)
        if delta.text and block.kind == "text":
            on_text(delta.text)
    elif event.type == "content_block_stop" and block is not None:
        block.is_whole = True
    elif event.type == "message_delta":
        reply.stop_reason = event.delta.stop_reason or reply.stop_reason
        reply.count(event.usage)
    elif event.type == "message_stop":
        reply.is_whole = True


def is_uncounted(error: BaseException | None) -> bool:
    """Whether the service may have read the request all the same, without saying what it counts."""
    return error is None or isinstance(error, anthropic.APITimeoutError)


def what_failed(error: BaseException) -> str:
    """Name a failure in our own words: the service's wording changes and may carry parts of the request."""
    if isinstance(error, NoAnswer):
        return str(error)
    if isinstance(error, anthropic.APITimeoutError):
        return "the service did not answer in time"
    if isinstance(error, anthropic.APIConnectionError):
        return "the service could not be reached"
    if isinstance(error, anthropic.APIStatusError):
        return _of_status(error)
    if isinstance(error, anthropic.APIError | ValueError):
        return "the answer was not a message"
    if isinstance(error, anthropic.AnthropicError):
        return "the client could not make the request"
    return "the connection broke off"


def _of_status(error: anthropic.APIStatusError) -> str:
    # Once an answer has begun its status is 200, and what went wrong is told by the kind of error alone.
    late: Mapping[str, int] = {"overloaded_error": 529, "rate_limit_error": 429, "api_error": 500}
    status = error.status_code if error.status_code >= 400 else late.get(str(error.type), 500)
    names: Mapping[int, str] = {
        401: "the key was not accepted (401)",
        403: "the key may not use this model (403)",
        404: "the model is not known to the service (404)",
        413: "the text is too long for the service (413)",
        429: "the service's rate limit was reached (429)",
        529: "the service is overloaded (529)",
    }
    return names.get(status, f"the service answered {status}")
