"""What the real Messages API refuses of a request, of the fields the product uses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_TOP_LEVEL = {
    "model",
    "max_tokens",
    "messages",
    "system",
    "output_config",
    "metadata",
    "thinking",
    "stop_sequences",
    "stream",
    "tools",
    "tool_choice",
}
_SCHEMA_TYPES = {"object", "array", "string", "integer", "number", "boolean", "null"}
_TOOL = {"name", "description", "input_schema", "strict", "cache_control", "type"}
_BLOCKS: Mapping[str, tuple[set[str], set[str], str]] = {
    # type -> (needed fields, other fields, the role that may send it)
    "text": ({"text"}, {"cache_control"}, "user assistant"),
    "tool_use": ({"id", "name", "input"}, {"cache_control"}, "assistant"),
    "tool_result": ({"tool_use_id"}, {"content", "is_error", "cache_control"}, "user"),
    "thinking": ({"thinking", "signature"}, set(), "assistant"),
}
_MOST_CACHE_MARKS = 4


def body_problem(body: Mapping[str, Any]) -> str | None:
    """The first thing that is wrong with a request, in the service's manner; None where it is accepted."""
    return next(_problems(body), None)


def _problems(body: Mapping[str, Any]) -> Iterator[str]:
    if unknown := set(body) - _TOP_LEVEL:
        yield f"{min(unknown)}: Extra inputs are not permitted"
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield "model: Field required"
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        yield "max_tokens: must be at least 1"
    if not isinstance(body.get("stream", False), bool):
        yield "stream: must be a boolean"
    yield from _message_problems(body.get("messages"))
    yield from _system_problems(body.get("system", ""))
    yield from _tool_problems(body)
    config = body.get("output_config", {})
    output_format = config.get("format")
    if set(config) - {"format", "effort"} or (output_format is not None and output_format.get("type") != "json_schema"):
        yield "output_config: not understood"
    if output_format is not None and (problem := schema_problem(output_format["schema"], {})):
        yield problem
    if sum(1 for _ in _cache_marks(body)) > _MOST_CACHE_MARKS:
        yield f"A maximum of {_MOST_CACHE_MARKS} blocks with cache_control may be provided"
    if any(mark not in ({"type": "ephemeral"}, {"type": "ephemeral", "ttl": "5m"}) for mark in _cache_marks(body)):
        yield "cache_control: not understood"


def _system_problems(system: Any) -> Iterator[str]:
    if isinstance(system, list):
        yield from (problem for block in system for problem in _block_problems(block, "user", ("text",)))
    elif not isinstance(system, str):
        yield "system: must be text or a list of text blocks"


def _message_problems(messages: Any) -> Iterator[str]:
    if not isinstance(messages, list) or not messages:
        yield "messages: at least one message is required"
        return
    asked: list[str] = []
    for number, message in enumerate(messages):
        if set(message) != {"role", "content"} or not message["content"]:
            yield "messages: each needs a role and content"
            return
        role = message["role"]
        if role != ("user", "assistant")[number % 2]:
            yield f"messages.{number}: roles must alternate, and the first is the user's"
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in blocks:
            yield from _block_problems(block, role, tuple(_BLOCKS))
        answered = [block.get("tool_use_id") for block in blocks if block.get("type") == "tool_result"]
        if sorted(map(str, answered)) != sorted(asked):
            yield f"messages.{number}: each tool_use must have one tool_result in the next message, and no other"
        if answered and any(block["type"] == "tool_result" for block in blocks[len(answered) :]):
            yield f"messages.{number}: tool_result blocks come first"
        asked = [str(block.get("id")) for block in blocks if block.get("type") == "tool_use"]
        if len(set(asked)) != len(asked):
            yield f"messages.{number}: tool_use ids must be unique"
    if messages[-1]["role"] != "user":
        yield "messages: the last one must be the user's"


def _block_problems(block: Any, role: str, kinds: Sequence[str]) -> Iterator[str]:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind not in kinds:
        yield f"content: a block of type {kind!r} is not expected here"
        return
    needed, others, roles = _BLOCKS[kind]
    if missing := needed - set(block):
        yield f"{kind}.{min(missing)}: Field required"
    elif extra := set(block) - needed - others - {"type"}:
        yield f"{kind}.{min(extra)}: Extra inputs are not permitted"
    elif role not in roles.split():
        yield f"{kind}: not in a message of the {role}"
    elif kind == "text" and not str(block["text"]).strip():
        yield "text: text content blocks must be non-empty"
    elif kind == "tool_use" and not (
        isinstance(block["input"], dict)
        and re.fullmatch(r"[a-zA-Z0-9_-]+", str(block["id"]))
        and re.fullmatch(r"[a-zA-Z0-9_-]{1,200}", str(block["name"]))
    ):
        yield "tool_use: input should be an object, id and name plain words"
    elif kind == "tool_result" and not isinstance(block.get("content", ""), str | list):
        yield "tool_result.content: must be text or a list of blocks"


def _tool_problems(body: Mapping[str, Any]) -> Iterator[str]:
    tools = body.get("tools", [])
    names = [tool.get("name") for tool in tools]
    if len(set(names)) != len(names):
        yield "tools: Tool names must be unique"
    for tool in tools:
        if set(tool) - _TOOL or not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", str(tool.get("name"))):
            yield "tools: not understood"
        schema = tool.get("input_schema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            yield "tools.input_schema.type: must be 'object'"
        elif tool.get("strict") and (problem := schema_problem(schema, {})):
            yield problem
    if "tool_choice" in body and (not tools or body["tool_choice"].get("type") not in ("auto", "any", "tool", "none")):
        yield "tool_choice: not understood"
    # What was called before must still be offered, or be answered in words of an error: names are not checked.


def _cache_marks(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if "cache_control" in value:
            yield value["cache_control"]
        for name, one in value.items():
            if name not in ("input", "input_schema", "cache_control"):
                yield from _cache_marks(one)
    elif isinstance(value, list):
        for one in value:
            yield from _cache_marks(one)


def schema_problem(schema: Any, defs: Mapping[str, Any]) -> str | None:
    """Strict schemas are a subset: every object closed and all of it required, every node typed, no bounds."""
    if not isinstance(schema, dict):
        return "schema: not an object"
    defs = schema.get("$defs", defs)
    if "$ref" in schema:
        return None if schema["$ref"].removeprefix("#/$defs/") in defs else "schema: unknown $ref"
    if {"minimum", "maximum", "minLength", "maxLength", "maxItems", "pattern"} & set(schema):
        return "schema: bounds are not supported"
    if "enum" not in schema and "anyOf" not in schema and schema.get("type") not in _SCHEMA_TYPES:
        return "schema: a type is required"
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return "schema: 'additionalProperties' must be explicitly set to false"
    children = [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *schema.get("$defs", {}).values()]
    children += [schema["items"]] if "items" in schema else []
    return next((problem for child in children if (problem := schema_problem(child, defs))), None)
