"""Typed access to the arguments of a Web API call, however they were sent."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from aiohttp import web

from local_slack.errors import Invalid
from local_slack.records import Json
from local_slack.text import whole

Item = TypeVar("Item")
_TRUE = {"1", "true", "True", "TRUE", "yes", "on"}
_FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "application/octet-stream"}


class Arguments:
    """The arguments of one call. Accessors raise Invalid with Slack's wording for wrong values."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values: Json = {name: value for name, value in values.items() if name != "token"}
        self.token = str(values["token"]) if values.get("token") else None

    def text(self, name: str, default: str = "") -> str:
        """A string; numbers sent in JSON are taken as their digits."""
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, (dict, list)):
            raise Invalid("invalid_arguments", [f"must be a string [json-pointer:/{name}]"])
        return whole(value) if isinstance(value, str) else str(value)

    def has(self, name: str) -> bool:
        return self.values.get(name) not in (None, "")

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.values.get(name)
        return default if value is None else str(value) in _TRUE

    def number(self, name: str, default: int, most: int, error: str) -> int:
        """A whole number from 1 to `most`; larger ones are cut, others raise `error`."""
        if not self.has(name):
            return default
        try:
            value = int(str(self.values[name]))
        except ValueError as wrong:
            raise Invalid(error) from wrong
        if value < 1:
            raise Invalid(error)
        return min(value, most)

    def structure(self, name: str, error: str) -> Any:
        """A JSON value, sent as itself or as a string of JSON; None when absent."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            return value
        try:
            return load(value)
        except (ValueError, RecursionError) as wrong:
            raise Invalid(error) from wrong

    def names(self, name: str) -> list[str]:
        """A list sent as a JSON array or as comma-separated text."""
        value = self.values.get(name)
        if isinstance(value, list):
            return [str(item) for item in value]
        text = str(value or "")
        if text.startswith("["):
            return [str(item) for item in self.structure(name, "invalid_arguments") or []]
        return [item.strip() for item in text.split(",") if item.strip()]

    def require(self, names: Sequence[str]) -> None:
        """Raise Invalid naming every required argument that is missing."""
        missing = [f"missing required field: {name}" for name in names if not self.has(name)]
        if missing:
            raise Invalid("invalid_arguments", missing)

    def page(self, items: Sequence[Item], default: int = 100, most: int = 1000) -> tuple[Sequence[Item], str]:
        """One page of `items` and the cursor of the next ("" at the end)."""
        limit = self.number("limit", default, most, "invalid_limit")
        start = _decode_cursor(self.text("cursor"))
        rest = start + limit
        cursor = base64.b64encode(f"next:{rest}".encode()).decode() if rest < len(items) else ""
        return items[start:rest], cursor


def load(text: str) -> Any:
    """Parse JSON; half characters written as escapes are replaced, since no answer could carry them."""
    parsed = json.loads(text)
    if "\\ud" not in text.lower():
        return parsed
    return json.loads(whole(json.dumps(parsed, ensure_ascii=False)))


def _decode_cursor(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        kind, _, position = base64.b64decode(cursor, validate=True).decode().partition(":")
        if kind != "next":
            raise ValueError(kind)
        return int(position)
    except (ValueError, binascii.Error) as wrong:
        raise Invalid("invalid_cursor") from wrong


async def read_arguments(request: web.Request) -> Arguments:
    """Collect a call's arguments from query and body. Raises Invalid for a body that cannot be read.

    A token counts in a form only; with JSON and with GET, Slack wants it in the header.
    """
    # Tokens in query strings end up in logs: Slack stopped taking them from there.
    query: Json = {name: value for name, value in request.query.items() if name != "token"}
    if request.method != "POST" or not request.body_exists:
        return Arguments(query)
    if request.content_type == "application/json":
        try:
            body = load(await request.text() or "{}")
        except (ValueError, LookupError, RecursionError) as wrong:
            raise Invalid("invalid_json") from wrong
        if not isinstance(body, dict):
            raise Invalid("json_not_object")
        body.pop("token", None)
        return Arguments({**query, **body})
    if request.content_type not in _FORM_TYPES:
        raise Invalid("invalid_post_type")
    try:
        form = await request.post()
    except (ValueError, LookupError) as wrong:
        raise Invalid("invalid_form_data") from wrong
    return Arguments({**query, **{name: value for name, value in form.items() if isinstance(value, str)}})
