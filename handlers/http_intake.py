"""POST /api/v1/intake: a ticket from another system, in JSON.

The caller proves itself with a bearer token, or signs the call (HMAC-SHA-256 over `v2:TIMESTAMP:METHOD:PATH:BODY`, five
minutes of tolerance): the method and the path are signed too, so that a signature that was seen serves for nothing but
the same call again. Who the requester is, is the caller's word: an unknown human to the gate. 202 is answered only once
the request is durable; the correlation id makes a repeated call one ticket.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from handlers.errors import BadInput, Refused
from handlers.plain_input import MAX_TEXT_CHARACTERS, storable
from storage.inbox import Arrival

MAX_BODY_BYTES = 1_000_000
SIGNATURE_TOLERANCE_SECONDS = 300
SIGNATURE_HEADER = "X-Countersign-Signature"
TIMESTAMP_HEADER = "X-Countersign-Timestamp"
SLACKS_CHANNEL = "slack"
"""What tickets from Slack are filed under; no other system may call itself that."""

# Longer ones are no time, and Python refuses to read very long ones.
_TIMESTAMP = re.compile(r"[0-9]{1,15}")

_EXPECTED = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this endpoint",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "bool_type": "must be true or false",
    "reserved_channel": f"must not be {SLACKS_CHANNEL!r}, the name of tickets from Slack itself",
}


class IntakeRequest(BaseModel):
    """The body of the call."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, alias_generator=AliasGenerator(validation_alias=to_camel)
    )

    channel: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    """Where it came in, such as 'email' or 'web-form': the name the audit trail uses."""
    correlation_id: str = Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")
    requester: str = Field(min_length=1, max_length=300)
    text: str = Field(min_length=1, max_length=MAX_TEXT_CHARACTERS)
    subject: str | None = Field(default=None, max_length=200)
    attachment_count: int = Field(default=0, ge=0, le=1000)
    requested_model_override: str | None = Field(default=None, max_length=200)

    @field_validator("channel")
    @classmethod
    def _is_not_slacks(cls, channel: str) -> str:
        if channel == SLACKS_CHANNEL:
            raise PydanticCustomError("reserved_channel", "reserved")
        return channel


@dataclass(frozen=True)
class IntakeKeys:
    """What callers prove themselves with; with neither, the endpoint answers nobody."""

    bearer_tokens: frozenset[str] = field(default_factory=frozenset, repr=False)
    signing_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Asked:
    """What of a call is signed: its method, its path as it was sent (with the query, percent-encoded), its body."""

    method: str
    path: str
    body: bytes


def authenticate(keys: IntakeKeys, headers: Mapping[str, str], asked: Asked, *, now: float) -> None:
    """Whether the caller may hand in tickets. Raises Refused, saying what is expected."""
    authorization = headers.get("Authorization", "")
    if authorization.startswith("Bearer "):
        given = _bytes(authorization.removeprefix("Bearer ").strip())
        # Every token is compared, so that the time taken says nothing about which one came close.
        matches = [hmac.compare_digest(given, token.encode()) for token in keys.bearer_tokens]
        if any(matches):
            return
        raise _refused("the bearer token is not one of this desk's")
    if keys.signing_secret is None or SIGNATURE_HEADER not in headers:
        raise _refused(f"send 'Authorization: Bearer TOKEN', or sign the call ({SIGNATURE_HEADER}, {TIMESTAMP_HEADER})")
    timestamp = headers.get(TIMESTAMP_HEADER, "")
    if not _TIMESTAMP.fullmatch(timestamp) or abs(now - int(timestamp)) > SIGNATURE_TOLERANCE_SECONDS:
        raise _refused(f"{TIMESTAMP_HEADER} must be the present time in seconds, at most five minutes off")
    expected = sign(keys.signing_secret, timestamp, asked)
    if not hmac.compare_digest(expected.encode(), _bytes(headers[SIGNATURE_HEADER])):
        raise _refused(f"{SIGNATURE_HEADER} does not match the method, the path and the body")


def _bytes(text: str) -> bytes:
    # What is not UTF-8 in a header or a path arrives as lone surrogates.
    return text.encode("utf-8", "surrogateescape")


def sign(secret: str, timestamp: str, asked: Asked) -> str:
    """The signature a caller sends for a call at a time."""
    signed = b":".join((b"v2", timestamp.encode(), _bytes(asked.method), _bytes(asked.path), asked.body))
    return "v2=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def read_request(body: bytes) -> IntakeRequest:
    """The call's body. Raises BadInput with each wrong field's name and what is expected."""
    try:
        value = json.loads(body)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadInput({"body": "must be a JSON object in UTF-8"}) from error
    if not isinstance(value, dict):
        raise BadInput({"body": "must be a JSON object"})
    try:
        return IntakeRequest.model_validate(value)
    except ValidationError as error:
        raise BadInput({_name(problem): _sentence(problem) for problem in error.errors()}) from error


def arrival_of(request: IntakeRequest) -> Arrival:
    """The request as an inbox row."""
    return Arrival(
        kind="http_intake",
        dedup_key=f"http:{request.channel}:{request.correlation_id}",
        lock=f"http:{request.channel}:{request.correlation_id}",
        payload={to_camel(name): value for name, value in request.model_dump(mode="json").items()},
    )


def _name(problem: Any) -> str:
    # A wrong name is shown as it was sent, as far as it can be sent back.
    return ".".join(storable(str(part)[:60]) for part in problem["loc"]) or "body"


def _sentence(problem: Any) -> str:
    kind = str(problem["type"])
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    context = problem.get("ctx") or {}
    if kind == "string_pattern_mismatch":
        return f"must match {context.get('pattern')}"
    return str(problem["msg"])[:200].lower()


def _refused(what: str) -> Refused:
    return Refused(what, code="intake-unauthenticated", reply=what)
