"""What the local Slack refuses, and with which of Slack's error codes.

SlackError            anything answered with ok:false
├── Missing           it does not exist or cannot be seen (also a LookupError)
├── Refused           it exists, and this caller may not do that to it (also a PermissionError)
├── Invalid           the request is wrong in itself; `messages` says how
└── RateLimited       too fast; answered with HTTP 429 and Retry-After
"""

from __future__ import annotations

from collections.abc import Sequence

from local_slack.records import Json


class SlackError(Exception):
    """`code` is Slack's error string; `sentence` is for people; `extra` is added to a Web API answer."""

    def __init__(self, code: str, sentence: str = "", extra: Json | None = None) -> None:
        super().__init__(f"{code}: {sentence}" if sentence else code)
        self.code = code
        self.sentence = sentence or code.replace("_", " ")
        self.extra: Json = extra or {}


class Missing(SlackError, LookupError):
    """What was asked for does not exist or cannot be seen."""


class Refused(SlackError, PermissionError):
    """It exists, and this caller may not do that."""


class Invalid(SlackError):
    """Wrong in itself. `messages` become `response_metadata.messages`, as Slack words them."""

    def __init__(self, code: str, messages: Sequence[str] = (), *, with_errors: bool = False) -> None:
        extra: Json = {}
        if messages:
            extra["response_metadata"] = {"messages": [f"[ERROR] {text}" for text in messages]}
        if with_errors:
            extra["errors"] = list(messages)
        super().__init__(code, "; ".join(messages), extra)


class RateLimited(SlackError):
    """Too fast. `retry_after_seconds` is a whole number, at least 1."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("ratelimited", f"try again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds
